/*
 * The pipeline's writer: batches in order, flushes, and the log of what is to be read back.
 */
#include "updater/pipeline_inside.h"

#define FLUSH_BYTES (64ull << 20)

/* Whether the piece is written from memory. */
static bool from_memory(const struct piece *p)
{
	return p->want && !p->blank;
}

static int write_batch(struct writer *wr, const struct batch *b, struct why *w)
{
	int r = 0;

	for (size_t i = 0, k; i < b->n && !r; i = k) {
		uint64_t at = b->at[i].chunk.raw_offset, n = 0;

		for (k = i; k < b->n && from_memory(&b->at[k]); k++)
			n += piece_room(&b->at[k]);
		if (k > i) {
			r = writer_put(wr, b->raw + (at - b->begin), (size_t)n, at, w);
			continue;
		}
		if (b->at[i].want)
			r = writer_zero(wr, piece_room(&b->at[i]), at, w);
		k++;
	}
	return r;
}

/* The rest is called with the lock held, and lets go of it in between. */

static void copy_stats(struct pipeline *p)
{
	p->stats.written_bytes = p->writer.written_bytes;
	p->stats.zeroed_bytes = p->writer.zeroed_bytes;
}

/* Flush; then everything in the log may be read back. `end` is where the last batch ended. */
static int flush(struct pipeline *p, uint64_t end, struct why *w)
{
	int r;

	if (p->job->check_only)
		return 0;
	/* Reading back may not fall behind by more than one flush. */
	while (!p->stop && !p->cancel && p->log.taken < p->log.flushed)
		(void)pthread_cond_wait(&p->changed, &p->lock);
	(void)pthread_mutex_unlock(&p->lock);
	r = writer_flush(&p->writer, w);
	(void)pthread_mutex_lock(&p->lock);
	copy_stats(p);
	if (r)
		return r;
	p->stats.durable_bytes = end;
	p->log.flushed = p->log.put;
	(void)pthread_cond_broadcast(&p->changed);
	return 0;
}

/* What of this batch is to be read back. There is room: it is flushed before the log is half full. */
static void enter_in_log(struct pipeline *p, const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->at[i].want)
			p->log.at[p->log.put++ % LOG_SPANS] = piece_span(&b->at[i]);
}
_Static_assert(LOG_SPANS >= 4 * BATCH_PIECES_MAX, "two flushes' worth fits into the log");

static int write_one(struct pipeline *p, struct ring_batch *s, struct why *w)
{
	uint64_t end = s->b.end;
	int r = 0;

	if (!p->job->check_only) {
		(void)pthread_mutex_unlock(&p->lock);
		r = write_batch(&p->writer, &s->b, w);
		(void)pthread_mutex_lock(&p->lock);
		copy_stats(p);
		enter_in_log(p, &s->b);
	} else {
		p->stats.durable_bytes = end;
	}
	s->state = BATCH_FREE;
	p->written++;
	(void)pthread_cond_broadcast(&p->changed);
	if (!r && (p->writer.unflushed_bytes >= FLUSH_BYTES || p->log.put - p->log.flushed >= LOG_SPANS / 2))
		r = flush(p, end, w);
	return r;
}

void pipeline_write(struct pipeline *p)
{
	struct why w = { 0 };
	uint64_t end = 0;
	int r = 0;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->stop && !r) {
		struct ring_batch *s = ring_at(p, p->written);

		if (p->written < p->fetched && s->state == BATCH_READY) {
			end = s->b.end;
			r = write_one(p, s, &w);
		} else if (p->fed && p->written == p->fetched) {
			break;
		} else {
			(void)pthread_cond_wait(&p->changed, &p->lock);
		}
	}
	/* Also when nothing was written: what was found right may still be in the device's own memory only. */
	if (!p->stop && !r)
		r = flush(p, end, &w);
	if (r)
		pipeline_give_up(p, r, &w);
	p->done = true;
	(void)pthread_cond_broadcast(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
}
