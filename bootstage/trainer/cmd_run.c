/*
 * tandem-train run
 */
#include <signal.h>

#include "base/args.h"
#include "base/json.h"
#include "base/log.h"
#include "bootstage/trainer/cmd.h"
#include "bootstage/trainer/trainer.h"

static const char usage[] =
	"tandem-train run [--due | --day-one | --job NAME] [--dry-run] [--json] [--config FILE] [--root DIR]";

static void tell_json(const struct train_record *r, const struct train_progress *p)
{
	struct json j = { .to = stdout, .line = true };

	json_object(&j, NULL);
	json_string(&j, "event", p ? "progress" : train_event_name(r->event));
	json_text(&j, "job", r->job);
	json_bool(&j, "seed", r->seed);
	if (p) {
		json_u64(&j, "step", p->step);
		json_u64(&j, "of", p->of);
		if (p->has_loss)
			json_double(&j, "loss", p->loss);
	} else {
		json_u64(&j, "cycle", r->cycle);
		json_text(&j, "reason", r->text);
	}
	json_end(&j);
	IGNORE(json_finish(&j, NULL));
}

static void tell_dry(const struct train_record *r, const struct train_progress *p)
{
	(void)p;
	(void)printf("%s%s\n", r->job, r->seed ? ": its first model" : "");
}

static int exit_of(const struct trainer_want *want, const struct trainer_result *res)
{
	if (res->nothing) {
		log_note("nothing to do: %s", res->reason);
		return want->due ? EXIT_NOTHING : EXIT_DONE;
	}
	if (res->told) {
		log_note("told to stop; the next run goes on");
		(void)raise(res->told); /* whoever sent it sees that it was heard */
	}
	return res->failed || res->skipped || res->told ? EXIT_FAILED : EXIT_DONE;
}

static int pick_mode(bool day_one, const char *job, struct trainer_want *want, struct why *w)
{
	if ((want->due && (day_one || job)) || (day_one && job))
		return misuse(w, -EINVAL, "only one of --due, --day-one and --job");
	want->mode = day_one ? TRAIN_DAY_ONE : job ? TRAIN_ONE : TRAIN_ALL;
	want->only = job;
	if (job && !trainjobs_find(want->jobs, job))
		return misuse(w, -EINVAL, "there is no job '%s'", job);
	return 0;
}

int cmd_run(int argc, char **argv)
{
	bool as_json = false, day_one = false;
	const char *job = NULL;
	struct trainplaces places = { 0 };
	struct trainconf conf;
	AUTO_TRAINJOBS jobs = { 0 };
	struct trainer_want want = { .places = &places, .conf = &conf, .jobs = &jobs };
	struct trainer_result res = { 0 };
	const struct opt opts[] = {
		{ .name = "due", .help = "only when schedule, quiet hours and load allow it", .flag = &want.due },
		{ .name = "day-one", .help = "only the first models of jobs that have none", .flag = &day_one },
		{ .name = "job", .arg = "NAME", .help = "only this one", .value = &job },
		{ .name = "dry-run", .help = "start nothing, print what would run", .flag = &want.dry_run },
		{ .name = "json", .help = "print what happens as lines of JSON", .flag = &as_json },
		PLACES_OPTS(places),
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(usage, "Train: one job after the other, in their order. A cycle without an end goes on.",
			   opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	log_setup(PROGRAM, LOG_INFO);
	(void)signal(SIGPIPE, SIG_IGN); /* a reader that went away stops no training */
	want.tell = as_json ? tell_json : want.dry_run ? tell_dry : NULL;
	r = cmd_load(&places, &conf, &jobs, &w);
	r = r ? r : pick_mode(day_one, job, &want, &w);
	r = r ? r : trainer_run(&want, &res, &w);
	return r ? why_report(&w, PROGRAM) : exit_of(&want, &res);
}
