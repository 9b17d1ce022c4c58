#include "updater/delta_index.h"

#include <pthread.h>
#include <sys/mman.h>

#define BLOCK       4096u
#define STEP_BITS   3u
#define THREADS_MAX 16u
#define AHEAD       16u /* seeds whose buckets are on their way */

/* Blocks of the base that hold anything. */
static uint64_t count_blocks(struct bytes base)
{
	uint64_t n = 0;

	for (size_t at = 0; at < base.n; at += BLOCK)
		n += !bytes_all_zero(bytes_of(base.p + at, base.n - at < BLOCK ? base.n - at : BLOCK));
	return n;
}

static unsigned int bits_for(uint64_t n)
{
	unsigned int bits = 1;

	while (bits < 63 && (uint64_t)1 << bits < n)
		bits++;
	return bits;
}

/* A step for which the table is small enough, and its size. */
static void measure(struct delta_index *x)
{
	uint64_t blocks = count_blocks(x->base), buckets_max = DELTA_INDEX_MAX / (DELTA_WAYS * sizeof(*x->slots));
	unsigned int most = bits_for(buckets_max);

	for (x->step_bits = STEP_BITS;; x->step_bits++) {
		x->place_bits = bits_for((x->base.n >> x->step_bits) + 2);
		x->bucket_bits = bits_for((blocks * BLOCK >> x->step_bits) / DELTA_WAYS * 4 / 3 + 1);
		if (x->bucket_bits <= most && x->place_bits < 32)
			break;
		if (x->bucket_bits == most + 1 && x->place_bits < 32) { /* fuller than planned, but it fits */
			x->bucket_bits = most;
			break;
		}
	}
	x->bytes = ((size_t)DELTA_WAYS * sizeof(*x->slots)) << x->bucket_bits;
}

static void insert(struct delta_index *x, uint64_t seed, size_t at)
{
	uint32_t *slot = &x->slots[delta_bucket(x, seed)];
	uint32_t place = (uint32_t)(at >> x->step_bits) + 1;

	for (size_t i = 0; i < DELTA_WAYS; i++) {
		if (slot[i])
			continue;
		slot[i] = (uint32_t)((uint64_t)((uint32_t)seed >> x->place_bits) << x->place_bits) | place;
		break;
	}
}

/* One thread's share. */
struct share {
	struct delta_index *x;
	size_t first, end; /* buckets */
};

static void add_block(struct share *s, size_t at)
{
	struct delta_index *x = s->x;
	uint64_t seeds[BLOCK >> STEP_BITS];
	size_t places[BLOCK >> STEP_BITS], n = 0;

	for (size_t end = at + BLOCK; at < end && x->base.n - at >= DELTA_SEED_BYTES; at += (size_t)1 << x->step_bits) {
		uint64_t seed = delta_seed(x->base.p + at);

		if (seed >> (64 - x->bucket_bits) < s->first || seed >> (64 - x->bucket_bits) >= s->end ||
		    delta_seed_dull(x->base.p + at))
			continue;
		seeds[n] = seed;
		places[n++] = at;
	}
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			delta_prefetch(x, seeds[i + AHEAD]);
		insert(x, seeds[i], places[i]);
	}
}

static void *fill(void *arg)
{
	struct share *s = arg;
	struct bytes base = s->x->base;

	for (size_t at = 0; at < base.n; at += BLOCK)
		if (!bytes_all_zero(bytes_of(base.p + at, base.n - at < BLOCK ? base.n - at : BLOCK)))
			add_block(s, at);
	return NULL;
}

/* Each thread goes through all of the base and takes in its share; the last share is ours, and those without a thread. */
static void fill_all(struct delta_index *x, unsigned int threads)
{
	unsigned int n = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads, started = 0;
	struct share shares[THREADS_MAX];
	pthread_t ids[THREADS_MAX];

	for (unsigned int i = 0; i < n; i++)
		shares[i] =
			(struct share){ x, ((size_t)i << x->bucket_bits) / n, ((size_t)(i + 1) << x->bucket_bits) / n };
	while (started + 1 < n && pthread_create(&ids[started], NULL, fill, &shares[started]) == 0)
		started++;
	for (unsigned int i = started; i < n; i++)
		(void)fill(&shares[i]);
	for (unsigned int i = 0; i < started; i++)
		(void)pthread_join(ids[i], NULL);
}

int delta_index_new(struct bytes base, unsigned int threads, struct delta_index *ret, struct why *w)
{
	struct delta_index x = { .base = base };
	void *slots;

	if (base.n > DELTA_BASE_MAX)
		return fail(w, -E2BIG, "a base of more than %llu bytes", DELTA_BASE_MAX);
	measure(&x);
	slots = mmap(NULL, x.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED)
		return fail(w, -ENOMEM, "no memory for an index of %zu MiB", x.bytes >> 20);
	IGNORE(madvise(slots, x.bytes, MADV_HUGEPAGE)); /* faster, no more */
	x.slots = slots;
	fill_all(&x, threads);
	*ret = x;
	return 0;
}

void delta_index_done(struct delta_index *x)
{
	if (x->slots)
		IGNORE(munmap(x->slots, x->bytes));
	x->slots = NULL;
}
