/*
 * diskinspect - everything that can be told about a disk or image without writing to it.
 */
#ifndef PARTITIONS_DISKINSPECT_H
#define PARTITIONS_DISKINSPECT_H

#include "partitions/bootrec.h"
#include "partitions/diskprobe.h"
#include "partitions/gpt.h"
#include "partitions/gptcheck.h"
#include "partitions/mounts.h"

#define DISKINSPECT_WARNINGS_MAX 8u

struct diskinspect_part {
	struct diskprobe holds;
	char node[SYSBLOCK_NODE_BYTES]; /* empty: the kernel has no such partition, or it is an image */
	struct mounts uses;
};

struct diskinspect {
	const char *path; /* borrowed */
	bool device;
	struct gpt_table table;
	struct gptcheck check;
	struct diskinspect_part *parts; /* table.n of them */
	struct mounts uses;             /* of an image file, or of the disk as a whole */
	bool has_record;
	struct bootrec record;
	char record_problem[400]; /* why there is none, or what is wrong with one copy; empty when all is well */
	char warnings[DISKINSPECT_WARNINGS_MAX][200];
	size_t n_warnings;
};

void diskinspect_done(struct diskinspect *d);

/**
 * Look at a device or an image file.
 * @path  borrowed until diskinspect_done()
 * @ret   on success to be ended with diskinspect_done()
 * Returns 0; -ENODATA when there is no GUID partition table, with what is there instead; -EIO, -EACCES and the like.
 */
MUST_USE int diskinspect_read(const char *path, struct diskinspect *ret, struct why *w);

#endif
