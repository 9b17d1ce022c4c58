/*
 * initstages - the stages of phase initramfs, run by tandem-init between the switch of the root and the slot's init.
 * Layer:  bootstage; act. initstages_refusal() decides and is pure.
 * Source: docs/stages.md, docs/boot.md.
 *
 * The slot's own tandem-stage runs them, as a child, so that runner and stage files are of one version and the initramfs
 * stays small. Whatever becomes of the child, the boot goes on, except that a stage may refuse a trial; what a crash has
 * left without a result is seen by the verdict.
 */
#ifndef BOOTSTAGE_INITSTAGES_H
#define BOOTSTAGE_INITSTAGES_H

#include "bootstage/init.h"
#include "partitions/baseline.h"

#define INITSTAGES_PROGRAM TANDEM_LIBEXEC "/tandem-stage"
#define INITSTAGES_SECONDS 600u /* in all; each stage has its own time besides */

/**
 * Run them and wait, petting the watchdog. The root is the slot's. i->stages_us is set.
 * Returns 0: start the slot's init; -EPERM: a stage refuses this trial, and the reason names it.
 */
MUST_USE int initstages_run(struct init *i, struct why *w);

/**
 * Which stage ends the trial: the first line "NAME: reason" of `text` whose stage is not excused.
 * @base  NULL: none is
 * @ret   "stage NAME: reason"; untouched when false
 */
bool initstages_refusal(const char *text, const struct baseline *base, enum slot committed, char *ret, size_t room);

#endif
