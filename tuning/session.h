/*
 * session - what plan, apply, check and undo share: whose machine this is, by which policy, and the plan for it.
 * Layer:  tuning; may include base/ only. Act.
 */
#ifndef TUNING_SESSION_H
#define TUNING_SESSION_H

#include "tuning/failclosed.h"
#include "tuning/tuneapply.h"

#define SESSION_SYSTEM "/etc/tandem/system.conf" /* its product; the rest of it is others' */
#define SESSION_NAME   "tune"                    /* of token and lock */

struct session {
	struct tree tree;
	int lock; /* -1: not held */
	char product[TUNECONF_PRODUCT];
	struct tree_path config; /* the policy's file; "": there is none, the defaults hold */
	struct tuneconf conf;
	struct undolog kept;
	struct facts facts;
	struct tune_input in;
	struct tuneplan plan;
};
void session_free(struct session **s);
#define AUTO_SESSION CLEANUP(session_free) struct session

/**
 * Begin, for this machine; the session is on the heap, for its size. It has tree and product then.
 * @alone  wait until nobody else applies or takes back
 */
MUST_USE int session_begin(bool alone, struct session **ret, struct why *w);
/** Begin, for what is below `root` (NULL: this machine), without a lock. A captured tree may lack SESSION_SYSTEM. */
MUST_USE int session_begin_at(const char *root, struct session **ret, struct why *w);
/** The policy, and what is kept. @config  NULL: TUNECONF_FILE, which may be missing */
MUST_USE int session_policy(struct session *s, const char *config, struct why *w);
/** After that: facts, look and plan. */
MUST_USE int session_plan(struct session *s, struct why *w);
/** What tune_apply() and its kin work on; borrows from the session. */
struct tune_job session_job(struct session *s);

#endif
