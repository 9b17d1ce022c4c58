/* Numbers, sizes, switches and hex from text (base/parse.h). */
#include "base/parse.h"

#include <inttypes.h>
#include <string.h>

#include "tests/support.h"

static void u64_accepts_whole_numbers_up_to_the_limit(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, want;
	} good[] = {
		{ "0", 0, 0 },
		{ "7", 9, 7 },
		{ "0010", 10, 10 },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct why w = { 0 };
		uint64_t v = 1;

		assert_ok(parse_u64(good[i].text, good[i].max, &v, &w), w);
		assert_true(v == good[i].want);
	}
}

static void u64_refuses_the_rest_and_leaves_ret_alone(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int want;
	} bad[] = {
		{ "", 9, -EINVAL },
		{ " 1", 9, -EINVAL },
		{ "1 ", 9, -EINVAL },
		{ "+1", 9, -EINVAL },
		{ "-1", 9, -EINVAL },
		{ "0x1", 9, -EINVAL },
		{ "1.0", 9, -EINVAL },
		{ "10", 9, -E2BIG },
		{ "18446744073709551616", UINT64_MAX, -E2BIG },
		{ "99999999999999999999999999", UINT64_MAX, -E2BIG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct why w = { 0 };
		uint64_t v = 77;

		assert_int_equal(parse_u64(bad[i].text, bad[i].max, &v, &w), bad[i].want);
		assert_true(v == 77);
		assert_int_equal(w.exit, EXIT_USAGE);
	}
}

static void size_accepts_binary_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t want;
	} good[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "4K", 4096 },
		{ "4k", 4096 },
		{ "4KiB", 4096 },
		{ "4kb", 4096 },
		{ "32M", 32u << 20 },
		{ "1GiB", 1u << 30 },
		{ "2T", UINT64_C(2) << 40 },
		{ "16777215T", UINT64_C(16777215) << 40 },
		{ "18446744073709551615", UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct why w = { 0 };
		uint64_t v = 1;

		assert_ok(parse_size(good[i].text, &v, &w), w);
		assert_true(v == good[i].want);
	}
}

static void size_refuses_the_rest_and_leaves_ret_alone(void **state)
{
	static const struct {
		const char *text;
		int want;
	} bad[] = {
		{ "", -EINVAL },
		{ "K", -EINVAL },
		{ "5 ", -EINVAL },
		{ "5 K", -EINVAL },
		{ " 5K", -EINVAL },
		{ "-5", -EINVAL },
		{ "5P", -EINVAL },
		{ "5Ki", -EINVAL },
		{ "5KiBx", -EINVAL },
		{ "1.5G", -EINVAL },
		{ "000000000000000000000001", -EINVAL },
		{ "16777216T", -E2BIG },
		{ "18446744073709551616", -E2BIG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct why w = { 0 };
		uint64_t v = 77;

		if (parse_size(bad[i].text, &v, &w) != bad[i].want)
			fail_msg("'%s' gave %" PRIu64 " (%d %s)", bad[i].text, v, w.code, w.text);
		assert_true(v == 77);
	}
}

/* Every byte as the unit: only the documented letters are units. */
static void size_knows_only_its_units(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char text[] = { '5', (char)c, '\0' };
		bool digit = c >= '0' && c <= '9', unit = strchr("KkMmGgTt", c);
		struct why w = { 0 };
		uint64_t v;

		assert_int_equal(parse_size(text, &v, &w), digit || unit ? 0 : -EINVAL);
	}
}

static void bool_knows_four_pairs(void **state)
{
	static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };
	static const char *const bad[] = { "", "Yes", "y", "2", "yes ", "enabled" };
	struct why w = { 0 };
	bool v;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		v = false;
		assert_ok(parse_bool(yes[i], &v, &w), w);
		assert_true(v);
		assert_ok(parse_bool(no[i], &v, &w), w);
		assert_false(v);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		v = true;
		assert_int_equal(parse_bool(bad[i], &v, &w), -EINVAL);
		assert_true(v);
	}
}

static void hex_round_trip_and_mistakes(void **state)
{
	static const char *const bad[] = { "", "00ff1", "00ff1020", "00fg10", "00 f10", "0x0f10" };
	struct why w = { 0 };
	uint8_t v[3] = { 9, 9, 9 };
	char text[7];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse_hex(bad[i], v, 3, &w), -EINVAL);
		assert_int_equal(v[0] + v[1] + v[2], 27);
	}
	assert_int_equal(parse_hex("00Ff1a", v, 3, NULL), 0);
	assert_string_equal(format_hex(v, 3, text), "00ff1a");
	assert_string_equal(format_hex(v, 0, text), "");
}

static void size_for_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ (UINT64_C(1) << 20) - 1, "1023.9 KiB" },
		{ UINT64_C(16) << 30, "16.0 GiB" },
		{ UINT64_MAX, "15.9 EiB" },
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(format_size(cases[i].bytes, out), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(u64_accepts_whole_numbers_up_to_the_limit),
		cmocka_unit_test(u64_refuses_the_rest_and_leaves_ret_alone),
		cmocka_unit_test(size_accepts_binary_units),
		cmocka_unit_test(size_refuses_the_rest_and_leaves_ret_alone),
		cmocka_unit_test(size_knows_only_its_units),
		cmocka_unit_test(bool_knows_four_pairs),
		cmocka_unit_test(hex_round_trip_and_mistakes),
		cmocka_unit_test(size_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
