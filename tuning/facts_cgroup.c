/* The limits that the own control group (version 2) sets: CPUs and memory. */
#include <string.h>

#include "base/parse.h"
#include "tuning/facts_parts.h"
#include "tuning/procfs.h"

/* Where the version 2 hierarchy is mounted. */
struct mount {
	struct tree_path point; /* relative; "sys/fs/cgroup" */
	struct tree_path root;  /* the group that is mounted there; "" for the topmost */
};

static struct tree_path relative(const char *path)
{
	return tree_path("%s", path + strspn(path, "/"));
}

/* Returns 1 when there is one, 0 when there is none, or an error. */
static int find_mount(const struct tree *t, struct mount *ret, struct why *w)
{
	static const char path[] = "proc/self/mountinfo";
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	struct mount_line m;
	struct lines from;
	int r = tree_text(t, path, MOUNTINFO_MAX, &text, w);

	if (r)
		return r == -ENOENT ? 0 : r;
	from = (struct lines){ .at = text };
	while ((r = mountinfo_next(&from, &m, &cause)) > 0) {
		if (strcmp(m.type, "cgroup2") != 0)
			continue;
		ret->point = relative(m.point);
		ret->root = relative(m.root);
		return 1;
	}
	return r ? tree_bad(t, path, w, "%s", cause.text) : 0;
}

/*
 * The own group's folder below the mount, as a relative path. The path in /proc/self/cgroup counts from the root of the
 * hierarchy that this process sees, the mount may start further down; a group that is not below it ("/../x", or mounted
 * from elsewhere) has limits that cannot be seen, but the mount's topmost group holds for it too.
 */
static struct tree_path own_group(const struct mount *m, const char *path, struct facts *f)
{
	size_t n = strlen(m->root.s);
	struct tree_path own = relative(path);

	if (strstr(path, "/..") || strncmp(own.s, m->root.s, n) != 0 || (n && own.s[n] != '/' && own.s[n] != '\0')) {
		facts_degrade(f, FACT_CGROUP, "own group %s is not below the mounted one; only that one's limits count",
			      path);
		return m->point;
	}
	if (own.s[n] == '\0')
		return m->point;
	return tree_path("%s/%s", m->point.s, own.s + n + (own.s[n] == '/'));
}

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

/* From the own group up to the mounted one: the nearest cpuset holds, since it is within those above; every memory.max. */
static int read_limits(const struct tree *t, const struct mount *m, struct tree_path group, struct facts *f,
		       struct why *w)
{
	bool cpus_found = false;

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
		r = limit_memory(t, tree_path("%s/memory.max", group.s).s, f, w);
		if (r)
			return r;
		last = strrchr(group.s, '/');
		if (!last || strcmp(group.s, m->point.s) == 0)
			return 0;
		*last = '\0';
	}
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; *at; at += strcspn(at, " \n"), at += strspn(at, " \n"))
		if (strncmp(at, word, n) == 0 && strchr(" \n", at[n]))
			return true;
	return false;
}

/* On a host with version 1 beside it, version 2 is mounted but has no controllers. */
static int check_controllers(const struct tree *t, const struct mount *m, struct facts *f, struct why *w)
{
	AUTO_FREE char *text = NULL;
	int r = tree_text(t, tree_path("%s/cgroup.controllers", m->point.s).s, PROC_TEXT_MAX, &text, w);

	if (r && r != -ENOENT)
		return r;
	if (r || !has_word(text, "cpuset") || !has_word(text, "memory"))
		facts_degrade(f, FACT_CGROUP,
			      "version 2 without the controllers cpuset and memory; a limit of theirs is not seen");
	return 0;
}

int facts_read_cgroup(const struct tree *t, struct facts *f, struct why *w)
{
	static const char path[] = "proc/self/cgroup";
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	const char *own = NULL;
	struct mount m;
	int r;

	f->ram_limit_bytes = UINT64_MAX;
	if (cpuset_copy(&f->online, &f->allowed))
		return fail(w, -ENOMEM, "out of memory");
	r = find_mount(t, &m, w);
	if (r < 0)
		return r;
	if (r > 0) {
		r = tree_text(t, path, PROC_TEXT_MAX, &text, w);
		if (r && r != -ENOENT)
			return r;
		r = r ? -ENODATA : cgroup_path(text, &own, &cause);
		if (r == -EBADMSG)
			return tree_bad(t, path, w, "%s", cause.text);
	}
	if (!own) {
		facts_degrade(f, FACT_CGROUP, "no version 2 hierarchy; no limit is assumed");
		return 0;
	}
	r = check_controllers(t, &m, f, w);
	return r ? r : read_limits(t, &m, own_group(&m, own, f), f, w);
}
