/* Taking back what tuneapply.c does. */
#include <string.h>
#include <unistd.h>

#include "tuning/irq.h"
#include "tuning/tuneapply.h"
#include "tuning/tunefiles.h"

/* The first failure is the reason; the rest is done all the same. */
static void add_up(int r, const struct why *cause, int *first, struct why *w)
{
	if (!r || *first)
		return;
	*first = r;
	(void)why_next(w, fail(w, r, "%s", cause->text), "%s", cause->next);
}

/* A file that is not off yet keeps its line. */
static int undo_swapfile(const struct tune_job *j, const struct swapfile *s, bool *changed, struct why *w)
{
	int r;

	if (!s->own)
		return 0;
	r = swapfile_remove(j->tree, j->ops, s->path, w);
	if (r)
		return r;
	*changed = true;
	return tunefile_fstab_drop(j->tree, s->path, changed, w);
}

static int undo_swap(const struct tune_job *j, bool *changed, struct why *w)
{
	int first = 0;

	for (size_t p = 0; p < j->conf->n_swap_paths; p++) {
		struct swapfiles files = { .n = 0 };
		struct why cause = { 0 };

		add_up(swapfile_survey(j->tree, j->conf->swap_path[p], &files, &cause), &cause, &first, w);
		for (size_t i = 0; i < files.n; i++) {
			struct why told = { 0 };

			add_up(undo_swapfile(j, &files.at[i], changed, &told), &told, &first, w);
		}
	}
	return first;
}

static int undo_files(const struct tune_job *j, bool *changed, struct why *w)
{
	return tunefile_drop(j->tree, j->product, changed, w);
}

static int undo_units(const struct tune_job *j, bool *changed, struct why *w)
{
	bool dropped[TUNE_UNIT_COUNT] = { false }, any = false;
	struct isolate isolate;
	struct why told = { 0 };
	char name[TUNE_OBJECT];
	int first = 0;

	isolate_init(&isolate, j->tree, j->product, j->conf->persist);
	for (enum tune_unit u = TUNE_UNIT_CORE; u < TUNE_UNIT_COUNT; u++) {
		struct why cause = { 0 };

		tune_unit_name(u, j->product, name);
		add_up(isolate_drop(&isolate, name, &dropped[u], &cause), &cause, &first, w);
		any = any || dropped[u];
	}
	if (any)
		add_up(isolate_settle(&isolate, &told), &told, &first, w);
	for (enum tune_unit u = TUNE_UNIT_CORE; u < TUNE_UNIT_COUNT; u++) {
		struct why cause = { 0 };

		tune_unit_name(u, j->product, name);
		if (dropped[u])
			add_up(isolate_release(&isolate, name, &cause), &cause, &first, w);
	}
	*changed = *changed || any;
	return first;
}

static int put_back_irq(const struct tune_job *j, const char *name, const struct cpuset *cpus, struct why *w)
{
	int r;

	if (strcmp(name, "default") == 0)
		return irq_set_default(j->tree, cpus, w);
	r = irq_move(j->tree, name, cpus, w);
	return r == -EPERM ? 0 : r; /* the kernel's own: it is where it was */
}

/* One that could not be changed is not written: that would fail again. */
static int put_back_sysctl(const struct tune_job *j, const struct undo_line *line, struct why *w)
{
	char now[SYSCTL_VALUE];
	int r = sysctl_read(j->tree, line->name, now, w);

	if (r == 0 && !sysctl_same(now, line->value))
		r = sysctl_write(j->tree, line->name, line->value, w);
	return r == -ENOENT ? 0 : r; /* its module is gone */
}

static int put_back(const struct tune_job *j, const struct isolate *i, const struct undo_line *line, struct why *w)
{
	AUTO_CPUSET cpus = { 0 };
	int r;

	if (strcmp(line->kind, "cpus") == 0)
		return 0; /* for tune_facts() */
	if (strcmp(line->kind, "sysctl") == 0)
		return put_back_sysctl(j, line, w);
	r = cpuset_parse(line->value, &cpus, w);
	if (r)
		return r;
	if (strcmp(line->kind, "irq") == 0)
		return put_back_irq(j, line->name, &cpus, w);
	if (strcmp(line->kind, "affinity") == 0)
		return i->init ? isolate_pin(i->init, &cpus, w) : 0;
	return fail(w, -EBADMSG, "%s: kept for undo by a newer tandem-tune", line->kind);
}

static int undo_kept(const struct tune_job *j, bool *changed, struct why *w)
{
	const struct tree_path path = tree_path("%s/" TUNE_UNDO, j->tree->name);
	AUTO_FREE char *copy = j->kept->text ? strdup(j->kept->text) : NULL;
	struct lines from = { .at = copy };
	struct isolate isolate;
	struct undo_line line;
	struct why cause = { 0 };
	int first = 0, r;

	if (!copy)
		return j->kept->text ? fail(w, -ENOMEM, "out of memory") : 0;
	isolate_init(&isolate, j->tree, j->product, j->conf->persist);
	while ((r = undolog_next(&from, &line, &cause)) > 0) {
		struct why told = { 0 };

		*changed = true;
		add_up(put_back(j, &isolate, &line, &told), &told, &first, w);
	}
	add_up(r, &cause, &first, w);
	if (!first && unlink(path.s) && errno != ENOENT)
		first = fail_errno(w, "%s: cannot be removed", path.s);
	return first;
}

int tune_undo(const struct tune_job *j, bool *ret_changed, struct why *w)
{
	static int (*const parts[])(const struct tune_job *, bool *, struct why *) = { undo_swap, undo_files,
										       undo_units, undo_kept };
	bool changed = false;
	int first = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct why cause = { 0 };

		add_up(parts[i](j, &changed, &cause), &cause, &first, w);
	}
	*ret_changed = changed;
	return first;
}
