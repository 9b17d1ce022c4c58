/*
 * loadlane - one of the connections over which a feed is loaded: a batch that is at work there, step by step, as far as that goes
 * without waiting; halved, tried again and sent over a new connection where it fails.
 * Layer:  bootstage/intel. Act.
 * Trust:  as load.h.
 */
#ifndef BOOTSTAGE_INTEL_LOADLANE_H
#define BOOTSTAGE_INTEL_LOADLANE_H

#include "bootstage/intel/load.h"
#include "bootstage/intel/loadjob.h"

#define LOAD_TIMEOUT_MS 120000u /* statement_timeout */
#define LOAD_RANGES_MAX 72u     /* each halving leaves one more */

enum load_next {
	LOAD_AGAIN,
	LOAD_HALVE,
	LOAD_QUARANTINE,
	LOAD_RECONNECT,
	LOAD_GIVE_UP,
};

/**
 * What follows a failure. Pure.
 * @code      of pg.h
 * @sqlstate  "" where the server had no part in it
 * @tries     how often the same records have failed before
 * @n         how many they are
 */
enum load_next load_next(int code, const char *sqlstate, unsigned int tries, size_t n);

/* What all lanes of a load have in common. */
struct load_common {
	struct load_options o;
	int32_t feed;
	bool last; /* nothing is put aside any more */
	struct load_stats stats;
	struct load_ids ids; /* of nodes that are in the store for good */
};

/* Records of a batch that go together, and how often they have failed. */
struct load_range {
	size_t first, n;
	unsigned int tries;
};

struct load_lane {
	struct load_common *c;
	struct pg pg;
	struct load_batch filling, working, aside;
	struct load_range ranges[LOAD_RANGES_MAX]; /* of `working`; the last one is at work */
	size_t n_ranges;                           /* 0: idle */
	uint64_t since_ms;                         /* last sign of life */
	bool writing;                              /* the socket takes no more for now */

	unsigned int careful; /* so many more batches; private from here */
	bool sure, raced;     /* edges of this feed are new; one was there that nobody had seen */
	struct load_job job;
	size_t step;
	int code; /* of the step, 0 so far */
	struct why why;
	bool copying; /* rows are on their way */
	size_t row;
	struct pg_rows rows;
};

/** Connect. @c  stays as long as the lane; o is filled in */
MUST_USE int load_lane_open(struct load_lane *l, struct load_common *c, struct why *w);
/** Also of one that was not opened, or not quite. */
void load_lane_close(struct load_lane *l);
/** What has gathered goes to work, the lane is idle; `gathered` is empty then. */
MUST_USE int load_lane_start(struct load_lane *l, struct load_batch *gathered, struct why *w);
/** Whatever is possible without waiting for the socket; but for a server that went away, which is waited for here. */
MUST_USE int load_lane_pump(struct load_lane *l, struct why *w);
/**
 * After the failure of a transaction that the lane has no part in: roll back, or connect again, so that it can be tried again.
 * @cause  why it failed, which is what w gets when that is all: LOAD_HALVE, LOAD_QUARANTINE, LOAD_GIVE_UP
 */
MUST_USE int load_lane_recover(struct load_lane *l, enum load_next next, const struct why *cause, struct why *w);

#endif
