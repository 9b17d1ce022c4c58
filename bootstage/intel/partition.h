/*
 * partition - the days of telemetry in the database: made ahead, sealed when they are over, dropped when they are old.
 * Layer:  bootstage/intel. Act; days.h decides.
 *
 * A day is made beside the table and attached, which waits for no reader and lets none wait. To drop one, nobody may be
 * reading: that is tried for short moments, and left for later.
 */
#ifndef BOOTSTAGE_INTEL_PARTITION_H
#define BOOTSTAGE_INTEL_PARTITION_H

#include "bootstage/intel/days.h"
#include "bootstage/intel/pg.h"

/** The clock of this machine. @trust  the administrator keeps it right */
struct clock_now clock_read(bool trust);

void day_list_free(struct day_list *l);
#define AUTO_DAY_LIST CLEANUP(day_list_free) struct day_list

/** The days that there are. */
MUST_USE int partition_list(struct pg *p, struct day_list *ret, struct why *w);
/**
 * Today and the `ahead` days after it (N4). Several starters at once are fine.
 * Returns 0, with the number that were made; -ESTALE (refused) when the clock cannot be believed: nothing was made.
 */
MUST_USE int ensure_partitions_exist(struct pg *p, const struct clock_now *now, unsigned int ahead,
				     unsigned int *ret_made, struct why *w);

struct seal_report {
	unsigned int sealed;  /* now */
	unsigned int open;    /* days that are not over */
	unsigned int waiting; /* days whose turn comes later, since somebody was in the way */
	bool others;          /* another one was at it: nothing was done */
};
/**
 * Index the other direction of each day that is over, and bring what the planner knows up to date, newest day first. Takes
 * as long as it takes; writers and readers go on meanwhile.
 * @max  days; 0: all
 */
MUST_USE int partition_seal(struct pg *p, const struct clock_now *now, unsigned int ahead, unsigned int max,
			    struct seal_report *ret, struct why *w);

struct prune_report {
	unsigned int dropped;
	unsigned int waiting; /* days that somebody is reading */
	uint64_t bytes;       /* of what was dropped */
	uint64_t late_rows;   /* gone from telemetry_late */
	uint64_t agents;      /* gone from telemetry_agents: not heard of for as long */
};
/**
 * Drop the days that are older than `keep` full days; 0: none.
 * Returns 0; -ESTALE (refused) when the clock cannot be believed: nothing was dropped.
 */
MUST_USE int partition_prune(struct pg *p, const struct clock_now *now, unsigned int ahead, unsigned int keep,
			     struct prune_report *ret, struct why *w);

#endif
