/*
 * MISP (bootstage/intel/misp.h): events, attributes, objects and galaxies as servers and feeds write them. Twins of the shapes
 * that real events have; those are in test_feeddata.c.
 */
#include "bootstage/intel/misp.h"

#include <string.h>

#include "tests/feedkit.h"
#include "tests/support.h"

#define UUID(n)      "00000000-0000-4000-8000-00000000000" #n
#define EVENT(n)     "x-misp-event--" UUID(n)
#define ATTRIBUTE(n) "x-misp-attribute--" UUID(n)
#define OBJECT(n)    "x-misp-object--" UUID(n)

static void reads(struct feedkit *k, const char *feed)
{
	feedkit_read(k, bytes_str(feed));
	if (k->result || feed_dropped(&k->stats))
		fail_msg("%s: %d %s %s", feed, k->result, k->why.text, k->stats.first.text);
}

static void has(const struct feedkit *k, const char *line)
{
	if (!feedkit_has(k, line))
		fail_msg("no '%s' in:%s", line, k->text);
}

static void lacks(const struct feedkit *k, const char *with)
{
	if (feedkit_count(k, with))
		fail_msg("'%s' in:%s", with, k->text);
}

#define INFO "\"info\":\"an event\",\"date\":\"2020-01-01\",\"timestamp\":\"1600000000\",\"uuid\":\"" UUID(1) "\""
#define ATTR                                                                                                           \
	"{\"uuid\":\"" UUID(                                                                                           \
		2) "\",\"type\":\"md5\",\"category\":\"Payload delivery\",\"value\":\"8764605C6F388C89096B534D33565802\",\"timestamp\":1600000001}"
#define HASH "x-hash--e5c8d4e2-b5e8-51cb-ad38-ee425bc98473"

/* The uuid may be in front of the attributes or behind them, and the event in any of these wrappers. */
static void an_event_holds_its_attributes_in_every_shape(void **state)
{
	static const char *const shapes[] = {
		"{\"Event\":{" INFO ",\"Attribute\":[" ATTR "]}}",
		"{\"Event\":{\"Attribute\":[" ATTR "]," INFO "}}",
		"{" INFO ",\"Attribute\":[" ATTR "]}",
		"{\"Attribute\":[" ATTR "]," INFO "}",
		"{\"response\":[{\"Event\":{" INFO ",\"Attribute\":[" ATTR "]}}]}",
		"{\"response\":[{\"Attribute\":[" ATTR "]," INFO "}]}",
		"{\"response\":{\"Event\":{" INFO ",\"Attribute\":[" ATTR "]}}}",
		"[{\"Event\":{" INFO ",\"Attribute\":[" ATTR "]}}]",
		"{\"Event\":{" INFO ",\"Attribute\":{\"0\":" ATTR "}}}",
		"{\"Event\":{" INFO ",\"\\u0041ttribute\":{\"17\":" ATTR "}}}",
		"\xef\xbb\xbf{\"Event\":{" INFO ",\"Attribute\":[" ATTR "]}}\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		AUTO_FEEDKIT k = { .piece_bytes = i };

		reads(&k, shapes[i]);
		has(&k, "R " EVENT(1) " @1600000000000000");
		has(&k, "R " ATTRIBUTE(2) " @1600000001000000");
		has(&k, "E member " EVENT(1) " " ATTRIBUTE(2));
		has(&k, "E pattern " ATTRIBUTE(2) " " HASH);
		has(&k, "N x-misp-event " EVENT(1) " an event");
		assert_int_equal(k.stats.events, 1);
		assert_int_equal(k.stats.attributes, 1);
	}
}

static void the_text_of_an_event_is_what_is_its_own(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{\"Event\":{\"info\":\"an event\",\"Attribute\":[" ATTR
		  "],\"ShadowAttribute\":[{\"uuid\":\"x\"}],\"uuid\":\"" UUID(1) "\"}}");
	has(&k, "T {\"info\":\"an event\",\"uuid\":\"" UUID(1) "\"}");
}

static void attributes_and_objects_come_without_an_event(void **state)
{
	AUTO_FEEDKIT a = { 0 }, o = { 0 }, line = { 0 };

	(void)state;
	reads(&a, "{\"response\":{\"Attribute\":[" ATTR "]}}");
	assert_int_equal(a.stats.good, 1);
	lacks(&a, "E member");
	reads(&o,
	      "{\"response\":[{\"Object\":{\"name\":\"file\",\"uuid\":\"" UUID(3) "\",\"Attribute\":[" ATTR "]}}]}");
	assert_int_equal(o.stats.good, 2);
	has(&o, "E member " OBJECT(3) " " ATTRIBUTE(2));
	reads(&line, ATTR "\n" ATTR "\n");
	assert_int_equal(line.stats.attributes, 2);
}

static void an_object_leads_to_its_attributes_and_references(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{\"Event\":{" INFO ",\"Object\":[{\"name\":\"file\",\"uuid\":\"" UUID(
		      3) "\",\"timestamp\":\"1600000002\",\"Attribute\":[" ATTR "],"
			 "\"ObjectReference\":[{\"referenced_uuid\":\"" UUID(
				 4) "\",\"referenced_type\":\"1\",\"relationship_type\":\"communicates-with\"},"
				    "{\"referenced_uuid\":\"" UUID(
					    5) "\",\"referenced_type\":\"0\",\"relationship_type\":\"analysed-with\"},"
					       "{\"referenced_uuid\":\"" UUID(
						       6) "\",\"relationship_type\":\"drops\",\"deleted\":true}]}]}}");
	has(&k, "R " OBJECT(3) " @1600000002000000");
	has(&k, "N x-misp-object " OBJECT(3) " file");
	has(&k, "E member " EVENT(1) " " OBJECT(3));
	has(&k, "E member " OBJECT(3) " " ATTRIBUTE(2));
	has(&k, "E communicates-with " OBJECT(3) " " OBJECT(4));
	has(&k, "E other " OBJECT(3) " " ATTRIBUTE(5));
	lacks(&k, "E drops");
	assert_int_equal(feedkit_count(&k, "E member"), 2);
	assert_null(strstr(strstr(k.text, "R " OBJECT(3)),
			   "T {\"name\":\"file\",\"uuid\":\"" UUID(3) "\",\"timestamp\":\"1600000002\",\"Attribute\""));
}

/* N6: file -> hash. */
static void two_values_are_two_observables(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{\"response\":{\"Attribute\":[{\"uuid\":\"" UUID(
		      2) "\",\"type\":\"filename|sha256\",\"value\":\"foo.dll|fe90a7e910cb3a4739bed9180e807e93fa70c90f25a8915476f5e4bfbac681db\"},"
			 "{\"uuid\":\"" UUID(
				 3) "\",\"type\":\"domain|ip\",\"value\":\"example.com|198.51.100.3\"},"
				    "{\"uuid\":\"" UUID(
					    4) "\",\"type\":\"ip-dst|port\",\"value\":\"198.51.100.3|80\"}]}}");
	has(&k, "E pattern " ATTRIBUTE(2) " file--949eb97a-da1e-5292-8959-03c4249dc9f3");
	assert_int_equal(feedkit_count(&k, "E pattern " ATTRIBUTE(2) " x-hash--"), 1);
	assert_int_equal(feedkit_count(&k, "E hashed-as file--949eb97a-da1e-5292-8959-03c4249dc9f3 x-hash--"), 1);
	has(&k,
	    "E resolves-to domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7 ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
	has(&k, "E pattern " ATTRIBUTE(4) " ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
}

static void a_value_that_is_none_costs_no_record(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{\"response\":{\"Attribute\":[{\"uuid\":\"" UUID(
			  2) "\",\"type\":\"ip-dst\",\"value\":\"n/a\"},"
			     "{\"uuid\":\"" UUID(3) "\",\"type\":\"size-in-bytes\",\"value\":35},{\"uuid\":\"" UUID(
				     4) "\",\"type\":\"text\",\"value\":\"8764605c6f388c89096b534d33565802\"}]}}");
	assert_int_equal(k.stats.good, 3);
	assert_int_equal(k.stats.refused_values, 1);
	assert_int_equal(k.stats.observables, 0);
	has(&k, "N x-misp-attribute " ATTRIBUTE(3) " 35");
}

static void what_is_deleted_says_nothing_any_more(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{\"response\":{\"Attribute\":[{\"uuid\":\"" UUID(
			  2) "\",\"type\":\"domain\",\"value\":\"example.com\",\"deleted\":true},"
			     "{\"uuid\":\"" UUID(
				     3) "\",\"type\":\"domain\",\"value\":\"example.com\",\"deleted\":\"1\"}]}}");
	has(&k, "R " ATTRIBUTE(2) " revoked");
	has(&k, "R " ATTRIBUTE(3) " revoked");
	assert_int_equal(k.stats.edges, 0);
}

static void an_attachment_is_not_stored(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{\"response\":{\"Attribute\":[{\"uuid\":\"" UUID(
			  2) "\",\"data\":\"QUJD\",\"type\":\"attachment\",\"value\":\"a.exe\"}]}}");
	has(&k, "T {\"uuid\":\"" UUID(2) "\",\"type\":\"attachment\",\"value\":\"a.exe\"}");
}

static void tags_are_nodes_and_markings_are_marked(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{\"Event\":{" INFO
	      ",\"Tag\":[{\"name\":\"tlp:white\"},{\"name\":\"type:OSINT\"},{\"name\":\"misp-galaxy:threat-actor=\\\"Sofacy\\\"\"},{\"id\":\"5\"}]}}");
	assert_int_equal(feedkit_count(&k, "E marked " EVENT(1) " x-tag--"), 1);
	assert_int_equal(feedkit_count(&k, "E tagged " EVENT(1) " x-tag--"), 1);
	assert_int_equal(feedkit_count(&k, "E cluster " EVENT(1) " x-tag--"), 1);
	assert_int_equal(feedkit_count(&k, "N x-tag x-tag--"), 3);
}

/* Older servers wrote the uuid of the collection, so that all malware were one. */
static void a_galaxy_leads_to_stix_when_its_uuid_is_its_own(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{\"Event\":{" INFO ",\"Galaxy\":[{\"type\":\"mitre-malware\",\"GalaxyCluster\":["
	      "{\"uuid\":\"" UUID(4) "\",\"collection_uuid\":\"" UUID(
		      5) "\",\"value\":\"TrickBot - S0266\"},"
			 "{\"uuid\":\"" UUID(5) "\",\"collection_uuid\":\"" UUID(5) "\",\"value\":\"one\"},{\"uuid\":\"\",\"collection_uuid\":\"" UUID(
				 5) "\",\"tag_name\":\"misp-galaxy:mitre-malware=\\\"two\\\"\"},"
				    "{\"uuid\":\"" UUID(
					    6) "\",\"value\":\"three\"}]},"
					       "{\"type\":\"guidelines\",\"GalaxyCluster\":[{\"uuid\":\"" UUID(
						       7) "\",\"collection_uuid\":\"" UUID(8) "\",\"value\":\"four\"}]}]}}");
	has(&k, "E cluster " EVENT(1) " malware--" UUID(4));
	has(&k, "N malware malware--" UUID(4) " TrickBot - S0266");
	has(&k, "E cluster " EVENT(1) " x-misp-cluster--" UUID(7));
	assert_int_equal(feedkit_count(&k, "E cluster " EVENT(1) " x-tag--"), 3);
	assert_non_null(strstr(k.text, " misp-galaxy:mitre-malware=\"three\"\n"));
}

static void who_made_it_and_who_saw_it(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{\"Event\":{" INFO
	      ",\"Orgc\":{\"name\":\"CIRCL\",\"uuid\":\"" UUID(9) "\"},\"RelatedEvent\":[{\"Event\":{\"uuid\":\"" UUID(8) "\"}}],\"extends_uuid\":\"" UUID(
		      7) "\","
			 "\"Attribute\":[{\"uuid\":\"" UUID(
				 2) "\",\"type\":\"text\",\"value\":\"x\",\"Sighting\":["
				    "{\"type\":\"0\",\"date_sighting\":\"5\",\"Organisation\":{\"name\":\"CIRCL\",\"uuid\":\"" UUID(
					    9) "\"}},"
					       "{\"type\":\"1\",\"date_sighting\":\"5\",\"Organisation\":{\"name\":\"other\",\"uuid\":\"" UUID(
						       6) "\"}}]}]}}");
	has(&k, "E created-by " EVENT(1) " identity--" UUID(9));
	has(&k, "N identity identity--" UUID(9) " CIRCL");
	has(&k, "E related-to " EVENT(1) " " EVENT(8));
	has(&k, "E related-to " EVENT(1) " " EVENT(7));
	has(&k, "E sighted " ATTRIBUTE(2) " identity--" UUID(9) " @5000000");
	assert_int_equal(feedkit_count(&k, "E sighted"), 1);
}

static void what_has_no_uuid_has_a_key_of_its_content(void **state)
{
	static const char feed[] =
		"{\"info\":\"x\",\"date\":\"2020-01-01\",\"Attribute\":[{\"type\":\"filename\",\"value\":\"a\"},{\"type\":\"filename\",\"value\":\"b\"}],"
		"\"Object\":[{\"name\":\"file\",\"uuid\":\"a\",\"ObjectReference\":[{\"referenced_uuid\":\"b\",\"relationship_type\":\"uses\"}]},{\"name\":\"url\",\"uuid\":\"b\"}]}";
	AUTO_FEEDKIT one = { 0 }, two = { .piece_bytes = 1 };

	(void)state;
	reads(&one, feed);
	reads(&two, feed);
	assert_string_equal(one.text, two.text);
	assert_int_equal(feedkit_count(&one, "R x-misp-"), 5);
	assert_int_equal(feedkit_count(&one, "E member x-misp-event--"), 4);
	assert_int_equal(feedkit_count(&one, "E uses x-misp-object--"), 1);
}

static void galaxies_link_their_values(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k,
	      "{\"name\":\"Threat Actor\",\"type\":\"threat-actor\",\"uuid\":\"" UUID(9) "\",\"values\":[{\"uuid\":\"" UUID(
		      1) "\",\"value\":\"APT1\","
			 "\"related\":[{\"dest-uuid\":\"" UUID(2) "\",\"type\":\"uses\"},{\"dest-uuid\":\"" UUID(
				 3) "\",\"type\":\"similar\"}]}],\"version\":5}");
	assert_int_equal(k.stats.clusters, 1);
	assert_int_equal(k.stats.events, 0);
	has(&k, "N threat-actor threat-actor--" UUID(1) " APT1");
	has(&k, "E same-as threat-actor--" UUID(1) " x-misp-cluster--" UUID(1));
	has(&k, "N x-misp-cluster x-misp-cluster--" UUID(1) " ");
	has(&k, "E uses threat-actor--" UUID(1) " x-misp-cluster--" UUID(2));
	has(&k, "E related-to threat-actor--" UUID(1) " x-misp-cluster--" UUID(3));
	assert_non_null(strstr(k.text, " misp-galaxy:threat-actor=\"APT1\"\n"));
}

static void synonyms_are_other_names(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{\"type\":\"threat-actor\",\"values\":[{\"uuid\":\"" UUID(
			  1) "\",\"value\":\"APT1\",\"meta\":{\"synonyms\":"
			     "[\"APT1\",\"Comment Crew\"]}},{\"uuid\":\"" UUID(2) "\",\"value\":\"B\",\"meta\":[]}]}");
	assert_int_equal(feedkit_count(&k, "E known-as "), 1);
	assert_int_equal(feedkit_count(&k, "E known-as threat-actor--" UUID(1) " x-alias--"), 1);
	assert_non_null(strstr(k.text, " Comment Crew\n"));
}

static void synonyms_in_an_event_are_the_clusters(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{\"Event\":{" INFO ",\"Galaxy\":[{\"type\":\"threat-actor\",\"GalaxyCluster\":["
		  "{\"uuid\":\"" UUID(4) "\",\"collection_uuid\":\"" UUID(
			  5) "\",\"value\":\"A\",\"meta\":{\"synonyms\":[\"S\"]}},"
			     "{\"uuid\":\"" UUID(5) "\",\"collection_uuid\":\"" UUID(
				     5) "\",\"value\":\"B\",\"meta\":{\"synonyms\":[\"T\"]}}]}]}}");
	assert_int_equal(feedkit_count(&k, "E known-as "), 1); /* the second has no key of its own */
	assert_int_equal(feedkit_count(&k, "E known-as threat-actor--" UUID(4) " x-alias--"), 1);
}

static void a_galaxy_of_no_kind_is_its_clusters(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	reads(&k, "{\"values\":[{\"uuid\":\"" UUID(1) "\",\"value\":\"x\"}],\"type\":\"later\"}");
	has(&k, "N x-misp-cluster x-misp-cluster--" UUID(1) " x");
	lacks(&k, "E same-as");
}

/* N9 */
static void what_is_no_attribute_is_dropped_alone(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	feedkit_read(&k, bytes_str("{\"Event\":{" INFO ",\"Attribute\":[{\"type\":\"md5\"},5,{\"value\":\"x\"}," ATTR
				   "],\"Object\":[{\"uuid\":\"x\"},{\"name\":\"file\",\"Attribute\":[7," ATTR "]}]}}"));
	assert_int_equal(k.result, 0);
	assert_int_equal(k.stats.attributes, 2);
	assert_int_equal(k.stats.objects, 1);
	assert_int_equal(k.stats.events, 1);
	assert_int_equal(k.stats.dropped[FEED_DROP_CONTENT], 4);
	assert_int_equal(k.stats.dropped[FEED_DROP_FORMAT], 1);
	assert_non_null(strstr(k.warnings, "an attribute without value"));
	assert_non_null(strstr(k.warnings, "an object without name"));
}

/* N9: the quote that is missing ends one attribute, a file that ends too early the last one. */
static void damage_costs_the_attribute_that_has_it(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	feedkit_read(&k, bytes_str("{\"Event\":{" INFO ",\"Attribute\":[{\"uuid\":\"" UUID(
				 3) ",\n\"type\":\"text\",\"value\":\"x\"},\n" ATTR ",\n"
				    "{\"uuid\":\"" UUID(4) "\",\"type\":\"text\",\"value\":\"y\"},\n{\"uuid\":\"" UUID(
					    5) "\",\"type\":\"te"));
	assert_int_equal(k.result, 0);
	has(&k, "E member " EVENT(1) " " ATTRIBUTE(2));
	has(&k, "E member " EVENT(1) " " ATTRIBUTE(4));
	assert_int_equal(k.stats.attributes, 2);
	assert_int_equal(k.stats.events, 1);
	assert_int_equal(k.stats.dropped[FEED_DROP_SYNTAX], 2);
}

static void events_follow_each_other(void **state)
{
	AUTO_FEEDKIT k = { .piece_bytes = 5 };

	(void)state;
	reads(&k, "{\"Event\":{" INFO ",\"Attribute\":[" ATTR
		  "]}}\n{\"Event\":{\"Attribute\":[],\"info\":\"b\",\"uuid\":\"" UUID(7) "\"}}\n");
	assert_int_equal(k.stats.events, 2);
	assert_int_equal(feedkit_count(&k, "E member " EVENT(1)), 1);
	assert_int_equal(feedkit_count(&k, "E member " EVENT(7)), 0);
}

/* Although its own text is the same. */
static void an_event_with_other_members_is_another_version(void **state)
{
	struct why w = { 0 };
	AUTO_GATHER g = { 0 };
	struct misp_event e = { 0 };
	struct record r;

	(void)state;
	misp_event_begin(&e);
	assert_int_equal(misp_event_passed(&e, bytes_str(ATTRIBUTE(2))), 0);
	assert_int_equal(misp_event_member(&e, bytes_str("uuid"), bytes_str("\"" UUID(1) "\""), &g), 0);
	gather_reset(&g);
	assert_ok(misp_event_record(&e, &g, &r, &w), w);
	assert_true(r.edges_tell);
	assert_int_equal(r.n_edges, 1);
	assert_true(bytes_equal(r.edges[0].dst, bytes_str(ATTRIBUTE(2))));
	misp_event_free(&e);
}

static void an_events_memory_is_bounded(void **state)
{
	static char big[MISP_EVENT_BYTES + 100];
	struct why w = { 0 };
	AUTO_GATHER g = { 0 };
	struct misp_event e = { 0 };
	struct record r;

	(void)state;
	memset(big, 'x', sizeof(big));
	big[0] = big[sizeof(big) - 1] = '"';
	misp_event_begin(&e);
	assert_int_equal(misp_event_member(&e, bytes_str("info"), bytes_str("\"i\""), &g), 0);
	assert_int_equal(misp_event_member(&e, bytes_str("EventReport"), bytes_of(big, sizeof(big)), &g), 0);
	for (size_t i = 0; i < MISP_MEMBERS_MAX + 5; i++)
		assert_int_equal(misp_event_passed(&e, bytes_str(ATTRIBUTE(2))), 0);
	gather_reset(&g);
	assert_ok(misp_event_record(&e, &g, &r, &w), w);
	assert_int_equal(e.left_out, 6);
	assert_true(bytes_equal(r.text, bytes_str("{\"info\":\"i\"}")));
	assert_int_equal(r.n_edges, MISP_MEMBERS_MAX);
	misp_event_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_holds_its_attributes_in_every_shape),
		cmocka_unit_test(the_text_of_an_event_is_what_is_its_own),
		cmocka_unit_test(attributes_and_objects_come_without_an_event),
		cmocka_unit_test(an_object_leads_to_its_attributes_and_references),
		cmocka_unit_test(two_values_are_two_observables),
		cmocka_unit_test(a_value_that_is_none_costs_no_record),
		cmocka_unit_test(what_is_deleted_says_nothing_any_more),
		cmocka_unit_test(an_attachment_is_not_stored),
		cmocka_unit_test(tags_are_nodes_and_markings_are_marked),
		cmocka_unit_test(a_galaxy_leads_to_stix_when_its_uuid_is_its_own),
		cmocka_unit_test(who_made_it_and_who_saw_it),
		cmocka_unit_test(what_has_no_uuid_has_a_key_of_its_content),
		cmocka_unit_test(galaxies_link_their_values),
		cmocka_unit_test(synonyms_are_other_names),
		cmocka_unit_test(synonyms_in_an_event_are_the_clusters),
		cmocka_unit_test(a_galaxy_of_no_kind_is_its_clusters),
		cmocka_unit_test(what_is_no_attribute_is_dropped_alone),
		cmocka_unit_test(damage_costs_the_attribute_that_has_it),
		cmocka_unit_test(events_follow_each_other),
		cmocka_unit_test(an_event_with_other_members_is_another_version),
		cmocka_unit_test(an_events_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
