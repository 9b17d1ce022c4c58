/*
 * disklook - the disks that trainings are on: what is there, which caps can be had, and whether all fits (C23).
 * Layer:  bootstage/trainer. Act: looks, changes nothing.
 * Source: docs/trainer.md, "Disk".
 */
#ifndef BOOTSTAGE_TRAINER_DISKLOOK_H
#define BOOTSTAGE_TRAINER_DISKLOOK_H

#include <sys/types.h>

#include "bootstage/trainer/diskplan.h"
#include "bootstage/trainer/places.h"
#include "bootstage/trainer/trainconf.h"
#include "bootstage/trainer/usage.h"

struct disklook_job {
	const struct trainjob *job;
	char *folder; /* with the root; owned */
	size_t disk;  /* of `disks` */
	struct usage usage;
	struct cap cap; /* that it would get; closed */
};

struct disklook_disk {
	dev_t device;
	char *path; /* a folder on it; owned */
	struct diskplan plan;
};

struct disklook {
	struct disklook_job *jobs;   /* in the order of the jobs */
	struct disklook_disk *disks; /* in the order in which jobs need them */
	size_t n_jobs, n_disks;
	uint64_t swap_bytes; /* that tandem-tune would make, on the disk that has such a claim */
	char no_swap[200];   /* why that is not known; "": it is */
	bool fits;           /* all of it */
};

/** @ret  ended by disklook_free(); untouched on failure */
MUST_USE int disklook_make(const struct trainplaces *p, const struct trainconf *c, const struct trainjobs *jobs,
			   struct disklook *ret, struct why *w);
void disklook_free(struct disklook *d);
#define AUTO_DISKLOOK CLEANUP(disklook_free) struct disklook

/** Returns 0 when all fits, else -ENOSPC (refused) with how much is missing where. */
MUST_USE int disklook_verdict(const struct disklook *d, struct why *w);

#endif
