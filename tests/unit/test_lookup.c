/* Patterns that texts are looked for with (bootstage/intel/lookup.h; N14). */
#include "bootstage/intel/lookup.h"

#include <string.h>

#include "tests/support.h"

static void like_begins_with_the_text_and_nothing_in_it_is_a_pattern(void **state)
{
	char out[LOOKUP_PATTERN_MAX];

	(void)state;
	lookup_like("Cobalt", out);
	assert_string_equal(out, "Cobalt%");
	lookup_like("a%b_c\\d", out);
	assert_string_equal(out, "a\\%b\\_c\\\\d%");
	lookup_like("", out);
	assert_string_equal(out, "%");
}

static void words_are_quoted_and_joined(void **state)
{
	char out[LOOKUP_PATTERN_MAX];

	(void)state;
	lookup_words("Cobalt Strike", out);
	assert_string_equal(out, "'Cobalt':* & 'Strike':*");
	lookup_words("  o'neil \\x | & ", out);
	assert_string_equal(out, "'o''neil':* & '\\\\x':*");
	lookup_words(" & ! ", out);
	assert_string_equal(out, "");
	lookup_words("\xd0\x96", out);
	assert_string_equal(out, "'\xd0\x96':*");
}

static void patterns_of_the_longest_text_fit(void **state)
{
	const char *const of[] = { "%", "'", "a ", "\xc3\xa9" };
	char text[LOOKUP_TEXT_MAX + 1], out[LOOKUP_PATTERN_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		for (size_t k = 0; k < LOOKUP_TEXT_MAX; k++)
			text[k] = of[i][k % strlen(of[i])];
		text[LOOKUP_TEXT_MAX] = '\0';
		out[LOOKUP_PATTERN_MAX] = 'x';
		lookup_like(text, out);
		assert_true(strlen(out) >= LOOKUP_TEXT_MAX && strlen(out) < LOOKUP_PATTERN_MAX);
		lookup_words(text, out);
		assert_true(strlen(out) < LOOKUP_PATTERN_MAX);
		assert_int_equal(out[LOOKUP_PATTERN_MAX], 'x');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_begins_with_the_text_and_nothing_in_it_is_a_pattern),
		cmocka_unit_test(words_are_quoted_and_joined),
		cmocka_unit_test(patterns_of_the_longest_text_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
