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
		free(p->ring[i].b.at);
		free(p->ring[i].b.blocks);
	}
	free(p->ring);
	free(p->stored);
	free(p->together);
	free(p->index);
	free(p->log.at);
	fetchplan_done(&p->plan);
	chunks_done(&p->next.table);
	chunks_done(&p->ahead.table);
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

static int out_of_memory(struct why *w)
{
	return fail(w, -ENOMEM, "out of memory");
}

/* What every pass needs: lists, no buffers. What is not touched takes no memory. */
static int make_ring(struct pipeline *p, struct why *w)
{
	size_t pieces = batch_pieces_max(p->size.batch_bytes);

	p->ring = calloc(p->size.batches, sizeof(*p->ring));
	p->index = malloc(pieces * CHUNK_INDEX_BYTES);
	if (!p->ring || !p->index)
		return out_of_memory(w);
	for (size_t i = 0; i < p->size.batches; i++) {
		p->ring[i].b.at = calloc(pieces, sizeof(*p->ring[i].b.at));
		p->ring[i].b.blocks = calloc(pieces, sizeof(*p->ring[i].b.blocks));
		if (!p->ring[i].b.at || !p->ring[i].b.blocks)
			return out_of_memory(w);
	}
	return 0;
}

static int make_buffers(struct pipeline *p, struct why *w)
{
	p->log.at = calloc(LOG_SPANS, sizeof(*p->log.at));
	p->together = malloc(TOGETHER_BYTES);
	p->stored = p->size.stored_bytes ? malloc(p->size.stored_bytes) : NULL;
	p->room = (struct byte_ring){ .size = p->size.stored_bytes };
	p->stats.memory_bytes = p->size.memory_bytes;
	if (p->job->origin)
		p->stats.memory_bytes += p->size.workers * decoder_base_bytes(p->job->payload->chunk_bytes);
	if (!p->log.at || !p->together || (p->size.stored_bytes && !p->stored))
		return out_of_memory(w);
	for (size_t i = 0; i < p->size.batches; i++) {
		p->ring[i].b.raw = blk_alloc(p->size.batch_bytes);
		if (!p->ring[i].b.raw)
			return out_of_memory(w);
	}
	return 0;
}

static int open_table(const struct pipeline_job *job, struct chunks *ret, struct why *w)
{
	return bundle_chunks(job->bundle, job->payload, ret, w);
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
		return out_of_memory(w);
	p->job = job;
	p->size = pipeline_size(job->workers, pipeline_processors(), job->payload->group_bytes,
				job->payload->tag_bytes > 0);
	p->writer.to = job->to;
	p->stats.total_bytes = size;
	init_locks(p);
	r = open_table(job, &p->next.table, w);
	r = r ? r : make_ring(p, w);
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

static int result(struct pipeline *p, struct why *w)
{
	if (p->stop) {
		if (p->differs.bytes)
			pipeline_locate(p, &p->why);
		if (w && !w->code)
			*w = p->why;
		return p->error;
	}
	if (p->next.raw < p->job->payload->size_bytes || p->written < p->built || p->log.taken < p->log.put)
		return fail(w, -ECANCELED, "interrupted");
	return 0;
}

static void begin(struct pipeline *p, enum pass pass)
{
	p->pass = pass;
	p->next.chunk = p->next.raw = 0;
	p->built = p->fetched = p->written = 0;
	p->fed = p->done = false;
	p->stats.planning = pass == PASS_PLAN;
	for (size_t i = 0; i < p->size.batches; i++)
		p->ring[i].state = BATCH_FREE;
}

static int run_pass(struct pipeline *p, enum pass pass, struct why *w)
{
	struct stage stages[2 + PIPELINE_WORKERS_MAX];
	size_t n = 2 + p->size.workers, started;

	begin(p, pass);
	for (size_t i = 0; i < n; i++)
		stages[i] = (struct stage){ .p = p,
					    .run = i == 0   ? pipeline_feed
						   : i == 1 ? pipeline_write
							    : pipeline_work };
	start(p, stages, n, &started);
	watch(p);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(stages[i].thread, NULL);
	return result(p, w);
}

static int plan_and_write(struct pipeline *p, struct why *w)
{
	int r = fetchplan_init(&p->plan, p->job->payload->chunks, w);

	r = r ? r : run_pass(p, PASS_PLAN, w);
	r = r ? r : make_buffers(p, w);
	if (!r && source_pays(p->job->bundle->src))
		r = open_table(p->job, &p->ahead.table, w);
	return r ? r : run_pass(p, PASS_WRITE, w);
}

int pipeline_run(const struct pipeline_job *job, struct pipeline_stats *ret, struct why *w)
{
	struct pipeline *p = NULL;
	int r = pipeline_new(job, &p, w);

	*ret = (struct pipeline_stats){ 0 };
	if (r || !p)
		return r;
	r = job->check_only ? run_pass(p, PASS_CHECK, w) : plan_and_write(p, w);
	*ret = p->stats;
	pipeline_free(p);
	return r;
}
