/*
 * bundle_lock - encrypt a bundle that is being built: its chunks, as they are placed, and for whom.
 * Layer:  updater; the builder's side only.
 *
 * One with no recipients does nothing, so that builders need not ask.
 */
#ifndef UPDATER_BUNDLE_LOCK_H
#define UPDATER_BUNDLE_LOCK_H

#include "updater/chunks.h"
#include "updater/manifest.h"
#include "updater/recipient.h"

struct bundle_lock {
	const struct recipients *to; /* borrowed; NULL: the bundle is not encrypted */
	struct content_key key;
	uint8_t *room; /* for a chunk */
	size_t room_bytes;
};

/** A new key. @to ordered by recipients_sort(), borrowed; NULL or empty: nothing is encrypted */
void bundle_lock_begin(struct bundle_lock *l, const struct recipients *to, struct encryption *ret);
void bundle_lock_done(struct bundle_lock *l);
/** The key, for the tables; NULL when nothing is encrypted. */
const struct content_key *bundle_lock_key(const struct bundle_lock *l);

/**
 * Encrypt a chunk that goes to c->stored_offset, where nothing else ever goes.
 * @c       stored_bytes and stored_hash are changed
 * @stored  becomes what is to be written there, in memory of the lock until the next call
 * Returns 0; -ENOMEM.
 */
MUST_USE int bundle_lock_chunk(struct bundle_lock *l, struct chunk *c, struct bytes *stored, struct why *w);
/**
 * Seal the key for each recipient.
 * @table  room for recipient_table_bytes()
 * @e      its recipients_hash is set
 * Returns 0; -EINVAL (usage) a key that nothing can be sealed for.
 */
MUST_USE int bundle_lock_recipients(const struct bundle_lock *l, uint8_t *table, struct encryption *e, struct why *w);

#endif
