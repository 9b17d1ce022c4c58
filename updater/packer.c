#include "updater/packer.h"

#include <pthread.h>

enum job_state { JOB_FREE, JOB_WAITING, JOB_RUNNING, JOB_DONE };

struct job {
	enum job_state state;
	uint8_t *raw;
	uint8_t *room;
	uint8_t *index;
	const struct cut *cuts;
	size_t n;
	struct encoded *encoded;
	struct packed out;
};

struct packer {
	pthread_mutex_t lock; /* for states, counters and `stop` */
	pthread_cond_t work;  /* a job waits, or stop */
	pthread_cond_t done;  /* a job is done */
	struct job *jobs;     /* a ring: oldest at taken % n_jobs, next free at put % n_jobs */
	size_t n_jobs;
	uint64_t put, started, taken; /* jobs so far */
	pthread_t threads[PACKER_THREADS_MAX];
	unsigned int n_threads;
	int level;
	uint32_t group_bytes;
	bool stop;
};

static size_t raw_bytes(const struct cut *cuts, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += cuts[i].bytes;
	return bytes;
}

static void make_index(struct job *j)
{
	const uint8_t *raw = j->raw;
	uint8_t *to = j->index;

	for (size_t i = 0; i < j->n; i++) {
		if (!j->cuts[i].zero) {
			chunks_index_make(bytes_of(raw, j->cuts[i].bytes), to);
			to += chunk_index_blocks(&j->encoded[i].chunk) * CHUNK_INDEX_BYTES;
		}
		raw += j->cuts[i].bytes;
	}
}

static void run(struct encoder *e, struct job *j)
{
	j->out = (struct packed){ .at = j->encoded, .n = j->n, .index = j->index };
	j->out.error = encoder_group(e, bytes_of(j->raw, raw_bytes(j->cuts, j->n)), j->cuts, j->n, j->room, j->encoded,
				     &j->out.why);
	if (!j->out.error)
		make_index(j);
}

/* The next waiting job, or NULL when it is time to stop. Called with the lock held. */
static struct job *next_job(struct packer *p)
{
	struct job *j;

	while (!p->stop && p->started == p->put)
		(void)pthread_cond_wait(&p->work, &p->lock);
	if (p->stop)
		return NULL;
	j = &p->jobs[p->started++ % p->n_jobs];
	j->state = JOB_RUNNING;
	return j;
}

static void *worker(void *arg)
{
	struct packer *p = arg;
	struct encoder e = { 0 };
	struct why w = { 0 };
	int r = encoder_init(&e, p->level, p->group_bytes, &w);
	struct job *j;

	(void)pthread_mutex_lock(&p->lock);
	while ((j = next_job(p))) {
		(void)pthread_mutex_unlock(&p->lock);
		if (r)
			j->out = (struct packed){ .error = r, .why = w };
		else
			run(&e, j);
		(void)pthread_mutex_lock(&p->lock);
		j->state = JOB_DONE;
		(void)pthread_cond_signal(&p->done);
	}
	(void)pthread_mutex_unlock(&p->lock);
	encoder_done(&e);
	return NULL;
}

static int make_buffers(struct job *j, uint32_t group_bytes, struct why *w)
{
	size_t blocks = group_bytes / CHUNK_BLOCK_BYTES;

	j->raw = malloc(group_bytes);
	j->room = malloc(encoder_room(group_bytes));
	j->index = malloc(blocks * CHUNK_INDEX_BYTES);
	j->encoded = calloc(blocks, sizeof(*j->encoded));
	return j->raw && j->room && j->index && j->encoded ? 0 : fail(w, -ENOMEM, "out of memory");
}

static int start(struct packer *p, unsigned int threads, struct why *w)
{
	int r;

	p->jobs = calloc(p->n_jobs, sizeof(*p->jobs));
	if (!p->jobs)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; i < p->n_jobs; i++) {
		r = make_buffers(&p->jobs[i], p->group_bytes, w);
		if (r)
			return r;
	}
	for (; p->n_threads < threads; p->n_threads++) {
		r = pthread_create(&p->threads[p->n_threads], NULL, worker, p);
		if (r)
			return fail(w, -r, "no thread can be started: %s", strerror(r));
	}
	return 0;
}

int packer_new(unsigned int threads, uint32_t group_bytes, int level, struct packer **ret, struct why *w)
{
	struct encoder probe = { 0 };
	struct packer *p;
	int r = encoder_init(&probe, level, CHUNK_ALIGN, w);

	encoder_done(&probe);
	if (r)
		return r;
	threads = threads < 1 ? 1 : threads > PACKER_THREADS_MAX ? PACKER_THREADS_MAX : threads;
	p = calloc(1, sizeof(*p));
	if (!p)
		return fail(w, -ENOMEM, "out of memory");
	p->level = level;
	p->group_bytes = group_bytes;
	p->n_jobs = 2u * threads + 2;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->work, NULL);
	(void)pthread_cond_init(&p->done, NULL);
	r = start(p, threads, w);
	if (r) {
		packer_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void packer_free(struct packer *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	(void)pthread_cond_broadcast(&p->work);
	(void)pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->n_threads; i++)
		(void)pthread_join(p->threads[i], NULL);
	for (size_t i = 0; p->jobs && i < p->n_jobs; i++) {
		free(p->jobs[i].raw);
		free(p->jobs[i].room);
		free(p->jobs[i].index);
		free(p->jobs[i].encoded);
	}
	(void)pthread_cond_destroy(&p->done);
	(void)pthread_cond_destroy(&p->work);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->jobs);
	free(p);
}

/* put and taken change only in the caller's thread. */
bool packer_full(const struct packer *p)
{
	return p->put - p->taken == p->n_jobs;
}

uint8_t *packer_room(struct packer *p)
{
	return p->jobs[p->put % p->n_jobs].raw;
}

void packer_put(struct packer *p, const struct cut *cuts, size_t n)
{
	struct job *j = &p->jobs[p->put % p->n_jobs];

	(void)pthread_mutex_lock(&p->lock);
	j->cuts = cuts;
	j->n = n;
	j->state = JOB_WAITING;
	p->put++;
	(void)pthread_cond_signal(&p->work);
	(void)pthread_mutex_unlock(&p->lock);
}

bool packer_take(struct packer *p, struct packed *ret)
{
	struct job *j = &p->jobs[p->taken % p->n_jobs];

	if (p->put == p->taken)
		return false;
	(void)pthread_mutex_lock(&p->lock);
	while (j->state != JOB_DONE)
		(void)pthread_cond_wait(&p->done, &p->lock);
	(void)pthread_mutex_unlock(&p->lock);
	*ret = j->out;
	return true;
}

void packer_release(struct packer *p)
{
	p->jobs[p->taken % p->n_jobs].state = JOB_FREE;
	p->taken++;
}
