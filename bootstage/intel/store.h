/*
 * store - a connection to the database that this machine's configuration names.
 * Layer:  bootstage/intel. Act.
 */
#ifndef BOOTSTAGE_INTEL_STORE_H
#define BOOTSTAGE_INTEL_STORE_H

#include "bootstage/intel/cluster.h"
#include "bootstage/intel/connpool.h"
#include "bootstage/intel/intelconf.h"
#include "bootstage/intel/pg.h"
#include "bootstage/intel/pool.h"

/* What a command line says about it; STORE_OPTS of cmd.h. */
struct store_opts {
	const char *connect; /* NULL: as configured */
	const char *config;  /* NULL: INTELCONF_FILE, which may be missing */
};

/** "/var/lib/PRODUCT/intel" with `below` behind it, "" or "/feeds": what this program keeps from run to run. */
MUST_USE int store_folder(const char *below, char ret[INTELCONF_PATH], struct why *w);
/** The configuration: defaults when there is no file, unless one was named. */
MUST_USE int store_config(const struct store_opts *o, struct intelconf *ret, struct why *w);
/**
 * Connect; also checks that the schema is one that this program can work with (migrate.h).
 * @ret  to be closed with pg_close(); untouched on failure
 */
MUST_USE int store_open(const struct store_opts *o, const struct intelconf *c, struct pg *ret, struct why *w);
/** Without that check. Who finds the server starting, or all its connections taken, is tried again for connect-timeout. */
MUST_USE int store_connect(const struct store_opts *o, const struct intelconf *c, struct pg *ret, struct why *w);

/** Whether it is the private cluster of this machine. */
bool store_is_private(const struct store_opts *o, const struct intelconf *c);

struct store_start {
	struct cluster_begun server;
	bool unit; /* it was started by its unit */
};
/**
 * As store_connect(), and the private cluster is made and started first where that is needed, by its unit where there is
 * one.
 */
MUST_USE int store_start(const struct store_opts *o, const struct intelconf *c, struct pg *ret,
			 struct store_start *ret_start, struct why *w);

/**
 * A pool of connections, as large as machine and server allow; the first is there, and the schema is one that this program
 * can work with.
 * @ret  to be freed with connpool_free()
 */
MUST_USE int store_pool(const struct store_opts *o, const struct intelconf *c, const struct machine *m,
			struct pool_plan *ret_plan, struct connpool **ret, struct why *w);
/** How many connections there may be of those that the machine is good for: as this server says. */
MUST_USE int store_plan(struct pg *p, const struct derived *wanted, struct pool_plan *ret, struct why *w);
/** As store_plan(), for who does not connect himself; a server that does not answer sets no limit. */
MUST_USE int store_allowed(const struct store_opts *o, const struct intelconf *c, unsigned int wanted,
			   struct pool_plan *ret, struct why *w);

#endif
