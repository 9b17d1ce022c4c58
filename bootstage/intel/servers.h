/*
 * servers - all servers that intel.conf names: their connections, and what makes them one store (shard.h).
 * Layer:  bootstage/intel. Act.
 */
#ifndef BOOTSTAGE_INTEL_SERVERS_H
#define BOOTSTAGE_INTEL_SERVERS_H

#include "bootstage/intel/related.h"
#include "bootstage/intel/shard.h"
#include "bootstage/intel/store.h"

struct server {
	struct pg pg;   /* pg.conn is NULL: not connected */
	struct why why; /* why not */
};

/* Number 0 is the first: the store of a machine that has no others. */
struct servers {
	struct server at[SHARDS_MAX];
	unsigned int n;
};

void servers_close(struct servers *s);

/**
 * Connect to each. To be closed by servers_close(). A command line that names a database (store_opts.connect) means that one alone.
 * Returns 0 as long as one of them can be worked with; the reasons of the others are kept. Otherwise the reason of the first.
 */
MUST_USE int servers_open(const struct store_opts *o, const struct intelconf *c, struct servers *ret, struct why *w);
/** Of one server after the other: how many there are, and a connection to one, to be closed with pg_close(). */
unsigned int servers_count(const struct store_opts *o, const struct intelconf *c);
MUST_USE int servers_connect(const struct store_opts *o, const struct intelconf *c, unsigned int i, struct pg *ret,
			     struct why *w);
/** The first that is connected. */
struct pg *servers_first(struct servers *s);

/** related_any() */
MUST_USE int servers_related(struct servers *s, const struct relquery *q, int64_t start, struct answers *ret,
			     struct why *w);

/* What of a further server matters to who looks after it. */
struct server_state {
	struct why why;    /* why it cannot be worked with; why.code is 0: it can */
	int ahead;         /* as days_ahead() */
	bool follows;      /* it gets what changes at the first one, now */
	bool whole;        /* it has got all that was there before */
	int64_t lag_bytes; /* of the first one's log, that it has not confirmed; -1: nobody can say */
};
/** Look at server i, 1 and up. @first  a connection to the first; NULL: it does not answer */
void servers_look(const struct store_opts *o, const struct intelconf *c, unsigned int i, struct pg *first,
		  struct server_state *ret);
/** Whether it has what it needs, as far as that can be seen from here. */
bool server_is_well(const struct server_state *s);

/**
 * Before the first server's schema is changed: the schema of the copies, so that what the first one sends has its place; and
 * telemetry_all out of the way of missing steps, everywhere. Nothing to do where there is one server only.
 */
MUST_USE int servers_prepare(const struct store_opts *o, const struct intelconf *c, bool committed, struct why *w);
/** After it: publish, follow, and join the parts of telemetry. All servers have to be there. */
MUST_USE int servers_join(const struct store_opts *o, const struct intelconf *c, struct why *w);

#endif
