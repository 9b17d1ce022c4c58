/*
 * capproject - a cap by project quota: every file below a folder belongs to one project, and the file system lets that have
 * so many blocks and no more.
 * Layer:  bootstage/trainer. Act; quotactl_fd() needs Linux 5.14.
 * Source: docs/trainer.md, "Disk".
 */
#ifndef BOOTSTAGE_TRAINER_CAPPROJECT_H
#define BOOTSTAGE_TRAINER_CAPPROJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

/* Ids are CAPPROJECT_FIRST + 0 to CAPPROJECT_IDS - 1; the job's name says which, the next free one where it is taken. */
#define CAPPROJECT_FIRST 1413750784u /* 0x54442000 */
#define CAPPROJECT_IDS   4096u

/**
 * Whether the folder's file system keeps project quotas. Where it counts but does not hold them, that can be changed.
 * Returns 0; -EOPNOTSUPP with the reason.
 */
MUST_USE int capproject_have(int folder, struct why *w);

/** The id that a job has unless it is taken. Pure. */
uint32_t capproject_first_choice(const char *job);

/**
 * Put the cap on the folder, and all that is in it under it. A folder that has an id of ours keeps it.
 * Returns 0 with the id; -EOPNOTSUPP; -ENOSPC (refused): all ids are taken; -errno.
 */
MUST_USE int capproject_set(int folder, const char *job, uint64_t bytes, uint32_t *ret_id, struct why *w);

/** What the file system counts for the project. */
MUST_USE int capproject_usage(int folder, uint32_t id, uint64_t *ret_bytes, struct why *w);

#endif
