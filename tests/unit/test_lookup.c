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

static void means(const char *text, const char *key, enum node_kind kind, const char *name)
{
	struct lookup_meaning m;

	lookup_mean(text, &m);
	if (strncmp(m.key, key, strlen(key)) != 0 || (key[0] == '\0' && m.key[0]) || m.kind != kind ||
	    strcmp(m.name, name) != 0)
		fail_msg("'%s': '%s', %s, '%s'", text, m.key, node_kind_name(m.kind), m.name);
}

static void mean_value_with_its_type_has_its_key(void **state)
{
	(void)state;
	/* UUIDv5 of {"value":"198.51.100.3"}, by Python's uuid. */
	means("ipv4-addr:198.51.100.3", "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4", NODE_IPV4_ADDR,
	      "198.51.100.3");
	means("ipv4-addr:198.51.100.300", "", NODE_IPV4_ADDR, "198.51.100.300");
	means("domain-name:Example.COM", "domain-name--", NODE_DOMAIN_NAME, "Example.COM");
	means("sha256:9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08", "x-hash--", NODE_HASH,
	      "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08");
	means("hash:d41d8cd98f00b204e9800998ecf8427e", "x-hash--", NODE_HASH, "d41d8cd98f00b204e9800998ecf8427e");
	means("tag:tlp:white", "x-tag--", NODE_TAG, "tlp:white");
	means("alias:Fancy Bear", "x-alias--", NODE_ALIAS, "Fancy Bear");
	means("malware:Cutlet", "", NODE_MALWARE, "Cutlet");
}

static void mean_value_alone_is_what_it_looks_like(void **state)
{
	(void)state;
	means("198.51.100.3", "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4", NODE_OTHER, "198.51.100.3");
	means("2001:db8::1", "ipv6-addr--", NODE_OTHER, "2001:db8::1");
	means("https://example.com/a", "url--", NODE_OTHER, "https://example.com/a");
	means("d41d8cd98f00b204e9800998ecf8427e", "x-hash--", NODE_OTHER, "d41d8cd98f00b204e9800998ecf8427e");
}

static void mean_what_is_no_value_is_a_name(void **state)
{
	const char *const names[] = {
		"Cutlet Loader", "", ":", "a:b", "malware--1", "d41d8cd98f00b204e9800998ecf8427"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		means(names[i], "", NODE_OTHER, names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_begins_with_the_text_and_nothing_in_it_is_a_pattern),
		cmocka_unit_test(words_are_quoted_and_joined),
		cmocka_unit_test(mean_value_with_its_type_has_its_key),
		cmocka_unit_test(mean_value_alone_is_what_it_looks_like),
		cmocka_unit_test(mean_what_is_no_value_is_a_name),
		cmocka_unit_test(patterns_of_the_longest_text_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
