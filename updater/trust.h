/*
 * trust - the public keys a device believes, and how many of them have to sign.
 * Layer:  updater; the reading side.
 * Trust:  the key files are configuration; the signatures are hostile.
 */
#ifndef UPDATER_TRUST_H
#define UPDATER_TRUST_H

#include "updater/minisig.h"

#define TRUST_KEYS_MAX       32u
#define TRUST_SIGNATURES_MAX 32u

struct trust {
	struct minisig_key keys[TRUST_KEYS_MAX]; /* ids and keys are all different */
	size_t n;
	unsigned int threshold; /* distinct keys that must sign; 1 or more */
};

/* One signature that a bundle carries. */
struct signer {
	struct minisig_id id;
	struct bytes comment; /* trusted comment; only when `trusted` is it more than a claim; borrowed from the text */
	bool trusted;         /* by a key of the trust set, and good */
};

struct signers {
	struct signer at[TRUST_SIGNATURES_MAX];
	size_t n;
	unsigned int good;     /* distinct trusted keys with a good signature */
	unsigned int required; /* the threshold; 0 when nothing was checked */
};

/**
 * Every *.pub file of a folder, in the order of their names. Start with an all-zero *t or add to one.
 * Returns 0; -ENODATA no key there; -EBADMSG a bad file, or one id with two keys; -E2BIG over TRUST_KEYS_MAX.
 */
MUST_USE int trust_add_dir(struct trust *t, const char *dir, struct why *w);
/** One public key file. The same key again changes nothing. */
MUST_USE int trust_add_file(struct trust *t, const char *path, struct why *w);
MUST_USE int trust_add(struct trust *t, const struct minisig_key *k, const char *name, struct why *w);

/**
 * Check the signatures that follow one another in a text. Keys count, not signatures: two of one key count once.
 * A signature by a key that is not in the set is ignored for the count; one by a trusted key that does not verify is
 * an error, because somebody changed what that key had signed.
 * @ret  filled on success; borrows from `signatures`
 * Returns 0; -EKEYREJECTED (refused) a bad signature or fewer than threshold keys, saying how many of how many and
 * which; -EBADMSG malformed; -E2BIG over TRUST_SIGNATURES_MAX; -EINVAL a threshold that this set can never meet.
 */
MUST_USE int signatures_verify(const struct trust *t, struct bytes message, struct bytes signatures,
			       struct signers *ret, struct why *w);
/** As signatures_verify(), whatever the threshold: how many keys have signed so far. */
MUST_USE int signatures_count(const struct trust *t, struct bytes message, struct bytes signatures, struct signers *ret,
			      struct why *w);
/** The same list without any check, all `trusted` false: for display. */
MUST_USE int signatures_list(struct bytes signatures, struct signers *ret, struct why *w);

#endif
