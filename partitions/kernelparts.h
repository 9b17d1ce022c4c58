/*
 * kernelparts - the kernel's idea of the partitions of a disk, set by BLKPG. That works for a kernel that cannot read
 * GPT and for loop devices without partition scanning, and does not disturb partitions that stay (BLKRRPART does).
 */
#ifndef PARTITIONS_KERNELPARTS_H
#define PARTITIONS_KERNELPARTS_H

#include "partitions/gpt.h"
#include "partitions/sysblock.h"

/* A partition as the kernel has it. */
struct kernelparts_one {
	char name[SYSBLOCK_NAME_BYTES];
	char node[SYSBLOCK_NODE_BYTES];
	dev_t dev;
	uint64_t start_bytes;
	uint64_t size_bytes;
};

/** The kernel's partition `number` of a disk (by kernel name). Returns whether it has one. */
bool kernelparts_find(const struct sysblock *s, const char *disk, unsigned int number, struct kernelparts_one *ret);

/**
 * Make the kernel forget all partitions of a disk.
 * @fd    open on the whole disk; `disk` is its kernel name
 * Returns 0; -EBUSY when one is in use.
 */
MUST_USE int kernelparts_drop(const struct sysblock *s, int fd, const char *disk, struct why *w);

/**
 * Make the kernel's partitions those of the table: what it has already stays, one that has grown is resized. Then wait
 * until every device node is there (devtmpfs makes them at once, a user-space manager when it gets to it).
 * Returns 0; -EBUSY when it has one elsewhere that is in use; -ETIMEDOUT when nodes are missing after timeout_ms.
 */
MUST_USE int kernelparts_set(const struct sysblock *s, int fd, const char *disk, const struct gpt_table *t,
			     unsigned int timeout_ms, struct why *w);

/** Once our lock on a disk is gone, udev, where it runs, reads the table again: wait until it has made its links. */
void kernelparts_settle(void);

#endif
