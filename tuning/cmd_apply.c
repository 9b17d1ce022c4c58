#include "tuning/cmd_apply.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "tuning/cmd_report.h"

#define PROGRAM "tandem-tune"

/* The kernel's log is read where no journal runs yet; best effort. */
static void tell_kernel(const char *product, const char *reason)
{
	AUTO_FD fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	char line[600];
	int n = snprintf(line, sizeof(line), "<2>" PROGRAM ": CRITICAL: %s must not start: %s\n", product, reason);

	if (fd >= 0 && n > 0)
		IGNORE(write(fd, line, strnlen(line, sizeof(line))) < 0);
}

/* Token and lock say no, and everybody who reads a log is told. */
static void fail_closed(const struct session *s, const struct why *cause)
{
	struct why w = { 0 };

	if (failclosed_fail(&s->tree, s->product, SESSION_NAME, cause->text, &w))
		(void)fprintf(stderr, PROGRAM ": lock: %s\n", w.text);
	(void)fprintf(stderr, PROGRAM ": CRITICAL: %s must not start: %s\n", s->product, cause->text);
	tell_kernel(s->product, cause->text);
}

/* Write the token unless it says so already. */
static int pass(const struct session *s, struct why *w)
{
	struct failclosed_state now;
	int r = failclosed_query(&s->tree, s->product, SESSION_NAME, &now, w);

	if (r || (now.token && !now.lock))
		return r;
	return failclosed_pass(&s->tree, s->product, SESSION_NAME, w);
}

/* While something changes nobody knows whether it will pass; while nothing does, the token need not flicker. */
static int begin(const struct session *s, const struct tune_job *job, struct why *w)
{
	AUTO_TUNE_REPORT ahead = { 0 };
	int r = tune_check(job, &ahead, w);

	if (r || (!s->plan.refused && !ahead.changed))
		return r;
	return failclosed_begin(&s->tree, s->product, SESSION_NAME, w);
}

static int apply(struct session *s, const char *config, struct tune_report *report, struct why *w)
{
	struct tune_job job;
	int r = session_policy(s, config, w);

	r = r ? r : session_plan(s, w);
	job = session_job(s);
	r = r ? r : begin(s, &job, w);
	r = r ? r : tune_apply(&job, report, w);
	return r ? r : pass(s, w);
}

static int print(const struct session *s, const struct tune_report *report, bool json, const struct why *cause,
		 struct why *w)
{
	if (json)
		return report_json(s, report, cause->code ? REPORT_FAILED : REPORT_PASSED,
				   cause->code ? cause->text : NULL, w);
	report_text(s, report, false);
	if (!cause->code && !report->changed)
		(void)printf("nothing to do\n");
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

int cmd_apply(int argc, char **argv)
{
	const char *config = NULL;
	bool json = false;
	const struct opt opts[] = {
		{ .name = "config", .arg = "FILE", .help = "the policy (" TUNECONF_FILE ")", .value = &config },
		{ .name = "json", .help = "print JSON", .flag = &json },
	};
	AUTO_TUNE_REPORT report = { 0 };
	AUTO_SESSION *s = NULL;
	struct why w = { 0 }, output = { 0 };
	struct args args;
	int r = args_parse(
		PROGRAM " apply [--config FILE] [--json]",
		"Make this machine as planned: swap, kernel parameters, CPUs of units, interrupts. What is so\n"
		"already is not touched. When what is required cannot be had, the product is kept from starting.",
		opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = geteuid() == 0 ? session_begin(true, &s, &w) : fail(&w, -EPERM, "apply: needs root");
	if (r)
		return why_report(&w, PROGRAM);
	r = apply(s, config, &report, &w);
	if (r)
		fail_closed(s, &w);
	if (print(s, &report, json, &w, &output))
		return why_report(&output, PROGRAM);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
