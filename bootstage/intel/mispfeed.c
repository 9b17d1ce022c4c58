#include "bootstage/intel/mispfeed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bootstage/intel/jsontext.h"

#define UUID_CHARS 36u
#define LINE_MAX   90u /* bytes of an event in mispfeed_format() */

void mispfeed_free(struct mispfeed *f)
{
	free(f->at);
	*f = (struct mispfeed){ 0 };
}

static bool is_uuid(struct bytes key)
{
	if (key.n != UUID_CHARS)
		return false;
	for (size_t i = 0; i < key.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		uint8_t c = key.p[i] | 0x20;

		if (dash ? key.p[i] != '-' : !((key.p[i] >= '0' && key.p[i] <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

/* A number, or as MISP writes it a string of digits. */
static int64_t time_of(struct bytes event)
{
	struct bytes value = jsontext_find(event, "timestamp");
	uint8_t buf[32];
	int64_t at_s = 0;

	if (jsontext_kind(value) == JSONTEXT_STRING && jsontext_string(value, buf, sizeof(buf), &value))
		return 0;
	return jsontext_i64(value, &at_s) || at_s < 0 ? 0 : at_s;
}

static int add(struct mispfeed *f, size_t *room, const struct jsontext_member *m, struct why *w)
{
	if (f->n == *room) {
		size_t more = *room ? 2 * *room : 256;
		struct mispfeed_event *at = f->n == MISPFEED_EVENTS_MAX ? NULL : reallocarray(f->at, more, sizeof(*at));

		if (!at)
			return f->n == MISPFEED_EVENTS_MAX ? fail(w, -E2BIG, "more than %u events", MISPFEED_EVENTS_MAX)
							   : fail(w, -ENOMEM, "out of memory");
		f->at = at;
		*room = more < MISPFEED_EVENTS_MAX ? more : MISPFEED_EVENTS_MAX;
	}
	f->at[f->n] = (struct mispfeed_event){ .at_s = time_of(m->value) };
	memcpy(f->at[f->n++].uuid, m->key.p, UUID_CHARS);
	return 0;
}

static int by_uuid(const void *x, const void *y)
{
	const struct mispfeed_event *a = x, *b = y;

	return strcmp(a->uuid, b->uuid);
}

static void each_once(struct mispfeed *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (n == 0 || strcmp(f->at[n - 1].uuid, f->at[i].uuid) != 0)
			f->at[n++] = f->at[i];
	f->n = n;
}

int mispfeed_read(struct bytes manifest, struct mispfeed *ret, struct why *w)
{
	AUTO_MISPFEED f = { 0 };
	struct jsontext_walk i;
	struct jsontext_member m;
	struct jsontext t;
	size_t room = 0;
	int r = jsontext_check(manifest, &t, w);

	if (!r && jsontext_kind(t.text) != JSONTEXT_OBJECT)
		r = fail(w, -EBADMSG, "not a list of events");
	if (r)
		return r;
	for (i = jsontext_walk(t.text); !r && jsontext_member(&i, &m);)
		if (is_uuid(m.key))
			r = add(&f, &room, &m, w);
	if (r)
		return r;
	if (f.n > 0)
		qsort(f.at, f.n, sizeof(*f.at), by_uuid);
	each_once(&f);
	*ret = f;
	f = (struct mispfeed){ 0 };
	return 0;
}

void mispfeed_compare(struct mispfeed *f, const struct mispfeed *before)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct mispfeed_event *e =
			before->n ? bsearch(&f->at[i], before->at, before->n, sizeof(*before->at), by_uuid) : NULL;

		f->at[i].had = e && e->at_s > 0 && e->at_s == f->at[i].at_s;
	}
}

int mispfeed_format(const struct mispfeed *f, char **ret, size_t *ret_n, struct why *w)
{
	size_t room = LINE_MAX * f->n + 8, n = 0;
	char *text = malloc(room);

	if (!text)
		return fail(w, -ENOMEM, "out of memory");
	text[n++] = '{';
	for (size_t i = 0; i < f->n; i++)
		if (f->at[i].had)
			n += (size_t)snprintf(text + n, room - n, "%s\"%s\":{\"timestamp\":%" PRIi64 "}",
					      n > 1 ? ",\n" : "", f->at[i].uuid, f->at[i].at_s);
	n += (size_t)snprintf(text + n, room - n, "}\n");
	*ret = text;
	*ret_n = n;
	return 0;
}

int mispfeed_url(const char *source, const char *name, char ret[MISPFEED_URL_MAX], struct why *w)
{
	static const char manifest[] = "/" MISPFEED_MANIFEST;
	size_t n = strcspn(source, "?#"), tail = sizeof(manifest) - 1;

	if (n > tail && memcmp(source + n - tail, manifest, tail) == 0)
		n -= tail;
	while (n > 0 && source[n - 1] == '/')
		n--;
	if (n + strlen(name) + 2 > MISPFEED_URL_MAX)
		return fail(w, -E2BIG, "the URL of an event is too long");
	(void)snprintf(ret, MISPFEED_URL_MAX, "%.*s/%s", (int)n, source, name);
	return 0;
}
