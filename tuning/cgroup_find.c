/* Where the version 2 hierarchy is mounted, and the own group in it. */
#include <string.h>
#include <sys/mount.h>

#include "tuning/cgroup.h"
#include "tuning/facts_parts.h"
#include "tuning/procfs.h"

#define MOUNTINFO "proc/self/mountinfo"
#define OWN       "proc/self/cgroup"
#define USUAL     "/sys/fs/cgroup"

/* What a look through the mounts finds. */
struct found {
	bool v2, taken;         /* mounted somewhere; something else is on USUAL */
	struct tree_path point; /* relative */
	struct tree_path root;  /* the group that is mounted there; "" for the topmost */
};

static struct tree_path relative(const char *path)
{
	return tree_path("%s", path + strspn(path, "/"));
}

static int look(const struct tree *t, struct found *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	struct mount_line m;
	struct lines from;
	int r = tree_text(t, MOUNTINFO, MOUNTINFO_MAX, &text, w);

	*ret = (struct found){ 0 };
	if (r)
		return r == -ENOENT ? 0 : r;
	from = (struct lines){ .at = text };
	while ((r = mountinfo_next(&from, &m, &cause)) > 0) {
		bool v2 = strcmp(m.type, "cgroup2") == 0;

		if (v2 && !ret->v2)
			*ret = (struct found){ true, ret->taken, relative(m.point), relative(m.root) };
		ret->taken |= !v2 && strcmp(m.point, USUAL) == 0;
	}
	return r ? tree_bad(t, MOUNTINFO, w, "%s", cause.text) : 0;
}

/*
 * The own group's folder below the mount, as a relative path. The path in /proc/self/cgroup counts from the root of the
 * hierarchy that this process sees, the mount may start further down; a group that is not below it ("/../x", or mounted
 * from elsewhere) cannot be seen, but the mount's topmost group is above it or its own too.
 */
static void own_group(const struct found *f, const char *path, struct cgroup_place *ret)
{
	size_t n = strlen(f->root.s);
	struct tree_path own = relative(path);

	ret->mount = f->point;
	ret->own = f->point;
	ret->named = tree_path("%s", path);
	ret->outside =
		strstr(path, "/..") || strncmp(own.s, f->root.s, n) != 0 || (n && own.s[n] != '/' && own.s[n] != '\0');
	if (!ret->outside && own.s[n] != '\0')
		ret->own = tree_path("%s/%s", f->point.s, own.s + n + (own.s[n] == '/'));
}

int cgroup_find(const struct tree *t, struct cgroup_place *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	const char *own = NULL;
	struct found f;
	int r = look(t, &f, w);

	if (r)
		return r;
	if (!f.v2)
		return -ENODATA;
	r = tree_text(t, OWN, PROC_TEXT_MAX, &text, w);
	if (r)
		return r == -ENOENT ? -ENODATA : r;
	r = cgroup_path(text, &own, &cause);
	if (r == -EBADMSG)
		return tree_bad(t, OWN, w, "%s", cause.text);
	if (r)
		return r;
	own_group(&f, own, ret);
	return 0;
}

int cgroup_mount(const struct tree *t, struct why *w)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	struct found f;
	int r = look(t, &f, w);

	if (r || f.v2)
		return r;
	if (f.taken)
		return fail(w, -EBUSY, "%s%s: something else is mounted there (cgroup version 1?)", t->name, USUAL);
	if (!t->live)
		return fail(w, -EINVAL, "%s: cannot be mounted in a captured tree", t->name);
	if (mount("cgroup2", USUAL, "cgroup2", flags, "nsdelegate,memory_recursiveprot") == 0)
		return 0;
	if (errno == EINVAL && mount("cgroup2", USUAL, "cgroup2", flags, "nsdelegate") == 0)
		return 0; /* before Linux 5.7 */
	return fail_errno(w, "cgroup2 cannot be mounted on %s", USUAL);
}
