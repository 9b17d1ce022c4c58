#include <inttypes.h>
#include <sched.h>
#include <time.h>

#include "updater/pipeline_inside.h"

#define STEP_MS 100

void pipeline_give_up(struct pipeline *p, int error, const struct why *w)
{
	if (!p->stop) {
		p->error = error;
		p->why = *w;
	}
	p->stop = true;
	(void)pthread_cond_broadcast(&p->changed);
}

unsigned int pipeline_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned int)CPU_COUNT(&set);
}

static void pipeline_free(struct pipeline *p)
{
	for (size_t i = 0; p->ring && i < p->size.batches; i++) {
		free(p->ring[i].b.raw);
		free(p->ring[i].b.stored);
	}
	free(p->ring);
	free(p->log.at);
	chunks_done(&p->table);
	(void)pthread_mutex_destroy(&p->lock);
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_cond_destroy(&p->ended);
	free(p);
}

static void init_locks(struct pipeline *p)
{
	pthread_condattr_t a;

	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->changed, NULL);
	(void)pthread_condattr_init(&a);
	(void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->ended, &a);
	(void)pthread_condattr_destroy(&a);
}

/* With check_only nothing is decoded or written: the batches need no memory. */
static int make_buffers(struct pipeline *p, struct why *w)
{
	p->ring = calloc(p->size.batches, sizeof(*p->ring));
	p->log.at = calloc(p->job->check_only ? 1 : LOG_SPANS, sizeof(*p->log.at));
	if (!p->ring || !p->log.at)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; i < p->size.batches && !p->job->check_only; i++) {
		p->ring[i].b.raw = blk_alloc(p->size.batch_bytes);
		p->ring[i].b.stored = malloc(p->size.batch_bytes);
		if (!p->ring[i].b.raw || !p->ring[i].b.stored)
			return fail(w, -ENOMEM, "out of memory");
	}
	return 0;
}

static int pipeline_new(const struct pipeline_job *job, struct pipeline **ret, struct why *w)
{
	uint64_t size = job->payload->size_bytes;
	struct pipeline *p;
	int r;

	if (size > job->to->size_bytes || job->to->size_bytes - size < (BLK_ALIGN - size % BLK_ALIGN) % BLK_ALIGN)
		return fail(w, -E2BIG, "%s: the image has %" PRIu64 " bytes, the slot %" PRIu64, job->to->name, size,
			    job->to->size_bytes);
	p = calloc(1, sizeof(*p));
	if (!p)
		return fail(w, -ENOMEM, "out of memory");
	p->job = job;
	p->size = pipeline_size(job->workers, job->payload->chunk_bytes);
	p->writer.to = job->to;
	p->stats.total_bytes = size;
	init_locks(p);
	r = bundle_chunks(job->bundle, job->payload, &p->table, w);
	r = r ? r : make_buffers(p, w);
	if (r) {
		pipeline_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

/* Threads */

struct stage {
	struct pipeline *p;
	void (*run)(struct pipeline *p);
	pthread_t thread;
};

static void *stage_main(void *arg)
{
	struct stage *s = arg;

	s->run(s->p);
	(void)pthread_mutex_lock(&s->p->lock);
	if (--s->p->running == 0)
		(void)pthread_cond_signal(&s->p->ended);
	(void)pthread_mutex_unlock(&s->p->lock);
	return NULL;
}

static void start(struct pipeline *p, struct stage *s, size_t n, size_t *ret_started)
{
	struct why w = { 0 };
	int r = 0;

	(void)pthread_mutex_lock(&p->lock);
	for (*ret_started = 0; *ret_started < n && !r; *ret_started += !r) {
		r = pthread_create(&s[*ret_started].thread, NULL, stage_main, &s[*ret_started]);
		p->running += !r;
	}
	if (r)
		pipeline_give_up(p, fail(&w, -r, "no thread can be started: %s", strerror(r)), &w);
	(void)pthread_mutex_unlock(&p->lock);
}

/* Wait for `running` to become 0, a while. Returns whether it did. */
static bool wait_a_while(struct pipeline *p)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += STEP_MS * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000L;
	t.tv_nsec %= 1000000000L;
	while (p->running > 0)
		if (pthread_cond_timedwait(&p->ended, &p->lock, &t))
			break;
	return p->running == 0;
}

static void watch(struct pipeline *p)
{
	const struct pipeline_job *job = p->job;
	bool ended = false;

	while (!ended) {
		struct pipeline_stats s;
		bool cancel;

		(void)pthread_mutex_lock(&p->lock);
		ended = wait_a_while(p);
		s = p->stats;
		(void)pthread_mutex_unlock(&p->lock);
		if (job->step)
			job->step(job->arg, &s);
		cancel = job->cancelled && job->cancelled(job->arg);
		(void)pthread_mutex_lock(&p->lock);
		if (cancel && !p->cancel) {
			p->cancel = true;
			(void)pthread_cond_broadcast(&p->changed);
		}
		(void)pthread_mutex_unlock(&p->lock);
	}
}

/* What went wrong in reading back: look again, with the bytes that should be there. Runs alone. */

static int find_chunk(struct pipeline *p, uint64_t raw_offset, struct chunk *ret, struct why *w)
{
	for (uint64_t i = 0; i < p->job->payload->chunks; i++) {
		int r = chunks_get(&p->table, i, ret, w);

		if (r || raw_offset - ret->raw_offset < ret->raw_bytes)
			return r;
	}
	return fail(w, -ENODATA, "no chunk has byte %" PRIu64, raw_offset);
}

static int read_both(struct pipeline *p, uint8_t *want, uint8_t *have, struct why *w)
{
	struct decoder d = { 0 };
	struct chunk c = { 0 };
	int r = decoder_init(&d, w);

	r = r ? r : find_chunk(p, p->differs.at, &c, w);
	if (c.encoding == CHUNK_ZERO) { /* a piece of it */
		c.raw_offset = p->differs.at;
		c.raw_bytes = p->differs.bytes;
	}
	r = r ? r : bundle_read_stored(p->job->bundle, &c, p->ring[1].b.stored, w);
	r = r ? r : decoder_chunk(&d, &c, bytes_of(p->ring[1].b.stored, c.stored_bytes), want, w);
	r = r ? r
	      : blk_read(p->job->to, have, ((size_t)c.raw_bytes + BLK_ALIGN - 1) / BLK_ALIGN * BLK_ALIGN, c.raw_offset,
			 w);
	decoder_done(&d);
	return r;
}

/* Say which sector of the disk it is. */
static void locate(struct pipeline *p, struct why *w)
{
	uint32_t sector = p->job->sector_bytes ? p->job->sector_bytes : 512;
	uint8_t *want = p->ring[0].b.raw, *have = p->ring[1].b.raw;
	uint64_t at = p->differs.at, n = 0;

	if (read_both(p, want, have, NULL) == 0) {
		while (n < p->differs.bytes && want[n] == have[n])
			n++;
		at += n < p->differs.bytes ? n : 0;
	}
	*w = (struct why){ 0 };
	(void)fail(w, -EIO,
		   "%s: reads back different from what was written: first at LBA %" PRIu64 " (byte %" PRIu64
		   " of the slot)%s",
		   p->job->to->name, (p->job->disk_offset + at) / sector, at,
		   n == p->differs.bytes ? ", and right when read once more" : "");
	(void)why_next(w, -EIO,
		       "the medium is failing: its health should be looked at before anything else is written");
}

static int result(struct pipeline *p, struct why *w)
{
	if (p->stop) {
		if (p->differs.bytes)
			locate(p, &p->why);
		if (w && !w->code)
			*w = p->why;
		return p->error;
	}
	if (p->rest.raw_bytes > 0 || p->next_chunk < p->job->payload->chunks || p->written < p->built ||
	    p->log.taken < p->log.put)
		return fail(w, -ECANCELED, "interrupted");
	return 0;
}

int pipeline_run(const struct pipeline_job *job, struct pipeline_stats *ret, struct why *w)
{
	struct stage stages[2 + PIPELINE_WORKERS_MAX];
	struct pipeline *p = NULL;
	size_t n, started;
	int r = pipeline_new(job, &p, w);

	*ret = (struct pipeline_stats){ 0 };
	if (r || !p)
		return r;
	n = 2 + p->size.workers;
	for (size_t i = 0; i < n; i++)
		stages[i] = (struct stage){ .p = p,
					    .run = i == 0   ? pipeline_feed
						   : i == 1 ? pipeline_write
							    : pipeline_work };
	start(p, stages, n, &started);
	watch(p);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(stages[i].thread, NULL);
	*ret = p->stats;
	r = result(p, w);
	pipeline_free(p);
	return r;
}
