/* Which files of a job's folder go (bootstage/trainer/prune.h): R2, R3, R7, C21. */
#include "bootstage/trainer/prune.h"

#include <string.h>

#include "tests/support.h"

#define FILES_MAX 12u

/* A folder of files, and what becomes of it: paths that go, in their order, with ' ' between them. */
struct world {
	struct prune_file at[FILES_MAX];
	size_t n;
	struct prune_want want;
	struct prune_plan plan;
	char gone[200];
};

static struct world world(uint64_t goal, uint64_t cap)
{
	return (struct world){ .want = { .goal_bytes = goal, .cap_bytes = cap, .keep_last = 2 } };
}

static struct prune_file *add(struct world *w, const char *path, uint64_t bytes, int64_t mtime)
{
	struct prune_file *f = &w->at[w->n++];

	assert_true(w->n <= FILES_MAX);
	*f = (struct prune_file){ .path = path, .kind = prune_kind_of(path), .bytes = bytes, .mtime_ns = mtime };
	f->size_bytes = bytes;
	f->inode = w->n;
	w->want.used_bytes += bytes;
	return f;
}

static struct prune_file *add_ours(struct world *w, const char *path, uint64_t bytes, int64_t mtime,
				   uint64_t generation)
{
	struct prune_file *f = add(w, path, bytes, mtime);

	f->numbered = true;
	f->health = PRUNE_VALID;
	f->generation = generation;
	return f;
}

static const char *decide(struct world *w)
{
	struct why why = { 0 };
	size_t i, at = 0;

	w->gone[0] = '\0';
	assert_ok(prune_decide(w->at, w->n, &w->want, &w->plan, &why), why);
	for (i = 0; i < w->n && w->at[i].verdict == PRUNE_REMOVE; i++)
		at += (size_t)snprintf(w->gone + at, sizeof(w->gone) - at, "%s%s", i ? " " : "", w->at[i].path);
	assert_int_equal(i, w->plan.remove);
	return w->gone;
}

static enum prune_verdict verdict(const struct world *w, const char *path)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->at[i].path, path) == 0)
			return w->at[i].verdict;
	fail_msg("%s: not there", path);
}

static void kind_is_told_by_the_end_of_a_name(void **state)
{
	static const struct {
		const char *name;
		enum prune_kind kind;
	} cases[] = {
		{ "a.checkpoint", PRUNE_CHECKPOINT },
		{ "a.tmp", PRUNE_TEMPORARY },
		{ "core.onnx", PRUNE_MODEL },
		{ "core.onnx.prev", PRUNE_MODEL },
		{ "core.onnx.next", PRUNE_MODEL },
		{ "core.onnx.tmp", PRUNE_TEMPORARY },
		{ "core.onnx.data", PRUNE_OTHER },
		{ "checkpoint", PRUNE_OTHER },
		{ ".checkpoint", PRUNE_OTHER },
		{ "a.checkpoint.txt", PRUNE_OTHER },
		{ "a.TMP", PRUNE_OTHER },
		{ "x.onnx.checkpoint", PRUNE_CHECKPOINT },
		{ "", PRUNE_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(prune_kind_of(cases[i].name), cases[i].kind);
}

static void decide_within_the_goal_removes_nothing(void **state)
{
	struct world w = world(100, 200);

	(void)state;
	add(&w, "a.tmp", 100, 1);
	assert_string_equal(decide(&w), "");
	assert_int_equal(w.plan.outcome, PRUNE_WITHIN);
	assert_int_equal(w.plan.left_bytes, 100);
}

static void decide_oldest_first_until_within_the_goal(void **state) /* R2 */
{
	struct world w = world(60, 200);

	(void)state;
	add(&w, "c.checkpoint", 20, 30);
	add(&w, "b.tmp", 20, 20);
	add(&w, "a.checkpoint", 20, 10);
	add(&w, "e.checkpoint", 20, 50);
	add(&w, "d.tmp", 20, 40);
	assert_string_equal(decide(&w), "a.checkpoint b.tmp");
	assert_int_equal(w.plan.freed_bytes, 40);
	assert_int_equal(w.plan.left_bytes, 60);
	assert_int_equal(w.plan.outcome, PRUNE_WITHIN);
}

static void decide_ties_go_by_name(void **state)
{
	struct world w = world(25, 200);

	(void)state;
	add(&w, "c.tmp", 20, 10);
	add(&w, "a.tmp", 20, 10);
	add(&w, "b.tmp", 20, 10);
	assert_string_equal(decide(&w), "a.tmp b.tmp");
}

static void decide_the_last_checkpoints_stay_over_the_goal(void **state)
{
	struct world w = world(10, 200);

	(void)state;
	add(&w, "a.checkpoint", 20, 10);
	add(&w, "b.checkpoint", 20, 20);
	add(&w, "c.checkpoint", 20, 30);
	assert_string_equal(decide(&w), "a.checkpoint");
	assert_int_equal(verdict(&w, "b.checkpoint"), PRUNE_LAST);
	assert_int_equal(verdict(&w, "c.checkpoint"), PRUNE_NEWEST);
	assert_int_equal(w.plan.outcome, PRUNE_OVER_GOAL);
}

static void decide_over_the_cap_only_the_newest_checkpoint_stays(void **state)
{
	struct world w = world(10, 20);

	(void)state;
	w.want.keep_last = 3;
	add(&w, "a.checkpoint", 20, 10);
	add(&w, "b.checkpoint", 20, 20);
	add(&w, "c.checkpoint", 30, 30);
	assert_string_equal(decide(&w), "a.checkpoint b.checkpoint");
	assert_int_equal(verdict(&w, "c.checkpoint"), PRUNE_NEWEST);
	assert_int_equal(w.plan.outcome, PRUNE_OVER_CAP);
}

static void decide_the_clock_went_back_and_the_newest_still_stays(void **state) /* R7 */
{
	struct world w = world(10, 20);

	(void)state;
	add_ours(&w, "a.checkpoint", 20, 1000, 7);
	add_ours(&w, "b.checkpoint", 20, 2000, 8);
	add_ours(&w, "c.checkpoint", 20, 1, 9); /* written after the jump */
	assert_string_equal(decide(&w), "a.checkpoint b.checkpoint");
	assert_int_equal(verdict(&w, "c.checkpoint"), PRUNE_NEWEST);
	assert_int_equal(w.plan.outcome, PRUNE_OVER_GOAL);
}

static void decide_a_damaged_checkpoint_is_not_the_newest(void **state)
{
	struct world w = world(10, 25);
	struct prune_file *f;

	(void)state;
	add_ours(&w, "good.checkpoint", 20, 10, 1);
	f = add(&w, "torn.checkpoint", 20, 90);
	f->health = PRUNE_DAMAGED;
	assert_string_equal(decide(&w), "torn.checkpoint");
	assert_int_equal(verdict(&w, "good.checkpoint"), PRUNE_NEWEST);
}

static void decide_ours_and_foreign_ones_each_keep_their_newest(void **state)
{
	struct world w = world(1, 1000);

	(void)state;
	w.want.keep_last = 1;
	add_ours(&w, "ours1.checkpoint", 20, 10, 1);
	add_ours(&w, "ours2.checkpoint", 20, 20, 2);
	add(&w, "theirs1.checkpoint", 20, 5);
	add(&w, "theirs2.checkpoint", 20, 8);
	assert_string_equal(decide(&w), "theirs1.checkpoint ours1.checkpoint");
}

static void decide_keeping_none_keeps_one(void **state)
{
	struct world w = world(0, 0);

	(void)state;
	w.want.keep_last = 0;
	add(&w, "a.checkpoint", 20, 10);
	assert_string_equal(decide(&w), "");
	assert_int_equal(w.plan.outcome, PRUNE_OVER_CAP);
}

static void decide_what_a_running_job_writes_stays_unless_over_the_cap(void **state)
{
	struct world w = world(10, 45);

	(void)state;
	w.want.running = true;
	add(&w, "old.tmp", 20, 10);
	add(&w, "new.tmp", 20, 20);
	assert_string_equal(decide(&w), "old.tmp");
	assert_int_equal(verdict(&w, "new.tmp"), PRUNE_WRITTEN);
	w.want.cap_bytes = 15;
	assert_string_equal(decide(&w), "old.tmp new.tmp");
	w.want.cap_bytes = 45;
	w.want.running = false;
	assert_string_equal(decide(&w), "old.tmp new.tmp");
}

static void decide_a_model_never_goes(void **state) /* R3, C21 */
{
	struct world w = world(10, 30);

	(void)state;
	add(&w, "core.onnx", 40, 1)->health = PRUNE_VALID;
	add(&w, "core.onnx.prev", 20, 1)->health = PRUNE_VALID;
	add(&w, "core.onnx.next", 20, 1); /* nobody could look */
	add(&w, "a.tmp", 5, 10);
	assert_string_equal(decide(&w), "a.tmp");
	assert_int_equal(w.plan.outcome, PRUNE_TOO_LARGE);
	assert_int_equal(w.plan.model_bytes, 80);
	assert_int_equal(verdict(&w, "core.onnx"), PRUNE_LIVE);
	assert_int_equal(verdict(&w, "core.onnx.next"), PRUNE_LIVE);
}

static void decide_others_go_over_the_cap_only_and_the_largest_first(void **state) /* R7, C21 */
{
	struct world w = world(80, 100);

	(void)state;
	add(&w, "core.onnx", 20, 1)->health = PRUNE_VALID;
	add(&w, "damaged.onnx", 10, 1)->health = PRUNE_DAMAGED;
	add(&w, "small", 5, 1);
	add(&w, "mock", 4000, 99);
	add(&w, "mock2", 60, 5);
	assert_string_equal(decide(&w), "mock");
	assert_int_equal(w.plan.outcome, PRUNE_OVER_GOAL);
	w.want.cap_bytes = 30;
	assert_string_equal(decide(&w), "mock mock2 damaged.onnx");
	assert_int_equal(w.plan.outcome, PRUNE_WITHIN);
	w.want.cap_bytes = 5000;
	assert_string_equal(decide(&w), "");
}

static void decide_weights_beside_a_model_stay(void **state)
{
	struct world w = world(10, 10);
	struct prune_file *f;

	(void)state;
	f = add(&w, "sub/core.onnx", 5, 1);
	f->health = PRUNE_VALID;
	f->elsewhere = true;
	add(&w, "sub/weights", 100, 1);
	add(&w, "sub/more/junk", 100, 1);
	add(&w, "subs", 100, 1);
	assert_string_equal(decide(&w), "sub/more/junk subs");
	assert_int_equal(verdict(&w, "sub/weights"), PRUNE_LIVE);
}

static void decide_a_file_is_free_with_the_last_of_its_names(void **state)
{
	struct world w = world(30, 100);
	struct prune_file *a, *b;

	(void)state;
	a = add(&w, "a.tmp", 20, 10);
	b = add(&w, "b.tmp", 20, 10);
	add(&w, "c.tmp", 20, 30);
	add(&w, "d.tmp", 20, 40);
	a->linked = b->linked = true;
	b->inode = a->inode;
	w.want.used_bytes -= 20; /* counted once */
	assert_string_equal(decide(&w), "a.tmp b.tmp c.tmp");
	assert_int_equal(w.plan.freed_bytes, 40);
	assert_int_equal(w.plan.left_bytes, 20);
}

static void decide_what_is_not_in_the_list_cannot_go(void **state)
{
	struct world w = world(30, 50);

	(void)state;
	w.want.used_bytes = 60; /* folders, say */
	assert_string_equal(decide(&w), "");
	assert_int_equal(w.plan.outcome, PRUNE_OVER_CAP);
}

static void names_are_told(void **state)
{
	(void)state;
	assert_string_equal(prune_kind_name(PRUNE_OTHER), "other");
	assert_string_equal(prune_verdict_name(PRUNE_WRITTEN), "may be being written");
	assert_string_equal(prune_outcome_name(PRUNE_TOO_LARGE), "model-too-large");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kind_is_told_by_the_end_of_a_name),
		cmocka_unit_test(decide_within_the_goal_removes_nothing),
		cmocka_unit_test(decide_oldest_first_until_within_the_goal),
		cmocka_unit_test(decide_ties_go_by_name),
		cmocka_unit_test(decide_the_last_checkpoints_stay_over_the_goal),
		cmocka_unit_test(decide_over_the_cap_only_the_newest_checkpoint_stays),
		cmocka_unit_test(decide_the_clock_went_back_and_the_newest_still_stays),
		cmocka_unit_test(decide_a_damaged_checkpoint_is_not_the_newest),
		cmocka_unit_test(decide_ours_and_foreign_ones_each_keep_their_newest),
		cmocka_unit_test(decide_keeping_none_keeps_one),
		cmocka_unit_test(decide_what_a_running_job_writes_stays_unless_over_the_cap),
		cmocka_unit_test(decide_a_model_never_goes),
		cmocka_unit_test(decide_others_go_over_the_cap_only_and_the_largest_first),
		cmocka_unit_test(decide_weights_beside_a_model_stay),
		cmocka_unit_test(decide_a_file_is_free_with_the_last_of_its_names),
		cmocka_unit_test(decide_what_is_not_in_the_list_cannot_go),
		cmocka_unit_test(names_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
