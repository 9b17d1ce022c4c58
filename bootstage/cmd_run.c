/*
 * tandem-stage run PHASE
 */
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/log.h"
#include "bootstage/cmd.h"
#include "bootstage/post.h"

static const char usage[] = "tandem-stage run PHASE [--json] [--config FILE] [--no-reboot]";

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

int cmd_run(int argc, char **argv)
{
	bool as_json = false, no_reboot = false;
	const char *conf_path = NULL;
	const struct opt opts[] = {
		{ .name = "json", .help = "print the verdict as JSON", .flag = &as_json },
		{ .name = "config", .arg = "FILE", .help = "instead of " SYSCONF_PATH, .value = &conf_path },
		{ .name = "no-reboot", .help = "do not reboot after a failed trial", .flag = &no_reboot },
	};
	struct args args;
	int r = args_parse(usage, "Run the stages of a phase. 'post': probe the health of this boot and act on it.",
			   opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	log_setup("tandem-stage", LOG_INFO);
	if (strcmp(args.at[0], "post") == 0)
		return run_post(conf_path, as_json, no_reboot);
	(void)fprintf(stderr, "tandem-stage: unknown phase '%s'; there is: post\n", args.at[0]);
	return EXIT_USAGE;
}
