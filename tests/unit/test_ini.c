/* Strict INI (base/ini.h): what is taken, what is refused and with which line, and that every mistake stops there. */
#include "base/ini.h"

#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "tests/support.h"

/* What the setters saw: "section-sub key=value" joined by '|'. */
struct seen {
	char text[4096];
	size_t n;
	unsigned int calls;
};

static int add(struct seen *s, const char *key, const char *sub, const char *value)
{
	int n = snprintf(s->text + s->n, sizeof(s->text) - s->n, "%s%s%s%s=%s", s->calls++ ? "|" : "", sub,
			 *sub ? " " : "", key, value);

	assert_true(n > 0 && (size_t)n < sizeof(s->text) - s->n);
	s->n += (size_t)n;
	return 0;
}

static int set_name(void *into, const char *sub, const char *value, struct why *w)
{
	(void)w;
	return add(into, "name", sub, value);
}

static int set_unit(void *into, const char *sub, const char *value, struct why *w)
{
	(void)w;
	return add(into, "unit", sub, value);
}

static int set_number(void *into, const char *sub, const char *value, struct why *w)
{
	if (strspn(value, "0123456789") != strlen(value))
		return misuse(w, -EINVAL, "'%s' is not a number", value);
	return add(into, "number", sub, value);
}

static int count_only(void *into, const char *sub, const char *value, struct why *w)
{
	struct seen *s = into;

	(void)sub, (void)value, (void)w;
	s->calls++;
	return 0;
}

static const struct ini_key keys[] = {
	{ "system", "name", set_name, false },   { "system", "number", set_number, false },
	{ "health", "unit", set_unit, true },    { "slot.*", "name", set_name, false },
	{ "count.*", "key", count_only, false }, { "count", "key", count_only, true },
};

static int read_bytes(const char *text, size_t n, struct seen *s, struct why *w)
{
	*s = (struct seen){ 0 };
	*w = (struct why){ 0 };
	return ini_read(bytes_of(text, n), "t.conf", keys, ARRAY_SIZE(keys), s, w);
}

static void takes(const char *text, const char *want)
{
	struct seen s;
	struct why w;

	if (read_bytes(text, strlen(text), &s, &w))
		fail_msg("'%s': %s", text, w.text);
	assert_string_equal(s.text, want);
}

static void refuses(const char *text, const char *why, const char *taken)
{
	struct seen s;
	struct why w;

	if (!read_bytes(text, strlen(text), &s, &w))
		fail_msg("'%s' was taken: %s", text, s.text);
	assert_string_equal(w.text, why);
	assert_string_equal(s.text, taken);
	assert_int_equal(w.exit, EXIT_USAGE);
}

static void plain_text_is_taken(void **state)
{
	(void)state;
	takes("", "");
	takes("\n\n", "");
	takes("[system]\nname=x\nnumber=7\n", "name=x|number=7");
	takes("[system]\nname=x", "name=x");
	takes("[system]\r\nname=x\r\n", "name=x");
	takes("[system]\nname=\n", "name=");
	takes("[system]\nname=a=b\n", "name=a=b");
	takes("[system]\nname=http://h:1/x?a=b\n", "name=http://h:1/x?a=b");
	takes("[slot.a]\nname=x\n[slot.b]\nname=y\n", "a name=x|b name=y");
	takes("[system]\nname=x\n[health]\nunit=a\n[system]\nnumber=1\n", "name=x|unit=a|number=1");
}

static void blanks_around_do_not_count(void **state)
{
	(void)state;
	takes("  [system]  \n\tname = x y \t\n", "name=x y");
	takes("\xef\xbb\xbf[system]\nname=x\n", "name=x");
	takes("\xef\xbb\xbf  [system]\nname=x\n", "name=x");
}

static void comments_are_passed_over(void **state)
{
	(void)state;
	takes("; a\n# b\n  ; c\n[system] ; d\n\t# e\nname=x ; f\n", "name=x");
	takes("[system]\nname=a;b\n", "name=a;b");
	takes("[system]\nname=a#b #c\n", "name=a#b #c");
	takes("[system]\nname= ; nothing\n", "name=");
	takes("# only this", "");
}

/* inih would hand an indented line to the key above it, so that an indented key=value became a value. */
static void an_indented_line_is_a_line_of_its_own(void **state)
{
	(void)state;
	takes("[health]\nunit=a\n  unit=b\n", "unit=a|unit=b");
	refuses("[health]\nunit=a\n  b.service\n", "t.conf:3: neither a [section] nor key=value", "unit=a");
	refuses("[health]\nunit=a\n  [health]\n  name=b\n", "t.conf:4: unknown key 'name' in [health]", "unit=a");
}

static void unknown_and_repeated_are_refused_with_their_line(void **state)
{
	(void)state;
	refuses("[system]\nname=x\n\n; c\nnmae=y\n", "t.conf:5: unknown key 'nmae' in [system]", "name=x");
	refuses("[system]\nName=x\n", "t.conf:2: unknown key 'Name' in [system]", "");
	refuses("[sytem]\nname=x\n", "t.conf:1: unknown section [sytem]", "");
	refuses("[empty]\n", "t.conf:1: unknown section [empty]", "");
	refuses("[slot.]\nname=x\n", "t.conf:1: unknown section [slot.]", "");
	refuses("[ system ]\nname=x\n", "t.conf:1: unknown section [ system ]", "");
	refuses("[]\nname=x\n", "t.conf:1: unknown section []", "");
	refuses("name=x\n", "t.conf:1: unknown key 'name' before the first [section]", "");
	refuses("[system]\nname=x\nname=x\n", "t.conf:3: [system] name is given twice", "name=x");
	refuses("[system]\nname=x\n[health]\n[system]\nname=y\n", "t.conf:5: [system] name is given twice", "name=x");
	refuses("[slot.a]\nname=x\n[slot.b]\n[slot.a]\nname=y\n", "t.conf:5: [slot.a] name is given twice", "a name=x");
}

static void malformed_lines_are_refused_with_their_line(void **state)
{
	(void)state;
	refuses("[system]\nname\n", "t.conf:2: neither a [section] nor key=value", "");
	refuses("[system]\nname:x\n", "t.conf:2: neither a [section] nor key=value", "");
	refuses("[system]\nname:a=x\n", "t.conf:2: neither a [section] nor key=value", "");
	refuses("[system]\n=x\n", "t.conf:2: neither a [section] nor key=value", "");
	refuses("[system]\nname ; =x\n", "t.conf:2: neither a [section] nor key=value", "");
	refuses("[system\nname=x\n", "t.conf:1: a section without ']'", "");
	refuses("[sys ;tem]\n", "t.conf:1: a section without ']'", "");
	refuses("[system] name=x\n", "t.conf:1: 'name=x' behind the section", "");
	refuses("[system];x\n", "t.conf:1: ';x' behind the section", "");
	refuses("[system]\n\xef\xbb\xbfname=x\n", "t.conf:2: unknown key '\xef\xbb\xbfname' in [system]", "");
}

static void the_first_mistake_ends_it(void **state)
{
	(void)state;
	refuses("[system]\nbad\nname=x\nnmae=y\n", "t.conf:2: neither a [section] nor key=value", "");
	refuses("[system]\nnumber=x\nbad\n", "t.conf:2: [system] number: 'x' is not a number", "");
}

static void a_setters_reason_names_file_line_section_and_key(void **state)
{
	struct seen s;
	struct why w;

	(void)state;
	assert_int_equal(read_bytes("[system]\nnumber=-1\n", 19, &s, &w), -EINVAL);
	assert_string_equal(w.text, "t.conf:2: [system] number: '-1' is not a number");
	assert_int_equal(w.exit, EXIT_USAGE);
}

static void nul_bytes_are_refused(void **state)
{
	static const char in_value[] = "[system]\nname=a\0b\n", in_comment[] = "# a\0b\n", last[] = "[system]\n\0";
	struct seen s;
	struct why w;

	(void)state;
	assert_int_equal(read_bytes(in_value, sizeof(in_value) - 1, &s, &w), -EBADMSG);
	assert_string_equal(w.text, "t.conf:2: a NUL byte");
	assert_int_equal(read_bytes(in_comment, sizeof(in_comment) - 1, &s, &w), -EBADMSG);
	assert_int_equal(read_bytes(last, sizeof(last) - 1, &s, &w), -EBADMSG);
	assert_int_equal(s.calls, 0);
}

/* "key=" and n - 4 times 'v', behind `front`. */
static char *long_line(const char *front, size_t n, char *out)
{
	size_t at = strlen(front);

	memcpy(out, front, at);
	memset(out + at, 'v', n);
	memcpy(out + at, "name=", 5);
	memcpy(out + at + n, "\n", 2);
	return out;
}

static void a_line_of_190_bytes_is_taken_whole_and_one_more_refused(void **state)
{
	static const char *const fronts[] = { "[system]\n", "\xef\xbb\xbf[system]\n" };
	char text[300];
	struct seen s;
	struct why w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fronts); i++) {
		(void)long_line(fronts[i], 190, text);
		assert_ok(read_bytes(text, strlen(text), &s, &w), w);
		assert_int_equal(strlen(s.text), 190);
		(void)long_line(fronts[i], 191, text);
		assert_int_equal(read_bytes(text, strlen(text), &s, &w), -EBADMSG);
		assert_string_equal(w.text, "t.conf:2: line of 191 bytes, the limit is 190");
	}
}

static void section_names_that_inih_would_cut_are_refused(void **state)
{
	char text[200], name[60];
	struct seen s;
	struct why w;

	(void)state;
	memset(name, 'x', sizeof(name));
	(void)snprintf(text, sizeof(text), "[slot.%.44s]\nname=v\n", name);
	assert_ok(read_bytes(text, strlen(text), &s, &w), w);
	assert_int_equal(strlen(s.text), 44 + strlen(" name=v"));
	(void)snprintf(text, sizeof(text), "[slot.%.45s]\nname=v\n", name);
	assert_int_equal(read_bytes(text, strlen(text), &s, &w), -EBADMSG);
	assert_string_equal(w.text, "t.conf:1: section name of 50 bytes, the limit is 49");
}

static void text_of_1_mib_is_taken_and_one_byte_more_refused(void **state)
{
	AUTO_FREE char *text = malloc(INI_TEXT_MAX + 1);
	struct seen s;
	struct why w;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', INI_TEXT_MAX + 1);
	memcpy(text, "[count]\n", 8);
	for (size_t at = 8; at + 6 <= INI_TEXT_MAX; at += 6)
		memcpy(text + at, "key=1\n", 6);
	assert_ok(read_bytes(text, INI_TEXT_MAX, &s, &w), w);
	assert_int_equal(s.calls, (INI_TEXT_MAX - 8) / 6);
	assert_int_equal(read_bytes(text, INI_TEXT_MAX + 1, &s, &w), -E2BIG);
	assert_int_equal(s.calls, 0);
	assert_int_equal(w.exit, EXIT_USAGE);
}

static void up_to_4096_single_keys_are_taken(void **state)
{
	AUTO_FREE char *text = malloc(4097u * 32);
	size_t n = 0, last = 0;
	struct seen s;
	struct why w;

	(void)state;
	assert_non_null(text);
	for (unsigned int i = 0; i < 4097; i++) {
		last = n;
		n += (size_t)snprintf(text + n, 32, "[count.%u]\nkey=1\n", i);
	}
	assert_ok(read_bytes(text, last, &s, &w), w);
	assert_int_equal(s.calls, 4096);
	assert_int_equal(read_bytes(text, n, &s, &w), -E2BIG);
	assert_string_equal(w.text, "t.conf:8194: more than 4096 keys");
}

static void every_prefix_of_a_good_file_is_answered(void **state)
{
	static const char good[] =
		"\xef\xbb\xbf; c\n[system] ; s\nname = a b ; c\r\n\n[slot.a]\nname=x\n[health]\nunit=u\n";
	struct seen s;
	struct why w;

	(void)state;
	for (size_t n = 0; n < sizeof(good); n++) {
		int r = read_bytes(good, n, &s, &w);

		assert_true(r == 0 || (r == -EBADMSG && w.text[0]));
	}
}

static void files_are_read_and_their_absence_named(void **state)
{
	static const char text[] = "[system]\nname=x\n";
	const char *path = scratch_path("a.conf");
	struct seen s = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(file_replace(AT_FDCWD, path, text, sizeof(text) - 1, 0600, &w), w);
	assert_ok(ini_read_file(path, keys, ARRAY_SIZE(keys), &s, &w), w);
	assert_string_equal(s.text, "name=x");
	assert_int_equal(ini_read_file(scratch_path("none.conf"), keys, ARRAY_SIZE(keys), &s, &w), -ENOENT);
	assert_non_null(strstr(w.text, "none.conf: No such file or directory"));
}

/* A file whose other keys are somebody else's. */
static void one_value_is_found_among_unknown_ones(void **state)
{
	static const struct {
		const char *text, *why;
		int want;
	} cases[] = {
		{ "[other]\nname=o\nname=o\n[system]\nzip=1\nname = a b ; c\nzip=1\n[new]\n", "", 0 },
		{ "name=x\n[other]\nname=o\n[system]\nnam=x\n", "v.conf: [system] name is missing", -ENODATA },
		{ "", "v.conf: [system] name is missing", -ENODATA },
		{ "[system]\nname=x\n[other]\n[system]\nname=y\n", "v.conf:5: [system] name is given twice", -EBADMSG },
		{ "[system]\nname=x\n[other]\nno key\n", "v.conf:4: neither", -EBADMSG },
		{ "[system]\nname=12345678\n", "v.conf:2: [system] name: 8 bytes, the limit is 7", -E2BIG },
	};
	const char *path = scratch_path("v.conf");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char value[8] = "before";
		struct why w = { 0 };
		int r;

		assert_ok(file_replace(AT_FDCWD, path, cases[i].text, strlen(cases[i].text), 0600, &w), w);
		r = ini_value_file(path, "system", "name", value, sizeof(value), &w);
		if (r != cases[i].want || !strstr(w.text, cases[i].why))
			fail_msg("%zu: %d: %s", i, r, w.text);
		assert_string_equal(value, r ? "before" : "a b");
	}
	assert_int_equal(ini_value_file(scratch_path("none.conf"), "system", "name", (char[8]){ 0 }, 8, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_is_taken),
		cmocka_unit_test(blanks_around_do_not_count),
		cmocka_unit_test(comments_are_passed_over),
		cmocka_unit_test(an_indented_line_is_a_line_of_its_own),
		cmocka_unit_test(unknown_and_repeated_are_refused_with_their_line),
		cmocka_unit_test(malformed_lines_are_refused_with_their_line),
		cmocka_unit_test(the_first_mistake_ends_it),
		cmocka_unit_test(a_setters_reason_names_file_line_section_and_key),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(a_line_of_190_bytes_is_taken_whole_and_one_more_refused),
		cmocka_unit_test(section_names_that_inih_would_cut_are_refused),
		cmocka_unit_test(text_of_1_mib_is_taken_and_one_byte_more_refused),
		cmocka_unit_test(up_to_4096_single_keys_are_taken),
		cmocka_unit_test(every_prefix_of_a_good_file_is_answered),
		cmocka_unit_test(files_are_read_and_their_absence_named),
		cmocka_unit_test(one_value_is_found_among_unknown_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
