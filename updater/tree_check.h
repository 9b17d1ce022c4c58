/*
 * tree_check - may this member of an archive be unpacked? Its name, its kind, and how much there is of everything.
 * Layer:  updater; decide. No files; memory grows with the number of members, 24 bytes each.
 * Trust:  members are hostile; the limits come from the signed manifest.
 * Source: docs/trees.md, "What a tree may hold".
 *
 * Nothing of a member is looked up in a file system: what may be written where follows from the members before alone. A
 * member's folder has to be a member before it, so that no name leads through a link.
 */
#ifndef UPDATER_TREE_CHECK_H
#define UPDATER_TREE_CHECK_H

#include "base/bytes.h"
#include "base/why.h"

#define TREE_PATH_MAX    3072u /* bytes with NUL; ROOT and the release's name come in front */
#define TREE_NAME_BYTES  255u  /* one part of a path */
#define TREE_DEPTH_MAX   128u  /* parts of a path */
#define TREE_TARGET_MAX  4096u /* bytes with NUL: where a symbolic link leads */
#define TREE_ENTRIES_MAX (4u << 20)

enum tree_kind { TREE_FOLDER, TREE_FILE, TREE_SYMLINK, TREE_HARDLINK, TREE_OTHER };

struct tree_member {
	const char *path;   /* NULL: it has none that can be read */
	const char *target; /* of a link; NULL otherwise */
	enum tree_kind kind;
	unsigned int mode; /* permission bits, 07777 */
	uint64_t size;     /* of a file, holes included */
};

struct tree_limits {
	uint64_t bytes;   /* of all files, holes included */
	uint64_t entries; /* members, the top folder included */
};

struct tree_names; /* the members so far */

struct tree_checker {
	struct tree_limits limits;
	struct tree_limits sum; /* so far */
	struct tree_names *names;
};

/** @c ended by tree_check_done() in any case. -ENOMEM. */
MUST_USE int tree_check_init(struct tree_checker *c, const struct tree_limits *limits, struct why *w);
void tree_check_done(struct tree_checker *c);

/**
 * Check a member and remember it.
 * @path    its path without "./", "//" and a slash at the end; "." for the top folder
 * @target  of a hard link: the same for what it leads to; otherwise left alone
 * Returns 0; -EBADMSG no member of a tree, with the reason; -E2BIG over a limit; -ENOMEM.
 */
MUST_USE int tree_check(struct tree_checker *c, const struct tree_member *m, char path[TREE_PATH_MAX],
			char target[TREE_PATH_MAX], struct why *w);

/** Whether an extended attribute of this name may be set: user.* and file capabilities. */
bool tree_xattr_allowed(const char *name);

/** A name as it can be shown: at most 120 bytes, what is not printable as '?'. Returns out. */
char *tree_show(const char *name, char out[124]);

#endif
