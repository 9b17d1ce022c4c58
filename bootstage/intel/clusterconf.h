/*
 * clusterconf - the settings of the private cluster: text of its configuration files.
 * Layer:  bootstage/intel. Decide: no I/O.
 * Source: PostgreSQL 15, chapter 20; docs/intel.md has the table.
 */
#ifndef BOOTSTAGE_INTEL_CLUSTERCONF_H
#define BOOTSTAGE_INTEL_CLUSTERCONF_H

#include "bootstage/intel/machine.h"

#define CLUSTERCONF_TEXT  4096u
#define CLUSTER_DATABASE  "intel" /* and the name of the role that owns it */
#define CLUSTER_SUPERUSER "postgres"

/** postgresql.conf. @socket  folder of its socket. Returns 0; -E2BIG when the name is too long for a socket. */
MUST_USE int clusterconf_settings(const struct machine *m, const char *socket, char ret[CLUSTERCONF_TEXT],
				  struct why *w);
/** pg_hba.conf: whom the kernel names is let in, over the socket only. */
const char *clusterconf_hba(void);
/** pg_ident.conf: root and the user that the server runs as may be the owner of the database, and superuser. */
void clusterconf_ident(const char *user, char ret[CLUSTERCONF_TEXT]);

#endif
