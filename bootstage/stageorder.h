/*
 * stageorder - which stage waits for which, and what may run now.
 * Layer:  bootstage; decide. Pure: no I/O, no clock, no allocation.
 * Source: DESIGN section 7; docs/stages.md.
 */
#ifndef BOOTSTAGE_STAGEORDER_H
#define BOOTSTAGE_STAGEORDER_H

#include "bootstage/stagefile.h"

/* Stages by their index in struct stages; one bit each. */
typedef uint64_t stage_set;
#define STAGE_BIT(i) ((stage_set)1 << (i))

struct stageorder {
	stage_set after[STAGES_MAX]; /* what each one waits for */
	size_t at[STAGES_MAX];       /* all of them, phase by phase, each behind those it waits for */
	size_t n;
};

/**
 * Put the stages in order; among those that could be next, the first file by name is.
 * @ret  untouched on failure
 * Returns 0; -EBADMSG (usage) for an unknown name, a stage of a later phase, or a circle, which is named.
 */
MUST_USE int stageorder_make(const struct stages *s, struct stageorder *ret, struct why *w);

/* How far a boot is. */
struct stageorder_now {
	stage_set settled; /* have a result; a stage of an earlier phase without one counts as settled and failed */
	stage_set passed;
	stage_set blocked; /* were not run, since one that they wait for has failed */
};

enum stage_next {
	NEXT_WAIT,
	NEXT_RUN,
	NEXT_SKIP, /* what it waits for has failed, and keeps it from running */
};

/**
 * What becomes of a stage that has no result yet: it runs once all it waits for is settled, unless one of those was
 * blocked itself, or did not pass and its on-failure is fail-closed or fail-boot.
 * @ret_cause  for NEXT_SKIP, the stage that keeps it from running
 */
enum stage_next stageorder_next(const struct stages *s, const struct stageorder *o, const struct stageorder_now *now,
				size_t i, size_t *ret_cause);

#endif
