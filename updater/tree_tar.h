/*
 * tree_tar - the tar stream of a tree, for a bundle: a file that is one, or made of a folder.
 * Layer:  updater; the builder's side only.
 *
 * A folder gives the same bytes each time: members in the order of their names, no later than the clock, owned by root
 * (that the product cannot change itself); modes, links, holes, ACLs, user.* attributes and file capabilities as they are.
 */
#ifndef UPDATER_TREE_TAR_H
#define UPDATER_TREE_TAR_H

#include "updater/tree_check.h"

/**
 * Open the stream, and check it as a device will.
 * @path   a tar file without compression, or a folder
 * @beside a name in the folder where a temporary file may be made
 * @clock  seconds since 1970: later times become this
 * @ret    descriptor of a regular file, the caller closes it
 * @ret_limits  what comes out of it; each 1 or more
 * Returns 0; as tree_read() for what may not be in a tree; errors of the files.
 */
MUST_USE int tree_tar_open(const char *path, const char *beside, int64_t clock, int *ret,
			   struct tree_limits *ret_limits, struct why *w);

#endif
