/*
 * trainsequence - what the trainer does next: one job after the other, never two.
 * Layer:  bootstage/trainer. Decide: no I/O, no clock.
 * Source: REQUIREMENTS R4, R5, C22; docs/trainer.md, "A cycle".
 *
 * The journal alone says where a cycle stands, so that the next trainer goes on where the last one ended, however it did.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINSEQUENCE_H
#define BOOTSTAGE_TRAINER_TRAINSEQUENCE_H

#include "bootstage/trainer/trainstate.h"

#define TRAINSEQUENCE_STARTS_MAX 3u /* of a training that ends with the trainer each time */
#define TRAINSEQUENCE_PAUSES_MAX 1u

enum trainsequence_step {
	TRAINSEQUENCE_SEED,    /* run the seed training of the job */
	TRAINSEQUENCE_TRAIN,   /* run the job */
	TRAINSEQUENCE_FINISH,  /* the job has trained; its model is still to be taken */
	TRAINSEQUENCE_GIVE_UP, /* it was started too often */
	TRAINSEQUENCE_SKIP,    /* a job before it has failed */
	TRAINSEQUENCE_END,     /* all have had their turn */
};

struct trainsequence_next {
	enum trainsequence_step step;
	size_t job;   /* index; not of TRAINSEQUENCE_END */
	size_t cause; /* of TRAINSEQUENCE_SKIP: the job that failed */
	bool seed;    /* of TRAINSEQUENCE_FINISH and TRAINSEQUENCE_GIVE_UP: its seed training */
};

/**
 * The next step of the cycle that is open.
 * @models  bit i: job i has a valid model
 */
struct trainsequence_next trainsequence_next(const struct trainjobs *jobs, const struct train_state *s,
					     uint64_t models);

/**
 * The same for a first day while a cycle of all jobs is open: only the seeds that it has yet to make, whatever the trainings
 * of jobs are at. TRAINSEQUENCE_END: there are none; the cycle itself may have more to do.
 */
struct trainsequence_next trainsequence_next_seed(const struct trainjobs *jobs, const struct train_state *s,
						  uint64_t models);

/** Whether the job takes part in a cycle. */
bool trainsequence_has(const struct trainjob *j, enum train_mode mode, const char *only, bool has_model);

#endif
