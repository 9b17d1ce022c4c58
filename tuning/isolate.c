#include "tuning/isolate.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/parse.h"
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
#define ONLINE     "sys/devices/system/cpu/online"

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
	/* NOLINTNEXTLINE(cert-err34-c): nine digits always fit */
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

/* Allocated, or -ENOMEM. */
static int list_of(const struct cpuset *s, char **ret, struct why *w)
{
	char *list = cpuset_format(s);

	if (!list)
		return fail(w, -ENOMEM, "out of memory");
	free(*ret);
	*ret = list;
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

/* What follows the last KEY= in a text; "" when nothing does. Borrowed. */
static struct bytes value_of(const char *text, const char *key)
{
	struct bytes found = bytes_str("");

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, key, strlen(key)) == 0)
			found = bytes_of(line + strlen(key), strcspn(line + strlen(key), "\n"));
	return found;
}

/* What a drop-in of ours sets; "" and 0 without one. */
static int said(const struct isolate *i, const char *unit, char **ret_cpus, unsigned int *ret_weight, struct why *w)
{
	const struct tree_path path = dropin_path(i->persist ? IN_ETC : IN_RUN, unit, DROPIN);
	AUTO_FREE char *text = NULL, *weight = NULL;
	struct bytes cpus, number;
	uint64_t v = 0;
	int r = dropin_text(i->t, path.s, &text, w);

	if (r && r != -ENOENT)
		return r;
	cpus = value_of(text ? text : "", i->cpuset ? "AllowedCPUs=" : "CPUAffinity=");
	number = value_of(text ? text : "", "CPUWeight=");
	*ret_cpus = strndup((const char *)cpus.p, cpus.n);
	weight = strndup((const char *)number.p, number.n);
	if (!*ret_cpus || !weight)
		return fail(w, -ENOMEM, "out of memory");
	*ret_weight = parse_u64(weight, 10000, &v, NULL) ? 0 : (unsigned int)v;
	return 0;
}

/* In place of slices and scope: PID 1's; "" when that is every CPU there is. */
static int affinity_of_init(const struct isolate *i, char **ret, struct why *w)
{
	AUTO_CPUSET has = { 0 }, online = { 0 };
	int r;

	*ret = strdup("");
	if (!*ret)
		return fail(w, -ENOMEM, "out of memory");
	if (i->init == 0)
		return 0;
	r = isolate_affinity(i->init, &has, w);
	r = r ? r : tree_cpus(i->t, ONLINE, &online, w);
	if (r && r != -ENOENT)
		return r;
	cpuset_and(&has, &online);
	return same_set(&has, &online) ? 0 : list_of(&has, ret, w);
}

int isolate_now(const struct isolate *i, const char *unit, char **ret_cpus, unsigned int *ret_weight, struct why *w)
{
	AUTO_CPUSET runs = { 0 }, wants = { 0 };
	AUTO_FREE char *cpus = NULL;
	unsigned int weight = 0;
	bool elsewhere = false;
	int r;

	if (!i->cpuset && !is_service(unit))
		r = affinity_of_init(i, &cpus, w);
	else
		r = said(i, unit, &cpus, &weight, w);
	if (!r && i->cpuset && *cpus) {
		r = effective(i, unit, &runs, &elsewhere, w);
		if (r == 0 && (cpuset_parse(cpus, &wants, NULL) || !same_set(&wants, &runs)))
			r = list_of(&runs, &cpus, w);
		r = r == -ENOENT ? 0 : r;
	}
	if (r)
		return r;
	*ret_cpus = MOVE(cpus);
	*ret_weight = weight;
	return 0;
}

/* The text of a drop-in, allocated. The empty assignment takes back what drop-ins before it say; lists add up otherwise. */
static char *dropin_of(const struct isolate *i, const char *unit, const char *cpus, unsigned int weight)
{
	const char *key = i->cpuset ? "AllowedCPUs" : "CPUAffinity";
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	if (!f)
		return NULL;
	(void)fprintf(f, "[%s]\n", is_service(unit) ? "Service" : ends_in(unit, ".slice") ? "Slice" : "Scope");
	if (is_service(unit) && *cpus)
		(void)fprintf(f, "Slice=%s.slice\n", i->product);
	if (*cpus)
		(void)fprintf(f, "%s=\n%s=%s\n", key, key, cpus);
	if (weight)
		(void)fprintf(f, "CPUWeight=%u\n", weight);
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}

static int drop_in(const struct isolate *i, const char *folder, const char *unit, bool *ret_changed, struct why *w)
{
	bool changed = false;
	int r = dropin_drop(i->t, dropin_path(folder, unit, DROPIN_TOO).s, &changed, w);

	r = r ? r : dropin_drop(i->t, dropin_path(folder, unit, DROPIN).s, &changed, w);
	if (changed)
		dropin_drop_folder(i->t, dropin_path(folder, unit, DROPIN).s);
	*ret_changed = *ret_changed || changed;
	return r;
}

int isolate_drop(const struct isolate *i, const char *unit, bool *ret_changed, struct why *w)
{
	int r = drop_in(i, IN_RUN, unit, ret_changed, w);

	return r ? r : drop_in(i, IN_ETC, unit, ret_changed, w);
}

static int put_dropin(const struct isolate *i, const char *unit, const char *cpus, unsigned int weight,
		      bool *ret_changed, struct why *w)
{
	const char *here = i->persist ? IN_ETC : IN_RUN, *there = i->persist ? IN_RUN : IN_ETC;
	AUTO_FREE char *text = NULL;
	int r;

	if (!*cpus && !weight)
		return isolate_drop(i, unit, ret_changed, w);
	text = dropin_of(i, unit, cpus, weight);
	if (!text)
		return fail(w, -ENOMEM, "out of memory");
	r = drop_in(i, there, unit, ret_changed, w);
	r = r ? r : dropin_put(i->t, dropin_path(here, unit, DROPIN).s, text, ret_changed, w);
	return r ? r : dropin_link(i->t, dropin_path(here, unit, DROPIN_TOO).s, DROPIN, ret_changed, w);
}

/* PID 1 on these CPUs; on all there are when the set is empty. */
static int pin_init(const struct isolate *i, const struct cpuset *cpus, bool *ret_changed, struct why *w)
{
	AUTO_CPUSET now = { 0 }, online = { 0 };
	const struct cpuset *wanted = cpuset_count(cpus) ? cpus : &online;
	int r;

	if (i->init == 0)
		return 0;
	r = isolate_affinity(i->init, &now, w);
	r = r ? r : tree_cpus(i->t, ONLINE, &online, w);
	if (r && r != -ENOENT)
		return r;
	if (cpuset_count(wanted) == 0 || same_set(&now, wanted))
		return 0;
	r = isolate_pin(i->init, wanted, w);
	if (!r)
		*ret_changed = true;
	return r;
}

int isolate_unit(const struct isolate *i, const char *unit, const char *cpus, unsigned int weight, bool *ret_changed,
		 struct why *w)
{
	AUTO_FREE char *list = NULL;
	AUTO_CPUSET s = { 0 };
	int r = cpuset_parse(cpus, &s, w);

	r = r ? r : list_of(&s, &list, w);
	if (r)
		return why_in(w, r, "%s", unit);
	if (!i->cpuset && !is_service(unit))
		return pin_init(i, &s, ret_changed, w);
	return put_dropin(i, unit, list, weight, ret_changed, w);
}

static int write_list(const struct tree *t, const char *path, const char *list, struct why *w)
{
	AUTO_FD fd = openat(t->fd, path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || write(fd, list, strlen(list)) != (ssize_t)strlen(list))
		return fail_errno(w, "%s/%s: '%s'", t->name, path, list);
	return close_checked(&fd, path, w);
}

int isolate_settle(const struct isolate *i, struct why *w)
{
	static const char *const reload[] = { "systemctl", "daemon-reload", NULL };

	return i->manager ? proc_must(reload, RELOAD_MS, w) : 0;
}

int isolate_release(const struct isolate *i, const char *unit, struct why *w)
{
	const struct tree_path path = tree_path("%s/cpuset.cpus", unit_group(i, unit).s);
	AUTO_CPUSET has = { 0 }, all = { 0 };
	AUTO_FREE char *list = NULL;
	int r = i->cpuset ? tree_cpus(i->t, path.s, &has, w) : -ENOENT;

	if (r || cpuset_count(&has) == 0)
		return r == -ENOENT ? 0 : r;
	r = tree_cpus(i->t, CGROUP "/cpuset.cpus.effective", &all, w);
	if (r)
		return r == -ENOENT ? 0 : r;
	if (same_set(&has, &all))
		return 0;
	r = list_of(&all, &list, w);
	return r ? r : write_list(i->t, path.s, list, w);
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

	if (!i->cpuset || !*cpus)
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
