/*
 * sysblock - block devices as /sys shows them: names, numbers, partitions of a disk, device nodes.
 *
 * A device is meant by its kernel name ("sda", "nvme0n1p3"). The roots are values: a test brings its own tree.
 */
#ifndef PARTITIONS_SYSBLOCK_H
#define PARTITIONS_SYSBLOCK_H

#include <stdint.h>
#include <sys/types.h>

#include "base/why.h"

#define SYSBLOCK_NAME_BYTES 64u
#define SYSBLOCK_NODE_BYTES 128u

struct sysblock {
	const char *sys; /* "/sys" */
	const char *dev; /* "/dev" */
};
extern const struct sysblock sysblock_real;

struct sysblock_names {
	char (*at)[SYSBLOCK_NAME_BYTES]; /* sorted, so that reports do not depend on the order in a folder */
	size_t n;
};
void sysblock_names_done(struct sysblock_names *names);

/** Kernel name of a device number. -ENODEV when there is no such device. */
MUST_USE int sysblock_name(const struct sysblock *s, dev_t dev, char ret[SYSBLOCK_NAME_BYTES], struct why *w);
/** Its device number. */
MUST_USE int sysblock_devno(const struct sysblock *s, const char *name, dev_t *ret, struct why *w);
/** Its node, "/dev/NAME"; the kernel's word, whether the node exists or not. */
MUST_USE int sysblock_node(const struct sysblock *s, const char *name, char ret[SYSBLOCK_NODE_BYTES], struct why *w);
/** A decimal attribute such as "size" (always in units of 512 bytes) or "partition". -ENOENT when it has none. */
MUST_USE int sysblock_u64(const struct sysblock *s, const char *name, const char *attribute, uint64_t *ret,
			  struct why *w);
/** First line of an attribute, without its newline. -ENOENT when it has none. */
MUST_USE int sysblock_text(const struct sysblock *s, const char *name, const char *attribute, char *ret, size_t room,
			   struct why *w);
/** 1 and up for a partition, 0 for anything else. */
unsigned int sysblock_partition(const struct sysblock *s, const char *name);
/** The disk that a partition is on; the device itself when it is none. */
MUST_USE int sysblock_disk(const struct sysblock *s, const char *name, char ret[SYSBLOCK_NAME_BYTES], struct why *w);

/** All block devices; the partitions of a disk; what holds a device (device mapper, md, bcache). Ended with _done. */
MUST_USE int sysblock_all(const struct sysblock *s, struct sysblock_names *ret, struct why *w);
MUST_USE int sysblock_partitions(const struct sysblock *s, const char *disk, struct sysblock_names *ret, struct why *w);
MUST_USE int sysblock_holders(const struct sysblock *s, const char *name, struct sysblock_names *ret, struct why *w);

#endif
