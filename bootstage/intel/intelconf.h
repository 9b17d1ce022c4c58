/*
 * intelconf - intel.conf: where the database is and how long things are kept.
 * Layer:  bootstage/intel. Format: one file read, no other I/O.
 * Trust:  written by the administrator; anything that is not as docs/formats/intel.conf.md says is refused with its line.
 */
#ifndef BOOTSTAGE_INTEL_INTELCONF_H
#define BOOTSTAGE_INTEL_INTELCONF_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/why.h"

#define INTELCONF_FILE   "/etc/tandem/intel.conf"
#define INTELCONF_PATH   160u
#define INTELCONF_USER   33u
#define INTELCONF_STRING 190u
#define AHEAD_DAYS_MAX   30u
#define KEEP_DAYS_MAX    36500u

#define INTELCONF_SERVERS 16u

/* A further server of telemetry, [server.N]; N is the number of its shard. */
struct intelserver {
	char connect[INTELCONF_STRING];
	char peer[INTELCONF_STRING]; /* how the other servers reach it; "": the same */
};

struct intelconf {
	char connect
		[INTELCONF_STRING];  /* of a server of others; "": the private cluster, which the next four describe */
	char folder[INTELCONF_PATH]; /* of its data; "": CLUSTER_FOLDER with the product's name */
	char socket[INTELCONF_PATH]; /* folder of its socket; "": CLUSTER_SOCKET with it */
	char user[INTELCONF_USER];   /* whom the server runs as, when started by root */
	char programs[INTELCONF_PATH]; /* folder with initdb and postgres; "": the fitting one below PG_PROGRAMS */
	unsigned int start_timeout_s;  /* until its server answers, recovery included */
	unsigned int connect_timeout_s;
	unsigned int statement_timeout_s;

	bool trust_clock; /* the administrator keeps it right, whatever the kernel knows */
	/* [0] is the first one, with a peer only; then in the order of their numbers, without holes. */
	struct intelserver servers[INTELCONF_SERVERS];
	unsigned int n_servers; /* 1: no others */

	unsigned int ahead_days; /* days for telemetry that are made in advance */
	unsigned int keep_days;  /* full days of telemetry that are kept; 0: all */
};

void intelconf_defaults(struct intelconf *ret);
/**
 * @name  for reasons only
 * Returns 0; -EBADMSG or -E2BIG with file and line; *ret is untouched on failure.
 */
MUST_USE int intelconf_parse(struct bytes text, const char *name, struct intelconf *ret, struct why *w);
/** As intelconf_parse() for a file; -ENOENT and the like from reading it. */
MUST_USE int intelconf_read(const char *path, struct intelconf *ret, struct why *w);

#endif
