/*
 * trainer - a cycle of trainings: one job after the other, each within its cap, all of it in the journal.
 * Layer:  bootstage/trainer. Act.
 * Source: docs/trainer.md; REQUIREMENTS R1 to R6, C21, C22.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINER_H
#define BOOTSTAGE_TRAINER_TRAINER_H

#include "bootstage/trainer/places.h"
#include "bootstage/trainer/trainconf.h"
#include "bootstage/trainer/trainjournal.h"
#include "bootstage/trainer/trainprogress.h"

struct trainer_want {
	const struct trainplaces *places;
	const struct trainconf *conf;
	const struct trainjobs *jobs;
	enum train_mode mode;
	const char *only; /* of TRAIN_ONE */
	bool due;         /* only when schedule, quiet hours and load allow it */
	bool dry_run;     /* start nothing: tell() gets a record of what would run, in its order */
	/** NULL; or told of every record, and of a job's progress, which is in no record. */
	void (*tell)(const struct train_record *r, const struct train_progress *p);
};

struct trainer_result {
	bool nothing; /* there was nothing to do; then `reason` says why */
	char reason[160];
	unsigned int done, failed, skipped; /* jobs, of this cycle, by this trainer */
	int told;                           /* to stop, by this signal: the cycle goes on with the next trainer; 0 */
};

/**
 * Begin a cycle, or go on with the one that has no end, and run it to its end.
 * Returns 0, whatever the jobs did; -EWOULDBLOCK another trainer is at work; -EBUSY processes of a training do not end;
 * or why it could not go on, as when the journal cannot be written.
 */
MUST_USE int trainer_run(const struct trainer_want *want, struct trainer_result *ret, struct why *w);

/** Make the previous model of a job the current one, and the other way round. -ENODATA there is none that is valid. */
MUST_USE int trainer_roll_back(const struct trainer_want *want, const struct trainjob *j, struct why *w);

#endif
