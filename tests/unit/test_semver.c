/* Semantic versions: the specification's own examples and the corners around them. */
#include "updater/semver.h"

#include <string.h>

#include "tests/support.h"

static void parse_takes_what_the_specification_allows(void **state)
{
	static const char *const good[] = {
		"0.0.0",
		"1.2.3",
		"10.20.30",
		"1.0.0-alpha",
		"1.0.0-alpha.1",
		"1.0.0-0.3.7",
		"1.0.0-x.7.z.92",
		"1.0.0-x-y-z.--",
		"1.0.0+20130313144700",
		"1.0.0-beta+exp.sha.5114f85",
		"1.0.0+21AF26D3---117B344092BD",
		"1.0.0+001",
		"1.0.0-0a",
		"18446744073709551615.0.0",
		"1.0.0--",
		"1.0.0-99999999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct why w = { 0 };
		struct semver v;

		assert_ok(semver_parse(good[i], &v, &w), w);
	}
}

static void parse_refuses_the_rest_and_leaves_ret_alone(void **state)
{
	static const char *const bad[] = {
		"",          "1",
		"1.2",       "1.2.3.4",
		"v1.2.3",    "01.2.3",
		"1.02.3",    "1.2.03",
		"1.2.3-",    "1.2.3-a.",
		"1.2.3-.a",  "1.2.3-a..b",
		"1.2.3-01",  "1.2.3+",
		"1.2.3+a.",  "1.2.3+a+b",
		"1.2.3-a_b", " 1.2.3",
		"1.2.3 ",    "1.2.3-\xc3\xa4",
		"-1.2.3",    "1..3",
		"1.2.",      ".2.3",
		"1.2.3a",    "18446744073709551616.0.0",
		"1,2,3",     "1.2.3-a b",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct semver v = { .major = 77 };
		struct why w = { 0 };

		if (semver_parse(bad[i], &v, &w) != -EBADMSG)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(v.major, 77);
		assert_non_null(strstr(w.text, "semantic version"));
	}
}

/* Each precedes the next. */
static const char *const ascending[] = {
	"0.0.0-0",
	"0.0.0",
	"0.0.1",
	"0.1.0",
	"1.0.0-1",
	"1.0.0-2",
	"1.0.0-10",
	"1.0.0-11.9",
	"1.0.0-99999999999999999999999",
	"1.0.0--",
	"1.0.0-Alpha",
	"1.0.0-alpha",
	"1.0.0-alpha.1",
	"1.0.0-alpha.beta",
	"1.0.0-beta",
	"1.0.0-beta.2",
	"1.0.0-beta.11",
	"1.0.0-rc.1",
	"1.0.0-rc.1.0",
	"1.0.0",
	"1.0.1",
	"1.2.0",
	"1.10.0",
	"2.0.0",
	"10.0.0",
	"18446744073709551615.0.0",
};

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void compare_orders_every_pair(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ascending); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(ascending); k++) {
			struct why w = { 0 };
			struct semver a, b;
			int want = (i > k) - (i < k);

			assert_ok(semver_parse(ascending[i], &a, &w), w);
			assert_ok(semver_parse(ascending[k], &b, &w), w);
			if (sign(semver_compare(&a, &b)) != want)
				fail_msg("%s against %s: want %d", ascending[i], ascending[k], want);
		}
	}
}

static void compare_sees_no_build_metadata(void **state)
{
	struct why w = { 0 };
	struct semver a, b;

	(void)state;
	assert_ok(semver_parse("1.2.3-rc.1+a", &a, &w), w);
	assert_ok(semver_parse("1.2.3-rc.1+b.7", &b, &w), w);
	assert_int_equal(semver_compare(&a, &b), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_takes_what_the_specification_allows),
		cmocka_unit_test(parse_refuses_the_rest_and_leaves_ret_alone),
		cmocka_unit_test(compare_orders_every_pair),
		cmocka_unit_test(compare_sees_no_build_metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
