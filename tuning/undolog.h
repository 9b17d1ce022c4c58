/*
 * undolog - what was before the first change: lines that `tandem-tune undo` puts back.
 * Layer:  tuning; may include base/ only. Format: no I/O.
 * Source: docs/formats/undolog.md.
 * Trust:  a file of root's in /run; what does not fit is an error with its line.
 */
#ifndef TUNING_UNDOLOG_H
#define TUNING_UNDOLOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/why.h"
#include "tuning/procfs.h"

#define UNDOLOG_MAX (4u << 20)

struct undolog {
	char *text; /* owned; NULL: empty */
};

struct undo_line {
	const char *kind;  /* "sysctl" */
	const char *name;  /* "vm.swappiness" */
	const char *value; /* may be empty, may hold blanks */
};

void undolog_free(struct undolog *l);
#define AUTO_UNDOLOG CLEANUP(undolog_free) struct undolog

/** Whether something is kept of that kind and name. */
bool undolog_has(const struct undolog *l, const char *kind, const char *name);
/**
 * Keep what it is, unless something is kept already: the first one counts.
 * Returns 0; -EINVAL a kind or name that is empty or has blanks, a value of several lines; -E2BIG; -ENOMEM.
 */
MUST_USE int undolog_add(struct undolog *l, const char *kind, const char *name, const char *value, struct why *w);
/** The next line of a text, which is cut up. Returns 1 with *ret filled; 0 at the end; -EBADMSG with its number. */
MUST_USE int undolog_next(struct lines *from, struct undo_line *ret, struct why *w);

#endif
