/*
 * Power cuts at every durable operation of install, arm, trial, commit and rollback, in every way the medium may be left:
 * each prefix, each subset of what was not flushed, the write in flight torn at any 512-byte sector (4 KiB being eight of
 * them), renames half done, the variable store lost; and a second cut during the recovery from the first. After each,
 * the machine must settle where its operator wanted it, and the six invariants of docs/formats/bootrecord.md hold.
 */
#include "tests/crash/life.h"
#include "tests/support.h"

#define MASKS_MAX 256u

struct scenario {
	const char *name;
	enum boot_mode mode;
	enum life_wish wish;
	enum life_image image;
	enum slot first;
	unsigned int attempts;
};

struct explorer {
	const struct scenario *s;
	struct world base, w1, w2;
	struct life life_base;
	uint64_t states;
	uint64_t
		double_faults; /* fallback loader's name torn and variables lost in the same cut: docs/boot.md, residual risk */
};

static void check(const struct explorer *x, const struct world *w, const struct world_cut *one,
		  const struct world_cut *two)
{
	if (!w->broken)
		return;
	fail_msg("%s: %s; first cut at %llu keep %llx sectors %x%s%s; second cut at %lld keep %llx", x->s->name,
		 w->broken, (unsigned long long)one->at, (unsigned long long)one->keep, one->sectors,
		 one->half_rename ? " half rename" : "", one->lose_vars ? " variables lost" : "",
		 two ? (long long)two->at : -1, two ? (unsigned long long)two->keep : 0);
}

/* From the beginning to a cut, and on to the end. Returns false when the cut lay beyond the end. */
static bool cut_once(struct explorer *x, const struct world_cut *cut)
{
	struct life l = x->life_base;

	world_copy(&x->w1, &x->base, cut);
	l.w = &x->w1;
	if (life_run(&l)) {
		check(x, &x->w1, cut, NULL);
		return false;
	}
	world_power_on(&x->w1);
	(void)life_run(&l);
	check(x, &x->w1, cut, NULL);
	x->states++;
	return true;
}

/* A cut, and in the recovery from it every other cut. */
static void cut_twice(struct explorer *x, const struct world_cut *one)
{
	static struct life l, after; /* too large for a stack */
	struct world_cut two = { 0 };

	l = x->life_base;
	world_copy(&x->w1, &x->base, one);
	l.w = &x->w1;
	if (life_run(&l))
		return;
	world_power_on(&x->w1);
	for (two.at = 0;; two.at++) {
		two.keep = two.at % 2 ? UINT64_MAX : 0;
		two.sectors = two.at % 2 ? UINT32_MAX : 0;
		world_copy(&x->w2, &x->w1, &two);
		after = l;
		after.w = &x->w2;
		if (life_run(&after))
			break;
		world_power_on(&x->w2);
		(void)life_run(&after);
		check(x, &x->w2, one, &two);
		x->states++;
	}
	check(x, &x->w2, one, &two);
}

/* All the ways in which one cut can leave the medium. */
static bool cut_here(struct explorer *x, uint64_t at)
{
	struct world_cut cut = { .at = at, .keep = UINT64_MAX, .sectors = UINT32_MAX };
	size_t pending, sectors;
	bool rename;

	if (!cut_once(x, &cut))
		return false;
	pending = x->w1.cut_pending;
	sectors = x->w1.cut_sectors;
	rename = x->w1.cut_rename;
	assert_true(pending <= 8); /* so that every subset is tried */
	for (cut.keep = 0; cut.keep < 1ull << pending; cut.keep++) {
		for (int half = 0; half <= (rename ? 1 : 0); half++) {
			cut.half_rename = half;
			for (int lose = 0; lose < 2; lose++) {
				cut.lose_vars = lose && x->s->mode == MODE_BOOTNEXT;
				if (half && lose)
					x->double_faults++;
				else
					(void)cut_once(x, &cut);
			}
		}
	}
	cut = (struct world_cut){ .at = at, .keep = UINT64_MAX };
	for (cut.sectors = 0; sectors > 0 && cut.sectors < 1u << sectors; cut.sectors++)
		(void)cut_once(x, &cut);
	cut_twice(x, &(struct world_cut){ .at = at, .keep = UINT64_MAX, .sectors = UINT32_MAX });
	cut_twice(x, &(struct world_cut){ .at = at });
	return true;
}

static uint64_t explore(const struct scenario *s)
{
	struct explorer *x = calloc(1, sizeof(*x));
	uint64_t at = 0, states;

	assert_non_null(x);
	x->s = s;
	world_init(&x->base);
	world_init(&x->w1);
	world_init(&x->w2);
	life_begin(&x->life_base, &x->base, s->mode, s->wish, s->image, s->first, s->attempts);
	while (cut_here(x, at))
		at++;
	assert_true(at > 5);
	states = x->states;
	print_message("# %-40s %4llu cut points, %7llu states, %llu double faults left out\n", s->name,
		      (unsigned long long)at, (unsigned long long)states, (unsigned long long)x->double_faults);
	world_done(&x->base);
	world_done(&x->w1);
	world_done(&x->w2);
	free(x);
	return states;
}

static void every_power_cut_is_survived(void **state)
{
	static const struct scenario scenarios[] = {
		{ "update a to b, healthy", MODE_BOOTNEXT, WISH_UPDATE, IMAGE_HEALTHY, SLOT_A, 3 },
		{ "update b to a, healthy", MODE_BOOTNEXT, WISH_UPDATE, IMAGE_HEALTHY, SLOT_B, 3 },
		{ "update a to b, healthy, one attempt", MODE_BOOTNEXT, WISH_UPDATE, IMAGE_HEALTHY, SLOT_A, 1 },
		{ "update a to b, health fails", MODE_BOOTNEXT, WISH_UPDATE, IMAGE_UNHEALTHY, SLOT_A, 3 },
		{ "update a to b, dies without a verdict", MODE_BOOTNEXT, WISH_UPDATE, IMAGE_DIES, SLOT_A, 3 },
		{ "update a to b, dies, one attempt", MODE_BOOTNEXT, WISH_UPDATE, IMAGE_DIES, SLOT_A, 1 },
		{ "rollback a to b, healthy", MODE_BOOTNEXT, WISH_ROLLBACK, IMAGE_HEALTHY, SLOT_A, 3 },
		{ "rollback b to a, dies", MODE_BOOTNEXT, WISH_ROLLBACK, IMAGE_DIES, SLOT_B, 3 },
		{ "chooser: update a to b, healthy", MODE_CHOOSER, WISH_UPDATE, IMAGE_HEALTHY, SLOT_A, 3 },
		{ "chooser: update b to a, dies", MODE_CHOOSER, WISH_UPDATE, IMAGE_DIES, SLOT_B, 3 },
		{ "chooser: update a to b, health fails", MODE_CHOOSER, WISH_UPDATE, IMAGE_UNHEALTHY, SLOT_A, 1 },
		{ "chooser: rollback a to b, healthy", MODE_CHOOSER, WISH_ROLLBACK, IMAGE_HEALTHY, SLOT_A, 3 },
	};
	uint64_t states = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		states += explore(&scenarios[i]);
	print_message("# states checked: %llu\n", (unsigned long long)states);
	assert_true(states > 10000);
}

/* The negative control: a disk that acknowledges flushes it does not carry out must be caught by the same search. */
static void a_disk_that_ignores_flushes_is_caught(void **state)
{
	const struct scenario s = { "", MODE_BOOTNEXT, WISH_UPDATE, IMAGE_HEALTHY, SLOT_A, 3 };
	struct explorer *x = calloc(1, sizeof(*x));
	unsigned int caught = 0;
	bool more = true;

	(void)state;
	assert_non_null(x);
	world_init(&x->base);
	world_init(&x->w1);
	life_begin(&x->life_base, &x->base, s.mode, s.wish, s.image, s.first, s.attempts);
	x->base.ignores_flush = true;
	for (uint64_t at = 0; more; at++) {
		for (unsigned int lost = 0; lost < 16; lost++) { /* all but one of the pending operations arrived */
			struct world_cut cut = { .at = at, .keep = ~(1ull << lost), .sectors = UINT32_MAX };
			struct life l = x->life_base;

			world_copy(&x->w1, &x->base, &cut);
			l.w = &x->w1;
			more = !life_run(&l);
			world_power_on(&x->w1);
			(void)life_run(&l);
			caught += x->w1.broken != NULL;
		}
	}
	print_message("# caught in %u states\n", caught);
	assert_true(caught > 0);
	world_done(&x->base);
	world_done(&x->w1);
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_power_cut_is_survived),
		cmocka_unit_test(a_disk_that_ignores_flushes_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
