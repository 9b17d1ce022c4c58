/*
 * A bundle from standard input. A file of its own, because it keeps a window of what went by.
 */
#include <pthread.h>

#include "updater/source.h"
#include "updater/window.h"

#define STEP_BYTES (64u << 10)

struct stdin_state {
	pthread_mutex_t lock;
	struct window win;
	uint8_t step[STEP_BYTES];
};

static int go_on(struct source *s, struct stdin_state *st, struct why *w)
{
	ssize_t n;

	do
		n = read(STDIN_FILENO, st->step, sizeof(st->step));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail_errno(w, "%s", s->name);
	if (n == 0)
		return fail(w, -EBADMSG, "%s: truncated: it ends at %llu", s->name, (unsigned long long)st->win.end);
	window_put(&st->win, bytes_of(st->step, (size_t)n));
	return 0;
}

static int stdin_read(struct source *s, void *buf, size_t n, uint64_t off, struct why *w)
{
	struct stdin_state *st = s->own;
	size_t got;
	int r = 0;

	(void)pthread_mutex_lock(&st->lock);
	while (n > 0 && !r) {
		got = window_get(&st->win, buf, n, off);
		buf = (uint8_t *)buf + got;
		n -= got;
		off += got;
		if (got > 0)
			continue;
		if (off < st->win.begin)
			r = fail(w, -ESPIPE, "%s: byte %llu went by already, and a stream does not go back", s->name,
				 (unsigned long long)off);
		else
			r = go_on(s, st, w);
	}
	(void)pthread_mutex_unlock(&st->lock);
	return r == -ESPIPE ? why_next(w, r, "put the bundle into a file first") : r;
}

static void stdin_close(struct source *s)
{
	struct stdin_state *st = s->own;

	(void)pthread_mutex_destroy(&st->lock);
	free(st->win.p);
	free(st);
}

static struct source_stats stdin_stats(struct source *s)
{
	(void)s;
	return (struct source_stats){ .memory_bytes = STREAM_WINDOW_BYTES };
}

static const struct source_ops stdin_ops = { .read = stdin_read, .stats = stdin_stats, .close = stdin_close };

int source_stdin(struct source *ret, struct why *w)
{
	struct stdin_state *st = calloc(1, sizeof(*st));
	uint8_t *p = malloc(STREAM_WINDOW_BYTES);

	if (!st || !p) {
		free(st);
		free(p);
		return fail(w, -ENOMEM, "out of memory");
	}
	st->win = (struct window){ .p = p, .room = STREAM_WINDOW_BYTES };
	(void)pthread_mutex_init(&st->lock, NULL);
	*ret = (struct source){ .ops = &stdin_ops,
				.name = "standard input",
				.manner = "read once, from its beginning to its end",
				.size_bytes = UINT64_MAX,
				.fd = -1,
				.own = st };
	return 0;
}
