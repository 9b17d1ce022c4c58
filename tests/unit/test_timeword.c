/* Moments as people write them (bootstage/intel/timeword.h; N14: times with zone). */
#include "bootstage/intel/timeword.h"

#include "bootstage/intel/graph.h"
#include "tests/support.h"

#define HOUR INT64_C(3600000000)
#define NOW  INT64_C(1772359200000000) /* 2026-03-01T10:00:00Z */

static void parse_each_form_is_taken(void **state)
{
	const struct {
		const char *text;
		int64_t us;
	} cases[] = {
		{ "2026-03-01T10:00:00Z", NOW },   { "2026-03-01T12:00:00+02:00", NOW },
		{ "2026-03-01", NOW - 10 * HOUR }, { "36h", NOW - 36 * HOUR },
		{ "3d", NOW - 72 * HOUR },         { "0d", NOW },
		{ "90m", NOW - HOUR - HOUR / 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct why w = { 0 };
		int64_t us = TIME_NONE;

		assert_ok(timeword_parse(cases[i].text, NOW, &us, &w), w);
		if (us != cases[i].us)
			fail_msg("%s: %lld", cases[i].text, (long long)us);
	}
}

static void parse_anything_else_is_refused_and_leaves_ret_alone(void **state)
{
	const char *const bad[] = {
		"",           "d",   "-3d",       "3",        "3 d",       "3w",         "2026-03-01T10:00:00",
		"2026-13-01", "now", "99999999d", "2026-3-1", "yesterday", "2026-03-01Z"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct why w = { 0 };
		int64_t us = 5;

		if (timeword_parse(bad[i], NOW, &us, &w) != -EINVAL || us != 5 || w.exit != EXIT_USAGE)
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void print_is_read_again(void **state)
{
	const int64_t at[] = { NOW, 0, -HOUR };
	char text[21];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		struct why w = { 0 };
		int64_t us = 5;

		timeword_print(at[i], text);
		assert_ok(timeword_parse(text, NOW, &us, &w), w);
		assert_true(us == at[i]);
	}
	timeword_print(INT64_MAX, text);
	assert_string_equal(text, "");
	timeword_print(INT64_MIN, text);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_each_form_is_taken),
		cmocka_unit_test(parse_anything_else_is_refused_and_leaves_ret_alone),
		cmocka_unit_test(print_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
