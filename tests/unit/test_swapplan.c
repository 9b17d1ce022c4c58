/* How much swap there has to be, and what is missing (tuning/swapplan.h). */
#include "tuning/swapplan.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goals_are_those_of_the_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
