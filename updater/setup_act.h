/*
 * setup_act - make a server what the plan says, step by step, and take it back.
 * Layer:  updater; act. Every step is idempotent; what is made is in the journal before it is there.
 */
#ifndef UPDATER_SETUP_ACT_H
#define UPDATER_SETUP_ACT_H

#include "updater/setup_look.h"

/* Told of what goes on; any may be NULL. */
struct setup_watch {
	void (*step)(void *arg, const struct setup_step *s); /* before each step that changes something */
	void (*undo)(void *arg, const struct setup_entry *e, enum setup_undo what);
	void (*change)(void *arg); /* before each single change of the machine */
	void *arg;
};

struct setup_job {
	const struct setup_place *place;
	const struct setup_wish *wish; /* NULL to take back */
	struct setup_journal *journal; /* as loaded; grows */
	int (*install_tree)(void *arg, struct why *w);
	void *arg;
	const struct setup_watch *watch; /* may be NULL */
};

/** Whether the plan can be carried out. Refused (-EEXIST) when something foreign is in the way. */
MUST_USE int setup_check(const struct setup_plan *p, struct why *w);

/**
 * Carry out the plan's steps in order. Refused (-EEXIST), with nothing done, when something foreign is in the way.
 * Returns 0; or the first failure, with the step's name and the next step: run it again.
 */
MUST_USE int setup_act(const struct setup_job *j, const struct setup_plan *p, struct why *w);

/**
 * Take back what the journal names, in reverse order; then the journal itself. watch->undo is told of every entry.
 * @dry_run  only tell
 * Returns 0; or the first failure: run it again. -ENODATA (nothing to do) without a journal.
 */
MUST_USE int setup_undo(const struct setup_job *j, bool keep_data, bool dry_run, struct why *w);

#endif
