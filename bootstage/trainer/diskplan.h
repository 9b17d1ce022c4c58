/*
 * diskplan - whether the disk has room for swap, a reserve and all trainings (C23).
 * Layer:  bootstage/trainer. Decide: no I/O.
 *
 * In this order: what is missing of the swap that the machine has to have, what is to stay free, and for each job what its
 * cap leaves it beyond what it has already.
 */
#ifndef BOOTSTAGE_TRAINER_DISKPLAN_H
#define BOOTSTAGE_TRAINER_DISKPLAN_H

#include "bootstage/trainer/job.h"
#include "tuning/diskclaim.h"

struct diskplan_job {
	const char *name;
	uint64_t cap_bytes;
	uint64_t there_bytes; /* taken up already */
};

struct diskplan_want {
	uint64_t free_bytes;
	uint64_t swap_bytes; /* to be made on this disk */
	uint64_t reserve_bytes;
	const struct diskplan_job *jobs; /* TRAINJOBS_MAX at most, in their order */
	size_t n_jobs;
};

struct diskplan {
	uint64_t free_bytes;
	struct disk_claim claim[TRAINJOBS_MAX + 2];
	size_t n_claims;
	bool fits;
	uint64_t missing_bytes; /* that would have to be free besides */
};

void diskplan_make(const struct diskplan_want *want, struct diskplan *ret);

#endif
