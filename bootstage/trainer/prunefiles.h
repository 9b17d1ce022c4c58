/*
 * prunefiles - keeps a job's folder below its cap: look, decide (prune.h), remove, look again.
 * Layer:  bootstage/trainer. Act.
 * Trust:  the folder is a job's. What is removed is the file that was decided about: it is reached without following a
 *         symlink, and one that was replaced in the meantime stays.
 * Source: REQUIREMENTS R2, R3, R6; docs/trainer.md, "Disk".
 */
#ifndef BOOTSTAGE_TRAINER_PRUNEFILES_H
#define BOOTSTAGE_TRAINER_PRUNEFILES_H

#include "bootstage/trainer/prune.h"
#include "bootstage/trainer/usage.h"

#define PRUNEFILES_OTHERS 4096u /* of the files that only go over the cap, the largest are looked at */

struct prunefiles_want {
	const char *folder; /* of the job; a symlink is refused */
	uint64_t cap_bytes;
	unsigned int prune_at;  /* per cent of the cap: the goal; 1 to 100 */
	unsigned int keep_last; /* checkpoints */
	bool running;           /* the job is */
	bool dry_run;           /* remove nothing; `after` is what would be */
};

struct prunefiles {
	struct usage before;
	uint64_t after_bytes;     /* as usage_of_cap() counts */
	struct prune_plan plan;   /* the last, where it took several */
	struct prune_file *files; /* looked at, by the last plan; none where the folder was within its goal */
	size_t n_files;
	char *paths;    /* of the files; private */
	size_t removed; /* names, by all plans; what was replaced or gone in between is not counted */
	char said[400]; /* one line for people: what was done, and what is wrong */
};
void prunefiles_free(struct prunefiles *p);
#define AUTO_PRUNEFILES CLEANUP(prunefiles_free) struct prunefiles

/**
 * Before, during and after a job (R2, R6). A folder that is not there yet is empty.
 * @ret  also when nothing had to be done; to be freed with prunefiles_free(); untouched on failure
 * Returns 0, and ret->plan.outcome says whether the folder is within its cap now: PRUNE_TOO_LARGE is for an alarm (R3).
 * -errno as usage_scan(); or when a file could not be removed for another reason than being gone.
 */
MUST_USE int prunefiles_enforce(const struct prunefiles_want *want, struct prunefiles *ret, struct why *w);

#endif
