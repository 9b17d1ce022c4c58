/*
 * tandem-intel seal
 */
#include <stdio.h>

#include "base/args.h"
#include "base/json.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/partition.h"
#include "bootstage/intel/servers.h"

static int print(const struct seal_report *s, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };

	if (!as_json) {
		(void)printf("%u sealed, %u waiting, %u open%s\n", s->sealed, s->waiting, s->open,
			     s->others ? "; another one is sealing" : "");
		return fflush(stdout) ? fail_errno(w, "output") : 0;
	}
	json_object(&j, NULL);
	json_u64(&j, "sealed", s->sealed);
	json_u64(&j, "waiting", s->waiting);
	json_u64(&j, "open", s->open);
	json_bool(&j, "others", s->others);
	json_end(&j);
	return json_finish(&j, w);
}

static int seal_one(const struct store_opts *opts, const struct intelconf *c, unsigned int i, struct seal_report *sum,
		    struct why *w)
{
	struct clock_now now = clock_read(c->trust_clock);
	struct seal_report one = { 0 };
	AUTO_PG p = { 0 };
	int r = servers_connect(opts, c, i, &p, w);

	r = r ? r : partition_seal(&p, &now, c->ahead_days, 0, &one, w);
	sum->sealed += one.sealed;
	sum->open += one.open;
	sum->waiting += one.waiting;
	sum->others |= one.others;
	return r;
}

/* A server that fails leaves the others theirs. */
static int seal(const struct store_opts *opts, struct seal_report *ret, struct why *w)
{
	struct intelconf c;
	int r = store_config(opts, &c, w);

	if (r)
		return r;
	for (unsigned int i = 0; i < servers_count(opts, &c); i++) {
		int one = seal_one(opts, &c, i, ret, w);

		r = r ? r : one;
	}
	return r;
}

int cmd_seal(int argc, char **argv)
{
	struct store_opts store = { 0 };
	bool as_json = false;
	const struct opt opts[] = {
		STORE_OPTS(store),
		{ .name = "json", .help = "as JSON", .flag = &as_json },
	};
	struct seal_report s = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(
		PROGRAM " seal [--json]",
		"Seal the days of telemetry that are over: index them for questions about who was talked to,\n"
		"and freeze them.",
		opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = seal(&store, &s, &w);
	r = r ? r : print(&s, as_json, &w);
	if (r)
		return why_report(&w, PROGRAM);
	return s.sealed || s.waiting ? EXIT_DONE : EXIT_NOTHING;
}
