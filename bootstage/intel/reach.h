/*
 * reach - the nodes that a walk has met, each once, in the order in which it met them, with the depth of that.
 * Layer:  bootstage/intel. Pure but for its memory.
 */
#ifndef BOOTSTAGE_INTEL_REACH_H
#define BOOTSTAGE_INTEL_REACH_H

#include "base/why.h"
#include "bootstage/intel/idset.h"

/* The edge that a node was met over. */
struct reach_via {
	int64_t near; /* from this one */
	int16_t kind;
	bool forward; /* which is its source */
};

/* Start with { .most = N }. The first one is the start, of depth 0. */
struct reach {
	size_t most; /* that are kept */
	bool cut;    /* there were others */
	int64_t *ids;
	int16_t *depths;
	bool paths;            /* whether there is `via` */
	struct reach_via *via; /* of each; whoever adds a node fills it in */
	size_t n;
	size_t room; /* private from here */
	struct idset met;
};

void reach_free(struct reach *k);
#define AUTO_REACH CLEANUP(reach_free) struct reach

/** A node, unless it is there. Those of one depth come before those of the next. -ENOMEM; -EINVAL it is no id. */
MUST_USE int reach_add(struct reach *k, int64_t id, int depth, struct why *w);

#endif
