#include "tuning/cmd_undo.h"

#include <stdio.h>

#include "base/args.h"
#include "base/json.h"
#include "tuning/session.h"

#define PROGRAM "tandem-tune"

/* The token goes first: what it says is about to be no longer true. */
static int undo(struct session *s, const char *config, bool *changed, struct why *w)
{
	struct tune_job job;
	int r = session_policy(s, config, w);

	r = r ? r : failclosed_forget(&s->tree, s->product, SESSION_NAME, w);
	job = session_job(s);
	return r ? r : tune_undo(&job, changed, w);
}

static int print(bool json, bool changed, struct why *w)
{
	struct json j = { .to = stdout };

	if (!json) {
		(void)printf("%s\n", changed ? "undone" : "nothing to do");
		return fflush(stdout) ? fail_errno(w, "output") : 0;
	}
	json_object(&j, NULL);
	json_bool(&j, "changed", changed);
	json_end(&j);
	return json_finish(&j, w);
}

int cmd_undo(int argc, char **argv)
{
	const char *config = NULL;
	bool json = false, changed = false;
	const struct opt opts[] = {
		{ .name = "config", .arg = "FILE", .help = "the policy (" TUNECONF_FILE ")", .value = &config },
		{ .name = "json", .help = "print JSON", .flag = &json },
	};
	AUTO_SESSION *s = NULL;
	struct why w = { 0 };
	struct args args;
	int r = args_parse(
		PROGRAM " undo [--config FILE] [--json]",
		"Take back what apply did: swap files, drop-ins and fstab lines of ours are removed, kernel\n"
		"parameters and interrupts are put back to what they were before the first apply of this boot.",
		opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = geteuid() == 0 ? session_begin(true, &s, &w) : fail(&w, -EPERM, "undo: needs root");
	r = r ? r : undo(s, config, &changed, &w);
	r = r ? r : print(json, changed, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
