/*
 * phase - one phase of this boot: its stages, what they refuse, and the tokens of the product they stand for.
 * Layer:  bootstage; act.
 * Source: docs/stages.md.
 */
#ifndef BOOTSTAGE_PHASE_H
#define BOOTSTAGE_PHASE_H

#include "bootstage/stagerun.h"
#include "partitions/handover.h"
#include "partitions/sysconf.h"

/* Of the last phase: a line "NAME: reason" for each stage that refuses. */
#define REFUSED_PATH HANDOVER_FOLDER "/refused"
#define REFUSED_MAX  (32u << 10)

struct phase_run {
	struct stageplan plan; /* ended by phase_free() */
	struct stage_results results;
	struct stagerun_result run;
	stage_set which;
};

/**
 * Run a phase. `early` first runs the stages of `initramfs` that have no result in this boot, as they have not when
 * another program was PID 1 of the initramfs, and writes the lock again for those that failed closed: the service manager
 * mounts an empty /run/lock over what they left.
 * @first  before the service manager
 * Returns 0, whatever the stages did: see ret->run; or errors of stageplan_load() and stagerun().
 */
MUST_USE int phase_run(const struct stageplaces *p, enum stage_phase phase, bool first, struct phase_run *ret,
		       struct why *w);
void phase_free(struct phase_run *p);

#endif
