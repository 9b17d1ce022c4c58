#include "updater/batch.h"

#define BATCH_BYTES    (2u << 20)
#define CHECK_BYTES    CHUNK_BYTES_MAX /* four chunks of the default size: as many as are hashed side by side */
#define BATCHES_MIN    3u              /* one being read, one decoded, one written */
#define BATCHES_BESIDE 3u              /* more than workers */
#define BLANK_BYTES    (128u << 10)    /* shorter runs of zeros are written along with their neighbours */

static size_t memory_for(const struct pipeline_size *s, size_t batches)
{
	return 2 * batches * s->batch_bytes + s->workers * s->check_bytes;
}

struct pipeline_size pipeline_size(unsigned int workers, uint32_t chunk_bytes)
{
	struct pipeline_size s = { .workers = workers, .batch_bytes = BATCH_BYTES, .check_bytes = CHECK_BYTES };

	if (s.workers < 1)
		s.workers = 1;
	if (s.workers > PIPELINE_WORKERS_MAX)
		s.workers = PIPELINE_WORKERS_MAX;
	if (s.batch_bytes < chunk_bytes)
		s.batch_bytes = chunk_bytes;
	while (s.workers > 1 && memory_for(&s, BATCHES_MIN) > PIPELINE_BYTES_MAX)
		s.workers--;
	s.batches = BATCHES_MIN;
	while (s.batches < s.workers + BATCHES_BESIDE && memory_for(&s, s.batches + 1) <= PIPELINE_BYTES_MAX)
		s.batches++;
	s.memory_bytes = memory_for(&s, s.batches);
	return s;
}

uint64_t piece_room(const struct piece *p)
{
	return (p->chunk.raw_bytes + (uint64_t)BLK_ALIGN - 1) / BLK_ALIGN * BLK_ALIGN;
}

struct span piece_span(const struct piece *p)
{
	return (struct span){ .at = p->chunk.raw_offset,
			      .bytes = p->chunk.raw_bytes,
			      .zero = p->chunk.encoding == CHUNK_ZERO,
			      .hash = p->chunk.raw_hash };
}

bool batch_fits(const struct batch *b, const struct chunk *c, size_t batch_bytes)
{
	if (b->n == 0)
		return true;
	return b->n < BATCH_PIECES_MAX && c->raw_offset + c->raw_bytes - b->begin <= batch_bytes;
}

void batch_add(struct batch *b, const struct chunk *c)
{
	if (b->n == 0)
		b->begin = c->raw_offset;
	b->end = c->raw_offset + c->raw_bytes;
	b->at[b->n++] = (struct piece){ .chunk = *c, .want = true };
}

void batch_close(struct batch *b)
{
	for (size_t i = 0, k; i < b->n; i = k) {
		uint64_t run = 0;
		bool blank;

		for (k = i; k < b->n && b->at[k].chunk.encoding == CHUNK_ZERO; k++)
			run += b->at[k].chunk.raw_bytes;
		/* A run at an edge may go on in the neighbour. */
		blank = run >= BLANK_BYTES || i == 0 || k == b->n;
		for (size_t j = i; j < k; j++)
			b->at[j].blank = blank;
		if (k == i)
			k++;
	}
}

void batch_lay_out(struct batch *b)
{
	b->stored_bytes = 0;
	for (size_t i = 0; i < b->n; i++) {
		b->at[i].stored_at = b->stored_bytes;
		if (b->at[i].want)
			b->stored_bytes += b->at[i].chunk.stored_bytes;
	}
}

bool look_ask(struct look *l)
{
	if (l->misses < LOOK_MISSES || ++l->skipped >= LOOK_EVERY) {
		l->skipped = 0;
		return true;
	}
	return false;
}

void look_answer(struct look *l, bool same)
{
	l->misses = same ? 0 : l->misses < LOOK_MISSES ? l->misses + 1 : LOOK_MISSES;
}
