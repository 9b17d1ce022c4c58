/*
 * finding - what one check of a preflight found, and how it gets into the report. With the checks that an install of an
 * image and of a tree have in common.
 * Layer:  updater; for preflight.c and tree_preflight.c.
 */
#ifndef UPDATER_FINDING_H
#define UPDATER_FINDING_H

#include "updater/preflight.h"

/* In words; a check that failed has its reason in a struct why instead. */
struct finding {
	char text[256];
	bool unknown;
};

/** Say it. Returns 0, so that a check ends with it. */
int found(struct finding *f, const char *fmt, ...) PRINTF(2, 3);
/** Note a check that returned r. Returns whether it passed. */
bool preflight_note(struct preflight *p, const char *name, const struct finding *f, int r, const struct why *w);

/** Whether the bundle was verified; whether it is for this machine; whether an encrypted one is unlocked, and why not. */
MUST_USE int found_signature(const struct bundle *b, struct finding *f, struct why *w);
MUST_USE int found_compatible(const struct bundle *b, const char *want, struct finding *f, struct why *w);
MUST_USE int found_key(const struct bundle *b, const struct why *locked, struct finding *f, struct why *w);

#endif
