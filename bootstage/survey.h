/*
 * survey - what there is to see before a boot is decided: the boot disk, the record on it, the firmware's variables.
 * Layer:  bootstage; act.
 */
#ifndef BOOTSTAGE_SURVEY_H
#define BOOTSTAGE_SURVEY_H

#include "bootstage/boot.h"

/**
 * Fill in b->disk, the record, the boot variables and b->facts; b->conf and b->cmdline are there already.
 * A lost record and missing variables are facts, not failures: they are logged and noted in b->handover.
 * @uevents         from uevent_open(), opened before the modules were loaded; -1: none
 * @ret_waited_ms   time spent waiting for the disk
 * Returns 0, or why there is no boot disk.
 */
MUST_USE int survey(struct boot *b, int uevents, uint64_t *ret_waited_ms, struct why *w);

#endif
