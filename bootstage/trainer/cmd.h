/*
 * cmd - the verbs of `tandem-train`, one function each. They parse their options, print, and return an exit code.
 */
#ifndef BOOTSTAGE_TRAINER_CMD_H
#define BOOTSTAGE_TRAINER_CMD_H

#include "bootstage/trainer/places.h"
#include "bootstage/trainer/trainconf.h"

#define PROGRAM "tandem-train"

/* Options of every verb; `p` is a struct trainplaces. */
#define PLACES_OPTS(p)                                                                                                 \
	{ .name = "root", .arg = "DIR", .help = "in front of every path of this machine", .value = &(p).root },        \
	{                                                                                                              \
		.name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &(p).conf                \
	}

/** Read system.conf, trainer.conf and the jobs. @jobs  ended by trainjobs_free(). Errors of those readers */
MUST_USE int cmd_load(struct trainplaces *places, struct trainconf *conf, struct trainjobs *jobs, struct why *w);

int cmd_plan(int argc, char **argv);
int cmd_prune(int argc, char **argv);
int cmd_rollback(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);

#endif
