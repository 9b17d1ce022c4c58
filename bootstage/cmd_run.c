/*
 * tandem-stage run PHASE
 */
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/json.h"
#include "base/log.h"
#include "bootstage/cmd.h"
#include "bootstage/phase.h"
#include "bootstage/post.h"

static const char usage[] = "tandem-stage run PHASE [--json] [--config FILE] [--no-reboot] [--first] [--stages DIR] "
			    "[--state DIR] [--root DIR]";

static int print(const struct verdict *v, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };

	if (as_json) {
		verdict_json(&j, NULL, v);
		return json_finish(&j, w);
	}
	verdict_print(stdout, v);
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

static int run_post(const char *conf_path, bool as_json, bool no_reboot)
{
	static struct verdict v;
	struct why w = { 0 };

	post_run(conf_path, &v);
	if (print(&v, as_json, &w) || (v.rebooting && !no_reboot && post_reboot(&w)))
		return why_report(&w, "tandem-stage");
	return verdict_exit_code(v.result);
}

static void run_json(struct json *j, const struct phase_run *run)
{
	json_object(j, NULL);
	json_array(j, "stages");
	for (size_t i = 0; i < run->plan.order.n; i++)
		if (run->run.ran & STAGE_BIT(run->plan.order.at[i]))
			stageresult_json(j, NULL, &run->results.at[run->plan.order.at[i]]);
	json_end(j);
	json_bool(j, "refused", run->run.refused != 0);
	json_bool(j, "cancelled", run->run.cancelled);
	json_end(j);
}

static int print_run(const struct phase_run *run, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };

	if (as_json) {
		run_json(&j, run);
		return json_finish(&j, w);
	}
	for (size_t i = 0; i < run->plan.order.n; i++)
		if (run->run.ran & STAGE_BIT(run->plan.order.at[i]))
			stageresult_print(stdout, &run->results.at[run->plan.order.at[i]]);
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

/* tandem-init judges its own phase; stages that ran somewhere else in place of this boot's are not judged. */
static bool ends_boot(const struct stageplaces *places, enum stage_phase phase, const struct phase_run *run)
{
	static struct verdict v;

	return phase == IN_EARLY && run->run.refused && !places->root && !places->state && !places->stages &&
	       post_refused(places->conf, run, &v);
}

static int run_phase(const struct stageplaces *places, enum stage_phase phase, bool first, bool as_json, bool no_reboot)
{
	static struct phase_run run;
	struct why w = { 0 };
	int r = phase_run(places, phase, first, &run, &w);

	if (r)
		return why_report(&w, "tandem-stage");
	r = print_run(&run, as_json, &w);
	if (ends_boot(places, phase, &run) && !no_reboot)
		r = post_reboot(&w);
	phase_free(&run);
	if (r)
		return why_report(&w, "tandem-stage");
	return run.run.refused ? EXIT_REFUSED : run.run.cancelled || run.run.unwritten ? EXIT_FAILED : EXIT_DONE;
}

int cmd_run(int argc, char **argv)
{
	bool as_json = false, no_reboot = false, first = false;
	struct stageplaces places = { 0 };
	enum stage_phase phase;
	const struct opt opts[] = {
		{ .name = "json", .help = "print the results, or the verdict, as JSON", .flag = &as_json },
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &places.conf },
		{ .name = "no-reboot", .help = "do not reboot after a failed trial", .flag = &no_reboot },
		{ .name = "first",
		  .help = "before the service manager: log to the kernel, mount cgroups",
		  .flag = &first },
		PLACES_OPTS(places),
		STATE_OPT(places),
	};
	struct args args;
	int r = args_parse(
		usage,
		"Run the stages of a phase: initramfs, early, post or committed. 'post' goes on to probe the health "
		"of this boot, and acts on all of it.",
		opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	log_setup("tandem-stage", LOG_INFO);
	if (first)
		log_kmsg();
	if (!stage_phase_named(args.at[0], &phase)) {
		(void)fprintf(stderr,
			      "tandem-stage: unknown phase '%s'; there are: initramfs, early, post, committed\n",
			      args.at[0]);
		return EXIT_USAGE;
	}
	return phase == IN_POST ? run_post(places.conf, as_json, no_reboot)
				: run_phase(&places, phase, first, as_json, no_reboot);
}
