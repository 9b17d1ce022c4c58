/*
 * tandem-train rollback JOB
 */
#include "base/args.h"
#include "base/log.h"
#include "bootstage/trainer/cmd.h"
#include "bootstage/trainer/trainer.h"

static const char usage[] = "tandem-train rollback JOB [--config FILE] [--root DIR]";

int cmd_rollback(int argc, char **argv)
{
	struct trainplaces places = { 0 };
	AUTO_TRAINJOBS jobs = { 0 };
	const struct trainer_want want = { .places = &places, .jobs = &jobs };
	const struct opt opts[] = { PLACES_OPTS(places) };
	const struct trainjob *job;
	struct why w = { 0 };
	struct args args;
	int r = args_parse(usage, "Change a job's model and the one before it for each other.", opts, ARRAY_SIZE(opts),
			   argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	log_setup(PROGRAM, LOG_INFO);
	r = trainplaces_open(&places, &w);
	r = r ? r : trainjobs_load(places.root, places.sys.product, &jobs, &w);
	job = r ? NULL : trainjobs_find(&jobs, args.at[0]);
	if (!r && !job)
		r = misuse(&w, -EINVAL, "there is no job '%s'", args.at[0]);
	r = r ? r : trainer_roll_back(&want, job, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
