/*
 * semver - semantic versions: syntax and order. Pure.
 * Source: Semantic Versioning 2.0.0, sections 2, 9, 10, 11.
 */
#ifndef UPDATER_SEMVER_H
#define UPDATER_SEMVER_H

#include "base/bytes.h"
#include "base/why.h"

struct semver {
	uint64_t major, minor, patch;
	struct bytes
		pre; /* what follows '-', without it; borrowed from the text. Build metadata has no order: dropped */
};

/** -EBADMSG when s is no semantic version (or a number in it is over 64 bits). */
MUST_USE int semver_parse(const char *s, struct semver *ret, struct why *w);
/** Less than, equal to or greater than zero, as a precedes, equals or follows b. */
int semver_compare(const struct semver *a, const struct semver *b);

#endif
