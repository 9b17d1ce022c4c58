/*
 * trainer_inside - what the parts of the trainer share.
 * Layer:  bootstage/trainer.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINER_INSIDE_H
#define BOOTSTAGE_TRAINER_TRAINER_INSIDE_H

#include "bootstage/stagegroups.h"
#include "bootstage/trainer/trainer.h"
#include "bootstage/trainer/trainsequence.h"

#define TRAINER_TOO_LARGE "Model too large for quota" /* R3: its words */

struct trainer {
	const struct trainer_want *want;
	struct trainer_result *ret;
	struct trainjournal_disk file;
	struct trainjournal journal;
	struct train_state state; /* of the journal, after every record */
	struct stagegroups groups;
	uint64_t models; /* bit i: job i has a valid one */
	int lock, signals;
};

/** Add a record of a job, or with NULL of the cycle; say it in the log, to tell() and in the metrics. */
MUST_USE int trainer_record(struct trainer *t, const struct trainjob *j, struct train_record *r, struct why *w);

bool trainer_has_model(const struct trainer *t, const struct trainjob *j);
/** Look which jobs have a valid model. */
void trainer_look(struct trainer *t);
/** The folder of a job, opened; -ENOENT without a reason. */
MUST_USE int trainer_folder(const struct trainplaces *p, const struct trainjob *j, int *ret, struct why *w);

/** End what a trainer that was killed has left. -EBUSY: it lives on. */
MUST_USE int trainleft_end(struct trainer *t, struct why *w);

/** A training, or a seed training, from its cap to its record. Failures are in the journal; only what ends the trainer is returned. */
MUST_USE int jobturn_run(struct trainer *t, size_t job, bool seed, struct why *w);
/** Take the model of one that has trained. */
MUST_USE int jobturn_finish(struct trainer *t, size_t job, bool seed, struct why *w);

#endif
