/*
 * trainproc - the process of a job: started with the limits of its class, watched to its end, ended with all that it has
 * started.
 * Layer:  bootstage/trainer. Act.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINPROC_H
#define BOOTSTAGE_TRAINER_TRAINPROC_H

#include "bootstage/stagelog.h"
#include "bootstage/stagespawn.h"
#include "bootstage/trainer/job.h"

#define TRAINPROC_GRACE_MS 10000u /* from SIGTERM to SIGKILL */
#define TRAINPROC_TICK_MS  1000u

enum trainproc_end {
	TRAINPROC_ENDED,   /* by itself */
	TRAINPROC_TIMEOUT, /* the rest: it was ended */
	TRAINPROC_STALLED,
	TRAINPROC_TOLD,   /* the trainer was told to stop */
	TRAINPROC_TICKED, /* tick() wanted it */
	TRAINPROC_STUCK,  /* it does not even end by SIGKILL */
};

struct trainproc_want {
	const struct trainjob *job;
	const char *exec;    /* of it: exec or exec_seed */
	const char *folder;  /* its own, below the root */
	const char *product; /* whose account it has where the job names none */
	const struct stagegroups *groups;
	int signals; /* a signalfd: readable when the trainer is told to stop */
	void (*line)(void *arg, const char *text);
	/** Once a second. True: the job is to be ended at once. */
	bool (*tick)(void *arg);
	void *arg;
};

struct trainproc_result {
	enum trainproc_end end;
	struct stageproc_status status;
	int told;       /* the signal that told the trainer to stop, whatever else it was ended for; 0 */
	char said[320]; /* its cgroup, or why there is none */
	char last[STAGELOG_LINE];
};

/**
 * Run it to its end.
 * @log  what it prints; the caller's, since it is large
 * Returns 0, however it ended; or why it could not be started: -ENOENT its program is not there, -EPERM its user cannot be
 * had.
 */
MUST_USE int trainproc_run(const struct trainproc_want *want, struct stagelog *log, struct trainproc_result *ret,
			   struct why *w);

/** "TANDEM_FOLDER=...", the mark of all processes of a job. @ret holds 512 */
void trainproc_mark(const char *folder, char ret[512]);
/** Name of its cgroup. @ret holds 80 */
void trainproc_leaf(const struct trainjob *j, char ret[80]);

/** Whom a job runs as: user=, else the product's account where there is one and we are root, else ourselves. */
struct trainproc_ids {
	bool change;
	uid_t uid;
	gid_t gid;
	gid_t groups[64];
	int n_groups;
};
MUST_USE int trainproc_ids(const struct trainjob *j, const char *product, struct trainproc_ids *ret, struct why *w);

#endif
