/*
 * tandem-intel - the threat graph: keeps its database, loads feeds and telemetry into it, and answers what is related.
 */
#include "base/args.h"
#include "base/auto.h"
#include "bootstage/intel/cmd.h"

static const struct verb verbs[] = {
	{ "ensure", "[--committed] [--json]", "make the database ready: schema, and days for telemetry", cmd_ensure },
	{ "ingest", "FILE|-|FOLDER [--feed NAME] [--json]", "load a feed: STIX or MISP; --telemetry: what agents saw",
	  cmd_ingest },
	{ "feeds list", "[--json]", "list the feeds that are configured", cmd_feeds_list },
	{ "feeds run", "[NAME...] [--all] [--forever] [--json]", "load the feeds that are due", cmd_feeds_run },
	{ "feeds status", "[--json]", "show what came of each feed the last time", cmd_feeds_status },
	{ "related", "NODE [--depth N] [--direction WAY] [--kind KIND] [--json]", "show what is related to a node",
	  cmd_related },
	{ "enrich", "FILE|- [--depth N] [--kind KIND]", "what is related to each of a list, as lines of JSON",
	  cmd_enrich },
	{ "search", "TEXT [--kind KIND] [--limit N] [--json]", "find nodes by key, name or words", cmd_search },
	{ "pool", "[--facts DIR] [--json]", "how many connections there may be, and why", cmd_pool },
	{ "status", "[--json]", "what the database has, and whether it is as it has to be", cmd_status },
	{ "serve", "", "become the server of the private cluster; for its unit", cmd_serve },
	{ "stop", "", "stop the server of the private cluster", cmd_stop },
	{ "seal", "[--json]", "index and freeze the days of telemetry that are over", cmd_seal },
	{ "prune", "[--keep DAYS] [--json]", "drop the days of telemetry that are old", cmd_prune },
};

int main(int argc, char **argv)
{
	const struct program p = {
		.name = PROGRAM,
		.summary =
			"The threat graph: keeps its database, loads feeds and telemetry, and answers what is related.",
		.verbs = verbs,
		.n_verbs = ARRAY_SIZE(verbs),
	};

	return program_run(&p, argc, argv);
}
