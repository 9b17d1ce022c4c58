/*
 * tandem-train status
 */
#include "base/args.h"
#include "base/json.h"
#include "base/parse.h"
#include "bootstage/trainer/cmd.h"
#include "bootstage/trainer/places.h"

static const char usage[] = "tandem-train status [--json] [--config FILE] [--root DIR]";

static void job_json(struct json *j, const struct trainjob *job)
{
	json_object(j, NULL);
	json_string(j, "name", job->name);
	json_text(j, "description", job->description);
	json_string(j, "folder", job->folder);
	json_u64(j, "cap_bytes", job->cap_bytes);
	json_end(j);
}

static int print(const struct trainjobs *jobs, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };
	char size[16];

	if (as_json) {
		json_object(&j, NULL);
		json_array(&j, "jobs");
		for (size_t i = 0; i < jobs->n; i++)
			job_json(&j, &jobs->at[i]);
		json_end(&j);
		json_end(&j);
		return json_finish(&j, w);
	}
	if (jobs->n == 0)
		(void)printf("no jobs\n");
	for (size_t i = 0; i < jobs->n; i++)
		(void)printf("%-16s %9s  %s\n", jobs->at[i].name, format_size(jobs->at[i].cap_bytes, size),
			     jobs->at[i].folder);
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

int cmd_status(int argc, char **argv)
{
	bool as_json = false;
	struct trainplaces places = { 0 };
	const struct opt opts[] = {
		{ .name = "json", .help = "print it as JSON", .flag = &as_json },
		PLACES_OPTS(places),
	};
	AUTO_TRAINJOBS jobs = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(usage, "Show the trainings in their order.", opts, ARRAY_SIZE(opts), argc, argv, 0, 0,
			   &args);

	if (r >= 0)
		return r;
	r = trainplaces_open(&places, &w);
	r = r ? r : trainjobs_load(places.root, places.sys.product, &jobs, &w);
	r = r ? r : print(&jobs, as_json, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
