/*
 * Real feeds under $TANDEM_DATA/intel, with the counts that its README has from jq. Without it the tests are skipped: test_stix.c,
 * test_misp.c and test_feedread.c have twins of every shape.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "bootstage/intel/feedread.h"
#include "tests/feedkit.h"
#include "tests/support.h"

/* NULL when there is none. */
static const char *data(const char *name)
{
	static char path[8][400];
	static unsigned int next;
	const char *folder = getenv("TANDEM_DATA");
	char *to = path[next++ % 8];
	struct stat st;

	if (!folder)
		return NULL;
	(void)snprintf(to, sizeof(path[0]), "%s/intel/%s", folder, name);
	return stat(to, &st) ? NULL : to;
}

#define NEED_DATA()                                                                                                    \
	do {                                                                                                           \
		if (!data("README.md")) {                                                                              \
			print_message("# TANDEM_DATA has no intel\n");                                                 \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

static void reads(struct feedkit *k, const char *name)
{
	feedkit_read_file(k, data(name));
	if (k->result)
		fail_msg("%s: %d %s", name, k->result, k->why.text);
}

static void stix_examples_have_their_counts(void **state)
{
	static const struct {
		const char *name;
		unsigned int objects, relationships;
	} cases[] = {
		{ "examples/apt1.json", 76, 30 },
		{ "examples/indicator-for-c2-ip-address.json", 1, 0 },
		{ "examples/indicator-to-campaign-relationship.json", 3, 1 },
		{ "examples/indicators-for-C2-with-COA.json", 8, 3 },
		{ "examples/infrastructure.json", 10, 4 },
		{ "examples/interop-objectmarking-test.json", 1, 0 },
		{ "examples/malicious-email-indicator-with-attachment.json", 6, 2 },
		{ "examples/malware-indicator-for-file-hash.json", 3, 1 },
		{ "examples/misp-stix-events-collection-stix21.json", 20, 3 },
		{ "examples/sco-examples-bundle.json", 82, 0 },
		{ "examples/sighting-of-an-indicator.json", 4, 0 },
		{ "examples/using-granular-markings.json", 4, 1 },
		{ "validator/v20-identity.json", 1, 0 },
		{ "validator/v20-identity_custom.json", 1, 0 },
		{ "validator/v20-identity_warning.json", 1, 0 },
		{ "validator/v20-invalid_identity.json", 1, 0 },  /* no `modified`: the graph can do without */
		{ "validator/v20-invalid_timestamp.json", 1, 0 }, /* modified before it was created */
		{ "validator/v21-identity.json", 1, 0 },
		{ "validator/v21-identity_custom.json", 1, 0 },
		{ "validator/v21-identity_unicode.json", 1, 0 },
		{ "validator/v21-identity_warning.json", 1, 0 },
		{ "validator/v21-invalid_identity.json", 1, 0 },
		{ "validator/v21-invalid_timestamp.json", 1, 0 },
		{ "validator/v21-tlp-amber.json", 1, 0 },
		{ "validator/v21-tool.json", 1, 0 },
	};

	(void)state;
	NEED_DATA();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FEEDKIT k = { 0 };
		char name[200];

		(void)snprintf(name, sizeof(name), "stix/%s", cases[i].name);
		reads(&k, name);
		if (k.stats.good != cases[i].objects || k.stats.relationships != cases[i].relationships ||
		    feed_dropped(&k.stats))
			fail_msg("%s: %d good, %d relationships", name, (int)k.stats.good, (int)k.stats.relationships);
	}
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const names[] = { "v20-invalid_braces", "v20-invalid_comma", "v21-invalid_braces",
					     "v21-invalid_comma" };

	(void)state;
	NEED_DATA();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FEEDKIT k = { 0 };
		char name[100];

		(void)snprintf(name, sizeof(name), "stix/validator/%s.json", names[i]);
		feedkit_read_file(&k, data(name));
		assert_int_equal(k.result, -EBADMSG);
		assert_int_equal(k.stats.good, 0);
	}
}

static void attack_has_its_counts(void **state)
{
	static const struct {
		const char *with;
		size_t enterprise, ics;
	} counts[] = {
		{ "R attack-pattern--", 835, 95 },
		{ "R campaign--", 52, 8 },
		{ "R course-of-action--", 268, 52 },
		{ "R identity--", 1, 1 },
		{ "R intrusion-set--", 187, 16 },
		{ "R malware--", 696, 30 },
		{ "R marking-definition--", 1, 1 },
		{ "R tool--", 91, 0 },
		{ "R x-mitre-analytic--", 1739, 82 },
		{ "R x-mitre-tactic--", 14, 12 },
		{ "R x-mitre-asset--", 0, 18 },
		{ "L attributed-to ", 25, 5 },
		{ "L detects ", 691, 83 },
		{ "L mitigates ", 1445, 331 },
		{ "L revoked-by ", 140, 2 },
		{ "L subtechnique-of ", 477, 0 },
		{ "L uses ", 17270, 267 },
		{ "L targets ", 0, 685 },
	};
	AUTO_FEEDKIT e = { 0 };
	AUTO_FEEDKIT s = { 0 };

	(void)state;
	NEED_DATA();
	reads(&e, "stix/enterprise-attack-18.1.json.xz");
	reads(&s, "stix/ics-attack-18.1.json.xz");
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		assert_int_equal(feedkit_count(&e, counts[i].with), counts[i].enterprise);
		assert_int_equal(feedkit_count(&s, counts[i].with), counts[i].ics);
	}
	assert_int_equal(e.stats.good, 24771);
	assert_int_equal(e.stats.relationships, 20048);
	assert_int_equal(feed_dropped(&e.stats), 0);
	assert_int_equal(s.stats.good, 1826);
	assert_int_equal(s.stats.relationships, 1373);
	assert_int_equal(feed_dropped(&s.stats), 0);
}

/* "L KIND SRC DST": nothing else has these kinds, and of what refers to something nothing has them. */
static void only_relationships_have_relationships_kinds(void **state)
{
	static const char *const kinds[] = { "attributed-to",   "detects", "mitigates", "revoked-by",
					     "subtechnique-of", "uses",    "targets",   "other" };
	AUTO_FEEDKIT k = { 0 };

	(void)state;
	NEED_DATA();
	reads(&k, "stix/ics-attack-18.1.json.xz");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char with[60];

		(void)snprintf(with, sizeof(with), "E %s ", kinds[i]);
		assert_int_equal(feedkit_count(&k, with), 0);
	}
	assert_int_equal(feedkit_count(&k, "E created-by "), 901);
}

/* The counts of the README are of `.Event` and its lists; "events" of what is a list of attributes or objects is 0 here. */
static void misp_has_its_counts(void **state)
{
	static const struct {
		const char *name;
		unsigned int events, attributes, objects, inside, tags;
	} cases[] = {
		{ "57c4445b-c548-4654-af0b-4be3950d210f.json", 1, 9, 0, 0, 4 },
		{ "misp_event.json", 1, 2, 0, 0, 2 },
		{ "mispevent-event_obj_attr_tag.json", 1, 0, 2, 2, 0 },
		{ "mispevent-existing_event.json", 1, 9, 49, 113, 18 },
		{ "mispevent-malware_exist.json", 1, 0, 1, 6, 0 },
		{ "mispevent-proposals.json", 1, 1, 0, 0, 0 },
		{ "mispevent-shadow.json", 1, 1, 1, 2, 0 },
		{ "mispstix-test_attributes_collection_1.json", 0, 2, 0, 0, 0 },
		{ "mispstix-test_events_collection_1.json", 2, 2, 0, 0, 0 },
		{ "mispstix-test_objects_collection_1.json", 0, 0, 2, 10, 0 },
		{ "new_misp_event.json", 1, 0, 0, 0, 0 },
		{ "report-HTML_event.json", 1, 13, 0, 0, 3 },
		{ "report-galaxy_1.json", 1, 4, 2, 6, 12 },
		{ "report-japanese_test.json", 1, 1, 0, 0, 2 },
		{ "report-long_event.json", 1, 370, 0, 0, 2 },
		{ "report-mainly_objects_1.json", 1, 0, 17, 74, 3 },
		{ "report-sighting_1.json", 1, 5, 0, 0, 2 },
		{ "report-to_delete1.json", 1, 75, 0, 0, 4 },
		{ "feed/57153590-f73c-49fa-be4b-4737950d210f.json", 1, 370, 0, 0, 2 },
		{ "feed/57c4445b-c548-4654-af0b-4be3950d210f.json", 1, 9, 0, 0, 4 },
		{ "feed/5acc88e9-265c-4f22-9d2b-b702950d210f.json", 1, 4, 2, 6, 12 },
		{ "feed/5b646415-7b48-40d5-86b4-c0070acd0835.json", 1, 5, 0, 0, 2 },
	};

	(void)state;
	NEED_DATA();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FEEDKIT k = { 0 };
		char name[200];
		size_t members;

		(void)snprintf(name, sizeof(name), "misp/%s", cases[i].name);
		reads(&k, name);
		members = feedkit_count(&k, "E member x-misp-object--");
		if (k.stats.events != cases[i].events || k.stats.objects != cases[i].objects ||
		    k.stats.attributes != cases[i].attributes + cases[i].inside || members != cases[i].inside ||
		    feed_dropped(&k.stats))
			fail_msg("%s: %d events, %d objects, %d attributes, %d of them in objects, %d dropped", name,
				 (int)k.stats.events, (int)k.stats.objects, (int)k.stats.attributes, (int)members,
				 (int)feed_dropped(&k.stats));
		if (cases[i].events == 1)
			assert_int_equal(feedkit_count(&k, "E member x-misp-event--"),
					 cases[i].attributes + cases[i].objects);
		if (cases[i].tags != feedkit_count(&k, "E tagged x-misp-event--") +
					     feedkit_count(&k, "E marked x-misp-event--") +
					     feedkit_count(&k, "E cluster x-misp-event--") &&
		    !strstr(k.text, "E cluster x-misp-event"))
			fail_msg("%s: not %u tags", name, cases[i].tags);
	}
}

static void galaxies_have_their_counts(void **state)
{
	AUTO_FEEDKIT r = { 0 };
	AUTO_FEEDKIT t = { 0 };

	(void)state;
	NEED_DATA();
	reads(&r, "misp/galaxy-ransomware.json.xz");
	reads(&t, "misp/galaxy-threat-actor.json.xz");
	assert_int_equal(r.stats.clusters, 2135);
	assert_int_equal(feedkit_count(&r, "E ") - feedkit_count(&r, "E same-as ") - 310, 1486);
	assert_int_equal(feedkit_count(&r, "E known-as "), 310);
	assert_int_equal(t.stats.clusters, 1041);
	assert_int_equal(feedkit_count(&t, "E ") - feedkit_count(&t, "E same-as ") - 1401, 432);
	assert_int_equal(feedkit_count(&t, "E known-as "), 1401);
	assert_int_equal(feed_dropped(&r.stats) + feed_dropped(&t.stats), 0);
}

static void what_is_no_event_is_said_to_be_none(void **state)
{
	static const char *const names[] = { "search_index_result", "sharing_groups",  "mispevent-sighting",
					     "mispevent-galaxy",    "mispevent-empty", "feed/manifest" };

	(void)state;
	NEED_DATA();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FEEDKIT k = { 0 };
		char name[100];

		(void)snprintf(name, sizeof(name), "misp/%s.json", names[i]);
		feedkit_read_file(&k, data(name));
		if (k.result != -ENODATA || !strstr(k.why.text, "no feed: ") || k.stats.good)
			fail_msg("%s: %d %s", name, k.result, k.why.text);
	}
}

/* N9: the columns `good` and `dropped` of expected.tsv. */
static void malformed_feeds_lose_only_what_is_bad(void **state)
{
	char line[400], name[100], path[200];
	FILE *f;

	(void)state;
	NEED_DATA();
	f = fopen(data("malformed/expected.tsv"), "re");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		AUTO_FEEDKIT k = { 0 };
		unsigned int bytes, good, dropped;

		assert_int_equal(sscanf(line, "%99s %u %u %u", name, &bytes, &good, &dropped),
				 4); // NOLINT(cert-err34-c)
		(void)snprintf(path, sizeof(path), "malformed/%s", name);
		reads(&k, path);
		if (k.stats.good != good || feed_dropped(&k.stats) != dropped || k.stats.bytes != bytes)
			fail_msg("%s: %d good, %d dropped, %d bytes", name, (int)k.stats.good,
				 (int)feed_dropped(&k.stats), (int)k.stats.bytes);
	}
	(void)fclose(f);
}

/* Who is related to whom, from the lines of relationships. */
struct graph {
	char (*key)[80];
	size_t n;
	struct {
		size_t src, dst;
	} * edge;
	size_t n_edges;
};

static int by_key(const void *a, const void *b)
{
	return strcmp(a, b);
}

static size_t number(const struct graph *g, const char *key)
{
	const char(*found)[80] = bsearch(key, g->key, g->n, sizeof(*g->key), by_key);

	return found ? (size_t)(found - (const char(*)[80])g->key) : SIZE_MAX;
}

/* Lines "L KIND SRC DST": first to count, then for the keys, then for the edges. */
static size_t each_link(const struct feedkit *k, struct graph *g, bool second)
{
	size_t n = 0;

	for (const char *p = NULL; (p = feedkit_line(k, p, "L ")); n++) {
		char line[300] = "", src[80], dst[80];

		IGNORE(!memccpy(line, p, '\n', sizeof(line) - 1));              /* sscanf looks for the end of all */
		assert_int_equal(sscanf(line, "L %*s %79s %79s", src, dst), 2); // NOLINT(cert-err34-c)
		if (second) {
			g->edge[n].src = number(g, src);
			g->edge[n].dst = number(g, dst);
		} else if (g->key) {
			memcpy(g->key[2 * n], src, 80);
			memcpy(g->key[2 * n + 1], dst, 80);
		}
	}
	return n;
}

static void graph_make(struct graph *g, const struct feedkit *k)
{
	size_t unique = 0;

	g->n_edges = each_link(k, g, false);
	g->key = calloc(2 * g->n_edges, sizeof(*g->key));
	g->edge = calloc(g->n_edges, sizeof(*g->edge));
	assert_true(g->key && g->edge);
	g->n = 2 * each_link(k, g, false);
	qsort(g->key, g->n, sizeof(*g->key), by_key);
	for (size_t i = 0; i < g->n; i++)
		if (unique == 0 || strcmp(g->key[unique - 1], g->key[i]) != 0)
			memmove(g->key[unique++], g->key[i], 80);
	g->n = unique;
	(void)each_link(k, g, true);
}

/* A level of the walk. */
static void spread(const struct graph *g, uint8_t *seen, uint8_t level, const char *direction)
{
	bool out = strcmp(direction, "in") != 0, in = strcmp(direction, "out") != 0;

	for (size_t i = 0; i < g->n_edges; i++) {
		size_t src = g->edge[i].src, dst = g->edge[i].dst;

		if (out && seen[src] && seen[src] < level && !seen[dst])
			seen[dst] = level;
		if (in && seen[dst] && seen[dst] < level && !seen[src])
			seen[src] = level;
	}
}

/* SHA-256 over the keys that were reached, a newline between them. */
static size_t reached(const struct graph *g, const uint8_t *seen, size_t start, char hex[65])
{
	EVP_MD_CTX *h = EVP_MD_CTX_new();
	uint8_t digest[32];
	size_t n = 0;

	assert_true(h && EVP_DigestInit_ex(h, EVP_sha256(), NULL));
	for (size_t i = 0; i < g->n; i++) {
		if (!seen[i] || i == start)
			continue;
		if (n++)
			assert_true(EVP_DigestUpdate(h, "\n", 1));
		assert_true(EVP_DigestUpdate(h, g->key[i], strlen(g->key[i])));
	}
	assert_true(EVP_DigestFinal_ex(h, digest, NULL));
	EVP_MD_CTX_free(h);
	format_hex(digest, 32, hex);
	return n;
}

static void answer(const struct graph *g, const char *line)
{
	char start[80], direction[8], want[65], got[65];
	unsigned int depth, related;
	uint8_t *seen = calloc(g->n, 1);
	const char *tab = strchr(strchr(line, '\t') + 1, '\t');
	size_t from, n;

	assert_int_equal(sscanf(line, "%79[^\t]", start), 1);                                   // NOLINT(cert-err34-c)
	assert_int_equal(sscanf(tab, " %7s %u %u %64s", direction, &depth, &related, want), 4); // NOLINT(cert-err34-c)
	from = number(g, start);
	if (from != SIZE_MAX) {
		seen[from] = 1;
		for (unsigned int i = 0; i < depth; i++)
			spread(g, seen, (uint8_t)(i + 2), direction);
	}
	n = reached(g, seen, from, got);
	if (n != related || strcmp(got, want) != 0)
		fail_msg("%s %s %u: %d related, want %u", start, direction, depth, (int)n, related);
	free(seen);
}

/* N6: what is read is enough for every answer that somebody else computed. */
static void relationships_answer_who_is_related(void **state)
{
	static const char *const names[] = { "enterprise", "ics" };

	(void)state;
	NEED_DATA();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FEEDKIT k = { 0 };
		struct graph g = { 0 };
		char name[100], line[400];
		FILE *f;

		(void)snprintf(name, sizeof(name), "stix/%s-attack-18.1.json.xz", names[i]);
		reads(&k, name);
		graph_make(&g, &k);
		(void)snprintf(name, sizeof(name), "stix/%s-attack-18.1.related.tsv", names[i]);
		f = fopen(data(name), "re");
		assert_true(f && fgets(line, sizeof(line), f));
		while (fgets(line, sizeof(line), f))
			answer(&g, line);
		(void)fclose(f);
		free(g.key);
		free(g.edge);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stix_examples_have_their_counts),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(attack_has_its_counts),
		cmocka_unit_test(only_relationships_have_relationships_kinds),
		cmocka_unit_test(misp_has_its_counts),
		cmocka_unit_test(galaxies_have_their_counts),
		cmocka_unit_test(what_is_no_event_is_said_to_be_none),
		cmocka_unit_test(malformed_feeds_lose_only_what_is_bad),
		cmocka_unit_test(relationships_answer_who_is_related),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
