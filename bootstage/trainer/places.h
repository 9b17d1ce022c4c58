/*
 * places - where the trainer's files are: the machine's own places, or others for a test.
 * Layer:  bootstage/trainer.
 * Source: docs/trainer.md, Places.
 */
#ifndef BOOTSTAGE_TRAINER_PLACES_H
#define BOOTSTAGE_TRAINER_PLACES_H

#include <limits.h>

#include "bootstage/trainer/job.h"
#include "partitions/sysconf.h"

struct trainplaces {
	const char *root;   /* in front of all others; NULL: none */
	const char *conf;   /* system.conf; NULL: the usual one below the root */
	struct sysconf sys; /* by trainplaces_open() */
};

/** Read system.conf, which names the product. Returns 0 or an error of sysconf_load(). */
MUST_USE int trainplaces_open(struct trainplaces *p, struct why *w);

/** A path of this machine ("/etc/x") below the root. */
MUST_USE int trainplaces_below(const struct trainplaces *p, const char *path, char ret[PATH_MAX], struct why *w);
/**
 * The folder of those files, if it is there, is one that nobody else can put files or links into: /var/lib/PRODUCT may be an
 * account's, and root writes here. Returns 0; -EPERM (refused) it is not.
 */
MUST_USE int trainplaces_own(const struct trainplaces *p, struct why *w);
/** A file of the trainer's own: /var/lib/PRODUCT/trainer/NAME. */
MUST_USE int trainplaces_state(const struct trainplaces *p, const char *name, char ret[PATH_MAX], struct why *w);
/** A job's folder. */
MUST_USE int trainplaces_folder(const struct trainplaces *p, const struct trainjob *j, char ret[PATH_MAX],
				struct why *w);

#endif
