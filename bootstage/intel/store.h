/*
 * store - a connection to the database that this machine's configuration names.
 * Layer:  bootstage/intel. Act.
 */
#ifndef BOOTSTAGE_INTEL_STORE_H
#define BOOTSTAGE_INTEL_STORE_H

#include "bootstage/intel/intelconf.h"
#include "bootstage/intel/pg.h"

/* What a command line says about it; STORE_OPTS of cmd.h. */
struct store_opts {
	const char *connect; /* NULL: as configured */
	const char *config;  /* NULL: INTELCONF_FILE, which may be missing */
};

/** The configuration: defaults when there is no file, unless one was named. */
MUST_USE int store_config(const struct store_opts *o, struct intelconf *ret, struct why *w);
/**
 * Connect; also checks that the schema is one that this program can work with (migrate.h).
 * @ret  to be closed with pg_close(); untouched on failure
 */
MUST_USE int store_open(const struct store_opts *o, const struct intelconf *c, struct pg *ret, struct why *w);
/** Without that check. */
MUST_USE int store_connect(const struct store_opts *o, const struct intelconf *c, struct pg *ret, struct why *w);

#endif
