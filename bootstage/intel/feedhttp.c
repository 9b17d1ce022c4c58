#include "bootstage/intel/feedhttp.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_MS 200 /* for stop() */

struct block {
	struct feedhttp *f;
	struct http_request q;
	uint8_t *p;
	uint64_t at;      /* of its first byte in the file */
	size_t n, used;   /* bytes that came; of these, that were read */
	bool asked, done; /* there is a request; it is over */
};

struct feedhttp {
	struct http *h;
	struct block blocks[2];
	unsigned int now; /* the block that is being read */
	uint64_t next_at;
	bool whole;           /* without ranges, all through the first block */
	bool full;            /* of that one: the server waits for room */
	pthread_mutex_t lock; /* of all that the two threads share */
	pthread_cond_t came;
	int r;
	struct why why;
};

static enum http_took sink(void *arg, uint64_t at, struct bytes data)
{
	struct block *b = arg;
	enum http_took took = HTTP_TOOK;

	(void)at; /* ascending, from the block's first byte on */
	(void)pthread_mutex_lock(&b->f->lock);
	if (b->f->whole && b->used == b->n)
		b->n = b->used = 0;
	if (FEEDHTTP_BLOCK - b->n < data.n) {
		b->f->full = b->f->whole;
		took = b->f->whole ? HTTP_LATER : HTTP_ENOUGH;
	} else {
		memcpy(b->p + b->n, data.p, data.n);
		b->n += data.n;
	}
	(void)pthread_cond_signal(&b->f->came);
	(void)pthread_mutex_unlock(&b->f->lock);
	return took;
}

static void done(void *arg, int r, const struct why *w)
{
	struct block *b = arg;

	(void)pthread_mutex_lock(&b->f->lock);
	b->done = true;
	if (r && !b->f->r) {
		b->f->r = r;
		b->f->why = *w;
	}
	(void)pthread_cond_signal(&b->f->came);
	(void)pthread_mutex_unlock(&b->f->lock);
}

static void no_ranges(void *arg)
{
	struct block *b = arg;

	(void)pthread_mutex_lock(&b->f->lock);
	b->f->whole = true;
	(void)pthread_mutex_unlock(&b->f->lock);
}

static void ask(struct feedhttp *f, struct block *b)
{
	b->at = f->next_at;
	f->next_at += FEEDHTTP_BLOCK;
	b->n = b->used = 0;
	b->asked = true;
	b->done = false;
	b->q = (struct http_request){ .sink = sink, .done = done, .arg = b };
	if (!f->whole) {
		b->q.n = 1;
		b->q.want[0] = (struct http_range){ .at = b->at, .bytes = FEEDHTTP_BLOCK };
		b->q.whole = b->at == 0 ? no_ranges : NULL;
	}
	http_submit(f->h, &b->q);
}

int feedhttp_open(const char *url, const struct http_options *o, bool ranges, struct feedhttp **ret, struct why *w)
{
	struct feedhttp *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return fail(w, -ENOMEM, "out of memory");
	(void)pthread_mutex_init(&f->lock, NULL);
	(void)pthread_cond_init(&f->came, NULL);
	f->whole = !ranges;
	for (size_t i = 0; i < ARRAY_SIZE(f->blocks); i++) {
		f->blocks[i].f = f;
		f->blocks[i].p = malloc(FEEDHTTP_BLOCK);
	}
	r = f->blocks[0].p && f->blocks[1].p ? http_open(url, o, &f->h, w) : fail(w, -ENOMEM, "out of memory");
	if (r) {
		feedhttp_close(f);
		return r;
	}
	ask(f, &f->blocks[0]);
	*ret = f;
	return 0;
}

void feedhttp_close(struct feedhttp *f)
{
	if (!f)
		return;
	http_close(f->h);
	free(f->blocks[0].p);
	free(f->blocks[1].p);
	(void)pthread_mutex_destroy(&f->lock);
	(void)pthread_cond_destroy(&f->came);
	free(f);
}

struct http_facts feedhttp_facts(struct feedhttp *f)
{
	return http_facts(f->h);
}

/* Whether there are bytes behind this block. */
static bool goes_on(const struct feedhttp *f, const struct block *b, uint64_t size)
{
	return !f->whole && b->n == FEEDHTTP_BLOCK && (size == HTTP_SIZE_UNKNOWN || b->at + b->n < size);
}

/* Locked. Past the end of a block: ask for the one behind the other one, and go on with that. Returns whether it did. */
static bool turn_over(struct feedhttp *f)
{
	struct block *b = &f->blocks[f->now], *other = &f->blocks[!f->now];

	if (!b->done || b->used < b->n || !goes_on(f, b, http_facts(f->h).size_bytes))
		return false;
	if (!other->asked)
		ask(f, other);
	b->asked = false;
	f->now = !f->now;
	return true;
}

/* Locked. The next block while this one is being read. */
static void ask_ahead(struct feedhttp *f)
{
	struct block *b = &f->blocks[f->now], *other = &f->blocks[!f->now];

	if (b->done && !other->asked && !f->r && goes_on(f, b, http_facts(f->h).size_bytes))
		ask(f, other);
}

/* Locked. Whether there is something to say: bytes, the end, a failure. */
static bool ready(struct feedhttp *f)
{
	const struct block *b;

	while (turn_over(f))
		;
	b = &f->blocks[f->now];
	return b->used < b->n || b->done;
}

bool feedhttp_ready(struct feedhttp *f)
{
	bool is;

	(void)pthread_mutex_lock(&f->lock);
	is = ready(f);
	(void)pthread_mutex_unlock(&f->lock);
	return is;
}

static void wait_some(struct feedhttp *f)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += LOOK_MS * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000L;
	t.tv_nsec %= 1000000000L;
	(void)pthread_cond_timedwait(&f->came, &f->lock, &t);
}

int feedhttp_wait(struct feedhttp *f, bool (*stop)(void), struct why *w)
{
	bool is;

	(void)pthread_mutex_lock(&f->lock);
	while (!(is = ready(f)) && !stop())
		wait_some(f);
	(void)pthread_mutex_unlock(&f->lock);
	return is ? 0 : fail(w, -ECANCELED, "interrupted");
}

int feedhttp_read(struct feedhttp *f, void *buf, size_t room, bool (*stop)(void), size_t *ret_n, struct why *w)
{
	bool go_on = false, stopped = false;
	struct block *b;
	size_t n;
	int r;

	(void)pthread_mutex_lock(&f->lock);
	while (!ready(f) && !(stopped = stop()))
		wait_some(f);
	b = &f->blocks[f->now];
	ask_ahead(f);
	n = b->n - b->used < room ? b->n - b->used : room;
	memcpy(buf, b->p + b->used, n);
	b->used += n;
	if (f->whole && f->full && b->used == b->n) {
		f->full = false;
		go_on = true;
	}
	r = n ? 0 : stopped ? fail(w, -ECANCELED, "interrupted") : f->r;
	if (r && w && !w->code)
		*w = f->why;
	(void)pthread_mutex_unlock(&f->lock);
	if (go_on)
		http_continue(f->h);
	if (!r)
		*ret_n = n;
	return r;
}
