#include "bootstage/intel/ingest.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/proc.h"
#include "bootstage/intel/input.h"
#include "bootstage/intel/mispfeed.h"

#define LANES_FEW    2u
#define LANES_MANY   4u
#define CORES_MANY   16u
#define RECORD_BYTES 1600u /* of text, on average; a batch is full at whichever comes first */
#define FILES_MAX    1000000u
#define NAME_BYTES   255u
#define TURN_MS      10
#define SETTLE_MS    1000

void ingest_sizes(const struct machine *m, struct load_options *ret)
{
	ret->rows = m->sizes.batch_records.value;
	ret->bytes = ret->rows * RECORD_BYTES;
	ret->lanes = m->cores > CORES_MANY ? LANES_MANY : m->cores > 1 ? LANES_FEW : 1;
}

void ingest_fit(unsigned int allowed, unsigned int *workers, unsigned int *lanes)
{
	if (*workers > allowed)
		*workers = allowed ? allowed : 1;
	if (*workers * *lanes > allowed)
		*lanes = allowed / *workers ? allowed / *workers : 1;
}

/* --- one stream --- */

struct ingest {
	struct load *load;
	const struct feed_options *f;
	const struct ingest_pace *pace;
	const char *feed;
	bool (*stop)(void);
	struct ingest_stats *stats;
};

struct file {
	const struct ingest *g;
	int fd;
	const char *name;
};

/*
 * A signal ends the waiting, not the reading: that begins again by itself. What is under way in the database goes on; after a
 * while without input all that came is stored, so that nothing is held for as long as the source takes.
 */
static int wait_input(const struct file *f, struct why *w)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };
	int waited_ms = 0, n, r = 0;

	while (!r && (n = poll(&p, 1, waited_ms < SETTLE_MS ? TURN_MS : -1)) <= 0) {
		if (n < 0 && errno != EINTR)
			return fail_errno(w, "%s", f->name);
		if (f->g->stop && f->g->stop())
			return fail(w, -ECANCELED, "interrupted");
		waited_ms += n == 0 ? TURN_MS : 0;
		r = waited_ms < SETTLE_MS ? load_turn(f->g->load, w) : load_settle(f->g->load, w);
	}
	return r;
}

/* A source, and what is done around each read of it. */
struct paced {
	struct ingest *g;
	struct carve_source from;
};

static int paced_some(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	const struct paced *s = arg;
	const struct ingest_pace *p = s->g->pace;
	size_t n = 0;
	int r = p ? p->before(p->arg, s->g->load, w) : 0;

	r = r ? r : s->from.read(s->from.arg, buf, room, &n, w);
	if (!r && p && p->came && n)
		r = p->came(p->arg, bytes_of(buf, n), w);
	if (!r)
		*ret_n = n;
	return r;
}

static int ingest_from(struct ingest *g, struct carve_source from, const char *name, struct why *w)
{
	struct paced paced = { .g = g, .from = from };
	struct carve_source raw = { .read = paced_some, .arg = &paced };
	struct record_sink sink = load_sink(g->load);
	struct input *in = NULL;
	int r = input_open(raw, name, 0, &in, w);

	g->stats->files++;
	if (r)
		return r;
	r = feedread_stream(input_source(in), name, g->f, &sink, &g->stats->read, w);
	input_close(in);
	return r;
}

static int file_some(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	const struct file *f = arg;
	int r = wait_input(f, w);
	ssize_t n;

	if (r)
		return r;
	do
		n = read(f->fd, buf, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail_errno(w, "%s", f->name);
	*ret_n = (size_t)n;
	return 0;
}

static int ingest_fd(struct ingest *g, int fd, const char *name, struct why *w)
{
	struct file file = { .g = g, .fd = fd, .name = name };

	return ingest_from(g, (struct carve_source){ .read = file_some, .arg = &file }, name, w);
}

/* --- folders --- */

struct names {
	char **at;
	size_t n, room;
};

static void names_free(struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->at[i]);
	free(s->at);
	*s = (struct names){ 0 };
}

#define AUTO_NAMES CLEANUP(names_free) struct names

static int name_add(struct names *s, const char *name, struct why *w)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		char **at = room > FILES_MAX ? NULL : realloc(s->at, room * sizeof(*at));

		if (!at)
			return fail(w, room > FILES_MAX ? -E2BIG : -ENOMEM, "too many files for one feed");
		s->at = at;
		s->room = room;
	}
	s->at[s->n] = strdup(name);
	return s->at[s->n++] ? 0 : fail(w, -ENOMEM, "out of memory");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_feed(const char *name)
{
	static const char *const endings[] = { ".json", ".jsonl", ".ndjson", ".stix", ".misp" };
	static const char *const packed[] = { ".xz", ".gz", ".zst" };
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(packed); i++)
		if (n > strlen(packed[i]) && strcmp(name + n - strlen(packed[i]), packed[i]) == 0) {
			n -= strlen(packed[i]);
			break;
		}
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (n > strlen(endings[i]) &&
		    memcmp(name + n - strlen(endings[i]), endings[i], strlen(endings[i])) == 0)
			return name[0] != '.';
	return false;
}

static int names_of_folder(int dir, struct names *ret, struct why *w)
{
	int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0), r = 0;
	AUTO_DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (!d)
		return fail_errno(w, "folder");
	while (!r && (e = readdir(d)))
		if (is_feed(e->d_name))
			r = name_add(ret, e->d_name, w);
	if (!r && ret->n)
		qsort(ret->at, ret->n, sizeof(*ret->at), by_name);
	return r;
}

/* The events of a MISP feed, each in UUID.json. */
static int names_of_manifest(struct bytes text, struct names *ret, struct why *w)
{
	AUTO_MISPFEED feed = { 0 };
	int r = mispfeed_read(text, &feed, w);

	for (size_t i = 0; !r && i < feed.n; i++) {
		char name[48];

		(void)snprintf(name, sizeof(name), "%s.json", feed.at[i].uuid);
		r = name_add(ret, name, w);
	}
	return r ? why_in(w, r, MISPFEED_MANIFEST) : 0;
}

static int names_read(int dir, struct names *ret, bool *ret_manifest, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = file_read(dir, MISPFEED_MANIFEST, MISPFEED_MANIFEST_MAX, &text, &n, NULL);

	if (r == -ENOENT)
		return names_of_folder(dir, ret, w);
	if (r)
		return fail(w, r, MISPFEED_MANIFEST ": %s", strerror(-r));
	*ret_manifest = true;
	return names_of_manifest(bytes_of(text, n), ret, w);
}

static void tell(const struct ingest *g, const char *name, const char *what)
{
	char line[NAME_BYTES + sizeof(((struct why *)NULL)->text) + 4];

	(void)snprintf(line, sizeof(line), "%s: %s", name, what);
	if (g->f->warn)
		g->f->warn(g->f->arg, line);
}

/* A file that is no feed takes nothing from the others. */
static int ingest_file(struct ingest *g, int dir, const char *name, struct why *w)
{
	AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct why own = { 0 };
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		tell(g, name, fd < 0 ? strerror(errno) : "no file");
		g->stats->missing += fd < 0;
		g->stats->bad += fd >= 0;
		return 0;
	}
	r = ingest_fd(g, fd, name, &own);
	if (load_failed(g->load) || (r != -ENODATA && r != -EBADMSG && r != -EIO && r != -E2BIG)) {
		if (r && w)
			*w = own;
		return r;
	}
	g->stats->bad++;
	tell(g, name, own.text);
	return 0;
}

static int ingest_folder(struct ingest *g, int dir, struct why *w)
{
	AUTO_NAMES names = { 0 };
	bool manifest = false;
	int r = names_read(dir, &names, &manifest, w);

	if (!r && names.n == 0)
		return fail(w, -ENODATA, "%s",
			    manifest ? MISPFEED_MANIFEST " names no events" : "no file of a feed in the folder");
	for (size_t i = 0; !r && i < names.n; i++)
		r = ingest_file(g, dir, names.at[i], w);
	if (!r && g->stats->bad + g->stats->missing == names.n)
		return fail(w, -EBADMSG, "none of the %zu files could be read", names.n);
	return r;
}

/* --- all of it --- */

static int ingest_open(struct ingest *g, const char *path, struct why *w)
{
	AUTO_FD fd = -1;
	struct stat st;

	if (strcmp(path, "-") == 0)
		return ingest_fd(g, STDIN_FILENO, g->feed, w);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return fail_errno(w, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return ingest_fd(g, fd, g->feed, w);
	return why_in(w, ingest_folder(g, fd, w), "%s", path);
}

static int ingest_end(struct ingest *g, int r, uint64_t start_ms, struct why *w)
{
	/* What was read before the end of a feed that broke off is good. */
	int finished = r == -ECANCELED ? 0 : load_finish(g->load, !r, r ? NULL : w);

	g->stats->load = *load_stats(g->load);
	g->stats->ms = now_ms() - start_ms;
	load_close(g->load);
	return r ? r : finished;
}

int ingest_path(const char *path, const struct load_options *o, const struct feed_options *f,
		const struct ingest_pace *pace, struct ingest_stats *ret, struct why *w)
{
	struct ingest g = { .f = f, .pace = pace, .feed = o->feed, .stop = o->stop, .stats = ret };
	uint64_t start = now_ms();
	int r = load_open(o, &g.load, w);

	return r ? r : ingest_end(&g, ingest_open(&g, path, w), start, w);
}

int ingest_stream(struct carve_source from, const char *name, const struct load_options *o,
		  const struct feed_options *f, const struct ingest_pace *pace, struct ingest_stats *ret, struct why *w)
{
	struct ingest g = { .f = f, .pace = pace, .feed = o->feed, .stop = o->stop, .stats = ret };
	uint64_t start = now_ms();
	int r = load_open(o, &g.load, w);

	return r ? r : ingest_end(&g, ingest_from(&g, from, name, w), start, w);
}
