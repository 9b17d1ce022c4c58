/*
 * caploop - a cap by a file system of its own: an ext4 in a file of that size, mounted at the folder.
 * Layer:  bootstage/trainer. Act; needs root, loop devices of Linux 5.8 and mke2fs.
 * Source: docs/trainer.md, "Disk".
 *
 * The file takes its room at once, without holes: what fills it cannot fill the disk. It has no quota features, so that
 * kernels that know none can mount it.
 */
#ifndef BOOTSTAGE_TRAINER_CAPLOOP_H
#define BOOTSTAGE_TRAINER_CAPLOOP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/why.h"

#define CAPLOOP_SMALLEST (16u << 20) /* the file system's own needs are no small part of less */

struct caploop {
	const char *job;    /* its name; the file is IMAGES/JOB.img */
	const char *folder; /* there */
	const char *images; /* is made; NULL: there can be none */
	uint64_t bytes;
	uid_t uid; /* whose the root of the file system is to be */
	gid_t gid;
};

/**
 * Whether it could be had, or is there.
 * Returns 0; -EOPNOTSUPP with the reason: not root, no mke2fs or loop devices, a folder that is not empty, too little
 * room on the disk, a cap that is too small.
 */
MUST_USE int caploop_have(const struct caploop *l, struct why *w);

/** Whether its file is there, and has taken its room: so much. */
bool caploop_there(const struct caploop *l, uint64_t *ret_bytes);
/** Whether it is mounted: the folder is where its file is mounted. */
bool caploop_mounted(const struct caploop *l);

/**
 * Make the file unless it is there, and mount it unless it is.
 * Returns 0; as caploop_have(); -E2BIG (refused) for a file of another size; -ENOSPC; -errno.
 */
MUST_USE int caploop_mount(const struct caploop *l, struct why *w);

/** The cap less what the job can still write. */
MUST_USE int caploop_usage(int folder, uint64_t cap_bytes, uint64_t *ret_bytes, struct why *w);

#endif
