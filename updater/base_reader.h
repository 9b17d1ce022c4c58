/*
 * base_reader - bytes of a delta's base, at any offset: pieces that lie close together are read as one, by aligned reads.
 * Layer:  updater; the reading side. One for each thread.
 * Trust:  the base was authenticated by nobody: what comes out of it is hostile until the hash of the chunk that was made
 *         of it has passed.
 */
#ifndef UPDATER_BASE_READER_H
#define UPDATER_BASE_READER_H

#include "base/blk.h"
#include "base/bytes.h"

#define BASE_READ_BYTES (256u << 10) /* longest read; a buffer of that size is all the memory there is */
#define BASE_HOLE_BYTES (16u << 10) /* bytes that nobody wants are read up to here rather than begin another read */

struct base_reader {
	/* n bytes at off, inside the base rounded up to BLK_ALIGN. buf, n and off are aligned. */
	int (*read)(struct base_reader *b, void *buf, size_t n, uint64_t off, struct why *w);
	uint64_t size_bytes;
	const char *name;
	struct blk *blk;            /* of base_reader_blk() */
	int fd;                     /* of base_reader_fd() */
	struct bytes memory;        /* of base_reader_memory() */
	uint8_t *buf;               /* owned */
	uint64_t reads, read_bytes; /* so far */
};

/* Bytes that are wanted: [at, at+bytes) of the base to `to`. */
struct base_piece {
	uint64_t at;
	uint32_t bytes;
	uint8_t *to;
};

/** The first size_bytes of a device (a multiple of BLK_ALIGN has to be there), borrowed. -E2BIG it is shorter; -ENOMEM. */
MUST_USE int base_reader_blk(struct blk *b, uint64_t size_bytes, struct base_reader *ret, struct why *w);
/** A file, borrowed. @name for reasons */
MUST_USE int base_reader_fd(int fd, uint64_t size_bytes, const char *name, struct base_reader *ret, struct why *w);
/** Memory, borrowed. */
MUST_USE int base_reader_memory(struct bytes b, struct base_reader *ret, struct why *w);
/** Free its buffer; one that was never opened (all zero) is fine. */
void base_reader_done(struct base_reader *b);

/**
 * Read n pieces, which are sorted here. Pieces may overlap in the base.
 * Returns 0; -EBADMSG a piece outside the base; or the device's error.
 */
MUST_USE int base_gather(struct base_reader *b, struct base_piece *pieces, size_t n, struct why *w);
/** One piece; without a copy in between where everything is aligned. */
MUST_USE int base_read(struct base_reader *b, void *to, size_t n, uint64_t at, struct why *w);

#endif
