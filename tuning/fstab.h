/*
 * fstab - the line of a swap file in /etc/fstab: whether it is there, adding it, taking it out.
 * Layer:  tuning; may include base/ only. Format: no I/O.
 * Trust:  text that people edit; what is not understood is kept as it is.
 * Source: fstab(5). Fields are set apart by blanks; a blank in a name is \040, a tab \011, a newline \012, a backslash \134.
 */
#ifndef TUNING_FSTAB_H
#define TUNING_FSTAB_H

#include <stdbool.h>

/** Whether some line makes swap of `path`. */
bool fstab_has_swap(const char *text, const char *path);
/** The text with such a line at its end: in allocated memory; NULL when there is none. */
char *fstab_add_swap(const char *text, const char *path, int priority);
/** The text without such lines; the same. */
char *fstab_drop_swap(const char *text, const char *path);

#endif
