/*
 * The pipeline's workers, before anything is fetched: what the slot holds, what the base holds.
 */
#include "updater/basemap.h"
#include "updater/pipeline_worker.h"

/* Looking */

/* Whether to compare the next piece with the slot. With the lock held. */
static bool ask(struct pipeline *p, const struct piece *piece)
{
	bool zero = piece->chunk.encoding == CHUNK_ZERO;

	if (p->pass == PASS_WRITE && !zero) /* it was asked when the plan was made */
		return false;
	return p->pass == PASS_CHECK || p->job->thorough || look_ask(&p->look[zero]);
}

/* Some of the pieces from *at on; the lock is held only for asking. Returns how many spans there are. */
static size_t choose_looks(struct worker *k, struct batch *b, size_t *at)
{
	uint64_t bytes = 0;
	size_t n = 0;

	(void)pthread_mutex_lock(&k->p->lock);
	for (; *at < b->n && n < LOOK_SPANS && bytes < k->p->size.check_bytes; ++*at) {
		struct piece *piece = &b->at[*at];

		piece->look = ask(k->p, piece);
		if (!piece->look)
			continue;
		k->spans[n++] = piece_span(piece);
		bytes += piece->chunk.raw_bytes;
	}
	(void)pthread_mutex_unlock(&k->p->lock);
	return n;
}

static void count_bad(struct pipeline_stats *s, const struct piece *piece)
{
	if (s->bad_chunks++ == 0 || piece->chunk.raw_offset < s->bad_at) {
		s->bad_at = piece->chunk.raw_offset;
		s->bad_bytes = piece->chunk.raw_bytes;
	}
}

static void answer(struct pipeline *p, struct piece *piece, bool same)
{
	look_answer(&p->look[piece->chunk.encoding == CHUNK_ZERO], same);
	piece->want = !same;
	if (same)
		p->stats.skipped_bytes += piece->chunk.raw_bytes;
	if (p->pass != PASS_CHECK)
		return;
	p->stats.checked_bytes += piece->chunk.raw_bytes;
	if (!same)
		count_bad(&p->stats, piece);
}

/* The spans are those of the pieces in [from, to) that were looked at. */
static void take_answers(struct worker *k, struct batch *b, size_t from, size_t to)
{
	const struct span *s = k->spans;

	(void)pthread_mutex_lock(&k->p->lock);
	for (size_t i = from; i < to; i++) {
		if (b->at[i].look)
			answer(k->p, &b->at[i], (s++)->same);
		if (k->p->pass == PASS_PLAN)
			fetchplan_set(&k->p->plan, b->at[i].number,
				      fate_choose(!b->at[i].want, b->at[i].fate == FATE_COPY));
	}
	(void)pthread_mutex_unlock(&k->p->lock);
}

int worker_look(struct worker *k, struct batch *b, struct why *w)
{
	int r = 0;

	for (size_t at = 0, from = 0; !r && at < b->n; from = at) {
		size_t n = choose_looks(k, b, &at);

		r = medium_check(k->p->job->to, k->spans, n, k->buf, k->p->size.check_bytes, w);
		if (!r)
			take_answers(k, b, from, at);
	}
	return r;
}

/* From the base */

/* Block i of the batch, at the end of the last run or as a new one. */
static void add_block(struct worker *k, const struct batch *b, size_t i, size_t *n)
{
	struct base_piece next = { .at = (uint64_t)b->blocks[i] * CHUNK_BLOCK_BYTES,
				   .bytes = CHUNK_BLOCK_BYTES,
				   .to = b->raw + i * CHUNK_BLOCK_BYTES };
	struct base_piece *last = *n > 0 ? &k->runs[*n - 1] : NULL;

	if (b->blocks[i] == BASEMAP_ZERO)
		memset(next.to, 0, CHUNK_BLOCK_BYTES);
	else if (last && last->at + last->bytes == next.at && last->to + last->bytes == next.to)
		last->bytes += CHUNK_BLOCK_BYTES;
	else
		k->runs[(*n)++] = next;
}

/* What is to be read: runs of blocks that follow each other both in the base and in the batch. Returns how many. */
static size_t list_runs(struct worker *k, const struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		size_t at = (size_t)(b->at[i].chunk.raw_offset - b->begin) / CHUNK_BLOCK_BYTES;
		size_t end = at + (size_t)chunk_index_blocks(&b->at[i].chunk);

		for (; b->at[i].fate == FATE_COPY && at < end; at++)
			add_block(k, b, at, &n);
	}
	return n;
}

/* Hash the pieces with this fate that are not there yet; they are there then, or fetched. Returns raw bytes that are right. */
static uint64_t verify(struct batch *b, enum chunk_fate fate)
{
	uint64_t right = 0;

	for (size_t i = 0, next; i < b->n; i = next) {
		struct piece *pieces[VERIFY_MANY];
		struct bytes in[VERIFY_MANY];
		struct hash got[VERIFY_MANY];
		size_t n = 0;

		for (next = i; next < b->n && n < VERIFY_MANY; next++) {
			struct piece *p = &b->at[next];

			if (p->fate != fate || p->there || (fate == FATE_HAVE && !p->need))
				continue;
			in[n] = bytes_of(piece_raw(b, p), p->chunk.raw_bytes);
			pieces[n++] = p;
		}
		hash_many(in, n, got);
		for (size_t j = 0; j < n; j++) {
			pieces[j]->there = hash_equal(&got[j], &pieces[j]->chunk.raw_hash);
			right += pieces[j]->there ? pieces[j]->chunk.raw_bytes : 0;
			if (pieces[j]->there)
				continue;
			pieces[j]->fate = FATE_FETCH;
			pieces[j]->want = true;
		}
	}
	return right;
}

static void copy_from_base(struct worker *k, struct batch *b)
{
	struct pipeline *p = k->p;
	uint64_t copied = 0;
	size_t n;
	int r;

	if (!p->job->base)
		return;
	n = list_runs(k, b);
	/* Whatever is wrong with the base: what it does not give is fetched. */
	r = base_gather(&k->base, k->runs, n, NULL);
	for (size_t i = 0; r && i < b->n; i++)
		if (b->at[i].fate == FATE_COPY)
			b->at[i].fate = FATE_FETCH;
	if (!r)
		copied = verify(b, FATE_COPY);
	(void)pthread_mutex_lock(&p->lock);
	p->stats.copied_bytes += copied;
	(void)pthread_mutex_unlock(&p->lock);
}

/* From the target: what is right there, where something behind it has it in its prefix. */
static int load(struct worker *k, struct batch *b, struct why *w)
{
	int r = 0;

	for (size_t i = 0, next; i < b->n && !r; i = next) {
		uint64_t n = 0;

		for (next = i; next < b->n && b->at[next].need && b->at[next].fate == FATE_HAVE && !b->at[next].there;
		     next++)
			n += piece_room(&b->at[next]);
		if (next > i)
			r = blk_read(k->p->job->to, piece_raw(b, &b->at[i]), (size_t)n, b->at[i].chunk.raw_offset, w);
		else
			next++;
	}
	if (!r)
		(void)verify(b, FATE_HAVE);
	return r;
}

int worker_gather(struct worker *k, struct batch *b, struct why *w)
{
	int r = 0;

	copy_from_base(k, b);
	/* What turns out to be wrong is fetched, and may need more. */
	while (!r && batch_mark_needs(b))
		r = load(k, b, w);
	return r;
}
