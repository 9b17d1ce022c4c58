/*
 * tree_switch - do what tree_decide() says, one action after the other, until there is nothing left to do.
 * Layer:  updater; act. What the actions are comes in as functions, each of which is durable when it returns.
 */
#ifndef UPDATER_TREE_SWITCH_H
#define UPDATER_TREE_SWITCH_H

#include "updater/tree_plan.h"
#include "updater/tree_watch.h"

struct tree_switch_ops {
	/* Keep the record; its sequence is set by this. */
	int (*record)(void *with, struct tree_record *rec, struct why *w);
	/* What is there: `at`, `next_link`, `next_right`, `partial`, `whole`; the rest is left alone. */
	int (*see)(void *with, const struct tree_record *rec, struct tree_situation *ret, struct why *w);
	/* The next tree; whole and durable, or an error and at most remains that `partial` tells of. */
	int (*unpack)(void *with, const struct tree_record *rec, struct why *w);
	int (*remove_partial)(void *with, struct why *w);
	/* ROOT/current or ROOT/next names this tree; NULL: the link goes. */
	int (*link)(void *with, bool next, const char *name, struct why *w);
	/* soon: the units of a tree that is given up. */
	int (*stop)(void *with, bool soon, struct why *w);
	int (*start)(void *with, struct why *w);
	/* From the swap on the new tree has its time. */
	void (*watch)(void *with, uint64_t swapped_ms, struct tree_watched *ret);
	bool (*cancelled)(void *with);
	uint64_t (*now_ms)(void *with);
	/* Called before each action, for progress. May be NULL. */
	void (*step)(void *with, enum tree_action action);
};

struct tree_switch {
	const struct tree_switch_ops *ops;
	void *with;
	struct tree_record *rec; /* as it is on the disk; follows */
	bool has_units;
	bool unpacks; /* the next tree comes from ops->unpack, not from the disk */
	/* The verdict: TREE_OPEN to go forward, TREE_BAD to settle, then with reason and text. Set at the end. */
	enum tree_verdict verdict;
	enum tree_reason reason;
	char text[TREE_TEXT_MAX];
	struct why why; /* the error behind TREE_REASON_ERROR and TREE_REASON_INTERRUPTED; code 0: none */
	/* Results, in milliseconds of ops->now_ms; 0: did not happen. */
	uint64_t swapped_ms;  /* ROOT/current named the new tree */
	uint64_t served_ms;   /* and it served */
	uint64_t returned_ms; /* the old one was told to start again */
};

/**
 * Run until all is settled: one tree is current, and the units were told to run that one.
 * Returns 0 when it is, whatever the verdict; otherwise what stood in the way of the way back. What is there then is
 * settled by a later run.
 */
MUST_USE int tree_switch_run(struct tree_switch *s, struct why *w);

#endif
