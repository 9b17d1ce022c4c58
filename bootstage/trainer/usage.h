/*
 * usage - how much of a disk a folder takes up.
 * Layer:  bootstage/trainer. Act: looks, changes nothing.
 * Trust:  the folder is a job's, which may do as it likes in it while it is being counted.
 * Source: REQUIREMENTS R2, R7; docs/trainer.md, "Disk".
 *
 * What counts is the blocks that are taken up, folders included, since that is what fills a disk and what a quota counts. The
 * sum of the files' sizes is told as well: it is too much for a file with holes and too little for many small ones. A file
 * with several names in the folder counts once. Symlinks are never followed, other file systems and whatever is mounted
 * below are passed over. What vanishes meanwhile does not count; what may not be read is counted and named.
 */
#ifndef BOOTSTAGE_TRAINER_USAGE_H
#define BOOTSTAGE_TRAINER_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/why.h"

#define USAGE_DENIED_MAX 256u

struct usage {
	uint64_t allocated_bytes; /* blocks that are taken up, of all there is */
	uint64_t size_bytes;      /* sizes of the regular files */
	uint64_t files;           /* that are no folders; each once */
	uint64_t folders;         /* the one that was asked for included */
	uint64_t mounts;          /* passed over */
	uint64_t denied;          /* folders of which only the name is known: their content is missing in the sums */
	char denied_path[USAGE_DENIED_MAX]; /* one of them, cut where it is long; "": none */
};

/* Empty files take up no blocks, and yet a disk has only so many: of a cap each stands for at least so much. */
#define USAGE_PER_FILE 4096u
static inline uint64_t usage_of_cap(const struct usage *u)
{
	uint64_t least = (u->files + u->folders) * USAGE_PER_FILE;

	return u->allocated_bytes > least ? u->allocated_bytes : least;
}

struct usage_folder;
/* A regular file that was met. */
struct usage_file {
	const struct usage_folder *folder;
	const char *name; /* in it */
	const struct statx *st;
};

/**
 * Called for every name of a regular file, from several threads at once; a file with two names comes twice. It must not
 * wait long.
 */
typedef void (*usage_visit)(void *arg, const struct usage_file *file);

/**
 * The path of a file below the folder that was asked for.
 * Returns 0; -ENAMETOOLONG, and then ret is untouched.
 */
MUST_USE int usage_path(const struct usage_file *file, char *ret, size_t room);

/**
 * Count a folder.
 * @dirfd    of it, or AT_FDCWD
 * @path     below dirfd; "." for dirfd itself. A symlink at its end is refused
 * @visit    NULL: nobody wants to know
 * @ret      untouched on failure
 * Returns 0; -ENOENT, -ENOTDIR, -ELOOP, -EACCES when the folder itself cannot be opened; -ENOMEM; -EIO and the like when a
 * folder in it could not be read to its end.
 */
MUST_USE int usage_scan(int dirfd, const char *path, usage_visit visit, void *arg, struct usage *ret, struct why *w);

#endif
