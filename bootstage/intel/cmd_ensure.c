/*
 * tandem-intel ensure
 */
#include <stdio.h>

#include "base/args.h"
#include "base/json.h"
#include "base/log.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/migrate.h"
#include "bootstage/intel/partition.h"
#include "bootstage/intel/servers.h"

#define MIGRATE_TIMEOUT_MS 600000u

struct outcome {
	struct store_start start;
	struct schema_state schema;
	unsigned int taken; /* steps */
	unsigned int made;  /* days */
	int ahead;
	struct why clock; /* why no days were made */
};

static void json(const struct outcome *o, struct json *j)
{
	json_object(j, NULL);
	json_object(j, "server");
	json_bool(j, "started", o->start.server.started);
	json_bool(j, "made", o->start.server.made);
	json_end(j);
	json_object(j, "schema");
	json_u64(j, "step", o->schema.number);
	json_u64(j, "known", o->schema.known);
	json_u64(j, "pending", o->schema.pending);
	json_u64(j, "taken", o->taken);
	json_bool(j, "newer", o->schema.newer);
	json_end(j);
	json_object(j, "days");
	json_u64(j, "made", o->made);
	json_i64(j, "ahead", o->ahead);
	json_text(j, "refused", o->clock.text);
	json_end(j);
	json_end(j);
}

static int print(const struct outcome *o, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };

	if (as_json) {
		json(o, &j);
		return json_finish(&j, w);
	}
	if (o->start.server.started)
		(void)printf("server: %s, started%s\n", o->start.server.made ? "made" : "there",
			     o->start.unit ? " by its unit" : "");
	(void)printf("schema: step %u%s, %u taken now\n", o->schema.number,
		     o->schema.newer ? ", of a newer version, used as it is" : "", o->taken);
	if (o->ahead < 0)
		(void)printf("days: none for today\n");
	else
		(void)printf("days: today and %d more, %u made now\n", o->ahead, o->made);
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

/* That the clock is wrong keeps feeds from nothing: it is said, and telemetry goes where it can be looked at. */
static int days(struct pg *p, const struct intelconf *c, struct outcome *o, struct why *w)
{
	struct clock_now now = clock_read(c->trust_clock);
	AUTO_DAY_LIST have = { 0 };
	int r = ensure_partitions_exist(p, &now, c->ahead_days, &o->made, &o->clock);

	o->ahead = (int)c->ahead_days;
	if (!r)
		return 0;
	if (r != -ESTALE)
		return fail(w, r, "%s", o->clock.text);
	log_warn("no days for telemetry are made: %s", o->clock.text);
	r = partition_list(p, &have, w);
	o->ahead = days_ahead(day_of(now.us), &have);
	return r;
}

static int ensure(const struct store_opts *opts, bool committed, struct outcome *ret, struct why *w)
{
	AUTO_PG p = { 0 };
	struct intelconf c;
	int r = store_config(opts, &c, w);

	r = r ? r : store_start(opts, &c, &p, &ret->start, w);
	r = r ? r : servers_prepare(opts, &c, committed, w);
	r = r ? r : pg_set_timeout(&p, MIGRATE_TIMEOUT_MS, w);
	r = r ? r : migrate(&p, committed, &ret->schema, &ret->taken, w);
	r = r ? r : days(&p, &c, ret, w);
	return r ? r : servers_join(opts, &c, w);
}

int cmd_ensure(int argc, char **argv)
{
	struct store_opts store = { 0 };
	bool committed = false, as_json = false;
	const struct opt opts[] = {
		STORE_OPTS(store),
		{ .name = "committed", .help = "also what programs of before cannot live with", .flag = &committed },
		{ .name = "json", .help = "as JSON", .flag = &as_json },
	};
	struct outcome o = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(PROGRAM " ensure [--committed] [--json]",
			   "Make the database ready: the private cluster of this machine, unless another server is\n"
			   "configured, is made and started; the schema is as this version of the program has it;\n"
			   "telemetry of today and the next week has days.",
			   opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	log_setup(PROGRAM, LOG_INFO);
	r = ensure(&store, committed, &o, &w);
	r = r ? r : print(&o, as_json, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
