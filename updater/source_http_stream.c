/*
 * One sequential read of a server that ignores ranges.
 */
#include "updater/source_http_inside.h"

#define KEPT_BEHIND (1u << 20) /* at least, of what was read */

enum http_took web_stream_bytes(struct web *web, struct bytes data)
{
	struct web_stream *s = &web->stream;
	enum http_took took = HTTP_TOOK;

	(void)pthread_mutex_lock(&web->lock);
	if (s->win.end + data.n > s->wanted + s->win.room - KEPT_BEHIND)
		took = HTTP_LATER;
	else
		window_put(&s->win, data);
	(void)pthread_cond_broadcast(&web->changed);
	(void)pthread_mutex_unlock(&web->lock);
	return took;
}

void web_stream_done(struct web *web, int r, const struct why *w)
{
	struct web_stream *s = &web->stream;

	(void)pthread_mutex_lock(&web->lock);
	s->ended = r == 0;
	s->r = r;
	if (w)
		s->why = *w;
	(void)pthread_cond_broadcast(&web->changed);
	(void)pthread_mutex_unlock(&web->lock);
}

static enum http_took on_bytes(void *arg, uint64_t at, struct bytes data)
{
	(void)at; /* in order, each byte once */
	return web_stream_bytes(arg, data);
}

static void on_done(void *arg, int r, const struct why *w)
{
	web_stream_done(arg, r, w);
}

static void reset(struct web *web)
{
	struct web_stream *s = &web->stream;

	s->win = (struct window){ .p = web->memory, .room = STREAM_WINDOW_BYTES };
	s->ended = s->moving = false;
	s->wanted = 0;
	s->r = 0;
}

void web_stream_take_over(struct web *web)
{
	(void)pthread_mutex_lock(&web->lock);
	web->stream.on = true;
	web->list.n = 0;
	web->list.bytes = 0;
	reset(web);
	(void)pthread_mutex_unlock(&web->lock);
}

static void start(struct web *web)
{
	struct web_stream *s = &web->stream;

	reset(web);
	s->q.n = 0;
	s->q.sink = on_bytes;
	s->q.done = on_done;
	s->q.arg = web;
	http_submit(web->http, &s->q);
}

/* What the session may still write to is taken away from it, without the lock; others wait as long. */
static void take_back(struct web *web)
{
	web->stream.moving = true;
	(void)pthread_mutex_unlock(&web->lock);
	http_forget(web->http, &web->stream.q);
	for (size_t i = 0; i < FETCHES; i++)
		http_forget(web->http, &web->fetches[i].q);
	(void)pthread_mutex_lock(&web->lock);
}

void web_stream_begin(struct web *web)
{
	web->stream.on = true;
	web->list.n = 0;
	web->list.bytes = 0;
	take_back(web);
	start(web);
}

static int start_again(struct web *web, uint64_t off, struct why *w)
{
	struct web_stream *s = &web->stream;

	if (s->restarts == SOURCE_HTTP_RESTARTS) {
		(void)fail(w, -ESPIPE, "%s: byte %llu went by already, and the server ignores ranges",
			   http_name(web->http), (unsigned long long)off);
		return why_next(w, -ESPIPE, "fetch the bundle into a file first, or have the server answer ranges");
	}
	s->restarts++;
	web->twice_bytes += s->win.end;
	take_back(web);
	start(web);
	return 0;
}

/* Bytes from `off` on are not there: wait for them, or begin again. */
static int go_on(struct web *web, uint64_t off, struct why *w)
{
	struct web_stream *s = &web->stream;

	if (s->moving)
		return web_wait(web, w);
	if (off < s->win.begin)
		return start_again(web, off, w);
	if (s->ended)
		return fail(w, -EBADMSG, "%s: truncated: it ends at %llu", http_name(web->http),
			    (unsigned long long)s->win.end);
	if (s->r) {
		if (w && !w->code)
			*w = s->why;
		return s->r;
	}
	return web_wait(web, w);
}

int web_stream_read(struct web *web, uint8_t *buf, size_t n, uint64_t off, struct why *w)
{
	struct web_stream *s = &web->stream;
	int r = 0;

	while (n > 0 && !r) {
		size_t got = s->moving ? 0 : window_get(&s->win, buf, n, off);

		buf += got;
		n -= got;
		off += got;
		if (off > s->wanted) {
			s->wanted = off;
			http_continue(web->http);
		}
		if (got == 0)
			r = go_on(web, off, w);
	}
	return r;
}
