/*
 * stagerun - run stages: in their order, side by side where that allows, each within its time, and a result for each.
 * Layer:  bootstage; act.
 * Source: DESIGN section 7; docs/stages.md.
 */
#ifndef BOOTSTAGE_STAGERUN_H
#define BOOTSTAGE_STAGERUN_H

#include "bootstage/stageresult.h"

struct stagerun {
	const struct stageplaces *places;
	const struct stageplan *plan;
	const char *product; /* whose tokens and lock (tuning/failclosed.h); NULL: there are none to be had */
	bool first;          /* before the service manager: nobody has mounted cgroups yet */
};

struct stagerun_result {
	stage_set ran;     /* got a result now */
	stage_set refused; /* did not pass, and are fail-closed or fail-boot */
	bool cancelled;    /* SIGTERM, SIGINT or SIGHUP came */
	bool unwritten;    /* a result, token or lock could not be written; it is in the log */
};

/** The stages of a phase. */
stage_set stagerun_phase(const struct stages *s, enum stage_phase p);

/**
 * Run the stages of `which`. A stage of another phase that they wait for counts as failed when it has no result.
 * @results  of this boot so far; the new ones are added
 * Returns 0, whatever the stages did; -EWOULDBLOCK another runner is at work; or why nothing could be run.
 */
MUST_USE int stagerun(const struct stagerun *run, stage_set which, struct stage_results *results,
		      struct stagerun_result *ret, struct why *w);

#endif
