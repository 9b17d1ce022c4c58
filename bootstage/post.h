/*
 * post - the last phase that a trial has to pass: health probes, then the verdict and what follows from it.
 * Layer:  bootstage; act.
 */
#ifndef BOOTSTAGE_POST_H
#define BOOTSTAGE_POST_H

#include "bootstage/phase.h"
#include "bootstage/verdict.h"

/**
 * Run the stages of `post`, probe, decide over all that was required of this boot, act, and write the verdict down; then,
 * when this slot is the committed one, run the stages of `committed`. What cannot be done is in the verdict's note and on stderr; a trial
 * that cannot be judged (its configuration or the machine cannot be read) counts as failed.
 * @conf_path  NULL: the usual place
 * @ret        .rebooting: the caller ends the boot, with post_reboot()
 */
void post_run(const char *conf_path, struct verdict *ret);

/**
 * Stages of an earlier phase refuse this boot (run->run.refused): a trial ends at once, unless the committed slot had the
 * same. Returns whether the caller ends the boot, with post_reboot(); otherwise nothing was done.
 */
bool post_refused(const char *conf_path, const struct phase_run *run, struct verdict *ret);

/** Reboot through the service manager; without it when that does not happen. Does not come back, or with what failed. */
MUST_USE int post_reboot(struct why *w);

#endif
