#include "updater/source_http.h"

#include <time.h>

#include "updater/source_http_inside.h"

#define FIRST_BYTES (64u << 10) /* of the first request: header, signatures and manifest of most bundles */
#define GUESS_MAX   (4u << 20)
#define WAIT_MS     100u
/* Gaps worth fetching: what a further range costs in a request of several; what a request of its own does, in time. */
#define GAP_SEVERAL 192u
#define GAP_ONE     (24u << 10)

int web_wait(struct web *web, struct why *w)
{
	struct timespec until;

	if (web->o.cancelled && web->o.cancelled(web->o.arg))
		return fail(w, -ECANCELED, "interrupted");
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WAIT_MS * 1000000l;
	until.tv_sec += until.tv_nsec / 1000000000l;
	until.tv_nsec %= 1000000000l;
	(void)pthread_cond_timedwait(&web->changed, &web->lock, &until);
	return 0;
}

/* Which range of a fetch a byte is in, and where that range begins in its buffer. */
static bool find_range(const struct fetch *f, uint64_t off, size_t *ret_i, uint64_t *ret_begin)
{
	uint64_t begin = 0;

	for (size_t i = 0; i < f->q.n; i++) {
		const struct http_range *r = &f->q.want[i];

		if (off >= r->at && off - r->at < r->bytes) {
			*ret_i = i;
			*ret_begin = begin;
			return true;
		}
		begin += r->bytes;
	}
	return false;
}

/* These three by the session's thread. */

static enum http_took on_bytes(void *arg, uint64_t at, struct bytes data)
{
	struct fetch *f = arg;
	uint64_t begin = 0;
	size_t i = 0;

	if (f->q.n == 0)
		return web_stream_bytes(f->web, data);
	if (!find_range(f, at, &i, &begin))
		return HTTP_ENOUGH;
	memcpy(f->buf + begin + (at - f->q.want[i].at), data.p, data.n);
	(void)pthread_mutex_lock(&f->web->lock);
	f->had[i] = at + data.n - f->q.want[i].at;
	(void)pthread_cond_broadcast(&f->web->changed);
	(void)pthread_mutex_unlock(&f->web->lock);
	return HTTP_TOOK;
}

static void on_whole(void *arg)
{
	web_stream_take_over(((struct fetch *)arg)->web);
}

static void on_done(void *arg, int r, const struct why *w)
{
	struct fetch *f = arg;

	if (f->q.n == 0) {
		web_stream_done(f->web, r, w);
		return;
	}
	(void)pthread_mutex_lock(&f->web->lock);
	f->state = FETCH_DONE;
	f->r = r;
	if (w)
		f->why = *w;
	(void)pthread_cond_broadcast(&f->web->changed);
	(void)pthread_mutex_unlock(&f->web->lock);
}

/* All that follows with the lock held. */

static void launch(struct web *web, struct fetch *f)
{
	f->web = web;
	f->state = FETCH_FLYING;
	f->bytes = f->used_bytes = 0;
	f->r = 0;
	f->why = (struct why){ 0 };
	memset(f->had, 0, sizeof(f->had));
	for (size_t i = 0; i < f->q.n; i++)
		f->bytes += f->q.want[i].bytes;
	f->number = ++web->asked;
	f->q.sink = on_bytes;
	f->q.done = on_done;
	f->q.whole = f->number == 1 ? on_whole : NULL;
	f->q.arg = f;
	http_submit(web->http, &f->q);
}

/* Whether what a fetch holds is of no use any more: read, or passed by. */
static bool is_spent(const struct web *web, const struct fetch *f)
{
	return f->state == FETCH_FREE ||
	       (f->state == FETCH_DONE && (f->used_bytes >= f->bytes || f->r != 0 || f->number < web->read_number));
}

/* One that can be used again; with `force` the oldest that is done, when there is no other. */
static struct fetch *spare(struct web *web, bool force)
{
	struct fetch *oldest = NULL;

	for (size_t i = 0; i < FETCHES; i++) {
		struct fetch *f = &web->fetches[i];

		if (is_spent(web, f))
			return f;
		if (force && f->state == FETCH_DONE && (!oldest || f->number < oldest->number))
			oldest = f;
	}
	return oldest;
}

static bool launch_next(struct web *web, bool force)
{
	bool one = http_facts(web->http).one_range;
	const struct fetch_limits limits = {
		.ranges = one ? 1 : HTTP_RANGES_MAX,
		.bytes = FETCH_BYTES,
		.gap_bytes = one ? GAP_ONE : GAP_SEVERAL,
	};
	struct fetch *f = spare(web, force);

	if (!f)
		return false;
	f->q.n = fetchlist_take(&web->list, &limits, f->q.want);
	if (f->q.n > 0)
		launch(web, f);
	return f->q.n > 0;
}

/* Fetch ahead what fills a request. */
static void pump(struct web *web)
{
	while (!web->stream.on && web->list.bytes >= FETCH_BYTES && launch_next(web, false))
		;
}

static struct fetch *find_fetch(struct web *web, uint64_t off)
{
	uint64_t begin = 0;
	size_t k = 0;

	for (size_t i = 0; i < FETCHES; i++)
		if (web->fetches[i].state != FETCH_FREE && find_range(&web->fetches[i], off, &k, &begin))
			return &web->fetches[i];
	return NULL;
}

/* A fetch failed: so does the read that wanted it. The next one asks anew. */
static int tell_failure(struct web *web, struct fetch *f, struct why *w)
{
	int r = f->r;

	if (r == -EOPNOTSUPP) {
		f->state = FETCH_FREE;
		if (!web->stream.on)
			web_stream_begin(web);
		return 0;
	}
	if (w && !w->code)
		*w = f->why;
	f->state = FETCH_FREE;
	return r;
}

/* What a fetch has from `off` on. Returns how many bytes; 0 after having waited; or why there will be none. */
static ssize_t read_fetch(struct web *web, struct fetch *f, uint8_t *buf, size_t n, uint64_t off, struct why *w)
{
	uint64_t begin = 0, into, have;
	size_t i = 0;

	(void)find_range(f, off, &i, &begin);
	into = off - f->q.want[i].at;
	have = f->had[i] > into ? f->had[i] - into : 0;
	n = have < n ? (size_t)have : n;
	if (n > 0) {
		memcpy(buf, f->buf + begin + into, n);
		f->used_bytes += n;
		web->read_number = f->number > web->read_number ? f->number : web->read_number;
		return (ssize_t)n;
	}
	if (f->state == FETCH_FLYING)
		return web_wait(web, w);
	if (f->r)
		return tell_failure(web, f, w);
	return fail(w, -EBADMSG, "%s: truncated: it ends before byte %llu", http_name(web->http),
		    (unsigned long long)off);
}

/* Nobody announced it: straight to where it is wanted. */
static int read_now(struct web *web, uint8_t *buf, size_t n, uint64_t off, struct why *w)
{
	AUTO_FREE struct fetch *f = calloc(1, sizeof(*f));
	int r = 0;

	if (!f)
		return fail(w, -ENOMEM, "out of memory");
	f->buf = buf;
	f->q.n = 1;
	f->q.want[0] = (struct http_range){ .at = off, .bytes = n };
	launch(web, f);
	while (f->state == FETCH_FLYING && !r)
		r = web_wait(web, w);
	if (r) { /* it may not write to the caller's memory any more */
		(void)pthread_mutex_unlock(&web->lock);
		http_forget(web->http, &f->q);
		(void)pthread_mutex_lock(&web->lock);
		return r;
	}
	if (f->r)
		return tell_failure(web, f, w);
	return f->had[0] == n ? 0 : fail(w, -EBADMSG, "%s: truncated", http_name(web->http));
}

/* One read after the other: announce what would come next, more each time. */
static bool guess(struct web *web, size_t n, uint64_t off, uint64_t size)
{
	uint64_t bytes = n;

	if (web->announced || off != web->next || off >= size)
		return false;
	web->guess_bytes = web->guess_bytes ? web->guess_bytes * 2 : FIRST_BYTES;
	if (web->guess_bytes > GUESS_MAX)
		web->guess_bytes = GUESS_MAX;
	if (bytes < web->guess_bytes)
		bytes = web->guess_bytes;
	if (bytes > size - off)
		bytes = size - off;
	return fetchlist_add(&web->list, (struct source_range){ .at = off, .bytes = bytes });
}

/* Some of the bytes from `off` on. Returns how many; 0: look again. */
static ssize_t read_some(struct source *s, uint8_t *buf, size_t n, uint64_t off, struct why *w)
{
	struct web *web = s->own;
	struct fetch *f;
	int r;

	if (web->stream.on) {
		r = web_stream_read(web, buf, n, off, w);
		return r ? r : (ssize_t)n;
	}
	f = find_fetch(web, off);
	if (f)
		return read_fetch(web, f, buf, n, off, w);
	if (fetchlist_has(&web->list, off) || guess(web, n, off, s->size_bytes)) {
		while (fetchlist_has(&web->list, off))
			if (!launch_next(web, true))
				return web_wait(web, w);
		return 0;
	}
	r = read_now(web, buf, n, off, w);
	return r || web->stream.on ? r : (ssize_t)n;
}

static int web_read(struct source *s, void *buf, size_t n, uint64_t off, struct why *w)
{
	struct web *web = s->own;
	uint8_t *to = buf;
	ssize_t got = 0;

	(void)pthread_mutex_lock(&web->lock);
	while (n > 0 && got >= 0) {
		got = read_some(s, to, n, off, w);
		if (got > 0) {
			to += got;
			off += (uint64_t)got;
			n -= (size_t)got;
			web->next = off;
		}
		pump(web);
	}
	(void)pthread_mutex_unlock(&web->lock);
	return got < 0 ? (int)got : 0;
}

/* Of an announced range only what no fetch holds yet, as far as its front goes. */
static struct source_range without_held(struct web *web, struct source_range r)
{
	struct fetch *f;

	while (r.bytes > 0 && (f = find_fetch(web, r.at)) && !f->r) {
		uint64_t begin = 0, held;
		size_t i = 0;

		(void)find_range(f, r.at, &i, &begin);
		held = f->q.want[i].at + f->q.want[i].bytes - r.at;
		held = held < r.bytes ? held : r.bytes;
		r.at += held;
		r.bytes -= held;
	}
	return r;
}

static void web_expect(struct source *s, const struct source_range *r, size_t n)
{
	struct web *web = s->own;

	(void)pthread_mutex_lock(&web->lock);
	web->announced = true;
	for (size_t i = 0; i < n && !web->stream.on; i++)
		if (!fetchlist_add(&web->list, without_held(web, r[i])))
			break;
	pump(web);
	(void)pthread_mutex_unlock(&web->lock);
}

static struct source_stats web_stats(struct source *s)
{
	struct web *web = s->own;
	struct http_facts facts = http_facts(web->http);
	struct source_stats st = { .requests = facts.requests, .received_bytes = facts.received_bytes };

	(void)pthread_mutex_lock(&web->lock);
	st.twice_bytes = facts.twice_bytes + web->twice_bytes;
	(void)pthread_mutex_unlock(&web->lock);
	st.memory_bytes = SOURCE_HTTP_BYTES;
	return st;
}

static void web_close(struct source *s)
{
	struct web *web = s->own;

	http_close(web->http);
	(void)pthread_cond_destroy(&web->changed);
	(void)pthread_mutex_destroy(&web->lock);
	free(web->memory);
	free(web);
}

static const struct source_ops web_ops = {
	.read = web_read, .expect = web_expect, .stats = web_stats, .close = web_close
};

static struct web *web_new(const struct source_http_options *o)
{
	struct web *web = calloc(1, sizeof(*web));
	pthread_condattr_t monotonic;

	if (!web)
		return NULL;
	web->memory = malloc(STREAM_WINDOW_BYTES);
	if (!web->memory) {
		free(web);
		return NULL;
	}
	web->o = *o;
	for (size_t i = 0; i < FETCHES; i++)
		web->fetches[i].buf = web->memory + i * FETCH_BYTES;
	(void)pthread_mutex_init(&web->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&web->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	return web;
}

/* Ask for the first bytes. */
static int greet(struct source *s, struct why *w)
{
	struct web *web = s->own;
	uint8_t first;
	int r = web_read(s, &first, 1, 0, w);

	web->next = 0;
	s->size_bytes = http_facts(web->http).size_bytes;
	s->manner = web->stream.on ? "over HTTP, read once from its beginning to its end: the server ignores ranges"
				   : "over HTTP, by ranges";
	return r;
}

int source_http(const char *url, const struct source_http_options *o, struct source *ret, struct why *w)
{
	struct web *web = web_new(o);
	struct source s = { .ops = &web_ops, .size_bytes = HTTP_SIZE_UNKNOWN, .fd = -1, .own = web };
	int r;

	if (!web)
		return fail(w, -ENOMEM, "out of memory");
	r = http_open(url, &o->net, &web->http, w);
	if (r) {
		web_close(&s);
		return r;
	}
	s.name = http_name(web->http);
	r = greet(&s, w);
	if (r) {
		web_close(&s);
		return r;
	}
	*ret = s;
	return 0;
}
