/*
 * mounts - is this disk, partition or image in use: mounted, swapped to, held by device mapper or md, behind a loop?
 *
 * Reads /proc/self/mountinfo and /proc/swaps with libmount, and /sys. A mount in another mount namespace is not seen
 * here: before writing to a device, open it with O_EXCL as well (blk_open() does).
 */
#ifndef PARTITIONS_MOUNTS_H
#define PARTITIONS_MOUNTS_H

#include <sys/types.h>

#include "base/why.h"
#include "partitions/sysblock.h"

enum mounts_kind { MOUNTS_MOUNTED, MOUNTS_SWAP, MOUNTS_HELD, MOUNTS_LOOP };

struct mounts_use {
	enum mounts_kind kind;
	char device[SYSBLOCK_NAME_BYTES]; /* kernel name: the disk itself or one of its partitions; empty for a file */
	char where[256];                  /* mount point, or name of the holder ("dm-0 (vg-root)", "loop3") */
};

struct mounts {
	struct mounts_use *at;
	size_t n;
};
void mounts_done(struct mounts *m);

/* Where to look; tests bring their own. */
struct mounts_env {
	const struct sysblock *sysblock;
	const char *mountinfo;
	const char *swaps;
};
extern const struct mounts_env mounts_real;

/**
 * All uses of a block device; for a whole disk those of its partitions as well.
 * @ret  on success to be ended with mounts_done(); n is 0 when it is not in use
 * Returns 0; -ENODEV when there is no such device; -EIO and the like.
 */
MUST_USE int mounts_of_device(const struct mounts_env *e, dev_t dev, struct mounts *ret, struct why *w);

/** All uses of a regular file: loop devices on it, swap. As above. */
MUST_USE int mounts_of_file(const struct mounts_env *e, const char *path, struct mounts *ret, struct why *w);

/** "sda1 is mounted on /boot" and the like; for a use of a file the name comes from `path`. Returns out. */
char *mounts_describe(const struct mounts_use *u, const char *path, char out[512]);

#endif
