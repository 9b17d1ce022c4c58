#include "updater/basemap.h"

#include <pthread.h>

#define STRIPE_BLOCKS 256u /* read and hashed together */
#define STRIPE_BYTES  ((size_t)STRIPE_BLOCKS * CHUNK_BLOCK_BYTES)
#define CHUNK_BLOCKS  (CHUNK_BYTES_MAX / CHUNK_BLOCK_BYTES)
_Static_assert(BLOCKMAP_KEY_BYTES == CHUNK_INDEX_BYTES, "an index block is a key");

static uint64_t blocks_of(uint64_t bytes)
{
	return bytes / CHUNK_BLOCK_BYTES + (bytes % CHUNK_BLOCK_BYTES != 0);
}

/* From the head */

static int add_chunk(struct basemap *m, struct chunks *t, const struct chunk *c, struct why *w)
{
	uint8_t keys[CHUNK_BLOCKS * BLOCKMAP_KEY_BYTES];
	uint64_t first = c->raw_offset / CHUNK_BLOCK_BYTES, end = m->base_bytes / CHUNK_BLOCK_BYTES;
	size_t n = (size_t)chunk_index_blocks(c);
	int r = chunks_index(t, c->index_at, n, keys, w);

	for (size_t i = 0; !r && i < n && first + i < end; i++)
		blockmap_add(&m->map, keys + i * BLOCKMAP_KEY_BYTES, (uint32_t)(first + i));
	return r;
}

static int take_from_head(const struct basemap_job *job, struct basemap *m, struct why *w)
{
	CLEANUP(chunks_done) struct chunks table = { 0 };
	int r = bundle_chunks(job->head, job->payload, &table, w);

	for (uint64_t i = 0; !r && i < job->payload->chunks; i++) {
		struct chunk c = { 0 };

		r = chunks_get(&table, i, &c, w);
		if (!r && c.encoding != CHUNK_ZERO)
			r = add_chunk(m, &table, &c, w);
		if (!r && job->cancelled && job->cancelled(job->arg))
			r = fail(w, -ECANCELED, "interrupted");
	}
	return r;
}

/* From the slot */

struct scan {
	const struct basemap_job *job;
	struct basemap *m;
	uint64_t blocks;
	pthread_mutex_t lock; /* for the map and everything below */
	uint64_t next;        /* block that nobody has taken yet */
	int error;
	struct why why;
};

/* Takes and returns with the lock held, and lets go of it in between. */
static int scan_stripe(struct scan *s, uint8_t *buf, uint64_t first, size_t n, struct why *w)
{
	struct bytes in[STRIPE_BLOCKS] = { { 0 } };
	struct hash got[STRIPE_BLOCKS];
	uint32_t number[STRIPE_BLOCKS];
	size_t k = 0;
	int r;

	(void)pthread_mutex_unlock(&s->lock);
	r = blk_read(s->job->base, buf, n * CHUNK_BLOCK_BYTES, first * CHUNK_BLOCK_BYTES, w);
	for (size_t i = 0; !r && i < n; i++) {
		in[k] = bytes_of(buf + i * CHUNK_BLOCK_BYTES, CHUNK_BLOCK_BYTES);
		number[k] = (uint32_t)(first + i);
		k += !bytes_all_zero(in[k]);
	}
	hash_many(in, k, got);
	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < k; i++)
		blockmap_add(&s->m->map, got[i].b, number[i]);
	return r;
}

static void *scan_some(void *arg)
{
	AUTO_FREE uint8_t *buf = blk_alloc(STRIPE_BYTES);
	struct scan *s = arg;
	struct why w = { 0 };
	int r = buf ? 0 : fail(&w, -ENOMEM, "out of memory");

	(void)pthread_mutex_lock(&s->lock);
	while (!r && !s->error && s->next < s->blocks) {
		uint64_t first = s->next, left = s->blocks - first;
		size_t n = left < STRIPE_BLOCKS ? (size_t)left : STRIPE_BLOCKS;

		s->next += n;
		if (s->job->cancelled && s->job->cancelled(s->job->arg))
			r = fail(&w, -ECANCELED, "interrupted");
		else
			r = scan_stripe(s, buf, first, n, &w);
	}
	if (r && !s->error) {
		s->error = r;
		s->why = w;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int scan_slot(const struct basemap_job *job, struct basemap *m, struct why *w)
{
	struct scan s = { .job = job, .m = m, .blocks = m->base_bytes / CHUNK_BLOCK_BYTES };
	pthread_t threads[BASEMAP_WORKERS_MAX];
	unsigned int n = 0;

	(void)pthread_mutex_init(&s.lock, NULL);
	while (n + 1 < job->workers && n < BASEMAP_WORKERS_MAX && !pthread_create(&threads[n], NULL, scan_some, &s))
		n++;
	(void)scan_some(&s);
	while (n > 0)
		(void)pthread_join(threads[--n], NULL);
	(void)pthread_mutex_destroy(&s.lock);
	if (s.error && w && !w->code)
		*w = s.why;
	return s.error;
}

static void make_zero_key(uint8_t ret[BLOCKMAP_KEY_BYTES])
{
	static const uint8_t zeros[CHUNK_BLOCK_BYTES];
	struct hash h = hash_of(bytes_of(zeros, sizeof(zeros)));

	memcpy(ret, h.b, BLOCKMAP_KEY_BYTES);
}

int basemap_open(const struct basemap_job *job, struct basemap *ret, struct why *w)
{
	struct basemap m = { .from_head = job->head && job->payload->index_blocks > 0 };
	uint64_t bytes = job->head ? blocks_of(job->payload->size_bytes) * CHUNK_BLOCK_BYTES : job->base->size_bytes;
	int r;

	make_zero_key(m.zero_key);
	m.base_bytes = bytes < job->base->size_bytes ? bytes : job->base->size_bytes;
	r = blockmap_init(&m.map, m.from_head ? job->payload->index_blocks : m.base_bytes / CHUNK_BLOCK_BYTES, w);
	r = r ? r : m.from_head ? take_from_head(job, &m, w) : scan_slot(job, &m, w);
	if (r) {
		basemap_done(&m);
		return why_in(w, r, "what the running slot holds");
	}
	*ret = m;
	return 0;
}

void basemap_done(struct basemap *m)
{
	blockmap_done(&m->map);
}

bool basemap_find(const struct basemap *m, const uint8_t *keys, size_t n, uint32_t *ret_blocks)
{
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *key = keys + i * BLOCKMAP_KEY_BYTES;

		ret_blocks[i] =
			memcmp(key, m->zero_key, BLOCKMAP_KEY_BYTES) == 0 ? BASEMAP_ZERO : blockmap_find(&m->map, key);
		all = all && ret_blocks[i] != BASEMAP_NONE;
	}
	return all;
}
