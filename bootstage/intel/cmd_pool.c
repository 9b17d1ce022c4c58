/*
 * tandem-intel pool
 */
#include <stdio.h>

#include "base/args.h"
#include "base/json.h"
#include "base/log.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/machine.h"
#include "bootstage/intel/store.h"

static int print(const struct pool_plan *p, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };

	if (!as_json) {
		(void)printf("%u connections\n  machine  %s\n", p->size, p->formula);
		if (p->lowered[0])
			(void)printf("  server   %s\n", p->lowered);
		return fflush(stdout) ? fail_errno(w, "output") : 0;
	}
	json_object(&j, NULL);
	json_u64(&j, "connections", p->size);
	json_u64(&j, "wanted", p->wanted);
	json_string(&j, "formula", p->formula);
	json_text(&j, "lowered", p->lowered);
	json_end(&j);
	return json_finish(&j, w);
}

/* Of another machine nobody's server is asked; here one that does not answer sets no limit. */
static int plan(const struct store_opts *opts, const char *facts, const char *tuning, struct pool_plan *ret,
		struct why *w)
{
	AUTO_PG p = { 0 };
	struct intelconf c;
	struct machine m;
	int r = store_config(opts, &c, w);

	r = r ? r : machine_read(facts, tuning, &m, w);
	if (r)
		return r;
	*ret = pool_make(&m.sizes.db_connections, NULL);
	if (facts && !opts->connect)
		return 0;
	r = store_connect(opts, &c, &p, opts->connect ? w : NULL);
	if (r)
		return opts->connect ? r : 0;
	return store_plan(&p, &m.sizes.db_connections, ret, w);
}

void cmd_pool_warn(const struct pool_plan *p)
{
	if (p->lowered[0])
		log_warn("connections lowered from %u to %u: %s", p->wanted, p->size, p->lowered);
}

int cmd_pool(int argc, char **argv)
{
	const char *facts = NULL, *tuning = NULL;
	struct store_opts store = { 0 };
	bool as_json = false;
	const struct opt opts[] = {
		STORE_OPTS(store),
		{ .name = "facts", .arg = "DIR", .help = "a captured tree instead of this machine", .value = &facts },
		{ .name = "tuning", .arg = "FILE", .help = "instead of /etc/tandem/tuning.conf", .value = &tuning },
		{ .name = "json", .help = "as JSON", .flag = &as_json },
	};
	struct pool_plan p = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(
		PROGRAM " pool [--facts DIR] [--json]",
		"Print how many connections to the database there may be: by cores, disks and memory of the\n"
		"machine, and less where its server allows less.",
		opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	log_setup(PROGRAM, LOG_INFO);
	r = plan(&store, facts, tuning, &p, &w);
	if (!r)
		cmd_pool_warn(&p);
	r = r ? r : print(&p, as_json, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
