/*
 * trainprogress - what a job says about itself: lines of JSON among its output.
 * Layer:  bootstage/trainer. Format.
 * Trust:  the job's; anything that is not as docs/trainer.md says is just output.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINPROGRESS_H
#define BOOTSTAGE_TRAINER_TRAINPROGRESS_H

#include "base/bytes.h"

struct train_progress {
	uint64_t step, of; /* of 0: not known */
	bool has_loss;
	double loss;
	bool checkpoint; /* "checkpoint": it can go on from here */
};

/** Whether a line is {"step": N, ...}; then it is in ret, which is untouched otherwise. */
bool trainprogress_parse(const char *line, struct train_progress *ret);

#endif
