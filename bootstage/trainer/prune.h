/*
 * prune - which files of a job's folder have to go.
 * Layer:  bootstage/trainer. Decide: no I/O, no clock.
 * Source: REQUIREMENTS R2, R3, C21; docs/trainer.md, "Disk": the order and what is never removed.
 *
 * Over the goal, checkpoints and temporary files go, the oldest first and by name where two are equally old, until the
 * folder is within it. Only over the cap also the last checkpoints but one, then files that are neither model nor
 * checkpoint, the largest first. Never the newest valid checkpoint, and never a valid model or what may be a part of one:
 * what is over the cap then is said, not removed.
 */
#ifndef BOOTSTAGE_TRAINER_PRUNE_H
#define BOOTSTAGE_TRAINER_PRUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

enum prune_kind { PRUNE_CHECKPOINT, PRUNE_TEMPORARY, PRUNE_MODEL, PRUNE_OTHER };
enum prune_health {
	PRUNE_UNCHECKED, /* of a foreign form, or nobody looked: may be good */
	PRUNE_VALID,
	PRUNE_DAMAGED, /* or empty */
};
enum prune_verdict {
	PRUNE_KEEP, /* no need */
	PRUNE_REMOVE,
	PRUNE_NEWEST,  /* kept: the newest checkpoint */
	PRUNE_LAST,    /* kept: one of the last */
	PRUNE_LIVE,    /* kept: a model, or beside one that has weights in other files */
	PRUNE_WRITTEN, /* kept: the job may be writing it */
};

struct prune_file {
	const char *path; /* below the folder; borrowed */
	enum prune_kind kind;
	enum prune_health health;
	bool numbered;       /* a checkpoint of our form, which has a generation */
	uint64_t generation; /* of one: what is newer is told by it, whatever the clock did */
	bool elsewhere;      /* a valid model that has weights in other files of its folder */
	uint64_t bytes;      /* that are taken up */
	uint64_t size_bytes;
	int64_t mtime_ns;
	uint64_t device, inode; /* names with the same are one file */
	bool linked;            /* it has several names */
	enum prune_verdict verdict;
	size_t order; /* in which they go; private */
};

struct prune_want {
	uint64_t used_bytes; /* of the folder, all that is in it */
	uint64_t goal_bytes; /* at most the cap */
	uint64_t cap_bytes;
	unsigned int keep_last; /* checkpoints, unless over the cap; 0 counts as 1 */
	bool running;           /* the job is: the newest temporary file is kept, unless over the cap */
};

enum prune_outcome {
	PRUNE_WITHIN,    /* the goal */
	PRUNE_OVER_GOAL, /* but within the cap: nothing more may go */
	PRUNE_OVER_CAP,  /* nothing more may go; models alone are within it */
	PRUNE_TOO_LARGE, /* models alone are over the cap: "Model too large for quota" (R3) */
};

struct prune_plan {
	enum prune_outcome outcome;
	size_t remove;        /* files with that verdict */
	uint64_t freed_bytes; /* by them */
	uint64_t left_bytes;  /* used after that */
	uint64_t model_bytes; /* of valid models, and of those that nobody looked at */
};

/** "checkpoint", "temporary", "model", "other": the kind that a name has; only names that end in it count. */
enum prune_kind prune_kind_of(const char *name);
const char *prune_kind_name(enum prune_kind kind);
/** "keep", "remove", "newest checkpoint", ... */
const char *prune_verdict_name(enum prune_verdict verdict);
/** "within", "over-goal", "over-cap", "model-too-large". */
const char *prune_outcome_name(enum prune_outcome outcome);

/**
 * Give every file its verdict; sorts them into the order in which they go, those that stay behind.
 * Returns 0; -ENOMEM.
 */
MUST_USE int prune_decide(struct prune_file *files, size_t n, const struct prune_want *want, struct prune_plan *ret,
			  struct why *w);

#endif
