/*
 * tandem-intel serve, stop
 */
#include "base/args.h"
#include "bootstage/intel/cluster.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/store.h"

static int serve(const struct store_opts *opts, struct why *w)
{
	struct intelconf c;
	struct cluster k;
	struct machine m;
	int r = store_config(opts, &c, w);

	if (!r && !store_is_private(opts, &c))
		r = misuse(w, -EINVAL, "the configured database is another server's");
	r = r ? r : cluster_of(&c, &k, w);
	r = r ? r : machine_read(NULL, NULL, &m, w);
	return r ? r : cluster_serve(&k, &m, w);
}

int cmd_serve(int argc, char **argv)
{
	struct store_opts store = { 0 };
	const struct opt opts[] = {
		{ .name = "config", .arg = "FILE", .help = "instead of " INTELCONF_FILE, .value = &store.config },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(PROGRAM " serve [--config FILE]",
			   "Make the private cluster where there is none, and become its server: what the unit\n"
			   "tandem-intel-db.service runs.",
			   opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	(void)serve(&store, &w);
	return why_report(&w, PROGRAM);
}

/* Exit code. No database of this machine's own, or not even the user that would run it: nothing to stop. */
static int stop(const struct store_opts *opts, struct why *w)
{
	struct intelconf c;
	struct cluster k;
	struct why cause = { 0 };
	int r = store_config(opts, &c, w);

	if (r)
		return why_report(w, PROGRAM);
	if (!store_is_private(opts, &c))
		return EXIT_NOTHING;
	r = cluster_of(&c, &k, &cause);
	if (r == -ENODATA)
		return EXIT_NOTHING;
	r = r ? fail(w, r, "%s", cause.text) : cluster_stop(&k, c.start_timeout_s, w);
	return r ? why_report(w, PROGRAM) : EXIT_DONE;
}

int cmd_stop(int argc, char **argv)
{
	struct store_opts store = { 0 };
	const struct opt opts[] = {
		{ .name = "config", .arg = "FILE", .help = "instead of " INTELCONF_FILE, .value = &store.config },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(PROGRAM " stop [--config FILE]",
			   "Stop the server of the private cluster; who works with it loses the connection.", opts,
			   ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	return stop(&store, &w);
}
