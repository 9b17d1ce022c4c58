/*
 * fetchplan - what becomes of each chunk of an image: the target has it, the base has it, or it is fetched. Two bits each.
 * Layer:  updater; decide. Pure but for memory (docs/install.md, "The plan").
 */
#ifndef UPDATER_FETCHPLAN_H
#define UPDATER_FETCHPLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

enum chunk_fate {
	FATE_FETCH, /* from the bundle; what an empty plan says of every chunk */
	FATE_COPY, /* the base seems to hold all of its blocks: copied from there, or fetched when they are not the ones */
	FATE_HAVE, /* the target holds it already */
};

struct fetchplan {
	uint8_t *bits;
	uint64_t n; /* chunks */
};

/** Of n chunks, all FATE_FETCH. -ENOMEM. */
MUST_USE int fetchplan_init(struct fetchplan *ret, uint64_t n, struct why *w);
void fetchplan_done(struct fetchplan *p);

/** What is best for a chunk: @same the target holds it; @found the base seems to. */
enum chunk_fate fate_choose(bool same, bool found);

/** i is below n. */
void fetchplan_set(struct fetchplan *p, uint64_t i, enum chunk_fate fate);
enum chunk_fate fetchplan_get(const struct fetchplan *p, uint64_t i);

#endif
