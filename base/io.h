/*
 * io - files: whole reads and writes, and writes that are durable when the call returns.
 *
 * The result of fsync and of close after a write is part of the result.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/why.h"

/** Close a descriptor that was written to. Sets *fd to -1. Returns 0 or -errno. */
MUST_USE int close_checked(int *fd, const char *name, struct why *w);

/** Exactly n bytes at off. -EIO when the file ends before. `name` is for the reason only. */
MUST_USE int pread_full(int fd, void *buf, size_t n, uint64_t off, const char *name, struct why *w);
MUST_USE int pwrite_full(int fd, const void *buf, size_t n, uint64_t off, const char *name, struct why *w);
/** Exactly n bytes to a stream descriptor. */
MUST_USE int write_full(int fd, const void *buf, size_t n, const char *name, struct why *w);

/**
 * Read a whole file of at most max bytes; a NUL follows the content, not counted.
 * dirfd may be AT_FDCWD. Returns 0; -E2BIG over the limit; -ENOENT and the like from open and read.
 * @ret   on success allocated, to be freed by the caller; untouched on failure
 */
MUST_USE int file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_n, struct why *w);

/**
 * Create or replace path by temp name, fsync, rename, fsync of the folder: old or new after a power cut, never torn.
 * The temp name is path with ".tmp" behind it, so that what a power cut leaves is removed by the next call; two writers
 * of one path need a lock of their own. A symlink at path is replaced, not followed. `mode` less the umask.
 * A failure leaves path as it was and no temp file, except for the last step: when the fsync of the folder fails, path is
 * new but may be old again after a power cut.
 */
MUST_USE int file_replace(int dirfd, const char *path, const void *buf, size_t n, mode_t mode, struct why *w);

/** mkdir -p; existing folders are fine. */
MUST_USE int dir_make(const char *path, mode_t mode, struct why *w);
/** fsync of a folder, so that names in it are durable. */
MUST_USE int dir_sync(const char *path, struct why *w);

/** Size in bytes of a regular file or block device. */
MUST_USE int fd_size(int fd, const char *name, uint64_t *ret_bytes, struct why *w);

#endif
