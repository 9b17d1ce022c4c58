/*
 * swapfile - swap files of our own: what there is, making one, switching it on and off, removing it.
 * Layer:  tuning; may include base/ only. Act.
 * Trust:  the folder is root's; what is at the names is looked at before it is used, and never followed.
 * Source: docs/formats/swapfile.md.
 *
 * A file is made without a name (O_TMPFILE), complete and on the medium before it gets one, so that whatever ends this
 * program or the machine leaves nothing half-made. Its name is the configured one, or that with ".1" to ".7" behind it:
 * swap grows by another file. Files that we made carry our label; nothing else is ever removed.
 *
 * Sizes are what can be swapped to, as /proc/swaps has it; the file is one page longer.
 */
#ifndef TUNING_SWAPFILE_H
#define TUNING_SWAPFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/vfs.h>

#include "base/why.h"
#include "tuning/tree.h"

#define SWAPFILE_MAX      8u
#define SWAPFILE_PATH     160u
#define SWAPFILE_LABEL    "tandem-swap"
#define SWAPFILE_PRIORITY 10 /* behind zram-generator's 100 */

/* The kernel's part; tests put another in its place. Each returns 0 or -errno. */
struct swap_ops {
	int (*statfs)(int fd, struct statfs *ret);
	int (*fallocate)(int fd, uint64_t bytes);
	int (*swapon)(const char *path, int flags);
	int (*swapoff)(const char *path);
};
extern const struct swap_ops swap_kernel;

struct swapfile {
	char path[SWAPFILE_PATH]; /* as seen in the tree */
	uint64_t bytes;           /* 0 when not valid */
	bool valid;               /* a swap area from end to end, without holes */
	bool own;                 /* carries our label */
	bool active;              /* in /proc/swaps */
	uint64_t active_bytes;    /* as it says there */
};

struct swapfiles {
	struct swapfile at[SWAPFILE_MAX];
	size_t n;
	char next[SWAPFILE_PATH]; /* where the next one goes; "" when there is no place, and `why` says why */
	char why[160];
};

/**
 * What is at `path` and its numbered successors.
 * A file of ours that is damaged and not in use does not take its name: the next one goes there, in its place. Anything
 * else that is no swap file (a folder, a symlink, somebody's file) does, and nothing goes past it.
 * Returns 0; -ENAMETOOLONG; -EBADMSG for a /proc/swaps that cannot be; -errno.
 */
MUST_USE int swapfile_survey(const struct tree *t, const char *path, struct swapfiles *ret, struct why *w);

/**
 * Whether a swap file can be in the folder of `path`: there, on a file system that can be written and swapped to.
 * @ret_free_bytes  for anyone, on that file system
 * Returns 0; -ENOENT, -ENOTDIR, -EROFS, -EOPNOTSUPP with the reason.
 */
MUST_USE int swapfile_place(const struct tree *t, const struct swap_ops *ops, const char *path,
			    uint64_t *ret_free_bytes, struct why *w);

/**
 * Switch one on that is there. One that is on already (-EBUSY from the kernel, and in /proc/swaps) is fine.
 * Returns 0; -errno, -EINVAL when the kernel cannot swap to the file as it is.
 */
MUST_USE int swapfile_activate(const struct tree *t, const struct swap_ops *ops, const char *path, struct why *w);

/**
 * Make one and switch it on. Where the kernel refuses unwritten blocks, once more with zeros written (never on btrfs).
 * A damaged file of ours in its place is removed first. Where blocks are smaller than pages the kernel leaves some out; a
 * longer file is made then, so that there is at least what was asked for.
 * @bytes  a multiple of the page size
 * Returns 0; -EEXIST when something else is in the place; -ENOSPC, -EOPNOTSUPP, -errno. No file is left on failure.
 */
MUST_USE int swapfile_create(const struct tree *t, const struct swap_ops *ops, const char *path, uint64_t bytes,
			     struct why *w);

/** Switch one of ours off and remove it. Returns 0; -EPERM when it is not ours; -errno: it is still there. */
MUST_USE int swapfile_remove(const struct tree *t, const struct swap_ops *ops, const char *path, struct why *w);

#endif
