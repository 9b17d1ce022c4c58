/*
 * stagespawn - the process of a stage: started, killed with all that it has started, and what it has used.
 * Layer:  bootstage; act.
 */
#ifndef BOOTSTAGE_STAGESPAWN_H
#define BOOTSTAGE_STAGESPAWN_H

#include <sys/types.h>

#include "bootstage/stagegroups.h"

#define STAGESPAWN_MARK "TANDEM_STAGE" /* in the environment of its processes: its name */

/* What is to be started. */
struct stagespawn_what {
	char mark[512]; /* "NAME=VALUE" in the environment of its processes, which tells them from all others */
	char leaf[80];  /* name of its cgroup */
	enum class_id class;
	const char *exec;        /* program and arguments, split at blanks */
	const char *const *more; /* arguments behind them */
	size_t n_more;
	const char *const *environment; /* "NAME=VALUE", before the runner's own */
	size_t n_environment;
	/*
	 * NULL; or called in the child last before it becomes the program, where only system calls are safe. Anything but 0, a
	 * negative errno, keeps it from starting.
	 */
	int (*prepare)(const void *arg);
	const void *arg;
};

struct stageproc {
	const struct stage *stage; /* NULL: it is something else */
	char mark[512];
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

/**
 * As stagespawn() for any program.
 * @class  the limits and the OOM score
 */
MUST_USE int stagespawn_start(const struct stagespawn_what *what, const struct stagegroups *g, struct stageproc *ret,
			      struct why *w);

/**
 * Kill what carries a mark, once over /proc: what an earlier runner has left where there are no cgroups. One that has changed
 * its environment in memory escapes. Returns how many there were.
 */
int stagespawn_sweep(const char *mark);

/** SIGKILL to all of it. They need not be gone yet. */
void stagespawn_kill(struct stageproc *p);

/** Its process has ended (pidfd says so): fetch its status, end what it has left behind, free all but `out`. */
void stagespawn_reap(struct stageproc *p, struct stageproc_status *ret);

/** Give up on one that cannot be killed. */
void stagespawn_abandon(struct stageproc *p);

#endif
