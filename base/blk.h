/*
 * blk - the one door to a block device (or to a regular file that stands for one).
 *
 * Raw slots, the boot record and the tables beside it are read and written only through here, so that a test can put a
 * recording or failing device behind it. Offsets and sizes are bytes. Opened with O_DIRECT where the device allows it:
 * then buffers, offsets and sizes must be multiples of `align` (blk_alloc gives such buffers), which blk_read and
 * blk_write check for every device, so that a test on a file finds the mistake as well.
 */
#ifndef BASE_BLK_H
#define BASE_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

#define BLK_ALIGN 4096u

struct blk;
struct blk_ops {
	int (*read)(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w);
	int (*write)(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w);
	int (*zero)(struct blk *b, uint64_t n, uint64_t off, struct why *w);
	int (*flush)(struct blk *b, struct why *w);
};

struct blk {
	const struct blk_ops *ops;
	const char *name; /* for reasons; borrowed from blk_open's caller */
	uint64_t size_bytes;
	uint32_t align; /* BLK_ALIGN from blk_open(); larger sectors are refused */
	int fd;         /* of the default ops; -1 otherwise */
	bool direct;    /* O_DIRECT is in force */
	bool block_device;
};

enum blk_mode { BLK_READ, BLK_WRITE, BLK_WRITE_EXCLUSIVE /* O_EXCL: refuses a mounted or held device */ };

/** Open path. -EBUSY: mounted or held (exclusive mode, block devices). The caller ends it with blk_close(). */
MUST_USE int blk_open(const char *path, enum blk_mode mode, struct blk *ret, struct why *w);
/** Close; reports what the kernel kept back about writes. A blk that was never opened is fine. */
MUST_USE int blk_close(struct blk *b, struct why *w);

/** All n bytes at off. -EIO on a failed or short read; -EINVAL when outside the device or not aligned. */
MUST_USE int blk_read(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w);
MUST_USE int blk_write(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w);
/** Make [off, off+n) read as zeros: by BLKZEROOUT, or in a file by a range of zeros, where there is such; else by writing. */
MUST_USE int blk_zero(struct blk *b, uint64_t n, uint64_t off, struct why *w);
/** Everything written before is on the medium when this returns 0. */
MUST_USE int blk_flush(struct blk *b, struct why *w);

/** Memory that is aligned for every blk; freed with free(). NULL when there is none. n is a multiple of BLK_ALIGN. */
void *blk_alloc(size_t n);

#endif
