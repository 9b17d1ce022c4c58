#include "bootstage/intel/carve.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>

#include "bootstage/intel/scan.h"

#define BLOCK_BYTES (256u << 10)
/* A search may look at bytes again this many times, as a mean over the stream. */
#define AGAIN_MAX 3u

/* Steps return 0 when *ret is filled, -EAGAIN when they need more bytes, and this when there is nothing to say yet. */
#define GO_ON 1

/* Which members lead to records, or on the way there. */
static const struct way {
	const char *key;
	enum carve_place in, to;
} ways[] = {
	{ "objects", CARVE_ROOT, CARVE_OBJECTS },   { "response", CARVE_ROOT, CARVE_RESPONSE },
	{ "Event", CARVE_ROOT, CARVE_EVENT },       { "Attribute", CARVE_ROOT, CARVE_ATTRIBUTE },
	{ "Object", CARVE_ROOT, CARVE_OBJECT },     { "values", CARVE_ROOT, CARVE_VALUES },
	{ "Event", CARVE_RESPONSE, CARVE_EVENT },   { "Attribute", CARVE_RESPONSE, CARVE_ATTRIBUTE },
	{ "Object", CARVE_RESPONSE, CARVE_OBJECT }, { "Attribute", CARVE_EVENT, CARVE_ATTRIBUTE },
	{ "Object", CARVE_EVENT, CARVE_OBJECT },
};

static const struct way *way_of(enum carve_place in, struct bytes key)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (ways[i].in == in && jsontext_key_is(key, ways[i].key))
			return &ways[i];
	return NULL;
}

static bool only_on_the_way(enum carve_place p)
{
	return p == CARVE_RESPONSE || p == CARVE_EVENT;
}

static bool is_uuid(const uint8_t *p)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		bool hex = (p[i] >= '0' && p[i] <= '9') || ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f');

		if (dash ? p[i] != '-' : !hex)
			return false;
	}
	return true;
}

/* Has an id as STIX objects have, TYPE--UUID; a bundle does not count. */
static bool has_stix_id(const struct jsontext *t)
{
	struct bytes id = jsontext_get(t, "id");

	if (jsontext_kind(id) != JSONTEXT_STRING || id.n < 2 + 3 + 36)
		return false;
	return is_uuid(id.p + id.n - 37) && id.p[id.n - 38] == '-' && id.p[id.n - 39] == '-' &&
	       memcmp(id.p, "\"bundle--", 9) != 0;
}

static bool has_uuid(const struct jsontext *t)
{
	struct bytes uuid = jsontext_get(t, "uuid");

	return jsontext_kind(uuid) == JSONTEXT_STRING && uuid.n == 38 && is_uuid(uuid.p + 1);
}

/* A record, whatever its members are named: observed-data has objects, a registry key has values, an attribute an Event. */
static bool stands_alone(const struct jsontext *t)
{
	return has_stix_id(t) || (has_uuid(t) && jsontext_get(t, "value").n > 0);
}

/* Whether an outermost object is on the way to records, as far as it is known. */
static bool leads_on(const struct jsontext *t, bool wrapper)
{
	if (stands_alone(t))
		return false;
	for (size_t i = 0; i <= t->n; i++) {
		const struct way *way = way_of(CARVE_ROOT, i < t->n ? t->at[i].key : t->open);
		enum jsontext_kind kind = i < t->n ? jsontext_kind(t->at[i].value) : JSONTEXT_ARRAY;

		if (way && (kind == JSONTEXT_ARRAY || kind == JSONTEXT_OBJECT) &&
		    (!wrapper || way->to == CARVE_OBJECTS || only_on_the_way(way->to)))
			return true;
	}
	return false;
}

static uint64_t stream_at(const struct carve *c, size_t off)
{
	return c->buf_bytes + c->at + off;
}

static struct carve_level *top(struct carve *c)
{
	return &c->levels[c->depth - 1];
}

static int tell(struct carve *c, struct carved *ret, enum carve_what what, enum carve_place place, size_t off)
{
	ret->what = what;
	ret->place = place;
	ret->at_bytes = stream_at(c, off);
	return 0;
}

/* Into an array or object that starts at off. Never too deep: only arrays of arrays go deeper than ways do. */
static int go_into(struct carve *c, size_t off, enum carve_place place, struct carved *ret)
{
	bool object = c->buf[c->at + off] == '{';

	assert(c->depth < CARVE_LEVELS_MAX);
	c->levels[c->depth++] = (struct carve_level){ place, object ? CARVE_IN_OBJECT : CARVE_IN_ARRAY };
	(void)tell(c, ret, CARVE_ENTER, place, off);
	c->at += off + 1;
	return object ? 0 : GO_ON;
}

/* What starts at off is left out; what comes next is looked for from its second byte on. The reason is in ret already. */
static int drop(struct carve *c, size_t off, struct carved *ret)
{
	(void)why_in(&ret->why, ret->why.code, "at byte %" PRIu64, stream_at(c, off));
	(void)tell(c, ret, CARVE_DROPPED, c->depth ? top(c)->place : CARVE_ROOT, off);
	c->at += off + 1;
	c->before = c->buf[c->at - 1];
	c->mode = CARVE_SEARCHES;
	c->damaged = true;
	return 0;
}

/* The same where nothing starts that could be read: the byte itself may begin what comes next. */
static int drop_byte(struct carve *c, struct carved *ret, const char *what)
{
	(void)fail(&ret->why, -EBADMSG, "%s", what);
	(void)drop(c, 0, ret);
	c->at--;
	c->before = ',';
	return 0;
}

/* A value longer than a record may be: what is behind it comes next, and it is never held. */
static int skip(struct carve *c, size_t off, struct carved *ret)
{
	(void)fail(&ret->why, -E2BIG, "longer than %zu bytes", c->record_max);
	(void)drop(c, off, ret);
	c->mode = CARVE_SKIPS;
	c->skip_string = c->before == '"';
	c->skip_depth = c->before == '{' || c->before == '[';
	c->skip_escape = false;
	return 0;
}

/* [off, end) was looked at: what of it had been looked at before counts. */
static void saw(struct carve *c, size_t off, size_t end)
{
	uint64_t from = stream_at(c, off), to = stream_at(c, end);

	if (from < c->seen_bytes)
		c->again_bytes += (to < c->seen_bytes ? to : c->seen_bytes) - from;
	if (to > c->seen_bytes)
		c->seen_bytes = to;
}

/* The record or the member's value that starts at off. */
static int value(struct carve *c, size_t off, enum carve_place place, enum carve_what what, struct carved *ret)
{
	struct bytes rest = bytes_of(c->buf + c->at + off, c->n - c->at - off);
	bool may_enter = what == CARVE_RECORD && rest.p[0] == '{' && c->depth < CARVE_LEVELS_MAX - 4 &&
			 (place == CARVE_ROOT || (place == CARVE_OBJECTS && c->damaged));
	size_t end;
	int r = jsontext_front(rest, c->eof, &ret->value, &end, &ret->why);
	bool too_long = r == -EAGAIN ? c->n - c->at > c->record_max : end > c->record_max;

	saw(c, off, off + end);
	if (may_enter && (leads_on(&ret->value, false) || (too_long && place == CARVE_ROOT))) {
		ret->why = (struct why){ 0 };
		return go_into(c, off, CARVE_ROOT, ret);
	}
	if (too_long && r != -EBADMSG)
		return skip(c, off, ret);
	if (r)
		return r == -EAGAIN ? r : drop(c, off, ret);
	(void)tell(c, ret, what, place, off);
	c->at += off + end;
	return 0;
}

/* An element of a list of records, or of a list that is on the way. */
static int element(struct carve *c, size_t off, enum carve_place place, struct carved *ret)
{
	uint8_t first = c->buf[c->at + off];
	bool room = c->depth < CARVE_LEVELS_MAX - 4;

	if (room &&
	    ((only_on_the_way(place) && (first == '{' || first == '[')) || (place == CARVE_ROOT && first == '[')))
		return go_into(c, off, place, ret);
	return value(c, off, place, CARVE_RECORD, ret);
}

/* Offset of the first byte from off on that is no white space; the end when there is none. */
static size_t behind_space(const struct carve *c, size_t off)
{
	return (size_t)(scan_space(c->buf + c->at + off, c->buf + c->n) - (c->buf + c->at));
}

/* Whether the object at off has numbers for keys, or nothing in it; -EAGAIN: that may still come. */
static int is_list(const struct carve *c, size_t off)
{
	size_t key = behind_space(c, off + 1), left = c->n - c->at - key;
	const uint8_t *p = c->buf + c->at + key;

	if (left < 2)
		return c->eof || c->n - c->at > c->record_max ? 0 : -EAGAIN;
	return p[0] == '}' || (p[0] == '"' && p[1] >= '0' && p[1] <= '9');
}

/* A member that leads on; its value starts at off. */
static int follow(struct carve *c, size_t off, enum carve_place to, struct carved *ret)
{
	bool object = c->buf[c->at + off] == '{';
	int list = object ? is_list(c, off) : 0;

	if (list < 0)
		return list;
	if (list || !object || only_on_the_way(to)) {
		int r = go_into(c, off, to, ret);

		top(c)->in = list ? CARVE_IN_LIST : top(c)->in;
		return list ? GO_ON : r;
	}
	return value(c, off, to, CARVE_RECORD, ret);
}

/* Where the value starts of the member whose key is at the front. Returns 0, -EAGAIN, -EBADMSG. */
static int member_key(struct carve *c, struct carved *ret, size_t *ret_off)
{
	struct bytes rest = bytes_of(c->buf + c->at, c->n - c->at);
	size_t end;
	int r = jsontext_front(rest, c->eof, &ret->value, &end, &ret->why);

	saw(c, 0, end);
	if (r == -EAGAIN && rest.n > c->record_max)
		return fail(&ret->why, -EBADMSG, "a key without end");
	if (r)
		return r;
	ret->key = bytes_of(ret->value.text.p + 1, ret->value.text.n - 2);
	end = behind_space(c, end);
	if (end < rest.n && rest.p[end] != ':')
		return fail(&ret->why, -EBADMSG, "no colon behind a key");
	end = end < rest.n ? behind_space(c, end + 1) : end;
	if (end == rest.n && (c->eof || rest.n > c->record_max))
		return fail(&ret->why, -EBADMSG, "a key without a value");
	*ret_off = end;
	return end == rest.n ? -EAGAIN : 0;
}

static int member(struct carve *c, struct carved *ret)
{
	struct carve_level in = *top(c);
	const struct way *way;
	size_t off = 0;
	int r = member_key(c, ret, &off);
	uint8_t first;

	if (r)
		return r == -EAGAIN ? r : drop(c, 0, ret);
	first = c->buf[c->at + off];
	if (in.in == CARVE_IN_LIST)
		return element(c, off, in.place, ret);
	way = way_of(in.place, ret->key);
	if (way && (first == '[' || first == '{'))
		return follow(c, off, way->to, ret);
	return value(c, off, in.place, CARVE_MEMBER, ret);
}

static int leave(struct carve *c, struct carved *ret)
{
	struct carve_level level = c->levels[--c->depth];

	(void)tell(c, ret, CARVE_LEAVE, level.place, 0);
	return level.in == CARVE_IN_OBJECT ? 0 : GO_ON;
}

static int walk(struct carve *c, struct carved *ret)
{
	bool in_object = c->depth > 0 && top(c)->in != CARVE_IN_ARRAY;
	uint8_t first;
	int r;

	while (c->at < c->n && (scan_is_space(c->buf[c->at]) || c->buf[c->at] == ','))
		c->at++;
	if (c->at == c->n)
		return -EAGAIN;
	first = c->buf[c->at];
	if (first == '}' || first == ']') {
		bool ours = c->depth > 0 && (first == '}') == in_object;

		r = ours ? leave(c, ret) : GO_ON;
		c->strays += !ours;
		c->at++;
		return r;
	}
	if (!in_object)
		return element(c, 0, c->depth ? top(c)->place : CARVE_ROOT, ret);
	return first == '"' ? member(c, ret) : drop_byte(c, ret, "neither a key nor the end");
}

/* One byte of interest of what is skipped. */
static void skip_byte(struct carve *c, uint8_t byte)
{
	c->at++;
	if (c->skip_escape)
		c->skip_escape = false;
	else if (c->skip_string && byte == '\\')
		c->skip_escape = true;
	else if (byte == '"')
		c->skip_string = !c->skip_string;
	else if (c->skip_string)
		c->mode = CARVE_SEARCHES; /* a control byte: the string's end is missing */
	else
		c->skip_depth += (byte | 0x20) == '{' ? 1u : UINT_MAX;
	if (c->mode == CARVE_SKIPS && !c->skip_string && c->skip_depth == 0)
		c->mode = CARVE_WALKS;
	c->before = byte;
}

static int skip_on(struct carve *c)
{
	const uint8_t *end = c->buf + c->n;

	while (c->mode == CARVE_SKIPS && c->at < c->n) {
		const uint8_t *p = c->buf + c->at;

		if (!c->skip_string && c->skip_depth == 0) {
			c->mode =
				CARVE_SEARCHES; /* neither a string nor a container: a number of that length, or nonsense */
			break;
		}
		if (!c->skip_escape)
			p = c->skip_string ? scan_quoted(p, end) : scan_nest(p, end);
		c->at = (size_t)(p - c->buf);
		if (p < end)
			skip_byte(c, *p);
	}
	saw(c, 0, 0);
	return c->mode == CARVE_SKIPS ? -EAGAIN : GO_ON;
}

/* A search goes on at `to`, and remembers what is in front of it. */
static void search_from(struct carve *c, size_t to)
{
	for (size_t i = to; i-- > c->at;)
		if (!scan_is_space(c->buf[i]) || c->buf[i] == '\n') {
			c->before = c->buf[i];
			break;
		}
	c->at = to;
}

/* Where a record of that content may be, when the list it is in got lost. */
static enum carve_place guess(const struct jsontext *t)
{
	if (has_stix_id(t))
		return CARVE_ROOT;
	if (jsontext_get(t, "Attribute").n > 0)
		return CARVE_OBJECT;
	return jsontext_get(t, "type").n > 0 && jsontext_get(t, "value").n > 0 ? CARVE_ATTRIBUTE : CARVE_ROOT;
}

/* The object at the front, of n bytes, is a record: the walk goes on behind it. */
static int found(struct carve *c, size_t n, struct carved *ret)
{
	enum carve_place place = c->depth > 0 && top(c)->in != CARVE_IN_OBJECT ? top(c)->place : guess(&ret->value);

	if (c->depth > 0 && c->depth < CARVE_LEVELS_MAX && top(c)->in == CARVE_IN_OBJECT)
		c->levels[c->depth++] = (struct carve_level){ place, CARVE_IN_ARRAY };
	(void)tell(c, ret, CARVE_RECORD, place, 0);
	c->at += n;
	c->mode = CARVE_WALKS;
	return 0;
}

/* Whether the object at the front is where reading goes on. */
static int try(struct carve *c, struct carved *ret)
{
	struct bytes rest = bytes_of(c->buf + c->at, c->n - c->at);
	size_t end;
	int r = jsontext_front(rest, c->eof, &ret->value, &end, NULL);

	saw(c, 0, end);
	if (r == 0 && end <= c->record_max && (has_stix_id(&ret->value) || has_uuid(&ret->value)) &&
	    !leads_on(&ret->value, true))
		return found(c, end, ret);
	if (leads_on(&ret->value, true)) { /* the next bundle: whatever was open ends here */
		c->mode = c->depth > 0 ? c->mode : CARVE_WALKS;
		return c->depth > 0 ? leave(c, ret) : GO_ON;
	}
	if (r == -EAGAIN && rest.n <= c->record_max)
		return r;
	search_from(c, c->at + 1);
	return GO_ON;
}

static int search(struct carve *c, struct carved *ret)
{
	size_t seen = c->seen_bytes > stream_at(c, 0) ? (size_t)(c->seen_bytes - c->buf_bytes) : c->at;
	const uint8_t *brace;

	if (c->again_bytes > AGAIN_MAX * c->seen_bytes + BLOCK_BYTES)
		search_from(c, seen < c->n ? seen : c->n);
	brace = memchr(c->buf + c->at, '{', c->n - c->at);
	search_from(c, brace ? (size_t)(brace - c->buf) : c->n);
	saw(c, 0, 0);
	if (!brace)
		return -EAGAIN;
	if (c->before && strchr(c->depth > 0 && top(c)->in == CARVE_IN_LIST ? ",[}\n:" : ",[}\n", c->before))
		return try(c, ret);
	search_from(c, c->at + 1);
	return GO_ON;
}

/* What is unread moves to the front; the buffer grows when that fills it, and shrinks again. */
static int make_room(struct carve *c, struct why *w)
{
	size_t left = c->n - c->at, room = c->room;

	if (left > 0 && c->at > 0)
		memmove(c->buf, c->buf + c->at, left);
	c->buf_bytes += c->at;
	c->at = 0;
	c->n = left;
	if (left == room)
		room = room * 2 < c->record_max + BLOCK_BYTES ? room * 2 : c->record_max + BLOCK_BYTES;
	else if (left <= BLOCK_BYTES / 4)
		room = BLOCK_BYTES;
	if (room != c->room) {
		uint8_t *buf = realloc(c->buf, room);

		if (!buf)
			return fail(w, -ENOMEM, "out of memory for a record of %zu bytes", left);
		c->buf = buf;
		c->room = room;
	}
	return 0;
}

/* When the source fails, what was read before comes first. */
static int fill(struct carve *c, struct why *w)
{
	size_t had = c->n - c->at;
	int r = make_room(c, w);

	while (!r && !c->eof && !c->failed && c->n < c->room) {
		size_t got = 0;

		c->failed = c->from.read(c->from.arg, c->buf + c->n, c->room - c->n, &got, &c->why);
		c->n += got;
		c->eof = !c->failed && got == 0;
	}
	if (!r && !c->begun && c->n >= 3 && memcmp(c->buf, "\xef\xbb\xbf", 3) == 0)
		c->at = 3;
	c->begun = true;
	if (r || !c->failed || c->n > had)
		return r;
	return fail(w, c->failed, "%s", c->why.text);
}

/* What is left when the stream has ended. */
static int end(struct carve *c, struct carved *ret)
{
	c->at = c->n;
	if (c->depth > 0)
		return leave(c, ret);
	return tell(c, ret, CARVE_END, CARVE_ROOT, 0);
}

static int step(struct carve *c, struct carved *ret)
{
	switch (c->mode) {
	case CARVE_SKIPS:
		return skip_on(c);
	case CARVE_SEARCHES:
		return search(c, ret);
	case CARVE_WALKS:
	default:
		return walk(c, ret);
	}
}

int carve_next(struct carve *c, struct carved *ret, struct why *w)
{
	int r = GO_ON;

	ret->why = (struct why){ 0 };
	while (r) {
		r = step(c, ret);
		if (r != -EAGAIN)
			continue;
		if (c->eof) {
			r = end(c, ret);
			continue;
		}
		r = fill(c, w);
		if (r)
			return r;
		r = GO_ON;
	}
	return 0;
}

int carve_init(struct carve *c, struct carve_source from, size_t record_max_bytes, struct why *w)
{
	*c = (struct carve){
		.from = from,
		.record_max = record_max_bytes ? record_max_bytes : CARVE_RECORD_MAX_BYTES,
		.room = BLOCK_BYTES,
		.buf = malloc(BLOCK_BYTES),
	};
	return c->buf ? 0 : fail(w, -ENOMEM, "out of memory");
}

void carve_done(struct carve *c)
{
	free(c->buf);
	c->buf = NULL;
}

uint64_t carve_strays(const struct carve *c)
{
	return c->strays;
}
