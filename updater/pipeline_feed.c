/*
 * The pipeline's feeder: chunk table to batches, and their stored bytes, in ascending order.
 */
#include "updater/pipeline_inside.h"

/* Stored bytes that lie side by side in the bundle, of pieces from `first` on. */
struct run {
	uint64_t from;
	size_t n;
	size_t first;
};

/* The pieces' bytes lie in p->together one after the other. */
static void scatter(const struct pipeline *p, const struct batch *b, const struct run *k)
{
	const uint8_t *from = p->together, *end = from + k->n;

	for (const struct piece *piece = &b->at[k->first]; from < end; piece++) {
		if (!piece_is_fetched(piece))
			continue;
		memcpy(piece_stored(b, piece), from, piece->chunk.stored_bytes);
		from += piece->chunk.stored_bytes;
	}
}

/* With one read: right to its place, if it is one piece. */
static int read_run(struct pipeline *p, const struct batch *b, const struct run *k, struct why *w)
{
	const struct bundle *bundle = p->job->bundle;
	bool single = k->n == b->at[k->first].chunk.stored_bytes;
	uint8_t *to = single ? piece_stored(b, &b->at[k->first]) : p->together;
	int r;

	p->read_bytes += k->n;
	r = source_read(bundle->src, to, k->n, bundle->header.payload_offset + k->from, w);
	if (!r && !single)
		scatter(p, b, k);
	return r;
}

int pipeline_fetch(struct pipeline *p, struct batch *b, struct why *w)
{
	struct run k = { 0 };
	int r = 0;

	for (size_t i = 0; i < b->n && !r; i++) {
		const struct chunk *c = &b->at[i].chunk;

		if (!piece_is_fetched(&b->at[i]))
			continue;
		if (k.n > 0 && (c->stored_offset != k.from + k.n || k.n + c->stored_bytes > TOGETHER_BYTES)) {
			r = read_run(p, b, &k, w);
			k.n = 0;
		}
		if (k.n == 0)
			k = (struct run){ .from = c->stored_offset, .first = i };
		k.n += c->stored_bytes;
	}
	return r || k.n == 0 ? r : read_run(p, b, &k, w);
}

static bool any_to_decode(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->at[i].fate == FATE_FETCH && piece_in_memory(&b->at[i]))
			return true;
	return false;
}

/* Whether a worker has something to do before it is known what is to be fetched. */
static bool any_to_gather(const struct pipeline *p, struct batch *b)
{
	if (p->pass != PASS_WRITE)
		return b->n > 0;
	for (size_t i = 0; i < b->n; i++)
		if (b->at[i].chunk.encoding == CHUNK_ZERO || b->at[i].fate == FATE_COPY)
			return true;
	return batch_mark_needs(b);
}

/* These take and return with the lock held, and let go of it in between. */

/* Room for the stored bytes. Returns false when it has to be waited for. */
static bool take_room(struct pipeline *p, struct batch *b)
{
	size_t at = 0;

	if (p->pass != PASS_WRITE)
		return true;
	batch_lay_out(b);
	if (b->stored_bytes > 0)
		at = byte_ring_take(&p->room, b->stored_bytes);
	if (at == BYTE_RING_FULL)
		return false;
	b->stored = p->stored + at;
	return true;
}

static int read_stored(struct pipeline *p, struct batch *b, struct why *w)
{
	int r = p->ahead.table.src ? pipeline_announce(p, w) : 0;

	return r ? r : pipeline_fetch(p, b, w);
}

static void fetch_one(struct pipeline *p, struct ring_batch *s)
{
	bool decode = p->pass == PASS_WRITE && any_to_decode(&s->b);
	struct why w = { 0 };
	int r = 0;

	if (decode) {
		(void)pthread_mutex_unlock(&p->lock);
		r = read_stored(p, &s->b, &w);
		(void)pthread_mutex_lock(&p->lock);
		p->stats.fetched_bytes = p->read_bytes;
	}
	s->state = decode ? BATCH_DECODE : BATCH_READY;
	p->fetched++;
	if (r)
		pipeline_give_up(p, r, &w);
}

static void build_one(struct pipeline *p, struct ring_batch *s)
{
	struct why w = { 0 };
	bool gather;
	int r;

	(void)pthread_mutex_unlock(&p->lock);
	r = pipeline_build(p, &s->b, &w);
	gather = any_to_gather(p, &s->b);
	(void)pthread_mutex_lock(&p->lock);
	s->state = gather ? BATCH_GATHER : BATCH_CHOSEN;
	p->built++;
	if (r)
		pipeline_give_up(p, r, &w);
}

void pipeline_feed(struct pipeline *p)
{
	uint64_t size = p->job->payload->size_bytes;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->stop && !p->cancel) {
		struct ring_batch *s = ring_at(p, p->fetched);

		if (p->fetched < p->built && s->state == BATCH_CHOSEN && take_room(p, &s->b))
			fetch_one(p, s);
		else if (p->next.raw < size && p->built - p->written < p->size.batches)
			build_one(p, ring_at(p, p->built));
		else if (p->next.raw == size && p->fetched == p->built)
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
