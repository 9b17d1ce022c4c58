/*
 * tree_run - trees on a real machine: install one, go back, settle what was left, make room.
 * Layer:  updater; act. Binds the state machine to the folder, the bundle, the units and the clock.
 */
#ifndef UPDATER_TREE_RUN_H
#define UPDATER_TREE_RUN_H

#include "updater/bundle.h"
#include "updater/tree_store.h"
#include "updater/tree_switch.h"

struct tree_progress {
	enum tree_action action;
	uint64_t done_bytes, total_bytes; /* of the stream, while it is unpacked */
};

struct tree_job {
	const struct sysconf_tree *conf;
	struct tree_store *store;      /* open for writing */
	struct tree_record *rec;       /* as it was loaded; follows */
	const struct bundle *bundle;   /* of an install, with */
	const struct payload *payload; /* its tree */
	bool no_units;                 /* leave them alone: at boot, where the service manager starts them afterwards */
	/* Called often while it goes on. Both may be NULL. */
	void (*step)(void *arg, const struct tree_progress *now);
	bool (*cancelled)(void *arg);
	void *arg;
};

struct tree_done {
	enum tree_verdict verdict;
	enum tree_reason reason; /* of TREE_BAD */
	char text[TREE_TEXT_MAX];
	bool swapped;        /* ROOT/current named the new tree for a while, or still does */
	uint64_t serves_ms;  /* of TREE_GOOD: from the swap until it served */
	bool returned;       /* the old tree was started again */
	bool old_serves;     /* and serves */
	uint64_t return_ms;  /* then: from the swap until it did */
	size_t pruned;       /* old trees that were removed */
	struct why unpruned; /* why some were not; code 0: none */
};

/**
 * The journal, or what stands for one: without any, the tree that ROOT/current names is the current one.
 * @lost  take that also when there is a journal, but it cannot be read
 * Returns 0; -EBADMSG the journal is lost; -EPROTONOSUPPORT; -errno.
 */
MUST_USE int tree_load(struct tree_store *s, bool lost, struct tree_record *ret, struct why *w);
/** Whether there is anything to settle. */
MUST_USE int tree_unsettled(const struct tree_job *job, bool *ret, struct why *w);

/**
 * Bring what an interrupted run left to an end: what was not committed is given up.
 * Returns 0 when one tree is current, and, unless no_units, its units were told to run it.
 */
MUST_USE int tree_settle(const struct tree_job *job, struct tree_done *ret, struct why *w);
/**
 * Unpack the bundle's tree and switch to it. The record is settled, and its checks passed.
 * @epoch  of the bundle
 * Returns 0 when it was committed; otherwise the reason, and the old tree serves again as far as `ret` says.
 */
MUST_USE int tree_install(const struct tree_job *job, struct tree_done *ret, struct why *w);
/** Switch to the previous tree. Errors as tree_install(). */
MUST_USE int tree_go_back(const struct tree_job *job, struct tree_done *ret, struct why *w);

/** Remove old trees by count, and as many as `want_bytes` of free space take. @ret_n how many */
MUST_USE int tree_make_room(const struct tree_job *job, unsigned int keep, uint64_t want_bytes, size_t *ret_n,
			    struct why *w);
/** What a bundle's tree needs on the disk at most, the configured reserve included. */
uint64_t tree_needs_bytes(const struct sysconf_tree *conf, const struct payload *p);

/** "unpacking", "stopping the units", ...; NULL: nothing worth a word. */
const char *tree_action_name(enum tree_action a);

#endif
