/* The JSON writer (base/json.h): every text it writes is valid JSON, whatever the values hold. */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "tests/support.h"

/* A writer into memory. */
struct sink {
	struct json j;
	char *text;
	size_t n;
};

static void open_sink(struct sink *s, bool line)
{
	*s = (struct sink){ .j.line = line };
	s->j.to = open_memstream(&s->text, &s->n);
	assert_non_null(s->j.to);
}

static void assert_written(struct sink *s, const char *want)
{
	struct why w = { 0 };

	assert_ok(json_finish(&s->j, &w), w);
	(void)fclose(s->j.to);
	assert_string_equal(s->text, want);
	free(s->text);
}

static void all_kinds_indented(void **state)
{
	struct sink s;

	(void)state;
	open_sink(&s, false);
	json_object(&s.j, NULL);
	json_string(&s.j, "s", "x");
	json_string(&s.j, "none", NULL);
	json_text(&s.j, "text", "y");
	json_text(&s.j, "empty", "");
	json_u64(&s.j, "u", UINT64_MAX);
	json_i64(&s.j, "i", INT64_MIN);
	json_double(&s.j, "d", 1.5);
	json_bool(&s.j, "b", false);
	json_null(&s.j, "z");
	json_array(&s.j, "a");
	json_u64(&s.j, NULL, 1);
	json_object(&s.j, NULL);
	json_end(&s.j);
	json_array(&s.j, NULL);
	json_end(&s.j);
	json_end(&s.j);
	json_end(&s.j);
	assert_written(&s, "{\n"
			   "  \"s\": \"x\",\n"
			   "  \"none\": null,\n"
			   "  \"text\": \"y\",\n"
			   "  \"empty\": null,\n"
			   "  \"u\": 18446744073709551615,\n"
			   "  \"i\": -9223372036854775808,\n"
			   "  \"d\": 1.500,\n"
			   "  \"b\": false,\n"
			   "  \"z\": null,\n"
			   "  \"a\": [\n"
			   "    1,\n"
			   "    {},\n"
			   "    []\n"
			   "  ]\n"
			   "}\n");
}

static void one_line_form_has_one_line(void **state)
{
	struct sink s;

	(void)state;
	open_sink(&s, true);
	json_object(&s.j, NULL);
	json_array(&s.j, "a");
	json_u64(&s.j, NULL, 1);
	json_u64(&s.j, NULL, 2);
	json_end(&s.j);
	json_string(&s.j, "t", "a\nb");
	json_end(&s.j);
	assert_written(&s, "{\"a\": [1, 2], \"t\": \"a\\u000ab\"}\n");
}

static void text_is_escaped_and_bad_utf8_replaced(void **state)
{
#define BAD "\\ufffd"
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "a\"b\\c/", "a\\\"b\\\\c/" },
		{ "\x01\x1f\x7f\t", "\\u0001\\u001f\\u007f\\u0009" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\x80", BAD },                                            /* a continuation on its own */
		{ "\xff\xfe", BAD BAD },                                    /* never in UTF-8 */
		{ "\xc0\xaf", BAD BAD },                                    /* overlong '/' */
		{ "\xe0\x80\xaf", BAD BAD BAD },                            /* overlong, three bytes */
		{ "\xf0\x80\x80\xaf", BAD BAD BAD BAD },                    /* overlong, four bytes */
		{ "\xed\xa0\x80", BAD BAD BAD },                            /* a surrogate */
		{ "\xf4\x90\x80\x80", BAD BAD BAD BAD },                    /* beyond U+10FFFF */
		{ "\xf5\x80\x80\x80", BAD BAD BAD BAD },                    /* beyond as well */
		{ "\xc3", BAD },                                            /* cut at the end */
		{ "\xe2\x82", BAD BAD },                                    /* cut after two of three */
		{ "\xf0\x9f\x98", BAD BAD BAD },                            /* cut after three of four */
		{ "\xc3x", BAD "x" },                                       /* resumes at the next byte */
		{ "\xe2\x82x", BAD BAD "x" },                               /* likewise */
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },                 /* U+10FFFF */
		{ "\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80" }, /* around the surrogates */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char want[100];
		struct sink s;

		open_sink(&s, true);
		json_string(&s.j, NULL, cases[i].text);
		(void)snprintf(want, sizeof(want), "\"%s\"\n", cases[i].want);
		assert_written(&s, want);
	}
}

static void keys_are_escaped_too(void **state)
{
	struct sink s;

	(void)state;
	open_sink(&s, true);
	json_object(&s.j, NULL);
	json_bool(&s.j, "a\"\xff", true);
	json_end(&s.j);
	assert_written(&s, "{\"a\\\"\\ufffd\": true}\n");
}

/* JSON has no word for them (RFC 8259, section 6). */
static void numbers_that_are_none_are_null(void **state)
{
	struct sink s;

	(void)state;
	open_sink(&s, true);
	json_array(&s.j, NULL);
	json_double(&s.j, NULL, NAN);
	json_double(&s.j, NULL, INFINITY);
	json_double(&s.j, NULL, -INFINITY);
	json_double(&s.j, NULL, -0.0004);
	json_end(&s.j);
	assert_written(&s, "[null, null, null, -0.000]\n");
}

static void nesting_goes_as_deep_as_promised(void **state)
{
	struct sink s;

	(void)state;
	open_sink(&s, true);
	for (unsigned int i = 0; i < JSON_DEPTH_MAX; i++)
		json_array(&s.j, NULL);
	for (unsigned int i = 0; i < JSON_DEPTH_MAX; i++)
		json_end(&s.j);
	assert_written(&s, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]\n");
}

static void a_full_medium_is_reported(void **state)
{
	struct why w = { 0 };
	struct json j = { .to = fopen("/dev/full", "we") };

	(void)state;
	assert_non_null(j.to);
	json_string(&j, NULL, "x");
	assert_int_equal(json_finish(&j, &w), -EIO);
	assert_string_equal(w.text, "output cannot be written");
	(void)fclose(j.to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_indented),
		cmocka_unit_test(one_line_form_has_one_line),
		cmocka_unit_test(text_is_escaped_and_bad_utf8_replaced),
		cmocka_unit_test(keys_are_escaped_too),
		cmocka_unit_test(numbers_that_are_none_are_null),
		cmocka_unit_test(nesting_goes_as_deep_as_promised),
		cmocka_unit_test(a_full_medium_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
