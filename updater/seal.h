/*
 * seal - the content key of an encrypted bundle, and what is encrypted by it: XChaCha20-Poly1305 (IETF), per chunk and per
 * page of a table, so that random access stays. Pure.
 * Layer:  updater; both sides.
 * Trust:  what is unlocked was authenticated by its hash before; the tag shows a wrong key or a wrong place.
 * Source: docs/formats/encryption.md.
 *
 * A key encrypts one bundle and no place of it twice: then no nonce comes twice.
 */
#ifndef UPDATER_SEAL_H
#define UPDATER_SEAL_H

#include "base/hash.h"
#include "base/why.h"

#define SEAL_KEY_BYTES 32u
#define SEAL_TAG_BYTES 16u

struct content_key {
	uint8_t key[SEAL_KEY_BYTES];
	struct hash id; /* made of the key, tells nothing of it: `content` in the manifest */
};
void content_key_wipe(struct content_key *k);

/* What the manifest says of a bundle's encryption. */
struct encryption {
	uint64_t recipients;         /* 1 to RECIPIENTS_MAX; 0: the bundle is not encrypted */
	struct hash recipients_hash; /* of the recipient table */
	struct hash content;         /* id of the content key */
};

/* What a sealed piece is. Values are part of the format. */
enum seal_kind {
	SEAL_CHUNK = 1,   /* `at` is its stored_offset */
	SEAL_ENTRIES = 2, /* a page of entries; `at` is its number */
	SEAL_INDEX = 3,   /* a page of the index; `at` is its number */
};

struct seal_place {
	enum seal_kind kind;
	uint32_t payload; /* number of the payload in the manifest; 0 for SEAL_CHUNK, which payloads share */
	uint64_t at;
	uint32_t raw_bytes; /* of a chunk when it is decoded; of a page in clear */
};

/** A new key, and the id of one that is at hand. */
void content_key_generate(struct content_key *ret);
struct hash content_key_id(const uint8_t key[SEAL_KEY_BYTES]);

/** Encrypt. @ret holds clear.n + SEAL_TAG_BYTES bytes; may be where `clear` is */
void seal_lock(const struct content_key *k, const struct seal_place *at, struct bytes clear, uint8_t *ret);
/**
 * Decrypt. @ret holds sealed.n - SEAL_TAG_BYTES bytes; may be where `sealed` is
 * Returns 0; -EBADMSG it is not what was sealed with this key at this place: ret is then of no use.
 */
MUST_USE int seal_unlock(const struct content_key *k, const struct seal_place *at, struct bytes sealed, uint8_t *ret,
			 struct why *w);
/**
 * Hide a hash that stands in the signed text, or show it again (the same call does both).
 * @number  each is used for one value of the bundle
 */
struct hash seal_mask(const struct content_key *k, uint64_t number, const struct hash *h);

#endif
