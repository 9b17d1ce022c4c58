/* Feeds of web servers: a file, the pages of a TAXII collection, the events of a MISP feed. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/parse.h"
#include "base/proc.h"
#include "bootstage/intel/feedjob_inside.h"
#include "bootstage/intel/mispfeed.h"

#define AUTHORIZATION_MAX 4096u
#define PAGES_MAX         100000u
#define EVENTS_KEEP_MS    5000u /* what is known of a MISP feed's events is written as often */

struct fields {
	char authorization[AUTHORIZATION_MAX + 32];
	const char *at[2];
	size_t n;
};

static int fields_make(const struct feedconf *f, struct fields *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r;

	if (f->kind == FEED_TAXII)
		ret->at[ret->n++] = "Accept: " TAXII_ACCEPT;
	if (!f->authorization_file[0])
		return 0;
	r = file_read(AT_FDCWD, f->authorization_file, AUTHORIZATION_MAX, &text, &n, w);
	if (r)
		return r;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		text[--n] = '\0';
	if (n == 0 || !text_printable(bytes_of(text, n)))
		return misuse(w, -EBADMSG, "%s: not one line of text", f->authorization_file);
	(void)snprintf(ret->authorization, sizeof(ret->authorization), "Authorization: %s", text);
	ret->at[ret->n++] = ret->authorization;
	return 0;
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static struct http_options http_options(const struct feedconf *f, const struct fields *fields)
{
	return (struct http_options){ .proxy = or_null(f->proxy),
				      .ca_file = or_null(f->ca_file),
				      .cert_file = or_null(f->cert_file),
				      .key_file = or_null(f->key_file),
				      .connections = 1,
				      .timeout_seconds = (unsigned int)f->stall_s,
				      .fields = fields->at,
				      .n_fields = fields->n };
}

/* With what is known of it from before. */
static struct http_options http_options_known(const struct feedjob *j, const struct fields *fields)
{
	struct http_options o = http_options(j->conf, fields);

	if (!j->again) {
		o.known_etag = or_null(j->state.etag);
		o.known_modified = or_null(j->state.modified);
	}
	return o;
}

static int web_some(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	const struct work *k = arg;

	return feedhttp_read(k->http, buf, room, k->stop, ret_n, w);
}

/* One URL. -EALREADY: the server says that nothing has changed. */
static int run_url(struct work *k, const char *url, const struct http_options *o, bool ranges, struct http_facts *ret,
		   struct why *w)
{
	const struct ingest_pace pace = { .before = feedjob_before, .came = feedjob_came, .arg = k };
	const struct carve_source from = { .read = web_some, .arg = k };
	struct feedjob *j = k->j;
	int r = feedjob_turn_give(k, NULL, w); /* of the page before: all of that is stored */

	r = r ? r : feedhttp_open(url, o, ranges, &k->http, w);
	if (r)
		return r;
	r = feedhttp_wait(k->http, k->stop, w);
	if (!r && feedhttp_facts(k->http).unchanged)
		r = -EALREADY;
	r = r ? r : feedjob_turn_take(k, w);
	k->stats.load = (struct load_stats){ 0 };
	r = r ? r : ingest_stream(from, j->conf->name, j->load, &k->options, &pace, &k->stats, w);
	k->refused += k->stats.load.refused;
	*ret = feedhttp_facts(k->http);
	feedhttp_close(k->http);
	k->http = NULL;
	return r;
}

/* A field of an answer; one that is too long counts as not given. */
static void keep(char to[FEEDSTATE_FIELD], const char *field)
{
	bool fits = strlen(field) < FEEDSTATE_FIELD;

	(void)snprintf(to, FEEDSTATE_FIELD, "%.179s", fits ? field : "");
}

int feedjob_http(struct work *k, struct why *w)
{
	struct feedjob *j = k->j;
	struct fields fields = { 0 };
	struct http_options o;
	struct http_facts facts = { 0 };
	int r = fields_make(j->conf, &fields, w);

	if (r)
		return r;
	o = http_options_known(j, &fields);
	r = run_url(k, j->conf->source, &o, true, &facts, w);
	if (r)
		return r;
	keep(j->state.etag, facts.etag);
	keep(j->state.modified, facts.modified);
	return 0;
}

/* A page that has nothing is an envelope without objects, and no failure. */
static int run_page(struct work *k, const char *url, const struct http_options *o, struct http_facts *ret,
		    struct why *w)
{
	struct why own = { 0 };
	uint64_t before_bytes = k->bytes;
	int r;

	k->page = (struct taxii_scan){ 0 };
	r = run_url(k, url, o, false, ret, &own);
	if (r == -ENODATA && ret->known && k->bytes - before_bytes < 4096)
		return 0;
	if (r && w && !w->code)
		*w = own;
	return r;
}

/* How far it was read: the next run goes on there, also when this one ends before the last page. */
static int page_done(struct work *k, const struct taxii_way *way, struct why *w)
{
	struct feedstate *s = &k->j->state;

	if (!way->read[0] || strcmp(way->read, s->added_after) == 0)
		return 0;
	keep(s->added_after, way->read);
	return feedjob_say(k, JOB_STEP, w);
}

int feedjob_taxii(struct work *k, struct why *w)
{
	struct feedjob *j = k->j;
	const char *from = j->state.added_after[0] && !j->again ? j->state.added_after : j->conf->added_after;
	struct fields fields = { 0 };
	struct http_options o;
	struct taxii_way way = { .is = TAXII_MORE };
	char url[TAXII_URL_MAX];
	int r = fields_make(j->conf, &fields, w);

	o = http_options(j->conf, &fields);
	o.note = TAXII_LAST;
	(void)snprintf(way.from, sizeof(way.from), "%.63s", from);
	for (unsigned int page = 0; !r && way.is == TAXII_MORE; page++) {
		struct http_facts facts = { 0 };

		r = page == PAGES_MAX ? fail(w, -E2BIG, "more than %u pages", PAGES_MAX)
				      : taxii_url(j->conf->source, way.from, way.next, j->conf->page, url, w);
		r = r ? r : run_page(k, url, &o, &facts, w);
		if (r)
			return r;
		taxii_go_on(&way, &k->page, facts.noted);
		r = page_done(k, &way, w);
	}
	return r || way.is == TAXII_END ? r : fail(w, -EBADMSG, "the server says that there is more, and not where");
}

/* --- a MISP feed of a web server --- */

/* All that comes, in memory; nobody's turn is needed for that. */
static int web_all(struct work *k, size_t max, char **ret, size_t *ret_n, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0, room = 0, got = 1;
	int r = 0;

	while (!r && got > 0) {
		if (n == room) {
			size_t more = room ? 2 * room : 65536;
			char *p = n >= max ? NULL : realloc(text, more);

			if (!p)
				return n >= max ? fail(w, -E2BIG, "more than %zu bytes", max)
						: fail(w, -ENOMEM, "out of memory");
			text = p;
			room = more;
		}
		got = 0;
		r = feedhttp_read(k->http, text + n, room - n, k->stop, &got, w);
		r = r || !got ? r : feedjob_came(k, bytes_of((uint8_t *)text + n, got), w);
		n += got;
	}
	if (r)
		return r;
	*ret = MOVE(text);
	*ret_n = n;
	return 0;
}

/* -EALREADY: the server says that nothing has changed. */
static int manifest_get(struct work *k, const struct http_options *o, struct mispfeed *ret,
			struct http_facts *ret_facts, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char url[MISPFEED_URL_MAX];
	size_t n = 0;
	int r = mispfeed_url(k->j->conf->source, MISPFEED_MANIFEST, url, w);

	r = r ? r : feedhttp_open(url, o, true, &k->http, w);
	if (r)
		return r;
	r = web_all(k, MISPFEED_MANIFEST_MAX, &text, &n, w);
	*ret_facts = feedhttp_facts(k->http);
	feedhttp_close(k->http);
	k->http = NULL;
	if (!r && ret_facts->unchanged)
		return -EALREADY;
	r = r ? r : mispfeed_read(bytes_of((uint8_t *)text, n), ret, w);
	return r && r != -ECANCELED ? why_in(w, r, "%s", url) : r;
}

static void events_path(const struct feedjob *j, char out[512])
{
	(void)snprintf(out, 512, "%s/%s.events", j->folder, j->conf->name);
}

static void stamp_text(const char *text, size_t n, char ret[65])
{
	struct hash sum = hash_of(bytes_of((const uint8_t *)text, n));

	(void)format_hex(sum.b, sizeof(sum.b), ret);
}

/* A list that is not the state's counts as none: then events are loaded again, which costs time only. */
static void events_compare(const struct feedjob *j, struct mispfeed *f)
{
	AUTO_MISPFEED before = { 0 };
	AUTO_FREE char *text = NULL;
	char path[512], stamp[65];
	size_t n = 0;

	events_path(j, path);
	if (j->again || file_read(AT_FDCWD, path, MISPFEED_MANIFEST_MAX, &text, &n, NULL))
		return;
	stamp_text(text, n, stamp);
	if (strcmp(stamp, j->state.stamp) == 0 && mispfeed_read(bytes_of((uint8_t *)text, n), &before, NULL) == 0)
		mispfeed_compare(f, &before);
}

static int events_keep(struct work *k, const struct mispfeed *f, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char path[512];
	size_t n = 0;
	int r = mispfeed_format(f, &text, &n, w);

	events_path(k->j, path);
	r = r ? r : file_replace(AT_FDCWD, path, text, n, 0644, w);
	if (r)
		return r;
	stamp_text(text, n, k->j->state.stamp);
	return feedjob_say(k, JOB_STEP, w);
}

/* One that is not there, or is none, takes nothing from the others; it is tried again the next time. */
static int run_event(struct work *k, const struct http_options *o, struct mispfeed_event *e, struct why *w)
{
	struct http_facts facts = { 0 };
	struct why own = { 0 };
	char name[64], url[MISPFEED_URL_MAX], line[sizeof(own.text) + sizeof(name) + 2];
	int r;

	(void)snprintf(name, sizeof(name), "%s.json", e->uuid);
	r = mispfeed_url(k->j->conf->source, name, url, w);
	r = r ? r : run_url(k, url, o, false, &facts, &own);
	e->had = r == 0;
	if (r == 0 || k->bytes > k->j->conf->max_bytes ||
	    (r != -ENOENT && r != -EACCES && r != -ENODATA && r != -EBADMSG && r != -E2BIG)) {
		if (r && w && !w->code)
			*w = own;
		return r;
	}
	(void)snprintf(line, sizeof(line), "%s: %s", name, own.text);
	if (k->options.warn)
		k->options.warn(k->options.arg, line);
	return 0;
}

/* Those that are new or changed; -EALREADY: there is none. *ret_bad: how many could not be read. */
static int run_events(struct work *k, const struct http_options *o, struct mispfeed *f, size_t *ret_bad, struct why *w)
{
	uint64_t kept_ms = now_ms();
	size_t tried = 0, bad = 0;
	int r = 0, e;

	for (size_t i = 0; !r && i < f->n; i++) {
		if (f->at[i].had)
			continue;
		r = run_event(k, o, &f->at[i], w);
		tried++;
		bad += !f->at[i].had;
		if (!r && now_ms() - kept_ms > EVENTS_KEEP_MS) {
			r = events_keep(k, f, w);
			kept_ms = now_ms();
		}
	}
	*ret_bad = bad;
	if (tried == 0)
		return -EALREADY;
	e = events_keep(k, f, r ? NULL : w); /* also what came before a failure */
	if (!r && bad == f->n)
		return fail(w, -EBADMSG, "none of %zu events could be read", bad);
	return r ? r : e;
}

int feedjob_misp(struct work *k, struct why *w)
{
	AUTO_MISPFEED feed = { 0 };
	struct feedstate *s = &k->j->state;
	struct http_facts facts = { 0 };
	struct fields fields = { 0 };
	struct http_options o;
	size_t bad = 0;
	bool all;
	int r = fields_make(k->j->conf, &fields, w);

	if (r)
		return r;
	o = http_options_known(k->j, &fields);
	r = manifest_get(k, &o, &feed, &facts, w);
	if (!r && feed.n == 0)
		r = fail(w, -ENODATA, MISPFEED_MANIFEST " names no events");
	if (r)
		return r;
	events_compare(k->j, &feed);
	o = http_options(k->j->conf, &fields);
	r = run_events(k, &o, &feed, &bad, w);
	all = (r == 0 || r == -EALREADY) && bad == 0; /* else the list is asked for again, though it is the same */
	keep(s->etag, all ? facts.etag : "");
	keep(s->modified, all ? facts.modified : "");
	return r;
}
