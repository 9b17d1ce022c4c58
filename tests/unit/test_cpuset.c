/* Sets of CPUs and their list form (tuning/cpuset.h). */
#include "tuning/cpuset.h"

#include <string.h>

#include "tests/support.h"

static void assert_list(const char *text, const char *want)
{
	AUTO_CPUSET s = { 0 };
	AUTO_FREE char *got = NULL;
	struct why w = { 0 };

	assert_ok(cpuset_parse(text, &s, &w), w);
	got = cpuset_format(&s);
	assert_non_null(got);
	assert_string_equal(got, want);
}

static void lists_come_back_shortest_and_ascending(void **state)
{
	(void)state;
	assert_list("", "");
	assert_list("\n", "");
	assert_list("0\n", "0");
	assert_list("0-3,8", "0-3,8");
	assert_list("8,0-3 \t\n", "0-3,8");
	assert_list("1,2,0,2-2", "0-2");
	assert_list("0-7,4-12", "0-12");
	assert_list("63,64", "63-64");
	assert_list("0-63", "0-63");
	assert_list("1-128", "1-128");
	assert_list("0,2,4,255", "0,2,4,255");
	assert_list("007", "7");
	assert_list("0-65535", "0-65535");
	assert_list("65535", "65535");
}

static void what_is_no_list_is_refused_and_leaves_ret_alone(void **state)
{
	static const struct {
		const char *text;
		int want;
	} bad[] = {
		{ ",", -EBADMSG },        { "0,", -EBADMSG },
		{ ",0", -EBADMSG },       { "0,,1", -EBADMSG },
		{ "-", -EBADMSG },        { "0-", -EBADMSG },
		{ "-3", -EBADMSG },       { "3-1", -EBADMSG },
		{ "0-3-5", -EBADMSG },    { "0 - 3", -EBADMSG },
		{ "0, 1", -EBADMSG },     { " 0", -EBADMSG },
		{ "a", -EBADMSG },        { "0x1", -EBADMSG },
		{ "+1", -EBADMSG },       { "0-7:2/4", -EBADMSG },
		{ "1\n2", -EBADMSG },     { "ffffffff", -EBADMSG },
		{ "65536", -E2BIG },      { "0-65536", -E2BIG },
		{ "4294967296", -E2BIG }, { "18446744073709551617", -E2BIG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct cpuset s = { 0 };
		struct why w = { 0 };
		int r = cpuset_parse(bad[i].text, &s, &w);

		if (r != bad[i].want)
			fail_msg("'%s' gave %d", bad[i].text, r);
		assert_true(w.text[0]);
		assert_null(s.words);
	}
}

static void members_are_found_on_both_sides_of_every_word(void **state)
{
	static const unsigned int cpus[] = { 0, 1, 31, 32, 63, 64, 65, 127, 128, 255, 256, 1023, 1024, 65535 };
	AUTO_CPUSET s = { 0 };
	size_t n = 0;

	(void)state;
	for (size_t i = ARRAY_SIZE(cpus); i-- > 0;)
		assert_int_equal(cpuset_add(&s, cpus[i]), 0);
	assert_int_equal(cpuset_count(&s), ARRAY_SIZE(cpus));
	for (CPUSET_EACH(cpu, &s))
		assert_int_equal(cpu, cpus[n++]);
	assert_int_equal(n, ARRAY_SIZE(cpus));
	assert_true(cpuset_has(&s, 65535));
	assert_false(cpuset_has(&s, 2));
	assert_false(cpuset_has(&s, CPUSET_CPUS_MAX));
	assert_int_equal(cpuset_next(&s, 1025), 65535);
	assert_int_equal(cpuset_next(&s, CPUSET_CPUS_MAX), CPUSET_CPUS_MAX);
}

static void parse(const char *text, struct cpuset *ret)
{
	struct why w = { 0 };

	assert_ok(cpuset_parse(text, ret, &w), w);
}

/* Sets of different length: the longer one's rest is cut by `and`, kept by `minus`. */
static void and_and_minus_work_at_any_length(void **state)
{
	static const struct {
		const char *a, *b, *both, *less;
	} cases[] = {
		{ "0-3", "2-9", "2-3", "0-1" }, { "0-300", "2-9", "2-9", "0-1,10-300" },
		{ "2-9", "0-300", "2-9", "" },  { "0-300", "", "", "0-300" },
		{ "", "0-300", "", "" },        { "64-127", "0-63", "", "64-127" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_CPUSET a = { 0 }, b = { 0 }, copy = { 0 };
		AUTO_FREE char *both = NULL, *less = NULL;

		parse(cases[i].a, &a);
		parse(cases[i].b, &b);
		assert_int_equal(cpuset_copy(&a, &copy), 0);
		cpuset_and(&a, &b);
		cpuset_minus(&copy, &b);
		both = cpuset_format(&a);
		less = cpuset_format(&copy);
		assert_string_equal(both, cases[i].both);
		assert_string_equal(less, cases[i].less);
	}
}

static void the_longest_form_fits(void **state)
{
	AUTO_CPUSET s = { 0 }, again = { 0 };
	AUTO_FREE char *list = NULL;
	struct why w = { 0 };

	(void)state;
	for (unsigned int cpu = 1; cpu < CPUSET_CPUS_MAX; cpu += 2)
		assert_int_equal(cpuset_add(&s, cpu), 0);
	list = cpuset_format(&s);
	assert_non_null(list);
	assert_ok(cpuset_parse(list, &again, &w), w);
	assert_int_equal(cpuset_count(&again), CPUSET_CPUS_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_come_back_shortest_and_ascending),
		cmocka_unit_test(what_is_no_list_is_refused_and_leaves_ret_alone),
		cmocka_unit_test(members_are_found_on_both_sides_of_every_word),
		cmocka_unit_test(and_and_minus_work_at_any_length),
		cmocka_unit_test(the_longest_form_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
