/*
 * diskgrow - make the last partition of a disk, `data`, and the ext4 in it reach to the end of a disk that has grown.
 *
 * On a device the table grows first (backup at the new end, then primary), then the filesystem, mounted or not: after
 * a power cut there is the old size, or a partition that is larger than its filesystem, and a second run goes on. An
 * image file is made anew beside the old one and replaces it when it is whole.
 */
#ifndef PARTITIONS_DISKGROW_H
#define PARTITIONS_DISKGROW_H

#include "partitions/diskcopy.h"

struct diskgrow_request {
	const char *target;
	uint64_t size_bytes; /* of an image file; 0: the size that it has */
	const struct diskcopy_watch *watch;
};

/**
 * Returns 0; -EALREADY when it reaches to the end already; -EINVAL when the last partition is not `data` with ext4, or
 * the image would shrink; -EBUSY (refused) when an image is in use; -EIO and the like.
 */
MUST_USE int diskgrow(const struct diskgrow_request *want, struct why *w);

#endif
