/* GUIDs as text. */
#include "partitions/guid.h"

#include <string.h>

#include "tests/support.h"

static void valid_takes_both_cases_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{ "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", true },
		{ "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", true },
		{ "", false },
		{ "c12a7328-f81f-11d2-ba4b-00a0c93ec93", false },
		{ "c12a7328-f81f-11d2-ba4b-00a0c93ec93bb", false },
		{ "c12a7328f81f-11d2-ba4b-00a0c93ec93bb-", false },
		{ "g12a7328-f81f-11d2-ba4b-00a0c93ec93b", false },
		{ "{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (guid_valid(cases[i].text) != cases[i].valid)
			fail_msg("'%s'", cases[i].text);
}

static void equal_ignores_case_and_never_holds_for_other_text(void **state)
{
	(void)state;
	assert_true(guid_equal("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"));
	assert_false(guid_equal("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "c12a7328-f81f-11d2-ba4b-00a0c93ec93c"));
	assert_false(guid_equal("", ""));
	assert_false(guid_equal("x", "x"));
}

static void make_with_a_seed_repeats_and_without_one_does_not(void **state)
{
	char a[GUID_TEXT_BYTES], b[GUID_TEXT_BYTES];
	struct why w = { 0 };

	(void)state;
	assert_ok(guid_make("seed", "disk", a, &w), w);
	assert_ok(guid_make("seed", "disk", b, &w), w);
	assert_string_equal(a, b);
	/* From Python's hashlib.blake2b over "tandem guid 1\0seed\0disk\0". */
	assert_string_equal(a, "94595961-e649-4688-98b3-98c1ce546988");
	assert_ok(guid_make("seed", "disk2", b, &w), w);
	assert_string_not_equal(a, b);
	/* The border between the two texts counts. */
	assert_ok(guid_make("seedd", "isk", b, &w), w);
	assert_string_not_equal(a, b);
	assert_ok(guid_make(NULL, "disk", a, &w), w);
	assert_ok(guid_make(NULL, "disk", b, &w), w);
	assert_string_not_equal(a, b);
}

static void make_gives_version_4_of_rfc_4122(void **state)
{
	char g[GUID_TEXT_BYTES];
	struct why w = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_ok(guid_make(NULL, "", g, &w), w);
		assert_true(guid_valid(g));
		assert_int_equal(g[14], '4');
		assert_non_null(strchr("89ab", g[19]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_takes_both_cases_and_nothing_else),
		cmocka_unit_test(equal_ignores_case_and_never_holds_for_other_text),
		cmocka_unit_test(make_with_a_seed_repeats_and_without_one_does_not),
		cmocka_unit_test(make_gives_version_4_of_rfc_4122),
	};

	return cmocka_run_group_tests_name("guid", tests, NULL, NULL);
}
