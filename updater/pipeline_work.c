/*
 * The pipeline's workers: what there is to do, decoding, reading back.
 */
#include <inttypes.h>

#include "updater/pipeline_worker.h"

void worker_free(struct worker *k)
{
	decoder_done(&k->decoder);
	base_reader_done(&k->base);
	base_reader_done(&k->origin);
	free(k->runs);
	free(k->jobs);
	free(k->buf);
	free(k);
}

/* What chunks of a delta are made from. */
static int open_origin(struct worker *k, struct why *w)
{
	const struct pipeline_job *job = k->p->job;
	const struct payload *p = job->payload;
	int r;

	if (!job->origin || p->base_bytes == 0 || k->p->pass != PASS_WRITE)
		return 0;
	r = base_reader_blk(job->origin, p->base_bytes, &k->origin, w);
	return r ? r : decoder_base(&k->decoder, &k->origin, p->chunk_bytes, w);
}

static int worker_open(struct worker *k, struct why *w)
{
	const struct pipeline_job *job = k->p->job;
	size_t pieces = batch_pieces_max(k->p->size.batch_bytes);
	int r = 0;

	k->buf = blk_alloc(k->p->size.check_bytes);
	k->jobs = calloc(pieces, sizeof(*k->jobs));
	k->runs = job->base ? calloc(pieces, sizeof(*k->runs)) : NULL;
	if (!k->buf || !k->jobs || (job->base && !k->runs))
		return fail(w, -ENOMEM, "out of memory");
	if (job->base && k->p->pass == PASS_WRITE)
		r = base_reader_blk(job->base, job->base->size_bytes / BLK_ALIGN * BLK_ALIGN, &k->base, w);
	r = r ? r : decoder_init(&k->decoder, w);
	k->decoder.key = job->bundle->key;
	return r ? r : open_origin(k, w);
}

int worker_new(struct pipeline *p, struct worker **ret, struct why *w)
{
	struct worker *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return fail(w, -ENOMEM, "out of memory");
	k->p = p;
	r = worker_open(k, w);
	if (r)
		worker_free(k);
	else
		*ret = k;
	return r;
}

int worker_decode(struct worker *k, struct batch *b, struct why *w)
{
	size_t n = 0;
	int r;

	for (size_t i = 0; i < b->n; i++) {
		const struct piece *piece = &b->at[i];
		uint8_t *raw = piece_raw(b, piece);

		if (piece->fate != FATE_FETCH || !piece_in_memory(piece))
			continue;
		if (piece->chunk.encoding == CHUNK_ZERO) {
			memset(raw, 0, piece->chunk.raw_bytes);
			continue;
		}
		k->jobs[n++] =
			(struct decode_job){ .c = &piece->chunk,
					     .stored = bytes_of(piece_stored(b, piece), piece->chunk.stored_bytes),
					     .raw = raw };
	}
	r = decoder_many(&k->decoder, k->jobs, n, w);
	return r ? why_in(w, r, "%s", k->p->job->bundle->src->name) : 0;
}

/* With the lock held */

/* Spans up to a buffer of them. Returns how many. */
static size_t take_from_log(struct pipeline *p, struct span *ret)
{
	uint64_t bytes = 0;
	size_t n = 0;

	while (n < CHECK_SPANS && p->log.taken < p->log.flushed) {
		const struct span *s = &p->log.at[p->log.taken % LOG_SPANS];

		if (n > 0 && bytes + s->bytes > p->size.check_bytes)
			break;
		bytes += s->bytes;
		ret[n++] = *s;
		p->log.taken++;
	}
	return n;
}

static void read_back_one(struct worker *k)
{
	struct pipeline *p = k->p;
	size_t n = take_from_log(p, k->spans);
	struct why w = { 0 };
	int r;

	(void)pthread_cond_broadcast(&p->changed); /* there is room in the log */
	(void)pthread_mutex_unlock(&p->lock);
	r = medium_check(p->job->to, k->spans, n, k->buf, p->size.check_bytes, &w);
	(void)pthread_mutex_lock(&p->lock);
	for (size_t i = 0; !r && i < n; i++) {
		if (!k->spans[i].same) {
			if (!p->stop)
				p->differs = k->spans[i];
			r = fail(&w, -EIO, "%s: byte %" PRIu64 ": reads back different from what was written",
				 p->job->to->name, k->spans[i].at);
		} else {
			p->stats.checked_bytes += k->spans[i].bytes;
		}
	}
	if (r)
		pipeline_give_up(p, r, &w);
}

static void gather_one(struct worker *k, struct ring_batch *s)
{
	struct pipeline *p = k->p;
	struct why w = { 0 };
	int r;

	s->state = BATCH_BUSY;
	(void)pthread_mutex_unlock(&p->lock);
	r = worker_look(k, &s->b, &w);
	if (!r && p->pass == PASS_WRITE)
		r = worker_gather(k, &s->b, &w);
	(void)pthread_mutex_lock(&p->lock);
	s->state = BATCH_CHOSEN;
	if (r)
		pipeline_give_up(p, r, &w);
	(void)pthread_cond_broadcast(&p->changed);
}

static void decode_one(struct worker *k, struct ring_batch *s)
{
	struct pipeline *p = k->p;
	struct why w = { 0 };
	int r;

	s->state = BATCH_BUSY;
	(void)pthread_mutex_unlock(&p->lock);
	r = worker_decode(k, &s->b, &w);
	(void)pthread_mutex_lock(&p->lock);
	s->state = BATCH_READY;
	if (r)
		pipeline_give_up(p, r, &w);
	(void)pthread_cond_broadcast(&p->changed);
}

/* The oldest batch in this state, or NULL. */
static struct ring_batch *find(struct pipeline *p, uint64_t from, uint64_t to, enum batch_state state)
{
	for (uint64_t i = from; i < to; i++)
		if (ring_at(p, i)->state == state)
			return ring_at(p, i);
	return NULL;
}

/* What the writer waits for comes first; then what keeps memory busy. Returns false when there is nothing now. */
static bool work_one(struct worker *k)
{
	struct pipeline *p = k->p;
	struct ring_batch *s = find(p, p->written, p->fetched, BATCH_DECODE);

	if (s) {
		decode_one(k, s);
		return true;
	}
	if (p->cancel)
		return false;
	if (p->log.taken < p->log.flushed) {
		read_back_one(k);
		return true;
	}
	s = find(p, p->fetched, p->built, BATCH_GATHER);
	if (s)
		gather_one(k, s);
	return s != NULL;
}

void pipeline_work(struct pipeline *p)
{
	struct worker *k = NULL;
	struct why w = { 0 };
	int r = worker_new(p, &k, &w);

	(void)pthread_mutex_lock(&p->lock);
	if (r)
		pipeline_give_up(p, r, &w);
	while (!p->stop) {
		if (work_one(k))
			continue;
		if (p->done)
			break;
		(void)pthread_cond_wait(&p->changed, &p->lock);
	}
	(void)pthread_mutex_unlock(&p->lock);
	if (k)
		worker_free(k);
}
