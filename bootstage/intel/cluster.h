/*
 * cluster - the private PostgreSQL cluster: made on the data partition, started by us or by its unit, reached over a unix
 * socket only.
 * Layer:  bootstage/intel. Act; clusterconf.h decides its settings.
 *
 * FOLDER holds the data; beside it are FOLDER.conf, the settings of this start, and FOLDER.lock. Data of another PostgreSQL
 * than those that are installed are named and left alone.
 */
#ifndef BOOTSTAGE_INTEL_CLUSTER_H
#define BOOTSTAGE_INTEL_CLUSTER_H

#include <sys/types.h>

#include "bootstage/intel/clusterconf.h"
#include "bootstage/intel/intelconf.h"

#define CLUSTER_FOLDER   "/var/lib/%s/intel/pg" /* with the product's name */
#define CLUSTER_SOCKET   "/run/%s/intel"
#define CLUSTER_PROGRAMS "/usr/lib/postgresql" /* MAJOR/bin below it */
#define CLUSTER_UNIT     "tandem-intel-db.service"
#define CLUSTER_MAKE_S   600u /* at most, for new data; seconds on a usual machine, minutes on a small busy one */

struct cluster {
	char folder[INTELCONF_PATH];
	char socket[INTELCONF_PATH];
	char user[INTELCONF_USER];     /* whom it runs as */
	char programs[INTELCONF_PATH]; /* the configured ones; "": those that fit */
	uid_t uid;
	gid_t gid;
	bool drop; /* we are root, the server must not be */
};

/** Fill in the folders that the configuration leaves open. @product  its name */
void cluster_places(struct intelconf *c, const char *product);
/** The cluster that the configuration describes. -ENODATA when there is no such user. */
MUST_USE int cluster_of(const struct intelconf *c, struct cluster *ret, struct why *w);

/** Major version of its data; 0: there are none yet. -EUCLEAN when the folder holds something else. */
MUST_USE int cluster_major(const struct cluster *c, unsigned int *ret, struct why *w);

/** Whether a server answers: 0; -EAGAIN one that starts or recovers; -ENOTCONN none. Says nothing. */
MUST_USE int cluster_ping(const struct cluster *c);

struct cluster_begun {
	bool started; /* the server was not running */
	bool made;    /* there were no data */
};
/**
 * Start the server of its own, unless one answers, or has begun to: makes the data when there are none, and waits until it
 * answers.
 * Returns 0; -EPROTONOSUPPORT (refused) when the data are of another version than the programs.
 */
MUST_USE int cluster_start(const struct cluster *c, const struct machine *m, unsigned int timeout_s,
			   struct cluster_begun *ret, struct why *w);
/** As cluster_start(), but this process becomes the server. Returns only on failure. */
MUST_USE int cluster_serve(const struct cluster *c, const struct machine *m, struct why *w);
/** End it, and those who work with it. Returns 0, also when there is none. */
MUST_USE int cluster_stop(const struct cluster *c, unsigned int timeout_s, struct why *w);
/** The role and the database that the store has in it; a server answers. Safe twice, and by two at once. */
MUST_USE int cluster_database(const struct cluster *c, struct why *w);

#endif
