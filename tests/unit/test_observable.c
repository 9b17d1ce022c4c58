/* Values in one form (bootstage/intel/observable.h): what comes out for what feeds write, and what is no such value. */
#include "bootstage/intel/observable.h"

#include <string.h>

#include "tests/support.h"

static struct observable cleaned(enum node_kind kind, const char *algorithm, const char *value, int want)
{
	static uint8_t buf[4096];
	struct observable o = { .kind = kind, .algorithm = algorithm, .value = bytes_str(value) };
	int r = observable_clean(&o, buf);

	if (r != want)
		fail_msg("%s '%s': %d, want %d", node_kind_name(kind), value, r, want);
	return o;
}

static void comes_out(enum node_kind kind, const char *value, const char *want)
{
	struct observable o = cleaned(kind, NULL, value, 0);

	if (!bytes_equal(o.value, bytes_str(want)))
		fail_msg("%s '%s': '%.*s', want '%s'", node_kind_name(kind), value, (int)o.value.n,
			 (const char *)o.value.p, want);
}

static void is_none(enum node_kind kind, const char *value)
{
	struct observable o = cleaned(kind, NULL, value, -EBADMSG);

	assert_true(bytes_equal(o.value, bytes_str(value)));
}

static void hash_names_are_read_however_they_are_written(void **state)
{
	(void)state;
	assert_string_equal(hash_name(bytes_str("sha256")), "SHA-256");
	assert_string_equal(hash_name(bytes_str("SHA-256")), "SHA-256");
	assert_string_equal(hash_name(bytes_str("Sha_256")), "SHA-256");
	assert_string_equal(hash_name(bytes_str("md5")), "MD5");
	assert_string_equal(hash_name(bytes_str("sha512/224")), "SHA-512/224");
	assert_string_equal(hash_name(bytes_str("SHA3-256")), "SHA3-256");
	assert_null(hash_name(bytes_str("sha25")));
	assert_null(hash_name(bytes_str("sha2567")));
	assert_null(hash_name(bytes_str("")));
	assert_null(hash_name(bytes_of("md5\0", 4)));
}

static void hashes_have_their_length_in_lower_case(void **state)
{
	struct observable o = cleaned(NODE_HASH, "MD5", " 8764605C6F388C89096B534D33565802\n", 0);

	(void)state;
	assert_true(bytes_equal(o.value, bytes_str("8764605c6f388c89096b534d33565802")));
	cleaned(NODE_HASH, "MD5", "8764605c6f388c89096b534d3356580", -EBADMSG);
	cleaned(NODE_HASH, "MD5", "8764605c6f388c89096b534d3356580g", -EBADMSG);
	cleaned(NODE_HASH, "SHA-1", "8764605c6f388c89096b534d33565802", -EBADMSG);
	cleaned(NODE_HASH, NULL, "8764605c6f388c89096b534d33565802", -EBADMSG);
	o = cleaned(NODE_HASH, "SSDEEP", "3:AIbFfbX:AIZbX", 0);
	assert_true(bytes_equal(o.value, bytes_str("3:AIbFfbX:AIZbX")));
}

static void addresses_have_one_form(void **state)
{
	(void)state;
	comes_out(NODE_IPV4_ADDR, "198.51.100.3", "198.51.100.3");
	comes_out(NODE_IPV4_ADDR, "198.51.100.3/32", "198.51.100.3");
	comes_out(NODE_IPV4_ADDR, "223.166.0.0/15", "223.166.0.0/15");
	comes_out(NODE_IPV6_ADDR, "2001:0DB8:85a3:0000:0000:8a2e:0370:7334", "2001:db8:85a3::8a2e:370:7334");
	comes_out(NODE_IPV6_ADDR, "2001:0db8::/96", "2001:db8::/96");
	comes_out(NODE_IPV6_ADDR, "::1/128", "::1");
	comes_out(NODE_MAC_ADDR, "D2-FB-49-24-37-18", "d2:fb:49:24:37:18");
	is_none(NODE_IPV4_ADDR, "198.51.100");
	is_none(NODE_IPV4_ADDR, "198.51.100.256");
	is_none(NODE_IPV4_ADDR, "198.51.100.3/33");
	is_none(NODE_IPV4_ADDR, "198.51.100.3/");
	is_none(NODE_IPV4_ADDR, "198.51.100.3:80");
	is_none(NODE_IPV4_ADDR, "::1");
	is_none(NODE_IPV6_ADDR, "198.51.100.3");
	is_none(NODE_IPV6_ADDR, "::1/129");
	is_none(NODE_MAC_ADDR, "d2:fb:49:24:37");
	is_none(NODE_MAC_ADDR, "d2:fb-49:24:37:18");
}

static void names_have_one_form(void **state)
{
	(void)state;
	comes_out(NODE_DOMAIN_NAME, " Example.COM. ", "example.com");
	comes_out(NODE_EMAIL_ADDR, "Jdoe@Example.com", "jdoe@example.com");
	comes_out(NODE_URL, "http://Example.com/A b", "http://Example.com/A b");
	comes_out(NODE_FILE, "qu\xc3\xaary.dll", "qu\xc3\xaary.dll");
	comes_out(NODE_AUTONOMOUS_SYSTEM, "AS174", "174");
	comes_out(NODE_AUTONOMOUS_SYSTEM, "15139", "15139");
	comes_out(NODE_VULNERABILITY, "cve-2017-0144", "CVE-2017-0144");
	comes_out(NODE_X509_CERTIFICATE, "4C:0b", "4c:0b");
	is_none(NODE_DOMAIN_NAME, "http://example.com");
	is_none(NODE_DOMAIN_NAME, ".");
	is_none(NODE_DOMAIN_NAME, "a.example..");
	is_none(NODE_DOMAIN_NAME, "a..example");
	is_none(NODE_DOMAIN_NAME, ".example");
	is_none(NODE_DOMAIN_NAME, "");
	is_none(NODE_EMAIL_ADDR, "jdoe");
	is_none(NODE_EMAIL_ADDR, "@example.com");
	is_none(NODE_AUTONOMOUS_SYSTEM, "4294967296");
	is_none(NODE_AUTONOMOUS_SYSTEM, "ASx");
	is_none(NODE_VULNERABILITY, "CVE-2017-144");
	is_none(NODE_VULNERABILITY, "MS17-010-0001");
	is_none(NODE_FILE, "a\nb");
	is_none(NODE_FILE, "\xff");
	is_none(NODE_MALWARE, "WannaCry");
}

static void overlong_values_are_refused(void **state)
{
	static uint8_t text[OBSERVABLE_VALUE_MAX + 1], buf[sizeof(text) + 48];
	struct observable o = { .kind = NODE_URL, .value = bytes_of(text, sizeof(text)) };

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(observable_clean(&o, buf), -E2BIG);
	o.value.n--;
	assert_int_equal(observable_clean(&o, buf), 0);
}

static void an_address_is_known_by_its_look(void **state)
{
	(void)state;
	assert_int_equal(observable_look(bytes_str("149.13.33.14")), NODE_IPV4_ADDR);
	assert_int_equal(observable_look(bytes_str("10.0.0.0/8")), NODE_IPV4_ADDR);
	assert_int_equal(observable_look(bytes_str("2001:db8::1")), NODE_IPV6_ADDR);
	assert_int_equal(observable_look(bytes_str("d2:fb:49:24:37:18")), NODE_MAC_ADDR);
	assert_int_equal(observable_look(bytes_str("a@b.example")), NODE_EMAIL_ADDR);
	assert_int_equal(observable_look(bytes_str("b.example")), NODE_DOMAIN_NAME);
	assert_int_equal(observable_look(bytes_str("https://b.example/")), NODE_URL);
	assert_int_equal(observable_look(bytes_str("word")), NODE_OTHER);
	assert_int_equal(observable_look(bytes_str("")), NODE_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_names_are_read_however_they_are_written),
		cmocka_unit_test(hashes_have_their_length_in_lower_case),
		cmocka_unit_test(addresses_have_one_form),
		cmocka_unit_test(names_have_one_form),
		cmocka_unit_test(overlong_values_are_refused),
		cmocka_unit_test(an_address_is_known_by_its_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
