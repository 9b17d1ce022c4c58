/*
 * window - a part of a disk or image as a blk of its own: a partition by its place, where it has no device node.
 */
#ifndef PARTITIONS_WINDOW_H
#define PARTITIONS_WINDOW_H

#include "base/blk.h"

struct window {
	struct blk blk; /* what to hand to others; its ops find this struct around it */
	struct blk *disk;
	uint64_t start_bytes;
};

/**
 * Show [start, start+size) of disk, which stays the caller's and must stay open.
 * @ret  must not be moved while ret->blk is in use; needs no end
 * Returns 0; -EINVAL when it is not inside the disk or not aligned.
 */
MUST_USE int window_open(struct blk *disk, const char *name, uint64_t start_bytes, uint64_t size_bytes,
			 struct window *ret, struct why *w);

#endif
