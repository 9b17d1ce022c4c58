/*
 * delta_plan - from the matches of a chunk to its operations, and to the ranges of the base that help to pack the rest.
 * Layer:  updater; the builder's side only; decide. Pure.
 *
 * Long matches become copies and long runs of zeros zeros. What is left is packed by zstd with a window gathered from the
 * base: there is what short matches point at, and what lies beside the copies, where the old form of an edited place is.
 */
#ifndef UPDATER_DELTA_PLAN_H
#define UPDATER_DELTA_PLAN_H

#include "updater/delta_match.h"
#include "updater/deltaops.h"

#define DELTA_COPY_MIN 4096u /* shortest copy */
#define DELTA_FILL_MIN 512u  /* shortest run of zeros that is an operation */

/* How ranges are chosen: more and shorter ones make a smaller delta and more reads. */
struct delta_taste {
	uint32_t vote_bytes; /* shortest match that asks for a range */
	uint32_t pad_bytes;  /* taken along on each side of it */
	uint32_t gap_bytes;  /* ranges that are not farther apart become one */
};

/* Room for delta_plan(): one for each thread. */
struct delta_plan {
	struct delta_range *wanted; /* 2 * delta_match_max(chunk) of them */
	size_t n_wanted;
	struct deltaops ops; /* the result; its frame is left empty */
};

/** Room for chunks of up to chunk_bytes. -ENOMEM. */
MUST_USE int delta_plan_init(struct delta_plan *ret, size_t chunk_bytes, struct why *w);
void delta_plan_done(struct delta_plan *p);

/**
 * Fill p->ops from the n matches of a chunk of raw_bytes. The limits of updater/deltaops.h are kept: when a window would
 * become too large, its ranges become shorter, and the longest of them go first.
 */
void delta_plan(struct delta_plan *p, const struct delta_match *matches, size_t n, uint32_t raw_bytes,
		uint64_t base_bytes, const struct delta_taste *taste);

#endif
