/* How much swap there has to be, and what is missing (tuning/swapplan.h). */
#include "tuning/swapplan.h"

#include <inttypes.h>
#include <string.h>

#include "tests/support.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* A machine, its policy, and what came of it. */
struct machine {
	struct facts facts;
	struct swap_fact swaps[4];
	struct tuneconf conf;
	struct swapfiles files;
	uint64_t free_bytes;
	struct swapplan plan;
};

/* A fresh one, in the same place each time. */
static struct machine *machine(uint64_t ram_bytes, enum swap_policy policy, uint64_t free_bytes)
{
	static struct machine m;

	m = (struct machine){ .free_bytes = free_bytes,
			      .facts.usable_ram_bytes = ram_bytes,
			      .files.next = "/swapfile" };
	tuneconf_defaults(&m.conf);
	m.conf.swap_policy = policy;
	return &m;
}

static const struct swapplan *plan(struct machine *m)
{
	m->facts.swaps = m->swaps;
	swapplan_make(&m->facts, &m->conf, profile_of(&m->conf, m->facts.usable_ram_bytes), &m->files, m->free_bytes,
		      &m->plan);
	return &m->plan;
}

/* I5, I11, I12, T1, T7, C1: goal of each policy. */
static void goals_are_those_of_the_policy(void **state)
{
	static const struct {
		uint64_t ram, strict, guarantee, profile;
	} cases[] = {
		{ 4 * GIB, 16 * GIB, 16 * GIB, 8 * GIB },      { 8 * GIB, 16 * GIB, 16 * GIB, 8 * GIB },
		{ 16 * GIB - 1, 16 * GIB, 16 * GIB, 8 * GIB }, { 16 * GIB, 16 * GIB, 16 * GIB, 16 * GIB },
		{ 48 * GIB, 48 * GIB, 48 * GIB, 16 * GIB },    { 64 * GIB, 64 * GIB, 64 * GIB, 16 * GIB },
		{ 196 * GIB, 196 * GIB, 196 * GIB, 32 * GIB },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const uint64_t want[] = { cases[i].strict, cases[i].guarantee, cases[i].profile };

		for (enum swap_policy p = SWAP_STRICT; p <= SWAP_PROFILE; p++) {
			const struct swapplan *s = plan(machine(cases[i].ram, p, 1000 * GIB));

			assert_int_equal(s->goal_bytes, want[p]);
			assert_int_equal(s->create_bytes, (want[p] + MIB - 1) / MIB * MIB);
			assert_int_equal(s->outcome, SWAP_MADE);
		}
	}
}

static void add_swap(struct machine *at, uint64_t bytes, bool file, bool zram)
{
	at->swaps[at->facts.n_swaps++] = (struct swap_fact){ .bytes = bytes, .file = file, .zram = zram };
	at->facts.swap_bytes += bytes;
}

/* A file at the configured place; a switched on one is in /proc/swaps as well. */
static void add_file(struct machine *at, uint64_t bytes, bool valid, bool active)
{
	at->files.at[at->files.n++] =
		(struct swapfile){ .bytes = bytes, .valid = valid, .own = true, .active = active };
	if (active)
		add_swap(at, bytes, true, false);
}

static void assert_outcome(struct machine *at, enum swap_outcome outcome, uint64_t create_bytes)
{
	const struct swapplan *s = plan(at);

	if (s->outcome != outcome || s->create_bytes != create_bytes)
		fail_msg("%s, %" PRIu64 " MiB; want %s, %" PRIu64 " MiB: %s", swap_outcome_name(s->outcome),
			 s->create_bytes / MIB, swap_outcome_name(outcome), create_bytes / MIB, s->reason);
	assert_true(s->reason[0] && s->formula[0]);
}

/* T2: what is there counts. T1: an area lacks its first page, which is no reason for another file. */
static void existing_swap_counts(void **state)
{
	struct machine *m = machine(4 * GIB, SWAP_STRICT, 100 * GIB);

	(void)state;
	add_swap(m, 6 * GIB, false, false);
	assert_outcome(m, SWAP_MADE, 10 * GIB);
	add_swap(m, 10 * GIB - 4096, true, false);
	assert_outcome(m, SWAP_MET, 0);
	m->swaps[1].bytes -= 65536;
	assert_outcome(m, SWAP_MET, 0);
	m->swaps[1].bytes -= MIB;
	assert_outcome(m, SWAP_MADE, 2 * MIB);
	m = machine(4 * GIB, SWAP_STRICT, 100 * GIB);
	add_swap(m, 32 * GIB, false, false);
	assert_outcome(m, SWAP_MET, 0);
}

/* C2: count_existing=no makes the file as big as required, even if some swap exists; once made, it is met. */
static void existing_swap_does_not_count_when_told_so(void **state)
{
	struct machine *m = machine(4 * GIB, SWAP_GUARANTEE, 100 * GIB);

	(void)state;
	m->conf.swap_count_existing = false;
	add_swap(m, 15 * GIB, false, false);
	assert_outcome(m, SWAP_MADE, 16 * GIB);
	add_file(m, 16 * GIB, true, true);
	assert_outcome(m, SWAP_MET, 0);
	m->conf.swap_guarantee_bytes = 40 * GIB; /* grows by adding */
	assert_outcome(m, SWAP_MADE, 24 * GIB);
	m = machine(4 * GIB, SWAP_GUARANTEE, 100 * GIB);
	m->conf.swap_count_existing = false;
	add_swap(m, 16 * GIB, false, false); /* T2: enough is enough */
	assert_outcome(m, SWAP_MET, 0);
}

/* C1: zram is RAM: it counts toward the table, never toward the guarantee. */
static void zram_counts_toward_the_table_only(void **state)
{
	static const struct {
		enum swap_policy policy;
		uint64_t want;
	} cases[] = { { SWAP_PROFILE, 4 * GIB }, { SWAP_GUARANTEE, 16 * GIB }, { SWAP_STRICT, 16 * GIB } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine *m = machine(4 * GIB, cases[i].policy, 100 * GIB);

		add_swap(m, 4 * GIB, false, true);
		assert_outcome(m, SWAP_MADE, cases[i].want);
		assert_int_equal(m->plan.zram_bytes, 4 * GIB);
		assert_int_equal(m->plan.have_bytes, 4 * GIB);
	}
}

/* Files that are there come first, in order, and only as far as they are needed. */
static void files_that_are_there_are_switched_on_first(void **state)
{
	struct machine *m = machine(4 * GIB, SWAP_STRICT, 100 * GIB);

	(void)state;
	add_file(m, 6 * GIB, true, false);
	add_file(m, 0, false, false); /* damaged */
	add_file(m, 12 * GIB, true, false);
	add_file(m, 16 * GIB, true, false);
	assert_outcome(m, SWAP_MET, 0);
	assert_true(m->plan.activate[0] && !m->plan.activate[1] && m->plan.activate[2] && !m->plan.activate[3]);
	assert_int_equal(m->plan.activate_bytes, 18 * GIB);
	m->facts.usable_ram_bytes = 40 * GIB;
	assert_outcome(m, SWAP_MADE, 6 * GIB);
	assert_true(m->plan.activate[3]);
	add_swap(m, 64 * GIB, false, false);
	assert_outcome(m, SWAP_MET, 0);
	assert_false(m->plan.activate[0]);
}

/* I6, C2: floor 0: half of what is free, however little. */
static void profile_policy_makes_do_with_half_of_what_is_free(void **state)
{
	static const struct {
		uint64_t free_bytes, want;
		enum swap_outcome outcome;
	} cases[] = {
		{ 13 * GIB, 8 * GIB, SWAP_MADE },
		{ 13 * GIB - 1, 13 * GIB / 2 - MIB, SWAP_DEGRADED }, /* in whole MiB */
		{ 12 * GIB, 6 * GIB, SWAP_DEGRADED },
		{ 3 * MIB + GIB, 513 * MIB, SWAP_DEGRADED },
		{ 128 * MIB, 64 * MIB, SWAP_DEGRADED },
		{ 127 * MIB, 0, SWAP_DEGRADED },
		{ 0, 0, SWAP_DEGRADED },
	};
	struct machine *little;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine *m = machine(4 * GIB, SWAP_PROFILE, cases[i].free_bytes);

		assert_outcome(m, cases[i].outcome, cases[i].want);
	}
	little = machine(4 * GIB, SWAP_PROFILE, 6 * GIB); /* less than half, but nothing to spare beside it */
	little->conf.profile[PROFILE_SMALL].swap_bytes = 2 * GIB;
	assert_outcome(little, SWAP_DEGRADED, 2 * GIB);
}

/* T5, T7, C2: the guarantee, or nothing. */
static void guarantee_is_given_or_refused(void **state)
{
	struct machine *m = machine(4 * GIB, SWAP_STRICT, 21 * GIB);

	(void)state;
	assert_outcome(m, SWAP_MADE, 16 * GIB);
	m->free_bytes--;
	assert_outcome(m, SWAP_REFUSED, 0); /* half of it would not do */
	m->free_bytes = 0;
	assert_outcome(m, SWAP_REFUSED, 0);
	add_swap(m, 10 * GIB, false, false); /* 6 are missing */
	m->free_bytes = 11 * GIB;
	assert_outcome(m, SWAP_MADE, 6 * GIB);
	m->free_bytes = 11 * GIB - 1;
	assert_outcome(m, SWAP_REFUSED, 0);
	m->conf.swap_guarantee_bytes = 15 * GIB;
	m->conf.profile[PROFILE_SMALL].swap_bytes = 16 * GIB;
	m->free_bytes = 10 * GIB + 10 * MIB; /* half of it makes the guarantee, not the table */
	assert_outcome(m, SWAP_DEGRADED, 5 * GIB + 5 * MIB);
	m->free_bytes = 10 * GIB - 4 * MIB;
	assert_outcome(m, SWAP_REFUSED, 0);
}

static void no_place_for_a_file_is_refused_with_its_reason(void **state)
{
	struct machine *m = machine(4 * GIB, SWAP_STRICT, 100 * GIB);

	(void)state;
	m->files.next[0] = '\0';
	(void)snprintf(m->files.why, sizeof(m->files.why), "/swapfile: on overlay");
	assert_outcome(m, SWAP_REFUSED, 0);
	assert_non_null(strstr(m->plan.reason, "/swapfile: on overlay"));
	m->conf.swap_policy = SWAP_PROFILE;
	assert_outcome(m, SWAP_DEGRADED, 0);
	assert_non_null(strstr(m->plan.reason, "/swapfile: on overlay"));
	add_file(m, 8 * GIB, true, false); /* there is one already */
	assert_outcome(m, SWAP_MET, 0);
}

/* What is planned is done: the next plan has nothing to do, whatever the disk. */
static void planning_again_changes_nothing(void **state)
{
	static const uint64_t rams[] = { GIB / 2, 4 * GIB, 16 * GIB, 100 * GIB, 196 * GIB };

	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rams); r++)
		for (enum swap_policy p = SWAP_STRICT; p <= SWAP_PROFILE; p++)
			for (uint64_t free_bytes = 0; free_bytes < 250 * GIB; free_bytes += 777 * MIB + 4096) {
				struct machine *m = machine(rams[r], p, free_bytes);
				uint64_t made;

				m->conf.profile[PROFILE_SMALL].swap_bytes =
					20 * GIB; /* so that strict can be degraded */
				made = plan(m)->create_bytes;
				assert_true(made <= free_bytes && made % MIB == 0);
				if (m->plan.outcome == SWAP_MADE)
					assert_true(free_bytes - made >= m->conf.swap_reserve_bytes);
				if (m->plan.outcome == SWAP_REFUSED)
					assert_int_equal(made, 0);
				if (made == 0)
					continue;
				add_file(m, made, true, true);
				m->free_bytes -= made + 65536;
				assert_int_equal(plan(m)->create_bytes, 0);
				assert_int_not_equal(m->plan.outcome, SWAP_REFUSED);
			}
}

/* A disk with room again: a degraded machine grows by a second file. */
static void degraded_machine_grows_when_there_is_room(void **state)
{
	struct machine *m = machine(4 * GIB, SWAP_PROFILE, 6 * GIB);

	(void)state;
	add_file(m, 3 * GIB, true, true);
	m->free_bytes = 3 * GIB;
	assert_outcome(m, SWAP_DEGRADED, 0);
	m->free_bytes = 5 * GIB;
	assert_outcome(m, SWAP_DEGRADED, GIB);
	m->free_bytes = 10 * GIB;
	assert_outcome(m, SWAP_MADE, 5 * GIB);
}

static void any_figures_are_planned(void **state)
{
	static const uint64_t values[] = { 0, 1, MIB, GIB + 1, UINT64_MAX / 2, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
			struct machine *m = machine(values[i] / 4096 * 4096 / 2, SWAP_STRICT, values[k]);

			assert_true(plan(m)->create_bytes <= values[k]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goals_are_those_of_the_policy),
		cmocka_unit_test(existing_swap_counts),
		cmocka_unit_test(existing_swap_does_not_count_when_told_so),
		cmocka_unit_test(zram_counts_toward_the_table_only),
		cmocka_unit_test(files_that_are_there_are_switched_on_first),
		cmocka_unit_test(profile_policy_makes_do_with_half_of_what_is_free),
		cmocka_unit_test(guarantee_is_given_or_refused),
		cmocka_unit_test(no_place_for_a_file_is_refused_with_its_reason),
		cmocka_unit_test(planning_again_changes_nothing),
		cmocka_unit_test(degraded_machine_grows_when_there_is_room),
		cmocka_unit_test(any_figures_are_planned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
