/*
 * tree_watch - does the tree that was just started serve? Units and health URL, until there is a verdict.
 * Layer:  updater. tree_watch() decides and waits; how things are looked at and what time it is come in as functions.
 */
#ifndef UPDATER_TREE_WATCH_H
#define UPDATER_TREE_WATCH_H

#include "base/net/probe.h"
#include "updater/tree_plan.h"
#include "updater/tree_units.h"

#define TREE_WATCH_STEADY_MS 5000u /* without a URL: how long units must stay active */

struct tree_watch_ops {
	int (*look)(void *with, unsigned int limit_ms, struct tree_unit *ret, struct why *w);
	/* Ask the URL; give up when `stop` says so. */
	void (*probe)(void *with, unsigned int timeout_ms, bool (*stop)(void *arg), void *arg,
		      struct probe_answer *ret);
	bool (*cancelled)(void *with);
	uint64_t (*now_ms)(void *with);
	void (*pause)(void *with, unsigned int ms);
};

struct tree_watched {
	enum tree_verdict verdict; /* TREE_GOOD or TREE_BAD */
	enum tree_reason reason;   /* of TREE_BAD */
	char text[TREE_TEXT_MAX];
	uint64_t served_ms; /* of TREE_GOOD: when it answered, or all units were active; ops->now_ms */
};

/**
 * Watch until it serves, a unit ended, somebody cancelled, or `deadline_ms` of ops->now_ms has come.
 * A unit that ended counts at once. Units that cannot be looked at are looked at again, until the deadline; no answer counts
 * meanwhile.
 */
void tree_watch(const struct sysconf_tree *conf, const struct tree_watch_ops *ops, void *with, uint64_t deadline_ms,
		struct tree_watched *ret);

/**
 * How long after the swap a tree that is not healthy has failed: the configured time, and less on a machine so slow that the
 * way back would not fit into the quarter of a minute that is left for it. Never less than half.
 * @start_ms  what it took to have the units started: the way back takes about three times that, and 5 s for stopping
 */
uint64_t tree_watch_deadline_ms(const struct sysconf_tree *conf, uint64_t start_ms);

#endif
