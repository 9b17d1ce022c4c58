/*
 * fsmake - empty filesystems inside a disk or image, by mkfs.vfat and mke2fs; files into a vfat one, by mtools.
 *
 * The programs get the whole disk and an offset: no partition, no loop device, no mount, no root is needed.
 */
#ifndef PARTITIONS_FSMAKE_H
#define PARTITIONS_FSMAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "partitions/layout.h"

/* Where: on `path`, in [start, start+size). */
struct fsmake_place {
	const char *path;
	uint64_t start_bytes;
	uint64_t size_bytes;
	uint32_t sector_bytes;
	bool zeroed;       /* the place reads as zeros: nothing needs to be cleared, now or after the first mount */
	bool reproducible; /* times are SOURCE_DATE_EPOCH, or 1980-01-01 where the environment has none */
};

enum fsmake_tool { FSMAKE_VFAT, FSMAKE_EXT4, FSMAKE_MKDIR, FSMAKE_COPY, FSMAKE_CHECK, FSMAKE_RESIZE };

/** Whether a program is there; searched in PATH and in the sbin folders. -ENOENT: no; the reason names its package. */
MUST_USE int fsmake_have(enum fsmake_tool tool, struct why *w);

/** @uuid  gives the volume number: its first 8 digits */
MUST_USE int fsmake_vfat(const struct fsmake_place *at, const char *label, const char *uuid, struct why *w);
/** With quota and project quota, since projects are how `data` is shared out. `hash_seed` is a GUID as well. */
MUST_USE int fsmake_ext4(const struct fsmake_place *at, const char *label, const char *uuid, const char *hash_seed,
			 struct why *w);

/** Put a file into a vfat filesystem; its folder must be there. Paths begin with '/'. */
MUST_USE int fsmake_put(const struct fsmake_place *at, const char *file, const char *path, struct why *w);
/** Make one folder in a vfat filesystem; it must not be there. */
MUST_USE int fsmake_folder(const struct fsmake_place *at, const char *path, struct why *w);
/** Whether a path can be made in a vfat filesystem: absolute, no odd parts, no characters that FAT has no room for. */
MUST_USE int fsmake_path_check(const char *path, struct why *w);
/** Bytes that files can take up in a vfat filesystem of that size; a little less than it has. */
uint64_t fsmake_vfat_room(uint64_t size_bytes, uint32_t sector_bytes, uint64_t *ret_cluster_bytes);

/**
 * Check an ext4 filesystem that is not mounted, mend what can be mended without asking, and make it fill size_bytes.
 * @path  a device or file that holds the filesystem and nothing else
 */
MUST_USE int fsmake_grow_ext4(const char *path, bool mounted, struct why *w);

#endif
