/*
 * deltaops - what a chunk of a delta consists of: copies from its base, zeros, and literal bytes out of a zstd frame that
 * was packed with ranges of the base as its prefix. Text of the format: docs/formats/delta.md.
 * Layer:  updater; pure, without allocation.
 * Trust:  stored bytes are parsed after their hash was compared with the signed table; every value is held to its limit
 *         all the same. What the base holds is not known before: nothing here looks at it.
 */
#ifndef UPDATER_DELTAOPS_H
#define UPDATER_DELTAOPS_H

#include "base/bytes.h"
#include "base/why.h"

#define DELTA_WINDOW_MAX (2u << 20) /* bytes of all ranges of a chunk */
#define DELTA_RANGES_MAX 1024u
#define DELTA_OPS_MAX    2048u

/* Bytes of the base. */
struct delta_range {
	uint64_t at;
	uint32_t bytes;
};

enum delta_kind { DELTA_LITERAL = 0, DELTA_COPY = 1, DELTA_ZERO = 2 };

/* The next bytes of the chunk. */
struct delta_op {
	uint64_t base_at; /* DELTA_COPY; else 0 */
	uint32_t bytes;   /* 1 or more */
	enum delta_kind kind;
};

struct deltaops {
	struct delta_range
		ranges[DELTA_RANGES_MAX]; /* ascending, apart from each other; one after the other: the window */
	size_t n_ranges;
	struct delta_op ops[DELTA_OPS_MAX]; /* together exactly the chunk */
	size_t n_ops;
	uint32_t window_bytes;  /* of all ranges; at most DELTA_WINDOW_MAX */
	uint32_t literal_bytes; /* of all literals: what the frame decodes to */
	struct bytes frame;     /* borrowed; empty exactly when there are no literals */
};

/**
 * Decode stored bytes. What one text means no other text says: deltaops_format() gives the same bytes again.
 * @raw_bytes   of the chunk
 * @base_bytes  size of the base: no range and no copy reaches beyond
 * @ret         borrows `stored`; on failure its content is unspecified
 * Returns 0; -EBADMSG; -E2BIG over one of the limits above.
 */
MUST_USE int deltaops_parse(struct bytes stored, uint32_t raw_bytes, uint64_t base_bytes, struct deltaops *ret,
			    struct why *w);

/* Room that deltaops_format() wants before the frame, at most. */
#define DELTAOPS_ROOM ((size_t)20 * (1 + DELTA_RANGES_MAX + DELTA_OPS_MAX))
/** Write ranges and operations, then the frame, which is copied unless it lies there already. Returns the bytes. */
size_t deltaops_format(const struct deltaops *d, uint8_t *out);

#endif
