/*
 * trustdir - what an image brings to be trusted: public keys and trust statements in folders.
 * Layer:  updater; act.
 * Trust:  part of the running image, as believed as that is.
 */
#ifndef UPDATER_TRUSTDIR_H
#define UPDATER_TRUSTDIR_H

#include "updater/trustchain.h"

struct trustdir_from {
	const char *keys;    /* folder with *.pub and *.trust */
	const char *roots;   /* folder with *.pub; NULL or "": those in `keys` are the roots as well */
	const char *product; /* "": any */
	unsigned int threshold;
	unsigned int root_threshold; /* 0: as threshold */
};

struct trustdir {
	struct trustset anchor; /* the keys as a set of epoch 0; without keys, the first statement's set */
	bool has_anchor;
	struct why why; /* without an anchor: why */
	uint8_t *chain; /* all statements, in the order of their files' versioned names; owned */
	size_t chain_n;
};

/**
 * Read the folders. Without keys and statements there is no anchor; that is not a failure, since what was accepted before
 * counts all the same.
 * @ret  ended by trustdir_done() in any case
 * Returns 0; -E2BIG more than TRUSTSET_CHAIN_MAX of statements; -ENOMEM; errors of the files.
 */
MUST_USE int trustdir_read(const struct trustdir_from *from, struct trustdir *ret, struct why *w);
void trustdir_done(struct trustdir *d);

/** Add a file of statements to a chain, which is owned by the caller. Errors as trustdir_read(). */
MUST_USE int chain_add_file(const char *path, uint8_t **chain, size_t *chain_n, struct why *w);
/** A set of epoch 0 of keys that are given as they are. @roots NULL: the keys. */
void trustset_of(const struct trust *keys, const struct trust *roots, struct trustset *ret);

#endif
