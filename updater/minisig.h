/*
 * minisig - public keys and signatures in minisign's text form, and the check of one signature.
 * Layer:  updater; pure: no files, no allocation.
 * Trust:  every text is hostile.
 * Source: minisign 0.11 (https://jedisct1.github.io/minisign/, "Signature format", "Public key format").
 *
 * Only prehashed signatures ("ED": Ed25519 over the BLAKE2b-512 of the message) are taken; the older form ("Ed") is refused.
 */
#ifndef UPDATER_MINISIG_H
#define UPDATER_MINISIG_H

#include "base/bytes.h"
#include "base/why.h"

#define MINISIG_COMMENT_MAX  1024u /* one comment line, whole */
#define MINISIG_TRUSTED_MAX  1024u /* trusted comment without its prefix; minisign itself allows 8 KiB */
#define MINISIG_KEY_TEXT_MAX 2048u /* a whole public key file */
#define MINISIG_TEXT_MAX     4096u /* a whole signature file */
#define MINISIG_GLOBAL_MAX   (64u + MINISIG_TRUSTED_MAX)
#define MINISIG_ID_HEX       17 /* 16 digits and NUL */

struct minisig_id {
	uint8_t b[8]; /* as stored */
};

struct minisig_key {
	struct minisig_id id;
	uint8_t key[32]; /* Ed25519 public key */
};

struct minisig {
	bool prehashed; /* "ED"; minisig_check() refuses the other form */
	struct minisig_id id;
	uint8_t signature[64]; /* of the message's BLAKE2b-512 */
	uint8_t global[64];    /* of `signature` followed by the trusted comment */
	struct bytes trusted;  /* trusted comment without its prefix; printable; borrowed from the text */
};

bool minisig_id_equal(const struct minisig_id *a, const struct minisig_id *b);
/** The id as minisign prints it: little-endian number, 16 upper-case hex digits. Returns out. */
char *minisig_id_format(const struct minisig_id *id, char out[MINISIG_ID_HEX]);

/** Read a public key file: an untrusted comment line and one line of base64, or that line alone. -EBADMSG. */
MUST_USE int minisig_key_parse(struct bytes text, struct minisig_key *ret, struct why *w);
/** Write a public key file as minisign does. Returns its length without the NUL. */
size_t minisig_key_format(const struct minisig_key *k, char out[MINISIG_KEY_TEXT_MAX]);

/**
 * Read one signature of four lines from the front of *text, which is moved past it (signatures may follow one another).
 * @ret  borrows from the text
 * Returns 0; -EBADMSG malformed; -EPROTONOSUPPORT an algorithm other than Ed25519. *text stays on failure.
 */
MUST_USE int minisig_parse(struct bytes *text, struct minisig *ret, struct why *w);
/** Write a signature file. @trusted one printable line of at most MINISIG_TRUSTED_MAX bytes. Returns its length. */
size_t minisig_format(const struct minisig *s, const char *untrusted, char out[MINISIG_TEXT_MAX]);

/** BLAKE2b-512 of the message: what is signed. */
void minisig_prehash(struct bytes message, uint8_t ret[64]);
/** What s->global signs: the signature and the trusted comment. Returns its length. */
size_t minisig_global_message(const struct minisig *s, uint8_t out[MINISIG_GLOBAL_MAX]);
/**
 * Whether `s` is a good signature by `k` of the message with this prehash, trusted comment included.
 * Returns 0; -EKEYREJECTED (refused, exit code 3) otherwise, also when it is another key's or not prehashed.
 */
MUST_USE int minisig_check(const struct minisig *s, const struct minisig_key *k, const uint8_t prehash[64],
			   struct why *w);

#endif
