/*
 * telstore - batches of telemetry to PostgreSQL: nodes by one upsert, edges by COPY, agents' numbers, in one transaction.
 * Layer:  bootstage/intel. Act; telpipe.h says when.
 *
 * Nodes that are new are made before that transaction begins: they harm nobody when it fails, and nobody waits for their
 * locks. Rows of a day that is not there go to telemetry_late.
 *
 * Several servers (shard.h): nodes are made at the first, the rows and the number of an agent are at its own, each server's in
 * one transaction. When one fails after another has committed, the batch comes again, and what is there already is known by
 * the numbers of its agents.
 */
#ifndef BOOTSTAGE_INTEL_TELSTORE_H
#define BOOTSTAGE_INTEL_TELSTORE_H

#include "bootstage/intel/partition.h"
#include "bootstage/intel/shard.h"
#include "bootstage/intel/store.h"
#include "bootstage/intel/telpipe.h"

/* One server, and what of a batch is for it. */
struct telshard {
	struct pg pg;
	struct day_list days;
	struct pg_rows edges, strays;
};

struct telstore {
	const struct store_opts *opts;
	const struct intelconf *conf;
	uint64_t late, unusable; /* rows: of no day that there is; with a value that is not of its type, dropped */
	struct why unusable_why; /* the first of them */
	struct why days_why;     /* why no days could be made, the last time that was tried */
	/* private from here */
	struct telshard at[SHARDS_MAX];
	unsigned int n;
	uint64_t days_ms; /* when they were last looked at; 0: never */
};

void telstore_done(struct telstore *s);

/* What struct telpipe_ops wants. */
MUST_USE int telstore_connect(struct telstore *s, struct telseqs *agents, struct why *w);
MUST_USE int telstore_store(struct telstore *s, struct telagg *rows, const struct telpipe_mark *marks, size_t n,
			    struct why *w);
void telstore_disconnect(struct telstore *s);

#endif
