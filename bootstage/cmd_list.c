/*
 * tandem-stage list
 */
#include <stdio.h>

#include "base/args.h"
#include "base/json.h"
#include "bootstage/cmd.h"
#include "bootstage/stageplaces.h"

static void stage_json(struct json *j, const struct stage *s)
{
	json_object(j, NULL);
	json_string(j, "name", s->name);
	json_string(j, "file", s->file);
	json_string(j, "description", s->description);
	json_string(j, "phase", stage_phase_name(s->phase));
	json_string(j, "exec", s->exec[0] ? s->exec : NULL);
	json_string(j, "unit", s->unit[0] ? s->unit : NULL);
	json_array(j, "after");
	for (size_t i = 0; i < s->n_after; i++)
		json_string(j, NULL, s->after[i]);
	json_end(j);
	json_u64(j, "timeout_seconds", s->timeout_seconds);
	json_string(j, "on_failure", stage_failure_name(s->on_failure));
	json_string(j, "health", s->required ? "required" : "optional");
	json_string(j, "class", class_name(s->class));
	json_array(j, "environment");
	for (size_t i = 0; i < s->n_environment; i++)
		json_string(j, NULL, s->environment[i]);
	json_end(j);
	json_end(j);
}

static int print_json(const struct stageplan *p, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_array(&j, "stages");
	for (size_t i = 0; i < p->order.n; i++)
		stage_json(&j, &p->stages.at[p->order.at[i]]);
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

static int print_text(const struct stageplan *p, struct why *w)
{
	for (size_t i = 0; i < p->order.n; i++) {
		const struct stage *s = &p->stages.at[p->order.at[i]];

		(void)printf("%-9s  %-20s %-11s %-8s  %s", stage_phase_name(s->phase), s->name,
			     stage_failure_name(s->on_failure), s->required ? "required" : "optional",
			     s->exec[0] ? s->exec : s->unit);
		for (size_t k = 0; k < s->n_after; k++)
			(void)printf("%s%s", k == 0 ? "  after " : " ", s->after[k]);
		(void)printf("\n");
	}
	if (p->order.n == 0)
		(void)printf("no stages\n");
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

int cmd_list(int argc, char **argv)
{
	bool as_json = false;
	struct stageplaces places = { 0 };
	const struct opt opts[] = { { .name = "json", .help = "print JSON", .flag = &as_json }, PLACES_OPTS(places) };
	AUTO_STAGEPLAN plan = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse("tandem-stage list [--json] [--stages DIR] [--root DIR]",
			   "List the stages of all phases in the order in which they run; check their files.", opts,
			   ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = stageplan_load(&places, &plan, &w);
	r = r ? r : as_json ? print_json(&plan, &w) : print_text(&plan, &w);
	return r ? why_report(&w, "tandem-stage") : EXIT_DONE;
}
