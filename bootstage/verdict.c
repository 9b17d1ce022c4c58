#include "bootstage/verdict.h"

#include <fcntl.h>
#include <limits.h>

#include "base/io.h"
#include "base/json.h"

static struct verdict_plan plan(enum verdict_act act, enum verdict_result result, const char *note)
{
	return (struct verdict_plan){ .act = act, .result = result, .note = note };
}

static struct verdict_plan report(bool healthy, const char *note)
{
	return plan(ACT_REPORT, healthy ? VERDICT_HEALTHY : VERDICT_UNHEALTHY, note);
}

/* A trial or a commit is under way, whoever runs. */
static bool trying(const struct bootrec *rec)
{
	return rec && (rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING);
}

bool verdict_commit_begun(const struct verdict_facts *f)
{
	return f->handed_over && f->role == ROLE_TRIAL && f->rec && f->rec->phase == PHASE_COMMITTING &&
	       f->rec->target == f->started && f->running == f->started;
}

/* The slot that runs is the committed one, or nobody knows of another. */
static struct verdict_plan on_committed(const struct verdict_facts *f)
{
	if (!f->healthy)
		return report(false, "not on trial: reported, and left running");
	if (f->newer_record)
		return report(true, "the boot record is of a newer format and is left alone");
	if (f->running != f->started)
		return report(true, "the witnesses of which slot runs disagree: nothing is changed");
	if (!f->rec)
		return plan(ACT_ADOPT, VERDICT_ADOPTED, "the boot record was lost: this slot is the committed one now");
	if (trying(f->rec))
		return report(true, "an update was armed meanwhile: nothing else is changed");
	if (f->rec->committed != f->running)
		return report(true, "another slot is the committed one: nothing is changed");
	return plan(ACT_SETTLE, VERDICT_HEALTHY, "the committed slot");
}

static struct verdict_plan on_trial(const struct verdict_facts *f)
{
	if (f->rec && !trying(f->rec)) {
		if (f->rec->committed == f->started)
			return on_committed(f); /* an operator was faster */
		return plan(ACT_REPORT, VERDICT_FAILED, "the trial was ended by somebody else");
	}
	if (!f->healthy)
		return plan(ACT_END_TRIAL, VERDICT_FAILED, "the trial is over: back to the committed slot");
	if (f->newer_record || !f->rec)
		return plan(ACT_REPORT, VERDICT_UNDONE, "the boot record cannot be read: nothing can be committed");
	if (f->running != f->started || f->rec->target != f->started)
		return plan(ACT_REPORT, VERDICT_UNDONE, "the witnesses of which slot runs disagree: not committed");
	return plan(ACT_COMMIT, VERDICT_COMMITTED, "healthy on trial: the committed slot from now on");
}

void verdict_decide(const struct verdict_facts *f, struct verdict_plan *ret)
{
	if (!f->handed_over) {
		*ret = report(f->healthy, "not started by tandem-init: reported, no more");
		return;
	}
	switch (f->role) {
	case ROLE_TRIAL:
		*ret = on_trial(f);
		break;
	case ROLE_COMMITTED:
	case ROLE_UNKNOWN:
		*ret = on_committed(f);
		break;
	case ROLE_STAND_IN:
		*ret = report(f->healthy, "stands in for the committed slot: never committed by health");
		break;
	case ROLE_FOREIGN:
		*ret = report(f->healthy, "started by nobody's order: never committed");
		break;
	}
}

static const char *const result_words[] = { "healthy", "committed", "adopted", "unhealthy", "failed", "undone" };

const char *verdict_result_name(enum verdict_result r)
{
	return r <= VERDICT_UNDONE ? result_words[r] : "?";
}

int verdict_exit_code(enum verdict_result r)
{
	return r == VERDICT_HEALTHY || r == VERDICT_COMMITTED || r == VERDICT_ADOPTED ? EXIT_DONE : EXIT_FAILED;
}

static void fill_stage(const struct stage *s, const struct stage_result *r, struct verdict_stage *ret)
{
	*ret = (struct verdict_stage){ .phase = s->phase, .needed = s->required || stage_blocks(s) };
	(void)snprintf(ret->name, sizeof(ret->name), "%s", s->name);
	(void)snprintf(ret->result, sizeof(ret->result), "%s", r ? stage_end_name(r->end) : "none");
	(void)snprintf(ret->reason, sizeof(ret->reason), "%s", r ? r->reason : "has no result in this boot");
	ret->passed = r && r->end == END_PASSED;
}

void verdict_stages(struct verdict *v, const struct stageplan *p, stage_set which, const struct stage_results *res,
		    const struct baseline *base, enum slot committed)
{
	v->n_stages = 0;
	v->stages_passed = true;
	v->stages_why[0] = '\0';
	for (size_t k = 0; k < p->order.n; k++) {
		size_t i = p->order.at[k];
		struct verdict_stage *s = &v->stages[v->n_stages];

		if (!(which & STAGE_BIT(i)))
			continue;
		v->n_stages++;
		fill_stage(&p->stages.at[i], res->have & STAGE_BIT(i) ? &res->at[i] : NULL, s);
		if (!s->needed || s->passed)
			continue;
		s->excused = base && baseline_excuses(base, committed, s->name);
		if (s->excused || !v->stages_passed)
			continue;
		v->stages_passed = false;
		(void)snprintf(v->stages_why, sizeof(v->stages_why), "stage %s: %s%s%.60s", s->name, s->result,
			       s->reason[0] ? ": " : "", s->reason);
	}
}

void verdict_baseline(const struct verdict *v, enum slot committed, struct baseline *ret)
{
	*ret = (struct baseline){ .slot = committed };
	for (size_t i = 0; i < v->n_stages; i++)
		if (v->stages[i].needed && !v->stages[i].passed)
			baseline_add(ret, v->stages[i].name);
}

void verdict_probes(struct verdict *v, const struct sysconf *conf, const struct health *h)
{
	v->healthy = h->passed;
	v->ms = h->ms;
	v->rounds = h->rounds;
	v->n = h->n;
	for (size_t i = 0; i < h->n; i++) {
		(void)snprintf(v->probes[i].kind, sizeof(v->probes[i].kind), "%s", health_kind_name(&conf->probes[i]));
		(void)snprintf(v->probes[i].what, sizeof(v->probes[i].what), "%s", conf->probes[i].what);
		v->probes[i].passed = h->probes[i].passed;
		v->probes[i].tries = h->probes[i].tries;
		(void)snprintf(v->probes[i].said, sizeof(v->probes[i].said), "%s", h->probes[i].said);
	}
}

static void stage_json(struct json *j, const struct verdict_stage *s)
{
	json_object(j, NULL);
	json_string(j, "name", s->name);
	json_string(j, "phase", stage_phase_name(s->phase));
	json_string(j, "result", s->result);
	json_bool(j, "needed", s->needed);
	json_bool(j, "excused", s->excused);
	json_string(j, "reason", s->reason);
	json_end(j);
}

/* Those that passed are in the status. */
static void stage_print(FILE *to, const struct verdict_stage *s)
{
	if (!s->passed)
		(void)fprintf(to, "  %-6s %-7s %s: %s%s%s%s%s\n", s->needed && !s->excused ? "FAILED" : "failed",
			      "stage", s->name, s->result, s->reason[0] ? " (" : "", s->reason, s->reason[0] ? ")" : "",
			      s->excused  ? ", as on the committed slot"
			      : s->needed ? ""
					  : ", optional");
}

void verdict_json(struct json *j, const char *key, const struct verdict *v)
{
	json_object(j, key);
	json_string(j, "verdict", verdict_result_name(v->result));
	json_string(j, "slot", slot_name(v->slot));
	json_string(j, "role", boot_role_name(v->role));
	json_string(j, "note", v->note);
	json_bool(j, "healthy", v->healthy);
	json_bool(j, "rebooting", v->rebooting);
	json_double(j, "seconds", (double)v->ms / 1000.0);
	json_u64(j, "rounds", v->rounds);
	json_u64(j, "start_us", v->start_us);
	json_u64(j, "probed_us", v->probed_us);
	json_u64(j, "end_us", v->end_us);
	json_array(j, "stages");
	for (size_t i = 0; i < v->n_stages; i++)
		stage_json(j, &v->stages[i]);
	json_end(j);
	json_array(j, "probes");
	for (size_t i = 0; i < v->n; i++) {
		json_object(j, NULL);
		json_string(j, "kind", v->probes[i].kind);
		json_string(j, "what", v->probes[i].what);
		json_bool(j, "passed", v->probes[i].passed);
		json_u64(j, "tries", v->probes[i].tries);
		json_string(j, "said", v->probes[i].said);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

void verdict_print(FILE *to, const struct verdict *v)
{
	(void)fprintf(to, "verdict: %s (slot %s, %s)\n", verdict_result_name(v->result), slot_name(v->slot),
		      boot_role_name(v->role));
	(void)fprintf(to, "  %s\n", v->note);
	for (size_t i = 0; i < v->n_stages; i++)
		stage_print(to, &v->stages[i]);
	for (size_t i = 0; i < v->n; i++)
		(void)fprintf(to, "  %-6s %-7s %s%s%s%s\n", v->probes[i].passed ? "ok" : "FAILED", v->probes[i].kind,
			      v->probes[i].what, v->probes[i].said[0] ? " (" : "", v->probes[i].said,
			      v->probes[i].said[0] ? ")" : "");
	if (v->rounds > 0)
		(void)fprintf(to, "  after %llu.%llu s and %u round%s\n", (unsigned long long)v->ms / 1000,
			      (unsigned long long)v->ms % 1000 / 100, v->rounds, v->rounds == 1 ? "" : "s");
	if (v->rebooting)
		(void)fprintf(to, "  rebooting\n");
}

static int put(const char *root, const char *path, const char *text, size_t n, struct why *w)
{
	char full[PATH_MAX];

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return fail(w, -ENAMETOOLONG, "%s%s: name too long", root, path);
	return file_replace(AT_FDCWD, full, text, n, 0644, w);
}

static int write_text(const char *root, const struct verdict *v, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (f)
		verdict_print(f, v);
	if (!f || fclose(f))
		return fail(w, -ENOMEM, "%s: out of memory", VERDICT_TEXT);
	return put(root, VERDICT_TEXT, text, n, w);
}

static int write_json(const char *root, const struct verdict *v, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct json j = { .to = f };
	int r;

	if (!f)
		return fail(w, -ENOMEM, "%s: out of memory", VERDICT_JSON);
	verdict_json(&j, NULL, v);
	r = json_finish(&j, w);
	if (fclose(f))
		r = r ? r : fail(w, -ENOMEM, "%s: out of memory", VERDICT_JSON);
	return r ? r : put(root, VERDICT_JSON, text, n, w);
}

int verdict_write(const char *root, const struct verdict *v, struct why *w)
{
	char folder[PATH_MAX];
	int r;

	(void)snprintf(folder, sizeof(folder), "%s%s", root, HANDOVER_FOLDER);
	r = dir_make(folder, 0755, w);
	r = r ? r : write_text(root, v, w);
	return r ? r : write_json(root, v, w);
}
