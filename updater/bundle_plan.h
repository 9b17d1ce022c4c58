/*
 * bundle_plan - where everything in a new bundle goes, decided before the first byte of it is packed. Pure but for memory.
 * Layer:  updater; the builder's side only.
 *
 * Sizes of tables follow from how the inputs are cut; the manifest gets room for the longest `payload=` there can be, and empty
 * lines fill what is left; a signature's size does not depend on what it signs. So the payload is written once, in place.
 */
#ifndef UPDATER_BUNDLE_PLAN_H
#define UPDATER_BUNDLE_PLAN_H

#include "updater/bundle_header.h"
#include "updater/keys.h"
#include "updater/manifest.h"

struct bundle_plan {
	struct manifest manifest; /* raw_hash, table_hash and payload_bytes are still to be filled in; owned */
	struct bundle_header header;
	const struct secret_key *keys; /* borrowed */
	size_t n_keys;
	char trusted[MINISIG_TRUSTED_MAX]; /* trusted comment of the signatures */
	struct bytes statements;           /* of trust; borrowed */
};

/**
 * Plan a bundle.
 * @m      as a recipe has it, with size_bytes, chunks and index_blocks of each payload filled in
 * @keys   borrowed; none: prepared for signatures to be attached
 * @clock  seconds since 1970, for the trusted comment
 * @statements  of trust, borrowed; may be empty
 * @ret    ended by bundle_plan_done()
 * Returns 0; -EBADMSG, -E2BIG and others when the manifest would not be read back, or when a device
 * has no room for the head; -ENOMEM.
 */
MUST_USE int bundle_plan(const struct manifest *m, const struct secret_key *keys, size_t n_keys, int64_t clock,
			 struct bytes statements, struct bundle_plan *ret, struct why *w);
void bundle_plan_done(struct bundle_plan *p);

/**
 * Header, statements, signatures and manifest as they stand in the file, once the hashes and payload_bytes are in p->manifest.
 * @ret  bundle_header_tables_at() bytes, allocated
 */
MUST_USE int bundle_plan_head(struct bundle_plan *p, uint8_t **ret, struct hash *ret_id, struct why *w);

#endif
