#include "bootstage/intel/connpool.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/proc.h"

#define CONNINFO_MAX 1023u

struct seat {
	struct pg pg; /* pg.conn is NULL: not connected */
	bool busy;
	bool lost; /* it had one, which died */
};

struct connpool {
	struct connpool_want want;
	char conninfo[CONNINFO_MAX + 1];
	pthread_mutex_t lock;
	pthread_cond_t freed;
	unsigned int limit;  /* of connections at the same time, now */
	uint64_t lowered_ms; /* when it went below the wanted size; 0: it did not */
	uint64_t replaced;
	char lowered[200];
	struct seat seats[];
};

int connpool_new(const struct connpool_want *want, struct connpool **ret, struct why *w)
{
	unsigned int size = want->size ? want->size : 1;
	struct connpool *p = calloc(1, sizeof(*p) + size * sizeof(p->seats[0]));
	pthread_condattr_t a;

	if (!p)
		return fail(w, -ENOMEM, "out of memory");
	if (want->options.conninfo && strlen(want->options.conninfo) > CONNINFO_MAX) {
		free(p);
		return misuse(w, -E2BIG, "a connection string of more than %u bytes", CONNINFO_MAX);
	}
	p->want = *want;
	(void)snprintf(p->conninfo, sizeof(p->conninfo), "%s", want->options.conninfo ? want->options.conninfo : "");
	p->want.options.conninfo = p->conninfo;
	p->want.size = p->limit = size;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&a);
	(void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->freed, &a);
	(void)pthread_condattr_destroy(&a);
	*ret = p;
	return 0;
}

void connpool_free(struct connpool **p)
{
	if (!*p)
		return;
	for (unsigned int i = 0; i < (*p)->want.size; i++)
		pg_close(&(*p)->seats[i].pg);
	(void)pthread_cond_destroy(&(*p)->freed);
	(void)pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

/* --- with the lock held --- */

static unsigned int count(const struct connpool *p, bool busy)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->want.size; i++)
		n += p->seats[i].busy || (!busy && p->seats[i].pg.conn);
	return n;
}

/* A seat that is free, best one with a connection; NULL when all that there may be are taken. */
static struct seat *find(struct connpool *p)
{
	struct seat *empty = NULL;

	for (unsigned int i = 0; i < p->want.size; i++) {
		if (p->seats[i].busy)
			continue;
		if (p->seats[i].pg.conn)
			return &p->seats[i];
		empty = empty ? empty : &p->seats[i];
	}
	return empty && count(p, false) < p->limit ? empty : NULL;
}

static void try_again(struct connpool *p)
{
	if (!p->lowered_ms || now_ms() - p->lowered_ms < 1000ull * CONNPOOL_AGAIN_S)
		return;
	p->limit = p->want.size;
	p->lowered_ms = 0;
	p->lowered[0] = '\0';
}

static struct seat *wait_for_seat(struct connpool *p, uint64_t deadline_ms)
{
	const struct timespec until = { .tv_sec = (time_t)(deadline_ms / 1000),
					.tv_nsec = (long)(deadline_ms % 1000) * 1000000 };
	struct seat *s;

	try_again(p);
	while (!(s = find(p)))
		if (pthread_cond_timedwait(&p->freed, &p->lock, &until))
			return find(p);
	return s;
}

/* --- without --- */

/* The server ended it, or it broke, while nobody was looking: then there is something to read. So there is of a notice. */
static bool is_dead(struct pg *p)
{
	struct pollfd f = { .fd = PQsocket(p->conn), .events = POLLIN };

	return !pg_alive(p) || (poll(&f, 1, 0) > 0 && pg_run(p, "SELECT 1", NULL));
}

static void drop(struct seat *s)
{
	pg_close(&s->pg);
	s->lost = true;
}

static int open_seat(struct connpool *p, struct seat *s, struct why *w)
{
	struct pg fresh = { 0 };
	int r = pg_open(&p->want.options, &fresh, w);

	if (!r && p->want.setup) {
		r = p->want.setup(&fresh, p->want.arg, w);
		if (r)
			pg_close(&fresh);
	}
	if (r)
		return r;
	s->pg = fresh;
	(void)pthread_mutex_lock(&p->lock);
	p->replaced += s->lost;
	s->lost = false;
	(void)pthread_mutex_unlock(&p->lock);
	return 0;
}

static void leave(struct connpool *p, struct seat *s)
{
	(void)pthread_mutex_lock(&p->lock);
	s->busy = false;
	(void)pthread_cond_signal(&p->freed);
	(void)pthread_mutex_unlock(&p->lock);
}

/* The server takes no more: what there is has to do, as long as there is any. */
static bool lower(struct connpool *p, struct seat *s, const struct why *why)
{
	unsigned int others;

	(void)pthread_mutex_lock(&p->lock);
	s->busy = false;
	others = count(p, false);
	if (others > 0) {
		p->limit = others;
		p->lowered_ms = now_ms();
		(void)snprintf(p->lowered, sizeof(p->lowered), "%.190s", why->text);
	}
	(void)pthread_cond_signal(&p->freed);
	(void)pthread_mutex_unlock(&p->lock);
	return others > 0;
}

static struct seat *take(struct connpool *p, uint64_t deadline_ms)
{
	struct seat *s;

	(void)pthread_mutex_lock(&p->lock);
	s = wait_for_seat(p, deadline_ms);
	if (s)
		s->busy = true;
	(void)pthread_mutex_unlock(&p->lock);
	return s;
}

int connpool_get(struct connpool *p, unsigned int wait_ms, struct pg **ret, struct why *w)
{
	uint64_t deadline_ms = now_ms() + wait_ms;

	for (;;) {
		struct why cause = { 0 };
		struct seat *s = take(p, deadline_ms);
		int r = 0;

		if (!s)
			return fail(w, -EBUSY, "all connections to the database were busy for %u ms", wait_ms);
		if (s->pg.conn && is_dead(&s->pg))
			drop(s);
		if (!s->pg.conn)
			r = open_seat(p, s, &cause);
		if (r == -EAGAIN && lower(p, s, &cause))
			continue;
		if (r) {
			leave(p, s);
			return fail(w, r, "%s", cause.text);
		}
		*ret = &s->pg;
		return 0;
	}
}

void connpool_put(struct connpool *p, struct pg *conn)
{
	struct seat *s = (struct seat *)(void *)conn; /* its first field */

	bool idle = pg_alive(conn) && PQtransactionStatus(conn->conn) == PQTRANS_IDLE;

	if (!idle && (!pg_alive(conn) || pg_run(conn, "ROLLBACK", NULL)))
		drop(s);
	leave(p, s);
}

struct connpool_state connpool_look(struct connpool *p)
{
	struct connpool_state s = { 0 };

	(void)pthread_mutex_lock(&p->lock);
	s.size = p->limit;
	s.open = count(p, false);
	s.busy = count(p, true);
	s.replaced = p->replaced;
	(void)snprintf(s.lowered, sizeof(s.lowered), "%s", p->lowered);
	(void)pthread_mutex_unlock(&p->lock);
	return s;
}
