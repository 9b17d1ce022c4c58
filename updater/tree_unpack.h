/*
 * tree_unpack - a tar stream into an empty folder: owners, modes, times, attributes, ACLs, hard links and holes kept.
 * Layer:  updater; act.
 * Trust:  as tree_read(); and libarchive's own guards (no links followed, no absolute names, no "..", nothing replaced)
 *         stand behind those checks.
 *
 * Changes the process's working directory while it works, since libarchive writes relative to it.
 */
#ifndef UPDATER_TREE_UNPACK_H
#define UPDATER_TREE_UNPACK_H

#include "updater/tree_read.h"

/**
 * Unpack into the folder behind `fd`. Owners by name where this system knows the name, else by number; without root
 * everything belongs to the caller. What was written is not durable yet (tree_store_publish()).
 * @ret  what was unpacked
 * Returns 0; -ENOSPC; what tree_read() returns; the file system's error. On failure there are remains in the folder.
 */
MUST_USE int tree_unpack(int fd, const struct tree_input *in, const struct tree_limits *limits, struct tree_limits *ret,
			 struct why *w);

#endif
