/*
 * feedman - feeds side by side: each in a process of its own with its own limits, turns by feedturn.h, what came of it kept.
 * Layer:  bootstage/intel. Act.
 *
 * A feed that stalls, breaks off, crashes or never ends takes nothing from the others: it has no turn while it waits, and its
 * process is ended when its own time is over. Time that it waits for its turn is not its own.
 */
#ifndef BOOTSTAGE_INTEL_FEEDMAN_H
#define BOOTSTAGE_INTEL_FEEDMAN_H

#include "bootstage/intel/feedjob.h"
#include "bootstage/intel/feedturn.h"

/* What came of one. */
struct feedman_end {
	const struct feedconf *conf;
	const struct feedstate *state;
	struct why why;       /* of a failure */
	uint64_t ms, busy_ms; /* from its beginning to its end; in turns */
};

/* Borrowed until feedman_close(). */
struct feedman_options {
	const char *state; /* folder */
	const struct load_options *load;
	const struct feed_options *options;
	unsigned int workers;
	bool again;         /* also what has not changed */
	bool (*stop)(void); /* asked ten times a second */
	void (*ended)(void *arg, const struct feedman_end *e);
	void *arg;
};

struct feedman_counts {
	unsigned int loaded, unchanged, failed;
};

struct feedman;

MUST_USE int feedman_open(const struct feedman_options *o, struct feedman **ret, struct why *w);
/** What is under way is ended, as if it had not begun: its state stays what it was. NULL is fine. */
void feedman_close(struct feedman *m);

/** Have a feed run, by a copy of what its file says. Nothing where one of that name waits or is under way. Returns 0; -ENOMEM. */
MUST_USE int feedman_add(struct feedman *m, const struct feedconf *f, struct why *w);
/** Whether nothing waits and nothing is under way. */
bool feedman_idle(const struct feedman *m);
/**
 * Run what was added until all of it is done, or until a moment of now_ms(); more may be added then.
 * Returns 0 whatever came of them; -ECANCELED stop() said so; -ENOMEM, -EIO: no process could be started, no state be kept.
 */
MUST_USE int feedman_run(struct feedman *m, uint64_t until_ms, struct why *w);
/** What came of those that ended since this was asked the last time. */
struct feedman_counts feedman_counts(struct feedman *m);

#endif
