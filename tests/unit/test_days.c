/* Days of telemetry by the clock (bootstage/intel/days.h). */
#include "bootstage/intel/days.h"

#include <string.h>

#include "tests/support.h"

#define TODAY 20778 /* 2026-11-21 */

static struct day_list range(int64_t *room, int64_t first, int64_t last)
{
	struct day_list l = { .at = room };

	for (int64_t d = first; d <= last; d++)
		room[l.n++] = d;
	return l;
}

/* N3 */
static void names_of_days_are_utc_dates(void **state)
{
	static const struct {
		int64_t day;
		const char *name;
	} cases[] = {
		{ 0, "telemetry_edges_1970_01_01" },     { TODAY, "telemetry_edges_2026_11_21" },
		{ 11016, "telemetry_edges_2000_02_29" }, { 20818, "telemetry_edges_2026_12_31" },
		{ -1, "telemetry_edges_1969_12_31" },    { 2932896, "telemetry_edges_9999_12_31" },
	};
	char name[DAYS_NAME];
	int64_t day;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		day_name(cases[i].day, name);
		assert_string_equal(name, cases[i].name);
		assert_int_equal(day_of_name(bytes_str(name), &day), 0);
		assert_int_equal(day, cases[i].day);
	}
	day_date(TODAY, name);
	assert_string_equal(name, "2026-11-21");
	assert_int_equal(day_of(TODAY * DAY_US), TODAY);
	assert_int_equal(day_of(TODAY * DAY_US - 1), TODAY - 1);
	assert_int_equal(day_of(-1), -1);
}

static void names_of_no_day_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"telemetry_edges_",
		"telemetry_edges_2026_11_2",
		"telemetry_edges_2026_11_211",
		"telemetry_edges_2026_13_01",
		"telemetry_edges_2026_02_30",
		"telemetry_edges_2026_00_10",
		"telemetry_edges_2026-11-21",
		"telemetry_edges_2026_11_ 1",
		"telemetry_edges_+026_11_21",
		"telemetry_edges_0000_11_21",
		"telemetry_late__2026_11_21",
	};
	int64_t day = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(day_of_name(bytes_str(bad[i]), &day), -EBADMSG);
	assert_int_equal(day, 7);
}

/* N4 */
static void missing_are_today_and_the_week_after_it(void **state)
{
	int64_t room[400], missing[8];
	struct day_list none = { 0 }, l = range(room, TODAY - 300, TODAY + 7);

	(void)state;
	assert_int_equal(days_missing(TODAY, 7, &none, missing, 8), 8);
	for (int i = 0; i < 8; i++)
		assert_int_equal(missing[i], TODAY + i);
	assert_int_equal(days_missing(TODAY, 7, &l, missing, 8), 0);
	assert_int_equal(days_missing(TODAY + 1, 7, &l, missing, 8), 1);
	assert_int_equal(missing[0], TODAY + 8);
	assert_int_equal(days_missing(TODAY + 30, 30, &l, missing, 8), 31);
	l = range(room, TODAY - 2, TODAY);
	room[l.n++] = TODAY + 2; /* a gap */
	assert_int_equal(days_missing(TODAY, 7, &l, missing, 8), 6);
	assert_int_equal(missing[0], TODAY + 1);
	assert_int_equal(missing[1], TODAY + 3);
}

static void ahead_is_counted_to_the_first_gap(void **state)
{
	int64_t room[16];
	struct day_list none = { 0 }, l = range(room, TODAY - 2, TODAY + 7);

	(void)state;
	assert_int_equal(days_ahead(TODAY, &none), -1);
	assert_int_equal(days_ahead(TODAY, &l), 7);
	assert_int_equal(days_ahead(TODAY + 7, &l), 0);
	assert_int_equal(days_ahead(TODAY + 8, &l), -1);
	l = range(room, TODAY, TODAY);
	room[l.n++] = TODAY + 2;
	assert_int_equal(days_ahead(TODAY, &l), 0);
}

static void expired_are_those_before_what_is_kept(void **state)
{
	int64_t room[64];
	struct day_list l = range(room, TODAY - 40, TODAY + 7);

	(void)state;
	assert_int_equal(days_expired(TODAY, 30, &l), 10);
	assert_int_equal(days_expired(TODAY, 40, &l), 0);
	assert_int_equal(days_expired(TODAY, 0, &l), 0);
	assert_int_equal(days_expired(TODAY, 1, &l), 39);
	assert_int_equal(days_expired(TODAY + 100, 30, &l), l.n);
}

static void a_day_is_closed_an_hour_after_its_end(void **state)
{
	(void)state;
	assert_false(day_closed(TODAY, TODAY * DAY_US));
	assert_false(day_closed(TODAY - 1, TODAY * DAY_US));
	assert_false(day_closed(TODAY - 1, TODAY * DAY_US + INT64_C(3599999999)));
	assert_true(day_closed(TODAY - 1, TODAY * DAY_US + INT64_C(3600000000)));
}

/* Who keeps no clock right may move a week's end by a day, not more; 1970 is nobody's. */
static void clocks_are_believed_by_ntp_or_by_what_is_there(void **state)
{
	static const struct {
		const char *label;
		int64_t today, newest; /* newest 0: there are no days */
		unsigned int ahead;
		bool synced;
		int want;
	} cases[] = {
		{ "first start", TODAY, 0, 7, false, 0 },
		{ "usual", TODAY, TODAY + 7, 7, false, 0 },
		{ "off for a week", TODAY, TODAY, 7, false, 0 },
		{ "off for eight days", TODAY, TODAY - 1, 7, false, 0 },
		{ "off for longer", TODAY, TODAY - 2, 7, false, -ESTALE },
		{ "off for longer, NTP", TODAY, TODAY - 200, 7, true, 0 },
		{ "a day back", TODAY, TODAY + 8, 7, false, 0 },
		{ "two days back", TODAY, TODAY + 9, 7, false, -ESTALE },
		{ "two days back, NTP", TODAY, TODAY + 9, 7, true, 0 },
		{ "more days ahead", TODAY, TODAY + 14, 14, false, 0 },
		{ "a year on", TODAY + 365, TODAY + 7, 7, false, -ESTALE },
		{ "1970", 0, 0, 7, false, -ESTALE },
		{ "1970, NTP", 1, TODAY, 7, true, -ESTALE },
		{ "before 1970", -1, 0, 7, true, -ESTALE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t newest = cases[i].newest;
		struct day_list l = { .at = &newest, .n = newest != 0 };
		struct clock_now now = { .us = cases[i].today * DAY_US + 1, .synced = cases[i].synced };
		struct why w = { 0 };
		int r = clock_check(&now, cases[i].ahead, &l, &w);

		if (r != cases[i].want)
			fail_msg("%s: %d, want %d", cases[i].label, r, cases[i].want);
		assert_int_equal(w.exit, r ? EXIT_REFUSED : EXIT_DONE);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_days_are_utc_dates),
		cmocka_unit_test(names_of_no_day_are_refused),
		cmocka_unit_test(missing_are_today_and_the_week_after_it),
		cmocka_unit_test(ahead_is_counted_to_the_first_gap),
		cmocka_unit_test(expired_are_those_before_what_is_kept),
		cmocka_unit_test(a_day_is_closed_an_hour_after_its_end),
		cmocka_unit_test(clocks_are_believed_by_ntp_or_by_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
