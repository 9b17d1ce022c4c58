/* Events of MISP, whose members come one by one. */
#include <stdio.h>

#include "base/parse.h"
#include "bootstage/intel/jsontext.h"
#include "bootstage/intel/misp.h"
#include "bootstage/intel/misp_inside.h"

void misp_event_begin(struct misp_event *e)
{
	e->key[0] = 0;
	e->n = e->n_members = 0;
	e->left_out = 0;
	e->info = false;
}

bool misp_event_has_info(const struct misp_event *e)
{
	return e->info;
}

void misp_event_free(struct misp_event *e)
{
	free(e->text);
	free(e->members);
	*e = (struct misp_event){ .n = 0 };
}

static int text_grow(struct misp_event *e, size_t n)
{
	size_t room = e->room ? e->room : 4096;
	char *text;

	while (room - e->n < n)
		room *= 2;
	if (room == e->room)
		return 0;
	text = realloc(e->text, room);
	if (!text)
		return -ENOMEM;
	e->text = text;
	e->room = room;
	return 0;
}

/* `,"key":value`, so that the whole is an object once its first byte is a brace. */
static int text_add(struct misp_event *e, struct bytes key, struct bytes value)
{
	size_t n = key.n + value.n + 4;

	if (n > MISP_EVENT_BYTES || e->n + n > MISP_EVENT_BYTES) {
		e->left_out++;
		return 0;
	}
	if (text_grow(e, n + 2))
		return -ENOMEM;
	e->text[e->n] = ',';
	e->text[e->n + 1] = '"';
	memcpy(e->text + e->n + 2, key.p, key.n);
	memcpy(e->text + e->n + 2 + key.n, "\":", 2);
	memcpy(e->text + e->n + 4 + key.n, value.p, value.n);
	e->n += n;
	return 0;
}

int misp_event_member(struct misp_event *e, struct bytes key, struct bytes value, struct gather *g)
{
	struct bytes known;

	if (jsontext_key_is(key, "ShadowAttribute")) /* proposals: nobody has taken them yet */
		return 0;
	if (jsontext_key_is(key, "uuid")) {
		known = misp_key_of(g, NODE_MISP_EVENT, gather_string(g, value));
		if (known.n > 0 && known.n < sizeof(e->key)) {
			memcpy(e->key, known.p, known.n);
			e->key[known.n] = 0;
		}
	}
	e->info = e->info || jsontext_key_is(key, "info");
	return text_add(e, key, value);
}

#define UUID_CHARS 36u

/* Of "x-misp-attribute--UUID". */
static bool member_parse(struct bytes key, struct misp_member *ret)
{
	char hex[33];
	size_t n = 0;

	if (key.n <= UUID_CHARS)
		return false;
	for (size_t i = key.n - UUID_CHARS; i < key.n && n < 32; i++)
		if (key.p[i] != '-')
			hex[n++] = (char)key.p[i];
	hex[n] = 0;
	ret->object = bytes_has(key, 0, 13) && memcmp(key.p, "x-misp-object", 13) == 0;
	return n == 32 && parse_hex(hex, ret->uuid, sizeof(ret->uuid), NULL) == 0;
}

static struct bytes member_key(struct gather *g, const struct misp_member *m)
{
	char hex[33], *key = (char *)gather_room(g, MISP_KEY_MAX);

	if (!key)
		return bytes_of(NULL, 0);
	format_hex(m->uuid, sizeof(m->uuid), hex);
	(void)snprintf(key, MISP_KEY_MAX, "%s--%.8s-%.4s-%.4s-%.4s-%.12s",
		       node_kind_name(m->object ? NODE_MISP_OBJECT : NODE_MISP_ATTRIBUTE), hex, hex + 8, hex + 12,
		       hex + 16, hex + 20);
	return bytes_str(key);
}

int misp_event_passed(struct misp_event *e, struct bytes key)
{
	size_t room = e->members_room ? e->members_room * 2 : 256;
	struct misp_member m;
	void *at;

	if (e->key[0])
		return 0;
	if (e->n_members == MISP_MEMBERS_MAX || !member_parse(key, &m)) {
		e->left_out++;
		return 0;
	}
	if (e->n_members == e->members_room) {
		at = reallocarray(e->members, room, sizeof(*e->members));
		if (!at)
			return -ENOMEM;
		e->members = at;
		e->members_room = room;
	}
	e->members[e->n_members++] = m;
	return 0;
}

/* The text as it is so far; "{}" for nothing. */
static int text_end(struct misp_event *e, struct bytes *ret)
{
	if (text_grow(e, 2))
		return -ENOMEM;
	if (e->n == 0)
		e->text[e->n++] = '{';
	e->text[0] = '{';
	e->text[e->n++] = '}';
	*ret = bytes_of(e->text, e->n);
	return 0;
}

static struct bytes event_key(struct misp_event *e, struct gather *g, struct bytes object)
{
	struct bytes info = misp_text_of(g, object, "info"), date = misp_text_of(g, object, "date"),
		     bar = bytes_str("|");
	struct bytes first = e->n_members > 0 ? member_key(g, &e->members[0]) : bytes_of(NULL, 0);

	if (e->key[0])
		return bytes_str(e->key);
	if (info.n == 0 && first.n == 0)
		return bytes_of(NULL, 0);
	return misp_key_made(g, NODE_MISP_EVENT, (struct bytes[]){ info, bar, date, bar, first }, 5);
}

static int add_events(struct gather *g, struct bytes src, struct bytes object)
{
	struct misp_walk i = misp_walk(jsontext_find(object, "RelatedEvent"));
	struct bytes one, dst = misp_key_of(g, NODE_MISP_EVENT, misp_text_of(g, object, "extends_uuid"));
	int r = dst.n > 0 ? gather_edge(g, EDGE_RELATED_TO, src, dst) : 0;

	while (r == 0 && misp_walk_next(&i, &one)) {
		dst = misp_key_of(g, NODE_MISP_EVENT, misp_text_of(g, jsontext_find(one, "Event"), "uuid"));
		if (dst.n > 0)
			r = gather_edge(g, EDGE_RELATED_TO, src, dst);
	}
	return r;
}

static int add_creator(struct gather *g, struct bytes src, struct bytes object)
{
	struct bytes key;
	int r = misp_add_organisation(g, object, "Orgc", &key);

	return r || key.n == 0 ? r : gather_edge(g, EDGE_CREATED_BY, src, key);
}

static int add_passed(struct gather *g, struct bytes src, const struct misp_event *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->n_members; i++)
		r = gather_edge(g, EDGE_MEMBER, src, member_key(g, &e->members[i]));
	return r;
}

int misp_event_record(struct misp_event *e, struct gather *g, struct record *ret, struct why *w)
{
	struct bytes object, key;
	int r = text_end(e, &object);

	if (r)
		return misp_end(r, w);
	key = event_key(e, g, object);
	if (key.n == 0)
		return fail(w, -EBADMSG, "an event without uuid and info");
	misp_begin(g, object, key, ret);
	r = gather_node(g, NODE_MISP_EVENT, key, misp_text_of(g, object, "info"));
	r = r ? r : add_passed(g, key, e);
	r = r ? r : misp_add_tags(g, key, object);
	r = r ? r : misp_add_galaxies(g, key, object);
	r = r ? r : add_creator(g, key, object);
	r = r ? r : add_events(g, key, object);
	gather_record(g, object, true, ret);
	return misp_end(r, w);
}
