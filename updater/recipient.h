/*
 * recipient - who may read an encrypted bundle: X25519 keys and their text forms. Pure but for memory.
 * Layer:  updater; public halves on the builder's side, secret halves on the device.
 * Trust:  a key file is its owner's configuration, but still parsed as hostile text.
 * Source: docs/formats/encryption.md, "Key files".
 *
 * Secrets live in a struct that is wiped at the end of its scope: AUTO_DECRYPT struct decrypt_keys k = { 0 };
 */
#ifndef UPDATER_RECIPIENT_H
#define UPDATER_RECIPIENT_H

#include "base/bytes.h"
#include "base/why.h"

#define RECIPIENT_KEY_BYTES 32u
#define RECIPIENT_ID_HEX    17u         /* 16 digits and NUL */
#define RECIPIENT_TEXT_MAX  160u        /* one line of a list, or a whole secret key file, with its end */
#define RECIPIENTS_TEXT_MAX (32u << 20) /* a list of keys */
#define RECIPIENTS_MAX      65536u      /* of one bundle */
#define DECRYPT_KEYS_MAX    8u          /* that a device has */

struct recipient_id {
	uint8_t b[8]; /* the first of the BLAKE2b-256 of the key */
};

struct recipient {
	struct recipient_id id;
	uint8_t key[RECIPIENT_KEY_BYTES]; /* X25519 public key */
};

/* Growing list; start with an all-zero one. */
struct recipients {
	struct recipient *at; /* owned */
	size_t n, room;
};

struct decrypt_key {
	struct recipient recipient; /* the public half */
	uint8_t secret[RECIPIENT_KEY_BYTES];
};

/* What a reader of bundles may unlock with. */
struct decrypt_keys {
	struct decrypt_key at[DECRYPT_KEYS_MAX];
	size_t n;
};

void decrypt_keys_wipe(struct decrypt_keys *k);
void decrypt_key_wipe(struct decrypt_key *k);
#define AUTO_DECRYPT CLEANUP(decrypt_keys_wipe)

/** A public key with its id. */
struct recipient recipient_of(const uint8_t key[RECIPIENT_KEY_BYTES]);
/** Lower-case hex. Returns out. */
char *recipient_id_format(const struct recipient_id *id, char out[RECIPIENT_ID_HEX]);

/**
 * Append the keys of a list: its type line, then one key a line; names behind keys, comments and empty lines do not count.
 * Returns 0; -EBADMSG malformed, with the line; -EPROTONOSUPPORT a newer format; -EINVAL (usage) a key for signatures, or a
 * secret one; -E2BIG over RECIPIENTS_MAX; -ENOMEM.
 */
MUST_USE int recipients_parse(struct recipients *r, struct bytes text, struct why *w);
/** Order by id and drop repeated keys. */
void recipients_sort(struct recipients *r);
void recipients_done(struct recipients *r);
/** A list of one key. @name behind the key, may be NULL. Returns its length. */
size_t recipient_format(const struct recipient *r, const char *name, char out[RECIPIENT_TEXT_MAX]);

/** A new key pair. */
void decrypt_key_generate(struct decrypt_key *ret);
/**
 * Read a secret key file.
 * Returns 0; -EBADMSG malformed, or its halves do not belong together; -EPROTONOSUPPORT a newer format; -EINVAL (usage) a
 * key for signatures, or a public one.
 */
MUST_USE int decrypt_key_parse(struct bytes text, struct decrypt_key *ret, struct why *w);
/** Write a secret key file, which the caller wipes. Returns its length. */
size_t decrypt_key_format(const struct decrypt_key *k, char out[RECIPIENT_TEXT_MAX]);

/** Whether a text begins as one of the two files above: for those who read keys of another kind. */
bool recipient_is_text(struct bytes text);

#endif
