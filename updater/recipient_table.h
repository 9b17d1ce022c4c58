/*
 * recipient_table - for whom a bundle's content key is sealed: the first part of its tables. Read in pieces of fixed size
 * however many recipients there are.
 * Layer:  updater; both sides.
 * Trust:  hostile until all of it was hashed and compared with the signed manifest; only then is a key tried.
 * Source: docs/formats/encryption.md, "Recipient table".
 */
#ifndef UPDATER_RECIPIENT_TABLE_H
#define UPDATER_RECIPIENT_TABLE_H

#include "updater/recipient.h"
#include "updater/seal.h"
#include "updater/source.h"

#define RECIPIENT_ENTRY_BYTES 88u /* id, and the content key in a sealed box */
#define RECIPIENT_EQUAL_MAX   32u /* entries that may be for one device's key ids */

/** Bytes of a table for n recipients. */
uint64_t recipient_table_bytes(uint64_t n);

/** The entry for one recipient. -EINVAL (usage) a key that nothing can be sealed for. */
MUST_USE int recipient_entry_seal(const struct recipient *r, const struct content_key *k,
				  uint8_t out[RECIPIENT_ENTRY_BYTES], struct why *w);

/**
 * Find the content key with any of the keys.
 * @at  where the table begins
 * @e   of the signed manifest
 * Returns 0; -EBADMSG not the table that was signed; -ENOKEY (refused, exit code 3) it is for none of the keys; -EKEYREJECTED
 * (refused) an entry is for one of them, but does not open or holds another bundle's key; -E2BIG over RECIPIENT_EQUAL_MAX
 * entries fit; the source's error.
 */
MUST_USE int recipient_table_unlock(struct source *src, uint64_t at, const struct encryption *e,
				    const struct decrypt_keys *keys, struct content_key *ret, struct why *w);

/**
 * The first ids of the table, checked as above, for display.
 * @ret  room for max ids
 * @ret_n  how many it holds then
 */
MUST_USE int recipient_table_ids(struct source *src, uint64_t at, const struct encryption *e, size_t max,
				 struct recipient_id *ret, size_t *ret_n, struct why *w);

#endif
