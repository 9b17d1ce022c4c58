/*
 * pool - how many connections to the database there may be: what tuning makes of the machine, less where the server allows
 * less.
 * Layer:  bootstage/intel. Decide: no I/O.
 * Source: REQUIREMENTS N1, N11, C24.
 */
#ifndef BOOTSTAGE_INTEL_POOL_H
#define BOOTSTAGE_INTEL_POOL_H

#include <stdbool.h>

#include "tuning/profile.h"

#define POOL_SPARE 2u /* of what the server allows, for others: an administrator, a backup */

/* What the server says of itself. */
struct pool_server {
	int max_connections;
	int reserved;       /* for superusers and other roles */
	int role_limit;     /* of our role; -1: none */
	int database_limit; /* -1: none */
};

struct pool_plan {
	unsigned int wanted; /* by the machine */
	unsigned int size;
	char formula[160];
	char lowered[160]; /* why size is less; "": it is not */
};

/** @server  NULL: not known, and so no limit */
struct pool_plan pool_make(const struct derived *wanted, const struct pool_server *server);

#endif
