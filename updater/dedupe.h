/*
 * dedupe - which chunk of a bundle that is being built has the same content as one before: a hash set over the entries of
 * its chunk tables, which it borrows. Pure but for memory.
 * Layer:  updater; the builder's side only.
 */
#ifndef UPDATER_DEDUPE_H
#define UPDATER_DEDUPE_H

#include "updater/chunks.h"

struct dedupe {
	struct dedupe_slot *slots;
	size_t mask; /* number of slots - 1, a power of two - 1 */
};

struct dedupe_slot {
	const uint8_t *entry; /* as chunks_entry_format() wrote it; NULL: free */
	struct hash raw_hash;
};

/** Room for n chunks. -ENOMEM. */
MUST_USE int dedupe_init(struct dedupe *ret, uint64_t n, struct why *w);
void dedupe_done(struct dedupe *d);
/** The entry with this raw hash that was added first, or NULL. */
const uint8_t *dedupe_find(const struct dedupe *d, const struct hash *raw_hash);
/** Add an entry whose hash is not there yet; it stays where it is as long as the set. At most n of them. */
void dedupe_add(struct dedupe *d, const struct hash *raw_hash, const uint8_t *entry);

#endif
