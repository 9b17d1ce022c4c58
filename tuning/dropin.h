/*
 * dropin - files of ours in folders that others own as well: written when they differ, removed only when they are ours.
 * Layer:  tuning; may include base/ only. Act.
 *
 * The first line of each, DROPIN_MARK, says whose it is. A file without it is somebody else's and is left alone.
 */
#ifndef TUNING_DROPIN_H
#define TUNING_DROPIN_H

#include "tuning/tree.h"

#define DROPIN_MARK "# Written by tandem-tune. Changes are lost; tandem-tune undo removes it.\n"

/**
 * Make `path` (relative) hold the mark and `text`; folders are made. *ret_changed becomes true when it was not so, and
 * stays as it is otherwise.
 * Returns 0; -EEXIST somebody else's file is there; -errno.
 */
MUST_USE int dropin_put(const struct tree *t, const char *path, const char *text, bool *ret_changed, struct why *w);
/** Make `path` a symlink to `target`. As dropin_put(); another symlink is replaced. */
MUST_USE int dropin_link(const struct tree *t, const char *path, const char *target, bool *ret_changed, struct why *w);
/** The text behind the mark, freed by the caller. Returns 0; -ENOENT, without a reason, when there is none of ours. */
MUST_USE int dropin_text(const struct tree *t, const char *path, char **ret, struct why *w);
/** Remove it if it is ours. What is not there or not ours is fine. A symlink is whose its target is, and goes before that. */
MUST_USE int dropin_drop(const struct tree *t, const char *path, bool *ret_changed, struct why *w);
/** Remove the folder of `path` if nothing is in it. */
void dropin_drop_folder(const struct tree *t, const char *path);

#endif
