/*
 * layout - layout.conf: which partitions a disk gets, and where they go on a disk of a given size.
 *
 * Decide and format only: text to struct, struct to places; no disk is touched here.
 * Trust:  the text is hostile until layout_parse() took it.
 * Source: docs/formats/layout.md; names and types are those of DESIGN section 3 and of the UAPI Discoverable Partitions
 *         Specification (https://uapi-group.org/specifications/specs/discoverable_partitions_specification/).
 */
#ifndef PARTITIONS_LAYOUT_H
#define PARTITIONS_LAYOUT_H

#include "base/bytes.h"
#include "base/why.h"
#include "partitions/guid.h"

#define LAYOUT_PARTS_MAX      16u
#define LAYOUT_NAME_BYTES     37u          /* GPT has room for 36 UTF-16 units, UEFI 2.10 table 5.6; ours are ASCII */
#define LAYOUT_LABEL_BYTES    17u          /* ext4 has 16, FAT has 11 */
#define LAYOUT_ALIGN_BYTES    (1ull << 20) /* start and size of every partition; covers erase blocks and RAID stripes */
#define LAYOUT_SIZE_MAX       (1ull << 60)
#define LAYOUT_REST_MIN_BYTES (16ull << 20)
#define LAYOUT_STATE_BYTES    (32ull << 20) /* smallest state partition: docs/formats/layout.md says what lies where */
#define LAYOUT_TYPE_ESP       "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define LAYOUT_TYPE_STATE     "5d3c1d6e-8c3f-4d6b-9c42-7d4f2f1b6a10"
#define LAYOUT_TYPE_ROOT      "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define LAYOUT_TYPE_DATA      "0fc63daf-8483-4772-8e79-3d69d8477de4"

enum layout_fs { LAYOUT_FS_NONE, LAYOUT_FS_VFAT, LAYOUT_FS_EXT4 };

/* How large a partition wants to be. */
enum layout_kind { LAYOUT_UNSAID, LAYOUT_BYTES, LAYOUT_PERCENT, LAYOUT_REST };
struct layout_size {
	enum layout_kind kind;
	uint64_t amount; /* bytes (a multiple of LAYOUT_ALIGN_BYTES), or 1..100 */
};

struct layout_part {
	char name[LAYOUT_NAME_BYTES]; /* PARTLABEL */
	char type[GUID_TEXT_BYTES];   /* lower case */
	char label[LAYOUT_LABEL_BYTES];
	enum layout_fs fs;
	struct layout_size size;
	uint64_t size_max_bytes; /* 0: no limit; for LAYOUT_PERCENT and LAYOUT_REST */
};

struct layout {
	uint64_t disk_bytes; /* 0: not said */
	struct layout_part part[LAYOUT_PARTS_MAX];
	size_t n;
};

/* Where the partitions go: at[i] belongs to part[i]. Starts and sizes are multiples of LAYOUT_ALIGN_BYTES. */
struct layout_place {
	uint64_t start_bytes;
	uint64_t size_bytes;
};
struct layout_plan {
	struct layout_place at[LAYOUT_PARTS_MAX];
	size_t n;
	uint64_t usable_bytes; /* where the last partition has to end: room for the backup table follows */
};

/** The layout used when no file is given, as the text of a layout.conf. */
const char *layout_default_text(void);

/**
 * Read a layout.conf. Pure.
 * @name  of the file, for reasons
 * Returns 0; -EBADMSG or -EINVAL for text that is not a layout, -E2BIG over a limit; the reason has name and line.
 */
MUST_USE int layout_parse(struct bytes text, const char *name, struct layout *ret, struct why *w);
/** As layout_parse() for a file. */
MUST_USE int layout_read_file(const char *path, struct layout *ret, struct why *w);

/**
 * What the partitions would get on a disk of disk_bytes, one after the other, whether it fits or not; a partition that
 * takes the rest gets at least LAYOUT_REST_MIN_BYTES. Pure.
 */
struct layout_plan layout_wish(const struct layout *l, uint64_t disk_bytes, uint32_t sector_bytes);

/**
 * Give every partition its place on a disk of disk_bytes, in the order of the file. Pure.
 * Returns 0; -ENOSPC when they do not fit; -EINVAL when a filesystem cannot live in the size that it gets.
 */
MUST_USE int layout_place(const struct layout *l, uint64_t disk_bytes, uint32_t sector_bytes, struct layout_plan *ret,
			  struct why *w);

/**
 * For a disk of disk_bytes that is too small: a size that is enough, in whole MiB. For 0: about the smallest at all.
 * Returns 0 when no disk is large enough. Pure.
 */
uint64_t layout_enough(const struct layout *l, uint64_t disk_bytes, uint32_t sector_bytes);

/** The partition of that name, or of that type; NULL when there is none. Borrowed from l. */
const struct layout_part *layout_find(const struct layout *l, const char *name);
const struct layout_part *layout_find_type(const struct layout *l, const char *type);

/** "vfat", "ext4" or "none". */
const char *layout_fs_name(enum layout_fs fs);
/** Short name of a partition type that we know ("esp", "state", "root", "data"), else NULL. */
const char *layout_type_name(const char *type);

/* The FAT that fits a size; the number of clusters decides (Microsoft FAT specification 1.03, section 3.5). */
struct layout_fat {
	unsigned int bits; /* 16 or 32 */
	unsigned int sectors_per_cluster;
};
/** Returns 0; -EINVAL when no FAT fits. Pure. */
MUST_USE int layout_fat_for(uint64_t bytes, uint32_t sector_bytes, struct layout_fat *ret, struct why *w);

#endif
