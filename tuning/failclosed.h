/*
 * failclosed - whether the product may start: a positive token per stage that says yes, and one lock that says no.
 * Layer:  tuning; may include base/ only. Act.
 * Source: REQUIREMENTS T5 (the lock) and C13 (the token: /var/lock is a tmpfs, and who crashes leaves no lock).
 *
 * /run/PRODUCT/NAME.ok is there only after NAME has passed in this boot. The product's units assert it, so that whatever
 * keeps NAME from passing, a crash included, keeps the product down. /var/lock/PRODUCT-resource-fail is there when
 * something has failed; it has a line "NAME: reason" for each, and goes with the last of them.
 */
#ifndef TUNING_FAILCLOSED_H
#define TUNING_FAILCLOSED_H

#include <stdbool.h>

#include "tuning/tree.h"

#define FAILCLOSED_NAME_MAX 64u

struct failclosed_state {
	bool token;
	bool lock;        /* of any name */
	char reason[400]; /* of this name's line in the lock; "" without one */
};

/**
 * Product and name are letters, digits, '.', '_' and '-', at most FAILCLOSED_NAME_MAX - 1, and start with a letter or
 * digit; else -EINVAL. All return 0 or -errno.
 */
/** NAME has passed: its line in the lock goes, then its token is made. */
MUST_USE int failclosed_pass(const struct tree *t, const char *product, const char *name, struct why *w);
/** NAME has failed: its token goes, then its line in the lock is made. The token is gone even when the lock cannot be made. */
MUST_USE int failclosed_fail(const struct tree *t, const char *product, const char *name, const char *reason,
			     struct why *w);
/** NAME is at work: its token goes, since nobody knows yet. */
MUST_USE int failclosed_begin(const struct tree *t, const char *product, const char *name, struct why *w);
/** As if NAME had never run. */
MUST_USE int failclosed_forget(const struct tree *t, const char *product, const char *name, struct why *w);
MUST_USE int failclosed_query(const struct tree *t, const char *product, const char *name, struct failclosed_state *ret,
			      struct why *w);

#endif
