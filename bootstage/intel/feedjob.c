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
#include "bootstage/intel/feedjob_inside.h"

#define LOOK_MS      200
#define WARNINGS_MAX 50u /* of a run: a folder has many files, a collection many pages, each with its ten */

/* --- turns --- */

int feedjob_say(const struct work *k, enum feedjob_word word, struct why *w)
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

int feedjob_turn_take(struct work *k, struct why *w)
{
	enum feedjob_word word = JOB_BACK;
	int r = k->held ? 0 : feedjob_say(k, JOB_WANT, w);

	while (r >= 0 && !k->held) {
		r = k->stop() ? fail(w, -ECANCELED, "interrupted") : hear(k, &word, LOOK_MS, w);
		k->held = r > 0 && word == JOB_GO;
		k->asked = false;
	}
	return r < 0 ? r : 0;
}

int feedjob_turn_give(struct work *k, struct load *l, struct why *w)
{
	int r = l && k->held ? load_settle(l, w) : 0;

	if (r || !k->held)
		return r;
	k->held = false;
	return feedjob_say(k, JOB_GIVE, w);
}

/* Before each read: nobody holds a turn who waits for a server, or whose time is over. */
int feedjob_before(void *arg, struct load *l, struct why *w)
{
	struct work *k = arg;
	enum feedjob_word word = JOB_GO;
	int r = 0;

	while (r >= 0 && (r = hear(k, &word, 0, w)) > 0)
		k->asked = k->asked || word == JOB_BACK;
	if (r >= 0 && (k->asked || (k->http && !feedhttp_ready(k->http)))) {
		r = feedjob_turn_give(k, l, w);
		if (!r && k->http)
			r = feedhttp_wait(k->http, k->stop, w);
	}
	return r < 0 ? r : feedjob_turn_take(k, w);
}

int feedjob_came(void *arg, struct bytes in, struct why *w)
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

static void warn(void *arg, const char *text)
{
	struct work *k = arg;

	if (k->warned++ < WARNINGS_MAX)
		k->j->options->warn(k->j->options->arg, text);
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
	const struct ingest_pace pace = { .before = feedjob_before, .came = feedjob_came, .arg = k };
	struct feedjob *j = k->j;
	char stamp[65], after[65];
	int r = stamp_of(j->conf->source, stamp, w);

	if (!r && !j->again && strcmp(stamp, j->state.stamp) == 0)
		return -EALREADY;
	r = r ? r : feedjob_turn_take(k, w);
	r = r ? r : ingest_path(j->conf->source, j->load, &k->options, &pace, &k->stats, w);
	k->refused += k->stats.load.refused;
	if (!r && stamp_of(j->conf->source, after, NULL) == 0 && strcmp(stamp, after) == 0)
		memcpy(j->state.stamp, stamp, sizeof(stamp));
	return r;
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
		return feedjob_taxii(k, w);
	case FEED_HTTP:
		return feedjob_http(k, w);
	case FEED_MISP:
		return feedjob_misp(k, w);
	case FEED_FILE:
	default:
		return run_file(k, w);
	}
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
