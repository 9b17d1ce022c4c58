#include "updater/delta_match.h"

#define AHEAD   16u   /* positions whose buckets are on their way */
#define SURE    256u  /* a match of that length where the last one was is not compared with others */
#define ANCHORS 2u    /* displacements that are tried first: of the last match, and of the last long one */
#define LONG    4096u /* bytes of a long one */

struct walk {
	const struct delta_index *x;
	struct bytes chunk, base;
	size_t at, done;           /* looked at; covered by matches */
	uint64_t anchors[ANCHORS]; /* base offset less offset in the chunk, modulo 2^64 */
	uint64_t seeds[AHEAD];
	size_t seeds_at; /* of seeds[0]; SIZE_MAX: none */
	struct delta_match best;
};

static uint64_t load(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* How many bytes are equal from a and b on, at most n. */
static size_t equal_after(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t i = 0;

	for (; n - i >= 8; i += 8) {
		uint64_t difference = load(a + i) ^ load(b + i);

		if (difference)
			return i + (size_t)__builtin_ctzll(difference) / 8;
	}
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

static size_t equal_before(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t i = 0;

	while (i < n && a[-1 - (ptrdiff_t)i] == b[-1 - (ptrdiff_t)i])
		i++;
	return i;
}

static size_t zeros_after(struct bytes b, size_t at)
{
	size_t i = at;

	for (; b.n - i >= 8 && load(b.p + i) == 0; i += 8)
		;
	while (i < b.n && b.p[i] == 0)
		i++;
	return i - at;
}

/* Keep the match through k->at and this place of the base if it is the longest so far. */
static void try_place(struct walk *k, uint64_t place)
{
	const uint8_t *here = k->chunk.p + k->at, *there;
	size_t after, before, room = k->chunk.n - k->at;

	if (place > k->base.n || k->base.n - place < DELTA_SEED_BYTES)
		return;
	there = k->base.p + place;
	if (load(here) != load(there))
		return;
	after = equal_after(here, there, k->base.n - place < room ? (size_t)(k->base.n - place) : room);
	if (after < DELTA_SEED_BYTES)
		return;
	before = k->at - k->done;
	before = equal_before(here, there, place < before ? (size_t)place : before);
	if (before + after > k->best.bytes)
		k->best = (struct delta_match){ .at = (uint32_t)(k->at - before),
						.bytes = (uint32_t)(before + after),
						.base_at = place - before };
}

static uint64_t seed_here(struct walk *k)
{
	if (k->seeds_at > k->at || k->at - k->seeds_at >= AHEAD) {
		for (size_t i = 0; i < AHEAD && k->chunk.n - k->at - i >= DELTA_SEED_BYTES; i++) {
			k->seeds[i] = delta_seed(k->chunk.p + k->at + i);
			delta_prefetch(k->x, k->seeds[i]);
		}
		k->seeds_at = k->at;
	}
	return k->seeds[k->at - k->seeds_at];
}

/* The longest match through k->at, in k->best. */
static void look(struct walk *k)
{
	uint64_t places[DELTA_WAYS];
	size_t n;

	k->best.bytes = 0;
	for (size_t i = 0; i < ANCHORS; i++)
		try_place(k, k->anchors[i] + k->at);
	if (k->best.bytes >= SURE || delta_seed_dull(k->chunk.p + k->at))
		return;
	n = delta_places(k->x, seed_here(k), places);
	for (size_t i = 0; i < n; i++)
		try_place(k, places[i]);
}

static void take(struct walk *k, struct delta_match *ret)
{
	*ret = k->best;
	k->anchors[0] = k->best.base_at - k->best.at;
	if (k->best.bytes >= LONG)
		k->anchors[1] = k->anchors[0];
	k->done = k->best.at + k->best.bytes;
	k->at = k->done;
}

size_t delta_match(const struct delta_index *x, struct bytes chunk, uint64_t raw_offset, struct delta_match *ret)
{
	struct walk k = {
		.x = x, .chunk = chunk, .base = x->base, .anchors = { raw_offset, raw_offset }, .seeds_at = SIZE_MAX
	};
	size_t n = 0;

	while (chunk.n - k.at >= DELTA_SEED_BYTES) {
		size_t zeros = chunk.p[k.at] ? 0 : zeros_after(chunk, k.at);

		if (zeros >= DELTA_ZERO_BYTES) {
			ret[n++] = (struct delta_match){ (uint32_t)k.at, (uint32_t)zeros, DELTA_ZEROS };
			k.at += zeros;
			k.done = k.at;
			continue;
		}
		look(&k);
		if (k.best.bytes)
			take(&k, &ret[n++]);
		else
			k.at++;
	}
	return n;
}
