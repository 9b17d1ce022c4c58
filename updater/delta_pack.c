#include "updater/delta_pack.h"

#include <pthread.h>

struct slot {
	size_t cut;
	uint64_t at; /* in the image */
	uint8_t *room;
	bool done;
	struct delta_packed out;
};

struct delta_pack {
	struct delta_job job;
	pthread_mutex_t lock;   /* for everything below */
	pthread_cond_t changed; /* any of it */
	struct slot *slots;     /* a ring: number i is at i % n_slots */
	size_t n_slots;
	uint64_t started, taken; /* chunks so far */
	size_t next;             /* cut that is looked at next, and where it is */
	uint64_t next_at;
	pthread_t threads[DELTA_THREADS_MAX];
	unsigned int n_threads;
	bool stop;
};

/* From cut *i, which begins at *at, on to one that is not of zeros. False at the end. */
static bool find(const struct delta_job *job, size_t *i, uint64_t *at)
{
	for (; *i < job->cuts->n && job->cuts->at[*i].zero; (*i)++)
		*at += job->cuts->at[*i].bytes;
	return *i < job->cuts->n;
}

static void encode(const struct delta_job *job, struct delta_encoder *e, struct slot *s)
{
	struct bytes raw = bytes_of(job->image.p + s->at, job->cuts->at[s->cut].bytes);

	s->out = (struct delta_packed){ .x.chunk = { .raw_offset = s->at, .raw_bytes = (uint32_t)raw.n } };
	s->out.error = delta_encode(e, raw, &s->out.x.chunk, s->room, &s->out.x.stored, &s->out.why);
}

/* The next chunk, once there is a slot for it; NULL when there are no more, or it is time to stop. With the lock held. */
static struct slot *next_slot(struct delta_pack *p)
{
	struct slot *s;

	while (!p->stop && p->started - p->taken == p->n_slots)
		(void)pthread_cond_wait(&p->changed, &p->lock);
	if (p->stop || !find(&p->job, &p->next, &p->next_at))
		return NULL;
	s = &p->slots[p->started++ % p->n_slots];
	s->cut = p->next++;
	s->at = p->next_at;
	s->done = false;
	p->next_at += p->job.cuts->at[s->cut].bytes;
	return s;
}

static void *worker(void *arg)
{
	struct delta_pack *p = arg;
	struct delta_encoder *e = NULL;
	struct why w = { 0 };
	int r = delta_encoder_new(p->job.index, p->job.chunk_bytes, p->job.level, &e, &w);
	struct slot *s;

	(void)pthread_mutex_lock(&p->lock);
	while ((s = next_slot(p))) {
		(void)pthread_mutex_unlock(&p->lock);
		if (r)
			s->out = (struct delta_packed){ .error = r, .why = w };
		else
			encode(&p->job, e, s);
		(void)pthread_mutex_lock(&p->lock);
		s->done = true;
		(void)pthread_cond_broadcast(&p->changed);
	}
	(void)pthread_mutex_unlock(&p->lock);
	delta_encoder_free(e);
	return NULL;
}

static int start(struct delta_pack *p, struct why *w)
{
	struct delta_encoder *probe = NULL;
	int r = delta_encoder_new(p->job.index, p->job.chunk_bytes, p->job.level, &probe, w);
	size_t room = r ? 0 : delta_encoder_room(probe);

	delta_encoder_free(probe);
	p->slots = calloc(p->n_slots, sizeof(*p->slots));
	if (!r && !p->slots)
		r = fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; !r && i < p->n_slots; i++) {
		p->slots[i].room = malloc(room);
		if (!p->slots[i].room)
			r = fail(w, -ENOMEM, "out of memory");
	}
	for (; !r && p->n_threads < p->job.threads; p->n_threads++) {
		int error = pthread_create(&p->threads[p->n_threads], NULL, worker, p);

		if (error)
			return fail(w, -error, "no thread can be started: %s", strerror(error));
	}
	return r;
}

int delta_pack_new(const struct delta_job *job, struct delta_pack **ret, struct why *w)
{
	struct delta_pack *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return fail(w, -ENOMEM, "out of memory");
	p->job = *job;
	p->job.threads = job->threads < 1 ? 1 : job->threads > DELTA_THREADS_MAX ? DELTA_THREADS_MAX : job->threads;
	p->n_slots = (size_t)4 * p->job.threads;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->changed, NULL);
	r = start(p, w);
	if (r) {
		delta_pack_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void delta_pack_free(struct delta_pack *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	(void)pthread_cond_broadcast(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->n_threads; i++)
		(void)pthread_join(p->threads[i], NULL);
	for (size_t i = 0; p->slots && i < p->n_slots; i++)
		free(p->slots[i].room);
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->slots);
	free(p);
}

void delta_pack_take(struct delta_pack *p, struct delta_packed *ret)
{
	struct slot *s = &p->slots[p->taken % p->n_slots];

	(void)pthread_mutex_lock(&p->lock);
	while (p->started == p->taken || !s->done)
		(void)pthread_cond_wait(&p->changed, &p->lock);
	(void)pthread_mutex_unlock(&p->lock);
	*ret = s->out;
}

void delta_pack_release(struct delta_pack *p)
{
	(void)pthread_mutex_lock(&p->lock);
	p->taken++;
	(void)pthread_cond_broadcast(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
}
