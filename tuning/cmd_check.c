#include "tuning/cmd_check.h"

#include <stdio.h>

#include "base/args.h"
#include "tuning/cmd_report.h"

#define PROGRAM "tandem-tune"

/* Whether apply would do something, or has left something undone that it should have done. */
static bool differs(const struct tune_report *r)
{
	bool bad = r->changed;

	for (size_t i = 0; i < r->n_actions; i++)
		bad = bad || r->action[i].outcome == TUNE_FAILED;
	return bad;
}

static int check(struct session *s, const char *config, struct tune_report *report, struct failclosed_state *gate,
		 struct why *w)
{
	struct tune_job job;
	int r = session_policy(s, config, w);

	r = r ? r : session_plan(s, w);
	job = session_job(s);
	r = r ? r : tune_check(&job, report, w);
	return r ? r : failclosed_query(&s->tree, s->product, SESSION_NAME, gate, w);
}

static int print(const struct session *s, const struct tune_report *report, const struct failclosed_state *gate,
		 bool json, bool bad, struct why *w)
{
	const char *reason = gate->reason[0] ? gate->reason : !gate->token ? "apply has not passed in this boot" : NULL;

	if (json)
		return report_json(s, report, bad ? REPORT_DIFFERS : REPORT_SAME, reason, w);
	report_text(s, report, true);
	if (reason)
		(void)printf("%-8s %s\n", "lock", reason);
	if (!bad)
		(void)printf("as planned\n");
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

int cmd_check(int argc, char **argv)
{
	const char *config = NULL;
	bool json = false, bad;
	const struct opt opts[] = {
		{ .name = "config", .arg = "FILE", .help = "the policy (" TUNECONF_FILE ")", .value = &config },
		{ .name = "json", .help = "print JSON", .flag = &json },
	};
	AUTO_TUNE_REPORT report = { 0 };
	AUTO_SESSION *s = NULL;
	struct failclosed_state gate = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(
		PROGRAM " check [--config FILE] [--json]",
		"Say where this machine is not as planned. Nothing is changed. Exit code 0: as planned, 1: not.", opts,
		ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = session_begin(false, &s, &w);
	r = r ? r : check(s, config, &report, &gate, &w);
	if (r)
		return why_report(&w, PROGRAM);
	bad = differs(&report) || !gate.token || gate.reason[0];
	r = print(s, &report, &gate, json, bad, &w);
	return r ? why_report(&w, PROGRAM) : bad ? EXIT_FAILED : EXIT_DONE;
}
