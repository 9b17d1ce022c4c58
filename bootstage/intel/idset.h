/*
 * idset - a set of node ids: which of them a walk has met.
 * Layer:  bootstage/intel. Pure but for its memory: open addressing, at most two thirds full.
 */
#ifndef BOOTSTAGE_INTEL_IDSET_H
#define BOOTSTAGE_INTEL_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

/* Start with { 0 }. Ids are 1 and up, as PostgreSQL counts them. */
struct idset {
	int64_t *slots; /* 0: empty */
	size_t room, n;
};

void idset_free(struct idset *s);
#define AUTO_IDSET CLEANUP(idset_free) struct idset

/** Returns 1 when it is new, 0 when it was there; -ENOMEM; -EINVAL for an id that is none. */
MUST_USE int idset_add(struct idset *s, int64_t id);
bool idset_has(const struct idset *s, int64_t id);

#endif
