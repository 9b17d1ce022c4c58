/*
 * seedjob - a seed training in a folder: goes on from its checkpoint, stays within its share of the disk, and ends with a
 * model.
 * Layer:  bootstage/trainer. Act.
 * Source: docs/formats/model.md, "Seed models"; REQUIREMENTS R1, R2, R5
 *
 * Two files take turns as its checkpoint, so that there is always a whole one; when the model is there they are removed.
 */
#ifndef BOOTSTAGE_TRAINER_SEEDJOB_H
#define BOOTSTAGE_TRAINER_SEEDJOB_H

#include "bootstage/intel/store.h"
#include "bootstage/trainer/seedrun.h"

#define SEEDJOB_CHECKPOINT_A "seed-a.checkpoint"
#define SEEDJOB_CHECKPOINT_B "seed-b.checkpoint"

enum seed_from { SEED_FROM_EITHER, SEED_FROM_TELEMETRY, SEED_FROM_SYNTHETIC };

struct seedjob {
	const char *name;   /* of the job */
	const char *folder; /* made when it is missing */
	const char *out;    /* the model */
	uint64_t cap_bytes; /* of the folder; 0: none */
	struct seed_params params;
	enum seed_from from; /* either: made-up rows where telemetry has too few */
	struct store_opts store;
	uint32_t checkpoint_every; /* epochs, 1 at least */
};

/* What is told while it works; each may be NULL. */
struct seedjob_tell {
	void (*begun)(void *arg, const struct seedrun *s,
		      const char *why_synthetic); /* "": it was not asked, or not needed */
	void (*epoch)(void *arg, const struct seedrun *s);
	bool (*stop)(void *arg); /* asked after each epoch */
	void *arg;
};

struct seedjob_result {
	struct seed_figures figures;
	enum seed_source source;
	uint64_t model_bytes;
	double loss;
};

/**
 * Train. May be repeated after whatever ended it.
 * Returns 0; -EDQUOT it does not fit under cap_bytes, -ENOSPC not on the disk, both before anything is written; -ECANCELED
 * stopped, with a checkpoint; -ENODATA no telemetry where that was wanted; -errno.
 */
MUST_USE int seedjob_run(const struct seedjob *j, const struct seedjob_tell *tell, struct seedjob_result *ret,
			 struct why *w);

#endif
