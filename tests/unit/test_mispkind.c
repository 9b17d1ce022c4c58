/* MISP's words (bootstage/intel/mispkind.h): types of attributes and galaxies as they stand in events. */
#include "bootstage/intel/mispkind.h"

#include <stdio.h>
#include <string.h>

#include "tests/support.h"

static void names(const char *type, const char *value, const char *want)
{
	struct observable o[MISPKIND_VALUES_MAX];
	size_t n = mispkind_observables(bytes_str(type), bytes_str(value), o), at = 0;
	char text[300] = "";

	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %.*s;",
				       o[i].algorithm ? o[i].algorithm : node_kind_name(o[i].kind), (int)o[i].value.n,
				       (const char *)o[i].value.p);
	if (strcmp(text, want) != 0)
		fail_msg("%s '%s': '%s', want '%s'", type, value, text, want);
}

static void attributes_name_observables_by_their_type(void **state)
{
	(void)state;
	names("md5", "8764", "MD5 8764;");
	names("sha512/224", "aa", "SHA-512/224 aa;");
	names("imphash", "aa", "IMPHASH aa;");
	names("x509-fingerprint-sha1", "aa", "SHA-1 aa;");
	names("ip-dst", "198.51.100.1", "ipv4-addr 198.51.100.1;");
	names("ip-src", "2001:db8::1", "ipv6-addr 2001:db8::1;");
	names("domain", "circl.lu", "domain-name circl.lu;");
	names("hostname", "www.circl.lu", "domain-name www.circl.lu;");
	names("url", "http://a.example", "url http://a.example;");
	names("email-src", "a@b.example", "email-addr a@b.example;");
	names("AS", "AS174", "autonomous-system AS174;");
	names("filename", "a.exe", "file a.exe;");
	names("regkey", "HKLM\\x", "windows-registry-key HKLM\\x;");
	names("vulnerability", "CVE-2017-0144", "vulnerability CVE-2017-0144;");
	names("mutex", "m", "mutex m;");
	names("mac-address", "d2:fb:49:24:37:18", "mac-addr d2:fb:49:24:37:18;");
}

static void two_values_are_told_apart_at_the_bar(void **state)
{
	(void)state;
	names("filename|sha256", "a.exe|ec5a", "file a.exe;SHA-256 ec5a;");
	names("filename|md5", "a|b.exe|ec5a", "file a|b.exe;MD5 ec5a;");
	names("malware-sample", "a.exe|ec5a", "file a.exe;MD5 ec5a;");
	names("domain|ip", "a.example|198.51.100.1", "domain-name a.example;ipv4-addr 198.51.100.1;");
	names("ip-dst|port", "2001:db8::1|80", "ipv6-addr 2001:db8::1;");
	names("hostname|port", "a.example|80", "domain-name a.example;");
	names("regkey|value", "HKLM\\x|a|b", "windows-registry-key HKLM\\x;");
	names("filename|sha256", "a.exe", "file a.exe;");
	names("filename|sha256", "|ec5a", "file ;SHA-256 ec5a;");
	names("|", "|", "");
}

static void text_names_nothing(void **state)
{
	static const char *const types[] = {
		"text",    "comment",          "link", "yara", "snort", "btc", "size-in-bytes", "email-subject", "",
		"ip-dstx", "x509-fingerprint-"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		names(types[i], "198.51.100.1", "");
}

static void galaxies_are_types_of_stix(void **state)
{
	(void)state;
	assert_int_equal(mispkind_galaxy(bytes_str("mitre-malware")), NODE_MALWARE);
	assert_int_equal(mispkind_galaxy(bytes_str("mitre-enterprise-attack-attack-pattern")), NODE_ATTACK_PATTERN);
	assert_int_equal(mispkind_galaxy(bytes_str("mitre-mobile-attack-tool")), NODE_TOOL);
	assert_int_equal(mispkind_galaxy(bytes_str("mitre-intrusion-set")), NODE_INTRUSION_SET);
	assert_int_equal(mispkind_galaxy(bytes_str("threat-actor")), NODE_THREAT_ACTOR);
	assert_int_equal(mispkind_galaxy(bytes_str("ransomware")), NODE_MALWARE);
	assert_int_equal(mispkind_galaxy(bytes_str("guidelines")), NODE_MISP_CLUSTER);
	assert_int_equal(mispkind_galaxy(bytes_str("")), NODE_MISP_CLUSTER);
}

static void attack_has_its_galaxies(void **state)
{
	(void)state;
	assert_string_equal(mispkind_attack_galaxy(NODE_MALWARE), "mitre-malware");
	assert_string_equal(mispkind_attack_galaxy(NODE_CAMPAIGN), "mitre-campaign");
	assert_null(mispkind_attack_galaxy(NODE_THREAT_ACTOR));
	assert_null(mispkind_attack_galaxy(NODE_IDENTITY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes_name_observables_by_their_type),
		cmocka_unit_test(two_values_are_told_apart_at_the_bar),
		cmocka_unit_test(text_names_nothing),
		cmocka_unit_test(galaxies_are_types_of_stix),
		cmocka_unit_test(attack_has_its_galaxies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
