/*
 * tandem-stage status
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/args.h"
#include "base/io.h"
#include "base/json.h"
#include "bootstage/cmd.h"
#include "bootstage/stageresult.h"
#include "bootstage/verdict.h"

static void boot_print(const struct handover *h)
{
	(void)printf("boot: slot %s (%s), %s\n", slot_name(h->slot), boot_role_name(h->role), h->note);
	(void)printf("  root      %s on %s\n", h->root, h->disk);
	(void)printf("  record    %s\n", h->record);
	(void)printf("  data      %s\n", h->data);
	(void)printf("  watchdog  %s\n", h->watchdog[0] ? h->watchdog : "none: nothing ends a boot that hangs");
	(void)printf("  boot variables written: %" PRIu32 "\n", h->efi_writes);
	(void)printf("  init ran from %.3f s to %.3f s, %.1f ms of it its own work\n", (double)h->start_us / 1e6,
		     (double)h->handover_us / 1e6, (double)h->own_us / 1e3);
}

static void stages_json(struct json *j, const struct stageplan *p, const struct stage_results *res)
{
	json_array(j, "stages");
	for (size_t i = 0; i < p->order.n; i++)
		if (res->have & STAGE_BIT(p->order.at[i]))
			stageresult_json(j, NULL, &res->at[p->order.at[i]]);
	json_end(j);
}

static void stages_print(const struct stageplan *p, const struct stage_results *res)
{
	for (size_t i = 0; i < p->order.n; i++) {
		const struct stage *s = &p->stages.at[p->order.at[i]];

		if (res->have & STAGE_BIT(p->order.at[i]))
			stageresult_print(stdout, &res->at[p->order.at[i]]);
		else
			(void)printf("%-9s  %-20s no result\n", stage_phase_name(s->phase), s->name);
	}
}

/* What is known of this boot. */
struct known {
	struct stageplan plan;
	struct stage_results results;
};

static int print_json(const struct handover *h, const struct known *k, const char *verdict, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	handover_json(&j, "boot", h);
	stages_json(&j, &k->plan, &k->results);
	if (verdict)
		json_raw(&j, "verdict", verdict);
	else
		json_null(&j, "verdict");
	json_end(&j);
	return json_finish(&j, w);
}

static int print_text(const struct handover *h, const struct known *k, const char *verdict, struct why *w)
{
	if (h)
		boot_print(h);
	else
		(void)printf("boot: not started by tandem-init\n");
	stages_print(&k->plan, &k->results);
	(void)printf("%s", verdict ? verdict : "verdict: none yet\n");
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

/* A mistake in the stages' files hides no verdict: it is told on stderr, and the exit code has it. */
static int know(const struct stageplaces *p, struct known *ret)
{
	struct why w = { 0 };
	int r = stageplan_load(p, &ret->plan, &w);

	if (r)
		return why_report(&w, "tandem-stage");
	stageresults_read(p, &ret->plan.stages, &ret->results);
	return EXIT_DONE;
}

static int read_verdict(const struct stageplaces *p, bool as_json, char **ret, struct why *w)
{
	char path[PATH_MAX];
	int r = stageplaces_below(p, as_json ? VERDICT_JSON : VERDICT_TEXT, path, w);

	return r ? r : file_read(AT_FDCWD, path, VERDICT_MAX, ret, NULL, w);
}

int cmd_status(int argc, char **argv)
{
	bool as_json = false;
	struct stageplaces places = { 0 };
	const struct opt opts[] = { { .name = "json", .help = "print JSON", .flag = &as_json },
				    PLACES_OPTS(places),
				    STATE_OPT(places) };
	static struct known known;
	AUTO_FREE char *verdict = NULL;
	struct why w = { 0 };
	struct handover h;
	struct args args;
	bool handed_over;
	int stages, r = args_parse("tandem-stage status [--json] [--stages DIR] [--state DIR] [--root DIR]",
				   "Show how this boot was decided, its stages and its verdict.", opts,
				   ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = handover_read(places.root ? places.root : "", &h, &w);
	handed_over = r == 0;
	if (r == 0 || r == -ENOENT) {
		w = (struct why){ 0 };
		r = read_verdict(&places, as_json, &verdict, &w);
	}
	if (r && r != -ENOENT)
		return why_report(&w, "tandem-stage");
	stages = know(&places, &known);
	w = (struct why){ 0 };
	r = as_json ? print_json(handed_over ? &h : NULL, &known, verdict, &w)
		    : print_text(handed_over ? &h : NULL, &known, verdict, &w);
	stageplan_free(&known.plan);
	if (r)
		return why_report(&w, "tandem-stage");
	return stages ? stages : handed_over || verdict || known.results.have ? EXIT_DONE : EXIT_NOTHING;
}
