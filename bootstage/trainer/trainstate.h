/*
 * trainstate - where the trainings stand, as the journal tells.
 * Layer:  bootstage/trainer. Decide: no I/O, no clock.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINSTATE_H
#define BOOTSTAGE_TRAINER_TRAINSTATE_H

#include "bootstage/trainer/trainjournal.h"

/* Of a job in the cycle that was begun last. */
struct train_turn {
	char job[TRAINJOB_NAME];
	enum train_event event;    /* the last one that says what it is at; 0: it was not part of it */
	bool seed;                 /* that one is about its seed training */
	bool seeded;               /* its seed training is over, and was good */
	unsigned int starts;       /* of this training; what was told to stop does not count */
	unsigned int pauses;       /* of this training */
	struct train_record last;  /* of `event` */
	struct train_record begun; /* the last TRAIN_RUNNING */
	/* of any cycle that the journal still has; sequence 0: none */
	struct train_record done, failed, promoted;
};

struct train_state {
	uint64_t cycle; /* 0: there was none */
	enum train_mode mode;
	char only[TRAINJOB_NAME]; /* of TRAIN_ONE */
	bool open;                /* it was begun and has no end */
	int64_t begun_us;
	int64_t due_us; /* begin of the last one that was not of one job: the schedule counts from it */
	struct train_turn at[TRAINJOBS_MAX];
	size_t n;
};

/** @ret  some 60 KB */
void trainstate_read(const struct trainjournal *j, struct train_state *ret);
/** NULL: the journal does not know it. */
const struct train_turn *trainstate_find(const struct train_state *s, const char *job);

/** Whether it is at work, or was when the trainer ended without a word. */
static inline bool train_turn_runs(const struct train_turn *t)
{
	return t->event == TRAIN_RUNNING || t->event == TRAIN_CHECKPOINT;
}

#endif
