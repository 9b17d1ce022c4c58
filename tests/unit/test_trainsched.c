/* Schedules, quiet hours, load, and clocks that go back (bootstage/trainer/trainsched.h). */
#include "bootstage/trainer/trainsched.h"

#include <stdlib.h>
#include <time.h>

#include "base/auto.h"
#include "tests/support.h"

#define SECOND 1000000ll
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* 2026-11-16 is a Monday. */
static int64_t at(int day, int hour, int minute)
{
	struct tm tm = { .tm_year = 126, .tm_mon = 10, .tm_mday = day, .tm_hour = hour, .tm_min = minute };

	return (int64_t)timegm(&tm) * SECOND;
}

static struct trainsched sched(const char *times, const char *quiet)
{
	struct trainsched s = { 0 };
	struct why w = { 0 };

	if (times)
		assert_ok(train_times_parse(times, &s.times[s.n_times++], &w), w);
	if (quiet)
		assert_ok(train_span_parse(quiet, &s.quiet[s.n_quiet++], &w), w);
	return s;
}

static enum train_due due(const struct trainsched *s, int64_t last, int64_t now)
{
	static const struct train_load idle;

	return trainsched_due(s, last, false, now, &idle);
}

static void next_is(const char *text, int64_t from, int64_t want)
{
	struct trainsched s = sched(text, NULL);

	if (trainsched_next(&s, from / SECOND) != want / SECOND)
		fail_msg("%s: %lld", text, (long long)trainsched_next(&s, from / SECOND));
}

static void times_are_those_of_the_words(void **state)
{
	(void)state;
	next_is("hourly", at(16, 10, 0), at(16, 11, 0));
	next_is("daily", at(16, 0, 0), at(17, 0, 0));
	next_is("weekly", at(16, 0, 0), at(23, 0, 0));
	next_is("02:30", at(16, 3, 0), at(17, 2, 30));
	next_is("2:30", at(16, 3, 0), at(17, 2, 30));
	next_is("*-*-* 02:30:00", at(16, 3, 0), at(17, 2, 30));
	next_is("Mon..Fri 02:30", at(20, 3, 0), at(23, 2, 30));
	next_is("Sat,Sun 1..3:00", at(16, 3, 0), at(21, 1, 0));
	next_is("Fri..Mon *-*-* 02:00", at(17, 3, 0), at(20, 2, 0));
	next_is("*:0/15", at(16, 3, 1), at(16, 3, 15));
	next_is("*:5,50", at(16, 3, 5), at(16, 3, 50));
	next_is("8/6:00", at(16, 9, 0), at(16, 14, 0));
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = { "",
					   "now",
					   "25:00",
					   "24:00",
					   "2",
					   "2:60",
					   "Mon",
					   "Mon02:00",
					   "Foo 02:00",
					   "2:00x",
					   "*:0/0",
					   "5..3:00",
					   "2026-01-01 02:00",
					   "2:00 ",
					   ":",
					   "1,:00", ",1:00",
					   "02:00:30" };
	static const char *const spans[] = {
		"", "8-9", "08:00", "08:00-25:00", "24:00-08:00", "24:01-08:00", "Mon 08:00-", "08:00-18:00 "
	};
	struct train_times t;
	struct train_span s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (train_times_parse(bad[i], &t, NULL) != -EINVAL)
			fail_msg("'%s' is taken", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++)
		if (train_span_parse(spans[i], &s, NULL) != -EINVAL)
			fail_msg("'%s' is taken", spans[i]);
}

static void cycle_is_due_once_for_each_time(void **state)
{
	struct trainsched s = sched("02:00", NULL), none = { 0 };

	(void)state;
	assert_int_equal(due(&s, 0, at(16, 12, 0)), TRAIN_DUE); /* there was none yet */
	assert_int_equal(due(&s, at(16, 2, 1), at(16, 12, 0)), TRAIN_LATER);
	assert_int_equal(due(&s, at(16, 2, 0), at(16, 2, 0)), TRAIN_LATER);
	assert_int_equal(due(&s, at(16, 1, 59), at(16, 2, 0)), TRAIN_DUE);
	assert_int_equal(due(&s, at(16, 1, 0), at(16, 8, 0)), TRAIN_DUE); /* it was off at two */
	assert_int_equal(due(&s, at(1, 3, 0), at(16, 1, 0)), TRAIN_DUE);
	assert_int_equal(due(&none, at(1, 3, 0), at(16, 1, 0)), TRAIN_NO_SCHEDULE);
}

/* R7 */
static void clock_that_was_set_back_puts_off_nothing(void **state)
{
	struct trainsched s = sched("02:00", NULL);

	(void)state;
	assert_int_equal(due(&s, at(16, 2, 0) + 3650 * DAY, at(16, 12, 0)), TRAIN_DUE);
	assert_int_equal(due(&s, at(16, 12, 0), at(16, 12, 0) - 46 * 365 * DAY), TRAIN_DUE);
}

static void cycle_that_is_open_goes_on_without_a_time(void **state)
{
	struct trainsched s = sched("02:00", "08:00-18:00"), none = { 0 };
	static const struct train_load idle;

	(void)state;
	assert_int_equal(trainsched_due(&s, at(16, 2, 0), true, at(16, 7, 59), &idle), TRAIN_DUE);
	assert_int_equal(trainsched_due(&s, at(16, 2, 0), true, at(16, 8, 0), &idle), TRAIN_QUIET);
	assert_int_equal(trainsched_due(&none, at(16, 2, 0), true, at(16, 8, 0), &idle), TRAIN_DUE);
}

static void quiet_hours_put_it_off(void **state)
{
	struct trainsched s = sched("*:*", "22:00-06:00"), week = sched("*:*", "Mon..Fri 22:00-06:00"),
			  all = sched("*:*", "Sun 00:00-00:00"), end = sched("*:*", "18:00-24:00");

	(void)state;
	assert_int_equal(due(&s, 1, at(16, 21, 59)), TRAIN_DUE);
	assert_int_equal(due(&s, 1, at(16, 22, 0)), TRAIN_QUIET);
	assert_int_equal(due(&s, 1, at(16, 5, 59)), TRAIN_QUIET);
	assert_int_equal(due(&s, 1, at(16, 6, 0)), TRAIN_DUE);
	assert_int_equal(due(&week, 1, at(16, 3, 0)), TRAIN_DUE);   /* Monday: Sunday is not in it */
	assert_int_equal(due(&week, 1, at(21, 3, 0)), TRAIN_QUIET); /* Saturday: since Friday */
	assert_int_equal(due(&week, 1, at(21, 22, 30)), TRAIN_DUE);
	assert_int_equal(due(&all, 1, at(22, 15, 0)), TRAIN_QUIET);
	assert_int_equal(due(&all, 1, at(23, 0, 0)), TRAIN_DUE);
	assert_int_equal(due(&end, 1, at(16, 23, 59)), TRAIN_QUIET);
	assert_int_equal(due(&end, 1, at(17, 0, 0)), TRAIN_DUE);
}

static void load_counts_only_where_it_is_asked_for(void **state)
{
	struct trainsched s = sched("*:*", NULL);
	struct train_load busy = { .known = true, .cpu = 9999, .io = 4999, .memory = 1 };

	(void)state;
	assert_int_equal(trainsched_due(&s, 1, false, at(16, 3, 0), &busy), TRAIN_DUE);
	s.io_percent = 50;
	assert_int_equal(trainsched_due(&s, 1, false, at(16, 3, 0), &busy), TRAIN_DUE);
	busy.io = 5000;
	assert_int_equal(trainsched_due(&s, 1, false, at(16, 3, 0), &busy), TRAIN_LOADED);
	busy.known = false;
	assert_int_equal(trainsched_due(&s, 1, false, at(16, 3, 0), &busy), TRAIN_DUE);
}

static void pressure_is_that_of_the_kernel(void **state)
{
	static const char *const bad[] = { "", "full avg10=1.00 ", "some avg10=1", "some avg10=101.00 ",
					   "some avg10=x.00 " };
	unsigned int v = 0;
	struct why w = { 0 };

	(void)state;
	assert_ok(train_pressure_parse("some avg10=12.34 avg60=0.00 avg300=0.00 total=1\n", &v, &w), w);
	assert_int_equal(v, 1234);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(train_pressure_parse(bad[i], &v, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_those_of_the_words),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(cycle_is_due_once_for_each_time),
		cmocka_unit_test(clock_that_was_set_back_puts_off_nothing),
		cmocka_unit_test(cycle_that_is_open_goes_on_without_a_time),
		cmocka_unit_test(quiet_hours_put_it_off),
		cmocka_unit_test(load_counts_only_where_it_is_asked_for),
		cmocka_unit_test(pressure_is_that_of_the_kernel),
	};

	(void)setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
