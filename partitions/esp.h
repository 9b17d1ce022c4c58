/*
 * esp - files on the EFI system partition: put there whole and verified, or not at all.
 * Layer:  partitions; act. Paths are below the ESP's root, with '/', as in system.conf.
 *
 * A file is written under PATH.new, flushed, read back past the page cache and compared, renamed, and the file system
 * flushed. A power cut leaves the old file, none, or the new one; never half of one under the final name. FAT has no
 * journal: that a rename is one write of one sector rests on both names lying in the same sector of their folder, so each
 * boot file has a folder of its own (DESIGN section 3).
 */
#ifndef PARTITIONS_ESP_H
#define PARTITIONS_ESP_H

#include "base/hash.h"
#include "base/why.h"

#define ESP_BOOT_FILE_MAX (512ull << 20) /* a boot file; far above any kernel image */
#define ESP_TEMP_SUFFIX   ".new"

struct esp;
/* The durable primitives, so that a test can record and replay them. `path` is below the root of the ESP. */
struct esp_ops {
	int (*create)(struct esp *e, const char *path, int *ret_file, struct why *w); /* folders too; empties it */
	int (*append)(struct esp *e, int file, const void *buf, size_t n, struct why *w);
	int (*finish)(struct esp *e, int file, struct why *w); /* flush and close */
	int (*rename)(struct esp *e, const char *from, const char *to, struct why *w);
	int (*remove)(struct esp *e, const char *path, struct why *w); /* -ENOENT when not there */
	int (*sync)(struct esp *e, struct why *w);                     /* everything above is durable */
	/* Open for reading past the page cache where possible; read all with read_at until 0; closed by close_read. */
	int (*open_read)(struct esp *e, const char *path, int *ret_file, uint64_t *ret_bytes, struct why *w);
	int (*read_at)(struct esp *e, int file, void *buf, size_t n, uint64_t off, size_t *ret_n, struct why *w);
	void (*close_read)(struct esp *e, int file);
	int (*free_bytes)(struct esp *e, uint64_t *ret, struct why *w);
};

struct esp {
	const struct esp_ops *ops;
	int root; /* of the default ops: the mounted root folder */
	char mounted_at[64];
};

/** Mount the vfat file system on `device` read-write in a folder of our own below /run/tandem. */
MUST_USE int esp_open(const char *device, struct esp *ret, struct why *w);
/** A folder that stands for an ESP (an image builder's tree, a test). */
MUST_USE int esp_open_folder(const char *path, struct esp *ret, struct why *w);
/** Flush and unmount; one that was never opened (all zero) is fine. */
MUST_USE int esp_close(struct esp *e, struct why *w);

/* A file being put. */
struct esp_put {
	struct esp *esp;
	const char *path; /* borrowed */
	char temp[160];
	int file;
	uint64_t bytes;
	struct hasher hasher;
};
/** Start to put a file; what an earlier, interrupted put left is overwritten. @ret untouched on failure. */
MUST_USE int esp_put_begin(struct esp *e, const char *path, struct esp_put *ret, struct why *w);
/** On failure the caller cancels. -ENOSPC: the file system is full; -E2BIG: over ESP_BOOT_FILE_MAX. */
MUST_USE int esp_put_add(struct esp_put *p, struct bytes data, struct why *w);
/**
 * Flush, read back and compare, rename into place, flush the file system. Ends the put in any case. On failure the old
 * file is still there, except when only the last flush failed: then it is the old or the new one.
 */
MUST_USE int esp_put_end(struct esp_put *p, struct why *w);
/** Give up: nothing of it stays. One that was ended, or never begun (all zero), is fine. */
void esp_put_cancel(struct esp_put *p);

/** Remove a file durably; one that is not there is fine. */
MUST_USE int esp_remove(struct esp *e, const char *path, struct why *w);
/** Make `to` a copy of `from`, as put above; nothing is written when it is one already. */
MUST_USE int esp_copy(struct esp *e, const char *from, const char *to, struct why *w);
/** Size and BLAKE2b-256 of a file as the medium has it. -ENOENT when not there. */
MUST_USE int esp_hash(struct esp *e, const char *path, struct hash *ret, uint64_t *ret_bytes, struct why *w);
/** Size of a file. -ENOENT when not there. */
MUST_USE int esp_size(struct esp *e, const char *path, uint64_t *ret_bytes, struct why *w);
MUST_USE int esp_free(struct esp *e, uint64_t *ret_bytes, struct why *w);

#endif
