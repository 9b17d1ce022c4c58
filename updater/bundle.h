/*
 * bundle - the reader of a bundle (.reup): from an untrusted source to a verified manifest, chunk tables and chunks.
 * Layer:  updater; the reading side; memory is bounded whatever the bundle's size (signatures 64 KiB,
 *         trust statements 1 MiB, manifest 1 MiB).
 * Trust:  hostile. Header: sizes within limits. Manifest: by its signatures (or known id) before it is parsed. Tables and
 *         chunks: see updater/chunks.h and updater/decode.h.
 * Source: docs/formats/bundle.md.
 *
 *	r = source_file(path, &src, &w);
 *	r = r ? r : trust_add_dir(&trust, "/etc/tandem/trust.d", &w);
 *	r = r ? r : bundle_open(&src, BUNDLE_WHOLE, &trust, &b, &w);
 *	r = r ? r : manifest_pick(&b.manifest, PAYLOAD_IMAGE, 'b', &p, &w);
 *	r = r ? r : bundle_chunks(&b, p, &table, &w);
 *	for (i = 0; !r && i < p->chunks; i++) {
 *		r = chunks_get(&table, i, &c, &w);
 *		r = r ? r : bundle_read_stored(&b, &c, stored, &w);
 *		r = r ? r : decoder_chunk(&d, &c, bytes_of(stored, c.stored_bytes), group + c.raw_offset % p->group_bytes, &w);
 *	}
 */
#ifndef UPDATER_BUNDLE_H
#define UPDATER_BUNDLE_H

#include "updater/bundle_header.h"
#include "updater/chunks.h"
#include "updater/recipient_table.h"
#include "updater/trust.h"

enum bundle_part {
	BUNDLE_WHOLE, /* the source must hold all of the payload area */
	BUNDLE_HEAD,  /* the source is a copy of the head, e.g. on the state partition: no payload is needed */
};

/* A bundle that is open. Readers may look at every field; only the functions below change them. */
struct bundle {
	struct source *src; /* borrowed */
	struct bundle_header header;
	struct hash id;             /* BLAKE2b-256 of the manifest text: the bundle's and the image's identity */
	struct bytes manifest_text; /* owned, as are the next two */
	struct bytes signatures_text;
	struct bytes trust_text; /* trust statements: signed by themselves, not covered by the manifest; may be empty */
	struct manifest manifest;
	struct signers signers;
	struct content_key *key; /* of an encrypted bundle that is unlocked: what chunks are decoded with; owned */
	bool unlocked;           /* it has its key, or it is not encrypted */
	bool verified;           /* by bundle_open() or bundle_open_id(); false: for display only */
};

/**
 * Read the head and verify it by its signatures.
 * @src  borrowed for the life of the bundle; further bytes after the bundle are ignored
 * @ret  on success ended by bundle_close(); untouched on failure
 * Returns 0; -EBADMSG not a bundle, damaged or truncated; -EPROTONOSUPPORT a newer format; -EKEYREJECTED (refused,
 * exit code 3) as signatures_verify(); -E2BIG over a limit of the format; -ENOMEM; or the source's error.
 */
MUST_USE int bundle_open(struct source *src, enum bundle_part part, const struct trust *trust, struct bundle *ret,
			 struct why *w);
/* Who is asked which keys sign bundles, once the bundle's trust statements are there (they may be none). */
struct bundle_judge {
	int (*keys)(void *arg, struct bytes statements, struct trust *ret, struct why *w);
	void *arg;
};
/** As bundle_open(), by the keys that the bundle's own statements lead to. Errors of judge->keys() as well. */
MUST_USE int bundle_open_by(struct source *src, enum bundle_part part, const struct bundle_judge *judge,
			    struct bundle *ret, struct why *w);
/** As bundle_open(), verified by an id that the caller already trusts (the boot record's image id). -EKEYREJECTED. */
MUST_USE int bundle_open_id(struct source *src, enum bundle_part part, const struct hash *id, struct bundle *ret,
			    struct why *w);
/** As bundle_open() without any verification: to show what a bundle claims, never to install it. */
MUST_USE int bundle_open_unverified(struct source *src, enum bundle_part part, struct bundle *ret, struct why *w);
/** From now on read from this source, which holds the same bundle; borrowed. */
void bundle_move(struct bundle *b, struct source *src);
/**
 * Find the key of an encrypted bundle; one in clear stays as it is. Until then it is locked: its chunks cannot be had, and
 * raw_hash and base_hash of its payloads are hidden.
 * @keys  borrowed for the call; NULL: there are none
 * Returns 0; -ENOKEY (refused, exit code 3) it is for none of the keys; -EKEYREJECTED (refused) the entry for one of them is
 * wrong; -EBADMSG damaged; the source's error.
 */
MUST_USE int bundle_unlock(struct bundle *b, const struct decrypt_keys *keys, struct why *w);
/** End it; all zero is fine. The source stays open. */
void bundle_close(struct bundle *b);

/**
 * The head is the bytes [0, bundle_head_bytes) of the source: header, trust, signatures, manifest, tables, padding. A copy of
 * them opens as BUNDLE_HEAD and is verified again there, so it may be copied with plain source_read().
 */
uint64_t bundle_head_bytes(const struct bundle *b);
/** Whole size of the bundle. */
uint64_t bundle_bytes(const struct bundle *b);

/** Open the chunk table of one of its payloads; ended by chunks_done(). */
MUST_USE int bundle_chunks(const struct bundle *b, const struct payload *p, struct chunks *ret, struct why *w);
/** Read a chunk's stored bytes (CHUNK_ZERO and CHUNK_COPY have none) into buf, which has room for c->stored_bytes. Not yet checked. */
MUST_USE int bundle_read_stored(const struct bundle *b, const struct chunk *c, void *buf, struct why *w);

#endif
