/* What runs next, over journals of every kind of ending (bootstage/trainer/trainsequence.h, trainstate.h). R4, R5, R7, C22. */
#include "bootstage/trainer/trainsequence.h"

#include "tests/support.h"

static struct trainjob three[3];
static const struct trainjobs jobs = { .at = three, .n = 3 };
static struct train_record records[400];
static struct trainjournal journal = { .at = records };
static struct train_state now;

/* Bits of `models`. */
#define ALL_MODELS 7u

static void fresh(bool seeds)
{
	static const char *const names[] = { "core", "dpi", "agent" };

	for (size_t i = 0; i < 3; i++) {
		three[i] = (struct trainjob){ .order = (unsigned int)i };
		(void)snprintf(three[i].name, sizeof(three[i].name), "%s", names[i]);
		if (seeds)
			(void)snprintf(three[i].exec_seed, sizeof(three[i].exec_seed), "/seed");
	}
	journal.n = 0;
	trainstate_read(&journal, &now);
}

static void add(enum train_event event, const char *job, bool seed)
{
	struct train_record r = { .event = event, .seed = seed, .exit_code = -1 };

	r.sequence = journal.n + 1;
	r.time_us = (int64_t)journal.n + 1;
	r.cycle = now.cycle + (event == TRAIN_BEGIN);
	(void)snprintf(r.job, sizeof(r.job), "%s", job);
	records[journal.n++] = r;
	trainstate_read(&journal, &now);
}

static void begin(enum train_mode mode)
{
	add(TRAIN_BEGIN, "", false);
	records[journal.n - 1].mode = mode;
	for (size_t i = 0; i < 3; i++)
		add(TRAIN_QUEUED, three[i].name, false);
}

static void next_is(uint64_t models, enum trainsequence_step step, size_t job)
{
	struct trainsequence_next n = trainsequence_next(&jobs, &now, models);

	assert_int_equal(n.step, step);
	if (step != TRAINSEQUENCE_END)
		assert_int_equal(n.job, job);
}

static void run(const char *job, enum train_event end, bool seed)
{
	add(TRAIN_RUNNING, job, seed);
	add(end, job, seed);
}

/* R4, R7: the next one only after the one before is done. */
static void jobs_come_one_after_the_other(void **state)
{
	(void)state;
	fresh(false);
	begin(TRAIN_ALL);
	for (size_t i = 0; i < 3; i++) {
		next_is(0, TRAINSEQUENCE_TRAIN, i);
		add(TRAIN_RUNNING, three[i].name, false);
		next_is(0, TRAINSEQUENCE_TRAIN, i); /* the trainer is gone: the same again */
		add(TRAIN_CHECKPOINT, three[i].name, false);
		next_is(0, TRAINSEQUENCE_TRAIN, i);
		add(TRAIN_TRAINED, three[i].name, false);
		next_is(0, TRAINSEQUENCE_FINISH, i); /* two hours of work are not done again */
		add(TRAIN_PROMOTED, three[i].name, false);
		next_is(0, TRAINSEQUENCE_FINISH, i);
		add(TRAIN_DONE, three[i].name, false);
	}
	next_is(0, TRAINSEQUENCE_END, 0);
	assert_true(now.open);
	add(TRAIN_END, "", false);
	assert_false(now.open);
}

/* C22 */
static void failure_stops_what_comes_after_unless_it_may_go_on(void **state)
{
	(void)state;
	fresh(false);
	begin(TRAIN_ALL);
	run("core", TRAIN_FAILED, false);
	next_is(0, TRAINSEQUENCE_SKIP, 1);
	assert_int_equal(trainsequence_next(&jobs, &now, 0).cause, 0);
	add(TRAIN_SKIPPED, "dpi", false);
	next_is(0, TRAINSEQUENCE_SKIP, 2);
	add(TRAIN_SKIPPED, "agent", false);
	next_is(0, TRAINSEQUENCE_END, 0);
	three[0].continues = true;
	fresh(false);
	three[0].continues = true;
	begin(TRAIN_ALL);
	run("core", TRAIN_FAILED, false);
	next_is(0, TRAINSEQUENCE_TRAIN, 1);
	run("dpi", TRAIN_FAILED, false);
	next_is(0, TRAINSEQUENCE_SKIP, 2);
	assert_int_equal(trainsequence_next(&jobs, &now, 0).cause, 1);
}

/* R5: a seed where there is no model, for that job alone, and then its training. */
static void job_without_a_model_is_seeded_first(void **state)
{
	(void)state;
	fresh(true);
	begin(TRAIN_ALL);
	next_is(ALL_MODELS & ~1u, TRAINSEQUENCE_SEED, 0);
	add(TRAIN_RUNNING, "core", true);
	next_is(ALL_MODELS & ~1u, TRAINSEQUENCE_SEED, 0);
	add(TRAIN_TRAINED, "core", true);
	next_is(ALL_MODELS & ~1u, TRAINSEQUENCE_FINISH, 0);
	assert_true(trainsequence_next(&jobs, &now, 0).seed);
	add(TRAIN_DONE, "core", true);
	next_is(ALL_MODELS, TRAINSEQUENCE_TRAIN, 0);
	next_is(0, TRAINSEQUENCE_TRAIN, 0); /* it went away again: not another time in this cycle */
	run("core", TRAIN_DONE, false);
	next_is(ALL_MODELS, TRAINSEQUENCE_TRAIN, 1);
	next_is(1, TRAINSEQUENCE_SEED, 1);
	fresh(false); /* exec-seed=none */
	begin(TRAIN_ALL);
	next_is(0, TRAINSEQUENCE_TRAIN, 0);
}

/* R5: an interrupted first day goes on where it was. */
static void first_day_makes_only_what_is_missing_and_goes_on_where_it_was(void **state)
{
	(void)state;
	fresh(true);
	begin(TRAIN_DAY_ONE);
	next_is(0, TRAINSEQUENCE_SEED, 0);
	run("core", TRAIN_DONE, true);
	next_is(1, TRAINSEQUENCE_SEED, 1);
	add(TRAIN_RUNNING, "dpi", true);
	next_is(1, TRAINSEQUENCE_SEED, 1);
	run("dpi", TRAIN_DONE, true);
	next_is(3, TRAINSEQUENCE_SEED, 2);
	run("agent", TRAIN_DONE, true);
	next_is(ALL_MODELS, TRAINSEQUENCE_END, 0);
	assert_true(trainsequence_has(&three[0], TRAIN_DAY_ONE, NULL, false));
	assert_false(trainsequence_has(&three[0], TRAIN_DAY_ONE, NULL, true));
	three[0].exec_seed[0] = '\0';
	assert_false(trainsequence_has(&three[0], TRAIN_DAY_ONE, NULL, false));
	assert_true(trainsequence_has(&three[0], TRAIN_ONE, "core", true));
	assert_false(trainsequence_has(&three[1], TRAIN_ONE, "core", true));
}

static void next_seed_is(uint64_t models, enum trainsequence_step step, size_t job)
{
	struct trainsequence_next n = trainsequence_next_seed(&jobs, &now, models);

	assert_int_equal(n.step, step);
	if (step != TRAINSEQUENCE_END)
		assert_int_equal(n.job, job);
}

/* R5: a machine that was switched off while core trained, before dpi had its first model. */
static void first_day_within_an_open_cycle_makes_its_seeds_and_leaves_the_rest(void **state)
{
	(void)state;
	fresh(true);
	begin(TRAIN_ALL);
	add(TRAIN_RUNNING, "core", false);
	next_seed_is(5, TRAINSEQUENCE_SEED, 1);
	add(TRAIN_RUNNING, "dpi", true);
	next_seed_is(5, TRAINSEQUENCE_SEED, 1);
	add(TRAIN_TRAINED, "dpi", true);
	next_seed_is(5, TRAINSEQUENCE_FINISH, 1);
	add(TRAIN_DONE, "dpi", true);
	next_seed_is(ALL_MODELS, TRAINSEQUENCE_END, 0);
	next_is(ALL_MODELS, TRAINSEQUENCE_TRAIN, 0);
	next_seed_is(3, TRAINSEQUENCE_SEED, 2);
	run("agent", TRAIN_FAILED, true);
	next_seed_is(3, TRAINSEQUENCE_END, 0);
	assert_true(now.open);
}

static void job_that_takes_the_trainer_with_it_each_time_is_given_up(void **state)
{
	(void)state;
	fresh(false);
	begin(TRAIN_ALL);
	for (unsigned int i = 0; i < TRAINSEQUENCE_STARTS_MAX; i++) {
		next_is(0, TRAINSEQUENCE_TRAIN, 0);
		add(TRAIN_RUNNING, "core", false);
	}
	next_is(0, TRAINSEQUENCE_GIVE_UP, 0);
	fresh(false);
	begin(TRAIN_ALL);
	for (unsigned int i = 0; i < 20; i++) { /* told to stop, as at every reboot: that is no fault of it */
		next_is(0, TRAINSEQUENCE_TRAIN, 0);
		run("core", TRAIN_INTERRUPTED, false);
	}
	next_is(0, TRAINSEQUENCE_TRAIN, 0);
}

static void job_without_room_runs_again(void **state)
{
	(void)state;
	fresh(false);
	begin(TRAIN_ALL);
	run("core", TRAIN_PAUSED, false);
	next_is(0, TRAINSEQUENCE_TRAIN, 0);
	assert_int_equal(trainstate_find(&now, "core")->pauses, TRAINSEQUENCE_PAUSES_MAX);
	run("core", TRAIN_FAILED, false);
	next_is(0, TRAINSEQUENCE_SKIP, 1);
}

static void new_cycle_forgets_turns_but_not_what_was_good(void **state)
{
	(void)state;
	fresh(false);
	begin(TRAIN_ALL);
	run("core", TRAIN_DONE, false);
	run("dpi", TRAIN_FAILED, false);
	add(TRAIN_END, "", false);
	begin(TRAIN_ALL);
	assert_int_equal(now.cycle, 2);
	assert_true(trainstate_find(&now, "core")->done.sequence > 0);
	assert_true(trainstate_find(&now, "dpi")->failed.sequence > 0);
	next_is(0, TRAINSEQUENCE_TRAIN, 0);
	add(TRAIN_ROLLED_BACK, "core", false);
	next_is(0, TRAINSEQUENCE_TRAIN, 0); /* by hand, in between: its turn is what it was */
}

/* Names come and go over the years, and the journal keeps the last of each. */
static void job_with_a_new_name_is_known_whatever_there_was_before(void **state)
{
	char name[16];

	(void)state;
	fresh(false);
	add(TRAIN_BEGIN, "", false);
	for (unsigned int i = 0; i < TRAINJOBS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "old-%u", i);
		run(name, TRAIN_DONE, false);
	}
	add(TRAIN_END, "", false);
	begin(TRAIN_ALL);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(trainstate_find(&now, three[i].name)->event, TRAIN_QUEUED);
	assert_null(trainstate_find(&now, "old-0"));
	assert_non_null(trainstate_find(&now, "old-31"));
	next_is(0, TRAINSEQUENCE_TRAIN, 0);
}

static void jobs_that_are_not_part_of_the_cycle_are_passed_over(void **state)
{
	(void)state;
	fresh(false);
	add(TRAIN_BEGIN, "dpi", false);
	records[0].mode = TRAIN_ONE;
	trainstate_read(&journal, &now);
	add(TRAIN_QUEUED, "dpi", false);
	assert_string_equal(now.only, "dpi");
	assert_int_equal(now.due_us, 0); /* by hand: the schedule does not count it */
	next_is(0, TRAINSEQUENCE_TRAIN, 1);
	run("dpi", TRAIN_DONE, false);
	next_is(0, TRAINSEQUENCE_END, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_come_one_after_the_other),
		cmocka_unit_test(failure_stops_what_comes_after_unless_it_may_go_on),
		cmocka_unit_test(job_without_a_model_is_seeded_first),
		cmocka_unit_test(first_day_makes_only_what_is_missing_and_goes_on_where_it_was),
		cmocka_unit_test(first_day_within_an_open_cycle_makes_its_seeds_and_leaves_the_rest),
		cmocka_unit_test(job_that_takes_the_trainer_with_it_each_time_is_given_up),
		cmocka_unit_test(job_without_room_runs_again),
		cmocka_unit_test(new_cycle_forgets_turns_but_not_what_was_good),
		cmocka_unit_test(job_with_a_new_name_is_known_whatever_there_was_before),
		cmocka_unit_test(jobs_that_are_not_part_of_the_cycle_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
