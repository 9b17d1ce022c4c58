/*
 * imagefile - an image that appears under its name only when it is whole: made as NAME.tmp, flushed, renamed.
 */
#ifndef PARTITIONS_IMAGEFILE_H
#define PARTITIONS_IMAGEFILE_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/why.h"

struct imagefile {
	char target[PATH_MAX];
	char path[PATH_MAX]; /* where it is being made */
	int fd;              /* for reading and writing; carries the lock. -1: there is none */
};

/**
 * Create NAME.tmp of size_bytes, all hole, and lock it. A leftover of a run that was killed is removed.
 * @mode  of a file that is to be replaced; 0: as the umask says
 * @ret   to be ended by imagefile_end() or imagefile_cancel(); the latter is fine after a failure and after the former
 * Returns 0; -EBUSY (refused) when somebody else is making it; -EFBIG, -ENOSPC and the like.
 */
MUST_USE int imagefile_begin(const char *target, mode_t mode, uint64_t size_bytes, struct imagefile *ret,
			     struct why *w);
/** Flush and rename. On failure the target is as it was. */
MUST_USE int imagefile_end(struct imagefile *f, struct why *w);
/** Give up: nothing of it stays. */
void imagefile_cancel(struct imagefile *f);

/**
 * Lock a device or a file for one writer (flock). udev leaves a locked disk alone. Programs that are run from here
 * inherit the lock, so that it lasts until the last of them has ended, should we be killed.
 * Returns 0; -EBUSY (refused) when another program still has it after timeout_ms.
 */
MUST_USE int imagefile_lock(int fd, const char *name, unsigned int timeout_ms, struct why *w);

#endif
