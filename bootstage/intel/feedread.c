#include "bootstage/intel/feedread.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "bootstage/intel/misp.h"
#include "bootstage/intel/stix.h"

#define GALAXY_TYPE_MAX 128u

/* An object on the way to records. */
struct level {
	enum carve_place place;
	bool lists_members; /* attributes or objects are right in it, so that it is an event */
	char galaxy[GALAXY_TYPE_MAX];
	struct misp_event event;
};

struct feed {
	const char *name;
	const struct feed_options *o;
	const struct record_sink *sink;
	struct feed_stats *stats;
	struct carve carve;
	struct gather g;
	struct level levels[CARVE_LEVELS_MAX];
	size_t depth;
	bool known; /* something of an accepted format was there, be it empty */
	uint64_t warned;
	char strange[200]; /* the first object of no format, by its members */
};

const char *feed_drop_name(enum feed_drop d)
{
	static const char *const names[FEED_DROPS] = { "syntax", "size", "format", "content" };

	return names[d];
}

uint64_t feed_dropped(const struct feed_stats *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < FEED_DROPS; i++)
		n += s->dropped[i];
	return n;
}

static void warn(struct feed *f, const char *what)
{
	char text[600];

	if (!f->o->warn || f->warned++ >= FEEDREAD_WARNINGS_MAX)
		return;
	(void)snprintf(text, sizeof(text), "%s: left out %s", f->name, what);
	f->o->warn(f->o->arg, text);
}

/* The reason says where it was. */
static void drop(struct feed *f, enum feed_drop d, const struct why *why)
{
	f->stats->dropped[d]++;
	if (!f->stats->first.code)
		f->stats->first = *why;
	warn(f, why->text);
}

/* What a reader returned: a record for the sink, one to leave out, or the end of everything. */
static int hand_over(struct feed *f, const struct record *r, int e, struct why *why, uint64_t *count, uint64_t at_bytes,
		     struct why *w)
{
	if (e == -EBADMSG || e == -E2BIG) {
		(void)why_in(why, e, "at byte %" PRIu64, at_bytes);
		drop(f, e == -E2BIG ? FEED_DROP_SIZE : FEED_DROP_CONTENT, why);
		return 0;
	}
	if (e)
		return fail(w, e, "%s: %s", f->name, why->text[0] ? why->text : "out of memory");
	e = f->sink->take(f->sink->arg, r, w);
	if (e)
		return e;
	f->stats->good++;
	++*count;
	f->stats->nodes += r->n_nodes;
	f->stats->edges += r->n_edges;
	return 0;
}

static struct level *top(struct feed *f)
{
	return f->depth > 0 ? &f->levels[f->depth - 1] : NULL;
}

static int take_stix(struct feed *f, const struct carved *c, struct why *w)
{
	struct why why = { 0 };
	struct record r;
	int e;

	gather_reset(&f->g);
	e = stix_record(&c->value, &f->g, &r, &why);
	return hand_over(f, &r, e, &why, r.is_node || e ? &f->stats->stix : &f->stats->relationships, c->at_bytes, w);
}

static int take_attribute(struct feed *f, struct bytes object, struct misp_parent parent, struct level *in,
			  uint64_t at_bytes, struct why *w)
{
	struct why why = { 0 };
	struct record r;
	int e;

	gather_reset(&f->g);
	e = misp_attribute(object, parent, &f->g, &r, &why);
	if (e == 0 && in && misp_event_passed(&in->event, r.key))
		e = -ENOMEM;
	return hand_over(f, &r, e, &why, &f->stats->attributes, at_bytes, w);
}

/* An object, and each of its attributes. */
static int take_object(struct feed *f, struct bytes object, struct level *in, uint64_t at_bytes, struct why *w)
{
	struct misp_walk i = misp_walk(jsontext_find(object, "Attribute"));
	char key[MISP_KEY_MAX] = "";
	struct why why = { 0 };
	struct record r;
	struct bytes one;
	int e;

	gather_reset(&f->g);
	e = misp_object(object, (struct misp_parent){ .key = in ? in->event.key : NULL }, &f->g, &r, &why);
	if (e == 0 && in && misp_event_passed(&in->event, r.key))
		e = -ENOMEM;
	if (e == 0)
		(void)snprintf(key, sizeof(key), "%.*s", (int)r.key.n, (const char *)r.key.p);
	e = hand_over(f, &r, e, &why, &f->stats->objects, at_bytes, w);
	while (e == 0 && misp_walk_next(&i, &one))
		e = take_attribute(f, one, (struct misp_parent){ key, true }, NULL, at_bytes, w);
	return e;
}

static int take_cluster(struct feed *f, const struct carved *c, struct why *w)
{
	struct level *in = top(f);
	struct why why = { 0 };
	struct record r;
	int e;

	gather_reset(&f->g);
	e = misp_cluster(c->value.text, bytes_str(in ? in->galaxy : ""), &f->g, &r, &why);
	return hand_over(f, &r, e, &why, &f->stats->clusters, c->at_bytes, w);
}

/* What of an event was over a limit: its records are there, edges to them or parts of its text are not. */
static void warn_of_event(struct feed *f, uint64_t left_out, const struct record *r)
{
	char text[200];

	f->stats->left_out += left_out;
	if (left_out == 0)
		return;
	(void)snprintf(text, sizeof(text), "%" PRIu64 " members of %.*s, over a limit of events", left_out,
		       (int)r->key.n, (const char *)r->key.p);
	warn(f, text);
}

static int end_event(struct feed *f, struct misp_event *event, uint64_t at_bytes, struct why *w)
{
	struct why why = { 0 };
	struct record r;
	int e;

	gather_reset(&f->g);
	e = misp_event_record(event, &f->g, &r, &why);
	if (e == 0)
		warn_of_event(f, event->left_out, &r);
	return hand_over(f, &r, e, &why, &f->stats->events, at_bytes, w);
}

/* An event that has neither attributes nor objects. */
static int take_event(struct feed *f, const struct carved *c, struct why *w)
{
	struct jsontext_walk i = jsontext_walk(c->value.text);
	struct misp_event event = { .n = 0 };
	struct jsontext_member m;
	int e = 0;

	misp_event_begin(&event);
	gather_reset(&f->g);
	while (e == 0 && jsontext_member(&i, &m))
		e = misp_event_member(&event, m.key, m.value, &f->g);
	e = e ? fail(w, e, "%s: no memory for an event", f->name) : end_event(f, &event, c->at_bytes, w);
	misp_event_free(&event);
	return e;
}

/* What the first thing of no format was: an object by its first members, for people. */
static void remember_strange(struct feed *f, const struct jsontext *t)
{
	size_t at = 0;

	if (f->strange[0])
		return;
	for (size_t i = 0; i < t->n && i < 5; i++)
		if (t->at[i].key.n <= 30 && text_printable(t->at[i].key))
			at += (size_t)snprintf(f->strange + at, sizeof(f->strange) - at, "%s%.*s",
					       at ? ", " : "an object of ", (int)t->at[i].key.n,
					       (const char *)t->at[i].key.p);
	if (misp_is_manifest(t->text))
		(void)snprintf(
			f->strange, sizeof(f->strange),
			"the manifest of a MISP feed, which is read as a whole folder, from a web server with type=misp");
	else if (at == 0)
		(void)snprintf(f->strange, sizeof(f->strange), "%s",
			       t->text.n > 0 && t->text.p[0] == '{' ? "an object with nothing in it"
								    : "a value that is no object");
}

static int drop_strange(struct feed *f, const struct carved *c)
{
	struct why why = { 0 };

	remember_strange(f, &c->value);
	IGNORE(fail(&why, -EBADMSG, "at byte %" PRIu64 ": no object of STIX or MISP", c->at_bytes));
	drop(f, FEED_DROP_FORMAT, &why);
	return 0;
}

/* What stands alone, or in a bare array. */
static int take_root(struct feed *f, const struct carved *c, struct why *w)
{
	struct bytes object = c->value.text;

	if (jsontext_string_is(jsontext_get(&c->value, "type"), "bundle")) { /* without objects */
		f->known = true;
		return 0;
	}
	if (stix_is(&c->value))
		return take_stix(f, c, w);
	if (misp_is_attribute(object))
		return take_attribute(f, object, (struct misp_parent){ .key = NULL }, NULL, c->at_bytes, w);
	return misp_is_event(object) ? take_event(f, c, w) : drop_strange(f, c);
}

static int take_record(struct feed *f, const struct carved *c, struct why *w)
{
	struct level *in = top(f);

	if (c->place != CARVE_ROOT && jsontext_kind(c->value.text) != JSONTEXT_OBJECT)
		return drop_strange(f, c);
	switch (c->place) {
	case CARVE_ROOT:
		return take_root(f, c, w);
	case CARVE_OBJECTS:
		return take_stix(f, c, w);
	case CARVE_VALUES:
		return take_cluster(f, c, w);
	case CARVE_ATTRIBUTE:
	case CARVE_OBJECT:
		if (in)
			in->lists_members = true;
		return c->place == CARVE_OBJECT
			       ? take_object(f, c->value.text, in, c->at_bytes, w)
			       : take_attribute(f, c->value.text,
						(struct misp_parent){ .key = in ? in->event.key : NULL }, in,
						c->at_bytes, w);
	case CARVE_RESPONSE:
	case CARVE_EVENT:
		break;
	}
	return drop_strange(f, c);
}

static int enter(struct feed *f, const struct carved *c)
{
	struct level *l = &f->levels[f->depth++]; /* the carver goes no deeper than its own limit */

	f->known = true;
	l->place = c->place;
	l->lists_members = false;
	l->galaxy[0] = 0;
	misp_event_begin(&l->event);
	return 0;
}

static void note_type(struct level *l, struct gather *g, struct bytes value)
{
	struct bytes type = gather_string(g, value);

	if (type.n < sizeof(l->galaxy)) {
		memcpy(l->galaxy, type.p ? type.p : (const uint8_t *)"", type.n);
		l->galaxy[type.n] = 0;
	}
}

static int take_member(struct feed *f, const struct carved *c, struct why *w)
{
	struct level *l = top(f);

	if (!l)
		return 0;
	gather_reset(&f->g);
	if (jsontext_key_is(c->key, "type"))
		note_type(l, &f->g, c->value.text);
	return misp_event_member(&l->event, c->key, c->value.text, &f->g)
		       ? fail(w, -ENOMEM, "%s: no memory for an event", f->name)
		       : 0;
}

static int leave(struct feed *f, const struct carved *c, struct why *w)
{
	struct level *l = top(f);

	if (!l)
		return 0;
	f->depth--;
	/* A response may hold events without their "Event", or nothing but attributes or objects. */
	if (l->place == CARVE_EVENT || misp_event_has_info(&l->event) || (l->place == CARVE_ROOT && l->lists_members))
		return end_event(f, &l->event, c->at_bytes, w);
	return 0;
}

static int take(struct feed *f, const struct carved *c, struct why *w)
{
	switch (c->what) {
	case CARVE_RECORD:
		return take_record(f, c, w);
	case CARVE_MEMBER:
		return take_member(f, c, w);
	case CARVE_ENTER:
		return enter(f, c);
	case CARVE_LEAVE:
		return leave(f, c, w);
	case CARVE_DROPPED:
		drop(f, c->why.code == -E2BIG ? FEED_DROP_SIZE : FEED_DROP_SYNTAX, &c->why);
		break;
	case CARVE_END:
		f->stats->bytes += c->at_bytes;
		break;
	}
	return 0;
}

static int read_all(struct feed *f, struct why *w)
{
	struct carved c;
	int r;

	do {
		r = carve_next(&f->carve, &c, w);
		if (r)
			return why_in(w, r, "%s", f->name);
		r = take(f, &c, w);
	} while (r == 0 && c.what != CARVE_END);
	return r;
}

/* What a stream without records is. */
static int judge(const struct feed *f, const struct feed_stats *before, struct why *w)
{
	uint64_t dropped = feed_dropped(f->stats) - feed_dropped(before);
	uint64_t strange = f->stats->dropped[FEED_DROP_FORMAT] - before->dropped[FEED_DROP_FORMAT];

	if (f->stats->good > before->good || (f->known && dropped == 0))
		return 0;
	if (f->stats->bytes == before->bytes)
		return fail(w, -ENODATA, "%s: empty", f->name);
	if (strange == dropped && dropped > 0)
		return fail(w, -ENODATA, "%s: JSON, but no feed: %s", f->name, f->strange);
	return fail(w, -EBADMSG, "%s: no record could be read: %s", f->name,
		    f->stats->first.code ? f->stats->first.text : "this is no JSON");
}

static void warn_of_rest(const struct feed *f)
{
	char text[300];

	if (!f->o->warn || f->warned <= FEEDREAD_WARNINGS_MAX)
		return;
	(void)snprintf(text, sizeof(text), "%s: %" PRIu64 " more records left out", f->name,
		       f->warned - FEEDREAD_WARNINGS_MAX);
	f->o->warn(f->o->arg, text);
}

static int read_feed(struct feed *f, struct why *w)
{
	const struct feed_stats before = *f->stats;
	int r = read_all(f, w);

	warn_of_rest(f);
	f->stats->strays += carve_strays(&f->carve);
	f->stats->observables += f->g.n_observables;
	f->stats->refused_values += f->g.n_refused;
	return r ? r : judge(f, &before, w);
}

int feedread_stream(struct carve_source from, const char *name, const struct feed_options *o,
		    const struct record_sink *sink, struct feed_stats *ret, struct why *w)
{
	struct feed *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return fail(w, -ENOMEM, "%s: out of memory", name);
	f->name = name;
	f->o = o;
	f->sink = sink;
	f->stats = ret;
	r = carve_init(&f->carve, from, o->record_max_bytes, w);
	if (r == 0) {
		r = read_feed(f, w);
		carve_done(&f->carve);
	}
	for (size_t i = 0; i < CARVE_LEVELS_MAX; i++)
		misp_event_free(&f->levels[i].event);
	gather_free(&f->g);
	free(f);
	return r;
}
