/*
 * The pipeline's workers: compare with the slot, check and decode, read back.
 */
#include <inttypes.h>

#include "updater/pipeline_inside.h"

/* What a worker owns. */
struct worker {
	struct pipeline *p;
	struct decoder decoder;
	uint8_t *buf; /* size.check_bytes, aligned */
	struct span spans[BATCH_PIECES_MAX];
	struct decode_job jobs[BATCH_PIECES_MAX];
};

static void worker_free(struct worker *k)
{
	decoder_done(&k->decoder);
	free(k->buf);
	free(k);
}

static struct worker *worker_new(struct pipeline *p, struct why *w)
{
	struct worker *k = calloc(1, sizeof(*k));
	int r = 0;

	if (!k)
		return (void)fail(w, -ENOMEM, "out of memory"), NULL;
	k->p = p;
	k->buf = blk_alloc(p->size.check_bytes);
	if (!k->buf)
		r = fail(w, -ENOMEM, "out of memory");
	r = r ? r : decoder_init(&k->decoder, w);
	if (!r)
		return k;
	worker_free(k);
	return NULL;
}

/* Without the lock */

static int look_at_slot(struct worker *k, struct batch *b, struct why *w)
{
	size_t n = 0;
	int r;

	for (size_t i = 0; i < b->n; i++)
		if (b->at[i].look)
			k->spans[n++] = piece_span(&b->at[i]);
	r = medium_check(k->p->job->to, k->spans, n, k->buf, k->p->size.check_bytes, w);
	if (r)
		return r;
	n = 0;
	for (size_t i = 0; i < b->n; i++)
		if (b->at[i].look)
			b->at[i].want = !k->spans[n++].same;
	return 0;
}

static int decode(struct worker *k, struct batch *b, struct why *w)
{
	size_t n = 0;
	int r;

	for (size_t i = 0; i < b->n; i++) {
		const struct piece *piece = &b->at[i];
		uint8_t *raw = b->raw + (piece->chunk.raw_offset - b->begin);

		if (!piece->want || piece->blank)
			continue;
		/* The image's last block may be filled by it in part. */
		memset(raw + piece->chunk.raw_bytes, 0, piece_room(piece) - piece->chunk.raw_bytes);
		k->jobs[n++] = (struct decode_job){ .c = &piece->chunk,
						    .stored = bytes_of(b->stored + piece->stored_at,
								       piece->chunk.stored_bytes),
						    .raw = raw };
	}
	r = decoder_many(&k->decoder, k->jobs, n, w);
	return r ? why_in(w, r, "%s", k->p->job->bundle->src->name) : 0;
}

/* With the lock held */

static void count_look(struct pipeline *p, const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct piece *piece = &b->at[i];

		if (!piece->look)
			continue;
		look_answer(&p->look[piece->chunk.encoding == CHUNK_ZERO], !piece->want);
		if (!piece->want)
			p->stats.skipped_bytes += piece->chunk.raw_bytes;
		if (p->job->check_only)
			p->stats.checked_bytes += piece->chunk.raw_bytes;
		if (!p->job->check_only || !piece->want)
			continue;
		if (p->stats.bad_chunks++ == 0 || piece->chunk.raw_offset < p->stats.bad_at) {
			p->stats.bad_at = piece->chunk.raw_offset;
			p->stats.bad_bytes = piece->chunk.raw_bytes;
		}
	}
}

/* Spans that lie one after the other, up to a buffer of them. Returns how many. */
static size_t take_from_log(struct pipeline *p, struct span *ret)
{
	uint64_t bytes = 0;
	size_t n = 0;

	while (n < BATCH_PIECES_MAX && p->log.taken < p->log.flushed) {
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

static void look_one(struct worker *k, struct ring_batch *s)
{
	struct pipeline *p = k->p;
	struct why w = { 0 };
	int r;

	s->state = BATCH_BUSY;
	(void)pthread_mutex_unlock(&p->lock);
	r = look_at_slot(k, &s->b, &w);
	(void)pthread_mutex_lock(&p->lock);
	s->state = BATCH_CHOSEN;
	if (r)
		pipeline_give_up(p, r, &w);
	else
		count_look(p, &s->b);
	(void)pthread_cond_broadcast(&p->changed);
}

static void decode_one(struct worker *k, struct ring_batch *s)
{
	struct pipeline *p = k->p;
	struct why w = { 0 };
	int r;

	s->state = BATCH_BUSY;
	(void)pthread_mutex_unlock(&p->lock);
	r = decode(k, &s->b, &w);
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
	s = find(p, p->fetched, p->built, BATCH_LOOK);
	if (s)
		look_one(k, s);
	return s != NULL;
}

void pipeline_work(struct pipeline *p)
{
	struct why w = { 0 };
	struct worker *k = worker_new(p, &w);

	(void)pthread_mutex_lock(&p->lock);
	if (!k)
		pipeline_give_up(p, w.code, &w);
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
