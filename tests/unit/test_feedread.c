/* N7: feeds (bootstage/intel/feedread.h): which streams are one, what is said of those that are none, and what is left out. */
#include "bootstage/intel/feedread.h"

#include <stdio.h>
#include <string.h>

#include "bootstage/intel/misp.h"
#include "tests/feedkit.h"
#include "tests/support.h"

#define TOOL(n) "{\"type\":\"tool\",\"id\":\"tool--00000000-0000-4000-8000-00000000000" #n "\",\"name\":\"t" #n "\"}"
#define LINK                                                                                                                       \
	"{\"type\":\"relationship\",\"id\":\"relationship--00000000-0000-4000-8000-000000000001\",\"relationship_type\":\"uses\"," \
	"\"source_ref\":\"tool--00000000-0000-4000-8000-000000000001\",\"target_ref\":\"tool--00000000-0000-4000-8000-000000000002\"}"

static void stix_comes_in_bundles_arrays_lines_and_alone(void **state)
{
	static const char *const shapes[] = {
		"{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[" TOOL(1) "," TOOL(2) "," LINK "]}",
		"{\"objects\":[" TOOL(1) "," TOOL(2) "," LINK "],\"type\":\"bundle\",\"spec_version\":\"2.0\"}",
		"{\"more\":true,\"next\":\"1\",\"objects\":[" TOOL(1) "," TOOL(2) "," LINK "]}",
		"{\"type\":\"bundle\",\"\\u006fbjects\":[" TOOL(1) "," TOOL(2) "," LINK "]}",
		"[" TOOL(1) "," TOOL(2) "," LINK "]",
		TOOL(1) "\n" TOOL(2) "\n" LINK "\n",
		"{\"type\":\"bundle\",\"objects\":[" TOOL(1) "]}\n{\"type\":\"bundle\",\"objects\":[" TOOL(2) "," LINK
													      "]}\n",
		"[{\"type\":\"bundle\",\"objects\":[" TOOL(1) "," TOOL(2) "]}," LINK "]",
		"\xef\xbb\xbf \n[ " TOOL(1) " ,\n" TOOL(2) ", " LINK " ] ",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		AUTO_FEEDKIT k = { .piece_bytes = i };

		feedkit_read(&k, bytes_str(shapes[i]));
		assert_ok(k.result, k.why);
		assert_int_equal(k.stats.good, 3);
		assert_int_equal(k.stats.stix, 2);
		assert_int_equal(k.stats.relationships, 1);
		assert_int_equal(feed_dropped(&k.stats), 0);
		assert_int_equal(k.stats.bytes, strlen(shapes[i]));
		assert_true(feedkit_has(
			&k,
			"L uses tool--00000000-0000-4000-8000-000000000001 tool--00000000-0000-4000-8000-000000000002"));
		assert_string_equal(k.warnings, "");
	}
}

static void an_empty_feed_is_a_feed(void **state)
{
	static const char *const empty[] = { "{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[]}",
					     "{\"type\":\"bundle\",\"id\":\"bundle--1\"}", "{\"response\":[]}",
					     "{\"type\":\"tool\",\"values\":[]}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(empty); i++) {
		AUTO_FEEDKIT k = { 0 };

		feedkit_read(&k, bytes_str(empty[i]));
		assert_ok(k.result, k.why);
		assert_int_equal(k.stats.good, 0);
	}
}

/* What MISP servers and PyMISP also write, and what people give by mistake. */
static void what_is_no_feed_is_named(void **state)
{
	static const struct {
		const char *text, *why;
		int code;
	} cases[] = {
		{ "", "t: empty", -ENODATA },
		{ "{}", "nothing in it", -ENODATA },
		{ "[5]", "no object", -ENODATA },
		{ "{\"timestamp\":\"1\",\"type\":\"bar\",\"value\":\"1\"}", "an object of timestamp, type, value",
		  -ENODATA },
		{ "{\"uuid\":\"24430dc6-9c27-4b3c-a5e7-6dda478fffa0\",\"name\":\"Tea\",\"type\":\"tea\",\"GalaxyCluster\":[{\"value\":\"x\"}]}",
		  "an object of uuid, name, type, GalaxyCluster", -ENODATA },
		{ "[{\"SharingGroup\":{\"id\":\"1\"},\"Organisation\":{}},{\"SharingGroup\":{\"id\":\"2\"}}]",
		  "an object of SharingGroup, Organisation", -ENODATA },
		{ "[{\"id\":\"3\",\"date\":\"2016-12-01\",\"info\":\"x\",\"uuid\":\"5758ebf5-c898-48e6-9fe9-5665c0a83866\",\"EventTag\":[]}]",
		  "an object of id, date, info", -ENODATA },
		{ "{\"24430dc6-9c27-4b3c-a5e7-6dda478fffa0\":{\"info\":\"x\",\"date\":\"2020-01-01\"}}",
		  "manifest of a MISP feed", -ENODATA },
		{ "<html>", "no record could be read", -EBADMSG },
		{ "367801bce2cd8cc572ce69b12ee10849,57153590-f73c-49fa-be4b-4737950d210f\n", "no record could be read",
		  -EBADMSG },
		{ "{\"type\":\"tool\",\"id\":\"tool--00000000-0000-4000-8000-000000000001\",}",
		  "no record could be read", -EBADMSG },
		{ "[{\"type\":\"tool\",\"id\":\"tool--x\"}]", "not TYPE--UUID", -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FEEDKIT k = { 0 };

		feedkit_read(&k, bytes_str(cases[i].text));
		if (k.result != cases[i].code || !strstr(k.why.text, cases[i].why))
			fail_msg("%s: %d '%s', want '%s'", cases[i].text, k.result, k.why.text, cases[i].why);
		assert_int_equal(k.stats.good, 0);
	}
}

/* N9, with each kind of damage and its reason. */
static void the_bad_ones_are_counted_by_reason(void **state)
{
	static const char end[] = "\"},{\"type\":\"tool\" \"id\"}," TOOL(2) "]";
	char text[3000] = "[" TOOL(1) ",{\"type\":\"tool\",\"id\":\"tool--1\"},5,{\"a\":1},{\"type\":\"tool\",\"x\":\"";
	AUTO_FEEDKIT k = { .record_max_bytes = 300 };
	size_t n = strlen(text);

	(void)state;
	memset(text + n, 'x', 1000);
	memcpy(text + n + 1000, end, sizeof(end));
	feedkit_read(&k, bytes_str(text));
	assert_ok(k.result, k.why);
	assert_int_equal(k.stats.good, 2);
	assert_int_equal(k.stats.dropped[FEED_DROP_CONTENT], 1);
	assert_int_equal(k.stats.dropped[FEED_DROP_FORMAT], 2);
	assert_int_equal(k.stats.dropped[FEED_DROP_SYNTAX], 1);
	assert_int_equal(k.stats.dropped[FEED_DROP_SIZE], 1);
	assert_non_null(strstr(k.stats.first.text, "not TYPE--UUID"));
	assert_string_equal(feed_drop_name(FEED_DROP_SIZE), "size");
}

/* A name takes four bytes of text, and a node, a key and an edge. */
static void a_record_of_many_small_nodes_is_left_out(void **state)
{
	static const char head[] = "[" TOOL(
		1) ",{\"type\":\"tool\",\"id\":\"tool--00000000-0000-4000-8000-000000000002\",\"aliases\":[\"a\"";
	static const char tags[] =
		"]},{\"uuid\":\"6513270e-269e-4d37-b2a7-4de452e6b438\",\"type\":\"text\",\"category\":\"x\","
		"\"value\":\"v\",\"Tag\":[{\"name\":\"a\"}";
	static const char end[] = "]}," TOOL(3) "]";
	const size_t room = sizeof(head) + sizeof(tags) + sizeof(end) + GATHER_MAX * (4 + 13);
	AUTO_FREE char *text = malloc(room);
	AUTO_FEEDKIT k = { 0 };
	size_t n;

	(void)state;
	assert_non_null(text);
	n = (size_t)snprintf(text, room, "%s", head);
	for (size_t i = 0; i < GATHER_MAX; i++, n += 4)
		memcpy(text + n, ",\"a\"", 4);
	n += (size_t)snprintf(text + n, room - n, "%s", tags);
	for (size_t i = 0; i < GATHER_MAX; i++, n += 13)
		memcpy(text + n, ",{\"name\":\"a\"}", 13);
	n += (size_t)snprintf(text + n, room - n, "%s", end);
	feedkit_read(&k, bytes_of(text, n));
	assert_ok(k.result, k.why);
	assert_int_equal(k.stats.good, 2);
	assert_int_equal(k.stats.dropped[FEED_DROP_SIZE], 2);
	assert_non_null(strstr(k.stats.first.text, "more than 300000 nodes or edges"));
}

static void ten_warnings_and_their_number(void **state)
{
	char text[3000] = "[" TOOL(1);
	size_t n = strlen(text), lines = 0;
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	for (int i = 0; i < 50; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",{\"type\":\"tool\",\"id\":\"tool--%d\"}", i);
	memcpy(text + n, "]", 2);
	feedkit_read(&k, bytes_str(text));
	assert_ok(k.result, k.why);
	assert_int_equal(feed_dropped(&k.stats), 50);
	for (const char *p = k.warnings; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, FEEDREAD_WARNINGS_MAX + 1);
	assert_non_null(strstr(k.warnings, "t: left out at byte "));
	assert_non_null(strstr(k.warnings, "\nt: 40 more records left out\n"));
}

static void the_sink_and_the_source_end_the_reading(void **state)
{
	AUTO_FEEDKIT k = { .sink_result = -ENOSPC };

	(void)state;
	feedkit_read(&k, bytes_str("[" TOOL(1) "," TOOL(2) "]"));
	assert_int_equal(k.result, -ENOSPC);
	assert_int_equal(k.stats.good, 0);
	assert_int_equal(feedkit_count(&k, "R "), 1);
}

static int gives_up(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	(void)arg, (void)buf, (void)room, (void)ret_n;
	return fail(w, -EIO, "the cable is out");
}

static int takes(void *arg, const struct record *r, struct why *w)
{
	(void)arg, (void)r, (void)w;
	return 0;
}

static void a_source_that_fails_is_told(void **state)
{
	struct feed_stats s = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_int_equal(feedread_stream((struct carve_source){ gives_up, NULL }, "feed x", &(struct feed_options){ 0 },
					 &(struct record_sink){ takes, NULL }, &s, &w),
			 -EIO);
	assert_string_equal(w.text, "feed x: the cable is out");
}

static void several_files_have_one_count(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	feedkit_read(&k, bytes_str(TOOL(1)));
	feedkit_free(&k);
	feedkit_read(&k, bytes_str("<html>"));
	assert_int_equal(k.result, -EBADMSG);
	feedkit_free(&k);
	k.why = (struct why){ 0 };
	feedkit_read(&k, bytes_str(TOOL(2)));
	assert_ok(k.result, k.why);
	assert_int_equal(k.stats.good, 2);
	assert_int_equal(feed_dropped(&k.stats), 1);
}

static void what_an_event_loses_is_told(void **state)
{
	size_t room = (size_t)(MISP_MEMBERS_MAX + 3) * 40 + 200, n;
	AUTO_FREE char *text = malloc(room);
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	assert_non_null(text);
	n = (size_t)snprintf(text, room, "{\"Event\":{\"info\":\"x\",\"Attribute\":[");
	for (unsigned int i = 0; i < MISP_MEMBERS_MAX + 2; i++)
		n += (size_t)snprintf(text + n, room - n, "%s{\"type\":\"text\",\"value\":\"%u\"}", i ? "," : "", i);
	(void)snprintf(text + n, room - n, "],\"uuid\":\"00000000-0000-4000-8000-000000000001\"}}");
	feedkit_read(&k, bytes_str(text));
	assert_ok(k.result, k.why);
	assert_int_equal(k.stats.attributes, MISP_MEMBERS_MAX + 2);
	assert_int_equal(k.stats.left_out, 2);
	assert_non_null(
		strstr(k.warnings, "t: left out 2 members of x-misp-event--00000000-0000-4000-8000-000000000001"));
}

static void a_bundle_in_a_bundle_is_none(void **state)
{
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	feedkit_read(
		&k,
		bytes_str(
			"{\"type\":\"bundle\",\"objects\":[{\"type\":\"bundle\",\"id\":\"bundle--00000000-0000-4000-8000-000000000001\",\"objects\":[" TOOL(
				1) "]}," TOOL(2) "]}"));
	assert_ok(k.result, k.why);
	assert_int_equal(k.stats.good, 1);
	assert_int_equal(k.stats.dropped[FEED_DROP_CONTENT], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stix_comes_in_bundles_arrays_lines_and_alone),
		cmocka_unit_test(an_empty_feed_is_a_feed),
		cmocka_unit_test(what_is_no_feed_is_named),
		cmocka_unit_test(the_bad_ones_are_counted_by_reason),
		cmocka_unit_test(a_record_of_many_small_nodes_is_left_out),
		cmocka_unit_test(ten_warnings_and_their_number),
		cmocka_unit_test(the_sink_and_the_source_end_the_reading),
		cmocka_unit_test(a_source_that_fails_is_told),
		cmocka_unit_test(several_files_have_one_count),
		cmocka_unit_test(what_an_event_loses_is_told),
		cmocka_unit_test(a_bundle_in_a_bundle_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
