/*
 * cmd - the verbs of `tandem-intel`, one function each. They parse their options, print, and return an exit code.
 */
#ifndef BOOTSTAGE_INTEL_CMD_H
#define BOOTSTAGE_INTEL_CMD_H

#define PROGRAM "tandem-intel"

/* Options of every verb that works with the store; `s` is a struct store_opts (store.h). */
#define STORE_OPTS(s)                                                                                                  \
	{ .name = "connect",                                                                                           \
	  .arg = "CONNINFO",                                                                                           \
	  .help = "this database instead of the configured one",                                                       \
	  .value = &(s).connect },                                                                                     \
	{                                                                                                              \
		.name = "config", .arg = "FILE", .help = "instead of " INTELCONF_FILE, .value = &(s).config            \
	}

struct pool_plan;
/** A warning when there may be fewer connections than were wanted. */
void cmd_pool_warn(const struct pool_plan *p);

int cmd_enrich(int argc, char **argv);
int cmd_ensure(int argc, char **argv);
int cmd_feeds_list(int argc, char **argv);
int cmd_feeds_run(int argc, char **argv);
int cmd_feeds_status(int argc, char **argv);
int cmd_ingest(int argc, char **argv);
int cmd_pool(int argc, char **argv);
int cmd_prune(int argc, char **argv);
int cmd_related(int argc, char **argv);
int cmd_seal(int argc, char **argv);
int cmd_search(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_telemetry(int argc, char **argv);

#endif
