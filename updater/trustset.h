/*
 * trustset - which keys are believed, for what, and how many of them have to sign; and the signed statement that brings
 * the next such set.
 * Layer:  updater; format. Pure: no files, no allocation, no clock.
 * Trust:  a text is hostile until its signatures were checked (updater/trustchain.h); only its epoch is read before.
 * Source: docs/formats/trust.md.
 */
#ifndef UPDATER_TRUSTSET_H
#define UPDATER_TRUSTSET_H

#include "base/hash.h"
#include "updater/trust.h"

#define TRUSTSET_TEXT_MAX      (8u << 10)
#define TRUSTSET_STATEMENT_MAX (64u << 10) /* text and signatures */
#define TRUSTSET_CHAIN_MAX     (1u << 20)  /* statements, one after the other */
#define TRUSTSET_NAME_MAX      42u         /* with the NUL, as the next */
#define TRUSTSET_PRODUCT_MAX   64u

/* What a key is good for. */
enum trust_role {
	TRUST_ROOT,    /* signs trust sets */
	TRUST_RELEASE, /* signs bundles */
};
#define TRUST_ROLES 2u

struct trustset_key {
	char name[TRUSTSET_NAME_MAX]; /* for people */
	struct minisig_key key;
	bool role[TRUST_ROLES];
};

struct trustset {
	char product[TRUSTSET_PRODUCT_MAX]; /* whose devices it is for; "": a set that no text made, for any */
	uint64_t epoch;                     /* 0: made of the keys in a folder; a text's is 1 or more */
	struct hash text;                   /* of its text; zero with epoch 0 */
	unsigned int threshold[TRUST_ROLES];
	struct trustset_key keys[TRUST_KEYS_MAX];
	size_t n;
};

/* A trust set's text and the signatures below it; borrowed. */
struct statement {
	struct bytes text;
	struct bytes signatures; /* may be empty: not signed yet */
	uint64_t epoch;          /* that the text claims, in its third line */
};

/**
 * Read a text.
 * Returns 0; -EBADMSG malformed, a role whose threshold its keys cannot meet, a key twice; -EPROTONOSUPPORT a newer format;
 * -E2BIG over a limit. *ret untouched on failure.
 */
MUST_USE int trustset_parse(struct bytes text, struct trustset *ret, struct why *w);
/** Write one that trustset_parse() would accept. Returns its length without the NUL. */
size_t trustset_format(const struct trustset *s, char out[TRUSTSET_TEXT_MAX]);
/** Whether a set can be written and read back: its names, numbers and keys are in range. Errors as trustset_parse(). */
MUST_USE int trustset_check(const struct trustset *s, struct why *w);

/** Whether a text does as a key's name or as a product; `room` with the NUL. */
bool trustset_is_name(const char *s, size_t room);

/** The keys of one role, with its threshold. */
void trustset_role(const struct trustset *s, enum trust_role role, struct trust *ret);
/** The key with this id; NULL: none. */
const struct trustset_key *trustset_find(const struct trustset *s, const struct minisig_id *id);

/**
 * Take the first statement off *chain. Nothing is interpreted but where it ends, and its epoch.
 * Returns 0; -EBADMSG does not begin as one; -EPROTONOSUPPORT a newer format; -E2BIG. *chain stays on failure.
 */
MUST_USE int statement_next(struct bytes *chain, struct statement *ret, struct why *w);

/** "root", "release". */
const char *trust_role_name(enum trust_role role);

#endif
