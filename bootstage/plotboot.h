/*
 * plotboot - what a boot has left behind, as the lanes of its picture (bootstage/stageplot.h).
 * Layer:  bootstage; decide. Pure.
 */
#ifndef BOOTSTAGE_PLOTBOOT_H
#define BOOTSTAGE_PLOTBOOT_H

#include "bootstage/stageplot.h"
#include "bootstage/stageresult.h"
#include "bootstage/verdict.h"

#define PLOTBOOT_ITEMS (STAGES_MAX + 8u)

/* When the service manager began and was done, CLOCK_MONOTONIC; 0: not known, or not yet. */
struct plotboot_manager {
	uint64_t start_us, finish_us;
};

struct plotboot {
	const char *version;             /* of the image; NULL: not known */
	const struct handover *handover; /* NULL: not started by tandem-init */
	const struct verdict *verdict;   /* NULL: none yet */
	const struct stages *stages;     /* all there are */
	const struct stage_results *results;
	struct plotboot_manager manager;
	uint64_t now_us; /* CLOCK_BOOTTIME; 0: it is not this machine's boot */
};

/** Fill `items`, which *ret borrows, and the texts. There are none when nothing is known. */
void plotboot_make(const struct plotboot *b, struct plot_item items[PLOTBOOT_ITEMS], struct plot *ret);

/** Read what `systemctl show --property=UserspaceTimestampMonotonic,FinishTimestampMonotonic` prints. */
struct plotboot_manager plotboot_manager_parse(const char *text);

#endif
