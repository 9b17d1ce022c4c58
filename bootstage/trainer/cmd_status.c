/*
 * tandem-train status
 */
#include "base/args.h"
#include "bootstage/trainer/cmd.h"
#include "bootstage/trainer/trainshow.h"

static const char usage[] = "tandem-train status [--json] [--config FILE] [--root DIR]";

static int show(const struct trainplaces *places, const struct trainconf *conf, const struct trainjobs *jobs,
		bool as_json, struct why *w)
{
	AUTO_FREE struct trainshow *s = calloc(1, sizeof(*s));
	int r = s ? trainshow_look(places, conf, jobs, s, w) : fail(w, -ENOMEM, "out of memory");

	if (r)
		return r;
	r = as_json ? trainshow_json(s, w) : trainshow_print(s, w);
	trainshow_free(s);
	return r;
}

int cmd_status(int argc, char **argv)
{
	bool as_json = false;
	struct trainplaces places = { 0 };
	struct trainconf conf;
	const struct opt opts[] = {
		{ .name = "json", .help = "print it as JSON", .flag = &as_json },
		PLACES_OPTS(places),
	};
	AUTO_TRAINJOBS jobs = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(usage, "Show the trainings in their order, and what became of each.", opts, ARRAY_SIZE(opts),
			   argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = cmd_load(&places, &conf, &jobs, &w);
	r = r ? r : show(&places, &conf, &jobs, as_json, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
