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

/* The image's last block may be filled by it in part. Returns the bytes to write. */
static uint64_t fill_up(const struct batch *b, const struct piece *p)
{
	uint64_t room = piece_room(p);

	memset(piece_raw(b, p) + p->chunk.raw_bytes, 0, room - p->chunk.raw_bytes);
	return room;
}

static bool cancelled(struct pipeline *p)
{
	bool yes;

	(void)pthread_mutex_lock(&p->lock);
	yes = p->cancel;
	(void)pthread_mutex_unlock(&p->lock);
	return yes;
}

/* Pieces from i on, as many as go in one write. Returns the one behind them. */
static size_t write_some(struct writer *wr, const struct batch *b, size_t i, int *ret_r, struct why *w)
{
	const struct piece *first = &b->at[i];
	uint64_t n = 0;

	*ret_r = 0;
	if (from_memory(first)) {
		for (; i < b->n && from_memory(&b->at[i]); i++)
			n += fill_up(b, &b->at[i]);
		*ret_r = writer_put(wr, piece_raw(b, first), (size_t)n, first->chunk.raw_offset, w);
		return i;
	}
	if (first->want)
		*ret_r = writer_zero(wr, piece_room(first), first->chunk.raw_offset, w);
	return i + 1;
}

/* @ret  how many pieces are dealt with; not all when it was cancelled */
static int write_batch(struct pipeline *p, const struct batch *b, size_t *ret, struct why *w)
{
	size_t i = 0;
	int r = 0;

	while (!r && i < b->n && !cancelled(p))
		i = write_some(&p->writer, b, i, &r, w);
	*ret = i;
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

	if (p->pass != PASS_WRITE)
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

/* What of these pieces is to be read back. There is room: see must_flush(). */
static void enter_in_log(struct pipeline *p, const struct piece *at, size_t n)
{
	for (size_t i = 0; i < n && !p->job->no_read_back; i++)
		if (at[i].want)
			p->log.at[p->log.put++ % LOG_SPANS] = piece_span(&at[i]);
}

/* Half of the log is for what is being read back while the other half is filled: a batch more has to fit into that. */
static bool must_flush(const struct pipeline *p)
{
	uint64_t more = batch_pieces_max(p->size.batch_bytes);

	return p->writer.unflushed_bytes >= FLUSH_BYTES || p->log.put - p->log.flushed + more > LOG_SPANS / 2;
}
_Static_assert(LOG_SPANS / 2 > 2 * CHUNK_BYTES_MAX / CHUNK_ALIGN, "more than one batch goes between two flushes");

static int write_pieces(struct pipeline *p, struct batch *b, uint64_t *ret_end, struct why *w)
{
	size_t n = 0;
	int r;

	(void)pthread_mutex_unlock(&p->lock);
	r = write_batch(p, b, &n, w);
	(void)pthread_mutex_lock(&p->lock);
	copy_stats(p);
	enter_in_log(p, b->at, n);
	*ret_end = n < b->n ? b->at[n].chunk.raw_offset : b->end;
	if (b->stored_bytes > 0)
		byte_ring_give(&p->room, (size_t)(b->stored - p->stored), b->stored_bytes);
	return r;
}

/* @ret_end  what is before it is dealt with */
static int write_one(struct pipeline *p, struct ring_batch *s, uint64_t *ret_end, struct why *w)
{
	int r = 0;

	*ret_end = s->b.end;
	if (p->pass == PASS_WRITE)
		r = write_pieces(p, &s->b, ret_end, w);
	else if (p->pass == PASS_PLAN)
		p->stats.planned_bytes = s->b.end;
	else
		p->stats.durable_bytes = s->b.end;
	s->state = BATCH_FREE;
	p->written += *ret_end == s->b.end;
	(void)pthread_cond_broadcast(&p->changed);
	if (!r && must_flush(p))
		r = flush(p, *ret_end, w);
	return r;
}

void pipeline_write(struct pipeline *p)
{
	struct why w = { 0 };
	uint64_t end = 0;
	int r = 0;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->stop && !p->cancel && !r) {
		struct ring_batch *s = ring_at(p, p->written);

		if (p->written < p->fetched && s->state == BATCH_READY) {
			r = write_one(p, s, &end, &w);
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
