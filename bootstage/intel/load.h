/*
 * load - records into the store: in batches, over several connections that work while the next batches fill.
 * Layer:  bootstage/intel. Act.
 * Trust:  records come from feeds; what the server refuses is set aside alone, and not tried again unchanged.
 * Source: docs/loading.md.
 *
 * One thread. A batch is one transaction: a record with its text and all that it says is there, or nothing of it; only the
 * nodes that it names may be there before. So a load that ends in the middle is taken up by loading the feed again: what is
 * there costs one look.
 *
 * A record that names what is not there yet is put aside, in memory, as long as there is room for it: feeds often name
 * things before they bring them. What is put aside is not in the store in any part but its node, until load_finish().
 */
#ifndef BOOTSTAGE_INTEL_LOAD_H
#define BOOTSTAGE_INTEL_LOAD_H

#include "bootstage/intel/graph.h"
#include "bootstage/intel/pg.h"

#define LOAD_LANES_MAX 8u

struct load_options {
	int (*connect)(void *arg, struct pg *ret, struct why *w); /* also after a connection was lost */
	void *arg;
	const char *feed;
	unsigned int lanes;       /* connections; 0: 2 */
	size_t rows;              /* of a batch; 0: 5,000 */
	size_t bytes;             /* of a batch in memory; 0: 8 MiB. Three times that per lane is held */
	unsigned int reconnect_s; /* how long a server that went away is waited for; 0: not at all */
	bool (*stop)(void);       /* asked now and then; NULL: never */
};

struct load_stats {
	uint64_t records;   /* that came */
	uint64_t doubles;   /* of them, that were there twice in a batch */
	uint64_t unchanged; /* or older than what the store has */
	uint64_t aside;     /* that waited for the end of the feed, each once */
	uint64_t added, updated;
	uint64_t refused;  /* by the server, each alone: in quarantine, now or before */
	uint64_t nodes;    /* new ones that records are; observables are not counted */
	uint64_t edges;    /* that the records say and that are stored, each once in a batch */
	uint64_t dangling; /* that wait for an end */
	uint64_t resolved; /* that had waited */
	uint64_t batches, retries, reconnects;
	struct why refusal; /* of the first record that was refused */
};

struct load;

/** Connect. @ret  to be closed with load_close(), which drops what is not finished. */
MUST_USE int load_open(const struct load_options *o, struct load **ret, struct why *w);
void load_close(struct load *l);
/** To be handed to a reader; returns -ECANCELED when `stop` said so. */
struct record_sink load_sink(struct load *l);
/** What there is so far. */
const struct load_stats *load_stats(const struct load *l);
/** What it failed with, whoever was told; 0: nothing. A load that has failed does nothing more. */
int load_failed(const struct load *l);
/** Go on with what is under way, as far as that needs no waiting: for who waits for something else. */
MUST_USE int load_turn(struct load *l, struct why *w);
/** Store what came so far, without what is put aside. Nothing is under way when it returns: no transaction is open, no lock held. */
MUST_USE int load_settle(struct load *l, struct why *w);
/**
 * Store what came and resolve what had waited. Afterwards the sink takes records again.
 * @whole  the feed came to its end; that and when is remembered
 */
MUST_USE int load_finish(struct load *l, bool whole, struct why *w);

#endif
