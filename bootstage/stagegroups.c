#include "bootstage/stagegroups.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#define OWN_NAME    "tandem" /* below the root of the hierarchy */
#define RUNNER_NAME "runner"
#define END_MS      1000u

static bool at_the_top(const struct cgroup_place *p)
{
	return strcmp(p->own.s, p->mount.s) == 0 && !p->outside;
}

/* Controllers that do not work below cost limits, not the groups. */
static void enable(const struct cgroup *g, struct stagegroups *ret)
{
	struct why w = { 0 };

	if (cgroup_enable(g, &w) && !ret->note[0])
		(void)snprintf(ret->note, sizeof(ret->note), "%.190s", w.text);
}

/* Nobody has groups of their own yet, or we are the first program of a container: one below the top. */
static int take_top(const struct tree *t, const struct cgroup_place *p, struct stagegroups *ret, struct why *w)
{
	struct cgroup top;
	int r = cgroup_open(t, p->mount.s, &top, w);

	if (r)
		return r;
	enable(&top, ret);
	r = cgroup_make(&top, OWN_NAME, &ret->at, w);
	ret->made = r == 0;
	cgroup_close(&top);
	return r;
}

/*
 * The own group. Controllers work below it only when it has no processes of its own, so the runner moves aside; when it
 * was not alone there, as in a login session, it moves back, and there are groups without limits.
 */
static int take_own(const struct tree *t, const struct cgroup_place *p, struct stagegroups *ret, struct why *w)
{
	struct why no_limits = { 0 };
	struct cgroup aside;
	int r = cgroup_open(t, p->own.s, &ret->at, w);

	if (r)
		return r;
	r = cgroup_make(&ret->at, RUNNER_NAME, &aside, w);
	r = r ? r : cgroup_move(&aside, 0, w);
	if (!r && cgroup_enable(&ret->at, &no_limits) == -EBUSY) {
		r = cgroup_move(&ret->at, 0, w);
		IGNORE(cgroup_end(&aside, END_MS, NULL)); /* empty; a folder that stays is harmless */
	}
	if (no_limits.code)
		(void)snprintf(ret->note, sizeof(ret->note), "%.190s", no_limits.text);
	cgroup_close(&aside);
	if (r)
		cgroup_close(&ret->at);
	return r;
}

static int take(const struct tree *t, bool mount, struct stagegroups *ret, struct why *w)
{
	struct cgroup_place p;
	int r = geteuid() == 0 ? 0 : fail(w, -EPERM, "not root");

	r = r || !mount ? r : cgroup_mount(t, w);
	r = r ? r : cgroup_find(t, &p, w);
	if (r)
		return r == -ENODATA ? fail(w, r, "no cgroups of version 2 on this machine") : r;
	r = at_the_top(&p) ? take_top(t, &p, ret, w) : take_own(t, &p, ret, w);
	if (!r && ret->made)
		enable(&ret->at, ret);
	return r;
}

void stagegroups_open(bool mount, struct stagegroups *ret)
{
	struct why w = { 0 }, no_classes = { 0 };
	struct sysinfo info;
	struct tree t = { .fd = -1 };
	int r = tree_open(NULL, &t, &w);

	*ret = (struct stagegroups){ .classes = classes_default };
	if (sysinfo(&info) == 0)
		ret->ram_bytes = (uint64_t)info.totalram * info.mem_unit;
	if (!r && classes_load(&t, &ret->classes, &no_classes))
		(void)snprintf(ret->note, sizeof(ret->note), "%.190s", no_classes.text);
	r = r ? r : take(&t, mount, ret, &w);
	ret->have = r == 0;
	if (r)
		(void)snprintf(ret->note, sizeof(ret->note), "%.190s", w.text);
	tree_close(&t);
}

void stagegroups_close(struct stagegroups *g)
{
	if (!g->have)
		return;
	if (g->made)
		IGNORE(cgroup_end(&g->at, END_MS, NULL)); /* a folder that stays is used again */
	cgroup_close(&g->at);
	g->have = false;
}

int stagegroups_leaf(const struct stagegroups *g, const char *name, enum class_id class, struct cgroup *ret,
		     char *ret_said, size_t room, struct why *w)
{
	struct cgroup_limited limited = { 0 };
	int r = cgroup_make(&g->at, name, ret, w);

	if (r)
		return r;
	cgroup_limit(ret, &g->classes.at[class], g->ram_bytes, &limited);
	(void)snprintf(ret_said, room, "%s", limited.degraded);
	return 0;
}
