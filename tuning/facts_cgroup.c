/* The limits that the own control group (version 2) sets: CPUs and memory. */
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "tuning/cgroup.h"
#include "tuning/facts_parts.h"
#include "tuning/procfs.h"

/* Lower the limit to what a memory.max says; "max" is none. */
static int limit_memory(const struct tree *t, const char *path, struct facts *f, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	uint64_t bytes = 0;
	int r = tree_text(t, path, PROC_TEXT_MAX, &text, w);

	if (r)
		return r == -ENOENT ? 0 : r;
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "max") == 0)
		return 0;
	if (parse_u64(text, UINT64_MAX, &bytes, &cause))
		return tree_bad(t, path, w, "%s", cause.text);
	if (bytes < f->ram_limit_bytes)
		f->ram_limit_bytes = bytes;
	return 0;
}

/* The runner's class limits what a stage's program may take, not the machine that the program looks at (docs/stages.md). */
static bool in_stage(const struct tree *t)
{
	return t->live && getenv("TANDEM_STAGE");
}

/* From the own group up to the mounted one: the nearest cpuset holds, since it is within those above; every memory.max. */
static int read_limits(const struct tree *t, const struct cgroup_place *place, struct facts *f, struct why *w)
{
	struct tree_path group = place->own;
	bool cpus_found = false, of_stage = in_stage(t);

	for (;;) {
		char *last;
		int r;

		if (!cpus_found) {
			AUTO_CPUSET allowed = { 0 };

			r = tree_cpus(t, tree_path("%s/cpuset.cpus.effective", group.s).s, &allowed, w);
			if (r && r != -ENOENT)
				return r;
			cpus_found = r == 0;
			if (cpus_found)
				cpuset_and(&f->allowed, &allowed);
		}
		r = of_stage ? 0 : limit_memory(t, tree_path("%s/memory.max", group.s).s, f, w);
		if (r)
			return r;
		of_stage = false;
		last = strrchr(group.s, '/');
		if (!last || strcmp(group.s, place->mount.s) == 0)
			return 0;
		*last = '\0';
	}
}

/* On a host with version 1 beside it, version 2 is mounted but has no controllers. */
static int check_controllers(const struct tree *t, const struct cgroup_place *place, struct facts *f, struct why *w)
{
	AUTO_FREE char *text = NULL;
	int r = tree_text(t, tree_path("%s/cgroup.controllers", place->mount.s).s, PROC_TEXT_MAX, &text, w);

	if (r && r != -ENOENT)
		return r;
	if (r || !words_have(text, "cpuset") || !words_have(text, "memory"))
		facts_degrade(f, FACT_CGROUP,
			      "version 2 without the controllers cpuset and memory; a limit of theirs is not seen");
	return 0;
}

int facts_read_cgroup(const struct tree *t, struct facts *f, struct why *w)
{
	struct cgroup_place place;
	int r;

	f->ram_limit_bytes = UINT64_MAX;
	if (cpuset_copy(&f->online, &f->allowed))
		return fail(w, -ENOMEM, "out of memory");
	r = cgroup_find(t, &place, w);
	if (r == -ENODATA) {
		facts_degrade(f, FACT_CGROUP, "no version 2 hierarchy; no limit is assumed");
		return 0;
	}
	if (r)
		return r;
	r = check_controllers(t, &place, f, w);
	if (place.outside) /* the mount's topmost group holds for it too */
		facts_degrade(f, FACT_CGROUP, "own group %s is not below the mounted one; only that one's limits count",
			      place.named.s);
	return r ? r : read_limits(t, &place, f, w);
}
