/* STIX patterns (bootstage/intel/pattern.h): which values they name, and which texts are none. */
#include "bootstage/intel/pattern.h"

#include <stdio.h>
#include <string.h>

#include "tests/support.h"

struct found {
	char text[2000];
	size_t n;
};

/* "KIND VALUE;" for each. */
static int note(void *arg, const struct observable *o)
{
	struct found *f = arg;

	f->n += (size_t)snprintf(f->text + f->n, sizeof(f->text) - f->n, "%s %.*s;",
				 o->algorithm ? o->algorithm : node_kind_name(o->kind), (int)o->value.n,
				 (const char *)o->value.p);
	assert_true(f->n < sizeof(f->text));
	return 0;
}

static int read_into(const char *text, struct found *f, struct why *w)
{
	uint8_t scratch[2000];

	*f = (struct found){ .n = 0 };
	return pattern_read(bytes_str(text), scratch, &(struct pattern_sink){ note, f }, w);
}

static void names(const char *text, const char *want)
{
	struct why w = { 0 };
	struct found f;

	if (read_into(text, &f, &w))
		fail_msg("%s: %s", text, w.text);
	if (strcmp(f.text, want) != 0)
		fail_msg("%s: '%s', want '%s'", text, f.text, want);
}

static void is_no_pattern(const char *text, int want)
{
	struct why w = { 0 };
	struct found f;
	int r = read_into(text, &f, &w);

	if (r != want || w.code != want || !w.text[0])
		fail_msg("%s: %d '%s', want %d", text, r, w.text, want);
}

/* As they stand in the examples of STIX and in what producers write. */
static void values_of_patterns_in_use(void **state)
{
	(void)state;
	names("[ipv4-addr:value = '223.166.0.0/15']", "ipv4-addr 223.166.0.0/15;");
	names("[ ipv4-addr:value = '10.0.0.0' ]", "ipv4-addr 10.0.0.0;");
	names("[domain-name:value = 'hugesoft.org']", "domain-name hugesoft.org;");
	names("[url:value = 'http://paypa1.banking.com']", "url http://paypa1.banking.com;");
	names("[file:hashes.md5 = '001dd768']", "MD5 001dd768;");
	names("[file:hashes.'SHA-256' = 'ef53']", "SHA-256 ef53;");
	names("[file:hashes.\"SHA-256\" = 'ef53']", "SHA-256 ef53;");
	names("[file:hashes.MD5 = 'a' AND file:name = 'test_file_name']", "MD5 a;file test_file_name;");
	names("[x509-certificate:issuer = 'CN=WEBMAIL' AND x509-certificate:serial_number = '4c:0b']",
	      "x509-certificate 4c:0b;");
	names("[domain-name:value = 'circl.lu' AND domain-name:resolves_to_refs[*].value = '149.13.33.14']",
	      "domain-name circl.lu;ipv4-addr 149.13.33.14;");
	names("[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '1.2.3.4' AND network-traffic:dst_port = 80]",
	      "ipv4-addr 1.2.3.4;");
	names("[email-message:from_ref.value = 'a@b.example' OR email-message:to_refs[0].value = 'c@d.example']",
	      "email-addr a@b.example;email-addr c@d.example;");
	names("[email-message:body_multipart[*].body_raw_ref.name = 'Final.exe']", "file Final.exe;");
	names("[windows-registry-key:key = 'HKLM\\\\x' AND mutex:name = 'm' AND autonomous-system:number = 174]",
	      "windows-registry-key HKLM\\x;mutex m;autonomous-system 174;");
	names("[process:image_ref.hashes.MD5 = 'a' OR directory:path = '/x' OR file:parent_directory_ref.path = '/y']",
	      "MD5 a;directory /x;directory /y;");
}

static void sets_name_each_of_their_values(void **state)
{
	(void)state;
	names("[ipv4-addr:value IN ('1.2.3.4', '5.6.7.8')]", "ipv4-addr 1.2.3.4;ipv4-addr 5.6.7.8;");
	names("[ipv4-addr:value NOT IN ('1.2.3.4')]", "");
	names("[ipv4-addr:value IN ()]", "");
	is_no_pattern("[ipv4-addr:value IN ('1.2.3.4' '5.6.7.8')]", -EBADMSG);
	is_no_pattern("[ipv4-addr:value IN ('1.2.3.4',)]", -EBADMSG);
}

static void what_describes_many_values_or_none_names_none(void **state)
{
	(void)state;
	names("[domain-name:value != 'a.example']", "");
	names("[domain-name:value <> 'a.example']", "");
	names("[domain-name:value NOT = 'a.example']", "");
	names("[domain-name:value LIKE '%.example' OR url:value MATCHES '^http']", "");
	names("[ipv4-addr:value ISSUBSET '10.0.0.0/8' OR ipv4-addr:value NOT ISSUPERSET '10.0.0.0/8']", "");
	names("[EXISTS file:name OR NOT EXISTS file:hashes.MD5]", "");
	names("[file:size > 5 AND file:created < t'2017-01-01T00:00:00Z' AND file:content = h'00ff' AND artifact:payload_bin = b'AA==']",
	      "");
	names("[x-thing:value = 'a' OR file:extensions.'pdf-ext'.version = '1.7' OR file:hashes.UNKNOWN = 'a' OR x-thing:is = true]",
	      "");
}

static void expressions_nest_and_follow_each_other(void **state)
{
	(void)state;
	names("([file:name = 'a'] AND [file:name = 'b']) REPEATS 2 TIMES FOLLOWEDBY [file:name = 'c'] WITHIN 300 SECONDS",
	      "file a;file b;file c;");
	names("[file:name = 'a'] START t'2016-05-12T08:17:27.000Z' STOP t'2016-05-12T08:17:28Z'", "file a;");
	names("[file:name = 'a'] START '2016-05-12T08:17:27.000Z' STOP '2016-05-12T08:17:28Z'", "file a;");
	names("[(file:name = 'a' OR (file:name = 'b')) AND mutex:name = 'c']", "file a;file b;mutex c;");
	names("[file:name='a'/* not this: ' */OR file:name='b' // nor ] this\n]", "file a;file b;");
	names("[file:name = 'a'] or [file:name = 'b']", "file a;file b;");
}

static void escapes_are_taken_away(void **state)
{
	(void)state;
	names("[file:name = 'it\\'s' OR directory:path = 'C:\\\\Windows\\\\']", "file it's;directory C:\\Windows\\;");
	names("[file:name = '']", "file ;");
	names("[file:name = '[a] = \\'b\\'']", "file [a] = 'b';");
}

static void texts_that_are_no_patterns_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   "x",
					   "[",
					   "[]",
					   "]",
					   "[file:name]",
					   "[file:name = ]",
					   "[file:name = 'a'",
					   "[file:name = 'a]",
					   "[file:name = 'a'\\]",
					   "[file.name = 'a']",
					   "[file: = 'a']",
					   "[:name = 'a']",
					   "[file:name = 'a'] [file:name = 'b']",
					   "[file:name = 'a' file:name = 'b']",
					   "[file:name = 'a'] AND",
					   "[file:name ! 'a']",
					   "[file:name[ = 'a']",
					   "[file:name[x] = 'a']",
					   "file:name = 'a'",
					   "([file:name = 'a']",
					   "[file:name = 'a'] WITHIN",
					   "[file:name = 'a'] WITHIN 5",
					   "[file:name = 'a'] START t'x'",
					   "[file:name = a]",
					   "alert tcp any any",
					   "[NOT file:name = 'a']",
					   "[file:name = 'a'] REPEATS x TIMES" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		is_no_pattern(bad[i], -EBADMSG);
}

static void depth_and_length_of_paths_are_bounded(void **state)
{
	char text[2000] = "[";
	size_t n = 1;

	(void)state;
	for (int i = 0; i < 64; i++)
		text[n++] = '(';
	memcpy(text + n, "file:name = 'a'", 16);
	is_no_pattern(text, -E2BIG);
	names("[a:b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q = 'a']", "");
	is_no_pattern("[a:b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r = 'a']", -E2BIG);
}

static int refuses(void *arg, const struct observable *o)
{
	(void)arg;
	(void)o;
	return -ENOSPC;
}

static void what_the_sink_returns_ends_the_reading(void **state)
{
	uint8_t scratch[100];

	(void)state;
	assert_int_equal(
		pattern_read(bytes_str("[file:name = 'a']"), scratch, &(struct pattern_sink){ refuses, NULL }, NULL),
		-ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_patterns_in_use),
		cmocka_unit_test(sets_name_each_of_their_values),
		cmocka_unit_test(what_describes_many_values_or_none_names_none),
		cmocka_unit_test(expressions_nest_and_follow_each_other),
		cmocka_unit_test(escapes_are_taken_away),
		cmocka_unit_test(texts_that_are_no_patterns_are_refused),
		cmocka_unit_test(depth_and_length_of_paths_are_bounded),
		cmocka_unit_test(what_the_sink_returns_ends_the_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
