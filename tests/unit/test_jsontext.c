/* One JSON text: what passes, what is noted of it, walking, decoding, times. */
#include "bootstage/intel/jsontext.h"

#include <dirent.h>
#include <fcntl.h>

#include "base/io.h"
#include "tests/support.h"

static int check(const char *text, struct jsontext *t)
{
	struct why w = { 0 };
	int r = jsontext_check(bytes_str(text), t, &w);

	assert_true((r != 0) == (w.text[0] != '\0'));
	return r;
}

static void assert_says(struct bytes got, const char *want)
{
	if (!bytes_equal(got, bytes_str(want)))
		fail_msg("'%.*s', want '%s'", (int)got.n, (const char *)got.p, want);
}

static void texts_that_are_json_pass(void **state)
{
	static const char *const good[] = {
		"{}",
		"[]",
		" [ ] ",
		"\"\"",
		"0",
		"-0",
		"-0.0",
		"1e1",
		"1E+2",
		"12.5e-3",
		"true",
		"false",
		"null",
		"[1,[2,{\"a\":[]}],\"x\"]",
		"{\"a\":1,\"a\":2}",
		"{\"\":0}",
		"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
		"\"\\ud83d\\ude00\"",
		"\"\\uFFFF\"",
		"\"\x7f\"",
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
		"\t\r\n {\"a\" \n:\t1 \r, \"b\":[ 1 , 2 ] }\n",
		"\"0123456789abcdef0123456789abcdef\"",
		"1e131071",
		"0e1000000",
		"0.00e131080",
		"0.001e131074",
		"1e-16383",
		"0.000000000000000000000001",
		"1e400",
		"-1e-400",
		"100000000000000000000000",
	};
	struct jsontext t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (check(good[i], &t))
			fail_msg("refused: %s", good[i]);
}

static void texts_that_are_no_json_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"}",
		"[",
		"]",
		"[1",
		"[1,",
		"[1,]",
		"[,1]",
		"[1 2]",
		"{]",
		"[}",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{,}",
		"{a:1}",
		"{'a':1}",
		"{\"a\" 1}",
		"{\"a\":1 \"b\":2}",
		"{1:2}",
		"[1]]",
		"{} {}",
		"1 2",
		"tru",
		"True",
		"nul",
		"nulll",
		"NaN",
		"Infinity",
		"-",
		"+1",
		"01",
		"-01",
		"1.",
		".5",
		"1.e1",
		"1e",
		"1e+",
		"0x1",
		"1a",
		"\"",
		"\"\\",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"a\nb\"",
		"\"\t\"",
		"[\"a\"",
		"\f[]",
		"\xef\xbb\xbf[]",
		"[1]x",
		"// c\n1",
		"[1/**/]",
		"\"\\u\"",
		"\"abc",
		"{\"a\":1",
		"{\"a",
		"{\"a\":\"b",
	};
	struct jsontext t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (check(bad[i], &t) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
}

/* jsonb refuses each of these, and with it the whole batch that the record is in. */
static void what_cannot_be_stored_is_refused(void **state)
{
	static const char *const bad[] = {
		"\"\\u0000\"",
		"\"\\ud800\"",
		"\"\\ud800x\"",
		"\"\\ud800\\n\"",
		"\"\\ud800\\u0041\"",
		"\"\\udc00\"",
		"\"\\udc00\\ud800\"",
		"\"\\ud800\\ud800\"",
		"{\"\\u0000\":1}",
		"\"\xc0\xaf\"",
		"\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\x80\"",
		"\"\xff\"",
		"\"\xe2\x82\"",
		"1e131072",
		"0.001e131075",
		"0e-16384",
		"0e1073741823",
		"10e131071",
		"1e200000",
		"1e-16384",
		"0.1e-16383",
		"1e99999999999999999999999",
		"-1e-99999999999999999999999",
	};
	struct jsontext t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (check(bad[i], &t) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(jsontext_check(bytes_of("\"a\0b\"", 5), &t, NULL), -EBADMSG);
}

static void nesting_ends_at_its_limit(void **state)
{
	char text[2 * JSONTEXT_DEPTH_MAX + 3] = { 0 };
	struct jsontext t;

	(void)state;
	memset(text, '[', JSONTEXT_DEPTH_MAX);
	memset(text + JSONTEXT_DEPTH_MAX, ']', JSONTEXT_DEPTH_MAX);
	assert_int_equal(check(text, &t), 0);
	memset(text, '[', JSONTEXT_DEPTH_MAX + 1);
	memset(text + JSONTEXT_DEPTH_MAX + 1, ']', JSONTEXT_DEPTH_MAX + 1);
	assert_int_equal(check(text, &t), -E2BIG);
}

/* The limits of `numeric` count digits, wherever they are written. */
static void long_numbers_meet_their_limits(void **state)
{
	AUTO_FREE char *text = malloc(131075);
	struct jsontext t;

	(void)state;
	assert_non_null(text);
	memset(text, '9', 131074);
	assert_int_equal(jsontext_check(bytes_of(text, 131072), &t, NULL), 0);
	assert_int_equal(jsontext_check(bytes_of(text, 131073), &t, NULL), -EBADMSG);
	text[1] = '.';
	assert_int_equal(jsontext_check(bytes_of(text, 2 + 16383), &t, NULL), 0);
	assert_int_equal(jsontext_check(bytes_of(text, 2 + 16384), &t, NULL), -EBADMSG);
}

static void every_prefix_of_a_text_is_refused(void **state)
{
	static const char text[] =
		"{\"a\":[1.5e3,true,{\"b\":\"x\\u00e9\\ud83d\\ude00\xc3\xa9 longer than sixteen bytes\"}],\"c\":null}";
	struct jsontext t;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		AUTO_FREE char *copy = malloc(n ? n : 1); /* for the sanitizer: nothing behind it */

		assert_non_null(copy);
		memcpy(copy, text, n);
		assert_int_equal(jsontext_check(bytes_of(copy, n), &t, NULL), -EBADMSG);
	}
	assert_int_equal(check(text, &t), 0);
}

/* Of a stream, no part of a good value is ever called bad; and a bad one is, as soon as enough is there. */
static void the_front_of_a_stream_is_complete_or_not_yet(void **state)
{
	static const char text[] =
		"{\"a\":[1.5e3,true,{\"b\":\"x\\u00e9\\ud83d\\ude00\xc3\xa9 longer than sixteen bytes\"}],\"c\":null} more";
	struct why w = { 0 };
	struct jsontext t;
	size_t end;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		int r = jsontext_front(bytes_of(text, n), false, &t, &end, &w);

		assert_int_equal(r, n < sizeof(text) - 6 ? -EAGAIN : 0);
	}
	assert_int_equal(end, sizeof(text) - 6);
	assert_int_equal(jsontext_front(bytes_str("{\"a\":1,\"key\" : [2"), false, &t, &end, &w), -EAGAIN);
	assert_int_equal(t.n, 1);
	assert_says(t.open, "key");
	assert_int_equal(jsontext_front(bytes_str("12"), false, &t, &end, &w), -EAGAIN);
	assert_int_equal(jsontext_front(bytes_str("12"), true, &t, &end, &w), 0);
	assert_int_equal(jsontext_front(bytes_str("12,"), false, &t, &end, &w), 0);
	assert_int_equal(w.code, 0);
	assert_int_equal(jsontext_front(bytes_str("{\"a\":1,\"b\":? and so on, and on"), false, &t, &end, &w),
			 -EBADMSG);
	assert_int_equal(end, 11);
	assert_int_equal(t.n, 1);
	assert_says(t.open, "b");
}

static void outermost_members_are_noted(void **state)
{
	struct jsontext t;

	(void)state;
	assert_int_equal(check(" {\"type\" : \"malware\",\"x\":{\"type\":\"inner\"},\"n\":-1.5,\n\"list\":[ 1 , [2] ],"
			       "\"\\u0069d\":\"esc\",\"dup\":1,\"dup\":2} ",
			       &t),
			 0);
	assert_int_equal(t.n, 7);
	assert_false(t.more);
	assert_int_equal(t.text.p[0], '{');
	assert_int_equal(t.text.p[t.text.n - 1], '}');
	assert_says(jsontext_get(&t, "type"), "\"malware\"");
	assert_says(jsontext_get(&t, "x"), "{\"type\":\"inner\"}");
	assert_says(jsontext_get(&t, "n"), "-1.5");
	assert_says(jsontext_get(&t, "list"), "[ 1 , [2] ]");
	assert_says(jsontext_get(&t, "id"), "\"esc\"");
	assert_says(jsontext_get(&t, "dup"), "2");
	assert_int_equal(jsontext_kind(jsontext_get(&t, "inner")), JSONTEXT_NONE);
	assert_int_equal(check("[{\"a\":1}]", &t), 0);
	assert_int_equal(t.n, 0);
	assert_int_equal(jsontext_get(&t, "a").n, 0);
}

static void members_beyond_the_noted_ones_are_found(void **state)
{
	char text[8192], *at = text, key[8];
	struct jsontext t;

	(void)state;
	for (unsigned int i = 0; i < 200; i++)
		at += snprintf(at, 40, "%c\"k%u\": [%u,\"}\"]", i ? ',' : '{', i, i);
	(void)snprintf(at, 40, ",\"k1\":\"again\"}");
	assert_int_equal(check(text, &t), 0);
	assert_true(t.more);
	assert_int_equal(t.n, JSONTEXT_MEMBERS_MAX);
	for (unsigned int i = 2; i < 200; i++) {
		char want[16];

		(void)snprintf(key, sizeof(key), "k%u", i);
		(void)snprintf(want, sizeof(want), "[%u,\"}\"]", i);
		assert_says(jsontext_get(&t, key), want);
	}
	assert_says(jsontext_get(&t, "k1"), "\"again\"");
	assert_int_equal(jsontext_get(&t, "k200").n, 0);
}

static void objects_and_arrays_are_walked(void **state)
{
	static const char *const want[] = { "1", "\"a,]\\\"\"", "{\"k\":[1,2]}", "[ ]", "null", "-2e3" };
	struct bytes object = bytes_str("{ \"a\" : 1 ,\"b\\\"\":\"x\", \"c\":[{\"a\":2}]}"), value;
	struct jsontext_walk i = jsontext_walk(bytes_str("[1, \"a,]\\\"\" ,{\"k\":[1,2]}, [ ],\nnull,-2e3 ]"));
	struct jsontext_member m;
	size_t n = 0;

	(void)state;
	for (; jsontext_element(&i, &value); n++)
		assert_says(value, want[n]);
	assert_int_equal(n, ARRAY_SIZE(want));
	i = jsontext_walk(object);
	assert_true(jsontext_member(&i, &m));
	assert_says(m.key, "a");
	assert_says(m.value, "1");
	assert_true(jsontext_member(&i, &m));
	assert_says(m.key, "b\\\"");
	assert_says(m.value, "\"x\"");
	assert_true(jsontext_member(&i, &m));
	assert_says(m.value, "[{\"a\":2}]");
	assert_false(jsontext_member(&i, &m));
	assert_says(jsontext_find(object, "a"), "1");
	assert_says(jsontext_find(object, "b\""), "\"x\"");
	assert_int_equal(jsontext_find(object, "z").n, 0);
}

/* A list that PHP made of an array with gaps: the keys are numbers, the values count. */
static void values_of_an_object_are_walked_like_elements(void **state)
{
	static const char *const want[] = { "{\"a\":1}", "\"x\"", "[{\"b\":2}]" };
	struct jsontext_walk i = jsontext_walk(bytes_str("{\"0\":{\"a\":1} ,\"7\" : \"x\",\"9\":\n[{\"b\":2}] }"));
	struct bytes value;
	size_t n = 0;

	(void)state;
	for (; jsontext_element(&i, &value); n++)
		assert_says(value, want[n]);
	assert_int_equal(n, ARRAY_SIZE(want));
}

static void nothing_comes_of_other_values(void **state)
{
	static const char *const other[] = { "", "1", "\"a\"", "null", "{}", "[]", "[ ]" };
	struct jsontext_member m;
	struct bytes value;

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(other); k++) {
		struct jsontext_walk i = jsontext_walk(bytes_str(other[k]));

		assert_false(jsontext_member(&i, &m));
		assert_false(jsontext_element(&i, &value));
	}
}

static void strings_are_decoded(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "\"plain\"", "plain" },
		{ "\"\"", "" },
		{ "\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz" },
		{ "\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00!\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!" },
		{ "\"C:\\\\Windows\\\\x\"", "C:\\Windows\\x" },
	};
	uint8_t buf[64];
	struct bytes got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(jsontext_string(bytes_str(cases[i].text), buf, sizeof(buf), &got), 0);
		assert_says(got, cases[i].want);
		assert_true(jsontext_string_is(bytes_str(cases[i].text), cases[i].want));
		assert_false(jsontext_string_is(bytes_str(cases[i].text), "other"));
	}
	assert_int_equal(jsontext_string(bytes_str("12"), buf, sizeof(buf), &got), -EINVAL);
	assert_int_equal(jsontext_string((struct bytes){ 0 }, buf, sizeof(buf), &got), -EINVAL);
	assert_int_equal(jsontext_string(bytes_str("\"a\\n\""), buf, 1, &got), -E2BIG);
	assert_false(jsontext_string_is(bytes_str("\"a\\n\""), "a"));
	assert_false(jsontext_string_is(bytes_str("\"\\u0061\""), "ab"));
}

static void integers_are_read(void **state)
{
	static const char *const no[] = { "", "-", "1.0", "1e3", "\"1\"", "null" };
	int64_t n = 0;

	(void)state;
	assert_int_equal(jsontext_i64(bytes_str("9223372036854775807"), &n), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(jsontext_i64(bytes_str("-9223372036854775808"), &n), 0);
	assert_true(n == INT64_MIN);
	assert_int_equal(jsontext_i64(bytes_str("9223372036854775808"), &n), -E2BIG);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_int_equal(jsontext_i64(bytes_str(no[i]), &n), -EINVAL);
}

static void times_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2016-05-12T08:17:27.000Z", 1463041047000000 },
		{ "2024-02-29T23:59:59.123456789Z", 1709251199123456 },
		{ "2024-05-01t12:00:00.5+02:00", 1714557600500000 },
		{ "1969-12-31T23:59:59.999999Z", -1 },
		{ "2016-12-31T23:59:60Z", 1483228800000000 },
		{ "0000-03-01T00:00:00Z", -62162035200000000 },
		{ "0000-01-01T00:00:00Z", -62167219200000000 },
		{ "9999-12-31T23:59:59-23:59", 253402387139000000 },
	};
	static const char *const bad[] = {
		"",
		"2024-05-01",
		"2024-05-01T12:00:00",
		"2024-05-01 12:00:00Z",
		"2024-02-30T00:00:00Z",
		"2023-02-29T00:00:00Z",
		"2024-13-01T00:00:00Z",
		"2024-00-01T00:00:00Z",
		"2024-01-00T00:00:00Z",
		"2024-01-01T24:00:00Z",
		"2024-01-01T00:60:00Z",
		"2024-01-01T00:00:61Z",
		"2024-01-01T00:00:00.Z",
		"2024-01-01T00:00:00ZZ",
		"2024-01-01T00:00:00+1:00",
		"2024-01-01T00:00:00+24:00",
		"2024-1-01T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"never",
	};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(jsontext_time(bytes_str(cases[i].text), &us), 0);
		if (us != cases[i].us)
			fail_msg("%s: %lld", cases[i].text, (long long)us);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (!jsontext_time(bytes_str(bad[i]), &us))
			fail_msg("taken: %s", bad[i]);
}

/* The two valid texts that hold a NUL, which jsonb refuses as well. */
static bool has_nul(const char *name)
{
	return strstr(name, "y_string_null_escape.json") || strstr(name, "y_object_escaped_null_in_key.json");
}

static void judge(const char *name, struct bytes text, unsigned int *n)
{
	struct jsontext t;
	bool taken = jsontext_check(text, &t, NULL) == 0;

	n[0] += name[0] == 'y';
	n[1] += name[0] == 'n';
	if (name[0] == 'y' && taken == has_nul(name))
		fail_msg("%s: %s", name, taken ? "taken" : "refused");
	if (name[0] == 'n' && taken)
		fail_msg("%s: taken", name);
}

/* JSONTestSuite: no n_ case is taken, no y_ case refused but the two with a NUL. */
static void the_public_suite_is_judged_as_it_wants(void **state)
{
	const char *data = getenv("TANDEM_DATA"), *folder = scratch();
	char path[4096], command[8300];
	unsigned int n[2] = { 0 };

	(void)state;
	if (!data)
		skip();
	(void)snprintf(command, sizeof(command), "tar -xJf '%s/intel/parser/json-test-parsing.tar.xz' -C '%s'", data,
		       folder);
	assert_int_equal(system(command), 0);
	(void)snprintf(path, sizeof(path), "%s/test_parsing", folder);
	AUTO_DIR *dir = opendir(path);

	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		AUTO_FREE char *text = NULL;
		size_t got = 0;

		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(file_read(dirfd(dir), e->d_name, 1u << 20, &text, &got, NULL), 0);
		judge(e->d_name, bytes_of(text, got), n);
	}
	assert_int_equal(n[0], 95);
	assert_int_equal(n[1], 188);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_that_are_json_pass),
		cmocka_unit_test(texts_that_are_no_json_are_refused),
		cmocka_unit_test(what_cannot_be_stored_is_refused),
		cmocka_unit_test(nesting_ends_at_its_limit),
		cmocka_unit_test(long_numbers_meet_their_limits),
		cmocka_unit_test(every_prefix_of_a_text_is_refused),
		cmocka_unit_test(the_front_of_a_stream_is_complete_or_not_yet),
		cmocka_unit_test(outermost_members_are_noted),
		cmocka_unit_test(members_beyond_the_noted_ones_are_found),
		cmocka_unit_test(objects_and_arrays_are_walked),
		cmocka_unit_test(values_of_an_object_are_walked_like_elements),
		cmocka_unit_test(nothing_comes_of_other_values),
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(integers_are_read),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(the_public_suite_is_judged_as_it_wants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
