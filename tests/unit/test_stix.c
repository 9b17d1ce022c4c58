/*
 * STIX objects (bootstage/intel/stix.h): which nodes and edges they bring, and which are refused. Twins of the shapes that
 * the examples of STIX and ATT&CK have; the real ones are in test_feeddata.c.
 */
#include "bootstage/intel/stix.h"

#include <string.h>

#include "tests/feedkit.h"
#include "tests/support.h"

#define ID(type, n) type "--00000000-0000-4000-8000-00000000000" #n
#define HEAD(type, n)                                                                                                  \
	"\"type\":\"" type                                                                                             \
	"\",\"id\":\"" ID(type, n) "\",\"created\":\"2020-01-01T00:00:00Z\",\"modified\":\"2020-01-02T00:00:00Z\""

static void reads(struct feedkit *k, const char *object)
{
	feedkit_read(k, bytes_str(object));
	if (k->result || k->stats.good != 1)
		fail_msg("%s: %d %s, %d good", object, k->result, k->why.text, (int)k->stats.good);
}

static void has(const struct feedkit *k, const char *line)
{
	if (!feedkit_has(k, line))
		fail_msg("no '%s' in:%s", line, k->text);
}

static void refuses(const char *object, const char *why)
{
	AUTO_FEEDKIT k = { 0 };

	feedkit_read(&k, bytes_str(object));
	if (k.result != -EBADMSG || k.stats.good != 0 || k.stats.dropped[FEED_DROP_CONTENT] != 1 ||
	    !strstr(k.why.text, why))
		fail_msg("%s: %d '%s', want '%s'", object, k.result, k.why.text, why);
}

static void an_object_is_a_node_with_its_time(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{" HEAD("malware", 1) ",\"name\":\"Caf\\u00e9\",\"revoked\":true}");
	has(&k, "R " ID("malware", 1) " revoked @1577923200000000");
	has(&k, "N malware " ID("malware", 1) " Caf\xc3\xa9");
	assert_int_equal(k.stats.nodes, 1);
	assert_int_equal(k.stats.edges, 0);
}

static void a_type_of_somebody_is_a_node_of_no_kind(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{" HEAD("x-mitre-tactic", 1) ",\"name\":\"Impact\"}");
	has(&k, "N other " ID("x-mitre-tactic", 1) " Impact");
}

static void an_id_in_capitals_is_the_same_id(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{\"type\":\"tool\",\"id\":\"tool--ABCDEF00-0000-4000-8000-000000000001\",\"created\":\"2020-01-01T00:00:00Z\","
	      "\"created_by_ref\":\"identity\\u002d-ABCDEF00-0000-4000-8000-000000000001\"}");
	has(&k, "R tool--abcdef00-0000-4000-8000-000000000001 @1577836800000000");
	has(&k,
	    "E created-by tool--abcdef00-0000-4000-8000-000000000001 identity--abcdef00-0000-4000-8000-000000000001");
}

static void a_relationship_is_its_edge(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{" HEAD("relationship", 1) ",\"relationship_type\":\"uses\",\"source_ref\":\"" ID(
			  "intrusion-set",
			  2) "\",\"target_ref\":\"" ID("malware",
						       3) "\","
							  "\"created_by_ref\":\"" ID(
								  "identity",
								  4) "\",\"start_time\":\"1970-01-01T00:00:01Z\"}");
	has(&k, "L uses " ID("intrusion-set", 2) " " ID("malware", 3) " @1000000");
	assert_int_equal(k.stats.relationships, 1);
	assert_int_equal(k.stats.edges, 1);
	assert_int_equal(k.stats.nodes, 0);
}

/* Kinds that no relationship has, so that what is asked of relationships can be answered from them alone. */
static void references_have_kinds_of_their_own(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{" HEAD("report", 1) ",\"name\":\"r\",\"created_by_ref\":\"" ID("identity", 2) "\",\"object_marking_refs\":[\"" ID(
		      "marking-definition",
		      3) "\"],"
			 "\"object_refs\":[\"" ID("malware", 4) "\",\"" ID("tool", 5) "\"],\"x_mitre_modified_by_ref\":\"" ID(
				 "identity",
				 6) "\","
				    "\"granular_markings\":[{\"marking_ref\":\"" ID(
					    "marking-definition",
					    7) "\",\"selectors\":[\"name\"]}],"
					       "\"x_deep\":{\"a\":[{\"tactic_ref\":\"" ID(
						       "x-mitre-tactic",
						       8) "\"}]},\"bad_ref\":\"0\",\"worse_refs\":[1,null,\"x\"],"
							  "\"external_references\":[{\"some_ref\":\"" ID("tool",
													 9) "\"}]}");
	has(&k, "E created-by " ID("report", 1) " " ID("identity", 2));
	has(&k, "E marked " ID("report", 1) " " ID("marking-definition", 3));
	has(&k, "E member " ID("report", 1) " " ID("malware", 4));
	has(&k, "E member " ID("report", 1) " " ID("tool", 5));
	has(&k, "E created-by " ID("report", 1) " " ID("identity", 6));
	has(&k, "E marked " ID("report", 1) " " ID("marking-definition", 7));
	has(&k, "E reference " ID("report", 1) " " ID("x-mitre-tactic", 8));
	assert_int_equal(k.stats.edges, 7);
}

static void a_collections_contents_relate_nothing(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{" HEAD("x-mitre-collection",
			   1) ",\"name\":\"c\",\"x_mitre_contents\":[{\"object_ref\":\"" ID("tool", 2) "\"}]}");
	assert_int_equal(k.stats.edges, 0);
}

static void references_are_found_behind_many_members(void **state)
{
	AUTO_FEEDKIT k = { 0 };
	char text[4000];
	size_t n = (size_t)snprintf(text, sizeof(text), "{" HEAD("malware", 1));

	(void)state;
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",\"x%d\":{}", i);
	(void)snprintf(text + n, sizeof(text) - n, ",\"name\":\"last\",\"sample_refs\":[\"" ID("file", 2) "\"]}");
	reads(&k, text);
	has(&k, "N malware " ID("malware", 1) " last");
	has(&k, "E reference " ID("malware", 1) " " ID("file", 2));
}

static void a_sighting_says_when(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{" HEAD("sighting", 1) ",\"sighting_of_ref\":\"" ID("indicator", 2) "\",\"where_sighted_refs\":[\"" ID(
		      "identity", 3) "\"],"
				     "\"observed_data_refs\":[\"" ID(
					     "observed-data",
					     4) "\"],\"first_seen\":\"1970-01-01T00:00:02Z\",\"count\":50}");
	has(&k, "E sighted " ID("sighting", 1) " " ID("indicator", 2) " @2000000");
	has(&k, "E sighted " ID("sighting", 1) " " ID("identity", 3) " @2000000");
	has(&k, "E reference " ID("sighting", 1) " " ID("observed-data", 4));
}

static void an_indicator_leads_to_what_its_pattern_names(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{" HEAD(
		      "indicator",
		      1) ",\"pattern_type\":\"stix\",\"pattern\":\"[file:hashes.'MD5' = '8764605C6F388C89096B534D33565802' OR ipv4-addr:value = '198.51.100.3']\"}");
	has(&k, "N x-hash x-hash--e5c8d4e2-b5e8-51cb-ad38-ee425bc98473 8764605c6f388c89096b534d33565802");
	has(&k, "E pattern " ID("indicator", 1) " x-hash--e5c8d4e2-b5e8-51cb-ad38-ee425bc98473");
	has(&k, "E pattern " ID("indicator", 1) " ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
	assert_int_equal(k.stats.observables, 2);
}

static void patterns_that_cannot_be_read_cost_no_record(void **state)
{
	static const char *const members[] = { ",\"pattern\":\"[file:name = 'a\"",
					       ",\"pattern\":\"alert tcp\",\"pattern_type\":\"snort\"",
					       ",\"pattern\":\"[file:name = 'a']\",\"pattern_type\":\"sigma\"",
					       ",\"pattern\":7",
					       "",
					       ",\"pattern\":\"[ipv4-addr:value = 'n/a']\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		AUTO_FEEDKIT k = { 0 };
		char text[500];

		(void)snprintf(text, sizeof(text), "{" HEAD("indicator", 1) "%s}", members[i]);
		reads(&k, text);
		assert_int_equal(k.stats.edges, 0);
		assert_int_equal(k.stats.refused_values, i == 5);
	}
}

/* Ids computed by Python's uuid5 over the JSON of RFC 8785. */
static void an_observable_is_where_everybody_looks_for_it(void **state)
{
	static const struct {
		const char *object, *line;
	} cases[] = {
		{ "{\"type\":\"ipv4-addr\",\"id\":\"" ID("ipv4-addr", 1) "\",\"value\":\"198.51.100.3\"}",
		  "E same-as " ID("ipv4-addr", 1) " ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4" },
		{ "{\"type\":\"domain-name\",\"id\":\"" ID("domain-name", 1) "\",\"value\":\"EXAMPLE.com\"}",
		  "E same-as " ID("domain-name", 1) " domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7" },
		{ "{\"type\":\"email-addr\",\"id\":\"" ID(
			  "email-addr", 1) "\",\"value\":\"john@example.com\",\"display_name\":\"John Doe\"}",
		  "E same-as " ID("email-addr", 1) " email-addr--7165e2a9-671f-585d-b1e1-ca59c671d934" },
		{ "{\"type\":\"autonomous-system\",\"id\":\"" ID("autonomous-system", 1) "\",\"number\":15139}",
		  "E same-as " ID("autonomous-system", 1) " autonomous-system--3aa27478-50b5-5ab8-9da9-cdc12b657fff" },
		{ "{\"type\":\"directory\",\"id\":\"" ID("directory", 1) "\",\"path\":\"C:\\\\Windows\\\\System32\"}",
		  "E same-as " ID("directory", 1) " directory--0a58d0c1-59e6-5afd-8252-dcd3f13e5622" },
		{ "{\"type\":\"mac-addr\",\"id\":\"" ID("mac-addr", 1) "\",\"value\":\"D2:FB:49:24:37:18\"}",
		  "E same-as " ID("mac-addr", 1) " mac-addr--757b1725-9903-54f5-a855-1240691d7659" },
		{ "{\"type\":\"mutex\",\"id\":\"" ID("mutex", 1) "\",\"name\":\"__CLEANSWEEP__\"}",
		  "E same-as " ID("mutex", 1) " mutex--f93fe911-e545-5239-b9b0-597840d0c871" },
		{ "{\"type\":\"file\",\"id\":\"" ID(
			  "file",
			  1) "\",\"hashes\":{\"SHA-256\":\"fe90a7e910cb3a4739bed9180e807e93fa70c90f25a8915476f5e4bfbac681db\"},\"name\":\"foo.dll\",\"size\":5}",
		  "E same-as " ID("file", 1) " file--949eb97a-da1e-5292-8959-03c4249dc9f3" },
		{ "{\"type\":\"windows-registry-key\",\"id\":\"" ID(
			  "windows-registry-key", 1) "\",\"key\":\"hkey_local_machine\\\\system\\\\bar\\\\foo\"}",
		  "E same-as " ID("windows-registry-key",
				  1) " windows-registry-key--67c068a7-2c94-526b-8e90-d0f8d96c630f" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FEEDKIT k = { 0 };

		reads(&k, cases[i].object);
		has(&k, cases[i].line);
	}
}

static void an_observable_that_is_there_already_is_no_second_node(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{\"type\":\"ipv4-addr\",\"id\":\"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4\",\"value\":\"198.51.100.3\",\"resolves_to_refs\":[\"" ID(
		      "mac-addr", 2) "\"]}");
	assert_int_equal(k.stats.nodes, 1);
	has(&k, "E resolves-to ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4 " ID("mac-addr", 2));
}

/* N6: file -> hash, whatever else the file is. */
static void a_file_leads_to_its_hashes(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{\"type\":\"file\",\"id\":\"" ID("file", 1) "\",\"name\":\"a\",\"parent_directory_ref\":\"" ID(
		      "directory",
		      2) "\",\"hashes\":{"
			 "\"MD5\":\"8764605c6f388c89096b534d33565802\",\"SHA-1\":\"46aba99aa7158e4609aaa72b50990842fd22ae86\",\"X\":\"1\",\"SHA-256\":\"short\"}}");
	has(&k, "E hashed-as " ID("file", 1) " x-hash--e5c8d4e2-b5e8-51cb-ad38-ee425bc98473");
	has(&k, "E hashed-as " ID("file", 1) " x-hash--0b2155a4-499a-58c1-9d77-a84433933be6");
	has(&k, "E reference " ID("file", 1) " " ID("directory", 2));
	assert_int_equal(k.stats.edges, 3);
	assert_int_equal(k.stats.refused_values, 1);
}

static void observed_data_of_2_0_has_its_observables_inside(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{" HEAD(
		      "observed-data",
		      1) ",\"objects\":{\"0\":{\"type\":\"file\",\"name\":\"foo.dll\",\"hashes\":{\"SHA-256\":\"fe90a7e910cb3a4739bed9180e807e93fa70c90f25a8915476f5e4bfbac681db\"}},"
			 "\"1\":{\"type\":\"ipv4-addr\",\"value\":\"198.51.100.3\",\"resolves_to_refs\":[\"0\"]}}}");
	has(&k, "E member " ID("observed-data", 1) " file--949eb97a-da1e-5292-8959-03c4249dc9f3");
	has(&k, "E member " ID("observed-data", 1) " ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
	assert_int_equal(feedkit_count(&k, "E hashed-as file--949eb97a-da1e-5292-8959-03c4249dc9f3 x-hash--"), 1);
}

static void attack_and_misp_know_one_malware(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{" HEAD(
		      "malware",
		      1) ",\"name\":\"TrickBot\",\"external_references\":[{\"source_name\":\"mitre-attack\",\"external_id\":\"S0266\"}]}");
	has(&k, "E same-as " ID("malware", 1) " " ID("x-misp-cluster", 1));
	has(&k, "N x-misp-cluster " ID("x-misp-cluster", 1) " "); /* who asks for TrickBot means one node */
	assert_int_equal(feedkit_count(&k, "N x-tag x-tag--"), 1);
	assert_non_null(strstr(k.text, " misp-galaxy:mitre-malware=\"TrickBot - S0266\"\n"));
}

static void other_names_are_nodes_of_their_own(void **state)
{
	static const char group[] = "{" HEAD("intrusion-set", 1), malware[] = "{" HEAD("malware", 2),
			  tool[] = "{" HEAD("tool", 3), other[] = "{" HEAD("tool", 4);
	char feed[1024];
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	(void)snprintf(feed, sizeof(feed), "%s%s\n%s%s\n%s%s\n%s%s\n", group,
		       ",\"name\":\"APT28\",\"aliases\":[\"APT28\",\"Fancy Bear\",7,\"\",[\"x\"]]}", malware,
		       ",\"name\":\"M\",\"x_mitre_aliases\":[\"Fancy Bear\",\"N\\u00e9\"]}", tool,
		       ",\"name\":\"T\",\"aliases\":{\"0\":\"U\"}}", other,
		       ",\"name\":\"V\",\"aliases\":null,\"x_mitre_aliases\":\"W\"}");
	feedkit_read(&k, bytes_str(feed));
	assert_int_equal(k.stats.good, 4);
	/* UUIDv5 of {"name":"Fancy Bear"}, by Python's uuid. */
	has(&k, "N x-alias x-alias--7b70c3f6-5301-56da-a675-e8d1448a6ea4 Fancy Bear");
	has(&k, "E known-as " ID("intrusion-set", 1) " x-alias--7b70c3f6-5301-56da-a675-e8d1448a6ea4");
	has(&k, "E known-as " ID("malware", 2) " x-alias--7b70c3f6-5301-56da-a675-e8d1448a6ea4");
	assert_int_equal(feedkit_count(&k, "E known-as " ID("intrusion-set", 1)), 1);
	assert_int_equal(feedkit_count(&k, "E known-as " ID("malware", 2)), 2);
	assert_int_equal(feedkit_count(&k, "E known-as " ID("tool", 3)), 1);
	assert_int_equal(feedkit_count(&k, "E known-as " ID("tool", 4)), 1);
}

static void a_vulnerability_is_known_by_its_number(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{" HEAD("vulnerability", 1) ",\"name\":\"cve-2017-0144\"}");
	assert_int_equal(feedkit_count(&k, "E same-as " ID("vulnerability", 1) " vulnerability--"), 1);
	assert_non_null(strstr(k.text, " CVE-2017-0144\n"));
}

static void what_is_no_object_is_refused_with_its_reason(void **state)
{
	(void)state;
	refuses("{\"type\":\"malware\",\"id\":\"malware--1\"}", "not TYPE--UUID");
	refuses("{\"type\":\"malware\",\"id\":\"" ID("tool", 1) "\"}", "not one of its type");
	refuses("{\"type\":5,\"id\":\"" ID("tool", 1) "\"}", "without a type");
	refuses("{\"type\":\"tool\",\"id\":\"" ID("tool", 1) "\",\"modified\":\"yesterday\"}", "modified is no date");
	refuses("{\"type\":\"tool\",\"id\":\"" ID("tool", 1) "\",\"created\":20200101}", "created is no date");
	refuses("{" HEAD("relationship", 1) ",\"source_ref\":\"" ID("tool", 1) "\",\"target_ref\":\"" ID("tool",
													 2) "\"}",
		"without relationship_type");
	refuses("{" HEAD("relationship", 1) ",\"relationship_type\":\"uses\",\"source_ref\":\"x\",\"target_ref\":\"" ID(
			"tool", 2) "\"}",
		"source_ref is no id");
	refuses("{" HEAD("relationship", 1) ",\"relationship_type\":\"uses\",\"source_ref\":\"" ID("tool", 2) "\"}",
		"target_ref is no id");
	refuses("{" HEAD("sighting", 1) "}", "sighting_of_ref is no id");
	refuses("{" HEAD("sighting", 1) ",\"sighting_of_ref\":\"" ID("tool", 2) "\",\"last_seen\":\"x\"}",
		"last_seen is no date");
}

static void names_are_cut_at_a_character(void **state)
{
	AUTO_FEEDKIT k = { 0 };
	char text[3000] = "{" HEAD("malware", 1) ",\"name\":\"x";
	size_t n = strlen(text);

	(void)state;
	for (int i = 0; i < 600; i++, n += 2)
		memcpy(text + n, "\xc3\xa9", 3);
	memcpy(text + n, "\"}", 3);
	reads(&k, text);
	assert_non_null(strstr(k.text, "N malware " ID("malware", 1) " x\xc3\xa9"));
	assert_int_equal(strcspn(strstr(k.text, " x\xc3\xa9") + 1, "\n"), GRAPH_NAME_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_a_node_with_its_time),
		cmocka_unit_test(a_type_of_somebody_is_a_node_of_no_kind),
		cmocka_unit_test(an_id_in_capitals_is_the_same_id),
		cmocka_unit_test(a_relationship_is_its_edge),
		cmocka_unit_test(references_have_kinds_of_their_own),
		cmocka_unit_test(a_collections_contents_relate_nothing),
		cmocka_unit_test(references_are_found_behind_many_members),
		cmocka_unit_test(a_sighting_says_when),
		cmocka_unit_test(an_indicator_leads_to_what_its_pattern_names),
		cmocka_unit_test(patterns_that_cannot_be_read_cost_no_record),
		cmocka_unit_test(an_observable_is_where_everybody_looks_for_it),
		cmocka_unit_test(an_observable_that_is_there_already_is_no_second_node),
		cmocka_unit_test(a_file_leads_to_its_hashes),
		cmocka_unit_test(observed_data_of_2_0_has_its_observables_inside),
		cmocka_unit_test(attack_and_misp_know_one_malware),
		cmocka_unit_test(other_names_are_nodes_of_their_own),
		cmocka_unit_test(a_vulnerability_is_known_by_its_number),
		cmocka_unit_test(what_is_no_object_is_refused_with_its_reason),
		cmocka_unit_test(names_are_cut_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
