/*
 * headkeep - the head of a bundle in memory, for a source that pays for each read: its tables are read again and again.
 * Layer:  updater; the reading side.
 */
#ifndef UPDATER_HEADKEEP_H
#define UPDATER_HEADKEEP_H

#include "updater/bundle.h"

/* Not to be moved. */
struct headkeep {
	uint8_t *text;
	struct source memory, joined;
};

/**
 * Have b, which is open, read its head from memory from now on; nothing where reading costs nothing. As many bytes as
 * bundle_head_bytes(). -ENOMEM, the source's errors.
 * @ret  ended by headkeep_done() after the bundle, in any case
 */
MUST_USE int headkeep(struct bundle *b, struct headkeep *ret, struct why *w);
void headkeep_done(struct headkeep *k);

#endif
