#include "updater/batch.h"

#define BATCH_BYTES    (2u << 20) /* of groups that are shorter */
#define CHECK_BYTES    (256u << 10)
#define BATCHES_MIN    3u          /* one being read, one decoded, one written */
#define BATCHES_BESIDE 3u          /* more than workers */
#define BATCHES_AHEAD  1u          /* at least so many more than workers */
#define BLANK_BYTES    (64u << 10) /* shorter runs of zeros are written along with their neighbours */

static size_t memory_for(const struct pipeline_size *s, size_t batches)
{
	return batches * s->batch_bytes + s->stored_bytes + s->workers * s->check_bytes;
}

static size_t batches_least(unsigned int workers)
{
	return workers + BATCHES_AHEAD < BATCHES_MIN ? BATCHES_MIN : workers + BATCHES_AHEAD;
}

/* Whole groups: one that is large, or several. */
static size_t batch_bytes_for(uint32_t group_bytes)
{
	return group_bytes >= BATCH_BYTES ? group_bytes : BATCH_BYTES / group_bytes * group_bytes;
}

struct pipeline_size pipeline_size(unsigned int workers, unsigned int processors, uint32_t group_bytes, bool encrypted)
{
	struct pipeline_size s = { .workers = workers ? workers : processors,
				   .batch_bytes = batch_bytes_for(group_bytes),
				   .check_bytes = CHECK_BYTES };
	size_t usual, most;

	if (encrypted) /* the longest batch's, or those of several usual ones */
		s.stored_bytes = s.batch_bytes + s.batch_bytes / 16;
	usual = PIPELINE_BYTES_USUAL + s.stored_bytes;
	most = workers ? PIPELINE_BYTES_MAX : usual;
	if (s.workers < 1)
		s.workers = 1;
	if (s.workers > PIPELINE_WORKERS_MAX)
		s.workers = PIPELINE_WORKERS_MAX;
	while (s.workers > 1 && memory_for(&s, batches_least(s.workers)) > most)
		s.workers--;
	s.batches = batches_least(s.workers);
	while (s.batches < s.workers + BATCHES_BESIDE && memory_for(&s, s.batches + 1) <= usual)
		s.batches++;
	s.memory_bytes = memory_for(&s, s.batches);
	return s;
}

uint64_t piece_room(const struct piece *p)
{
	return (p->chunk.raw_bytes + (uint64_t)BLK_ALIGN - 1) / BLK_ALIGN * BLK_ALIGN;
}

uint8_t *piece_raw(const struct batch *b, const struct piece *p)
{
	return b->raw + (p->chunk.raw_offset - b->begin);
}

struct span piece_span(const struct piece *p)
{
	return (struct span){ .at = p->chunk.raw_offset,
			      .bytes = p->chunk.raw_bytes,
			      .zero = p->chunk.encoding == CHUNK_ZERO,
			      .hash = p->chunk.raw_hash };
}

size_t batch_pieces_max(size_t batch_bytes)
{
	return (batch_bytes + CHUNK_ALIGN - 1) / CHUNK_ALIGN;
}

void batch_begin(struct batch *b, uint64_t at)
{
	b->n = 0;
	b->begin = b->end = at;
	b->stored_bytes = 0;
}

struct piece *batch_add(struct batch *b, const struct chunk *c, uint64_t number)
{
	struct piece *p = &b->at[b->n++];

	*p = (struct piece){ .chunk = *c, .number = number, .want = true };
	b->end = c->raw_offset + c->raw_bytes;
	return p;
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

bool piece_is_fetched(const struct piece *p)
{
	return p->fate == FATE_FETCH && p->chunk.stored_bytes > 0;
}

bool piece_fits(const struct piece *p)
{
	return p->chunk.stored_bytes <= p->chunk.raw_bytes;
}

uint8_t *piece_stored(const struct batch *b, const struct piece *p)
{
	return piece_fits(p) ? piece_raw(b, p) + p->chunk.raw_bytes - p->chunk.stored_bytes : b->stored + p->stored_at;
}

bool piece_in_memory(const struct piece *p)
{
	return p->need || (p->want && !p->blank);
}

bool batch_mark_needs(struct batch *b)
{
	uint64_t from = UINT64_MAX; /* lowest byte that something behind needs */
	bool missing = false;

	for (size_t i = b->n; i-- > 0;) {
		struct piece *p = &b->at[i];

		p->need = p->chunk.raw_offset + p->chunk.raw_bytes > from;
		missing = missing || (p->need && p->fate == FATE_HAVE && !p->there);
		if (piece_is_fetched(p) && p->chunk.prefix_bytes && p->chunk.raw_offset - p->chunk.prefix_bytes < from)
			from = p->chunk.raw_offset - p->chunk.prefix_bytes;
	}
	return missing;
}

void batch_lay_out(struct batch *b)
{
	b->stored_bytes = 0;
	for (size_t i = 0; i < b->n; i++) {
		b->at[i].stored_at = b->stored_bytes;
		if (piece_is_fetched(&b->at[i]) && !piece_fits(&b->at[i]))
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
