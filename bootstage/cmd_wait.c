/*
 * tandem-stage wait NAME
 */
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/parse.h"
#include "base/proc.h"
#include "bootstage/cmd.h"
#include "bootstage/stageresult.h"
#include "partitions/handover.h"

#define STEP_MS      100u
#define LATE_SECONDS 600u /* for a stage of a phase that starts together with its units */

/* Which stage, and how long: what runs before any unit has its result by now, or never will. */
static int choose(const struct stageplaces *p, const char *name, const char *timeout, uint64_t *ret_seconds,
		  struct why *w)
{
	AUTO_STAGEPLAN plan = { 0 };
	const struct stage *s;
	int r = stageplan_load(p, &plan, w);

	if (r)
		return r;
	s = stages_find(&plan.stages, name);
	if (!s)
		return misuse(w, -ENOENT, "there is no stage '%s'", name);
	*ret_seconds = s->phase <= IN_EARLY ? 0 : LATE_SECONDS;
	if (timeout && parse_u64(timeout, STAGE_LONGEST, ret_seconds, NULL))
		return misuse(w, -EINVAL, "--timeout %s: no whole number of seconds up to %u", timeout, STAGE_LONGEST);
	return 0;
}

static int wait_for(const struct stageplaces *p, const char *name, uint64_t seconds, struct stage_result *ret,
		    struct why *w)
{
	uint64_t end = now_ms() + 1000 * seconds;

	for (;;) {
		struct why last = { 0 };
		int r = stageresult_read(p, name, ret, &last);

		if (r == -ENOENT && now_ms() < end) {
			sleep_ms(STEP_MS);
			continue;
		}
		if (r == -ENOENT)
			return fail(w, r, "stage '%s' has no result in this boot", name);
		if (r)
			*w = last;
		return r;
	}
}

/* What waits for the stage may start when the stages behind it may. */
static int judge(const struct stage_result *res, struct why *w)
{
	bool grave = res->on_failure == FAIL_CLOSED || res->on_failure == FAIL_BOOT || res->end == END_SKIPPED;

	if (res->end == END_PASSED)
		return 0;
	if (grave)
		return fail(w, -EIO, "stage '%s' did not pass (%s): %s", res->name, stage_end_name(res->end),
			    res->reason);
	(void)fprintf(stderr, "tandem-stage: stage '%s' did not pass (%s): %s; on-failure=%s lets this go on\n",
		      res->name, stage_end_name(res->end), res->reason, stage_failure_name(res->on_failure));
	return 0;
}

int cmd_wait(int argc, char **argv)
{
	struct stageplaces places = { 0 };
	const char *timeout = NULL;
	const struct opt opts[] = {
		{ .name = "timeout",
		  .arg = "SECONDS",
		  .help = "how long (0 for initramfs and early, else 600)",
		  .value = &timeout },
		PLACES_OPTS(places),
		STATE_OPT(places),
	};
	struct stage_result res;
	struct why w = { 0 };
	uint64_t seconds = 0;
	struct args args;
	int r = args_parse("tandem-stage wait NAME [--timeout SECONDS] [--stages DIR] [--state DIR] [--root DIR]",
			   "Wait until a stage has a result. Exit code 0 when units that need it may start.", opts,
			   ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	r = choose(&places, args.at[0], timeout, &seconds, &w);
	r = r ? r : wait_for(&places, args.at[0], seconds, &res, &w);
	r = r ? r : judge(&res, &w);
	return r ? why_report(&w, "tandem-stage") : EXIT_DONE;
}
