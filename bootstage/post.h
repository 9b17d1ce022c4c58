/*
 * post - the last phase that a trial has to pass: health probes, then the verdict and what follows from it.
 * Layer:  bootstage; act.
 */
#ifndef BOOTSTAGE_POST_H
#define BOOTSTAGE_POST_H

#include "bootstage/verdict.h"

/**
 * Probe, decide, act, and write the verdict down. What cannot be done is in the verdict's note and on stderr; a trial
 * that cannot be judged (its configuration or the machine cannot be read) counts as failed.
 * @conf_path  NULL: the usual place
 * @ret        .rebooting: the caller ends the boot, with post_reboot()
 */
void post_run(const char *conf_path, struct verdict *ret);

/** Reboot through the service manager; without it when that does not happen. Does not come back, or with what failed. */
MUST_USE int post_reboot(struct why *w);

#endif
