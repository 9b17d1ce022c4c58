/*
 * diskcopy - a raw image into a partition: sparse where the image is, exact everywhere else.
 */
#ifndef PARTITIONS_DISKCOPY_H
#define PARTITIONS_DISKCOPY_H

#include "base/blk.h"

/* How long work is watched and ended. Any of them may be NULL. */
struct diskcopy_watch {
	bool (*stop)(void *arg);                                 /* asked between steps of at most 1 MiB */
	void (*step)(void *arg, uint64_t done, uint64_t of_all); /* bytes of the image */
	void *arg;
};

/**
 * Copy a regular file or block device to the front of `to`; the last block is filled up with zeros.
 * @zeroed  `to` reads as zeros already: zeros of the image need not be written
 * Returns 0; -EFBIG when the image is larger than `to`; -ECANCELED when stop() said so; -EIO when the image shrinks.
 */
MUST_USE int diskcopy(const char *image, struct blk *to, bool zeroed, const struct diskcopy_watch *watch,
		      struct why *w);

/** As diskcopy() for a part of the image: [from, from+bytes), which begins on a block of `to`. */
MUST_USE int diskcopy_part(const char *image, uint64_t from, uint64_t bytes, struct blk *to, bool zeroed,
			   const struct diskcopy_watch *watch, struct why *w);

#endif
