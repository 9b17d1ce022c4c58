/*
 * tree_store - the folder of the trees: journal, links, trees and their remains. What it writes is durable when it returns.
 * Layer:  updater; act.
 * Source: docs/trees.md, "On the disk".
 *
 *	ROOT/current -> releases/VERSION-ID       what runs
 *	ROOT/next -> releases/VERSION-ID          what is being switched to
 *	ROOT/releases/VERSION-ID                  a tree
 *	ROOT/releases/.VERSION-ID.new or .old     one that is being unpacked, or removed
 *	ROOT/.tandem/journal.0, journal.1, lock
 */
#ifndef UPDATER_TREE_STORE_H
#define UPDATER_TREE_STORE_H

#include "updater/tree_plan.h"

#define TREE_STOCK_MAX 256u

struct tree_store {
	const char *root; /* borrowed; for reasons */
	int root_fd, releases_fd, meta_fd, lock_fd;
	unsigned int turn;   /* which copy of the journal the next write replaces */
	bool has_record;     /* tree_store_load() found one */
	char damage[2][200]; /* what is wrong with a copy; empty: nothing, or there is none */
};

/**
 * Open it.
 * @write  make what is missing, and lock it against others
 * @ret    ended by tree_store_close() in any case
 * Returns 0; -ENOENT without `write`: there are no trees; -EBUSY (refused) locked; -errno.
 */
MUST_USE int tree_store_open(const char *root, bool write, struct tree_store *ret, struct why *w);
void tree_store_close(struct tree_store *s);

/**
 * Read the journal: the copy with the higher sequence of those that are good.
 * @ret  an empty one (sequence 0) when there is none
 * Returns 0; -EBADMSG there are copies, but no good one (see `damage`); -EPROTONOSUPPORT newer; -errno.
 */
MUST_USE int tree_store_load(struct tree_store *s, struct tree_record *ret, struct why *w);
/** Write it over the older copy, with the next sequence number. */
MUST_USE int tree_store_save(struct tree_store *s, struct tree_record *rec, struct why *w);

/** What ROOT/current or ROOT/next names: "" no such link; "?" something that is none of ours. */
MUST_USE int tree_store_link_get(const struct tree_store *s, bool next, char ret[TREE_NAME_MAX], struct why *w);
/** Swap the link by rename; NULL: remove it. -EISDIR and others when something else is in its place. */
MUST_USE int tree_store_link_set(const struct tree_store *s, bool next, const char *name, struct why *w);

/** Whether remains are there; remove them. */
MUST_USE int tree_store_partial(const struct tree_store *s, bool *ret, struct why *w);
MUST_USE int tree_store_clean(const struct tree_store *s, struct why *w);
/** Whether the tree is there. */
bool tree_store_has(const struct tree_store *s, const char *name);

/** An empty folder to unpack into; remains of that name are removed first. @ret its descriptor, the caller closes it */
MUST_USE int tree_store_begin(const struct tree_store *s, const char *name, int *ret, struct why *w);
/** All in it is made durable, and it gets its name; a tree of that name is replaced, and must not be in use. */
MUST_USE int tree_store_publish(const struct tree_store *s, const char *name, int fd, struct why *w);

/** The trees on the disk, by name. @ret allocated */
MUST_USE int tree_store_list(const struct tree_store *s, struct tree_stock **ret, size_t *ret_n, struct why *w);
/** Remove a tree. */
MUST_USE int tree_store_remove(const struct tree_store *s, const char *name, struct why *w);
/** Bytes that are free on its file system, and inodes (UINT64_MAX: it has no limit). */
MUST_USE int tree_store_room(const struct tree_store *s, uint64_t *ret_bytes, uint64_t *ret_inodes, struct why *w);

#endif
