/*
 * keys - Ed25519 secret keys in minisign's text form: make, lock with a password, unlock, sign. No files, no terminal.
 * Layer:  updater; the builder's side only: a device never holds a secret key.
 * Trust:  a key file is the builder's own, but still parsed as hostile text.
 * Source: minisign 0.11 ("Secret key format"); the password is stretched by scrypt (RFC 7914) as libsodium sets it up.
 *
 * Secrets live in a struct that is wiped at the end of its scope: AUTO_SECRET struct secret_key k = { 0 };
 */
#ifndef UPDATER_KEYS_H
#define UPDATER_KEYS_H

#include "updater/minisig.h"

#define KEYS_TEXT_MAX     1024u
#define KEYS_PASSWORD_MAX 1024u         /* bytes with NUL, as minisign */
#define KEYS_MEMORY_BYTES (1024u << 20) /* that scrypt uses to lock a key, as minisign */

struct secret_key {
	struct minisig_id id;
	uint8_t key[64]; /* seed and public key */
};

void keys_wipe(struct secret_key *k);
#define AUTO_SECRET CLEANUP(keys_wipe)

/** A new key with a random id. */
void keys_generate(struct secret_key *ret);
/** Its public half. */
struct minisig_key keys_public(const struct secret_key *k);

/**
 * Read a secret key file.
 * @password  NULL: the key is expected not to be locked
 * Returns 0; -ENOKEY it is locked and no password was given; -EACCES wrong password; -EBADMSG malformed, or its halves do
 * not belong together; -EPROTONOSUPPORT another algorithm; -E2BIG it asks for too much memory; -ENOMEM.
 */
MUST_USE int keys_parse(struct bytes text, const char *password, struct secret_key *ret, struct why *w);
/**
 * Write a secret key file, locked with `password` unless that is NULL. The caller wipes `out`.
 * @memory_bytes  for scrypt: KEYS_MEMORY_BYTES; less only where speed matters more than the secret
 * Returns 0; -ENOMEM.
 */
MUST_USE int keys_format(const struct secret_key *k, const char *password, uint64_t memory_bytes,
			 char out[KEYS_TEXT_MAX], struct why *w);

/**
 * Sign a message (prehashed) and write the signature file.
 * @trusted  the trusted comment, one printable line of at most MINISIG_TRUSTED_MAX bytes
 * Returns the length of what was written.
 */
size_t keys_sign(const struct secret_key *k, struct bytes message, const char *trusted, char out[MINISIG_TEXT_MAX]);

#endif
