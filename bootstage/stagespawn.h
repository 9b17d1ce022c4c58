/*
 * stagespawn - the process of a stage: started, killed with all that it has started, and what it has used.
 * Layer:  bootstage; act.
 */
#ifndef BOOTSTAGE_STAGESPAWN_H
#define BOOTSTAGE_STAGESPAWN_H

#include <sys/types.h>

#include "bootstage/stagegroups.h"

#define STAGESPAWN_MARK "TANDEM_STAGE" /* in the environment of its processes: its name */

struct stageproc {
	const struct stage *stage;
	pid_t pid;
	int pidfd; /* readable when it has ended */
	int out;   /* its stdout and stderr; does not block; -1 once all have closed it */
	bool has_group;
	struct cgroup group;
	char said[320]; /* path of the group, and which limits it lacks; or why there is none */
};

struct stageproc_status {
	int exit_code; /* -1: none */
	int signal;
	bool left_some; /* processes of it were there when it had ended; they are killed */
	uint64_t cpu_us, peak_memory_bytes;
};

/** Once, before the first: children of stages without a cgroup become ours when their parent ends. */
void stagespawn_setup(void);

/**
 * Start a stage in a session of its own, with stdin from /dev/null, default signal handling, its class's OOM score and,
 * where there are groups, in a leaf of its own.
 * Returns 0; -ENOENT its program is not there; or why it could not be started.
 */
MUST_USE int stagespawn(const struct stage *s, const struct stagegroups *g, struct stageproc *ret, struct why *w);

/** SIGKILL to all of it. They need not be gone yet. */
void stagespawn_kill(struct stageproc *p);

/** Its process has ended (pidfd says so): fetch its status, end what it has left behind, free all but `out`. */
void stagespawn_reap(struct stageproc *p, struct stageproc_status *ret);

/** Give up on one that cannot be killed. */
void stagespawn_abandon(struct stageproc *p);

#endif
