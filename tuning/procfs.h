/*
 * procfs - the text of the /proc files that facts are made of, and of a captured tree's addition to them, line by line.
 * Layer:  tuning; may include base/ only. Format: no I/O.
 * Trust:  the kernel's, but it may come from a captured tree: anything that does not fit is refused with its line.
 * Source: proc(5); kernel mm/swapfile.c (swap_show), fs/proc_namespace.c (show_mountinfo), kernel/cgroup/cgroup.c
 *         (proc_cgroup_show).
 *
 * Names are written with \ooo for blanks, newlines and backslashes; here they are plain again. The text is cut up in
 * place, and what is returned points into it.
 */
#ifndef TUNING_PROCFS_H
#define TUNING_PROCFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

/* Where the next line is; starts as { .at = text }. */
struct lines {
	char *at;
	unsigned int n; /* lines cut so far */
};

/** MemTotal of /proc/meminfo. -EBADMSG when there is none, or when it is no amount of kB. */
MUST_USE int meminfo_total(char *text, uint64_t *ret_bytes, struct why *w);

/* One line of /proc/swaps. */
struct swap_line {
	const char *name; /* of the file or device, as seen from the root of whoever read it */
	bool file;        /* else a partition or another block device */
	bool deleted;     /* the name is gone, the area is still in use */
	uint64_t bytes;
	uint64_t used_bytes;
	int priority;
};

/** The next area. Returns 1 with *ret filled; 0 at the end; -EBADMSG with the line in the reason. */
MUST_USE int swaps_next(struct lines *from, struct swap_line *ret, struct why *w);

/* One line of /proc/self/mountinfo. */
struct mount_line {
	unsigned int major, minor;
	const char *root;   /* folder of the file system that is mounted */
	const char *point;  /* where */
	const char *type;   /* "ext4" */
	const char *source; /* "/dev/vda1", or what the file system calls it; may be empty */
	bool read_only;     /* the mount or the file system */
};

/** The next mount. Returns 1 with *ret filled; 0 at the end; -EBADMSG with the line in the reason. */
MUST_USE int mountinfo_next(struct lines *from, struct mount_line *ret, struct why *w);

/* One line of a captured tree's tandem/statfs (docs/formats/facts.md): what statvfs(2) said of a mount point. */
struct statfs_line {
	const char *point;
	uint64_t size_bytes;
	uint64_t free_bytes;
};

/** The next one. Returns 1 with *ret filled; 0 at the end; -EBADMSG with the line in the reason. */
MUST_USE int statfs_next(struct lines *from, struct statfs_line *ret, struct why *w);

/**
 * Path of the own group in the version 2 hierarchy, from /proc/self/cgroup ("0::/user.slice/x").
 * Returns 0; -ENODATA, without a reason, when there is no version 2; -EBADMSG.
 */
MUST_USE int cgroup_path(char *text, const char **ret, struct why *w);

/** Whether a text of words, such as cgroup.controllers, has this one. */
bool words_have(const char *text, const char *word);

#endif
