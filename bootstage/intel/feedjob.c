#include "bootstage/intel/feedjob.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/parse.h"
#include "bootstage/intel/feedhttp.h"
#include "bootstage/intel/taxii.h"

#define AUTHORIZATION_MAX 4096u
#define PAGES_MAX         100000u
#define LOOK_MS           200
#define WARNINGS_MAX      50u /* of a run: a folder has many files, a collection many pages, each with its ten */

struct work {
	struct feedjob *j;
	struct feed_options options; /* as the job's, but that no more than WARNINGS_MAX things are told */
	uint64_t warned;
	bool (*stop)(void);
	bool held;             /* the turn */
	bool asked;            /* for it back */
	struct feedhttp *http; /* NULL: a file, which is always ready */
	struct hasher sum;
	uint64_t bytes, refused;
	struct taxii_scan page;
	struct ingest_stats stats;
};

/* --- turns --- */

static int say(const struct work *k, enum feedjob_word word, struct why *w)
{
	const struct feedjob_message m = { .word = word, .state = k->j->state };

	return send(k->j->parent, &m, sizeof(m), MSG_NOSIGNAL) < 0 ? fail_errno(w, "parent") : 0;
}

/* 1: a word; 0: none for now. */
static int hear(const struct work *k, enum feedjob_word *ret, int wait_ms, struct why *w)
{
	struct pollfd f = { .fd = k->j->parent, .events = POLLIN };
	uint32_t word = 0;
	ssize_t n;

	if (poll(&f, 1, wait_ms) <= 0)
		return 0;
	n = recv(k->j->parent, &word, sizeof(word), MSG_DONTWAIT);
	if (n != (ssize_t)sizeof(word))
		return fail(w, -ECANCELED, "the parent is gone");
	*ret = (enum feedjob_word)word;
	return 1;
}

int feedjob_hear(int fd, struct feedjob_message *ret)
{
	ssize_t n;

	do /* a process that ends without having read our last word: that is said first, and what it had to say comes behind */
		n = recv(fd, ret, sizeof(*ret), MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n == (ssize_t)sizeof(*ret))
		return 0;
	return n < 0 && errno == EAGAIN ? -EAGAIN : -EPIPE;
}

static int turn_take(struct work *k, struct why *w)
{
	enum feedjob_word word = JOB_BACK;
	int r = k->held ? 0 : say(k, JOB_WANT, w);

	while (r >= 0 && !k->held) {
		r = k->stop() ? fail(w, -ECANCELED, "interrupted") : hear(k, &word, LOOK_MS, w);
		k->held = r > 0 && word == JOB_GO;
		k->asked = false;
	}
	return r < 0 ? r : 0;
}

static int turn_give(struct work *k, struct load *l, struct why *w)
{
	int r = l && k->held ? load_settle(l, w) : 0;

	if (r || !k->held)
		return r;
	k->held = false;
	return say(k, JOB_GIVE, w);
}

/* Before each read: nobody holds a turn who waits for a server, or whose time is over. */
static int before(void *arg, struct load *l, struct why *w)
{
	struct work *k = arg;
	enum feedjob_word word = JOB_GO;
	int r = 0;

	while (r >= 0 && (r = hear(k, &word, 0, w)) > 0)
		k->asked = k->asked || word == JOB_BACK;
	if (r >= 0 && (k->asked || (k->http && !feedhttp_ready(k->http)))) {
		r = turn_give(k, l, w);
		if (!r && k->http)
			r = feedhttp_wait(k->http, k->stop, w);
	}
	return r < 0 ? r : turn_take(k, w);
}

static int came(void *arg, struct bytes in, struct why *w)
{
	struct work *k = arg;

	k->bytes += in.n;
	hasher_add(&k->sum, in);
	if (k->j->conf->kind == FEED_TAXII)
		taxii_scan(&k->page, in);
	if (k->bytes > k->j->conf->max_bytes)
		return fail(w, -E2BIG, "more than max-size, %" PRIu64 " bytes", k->j->conf->max_bytes);
	return 0;
}

/* --- files and folders --- */

static void stamp_add(struct hasher *h, const char *name, const struct stat *st)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s\n%" PRIu64 "\n%" PRIu64 "\n%" PRIi64 ".%09ld\n", name,
			 (uint64_t)st->st_ino, (uint64_t)st->st_size, (int64_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);

	hasher_add(h, bytes_of(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1));
}

static int stamp_folder(const char *path, struct hasher *h, struct why *w)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort);

	if (n < 0)
		return fail_errno(w, "%s", path);
	for (int i = 0; i < n; i++) {
		char file[FEEDCONF_TEXT + 300];
		struct stat st;

		(void)snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
			stamp_add(h, names[i]->d_name, &st);
		free(names[i]);
	}
	free(names);
	return 0;
}

/* What tells this version of a file or of a folder's files from another one. */
static int stamp_of(const char *path, char ret[65], struct why *w)
{
	struct hasher h;
	struct hash sum;
	struct stat st;
	int r = stat(path, &st) < 0 ? fail_errno(w, "%s", path) : 0;

	hasher_init(&h);
	if (!r && S_ISDIR(st.st_mode))
		r = stamp_folder(path, &h, w);
	else if (!r)
		stamp_add(&h, "", &st);
	sum = hasher_end(&h);
	(void)format_hex(sum.b, sizeof(sum.b), ret);
	return r;
}

uint64_t feedjob_guess_bytes(const struct feedconf *f)
{
	struct stat st;

	return f->kind == FEED_FILE && stat(f->source, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static int run_file(struct work *k, struct why *w)
{
	const struct ingest_pace pace = { .before = before, .came = came, .arg = k };
	struct feedjob *j = k->j;
	char stamp[65], after[65];
	int r = stamp_of(j->conf->source, stamp, w);

	if (!r && !j->again && strcmp(stamp, j->state.stamp) == 0)
		return -EALREADY;
	r = r ? r : turn_take(k, w);
	r = r ? r : ingest_path(j->conf->source, j->load, &k->options, &pace, &k->stats, w);
	k->refused += k->stats.load.refused;
	if (!r && stamp_of(j->conf->source, after, NULL) == 0 && strcmp(stamp, after) == 0)
		memcpy(j->state.stamp, stamp, sizeof(stamp));
	return r;
}

/* --- the web --- */

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

static int web_some(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	const struct work *k = arg;

	return feedhttp_read(k->http, buf, room, k->stop, ret_n, w);
}

/* One URL. -EALREADY: the server says that nothing has changed. */
static int run_url(struct work *k, const char *url, const struct http_options *o, bool ranges, struct http_facts *ret,
		   struct why *w)
{
	const struct ingest_pace pace = { .before = before, .came = came, .arg = k };
	const struct carve_source from = { .read = web_some, .arg = k };
	struct feedjob *j = k->j;
	int r = turn_give(k, NULL, w); /* of the page before: all of that is stored */

	r = r ? r : feedhttp_open(url, o, ranges, &k->http, w);
	if (r)
		return r;
	r = feedhttp_wait(k->http, k->stop, w);
	if (!r && feedhttp_facts(k->http).unchanged)
		r = -EALREADY;
	r = r ? r : turn_take(k, w);
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

static int run_http(struct work *k, struct why *w)
{
	struct feedjob *j = k->j;
	struct fields fields = { 0 };
	struct http_options o;
	struct http_facts facts = { 0 };
	int r = fields_make(j->conf, &fields, w);

	if (r)
		return r;
	o = http_options(j->conf, &fields);
	if (!j->again) {
		o.known_etag = or_null(j->state.etag);
		o.known_modified = or_null(j->state.modified);
	}
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
	return say(k, JOB_STEP, w);
}

static int run_taxii(struct work *k, struct why *w)
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

/* --- all --- */

/* Whether this database has had all of the feed once; another one, or a new one, has nothing of what was loaded before. */
static int store_had_it(const struct feedjob *j, bool *ret, struct why *w)
{
	AUTO_PG pg = { 0 };
	AUTO_PG_PARAMS a = { 0 };
	AUTO_PG_RESULT *row = NULL;
	int r = j->load->connect(j->load->arg, &pg, w);

	if (r)
		return r;
	pg_param_text(&a, bytes_str(j->conf->name));
	r = pg_query(&pg, "SELECT 1 FROM feeds WHERE name = $1 AND loaded IS NOT NULL", &a, &row, w);
	if (r)
		return r;
	*ret = PQntuples(row) > 0;
	return 0;
}

static int forget_what_is_elsewhere(struct feedjob *j, struct why *w)
{
	struct feedstate *s = &j->state;
	bool had = true;
	int r = s->etag[0] || s->modified[0] || s->stamp[0] || s->added_after[0] ? store_had_it(j, &had, w) : 0;

	if (!r && !had)
		s->etag[0] = s->modified[0] = s->stamp[0] = s->added_after[0] = '\0';
	return r;
}

static int run_kind(struct work *k, struct why *w)
{
	switch (k->j->conf->kind) {
	case FEED_TAXII:
		return run_taxii(k, w);
	case FEED_HTTP:
		return run_http(k, w);
	case FEED_FILE:
	default:
		return run_file(k, w);
	}
}

static void warn(void *arg, const char *text)
{
	struct work *k = arg;

	if (k->warned++ < WARNINGS_MAX)
		k->j->options->warn(k->j->options->arg, text);
}

static void warn_of_rest(struct work *k)
{
	char text[FEEDCONF_NAME + 64];

	if (k->warned <= WARNINGS_MAX)
		return;
	(void)snprintf(text, sizeof(text), "%s: %" PRIu64 " more warnings", k->j->conf->name, k->warned - WARNINGS_MAX);
	k->j->options->warn(k->j->options->arg, text);
}

static void note_numbers(struct work *k)
{
	struct feedstate *s = &k->j->state;
	struct hash sum = hasher_end(&k->sum);

	s->bytes = k->bytes;
	s->records = k->stats.read.good;
	s->dropped = feed_dropped(&k->stats.read) + k->refused;
	(void)format_hex(sum.b, sizeof(sum.b), s->checksum);
}

int feedjob_run(struct feedjob *j, bool (*stop)(void))
{
	struct work k = { .j = j, .stop = stop };
	struct feedjob_message m = { .word = JOB_DONE };
	struct feedstate before_it = j->state;
	int r;

	hasher_init(&k.sum);
	k.options = *j->options;
	k.options.arg = &k;
	k.options.warn = j->options->warn ? warn : NULL;
	r = forget_what_is_elsewhere(j, &m.why);
	r = r ? r : run_kind(&k, &m.why);
	warn_of_rest(&k);
	if (r == 0)
		note_numbers(&k);
	else
		memcpy(j->state.checksum, before_it.checksum, sizeof(before_it.checksum));
	if (r && r != -EALREADY) {
		j->state.bytes = k.bytes;
		j->state.records = k.stats.read.good;
	}
	m.code = r;
	m.state = j->state;
	IGNORE(send(j->parent, &m, sizeof(m), MSG_NOSIGNAL) < 0); /* a parent that is gone does not ask */
	return r;
}
