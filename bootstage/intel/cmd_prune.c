/*
 * tandem-intel prune
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/args.h"
#include "base/json.h"
#include "base/parse.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/partition.h"
#include "bootstage/intel/servers.h"

static int print(const struct prune_report *s, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };
	char size[16];

	if (!as_json) {
		(void)printf("%u days dropped, %s; %u waiting for readers; %" PRIu64 " late rows deleted; %" PRIu64
			     " agents forgotten\n",
			     s->dropped, format_size(s->bytes, size), s->waiting, s->late_rows, s->agents);
		return fflush(stdout) ? fail_errno(w, "output") : 0;
	}
	json_object(&j, NULL);
	json_u64(&j, "dropped", s->dropped);
	json_u64(&j, "bytes", s->bytes);
	json_u64(&j, "waiting", s->waiting);
	json_u64(&j, "late_rows", s->late_rows);
	json_u64(&j, "agents", s->agents);
	json_end(&j);
	return json_finish(&j, w);
}

static int prune_one(const struct store_opts *opts, const struct intelconf *c, unsigned int i, struct prune_report *sum,
		     struct why *w)
{
	struct clock_now now = clock_read(c->trust_clock);
	struct prune_report one = { 0 };
	AUTO_PG p = { 0 };
	int r = servers_connect(opts, c, i, &p, w);

	r = r ? r : partition_prune(&p, &now, c->ahead_days, c->keep_days, &one, w);
	sum->dropped += one.dropped;
	sum->waiting += one.waiting;
	sum->bytes += one.bytes;
	sum->late_rows += one.late_rows;
	sum->agents += one.agents;
	return r;
}

/* A server that fails leaves the others theirs. */
static int prune(const struct store_opts *opts, const char *keep, struct prune_report *ret, struct why *w)
{
	struct intelconf c;
	int r = store_config(opts, &c, w);

	r = r ? r : args_number("keep", keep, 0, KEEP_DAYS_MAX, &c.keep_days, w);
	if (r)
		return r;
	for (unsigned int i = 0; i < servers_count(opts, &c); i++) {
		int one = prune_one(opts, &c, i, ret, w);

		r = r ? r : one;
	}
	return r;
}

int cmd_prune(int argc, char **argv)
{
	struct store_opts store = { 0 };
	const char *keep = NULL;
	bool as_json = false;
	const struct opt opts[] = {
		STORE_OPTS(store),
		{ .name = "keep", .arg = "DAYS", .help = "instead of what is configured; 0: all", .value = &keep },
		{ .name = "json", .help = "as JSON", .flag = &as_json },
	};
	struct prune_report s = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(
		PROGRAM " prune [--keep DAYS] [--json]",
		"Drop the days of telemetry that are older than what is kept. A day that somebody is reading\n"
		"is left for the next time.",
		opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = prune(&store, keep, &s, &w);
	r = r ? r : print(&s, as_json, &w);
	if (r)
		return why_report(&w, PROGRAM);
	return s.dropped || s.waiting || s.late_rows || s.agents ? EXIT_DONE : EXIT_NOTHING;
}
