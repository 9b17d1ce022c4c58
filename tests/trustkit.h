/*
 * trustkit - keys and signed trust statements, for tests.
 */
#ifndef TESTS_TRUSTKIT_H
#define TESTS_TRUSTKIT_H

#include "updater/keys.h"
#include "updater/trustset.h"

#define KIT_KEYS 8u

/* Keys that are named 0 to 7. */
struct trustkit {
	struct secret_key keys[KIT_KEYS];
};
void trustkit_make(struct trustkit *k);

/** A set: keys by their numbers, e.g. roots "01", releases "23". */
struct trustset trustkit_set(const struct trustkit *k, uint64_t epoch, const char *roots, unsigned int root_threshold,
			     const char *releases, unsigned int release_threshold);
/** Its text, signed by these keys, appended to a text in `out`, which holds TRUSTSET_CHAIN_MAX. Returns the new length. */
size_t trustkit_sign(const struct trustkit *k, const struct trustset *s, const char *signers, char *out, size_t n);
/** The same, as the first statement of `out`, taken off it again. */
struct statement trustkit_statement(const struct trustkit *k, const struct trustset *s, const char *signers, char *out);

#endif
