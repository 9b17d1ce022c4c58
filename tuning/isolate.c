#include "tuning/isolate.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "base/proc.h"
#include "tuning/dropin.h"

#define CGROUP     "sys/fs/cgroup"
#define TEXT_MAX   65536u
#define RELOAD_MS  60000u
#define SETTLE_MS  2000u
#define DROPIN     "affinity.conf"
#define DROPIN_TOO "cpu-isolation.conf"
#define IN_ETC     "etc/systemd/system"
#define IN_RUN     "run/systemd/system"

/* --- what the machine can --- */

/* Whether `word` is one of the words of a text. */
static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; *at; at += strcspn(at, " \t\n"), at += strspn(at, " \t\n"))
		if (strncmp(at, word, n) == 0 && strchr(" \t\n", at[n]))
			return true;
	return false;
}

static bool text_has_word(const struct tree *t, const char *path, const char *word)
{
	AUTO_FREE char *text = NULL;

	return tree_text(t, path, TEXT_MAX, &text, NULL) == 0 && has_word(text, word);
}

/* The command line can ask systemd for version 1. */
static bool asks_for_version_1(const struct tree *t)
{
	static const char *const words[] = { "systemd.unified_cgroup_hierarchy=0",
					     "systemd.unified_cgroup_hierarchy=no",
					     "systemd.unified_cgroup_hierarchy=false",
					     "systemd.unified_cgroup_hierarchy=off" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (text_has_word(t, "proc/cmdline", words[i]))
			return true;
	return false;
}

/* "cpuset HIERARCHY GROUPS ENABLED" of /proc/cgroups: a hierarchy other than 0 is one of version 1. */
static bool kernel_has_cpuset(const struct tree *t)
{
	AUTO_FREE char *text = NULL;
	unsigned int hierarchy = 1, groups = 0, enabled = 0;
	const char *line;

	if (tree_text(t, "proc/cgroups", TEXT_MAX, &text, NULL))
		return false;
	line = strstr(text, "\ncpuset");
	return line && sscanf(line, " cpuset %9u %9u %9u", &hierarchy, &groups, &enabled) == 3 && hierarchy == 0 &&
	       enabled == 1;
}

/* NULL when cpusets can be used; else why not. Before systemd nothing is mounted, and the kernel has to say. */
static const char *without_cpuset(const struct tree *t)
{
	if (tree_has(t, CGROUP "/cgroup.controllers"))
		return text_has_word(t, CGROUP "/cgroup.controllers", "cpuset") ? NULL
										: "control groups without cpuset";
	if (tree_has(t, CGROUP "/cpuset") || asks_for_version_1(t))
		return "control groups of version 1";
	if (!text_has_word(t, "proc/filesystems", "cgroup2"))
		return "a kernel without control groups of version 2";
	return kernel_has_cpuset(t) ? NULL : "a kernel without cpuset in version 2";
}

void isolate_init(struct isolate *i, const struct tree *t, const char *product, bool persist)
{
	const char *why = without_cpuset(t);

	*i = (struct isolate){ .t = t, .product = product, .persist = persist, .cpuset = !why, .init = t->live };
	i->manager = t->live && tree_has(t, IN_RUN) && text_has_word(t, "proc/1/comm", "systemd");
	if (why)
		(void)snprintf(i->why, sizeof(i->why), "%s: affinity instead, which a process can change", why);
}

/* --- sets --- */

int isolate_affinity(pid_t pid, struct cpuset *ret, struct why *w)
{
	size_t bytes = CPU_ALLOC_SIZE(CPUSET_CPUS_MAX);
	AUTO_FREE cpu_set_t *set = calloc(1, bytes);
	AUTO_CPUSET s = { 0 };
	int r = 0;

	if (!set)
		return fail(w, -ENOMEM, "out of memory");
	if (sched_getaffinity(pid, bytes, set))
		return fail_errno(w, "process %d: affinity", pid);
	for (unsigned int cpu = 0; !r && cpu < CPUSET_CPUS_MAX; cpu++)
		if (CPU_ISSET_S(cpu, bytes, set))
			r = cpuset_add(&s, cpu);
	if (r)
		return fail(w, r, "out of memory");
	*ret = s;
	s = (struct cpuset){ 0 };
	return 0;
}

int isolate_pin(pid_t pid, const struct cpuset *cpus, struct why *w)
{
	size_t bytes = CPU_ALLOC_SIZE(CPUSET_CPUS_MAX);
	AUTO_FREE cpu_set_t *set = calloc(1, bytes);

	if (!set)
		return fail(w, -ENOMEM, "out of memory");
	for (CPUSET_EACH(cpu, cpus))
		CPU_SET_S(cpu, bytes, set);
	return sched_setaffinity(pid, bytes, set) ? fail_errno(w, "process %d: affinity", pid) : 0;
}

static bool same_set(const struct cpuset *a, const struct cpuset *b)
{
	AUTO_FREE char *x = cpuset_format(a), *y = cpuset_format(b);

	return x && y && strcmp(x, y) == 0;
}

bool isolate_same(const char *a, const char *b)
{
	AUTO_CPUSET x = { 0 }, y = { 0 };

	return cpuset_parse(a, &x, NULL) == 0 && cpuset_parse(b, &y, NULL) == 0 && same_set(&x, &y);
}

static int put_list(const struct cpuset *s, char ret[ISOLATE_LIST], struct why *w)
{
	AUTO_FREE char *list = cpuset_format(s);

	if (!list)
		return fail(w, -ENOMEM, "out of memory");
	if (strlen(list) >= ISOLATE_LIST)
		return fail(w, -E2BIG, "CPU list over the limit of %u bytes", ISOLATE_LIST - 1);
	memcpy(ret, list, strlen(list) + 1);
	return 0;
}

/* --- units --- */

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

static bool is_service(const char *unit)
{
	return ends_in(unit, ".service");
}

static struct tree_path dropin_path(const char *folder, const char *unit, const char *file)
{
	return tree_path("%s/%s.d/%s", folder, unit, file);
}

/* "a-b.slice" is in a.slice. */
static struct tree_path slice_group(const char *product)
{
	struct tree_path path = tree_path(CGROUP);

	for (const char *dash = strchr(product, '-'); dash; dash = strchr(dash + 1, '-'))
		path = tree_path("%s/%.*s.slice", path.s, (int)(dash - product), product);
	return tree_path("%s/%s.slice", path.s, product);
}

/* Where a unit's group is when it has started with its drop-in. */
static struct tree_path unit_group(const struct isolate *i, const char *unit)
{
	return is_service(unit) ? tree_path("%s/%s", slice_group(i->product).s, unit) : tree_path(CGROUP "/%s", unit);
}

/* What the kernel has for a unit that runs. Returns 0; -ENOENT when it does not run, or has no cpuset of its own. */
static int effective(const struct isolate *i, const char *unit, struct cpuset *ret, bool *ret_elsewhere, struct why *w)
{
	const struct tree_path there = tree_path(CGROUP "/system.slice/%s", unit);
	int r;

	*ret_elsewhere = false;
	r = tree_cpus(i->t, tree_path("%s/cpuset.cpus.effective", unit_group(i, unit).s).s, ret, w);
	if (r != -ENOENT || !is_service(unit) || !tree_has(i->t, there.s))
		return r;
	*ret_elsewhere = true;
	r = tree_cpus(i->t, tree_path("%s/cpuset.cpus.effective", there.s).s, ret, w);
	return r == -ENOENT ? tree_cpus(i->t, CGROUP "/system.slice/cpuset.cpus.effective", ret, w) : r;
}

/* The last CPU list that a drop-in of ours sets; "" for none. */
static int said(const struct isolate *i, const char *unit, char ret[ISOLATE_LIST], struct why *w)
{
	const struct tree_path path = dropin_path(i->persist ? IN_ETC : IN_RUN, unit, DROPIN);
	const char *key = i->cpuset ? "AllowedCPUs=" : "CPUAffinity=";
	AUTO_FREE char *text = NULL;
	char *save = NULL;
	int r = dropin_text(i->t, path.s, &text, w);

	ret[0] = '\0';
	if (r)
		return r == -ENOENT ? 0 : r;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, key, strlen(key)) == 0)
			(void)snprintf(ret, ISOLATE_LIST, "%s", line + strlen(key));
	return 0;
}

static int affinity_of_init(const struct isolate *i, char ret[ISOLATE_LIST], struct why *w)
{
	AUTO_CPUSET s = { 0 };
	int r;

	ret[0] = '\0';
	if (i->init == 0)
		return 0;
	r = isolate_affinity(i->init, &s, w);
	return r ? r : put_list(&s, ret, w);
}

int isolate_now(const struct isolate *i, const char *unit, char ret[ISOLATE_LIST], struct why *w)
{
	AUTO_CPUSET runs = { 0 }, wants = { 0 };
	bool elsewhere = false;
	int r;

	if (!i->cpuset && !is_service(unit))
		return affinity_of_init(i, ret, w);
	r = said(i, unit, ret, w);
	if (r || !ret[0] || !i->cpuset)
		return r;
	r = effective(i, unit, &runs, &elsewhere, w);
	if (r)
		return r == -ENOENT ? 0 : r;
	if (cpuset_parse(ret, &wants, NULL) == 0 && same_set(&wants, &runs))
		return 0;
	return put_list(&runs, ret, w);
}

/* The empty assignment takes back what drop-ins before it say; lists add up otherwise. */
static int put_dropin(const struct isolate *i, const char *unit, const char *cpus, bool *ret_changed, struct why *w)
{
	const char *here = i->persist ? IN_ETC : IN_RUN, *there = i->persist ? IN_RUN : IN_ETC;
	const char *section = is_service(unit) ? "Service" : ends_in(unit, ".slice") ? "Slice" : "Scope";
	const char *key = i->cpuset ? "AllowedCPUs" : "CPUAffinity";
	char text[512], slice[96] = "";
	int r;

	if (is_service(unit))
		(void)snprintf(slice, sizeof(slice), "Slice=%s.slice\n", i->product);
	(void)snprintf(text, sizeof(text), "[%s]\n%s%s=\n%s=%s\n", section, slice, key, key, cpus);
	r = dropin_drop(i->t, dropin_path(there, unit, DROPIN_TOO).s, ret_changed, w);
	r = r ? r : dropin_drop(i->t, dropin_path(there, unit, DROPIN).s, ret_changed, w);
	r = r ? r : dropin_put(i->t, dropin_path(here, unit, DROPIN).s, text, ret_changed, w);
	return r ? r : dropin_link(i->t, dropin_path(here, unit, DROPIN_TOO).s, DROPIN, ret_changed, w);
}

static int pin_init(const struct isolate *i, const struct cpuset *cpus, bool *ret_changed, struct why *w)
{
	AUTO_CPUSET now = { 0 };
	int r;

	if (i->init == 0)
		return 0;
	r = isolate_affinity(i->init, &now, w);
	if (r || same_set(&now, cpus))
		return r;
	r = isolate_pin(i->init, cpus, w);
	if (!r)
		*ret_changed = true;
	return r;
}

int isolate_unit(const struct isolate *i, const char *unit, const char *cpus, bool *ret_changed, struct why *w)
{
	AUTO_CPUSET s = { 0 };
	char list[ISOLATE_LIST];
	int r = cpuset_parse(cpus, &s, w);

	if (!r && cpuset_count(&s) == 0)
		r = fail(w, -EBADMSG, "an empty list of CPUs");
	r = r ? r : put_list(&s, list, w);
	if (r)
		return why_in(w, r, "%s", unit);
	if (!i->cpuset && !is_service(unit))
		return pin_init(i, &s, ret_changed, w);
	return put_dropin(i, unit, list, ret_changed, w);
}

int isolate_settle(const struct isolate *i, struct why *w)
{
	static const char *const reload[] = { "systemctl", "daemon-reload", NULL };

	return i->manager ? proc_must(reload, RELOAD_MS, w) : 0;
}

static void pause_ms(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

int isolate_verify(const struct isolate *i, const char *unit, const char *cpus, struct why *w)
{
	uint64_t deadline = now_ms() + (i->manager ? SETTLE_MS : 0);
	AUTO_FREE char *list = NULL;
	bool elsewhere = false;

	if (!i->cpuset)
		return 0;
	for (;; pause_ms(20)) {
		AUTO_CPUSET runs = { 0 };
		int r = effective(i, unit, &runs, &elsewhere, w);

		if (r)
			return r == -ENOENT ? 0 : r;
		free(list);
		list = cpuset_format(&runs);
		if (!elsewhere && list && isolate_same(list, cpus))
			return 0;
		if (elsewhere || now_ms() >= deadline)
			break;
	}
	if (elsewhere)
		return fail(w, -EAGAIN, "%s: runs in system.slice since before; has its CPUs when it is restarted",
			    unit);
	return fail(w, -EIO, "%s: runs on CPUs %s, not on %s", unit, list ? list : "?", cpus);
}

int isolate_drop(const struct isolate *i, const char *unit, bool *ret_changed, struct why *w)
{
	static const char *const folders[] = { IN_RUN, IN_ETC };
	int r = 0;

	for (size_t f = 0; !r && f < ARRAY_SIZE(folders); f++) {
		r = dropin_drop(i->t, dropin_path(folders[f], unit, DROPIN_TOO).s, ret_changed, w);
		r = r ? r : dropin_drop(i->t, dropin_path(folders[f], unit, DROPIN).s, ret_changed, w);
	}
	return r;
}
