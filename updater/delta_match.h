/*
 * delta_match - which bytes of a chunk are in the base already, and where.
 * Layer:  updater; the builder's side only; decide. Pure.
 */
#ifndef UPDATER_DELTA_MATCH_H
#define UPDATER_DELTA_MATCH_H

#include "updater/delta_index.h"

#define DELTA_ZEROS      UINT64_MAX
#define DELTA_ZERO_BYTES 64u /* shortest run of zeros that is told as such */

/* [at, at+bytes) of the chunk is [base_at, ...) of the base, or zeros (DELTA_ZEROS). */
struct delta_match {
	uint32_t at, bytes;
	uint64_t base_at;
};

/** The most matches that a chunk of n bytes can have. */
static inline size_t delta_match_max(size_t n)
{
	return n / DELTA_SEED_BYTES + 1;
}

/**
 * Matches of at least DELTA_SEED_BYTES bytes in ascending order, without overlaps.
 * @chunk     at most 4 GiB
 * @raw_offset of the chunk in its image: the base is tried at the same place first
 * @ret       delta_match_max(chunk.n) of them
 * Returns how many.
 */
size_t delta_match(const struct delta_index *x, struct bytes chunk, uint64_t raw_offset, struct delta_match *ret);

#endif
