/*
 * The pipeline's feeder: chunk table to batches, and their stored bytes, in ascending order.
 */
#include "updater/pipeline_inside.h"

/* The next chunk of the table in `rest`, unless there is one. */
static int load_next(struct pipeline *p, struct why *w)
{
	int r;

	if (p->rest.raw_bytes > 0)
		return 0;
	r = chunks_get(&p->table, p->next_chunk, &p->rest, w);
	if (!r && p->rest.prefix_bytes > 0)
		r = fail(w, -EOPNOTSUPP, "chunk at raw offset %llu: groups of chunks are not known here",
			 (unsigned long long)p->rest.raw_offset);
	p->next_chunk += !r;
	return r;
}

/* As much of `rest` as a piece holds: all of it, but for a long run of zeros. */
static struct chunk next_piece(const struct pipeline *p)
{
	struct chunk c = p->rest;
	uint32_t max = p->job->payload->chunk_bytes;

	if (c.raw_bytes > max)
		c.raw_bytes = max;
	return c;
}

static bool more_chunks(const struct pipeline *p)
{
	return p->rest.raw_bytes > 0 || p->next_chunk < p->job->payload->chunks;
}

/* The next chunks of the table, as many as fit. */
static int build(struct pipeline *p, struct batch *b, struct why *w)
{
	int r = 0;

	b->n = 0;
	while (more_chunks(p)) {
		struct chunk c;

		r = load_next(p, w);
		c = next_piece(p);
		if (r || !batch_fits(b, &c, p->size.batch_bytes))
			break;
		batch_add(b, &c);
		p->rest.raw_offset += c.raw_bytes;
		p->rest.raw_bytes -= c.raw_bytes;
	}
	batch_close(b);
	return r;
}

/* Decide which pieces are compared with the slot first. With the lock held. Returns whether there are any. */
static bool choose_looks(struct pipeline *p, struct batch *b)
{
	bool any = false;

	for (size_t i = 0; i < b->n; i++) {
		struct piece *piece = &b->at[i];

		piece->look = p->job->check_only || look_ask(&p->look[piece->chunk.encoding == CHUNK_ZERO]);
		any = any || piece->look;
	}
	return any;
}

/* Read the stored bytes of the wanted pieces; what is side by side in the bundle with one read. */
static int fetch(struct pipeline *p, struct batch *b, struct why *w)
{
	const struct bundle *bundle = p->job->bundle;
	size_t to = 0, n = 0;
	uint64_t from = 0;
	int r = 0;

	batch_lay_out(b);
	for (size_t i = 0; i < b->n && !r; i++) {
		const struct piece *piece = &b->at[i];

		if (!piece->want || piece->chunk.stored_bytes == 0)
			continue;
		if (piece->chunk.stored_offset != from + n) {
			r = source_read(bundle->src, b->stored + to, n, bundle->header.payload_offset + from, w);
			to = piece->stored_at;
			from = piece->chunk.stored_offset;
			n = 0;
		}
		n += piece->chunk.stored_bytes;
	}
	return r ? r : source_read(bundle->src, b->stored + to, n, bundle->header.payload_offset + from, w);
}

static bool any_wanted(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->at[i].want)
			return true;
	return false;
}

/* These take and return with the lock held, and let go of it in between. */

static void fetch_one(struct pipeline *p, struct ring_batch *s)
{
	bool wanted = !p->job->check_only && any_wanted(&s->b);
	struct why w = { 0 };
	int r = 0;

	if (wanted) {
		(void)pthread_mutex_unlock(&p->lock);
		r = fetch(p, &s->b, &w);
		(void)pthread_mutex_lock(&p->lock);
		p->stats.fetched_bytes += s->b.stored_bytes;
	}
	s->state = wanted ? BATCH_DECODE : BATCH_READY;
	p->fetched++;
	if (r)
		pipeline_give_up(p, r, &w);
}

static void build_one(struct pipeline *p, struct ring_batch *s)
{
	struct why w = { 0 };
	int r;

	(void)pthread_mutex_unlock(&p->lock);
	r = build(p, &s->b, &w);
	(void)pthread_mutex_lock(&p->lock);
	s->state = choose_looks(p, &s->b) ? BATCH_LOOK : BATCH_CHOSEN;
	p->built++;
	if (r)
		pipeline_give_up(p, r, &w);
}

void pipeline_feed(struct pipeline *p)
{
	(void)pthread_mutex_lock(&p->lock);
	while (!p->stop && !p->cancel) {
		bool more = more_chunks(p);
		struct ring_batch *s = ring_at(p, p->fetched);

		if (p->fetched < p->built && s->state == BATCH_CHOSEN)
			fetch_one(p, s);
		else if (more && p->built - p->written < p->size.batches)
			build_one(p, ring_at(p, p->built));
		else if (!more && p->fetched == p->built)
			break;
		else {
			(void)pthread_cond_wait(&p->changed, &p->lock);
			continue;
		}
		(void)pthread_cond_broadcast(&p->changed);
	}
	p->fed = true;
	(void)pthread_cond_broadcast(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
}
