/*
 * tandem-intel ensure
 */
#include <stdio.h>

#include "base/args.h"
#include "base/json.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/migrate.h"
#include "bootstage/intel/store.h"

struct outcome {
	struct schema_state schema;
	unsigned int taken;
};

static int print(const struct outcome *o, bool json, struct why *w)
{
	struct json j = { .to = stdout };

	if (!json) {
		(void)printf("schema: step %u%s, %u taken now\n", o->schema.number,
			     o->schema.newer ? ", of a newer version, used as it is" : "", o->taken);
		return fflush(stdout) ? fail_errno(w, "output") : 0;
	}
	json_object(&j, NULL);
	json_object(&j, "schema");
	json_u64(&j, "step", o->schema.number);
	json_u64(&j, "known", o->schema.known);
	json_u64(&j, "pending", o->schema.pending);
	json_u64(&j, "taken", o->taken);
	json_bool(&j, "newer", o->schema.newer);
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

static int ensure(const struct store_opts *opts, bool committed, struct outcome *ret, struct why *w)
{
	AUTO_PG p = { 0 };
	struct intelconf c;
	int r = store_config(opts, &c, w);

	r = r ? r : store_connect(opts, &c, &p, w);
	return r ? r : migrate(&p, committed, &ret->schema, &ret->taken, w);
}

int cmd_ensure(int argc, char **argv)
{
	struct store_opts store = { 0 };
	bool committed = false, json = false;
	const struct opt opts[] = {
		STORE_OPTS(store),
		{ .name = "committed", .help = "also what programs of before cannot live with", .flag = &committed },
		{ .name = "json", .help = "as JSON", .flag = &json },
	};
	struct outcome o = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(PROGRAM " ensure [--committed] [--json]",
			   "Make the database ready: its schema as this version of the program has it.", opts,
			   ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = ensure(&store, committed, &o, &w);
	r = r ? r : print(&o, json, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
