#include "tuning/cmd_report.h"

#include <stdio.h>

#include "base/json.h"

static void json_result(struct json *j, const struct tune_result *r)
{
	json_string(j, "outcome", tune_outcome_name(r->outcome));
	json_string(j, "why", r->why[0] ? r->why : NULL);
}

int report_json(const struct session *s, const struct tune_report *r, const char *result, const char *reason,
		struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_string(&j, "product", s->product);
	json_string(&j, "result", result);
	json_string(&j, "reason", reason);
	json_bool(&j, "changed", r->changed);
	json_array(&j, "actions");
	for (size_t i = 0; i < r->n_actions; i++) {
		const struct tune_action *a = &s->plan.actions[i];

		json_object(&j, NULL);
		json_string(&j, "kind", tune_kind_name(a->kind));
		json_string(&j, "object", a->object);
		json_bool(&j, "required", a->required);
		json_string(&j, "current", a->current);
		json_string(&j, "wanted", a->wanted);
		json_result(&j, &r->action[i]);
		json_end(&j);
	}
	json_end(&j);
	json_array(&j, "files");
	for (size_t i = 0; i < r->n_notes; i++) {
		json_object(&j, NULL);
		json_string(&j, "file", r->note[i].what);
		json_result(&j, &r->note[i].result);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

static const char *or_none(const char *s)
{
	return *s ? s : "none";
}

/* In a dry run what would be done is what differs. */
static const char *word_of(enum tune_outcome outcome, bool dry)
{
	return dry && outcome == TUNE_DONE ? "differs" : tune_outcome_name(outcome);
}

void report_text(const struct session *s, const struct tune_report *r, bool dry)
{
	for (size_t i = 0; i < r->n_actions; i++) {
		const struct tune_action *a = &s->plan.actions[i];
		const struct tune_result *res = &r->action[i];

		if (res->outcome == TUNE_SAME)
			continue;
		(void)printf("%-8s %s: %s, wanted %s%s%s%s\n", word_of(res->outcome, dry), a->object,
			     or_none(a->current), or_none(a->wanted), res->why[0] ? " (" : "", res->why,
			     res->why[0] ? ")" : "");
	}
	for (size_t i = 0; i < r->n_notes; i++) {
		const struct tune_result *res = &r->note[i].result;

		(void)printf("%-8s %s%s%s\n", word_of(res->outcome, dry), r->note[i].what, res->why[0] ? ": " : "",
			     res->why);
	}
}
