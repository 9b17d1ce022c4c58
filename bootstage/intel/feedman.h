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

/**
 * Run these feeds once, all of them.
 * Returns 0 whatever came of them; -ECANCELED stop() said so; -ENOMEM, -EIO: no process could be started, no state be kept.
 */
MUST_USE int feedman_run(const struct feedman_options *o, const struct feedconf *const *feeds, size_t n,
			 struct feedman_counts *ret, struct why *w);

#endif
