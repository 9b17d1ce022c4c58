/*
 * The pipeline's feeder, its reading of the chunk table: batches by the plan, and what the source is told of beforehand.
 */
#include "updater/basemap.h"
#include "updater/pipeline_inside.h"

#define AHEAD_BYTES  (8u << 20) /* stored bytes that the source knows of before they are read */
#define AHEAD_RANGES 32u
#define ZERO_BYTES   (64u << 10) /* zeros are cut so, so that few of them are written because one is not there */

/* The chunk at the cursor; of zeros a part, which ends at `limit` at the latest: no other chunk goes on behind that. */
static int take(struct cursor *k, uint64_t limit, struct chunk *ret, struct why *w)
{
	int r = chunks_get(&k->table, k->chunk, ret, w);
	uint64_t end = ret->raw_offset + ret->raw_bytes;

	if (r)
		return r;
	if (ret->encoding == CHUNK_ZERO && limit > k->raw + ZERO_BYTES)
		limit = k->raw + ZERO_BYTES;
	limit = end < limit ? end : limit;
	ret->raw_offset = k->raw;
	ret->raw_bytes = (uint32_t)(limit - k->raw);
	k->raw = limit;
	k->chunk += limit == end;
	return 0;
}

/* Whether the base seems to have all of the chunk. Where: in b->blocks. */
static int find_in_base(struct pipeline *p, struct batch *b, const struct chunk *c, bool *ret, struct why *w)
{
	size_t n = (size_t)chunk_index_blocks(c);
	int r;

	*ret = false;
	if (!p->job->map || p->job->payload->index_blocks == 0)
		return 0;
	r = chunks_index(&p->next.table, c->index_at, n, p->index, w);
	if (!r)
		*ret = basemap_find(p->job->map, p->index, n,
				    b->blocks + (c->raw_offset - b->begin) / CHUNK_BLOCK_BYTES);
	return r;
}

static int choose_fate(struct pipeline *p, struct batch *b, struct piece *piece, struct why *w)
{
	enum chunk_fate fate;
	bool found = false;
	int r;

	if (p->pass == PASS_CHECK || piece->chunk.encoding == CHUNK_ZERO)
		return 0;
	fate = p->pass == PASS_PLAN ? FATE_COPY : fetchplan_get(&p->plan, piece->number);
	piece->want = fate != FATE_HAVE;
	piece->fate = fate;
	if (fate != FATE_COPY)
		return 0;
	r = find_in_base(p, b, &piece->chunk, &found, w);
	piece->fate = fate_choose(false, found);
	return r;
}

int pipeline_build(struct pipeline *p, struct batch *b, struct why *w)
{
	uint64_t size = p->job->payload->size_bytes, limit = p->next.raw + p->size.batch_bytes;
	int r = 0;

	batch_begin(b, p->next.raw);
	while (!r && p->next.raw < limit && p->next.raw < size) {
		uint64_t number = p->next.chunk;
		struct chunk c = { 0 };

		r = take(&p->next, limit, &c, w);
		if (!r && !(p->pass == PASS_PLAN && c.encoding == CHUNK_ZERO))
			r = choose_fate(p, b, batch_add(b, &c, number), w);
	}
	b->end = p->next.raw;
	batch_close(b);
	return r;
}

/* Add a chunk to the ranges. Returns whether there was room. */
static bool add_range(struct source_range *ranges, size_t *n, uint64_t at, uint64_t bytes)
{
	if (*n > 0 && ranges[*n - 1].at + ranges[*n - 1].bytes == at) {
		ranges[*n - 1].bytes += bytes;
		return true;
	}
	if (*n == AHEAD_RANGES)
		return false;
	ranges[(*n)++] = (struct source_range){ .at = at, .bytes = bytes };
	return true;
}

int pipeline_announce(struct pipeline *p, struct why *w)
{
	const struct bundle *bundle = p->job->bundle;
	struct source_range ranges[AHEAD_RANGES];
	size_t n = 0;

	for (; p->announced_bytes < p->read_bytes + AHEAD_BYTES && p->ahead.chunk < p->job->payload->chunks;
	     p->ahead.chunk++) {
		struct chunk c = { 0 };
		int r = chunks_get(&p->ahead.table, p->ahead.chunk, &c, w);

		if (r)
			return r;
		/* What is stored once for several chunks is announced for the first of them. */
		if (c.stored_bytes == 0 || c.stored_offset < p->announced_end ||
		    fetchplan_get(&p->plan, p->ahead.chunk) != FATE_FETCH)
			continue;
		if (!add_range(ranges, &n, bundle->header.payload_offset + c.stored_offset, c.stored_bytes))
			break;
		p->announced_end = c.stored_offset + c.stored_bytes;
		p->announced_bytes += c.stored_bytes;
	}
	if (n > 0)
		source_expect(bundle->src, ranges, n);
	return 0;
}
