/*
 * delta_index - where in a base 32 bytes occur: a hash table over its content at every few bytes, not over aligned blocks,
 * so that what moved by any distance is found.
 * Layer:  updater; the builder's side only. Pure but for memory and threads.
 *
 * Memory: four bytes for each step of the base that is not zero, a third more for room, at most DELTA_INDEX_MAX; the step
 * is 8 bytes, more where that limit asks for it. The same base gives the same table, however many threads there are.
 */
#ifndef UPDATER_DELTA_INDEX_H
#define UPDATER_DELTA_INDEX_H

#include "base/bytes.h"
#include "base/why.h"

#define DELTA_SEED_BYTES 32u /* shortest match */
#define DELTA_INDEX_MAX  (512u << 20)
#define DELTA_BASE_MAX   (1ull << 40)
#define DELTA_WAYS       4u

struct delta_index {
	struct bytes base; /* borrowed */
	uint32_t *
		slots; /* buckets of DELTA_WAYS; 0: free; else a few bits of hash above the number of the step plus 1 */
	size_t bytes;  /* of the slots */
	unsigned int bucket_bits, step_bits, place_bits;
};

/** @base borrowed for the life of the index. -E2BIG over DELTA_BASE_MAX; -ENOMEM. */
MUST_USE int delta_index_new(struct bytes base, unsigned int threads, struct delta_index *ret, struct why *w);
void delta_index_done(struct delta_index *x);

/* Hash of DELTA_SEED_BYTES bytes. */
static inline uint64_t delta_seed(const uint8_t *p)
{
	uint64_t v[4], h;

	memcpy(v, p, sizeof(v));
	h = (v[0] ^ (v[1] << 29 | v[1] >> 35)) * 0x9e3779b97f4a7c15u;
	h ^= h >> 32;
	h = (h ^ v[2] ^ (v[3] << 17 | v[3] >> 47)) * 0xd6e8feb86659fd93u;
	h ^= h >> 32;
	return h * 0xc2b2ae3d27d4eb4fu;
}

/** Whether seeds like this one are left out: eight bytes again and again, of which there would be too many. */
static inline bool delta_seed_dull(const uint8_t *p)
{
	return memcmp(p, p + 8, DELTA_SEED_BYTES - 8) == 0;
}

static inline size_t delta_bucket(const struct delta_index *x, uint64_t seed)
{
	return (size_t)(seed >> (64 - x->bucket_bits)) * DELTA_WAYS;
}

/** Bring the bucket of a seed near. */
static inline void delta_prefetch(const struct delta_index *x, uint64_t seed)
{
	__builtin_prefetch(&x->slots[delta_bucket(x, seed)]);
}

/** Offsets in the base where this seed may be; to be compared. Returns how many. */
static inline size_t delta_places(const struct delta_index *x, uint64_t seed, uint64_t ret[DELTA_WAYS])
{
	const uint32_t *slot = &x->slots[delta_bucket(x, seed)];
	uint32_t tag = (uint32_t)seed >> x->place_bits;
	size_t n = 0;

	for (size_t i = 0; i < DELTA_WAYS && slot[i]; i++)
		if (slot[i] >> x->place_bits == tag)
			ret[n++] = (uint64_t)((slot[i] & ((1u << x->place_bits) - 1)) - 1) << x->step_bits;
	return n;
}

#endif
