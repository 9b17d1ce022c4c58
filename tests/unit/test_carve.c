/* Records out of feeds of every shape: whole, in pieces of any size, damaged, too long, hostile. */
#include "bootstage/intel/carve.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "tests/support.h"

#define GENERATED_MAX 1000u
#define UUID          "6513270e-269e-4d37-b2a7-4de452e6b438"

/* A text that is handed out in pieces. */
struct text {
	struct bytes left;
	size_t piece;
	bool fails; /* at its end */
};

static int read_text(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	struct text *t = arg;
	size_t n = t->left.n < room ? t->left.n : room;

	if (n == 0 && t->fails)
		return fail(w, -EIO, "the cable is out");
	n = t->piece && n > t->piece ? t->piece : n;
	if (n > 0)
		memcpy(buf, t->left.p, n);
	t->left = bytes_of(t->left.p + n, t->left.n - n);
	*ret_n = n;
	return 0;
}

struct sums {
	unsigned int good, dropped, refused, entered, left, members;
	uint64_t strays, looked, again;
	char trace[4096]; /* one letter for what came, where */
	size_t n;
};

static const char letters[] = "ro_eATB"; /* by place */

static void note(struct sums *s, char c, struct bytes text)
{
	int n = snprintf(s->trace + s->n, sizeof(s->trace) - s->n, "%c%.*s ", c, (int)text.n, (const char *)text.p);

	s->n += n > 0 && (size_t)n < sizeof(s->trace) - s->n ? (size_t)n : 0;
}

/* As a reader would: a record is an object with a type and an id, or a uuid. */
static bool is_record(const struct jsontext *t)
{
	return jsontext_kind(jsontext_get(t, "uuid")) == JSONTEXT_STRING ||
	       (jsontext_kind(jsontext_get(t, "type")) == JSONTEXT_STRING &&
		jsontext_kind(jsontext_get(t, "id")) == JSONTEXT_STRING);
}

static void count(struct sums *s, const struct carved *got)
{
	switch (got->what) {
	case CARVE_RECORD:
		s->good += is_record(&got->value);
		s->refused += !is_record(&got->value);
		note(s, letters[got->place], s->n < 2000 ? got->value.text : (struct bytes){ 0 });
		break;
	case CARVE_MEMBER:
		s->members++;
		note(s, '.', got->key);
		break;
	case CARVE_ENTER:
		s->entered++;
		note(s, '<', (struct bytes){ 0 });
		break;
	case CARVE_LEAVE:
		s->left++;
		note(s, '>', (struct bytes){ 0 });
		break;
	case CARVE_DROPPED:
		s->dropped++;
		assert_true(got->why.text[0] != '\0');
		note(s, '!', (struct bytes){ 0 });
		break;
	case CARVE_END:
		break;
	}
}

static void carve_bytes(struct bytes in, size_t piece, size_t record_max, struct sums *s)
{
	struct text text = { .left = in, .piece = piece };
	struct carved got;
	struct carve c;
	struct why w = { 0 };

	memset(s, 0, sizeof(*s));
	assert_ok(carve_init(&c, (struct carve_source){ read_text, &text }, record_max, &w), w);
	do {
		assert_ok(carve_next(&c, &got, &w), w);
		count(s, &got);
	} while (got.what != CARVE_END);
	assert_int_equal(s->entered, s->left);
	s->strays = carve_strays(&c);
	s->looked = c.seen_bytes;
	s->again = c.again_bytes;
	assert_ok(carve_next(&c, &got, &w), w);
	assert_int_equal(got.what, CARVE_END);
	carve_done(&c);
}

static void carve_text(const char *text, struct sums *s)
{
	carve_bytes(bytes_str(text), 0, 0, s);
}

#define A "{\"type\":\"a\",\"id\":\"a--" UUID "\"}"
#define B "{\"type\":\"b\",\"id\":\"b--" UUID "\"}"

static void assert_trace(const char *text, const char *want)
{
	struct sums s, pieces;

	carve_text(text, &s);
	if (strcmp(s.trace, want) != 0)
		fail_msg("%s\ngives %s\nwant  %s", text, s.trace, want);
	for (size_t piece = 1; piece < 5; piece++) {
		carve_bytes(bytes_str(text), piece, 0, &pieces);
		assert_string_equal(pieces.trace, want);
	}
}

static void bundles_give_their_objects(void **state)
{
	(void)state;
	assert_trace("{\"type\":\"bundle\",\"id\":\"bundle--" UUID "\",\"objects\":[" A "," B "]}",
		     "< .type .id o" A " o" B " > ");
	assert_trace("{\"objects\" : [\n" A " ,\n" B "\n] , \"type\":\"bundle\"}\n", "< o" A " o" B " .type > ");
	assert_trace("{\"\\u006fbjects\":[" A "]}", "< o" A " > ");
	assert_trace("{\"more\":true,\"objects\":[" A "],\"next\":\"x\"}", "< .more o" A " .next > ");
	assert_trace("\xef\xbb\xbf{\"objects\":[" A "]}", "< o" A " > ");
	assert_trace("{\"objects\":[]}", "< > ");
	assert_trace("{\"objects\":{\"0\":" A ",\"2\":" B "}}", "< o" A " o" B " > ");
	assert_trace("{\"objects\":[" A "]}{\"objects\":[" B "]}", "< o" A " > < o" B " > ");
}

static void records_stand_alone_in_lines_and_in_arrays(void **state)
{
	(void)state;
	assert_trace(A, "r" A " ");
	assert_trace(A "\n" B "\n", "r" A " r" B " ");
	assert_trace("[" A "," B "]", "r" A " r" B " ");
	assert_trace("[[" A "],[" B "]]", "r" A " r" B " ");
	assert_trace("", "");
	assert_trace(" \n", "");
	assert_trace("null", "rnull ");
	assert_trace("[]", "");
}

/* STIX 2.0's observed-data has objects of its own, a registry key has values, an attribute may hold its event. */
static void members_that_are_named_like_lists_stay_in_their_records(void **state)
{
#define OBSERVED                                                                                                       \
	"{\"type\":\"observed-data\",\"id\":\"observed-data--" UUID "\",\"objects\":{\"0\":{\"type\":\"file\"}}}"
#define REGISTRY  "{\"values\":[{\"name\":\"x\"}],\"id\":\"windows-registry-key--" UUID "\"}"
#define ATTRIBUTE "{\"uuid\":\"" UUID "\",\"value\":\"1\",\"Event\":{\"id\":\"1\"}}"
	(void)state;
	assert_trace(OBSERVED, "r" OBSERVED " ");
	assert_trace("{\"objects\":[" OBSERVED "]}", "< o" OBSERVED " > ");
	assert_trace(REGISTRY "\n" REGISTRY, "r" REGISTRY " r" REGISTRY " ");
	assert_trace("[" ATTRIBUTE "]", "r" ATTRIBUTE " ");
	assert_trace("{\"objects\":{\"type\":\"x\"}}", "< o{\"type\":\"x\"} > ");
	assert_trace("{\"objects\":1}", "r{\"objects\":1} ");
}

static void misp_events_give_attributes_and_objects(void **state)
{
	(void)state;
	assert_trace(
		"{\"Event\":{\"uuid\":\"1\",\"Attribute\":[{\"a\":1}],\"Object\":[{\"Attribute\":[{}]}],\"Tag\":[]}}",
		"< < .uuid A{\"a\":1} T{\"Attribute\":[{}]} .Tag > > ");
	assert_trace("{\"Attribute\":{\"1\":{\"a\":1},\"5\":{\"a\":2}},\"uuid\":\"1\"}",
		     "< A{\"a\":1} A{\"a\":2} .uuid > ");
	assert_trace("{\"response\":[{\"Event\":{\"Attribute\":[{\"a\":1}]}},{\"Event\":{\"info\":\"x\"}}]}",
		     "< < < A{\"a\":1} > > < < .info > > > ");
	assert_trace("{\"response\":{\"Attribute\":[{\"a\":1}]}}", "< < A{\"a\":1} > > ");
	assert_trace("{\"response\":[{\"Object\":{\"a\":1}}]}", "< < T{\"a\":1} > > ");
	assert_trace("[{\"Event\":{\"Attribute\":[]}}]", "< < > > ");
	assert_trace("{\"name\":\"ransomware\",\"values\":[{\"uuid\":\"1\"}]}", "< .name B{\"uuid\":\"1\"} > ");
}

/* N9: what is damaged is dropped, and nothing else. */
static void damage_costs_the_damaged_record_only(void **state)
{
	(void)state;
	assert_trace("{\"objects\":[" A B "," A ",]}", "< o" A " o" B " o" A " > ");
	assert_trace("{\"objects\":[" A "}," B "]}", "< o" A " o" B " > ");
	assert_trace("{\"objects\":[{\"type\":\"x\"," A "," B "]}", "< ! o" A " o" B " > ");
	assert_trace("{\"objects\":[{\"type\":\"x," A "," B "]}", "< ! o" A " o" B " > ");
	assert_trace("{\"objects\":[{\"type\":\"x,\n" A "," B "]}", "< ! o" A " o" B " > ");
	assert_trace("{\"objects\":[{\"type\":tru}," A "]}", "< ! o" A " > ");
	assert_trace("{\"objects\":[" A ",{\"type\":", "< o" A " ! > ");
	assert_trace("{\"objects\":[" A ",42," B "]}", "< o" A " o42 o" B " > ");
	assert_trace("{\"objects\":[" A ",{\"n\":\"\xff\"},\n" B "]}", "< o" A " ! o" B " > ");
	assert_trace(A "\n{\"type\":\"a\",\"id\"\n" B "\n", "r" A " ! r" B " ");
	assert_trace("{\"objects\":[" A ",{\"bad\" ]}\n{\"objects\":[" B "]}\n", "< o" A " ! > < o" B " > ");
	assert_trace("<html>nothing</html>", "! ");
	assert_trace("{\"type\":bad,\"objects\":[" A "," B "]}", "! r" A " r" B " ");
}

#define ATTR "{\"uuid\":\"" UUID "\",\"type\":\"md5\",\"value\":\"x\"}"
#define OBJ  "{\"uuid\":\"" UUID "\",\"Attribute\":[" ATTR "]}"

static void damage_in_an_event_costs_what_is_damaged(void **state)
{
	(void)state;
	assert_trace("{\"Event\":{\"uuid\":\"1\",\"Attribute\":[{\"a\":bad}," ATTR "],\"Object\":[" OBJ "]}}",
		     "< < .uuid ! A" ATTR " T" OBJ " > > ");
	assert_trace("{\"Event\":{\"uuid\":\"1\",\"Object\":[{\"a\":bad}," OBJ "],\"info\":\"x\"}}",
		     "< < .uuid ! T" OBJ " .info > > ");
	assert_trace("{\"Event\":{\"info\":bad,\"uuid\":\"1\",\"Attribute\":[" ATTR "," ATTR "],\"Object\":[" OBJ "]}}",
		     "< < ! A" ATTR " A" ATTR " T" OBJ " > > ");
	assert_trace("{\"Attribute\":{\"1\":{bad},\"2\":" ATTR ",\"3\":" ATTR "}}", "< ! A" ATTR " A" ATTR " > ");
	assert_trace("{\"response\":[{\"Event\":{\"Attribute\":[{\"a\":\n{\"Event\":{\"Attribute\":[" ATTR "]}}]}",
		     "< < < ! > > > < < A" ATTR " > > ");
}

/* Records that came before are there; what comes next is the reason again. */
static void a_source_that_fails_ends_the_feed_with_its_reason(void **state)
{
	struct text text = { .left = bytes_str("{\"objects\":[" A ",{\"type\""), .fails = true };
	struct why w = { 0 };
	struct carved got;
	struct carve c;

	(void)state;
	assert_ok(carve_init(&c, (struct carve_source){ read_text, &text }, 0, &w), w);
	assert_ok(carve_next(&c, &got, &w), w);
	assert_int_equal(got.what, CARVE_ENTER);
	assert_ok(carve_next(&c, &got, &w), w);
	assert_int_equal(got.what, CARVE_RECORD);
	assert_true(bytes_equal(got.value.text, bytes_str(A)));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(carve_next(&c, &got, &w), -EIO);
		assert_string_equal(w.text, "the cable is out");
	}
	carve_done(&c);
}

static void records_beyond_the_limit_are_passed_over(void **state)
{
	size_t n = 3u << 20;
	AUTO_FREE char *text = malloc(n + 1000);
	struct sums s;
	int at;

	(void)state;
	assert_non_null(text);
	for (unsigned int shape = 0; shape < 4; shape++) {
		static const char *const open[] = { "{\"x\":\"", "[\"\\\"", "{\"x\":[\"", "\"" }, *const close[] = {
			"\\\\\"}", "}\"]", "\"]}", "\""
		};

		at = snprintf(text, 300, "{\"objects\":[%s,%s", A, open[shape]);
		memset(text + at, 'z', n);
		(void)snprintf(text + (size_t)at + n, 300, "%s,%s]}", close[shape], B);
		carve_bytes(bytes_str(text), 1000, 1u << 20, &s);
		assert_string_equal(s.trace, "< o" A " ! o" B " > ");
		carve_bytes(bytes_str(text), 0, 8u << 20, &s);
		assert_int_equal(s.dropped, 0);
	}
}

/* Whether a record is taken does not depend on how the stream is cut into blocks. */
/* Up to the first key of a list's object nothing tells whether it is one: that is not waited for without end. */
static void padding_in_front_of_a_list_is_no_endless_wait(void **state)
{
	static const char *const lists[] = { "objects", "Attribute", "response", "Event" };
	const size_t n = 600u << 10;
	AUTO_FREE char *text = malloc(n + 200);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		size_t at = (size_t)snprintf(text, 200, "{\"%s\":{", lists[i]);
		struct sums s;

		memset(text + at, ' ', n);
		at += n;
		at += (size_t)snprintf(text + at, 200, "}}\n" A "\n");
		carve_bytes(bytes_of(text, at), 0, 1000, &s);
		assert_int_equal(s.good, 1);
	}
}

static void the_limit_is_exact(void **state)
{
	struct sums s;

	(void)state;
	carve_bytes(bytes_str("{\"objects\":[" A "]}"), 0, sizeof(A) - 1, &s);
	assert_int_equal(s.good, 1);
	carve_bytes(bytes_str("{\"objects\":[" A "]}"), 0, sizeof(A) - 2, &s);
	assert_int_equal(s.dropped, 1);
	assert_int_equal(s.good, 0);
}

/* What would make a search look at the same bytes for each of its beginnings. */
static void hostile_feeds_are_looked_at_a_few_times_only(void **state)
{
	static const char *const pieces[] = {
		"[{\"type\":",
		"{\"type\":[",
		",{\"uuid\":\"" UUID "\",\"z\":[",
		"[{\"uuid\":\"" UUID "\"},{\"z\":",
		",{",
		"{",
		"[",
		"{\"objects\":[",
		"{\"Event\":{\"Attribute\":[{",
		"\"",
		"{\"a\":\"\n",
		"}",
		"]",
		",\n",
		"{\"a\":{\"b\":[1,",
		"\\",
		"{\"0\":{",
		"{\"objects\":{\"0\":",
		"{\"response\":[",
		"-",
		"[\n{",
		"{\"x\":1},[{\"type\":\"",
	};
	size_t n = 4u << 20;
	AUTO_FREE char *text = malloc(n);
	struct sums s;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		for (size_t at = 0, len = strlen(pieces[i]); at < n; at++)
			text[at] = pieces[i][at % len];
		carve_bytes(bytes_of(text, n), 0, 0, &s);
		if (s.again > 4 * (uint64_t)n + CARVE_RECORD_MAX_BYTES)
			fail_msg("%s: %" PRIu64 " bytes again", pieces[i], s.again);
	}
}

/* Long padding between beginnings, each of which checks until it is nested too deep. */
static void hostile_padding_is_looked_at_a_few_times_only(void **state)
{
	size_t n = 24u << 20, step = 200u << 10;
	AUTO_FREE char *text = malloc(n);
	struct sums s;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	for (size_t at = 0; at + step <= n; at += step) {
		static const char open[] = "\",\"z\":[{\"uuid\":\"" UUID "\"},{\"pad\":\"";

		memcpy(text + at, open, sizeof(open) - 1);
	}
	text[0] = '[';
	text[1] = '{';
	carve_bytes(bytes_of(text, n), 0, 0, &s);
	assert_true(s.again < 6 * (uint64_t)n);
}

/* A feed of N records, as feeds are: some nesting, some objects with a type of their own inside. */
struct feed {
	char *text;
	size_t n, at[GENERATED_MAX + 1]; /* where each record begins; behind the last one */
};

static void put(struct feed *f, const char *format, ...) PRINTF(2, 3);
static void put(struct feed *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	f->n += (size_t)vsnprintf(f->text + f->n, 600, format, args);
	va_end(args);
}

static void feed_make(struct feed *f, unsigned int records, const char *line)
{
	f->text = malloc(600 * ((size_t)records + 2));
	assert_non_null(f->text);
	f->n = 0;
	put(f, "{\"type\":\"bundle\",\"id\":\"bundle--" UUID "\",\"objects\":[%s", line);
	for (unsigned int i = 0; i < records; i++) {
		f->at[i] = f->n;
		put(f,
		    "{\"type\": \"indicator\", \"id\": \"indicator--%08x-269e-4d37-b2a7-4de452e6b438\", \"name\": \"probe %u\", "
		    "\"kill_chain_phases\": [{\"kill_chain_name\": \"mitre\", \"phase_name\": \"x\"}], \"labels\": [\"a\", \"b\"], "
		    "\"pattern\": \"[file:hashes.'SHA-256' = '%064x']\", \"confidence\": %u, \"x_inner\": {\"type\": \"x\"}}",
		    i, i, i, i % 100);
		put(f, "%s%s", i + 1 < records ? "," : "", line);
	}
	f->at[records] = f->n;
	put(f, "]}%s", line);
}

/* Bytes [at, at + gone) of the text become those of `with`. */
static void feed_edit(struct feed *f, size_t at, size_t gone, const char *with)
{
	size_t n = strlen(with), rest = f->n - at - gone;

	memmove(f->text + at + n, f->text + at + gone, rest + 1);
	memcpy(f->text + at, with, n);
	f->n = f->n - gone + n;
	for (size_t i = 0; i <= GENERATED_MAX; i++)
		f->at[i] += f->at[i] > at ? n - gone : 0;
}

/* Where `what` stands in a record. */
static size_t find_in(const struct feed *f, size_t record, const char *what)
{
	const char *found = strstr(f->text + f->at[record], what);

	assert_non_null(found);
	return (size_t)(found - f->text);
}

static const struct damage {
	const char *name, *where, *with; /* what is replaced in record 50 */
	size_t gone;
	unsigned int good, dropped;
} damages[] = {
	{ "nothing", "{", "{", 1, 100, 0 },
	{ "a byte that is no UTF-8", "probe",
	  "pro\xff"
	  "be",
	  5, 99, 1 },
	{ "an overlong form", "probe", "\xc0\xaf", 5, 99, 1 },
	{ "an encoded surrogate", "probe", "\xed\xa0\x80", 5, 99, 1 },
	{ "an escaped NUL", "probe", "\\u0000", 5, 99, 1 },
	{ "a control byte", "probe", "\x01", 5, 99, 1 },
	{ "no closing brace", "}},", "},", 3, 99, 1 },
	{ "a closing brace too many", "}},", "}}},", 3, 100, 0 },
	{ "no opening brace", "{", "", 1, 99, 1 },
	{ "no comma behind it", "}},", "}}", 3, 100, 0 },
	{ "two commas behind it", "}},", "}},,", 3, 100, 0 },
	{ "no closing quote", "probe 50\"", "probe 50", 9, 99, 1 },
	{ "no opening quote", "\"probe 50", "probe 50", 9, 99, 1 },
	{ "a colon lost", "\"name\":", "\"name\"", 7, 99, 1 },
	{ "a comma inside lost", "\"x\"}], ", "\"x\"}] ", 7, 99, 1 },
	{ "a bracket lost", "\"x\"}], ", "\"x\"}, ", 7, 99, 1 },
	{ "a bracket too many", "\"x\"}], ", "\"x\"}]], ", 7, 99, 1 },
	{ "an id that is a number", "\"indicator--00000032-269e-4d37-b2a7-4de452e6b438\"", "5", 48, 99, 1 },
	{ "a type that is null", "\"indicator\"", "null", 11, 99, 1 },
	{ "an element that is no object", "{", "42,{", 1, 100, 1 },
	{ "an escape that is none", "probe", "\\x", 5, 99, 1 },
	{ "NaN", "\"confidence\": 50", "\"confidence\": NaN", 16, 99, 1 },
};

/* N9, with line breaks and without; the twin of the shared feeds. */
static void generated_damage_costs_one_record(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(damages); k++)
		for (size_t lines = 0; lines < 2; lines++) {
			const struct damage *d = &damages[k];
			struct feed f = { 0 };
			struct sums s;

			feed_make(&f, 100, lines ? "\n" : "");
			feed_edit(&f, find_in(&f, 50, d->where), d->gone, d->with);
			carve_bytes(bytes_of(f.text, f.n), 0, 0, &s);
			free(f.text);
			/* a record without its first brace leaves a string and the rest */
			if (s.good != d->good || s.dropped + s.refused < d->dropped ||
			    s.dropped + s.refused > d->dropped + 1)
				fail_msg("%s%s: %u good, %u dropped, %u refused", d->name, lines ? ", lines" : "",
					 s.good, s.dropped, s.refused);
		}
}

static void a_feed_that_ends_in_a_record_loses_that_one(void **state)
{
	(void)state;
	for (size_t lines = 0; lines < 2; lines++) {
		struct feed f = { 0 };
		struct sums s;

		feed_make(&f, 100, lines ? "\n" : "");
		for (size_t n = f.at[60] + 1; n < f.at[61] - 2; n += 7) {
			carve_bytes(bytes_of(f.text, n), 0, 0, &s);
			assert_int_equal(s.good, 60);
			assert_int_equal(s.dropped, 1);
		}
		free(f.text);
	}
}

static void every_seventh_record_cut_costs_each_seventh(void **state)
{
	(void)state;
	for (size_t lines = 0; lines < 2; lines++) {
		struct feed f = { 0 };
		struct sums s;

		feed_make(&f, GENERATED_MAX, lines ? "\n" : "");
		for (size_t i = GENERATED_MAX / 7; i-- > 0;) {
			size_t from = find_in(&f, 7 * i + 3, "\"labels\"");

			feed_edit(&f, from, find_in(&f, 7 * i + 3, "\"confidence\"") - from, "");
		}
		carve_bytes(bytes_of(f.text, f.n), 0, 0, &s);
		assert_int_equal(s.good, GENERATED_MAX); /* so far whole members are gone */
		for (size_t i = GENERATED_MAX / 7; i-- > 0;)
			feed_edit(&f, find_in(&f, 7 * i + 3, "\"x_inner\""), 24, "");
		carve_bytes(bytes_of(f.text, f.n), 0, 0, &s);
		free(f.text);
		assert_int_equal(s.good, GENERATED_MAX - GENERATED_MAX / 7);
	}
}

/* 40 bytes anywhere become others: each costs the record that it is in, at most the next one too. */
static void bytes_overwritten_anywhere_cost_their_records(void **state)
{
	uint32_t noise = 12345;

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		struct feed f = { 0 };
		struct sums s;

		feed_make(&f, 200, round % 2 ? "\n" : "");
		for (unsigned int i = 0; i < 40; i++) {
			noise = noise * 1664525u + 1013904223u;
			f.text[f.at[0] + noise / 16 % (f.n - f.at[0])] = (char)(noise >> 28 | (noise & 0xf00) >> 4);
		}
		carve_bytes(bytes_of(f.text, f.n), 0, 0, &s);
		free(f.text);
		if (s.good < 155)
			fail_msg("round %u: %u of 200 are left", round, s.good);
	}
}

static void deep_nesting_costs_its_record(void **state)
{
	static char deep[10001];
	struct feed f = { 0 };
	struct sums s;

	(void)state;
	memset(deep, '[', 5000);
	memset(deep + 5000, ']', 5000);
	deep[10000] = '\0';
	feed_make(&f, 100, "");
	feed_edit(&f, find_in(&f, 50, "{\"type\": \"x\"}"), 13, deep);
	carve_bytes(bytes_of(f.text, f.n), 0, 0, &s);
	free(f.text);
	assert_int_equal(s.good, 99);
	assert_int_equal(s.dropped, 1);
}

/* A bundle of any size, made while it is read: the generated feed's records over and over. */
struct endless {
	struct feed feed;
	uint64_t left;
	size_t at;
};

static int read_endless(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	struct endless *e = arg;
	size_t n = e->at < e->feed.at[0] ? e->feed.at[0] - e->at : e->feed.at[GENERATED_MAX] - e->at;

	(void)w;
	n = n < room ? n : room;
	n = n < e->left ? n : (size_t)e->left;
	memcpy(buf, e->feed.text + e->at, n);
	e->left -= n;
	e->at += n;
	if (e->at == e->feed.at[GENERATED_MAX])
		e->at = e->feed.at[0];
	*ret_n = n;
	return 0;
}

/* Most memory that a process of its own has when it reads a feed of that size, in KiB. */
static long memory_for(uint64_t bytes)
{
	struct rusage used;
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		struct endless e = { .left = bytes };
		struct carved got = { 0 };
		uint64_t good = 0;
		struct carve c;

		feed_make(&e.feed, GENERATED_MAX, "\n");
		if (carve_init(&c, (struct carve_source){ read_endless, &e }, 0, NULL))
			_exit(1);
		do {
			if (carve_next(&c, &got, NULL))
				_exit(1);
			good += got.what == CARVE_RECORD;
		} while (got.what != CARVE_END);
		_exit(good < bytes / 450); /* a record has some 400 bytes */
	}
	assert_true(child > 0);
	assert_int_equal(wait4(child, &status, 0, &used), child);
	assert_int_equal(status, 0);
	return used.ru_maxrss;
}

/* N13: a feed of 2 GB takes no more memory than one of 3 MB. */
static void a_feed_of_2_gb_takes_the_memory_of_a_small_one(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	const uint64_t large = UINT64_C(50) << 20;
#else
	const uint64_t large = UINT64_C(2) << 30;
#endif
	long small = memory_for(3u << 20), big = memory_for(large);

	(void)state;
	print_message("# %ld KiB for 3 MB, %ld KiB for %u MiB\n", small, big, (unsigned int)(large >> 20));
	if (big > small + 2048)
		fail_msg("%ld KiB for 3 MB, %ld KiB for 2 GB", small, big);
}

/* The feeds that lie beside the project: good and dropped records as their table wants. */
static void damaged_feeds_give_what_their_table_wants(void **state)
{
	const char *data = getenv("TANDEM_DATA");
	char path[4096], name[64];
	AUTO_FREE char *table = NULL;
	unsigned int good, dropped, files = 0;
	size_t n = 0;

	(void)state;
	if (!data)
		skip();
	(void)snprintf(path, sizeof(path), "%s/intel/malformed/expected.tsv", data);
	assert_int_equal(file_read(AT_FDCWD, path, 1u << 16, &table, &n, NULL), 0);
	for (char *line = strchr(table, '\n'); line; line = strchr(line + 1, '\n')) {
		AUTO_FREE char *text = NULL;
		struct sums s;

		if (sscanf(line, " %63s %*u %u %u", name, &good, &dropped) != 3)
			continue;
		(void)snprintf(path, sizeof(path), "%s/intel/malformed/%s", data, name);
		assert_int_equal(file_read(AT_FDCWD, path, 1u << 20, &text, &n, NULL), 0);
		for (size_t piece = 0; piece < 3; piece++) {
			carve_bytes(bytes_of(text, n), piece * 977, 0, &s);
			if (s.good != good || s.dropped + s.refused != dropped)
				fail_msg("%s: %u good, %u dropped, %u refused", name, s.good, s.dropped, s.refused);
		}
		files++;
	}
	assert_int_equal(files, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bundles_give_their_objects),
		cmocka_unit_test(records_stand_alone_in_lines_and_in_arrays),
		cmocka_unit_test(members_that_are_named_like_lists_stay_in_their_records),
		cmocka_unit_test(misp_events_give_attributes_and_objects),
		cmocka_unit_test(damage_costs_the_damaged_record_only),
		cmocka_unit_test(damage_in_an_event_costs_what_is_damaged),
		cmocka_unit_test(a_source_that_fails_ends_the_feed_with_its_reason),
		cmocka_unit_test(records_beyond_the_limit_are_passed_over),
		cmocka_unit_test(padding_in_front_of_a_list_is_no_endless_wait),
		cmocka_unit_test(the_limit_is_exact),
		cmocka_unit_test(hostile_feeds_are_looked_at_a_few_times_only),
		cmocka_unit_test(hostile_padding_is_looked_at_a_few_times_only),
		cmocka_unit_test(generated_damage_costs_one_record),
		cmocka_unit_test(a_feed_that_ends_in_a_record_loses_that_one),
		cmocka_unit_test(every_seventh_record_cut_costs_each_seventh),
		cmocka_unit_test(bytes_overwritten_anywhere_cost_their_records),
		cmocka_unit_test(deep_nesting_costs_its_record),
		cmocka_unit_test(a_feed_of_2_gb_takes_the_memory_of_a_small_one),
		cmocka_unit_test(damaged_feeds_give_what_their_table_wants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
