/*
 * loadids - the numbers of nodes that a load has met: a table of a fixed size, in which what was met lately takes the place of
 * others.
 * Layer:  bootstage/intel. Pure but for memory, and for the key of its hash, which is random in each process.
 * Trust:  keys come from feeds; that two of them meet under one mark cannot be arranged.
 */
#ifndef BOOTSTAGE_INTEL_LOADIDS_H
#define BOOTSTAGE_INTEL_LOADIDS_H

#include "base/bytes.h"
#include "base/why.h"

#define LOAD_IDS 65536u /* of 24 bytes */

/* Of a node's key, 128 bits of SipHash. */
struct load_mark {
	uint64_t low, high;
};

struct load_id {
	struct load_mark mark;
	int64_t id; /* 0: none */
};

/* Start with { 0 }, which knows nothing and keeps nothing. */
struct load_ids {
	struct load_id *at;
};

MUST_USE int load_ids_init(struct load_ids *s, struct why *w);
void load_ids_free(struct load_ids *s);
void load_ids_clear(struct load_ids *s);

struct load_mark load_mark(struct bytes key);
bool load_mark_equal(const struct load_mark *a, const struct load_mark *b);

/** 0 when it is not known. */
int64_t load_ids_get(const struct load_ids *s, const struct load_mark *m);
void load_ids_put(struct load_ids *s, const struct load_mark *m, int64_t id);

#endif
