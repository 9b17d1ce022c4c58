#include "bootstage/intel/teljson.h"

#include "base/parse.h"
#include "bootstage/intel/jsontext.h"

#define DECODED_MAX (GRAPH_NAME_MAX + 64u) /* a type, a colon and a value */
#define UUID_TEXT   36u

/* "malware--31b940d4-6f7f-459a-80ea-9c1f17b58abc" */
static bool is_key(struct bytes text)
{
	const uint8_t *u;

	if (text.n <= UUID_TEXT + 2 || text.n > GRAPH_KEY_MAX)
		return false;
	u = text.p + text.n - UUID_TEXT;
	if (u[-1] != '-' || u[-2] != '-')
		return false;
	for (size_t i = 0; i < UUID_TEXT; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? u[i] != '-' : !(u[i] >= '0' && u[i] <= '9') && !(u[i] >= 'a' && u[i] <= 'f'))
			return false;
	}
	return true;
}

static bool is_hash(struct bytes type)
{
	static const char *const names[] = { "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "ssdeep", "tlsh" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (bytes_equal(type, bytes_str(names[i])))
			return true;
	return false;
}

int teljson_node(struct bytes text, enum node_kind *ret_kind, struct bytes *ret_value, struct why *w)
{
	const uint8_t *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
	struct bytes type = bytes_of(text.p, colon ? (size_t)(colon - text.p) : 0);
	enum node_kind kind = node_kind_of(type);

	if (colon && is_hash(type)) {
		*ret_kind = NODE_HASH;
		*ret_value = text;
		return 0;
	}
	if (colon && kind != NODE_OTHER) {
		*ret_kind = kind;
		*ret_value = bytes_of(colon + 1, text.n - type.n - 1);
		return 0;
	}
	if (!is_key(text))
		return fail(w, -EBADMSG, "a node that is neither TYPE:VALUE nor a key");
	*ret_kind = NODE_OTHER;
	*ret_value = text;
	return 0;
}

static int number(struct bytes value, const char *what, int64_t max, int64_t *ret, struct why *w)
{
	int64_t n = 0;

	if (jsontext_i64(value, &n) || n < 1 || n > max)
		return fail(w, -EBADMSG, "\"%s\" is missing, or no number that may be there", what);
	*ret = n;
	return 0;
}

static int text_of(struct bytes object, const char *what, uint8_t *buf, size_t room, struct bytes *ret, struct why *w)
{
	if (jsontext_string(jsontext_find(object, what), buf, room, ret))
		return fail(w, -EBADMSG, "an event's \"%s\" is missing, no string, or too long", what);
	return 0;
}

static int node_of(struct bytes object, const char *what, uint8_t *buf, enum node_kind *ret_kind, struct bytes *ret,
		   struct why *w)
{
	struct bytes text;
	int r = text_of(object, what, buf, DECODED_MAX, &text, w);

	return r ? r : teljson_node(text, ret_kind, ret, w);
}

static int event_read(struct bytes object, struct tel_writer *t, struct why *w)
{
	uint8_t src[DECODED_MAX], dst[DECODED_MAX], buf[64];
	struct tel_event e = { 0 };
	struct bytes text, count = jsontext_find(object, "count");
	int64_t n = 1;
	int r = text_of(object, "time", buf, sizeof(buf), &text, w);

	if (!r && jsontext_time(text, &e.time_us))
		r = fail(w, -EBADMSG, "an event's \"time\" is no time of RFC 3339");
	r = r ? r : text_of(object, "kind", buf, sizeof(buf), &text, w);
	if (!r && (e.kind = edge_kind_of(text)) == EDGE_OTHER)
		r = fail(w, -EBADMSG, "an event of a kind that is not known");
	r = r ? r : node_of(object, "src", src, &e.src_kind, &e.src, w);
	r = r ? r : node_of(object, "dst", dst, &e.dst_kind, &e.dst, w);
	if (!r && count.n)
		r = number(count, "count", UINT32_MAX, &n, w);
	e.count = (uint32_t)n;
	return r ? r : tel_write_event(t, &e, w);
}

int teljson_read(struct bytes line, uint8_t *room, struct bytes *ret, struct teljson_who *who, struct why *w)
{
	struct jsontext t;
	struct jsontext_walk i;
	struct bytes events, event;
	struct tel_writer writer;
	int64_t agent = 0, seq = 0;
	int r;

	*who = (struct teljson_who){ 0 };
	r = jsontext_check(line, &t, w);
	if (!r && jsontext_kind(t.text) != JSONTEXT_OBJECT)
		r = fail(w, -EBADMSG, "a line that is no object of JSON");
	r = r ? r : number(jsontext_get(&t, "agent"), "agent", TEL_AGENT_MAX, &agent, w);
	r = r ? r : number(jsontext_get(&t, "seq"), "seq", (int64_t)TEL_SEQ_MAX, &seq, w);
	if (r)
		return r;
	*who = (struct teljson_who){ .agent = (uint32_t)agent, .seq = (uint64_t)seq };
	events = jsontext_get(&t, "events");
	if (jsontext_kind(events) != JSONTEXT_ARRAY)
		return fail(w, -EBADMSG, "\"events\" is missing, or no array");
	tel_write_begin(&writer, room, TEL_FRAME_MAX, who->agent, who->seq);
	for (i = jsontext_walk(events); !r && jsontext_element(&i, &event);)
		r = jsontext_kind(event) == JSONTEXT_OBJECT ? event_read(event, &writer, w)
							    : fail(w, -EBADMSG, "an event that is no object");
	return r ? r : tel_write_end(&writer, ret, w);
}
