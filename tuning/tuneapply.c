#include "tuning/tuneapply.h"

#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "tuning/irq.h"
#include "tuning/tunefiles.h"

const char *tune_outcome_name(enum tune_outcome outcome)
{
	static const char *const names[] = { "same", "done", "warning", "later", "failed", "left" };

	return names[outcome];
}

void tune_report_free(struct tune_report *r)
{
	free(r->action);
	*r = (struct tune_report){ 0 };
}

/* One run. */
struct run {
	const struct tune_job *job;
	struct isolate isolate;
	struct tune_report *report;
	bool dry;          /* only say what would be changed */
	bool units_change; /* drop-ins were written */
};

/* --- keeping --- */

static int keep_irqs(const struct tree *t, struct undolog *kept, struct why *w)
{
	AUTO_CPUSET all = { 0 };
	AUTO_FREE char *list = NULL;
	AUTO_NAMES irqs = { 0 };
	int r = irq_default(t, &all, w);

	if (r)
		return r == -ENOENT ? 0 : r;
	list = cpuset_format(&all);
	r = list ? undolog_add(kept, "irq", "default", list, w) : fail(w, -ENOMEM, "out of memory");
	r = r ? r : irq_list(t, &irqs, w);
	for (size_t i = 0; !r && i < irqs.n; i++) {
		AUTO_CPUSET cpus = { 0 };
		AUTO_FREE char *one = NULL;

		if (irq_cpus(t, irqs.at[i], &cpus, NULL))
			continue; /* gone, or one that has none */
		one = cpuset_format(&cpus);
		r = one ? undolog_add(kept, "irq", irqs.at[i], one, w) : fail(w, -ENOMEM, "out of memory");
	}
	return r;
}

static int keep_action(const struct run *run, const struct tune_action *a, struct why *w)
{
	const struct isolate *i = &run->isolate;
	struct undolog *kept = run->job->kept;

	if (a->kind == TUNE_SYSCTL && a->state == TUNE_CHANGE)
		return undolog_add(kept, "sysctl", a->object, a->current, w);
	if (a->kind == TUNE_IRQ && a->state == TUNE_CHANGE)
		return keep_irqs(run->job->tree, kept, w);
	if (a->kind == TUNE_CPUS && !i->cpuset && i->init) {
		AUTO_CPUSET cpus = { 0 };
		AUTO_FREE char *list = NULL;
		int r = isolate_affinity(i->init, &cpus, w);

		list = r ? NULL : cpuset_format(&cpus);
		return r ? r : undolog_add(kept, "affinity", "init", list ? list : "", w);
	}
	return 0;
}

static int keep_excluded(const struct run *run, struct why *w)
{
	const struct facts *f = run->job->facts;
	AUTO_CPUSET excluded = { 0 };
	AUTO_FREE char *list = NULL;

	if (cpuset_copy(&f->online, &excluded))
		return fail(w, -ENOMEM, "out of memory");
	cpuset_minus(&excluded, &f->usable);
	list = cpuset_format(&excluded);
	return list ? undolog_add(run->job->kept, "cpus", "excluded", list, w) : fail(w, -ENOMEM, "out of memory");
}

static int save_kept(const struct tune_job *j, struct why *w)
{
	const struct tree_path folder = tree_path("%s/run/tandem", j->tree->name),
			       path = tree_path("%s/" TUNE_UNDO, j->tree->name);
	int r = dir_make(folder.s, 0755, w);

	return r ? r : file_replace(AT_FDCWD, path.s, j->kept->text, strlen(j->kept->text), 0600, w);
}

/* Before the first change: all that the plan is going to touch and is not kept yet. */
static int keep(const struct run *run, struct why *w)
{
	const struct tuneplan *p = run->job->plan;
	size_t before = run->job->kept->text ? strlen(run->job->kept->text) : 0;
	int r = keep_excluded(run, w);

	for (size_t i = 0; !r && i < p->n_actions; i++)
		if (p->actions[i].state == TUNE_CHANGE || p->actions[i].state == TUNE_DEGRADED)
			r = keep_action(run, &p->actions[i], w);
	if (r || strlen(run->job->kept->text) == before)
		return r;
	return save_kept(run->job, w);
}

/* --- actions; each returns 0 with *changed true when it was not as wanted --- */

static int do_sysctl(struct run *run, const struct tune_action *a, bool *changed, struct why *w)
{
	if (a->state != TUNE_CHANGE)
		return 0;
	*changed = true;
	return run->dry ? 0 : sysctl_write(run->job->tree, a->object, a->wanted, w);
}

static int do_swap(struct run *run, const struct tune_action *a, bool *changed, struct why *w)
{
	const struct tune_job *j = run->job;

	if (a->state == TUNE_OK || (a->kind == TUNE_SWAP_CREATE && a->bytes == 0))
		return 0;
	*changed = true;
	if (run->dry)
		return 0;
	return a->kind == TUNE_SWAP_ACTIVATE ? swapfile_activate(j->tree, j->ops, a->object, w)
					     : swapfile_create(j->tree, j->ops, a->object, a->bytes, w);
}

static int do_cpus(struct run *run, const struct tune_action *a, bool *changed, struct why *w)
{
	int r;

	if (run->dry) {
		*changed = !isolate_same(a->current, a->wanted) || a->state == TUNE_CHANGE;
		return 0;
	}
	r = isolate_unit(&run->isolate, a->object, a->wanted, a->weight, changed, w);
	run->units_change = run->units_change || *changed || a->state == TUNE_CHANGE;
	return r;
}

static int do_irq(struct run *run, const struct tune_action *a, bool *changed, struct why *w)
{
	const struct tree *t = run->job->tree;
	AUTO_CPUSET cpus = { 0 };
	AUTO_NAMES irqs = { 0 };
	int r;

	if (a->state != TUNE_CHANGE || !a->current[0])
		return 0; /* "": a kernel without */
	*changed = true;
	r = run->dry ? 0 : cpuset_parse(a->wanted, &cpus, w);
	if (r || run->dry)
		return r;
	r = irq_set_default(t, &cpus, w);
	r = r ? r : irq_list(t, &irqs, w);
	for (size_t i = 0; !r && i < irqs.n; i++) {
		r = irq_move(t, irqs.at[i], &cpus, w);
		r = r == -EPERM ? 0 : r; /* the kernel's own */
	}
	return r;
}

static int do_action(struct run *run, const struct tune_action *a, bool *changed, struct why *w)
{
	switch (a->kind) {
	case TUNE_SWAP_ACTIVATE:
	case TUNE_SWAP_CREATE:
		return do_swap(run, a, changed, w);
	case TUNE_SYSCTL:
		return do_sysctl(run, a, changed, w);
	case TUNE_CPUS:
		return do_cpus(run, a, changed, w);
	case TUNE_IRQ:
		return do_irq(run, a, changed, w);
	case TUNE_REFUSE:
		break;
	}
	return refuse(w, -ENOSPC, "%s", a->reason);
}

/* Returns the -errno of something required that failed. */
static int judge(struct run *run, const struct tune_action *a, struct tune_result *res, struct why *w)
{
	struct why cause = { 0 };
	bool changed = false;
	int r = do_action(run, a, &changed, &cause);

	changed = changed && !r;
	run->report->changed = run->report->changed || changed;
	res->outcome = r && a->required                                                        ? TUNE_FAILED
		       : r                                                                     ? TUNE_WARN
		       : a->state == TUNE_PENDING                                              ? TUNE_LATER
		       : a->state == TUNE_DEGRADED && (changed || a->kind == TUNE_SWAP_CREATE) ? TUNE_WARN
		       : changed                                                               ? TUNE_DONE
											       : TUNE_SAME;
	if (r)
		(void)snprintf(res->why, sizeof(res->why), "%.199s", cause.text);
	else if (res->outcome == TUNE_WARN)
		(void)snprintf(res->why, sizeof(res->why), "%s", a->reason);
	if (r && a->required)
		return why_next(w, fail(w, r, "%s", cause.text), "%s", cause.next);
	return 0;
}

/* --- what has no action --- */

static void note(struct run *run, const char *what, int r, bool changed, const struct why *cause)
{
	struct tune_note *n = &run->report->note[run->report->n_notes];

	if (run->report->n_notes == TUNE_NOTES || (!r && !changed))
		return;
	(void)snprintf(n->what, sizeof(n->what), "%s", what);
	n->result.outcome = r ? TUNE_WARN : TUNE_DONE;
	if (r)
		(void)snprintf(n->result.why, sizeof(n->result.why), "%.199s", cause->text);
	run->report->n_notes++;
	run->report->changed = run->report->changed || changed;
}

static void note_fstab(struct run *run)
{
	const struct tune_job *j = run->job;
	struct swapfiles files = { .n = 0 };

	if (!tunefile_fstab_stays(j->tree, j->ops))
		return;
	for (size_t p = 0; p < j->conf->n_swap_paths; p++) {
		if (swapfile_survey(j->tree, j->conf->swap_path[p], &files, NULL))
			continue;
		for (size_t i = 0; i < files.n; i++) {
			bool changed = false;
			struct why cause = { 0 };
			int r = 0;

			if (files.at[i].own && files.at[i].active)
				r = tunefile_fstab(j->tree, files.at[i].path, run->dry, &changed, &cause);
			note(run, "/etc/fstab", r, changed, &cause);
		}
	}
}

static void note_irqbalance(struct run *run)
{
	const struct tune_job *j = run->job;

	for (size_t i = 0; i < j->plan->n_actions; i++) {
		bool changed = false;
		struct why cause = { 0 };
		int r;

		if (j->plan->actions[i].kind != TUNE_IRQ)
			continue;
		r = tunefile_irqbalance(j->tree, j->product, j->facts, j->plan->actions[i].wanted, run->dry, &changed,
					&cause);
		run->units_change = run->units_change || changed;
		note(run, "irqbalance", r, changed, &cause);
	}
}

static void note_sysctl(struct run *run)
{
	const struct tune_job *j = run->job;
	bool changed = false;
	struct why cause = { 0 };
	int r = tunefile_sysctl(j->tree, j->conf, j->plan, j->product, run->dry, &changed, &cause);

	note(run, tunefile_sysctl_path(j->tree, j->product).s, r, changed, &cause);
}

/* --- the kernel's word on units --- */

/* After drop-ins were written: what the running units have. */
static int settle(struct run *run, struct why *w)
{
	const struct tuneplan *p = run->job->plan;
	struct why cause = { 0 };
	int r;

	if (!run->units_change || run->dry)
		return 0;
	r = isolate_settle(&run->isolate, &cause);
	note(run, "systemd", r, false, &cause);
	for (size_t i = 0; i < p->n_actions; i++) {
		const struct tune_action *a = &p->actions[i];
		struct tune_result *res = &run->report->action[i];
		struct why told = { 0 };

		if (a->kind != TUNE_CPUS || res->outcome == TUNE_FAILED)
			continue;
		r = *a->wanted ? isolate_verify(&run->isolate, a->object, a->wanted, &told)
			       : isolate_release(&run->isolate, a->object, &told);
		if (!r)
			continue;
		res->outcome = a->required && r != -EAGAIN ? TUNE_FAILED : TUNE_WARN;
		(void)snprintf(res->why, sizeof(res->why), "%.199s", told.text);
		if (res->outcome == TUNE_FAILED)
			return fail(w, r, "%s", told.text);
	}
	return 0;
}

/* --- the whole --- */

static int start(struct run *run, const struct tune_job *j, struct tune_report *ret, bool dry, struct why *w)
{
	*ret = (struct tune_report){ .n_actions = j->plan->n_actions };
	ret->action = calloc(j->plan->n_actions + 1, sizeof(*ret->action));
	if (!ret->action)
		return fail(w, -ENOMEM, "out of memory");
	*run = (struct run){ .job = j, .report = ret, .dry = dry };
	isolate_init(&run->isolate, j->tree, j->product, j->conf->persist);
	return 0;
}

static int refused(const struct tune_job *j, struct tune_report *ret, struct why *w)
{
	int r = 0;

	for (size_t i = 0; i < j->plan->n_actions; i++) {
		const struct tune_action *a = &j->plan->actions[i];
		struct tune_result *res = &ret->action[i];

		res->outcome = TUNE_LEFT;
		if (a->kind != TUNE_REFUSE)
			continue;
		res->outcome = TUNE_FAILED;
		(void)snprintf(res->why, sizeof(res->why), "%s", a->reason);
		r = fail(w, -ENOSPC, "%s", a->reason);
	}
	return r;
}

int tune_apply(const struct tune_job *j, struct tune_report *ret, struct why *w)
{
	struct run run;
	size_t i = 0;
	int r = start(&run, j, ret, false, w);

	if (r)
		return r;
	if (j->plan->refused)
		return refused(j, ret, w);
	r = keep(&run, w);
	for (; !r && i < j->plan->n_actions; i++)
		r = judge(&run, &j->plan->actions[i], &ret->action[i], w);
	for (; r && i < j->plan->n_actions; i++)
		ret->action[i].outcome = TUNE_LEFT;
	if (r)
		return r;
	note_sysctl(&run);
	note_irqbalance(&run);
	note_fstab(&run);
	return settle(&run, w);
}

int tune_check(const struct tune_job *j, struct tune_report *ret, struct why *w)
{
	struct run run;
	int r = start(&run, j, ret, true, w);

	if (r)
		return r;
	for (size_t i = 0; i < j->plan->n_actions; i++)
		IGNORE(judge(&run, &j->plan->actions[i], &ret->action[i], NULL)); /* a refusal: it is in the report */
	note_sysctl(&run);
	note_irqbalance(&run);
	note_fstab(&run);
	return 0;
}
