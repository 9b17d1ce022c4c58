/*
 * enrich - many questions side by side: what is related to each of a list of nodes, over pools of connections, one for each
 * server.
 * Layer:  bootstage/intel. Act.
 * Trust:  the texts are anybody's.
 */
#ifndef BOOTSTAGE_INTEL_ENRICH_H
#define BOOTSTAGE_INTEL_ENRICH_H

#include "bootstage/intel/connpool.h"
#include "bootstage/intel/lookup.h"
#include "bootstage/intel/shard.h"

#define ENRICH_THREADS_MAX 64u
#define ENRICH_WAIT_MS     30000u /* for a connection */

/* One question, and what comes of it. */
struct enrich {
	const char *text;       /* a node, as lookup_node() has it; borrowed */
	struct answers start;   /* one, or none */
	struct answers related; /* without start, none */
	struct why why;         /* no such node, several of that name, the query took too long */
};

/**
 * Answer all of them, by so many threads with a connection to each server. With one server a connection that dies is replaced, and
 * the question asked again, up to four times; so it is with several as long as none answers.
 * @pools  1 to SHARDS_MAX; NULL: that server is silent, as is one whose connection died (related.silent)
 * @items  filled; each to be freed by enrich_free(), whatever is returned
 * Returns 0 when each has its answer, or a reason that is its own; the reason for which a question could not be asked.
 */
MUST_USE int enrich_run(struct connpool *const *pools, unsigned int n_pools, unsigned int threads,
			const struct relquery *q, struct enrich *items, size_t n, struct why *w);
void enrich_free(struct enrich *e);

#endif
