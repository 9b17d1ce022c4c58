#include "bootstage/intel/enrich.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

void enrich_free(struct enrich *e)
{
	answers_free(&e->start);
	answers_free(&e->related);
}

#define TRIES    5u /* as long as connections die */
#define PAUSE_NS 200000000

struct work {
	struct connpool *const *pools;
	unsigned int n_pools;
	const struct relquery *query;
	struct enrich *items;
	size_t n;
	atomic_size_t next;
	atomic_bool stop;
};

struct worker {
	struct work *work;
	struct related_server at[SHARDS_MAX]; /* at.pg is NULL: no connection */
	struct why why;
	int r;
};

/* NULL: there is none. */
static struct pg *first(const struct worker *k)
{
	for (unsigned int i = 0; i < k->work->n_pools; i++)
		if (k->at[i].pg)
			return k->at[i].pg;
	return NULL;
}

/* Who had the connection before may have left statements of the same names. */
static int join_one(struct worker *k, unsigned int i, struct why *w)
{
	struct connpool *pool = k->work->pools[i];
	struct pg *p = NULL;
	int r = pool ? connpool_get(pool, ENRICH_WAIT_MS, &p, w) : fail(w, -ENOTCONN, "server %u is silent", i);

	if (r)
		return r;
	r = pg_run(p, "DEALLOCATE ALL", w);
	if (r)
		connpool_put(pool, p);
	else
		k->at[i] = (struct related_server){ .pg = p };
	return r;
}

static int join(struct worker *k, struct why *w)
{
	struct why cause = { 0 };
	int r = 0;

	for (unsigned int i = 0; i < k->work->n_pools; i++) {
		int one = join_one(k, i, &cause);

		r = r ? r : one;
	}
	if (first(k))
		return 0;
	if (w && !w->code)
		*w = cause;
	return r;
}

/* Those that died; all: at the end. */
static void leave(struct worker *k, bool all)
{
	for (unsigned int i = 0; i < k->work->n_pools; i++) {
		if (!k->at[i].pg || (!all && pg_alive(k->at[i].pg)))
			continue;
		connpool_put(k->work->pools[i], k->at[i].pg);
		k->at[i].pg = NULL;
	}
}

static int answer(struct worker *k, struct enrich *e)
{
	struct answers near = { 0 };
	int r = lookup_node(first(k), e->text, &e->start, &near, &e->why);

	answers_free(&near);
	return r ? r : related_any(k->at, k->work->n_pools, k->work->query, e->start.at[0].id, &e->related, &e->why);
}

/* What is the question's own fault, or that it is too large, is no reason to stop. */
static bool is_own(int r)
{
	return r == -ENODATA || r == -ENOTUNIQ || r == -EINVAL || r == -ETIMEDOUT || r == -EBADMSG;
}

/* With the connections that there are, or new ones. */
static int try(struct worker *k, struct enrich *e)
{
	int r = first(k) ? 0 : join(k, &e->why);

	r = r ? r : answer(k, e);
	leave(k, false);
	return r;
}

static int ask(struct worker *k, struct enrich *e)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int r = try(k, e);

	for (unsigned int i = 1; i < TRIES && r && !is_own(r) && !first(k); i++) {
		(void)nanosleep(&pause, NULL);
		enrich_free(e);
		e->why = (struct why){ 0 };
		r = try(k, e);
	}
	return !r || is_own(r) ? 0 : fail(&k->why, r, "%.200s: %s", e->text, e->why.text);
}

static void *run(void *arg)
{
	struct worker *k = arg;
	struct work *work = k->work;

	while (!k->r && !atomic_load(&work->stop)) {
		size_t i = atomic_fetch_add(&work->next, 1);

		if (i >= work->n)
			break;
		k->r = ask(k, &work->items[i]);
	}
	leave(k, true);
	if (k->r)
		atomic_store(&work->stop, true);
	return NULL;
}

int enrich_run(struct connpool *const *pools, unsigned int n_pools, unsigned int threads, const struct relquery *q,
	       struct enrich *items, size_t n, struct why *w)
{
	struct work work = { .pools = pools, .n_pools = n_pools, .query = q, .items = items, .n = n };
	AUTO_FREE struct worker *workers = calloc(ENRICH_THREADS_MAX, sizeof(*workers));
	pthread_t ids[ENRICH_THREADS_MAX];
	unsigned int started = 0, wanted = threads < ENRICH_THREADS_MAX ? threads : ENRICH_THREADS_MAX;
	int r = 0;

	if (!workers)
		return fail(w, -ENOMEM, "out of memory");
	wanted = n < wanted ? (unsigned int)n : wanted;
	for (; started < wanted; started++) {
		workers[started].work = &work;
		if (pthread_create(&ids[started], NULL, run, &workers[started]))
			break;
	}
	if (started == 0 && n > 0)
		return fail(w, -EAGAIN, "no thread could be started");
	for (unsigned int i = 0; i < started; i++) {
		(void)pthread_join(ids[i], NULL);
		if (workers[i].r && !r)
			r = fail(w, workers[i].r, "%s", workers[i].why.text);
	}
	return r;
}
