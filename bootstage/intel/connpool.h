/*
 * connpool - connections that threads share: no more than the pool's size (pool.h), dead ones replaced, fewer when the server
 * takes no more.
 * Layer:  bootstage/intel. Act. Every function may be called by several threads at once, but new and free.
 */
#ifndef BOOTSTAGE_INTEL_CONNPOOL_H
#define BOOTSTAGE_INTEL_CONNPOOL_H

#include "bootstage/intel/pg.h"

#define CONNPOOL_AGAIN_S 60u /* until it is tried again to have as many as were wanted */

struct connpool;

struct connpool_want {
	struct pg_options options; /* the connection string is copied */
	unsigned int size;
	/* Called with each new connection, to prepare statements and the like; NULL: nothing. A failure is the get's. */
	int (*setup)(struct pg *p, void *arg, struct why *w);
	void *arg;
};

/** Nothing is connected before somebody asks. */
MUST_USE int connpool_new(const struct connpool_want *want, struct connpool **ret, struct why *w);
/** All connections are back. NULL is fine. */
void connpool_free(struct connpool **p);
#define AUTO_CONNPOOL CLEANUP(connpool_free) struct connpool

/**
 * One connection for the caller alone, until connpool_put(). One that died while nobody had it is replaced.
 * Returns 0; -EBUSY when all were busy for wait_ms; what connecting says.
 */
MUST_USE int connpool_get(struct connpool *p, unsigned int wait_ms, struct pg **ret, struct why *w);
/** Give it back: an open transaction is rolled back, a dead connection closed. */
void connpool_put(struct connpool *p, struct pg *conn);

struct connpool_state {
	unsigned int size; /* as wanted, or as the server has let us */
	unsigned int open, busy;
	uint64_t replaced;
	char lowered[200]; /* what the server said; "": it takes as many as were wanted */
};
struct connpool_state connpool_look(struct connpool *p);

#endif
