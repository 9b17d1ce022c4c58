/*
 * gpt - a GUID partition table on a disk or in an image file, written and read with libfdisk.
 *
 * Offsets and sizes are bytes. Trust: names and GUIDs that come from a disk are text of bounded length, nothing more.
 */
#ifndef PARTITIONS_GPT_H
#define PARTITIONS_GPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"
#include "partitions/guid.h"

#define GPT_NAME_BYTES 109u /* 36 UTF-16 units are at most 108 bytes of UTF-8 */

struct gpt_part {
	unsigned int number; /* from 1 */
	uint64_t start_bytes;
	uint64_t size_bytes;
	char name[GPT_NAME_BYTES]; /* PARTLABEL, UTF-8 */
	char type[GUID_TEXT_BYTES];
	char uuid[GUID_TEXT_BYTES]; /* PARTUUID */
	char type_name[64];         /* libfdisk's words for the type; set by gpt_read() only, may be empty */
};

struct gpt_table {
	uint32_t sector_bytes; /* 512 or 4096 */
	uint64_t disk_bytes;
	char id[GUID_TEXT_BYTES];
	struct gpt_part *parts; /* by number */
	size_t n;
};

/** Frees what gpt_read() allocated. An empty table is fine. */
void gpt_done(struct gpt_table *t);

/**
 * Write a new table over whatever is there: backup first, then primary, then the protective MBR, and flush.
 * @fd  open for writing on the whole disk or image; `name` is for reasons
 * Returns 0; -EINVAL when a partition is outside the disk, overlaps another or is not on a sector; -EIO and the like.
 */
MUST_USE int gpt_write(int fd, const char *name, const struct gpt_table *t, struct why *w);

/**
 * Read the table; one whole copy is enough (see gptcheck.h).
 * @ret  on success to be ended with gpt_done()
 * Returns 0; -ENODATA when there is no table; -EIO and the like.
 */
MUST_USE int gpt_read(int fd, const char *name, struct gpt_table *ret, struct why *w);

/**
 * Move the backup to the end of a disk that has grown and make the partition with that number reach to `end_bytes`.
 * Everything else of the table stays. Flushed when it returns.
 * Returns 0; -ENODATA when there is no such table or partition; -EINVAL when it would shrink or there is no room; -EIO
 * and the like.
 */
MUST_USE int gpt_grow(int fd, const char *name, unsigned int number, uint64_t end_bytes, struct why *w);

/** Bytes that a disk with such sectors keeps behind the last partition: the backup table. */
uint64_t gpt_tail_bytes(uint32_t sector_bytes);

#endif
