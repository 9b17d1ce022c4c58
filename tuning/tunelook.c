#include "tuning/tunelook.h"

#include <string.h>

#include "tuning/dropin.h"
#include "tuning/irq.h"

int tune_undo_read(const struct tree *t, struct undolog *ret, struct why *w)
{
	AUTO_FREE char *text = NULL, *copy = NULL;
	struct why cause = { 0 };
	struct undo_line line;
	struct lines from;
	int r = tree_text(t, TUNE_UNDO, UNDOLOG_MAX, &text, w);

	if (r)
		return r == -ENOENT ? 0 : r;
	copy = strdup(text);
	if (!copy)
		return fail(w, -ENOMEM, "out of memory");
	from = (struct lines){ .at = copy };
	do
		r = undolog_next(&from, &line, &cause);
	while (r > 0);
	if (r)
		return why_next(w, tree_bad(t, TUNE_UNDO, w, "%s", cause.text),
				"remove it; sysctls stay as they are then");
	ret->text = MOVE(text);
	return 0;
}

/* --- facts --- */

/* CPUs that an earlier run was not allowed to use itself. Returns 1 when it kept that, 0 when it did not. */
static int kept_excluded(const struct undolog *kept, struct cpuset *ret, struct why *w)
{
	AUTO_FREE char *copy = strdup(kept->text ? kept->text : "");
	struct lines from = { .at = copy };
	struct undo_line line;
	int r;

	if (!copy)
		return fail(w, -ENOMEM, "out of memory");
	while ((r = undolog_next(&from, &line, w)) > 0) {
		if (strcmp(line.kind, "cpus") != 0)
			continue;
		r = cpuset_parse(line.value, ret, w);
		return r ? why_in(w, r, "what is kept for undo") : 1;
	}
	return r;
}

/*
 * Without that, drop-ins of ours say that we are confined: those in /etc hold since this boot began. What the topmost group
 * has is what there was. Returns as above.
 */
static int confined_by_dropin(const struct tree *t, struct cpuset *ret, struct why *w)
{
	AUTO_FREE char *text = NULL, *too = NULL;
	AUTO_CPUSET top = { 0 };
	int r = dropin_text(t, "etc/systemd/system/system.slice.d/affinity.conf", &text, w);

	r = r == -ENOENT ? dropin_text(t, "run/systemd/system/system.slice.d/affinity.conf", &too, w) : r;
	if (r)
		return r == -ENOENT ? 0 : r;
	r = tree_cpus(t, "sys/fs/cgroup/cpuset.cpus.effective", &top, w);
	if (r)
		return r == -ENOENT ? 0 : r;
	r = tree_cpus(t, "sys/devices/system/cpu/online", ret, w);
	if (r)
		return r == -ENOENT ? 0 : r;
	cpuset_minus(ret, &top);
	return 1;
}

int tune_facts(const struct tree *t, const struct undolog *kept, struct facts *ret, struct why *w)
{
	const char *root = t->live ? NULL : t->name;
	AUTO_CPUSET excluded = { 0 };
	int r = kept_excluded(kept, &excluded, w);

	r = r ? r : confined_by_dropin(t, &excluded, w);
	if (r < 0)
		return r;
	return r ? facts_read_unconfined(root, &excluded, ret, w) : facts_read(root, ret, w);
}

/* --- what is tuned --- */

/* Whether `path` is below the folder `point`; how long that is. */
static size_t below(const char *path, const char *point)
{
	size_t n = strlen(point);

	if (strcmp(point, "/") == 0)
		return 1;
	return strncmp(path, point, n) == 0 && path[n] == '/' ? n : 0;
}

/* For a captured tree, of which only the facts know where it has disks. */
static int place_by_facts(const struct facts *f, const char *path, uint64_t *ret_free_bytes, struct why *w)
{
	const struct fs_fact *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < f->n_filesystems; i++) {
		size_t n = below(path, f->filesystems[i].point);

		if (n > longest) {
			longest = n;
			best = &f->filesystems[i];
		}
	}
	if (!best || best->read_only)
		return fail(w, -EROFS, "%s: %s", path, best ? "its file system is read-only" : "on no known disk");
	*ret_free_bytes = best->free_bytes;
	return 0;
}

/* The first of the policy's paths where a swap file can be. */
static int look_swap(const struct tree *t, const struct swap_ops *ops, const struct facts *f, const struct tuneconf *c,
		     struct tune_input *in, struct why *w)
{
	struct why first = { 0 };

	for (size_t i = 0; i < c->n_swap_paths; i++) {
		const char *path = c->swap_path[i];
		struct why cause = { 0 };
		int r = t->live ? swapfile_place(t, ops, path, &in->swap_free_bytes, &cause)
				: place_by_facts(f, path, &in->swap_free_bytes, &cause);

		if (r == 0)
			return swapfile_survey(t, path, &in->swap, w);
		if (i == 0)
			first = cause;
	}
	(void)snprintf(in->swap.why, sizeof(in->swap.why), "%.159s",
		       c->n_swap_paths ? first.text : "no place for a swap file is configured");
	return 0;
}

static int look_sysctls(const struct tree *t, const struct tuneconf *c, struct tune_input *in, struct why *w)
{
	for (size_t i = 0; i < c->n_sysctls; i++) {
		struct why cause = { 0 };
		int r = sysctl_read(t, c->sysctl[i].key, in->sysctl[i].value, &cause);

		if (r && r != -ENOENT && r != -EACCES && r != -EPERM) /* what may not be read is not known */
			return fail(w, r, "%s", cause.text);
		in->sysctl[i].there = r == 0;
	}
	return 0;
}

static int look_units(const struct isolate *i, struct tune_input *in, struct why *w)
{
	int r = 0;

	in->no_cpuset = !i->cpuset;
	for (enum tune_unit u = TUNE_UNIT_CORE; !r && u < TUNE_UNIT_COUNT; u++) {
		char name[TUNE_OBJECT];

		tune_unit_name(u, i->product, name);
		r = isolate_now(i, name, &in->unit[u].cpus, &in->unit[u].weight, w);
	}
	return r;
}

static int look_irq(const struct tree *t, struct tune_input *in, struct why *w)
{
	AUTO_CPUSET s = { 0 };
	int r = irq_default(t, &s, w);

	if (r)
		return r == -ENOENT ? 0 : r;
	in->irq_cpus = cpuset_format(&s);
	return in->irq_cpus ? 0 : fail(w, -ENOMEM, "out of memory");
}

int tune_look(const struct tree *t, const struct swap_ops *ops, const struct facts *f, const struct tuneconf *c,
	      const char *product, struct tune_input *ret, struct why *w)
{
	AUTO_TUNE_INPUT in = { 0 };
	struct isolate isolate;
	int r;

	isolate_init(&isolate, t, product, c->persist);
	r = look_swap(t, ops, f, c, &in, w);
	r = r ? r : look_sysctls(t, c, &in, w);
	r = r ? r : look_units(&isolate, &in, w);
	r = r ? r : look_irq(t, &in, w);
	if (r)
		return r;
	*ret = in;
	in = (struct tune_input){ 0 };
	return 0;
}
