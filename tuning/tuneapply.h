/*
 * tuneapply - carry out a plan, say where the machine is no longer as planned, and take everything back.
 * Layer:  tuning; may include base/ only. Act.
 *
 * What is as wanted is not touched, so that a second run changes nothing. What was before the first change of a boot is
 * kept (docs/formats/undolog.md) before that change.
 */
#ifndef TUNING_TUNEAPPLY_H
#define TUNING_TUNEAPPLY_H

#include "tuning/tunelook.h"

/* What came of one action, or of one file besides the plan. */
enum tune_outcome {
	TUNE_SAME,   /* nothing to do */
	TUNE_DONE,   /* changed */
	TUNE_WARN,   /* less than wanted was done, or something that is not required failed */
	TUNE_LATER,  /* there is no such thing yet */
	TUNE_FAILED, /* required, and failed */
	TUNE_LEFT,   /* not tried, after a failure */
};
/** Its name in output: "same". */
const char *tune_outcome_name(enum tune_outcome outcome);

#define TUNE_NOTES 8u

struct tune_report {
	struct tune_result {
		enum tune_outcome outcome;
		char why[200]; /* of a warning or failure */
	} * action;            /* one per action of the plan; owned */
	size_t n_actions;
	/* What has no action: the sysctl.d file, fstab, irqbalance. */
	struct tune_note {
		char what[TUNE_OBJECT];
		struct tune_result result;
	} note[TUNE_NOTES];
	size_t n_notes;
	bool changed; /* anything */
};
void tune_report_free(struct tune_report *r);
#define AUTO_TUNE_REPORT CLEANUP(tune_report_free) struct tune_report

/* The machine, and what was found out about it; all borrowed. */
struct tune_job {
	const struct tree *tree;
	const struct swap_ops *ops;
	const struct facts *facts;
	const struct tuneconf *conf;
	const struct tuneplan *plan;
	const char *product;
	struct undolog *kept; /* grows */
};

/**
 * Carry out the plan. A plan that is refused is not carried out at all.
 * @ret  filled in any case, to be freed
 * Returns 0, also with warnings; or the -errno of what was required and failed, or of what could not be kept for undo.
 */
MUST_USE int tune_apply(const struct tune_job *j, struct tune_report *ret, struct why *w);

/**
 * As tune_apply(), but nothing is changed: TUNE_DONE is what it would change.
 * Returns 0; -errno.
 */
MUST_USE int tune_check(const struct tune_job *j, struct tune_report *ret, struct why *w);

/**
 * Take back: our swap files, our drop-ins, our lines in fstab, and what was kept. Goes on after a failure, and keeps what
 * it could not put back. plan and facts of the job are not looked at.
 * Returns 0, or the first failure.
 */
MUST_USE int tune_undo(const struct tune_job *j, bool *ret_changed, struct why *w);

#endif
