/*
 * tree - the files of one machine below one folder: "/" of this one, or a captured tree.
 * Layer:  tuning; may include base/ only. Act: reads files, changes nothing.
 * Trust:  none; everything read is bounded, and what does not fit its form is -EBADMSG with the file's name.
 *
 * Paths are relative to the folder: "sys/devices/system/cpu/online". A file that is not there is -ENOENT without a
 * reason, since many are missing on good machines: the caller says what that means. Every other reason has the full name.
 */
#ifndef TUNING_TREE_H
#define TUNING_TREE_H

#include <stdint.h>

#include "tuning/cpuset.h"

struct tree {
	int fd;           /* of the folder */
	const char *name; /* "" for this machine's root; borrowed */
	bool live;        /* this machine, now: system calls tell of it as well */
};

/** Open the folder, or this machine's "/" when `root` is NULL. The caller ends it with tree_close(). */
MUST_USE int tree_open(const char *root, struct tree *ret, struct why *w);
void tree_close(struct tree *t);

/* A path made up for one call: tree_text(t, tree_path("sys/cpu%u", cpu).s, ...). Empty, which is nowhere, when too long. */
struct tree_path {
	char s[1024];
};
struct tree_path tree_path(const char *fmt, ...) PRINTF(1, 2);

/** The whole file, at most max bytes, without NUL bytes; freed by the caller. */
MUST_USE int tree_text(const struct tree *t, const char *path, size_t max, char **ret, struct why *w);
/** A file with one whole number from min to max, and nothing else but the newline. */
MUST_USE int tree_number(const struct tree *t, const char *path, int64_t min, int64_t max, int64_t *ret, struct why *w);
/** A file with a list of CPUs. *ret must be empty before. */
MUST_USE int tree_cpus(const struct tree *t, const char *path, struct cpuset *ret, struct why *w);
/** Where a symlink points. */
MUST_USE int tree_link(const struct tree *t, const char *path, struct tree_path *ret, struct why *w);
/** Whether something can be found there. */
bool tree_has(const struct tree *t, const char *path);

struct tree_names {
	char **at;
	size_t n;
};
/** The names in a folder that are not hidden, in natural order ("cpu2" before "cpu10"). -E2BIG for more than max. */
MUST_USE int tree_list(const struct tree *t, const char *path, size_t max, struct tree_names *ret, struct why *w);
void tree_names_free(struct tree_names *n);
#define AUTO_NAMES CLEANUP(tree_names_free) struct tree_names

/** Record "FOLDER/PATH: what" as the reason of -EBADMSG, which is returned. */
int tree_bad(const struct tree *t, const char *path, struct why *w, const char *fmt, ...) PRINTF(4, 5);
#if defined(__clang_analyzer__) && !defined(TUNING_TREE_C) /* as in base/why.h */
#define tree_bad(...) (tree_bad(__VA_ARGS__), -EBADMSG)
#endif

#endif
