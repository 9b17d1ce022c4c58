/* Which CPUs there are, which may be used, and how they hang together. */
#include <sched.h>
#include <string.h>

#include "tuning/facts_parts.h"

/* A CPU with less of the fastest one's capacity than this is CPU_EFFICIENCY. A choice: what is built as "big" and as
 * "prime" core differs by less, what is built as "little" by more. */
#define EFFICIENCY_BELOW (1024u * 3 / 4)

int facts_read_online(const struct tree *t, struct facts *f, struct why *w)
{
	static const char path[] = "sys/devices/system/cpu/online";
	int r = tree_cpus(t, path, &f->online, w);

	if (r == -ENOENT)
		return why_next(w, fail(w, -ENODATA, "%s/%s: not there", t->name, path), "mount sysfs on %s/sys",
				t->name);
	if (r)
		return r;
	if (cpuset_count(&f->online) == 0)
		return tree_bad(t, path, w, "no CPU is online");
	r = tree_cpus(t, "sys/devices/system/cpu/present", &f->offline, w);
	if (r && r != -ENOENT)
		return r;
	cpuset_minus(&f->offline, &f->online);
	return 0;
}

static int read_affinity(const struct tree *t, struct facts *f, struct why *w)
{
	int r = -EINVAL;

	if (!t->live)
		return cpuset_copy(&f->online, &f->affinity) ? fail(w, -ENOMEM, "out of memory") : 0;
	/* The kernel refuses a mask with less bits than it has itself, and does not say how many those are. */
	for (unsigned int n = 1024; r == -EINVAL && n <= CPUSET_CPUS_MAX; n *= 2) {
		size_t size = CPU_ALLOC_SIZE(n);
		cpu_set_t *mask = CPU_ALLOC(n);

		r = !mask ? -ENOMEM : sched_getaffinity(0, size, mask) ? -errno : 0;
		for (unsigned int cpu = 0; !r && cpu < n; cpu++)
			if (CPU_ISSET_S(cpu, size, mask))
				r = cpuset_add(&f->affinity, cpu);
		CPU_FREE(mask);
	}
	return r ? fail(w, r, "CPU affinity of this process: %s", strerror(-r)) : 0;
}

static int combine(const struct tree *t, struct facts *f, struct why *w)
{
	AUTO_FREE char *online = NULL, *allowed = NULL, *affinity = NULL;

	if (cpuset_copy(&f->online, &f->usable))
		return fail(w, -ENOMEM, "out of memory");
	cpuset_and(&f->usable, &f->allowed);
	cpuset_and(&f->usable, &f->affinity);
	if (cpuset_count(&f->usable))
		return 0;
	online = cpuset_format(&f->online);
	allowed = cpuset_format(&f->allowed);
	affinity = cpuset_format(&f->affinity);
	if (!online || !allowed || !affinity)
		return fail(w, -ENOMEM, "out of memory");
	return fail(w, -EBADMSG,
		    "%s/sys: no usable CPU: online %s; of them the control group allows '%s', affinity '%s'", t->name,
		    online, allowed, affinity);
}

/* Core and thread of one CPU from its siblings: numbers in core_id repeat from die to die, the lowest sibling does not. */
static int read_core(const struct tree *t, struct facts *f, struct cpu_fact *c, struct why *w)
{
	const struct tree_path path = tree_path("sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", c->cpu);
	AUTO_CPUSET siblings = { 0 };
	int r = tree_cpus(t, path.s, &siblings, w);

	if (r == -ENOENT) {
		facts_degrade(f, FACT_TOPOLOGY, "%s/%s: not there; each CPU is taken for a core", t->name, path.s);
		return 0;
	}
	if (r)
		return r;
	if (!cpuset_has(&siblings, c->cpu))
		return tree_bad(t, path.s, w, "CPU %u is not among its own siblings", c->cpu);
	cpuset_and(&siblings, &f->online);
	c->core = cpuset_next(&siblings, 0);
	c->thread = 0;
	for (CPUSET_EACH(cpu, &siblings))
		c->thread += cpu < c->cpu;
	return 0;
}

static int read_package(const struct tree *t, struct facts *f, struct cpu_fact *c, struct why *w)
{
	const struct tree_path path = tree_path("sys/devices/system/cpu/cpu%u/topology/physical_package_id", c->cpu);
	int64_t package = 0;
	int r = tree_number(t, path.s, -1, INT32_MAX, &package, w);

	if (r == -ENOENT)
		facts_degrade(f, FACT_TOPOLOGY, "%s/%s: not there; one package is assumed", t->name, path.s);
	else if (r)
		return r;
	c->package = package > 0 ? (unsigned int)package : 0; /* -1: the firmware does not say */
	return 0;
}

static int read_capacity(const struct tree *t, struct cpu_fact *c, struct why *w)
{
	const struct tree_path path = tree_path("sys/devices/system/cpu/cpu%u/cpu_capacity", c->cpu);
	int64_t capacity = 1024;
	int r = tree_number(t, path.s, 0, 1024, &capacity, w);

	if (r && r != -ENOENT)
		return r;
	c->capacity = (unsigned int)capacity;
	return 0;
}

static int read_each(const struct tree *t, struct facts *f, struct why *w)
{
	f->cpus = calloc(cpuset_count(&f->usable), sizeof(*f->cpus));
	if (!f->cpus)
		return fail(w, -ENOMEM, "out of memory");
	for (CPUSET_EACH(cpu, &f->usable)) {
		struct cpu_fact *c = &f->cpus[f->n_cpus++];
		int r;

		*c = (struct cpu_fact){ .cpu = cpu, .core = cpu };
		r = read_package(t, f, c, w);
		r = r ? r : read_core(t, f, c, w);
		r = r ? r : read_capacity(t, c, w);
		if (r)
			return r;
	}
	return 0;
}

static void set_node(struct facts *f, const struct cpuset *cpus, unsigned int node)
{
	for (size_t i = 0; i < f->n_cpus; i++)
		if (cpuset_has(cpus, f->cpus[i].cpu))
			f->cpus[i].node = node;
}

/* Without nodes, all CPUs stay in node 0. */
static int read_nodes(const struct tree *t, struct facts *f, struct why *w)
{
	static const char path[] = "sys/devices/system/node/online";
	AUTO_CPUSET nodes = { 0 }, rest = { 0 }; /* nodes are listed as CPUs are */
	int r = tree_cpus(t, path, &nodes, w);

	if (r == -ENOENT) {
		facts_degrade(f, FACT_NUMA, "%s/%s: not there; one node is assumed", t->name, path);
		return 0;
	}
	if (r)
		return r;
	if (cpuset_copy(&f->usable, &rest))
		return fail(w, -ENOMEM, "out of memory");
	for (CPUSET_EACH(node, &nodes)) {
		AUTO_CPUSET cpus = { 0 };

		r = tree_cpus(t, tree_path("sys/devices/system/node/node%u/cpulist", node).s, &cpus, w);
		if (r == -ENOENT)
			return tree_bad(t, path, w, "node %u is online, but node%u/cpulist is not there", node, node);
		if (r)
			return r;
		set_node(f, &cpus, node);
		cpuset_minus(&rest, &cpus);
	}
	if (cpuset_count(&rest))
		facts_degrade(f, FACT_NUMA, "CPU %u is in no node; node 0 is assumed", cpuset_next(&rest, 0));
	return 0;
}

/*
 * Kinds: x86 names them by a performance-monitoring unit each; elsewhere, and on x86 since Linux 6.12, capacities tell.
 */
static int read_kinds(const struct tree *t, struct facts *f, struct why *w)
{
	static const char *const slow_units[] = { "sys/devices/cpu_atom/cpus", "sys/devices/cpu_lowpower/cpus" };
	size_t n_slow = 0;

	for (size_t i = 0; i < f->n_cpus; i++)
		if (f->cpus[i].capacity < EFFICIENCY_BELOW)
			f->cpus[i].kind = CPU_EFFICIENCY;
	for (size_t u = 0; u < ARRAY_SIZE(slow_units); u++) {
		AUTO_CPUSET cpus = { 0 };
		int r = tree_cpus(t, slow_units[u], &cpus, w);

		if (r && r != -ENOENT)
			return r;
		for (size_t i = 0; i < f->n_cpus; i++)
			if (cpuset_has(&cpus, f->cpus[i].cpu))
				f->cpus[i].kind = CPU_EFFICIENCY;
	}
	for (size_t i = 0; i < f->n_cpus; i++)
		n_slow += f->cpus[i].kind == CPU_EFFICIENCY;
	f->hybrid = n_slow > 0 && n_slow < f->n_cpus;
	for (size_t i = 0; !f->hybrid && i < f->n_cpus; i++)
		f->cpus[i].kind = CPU_PERFORMANCE; /* kinds are told apart only where there are two */
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct cpu_fact *x = a, *y = b;
	const unsigned int left[] = { x->package, x->node, x->core, x->thread, x->cpu };
	const unsigned int right[] = { y->package, y->node, y->core, y->thread, y->cpu };

	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

/* Sort, and count what differs from one CPU to the next. */
static int order(struct facts *f, struct why *w)
{
	AUTO_CPUSET nodes = { 0 };

	qsort(f->cpus, f->n_cpus, sizeof(*f->cpus), by_place);
	for (size_t i = 0; i < f->n_cpus; i++) {
		const struct cpu_fact *c = &f->cpus[i], *before = i ? c - 1 : NULL;

		f->n_packages += !before || before->package != c->package;
		f->n_cores += !before || before->core != c->core;
		f->smt = f->smt || (before && before->core == c->core);
		if (cpuset_add(&nodes, c->node))
			return fail(w, -ENOMEM, "out of memory");
	}
	f->n_nodes = cpuset_count(&nodes); /* a node may span packages, and a package nodes */
	return 0;
}

int facts_read_cpus(const struct tree *t, struct facts *f, struct why *w)
{
	int r = read_affinity(t, f, w);

	r = r ? r : combine(t, f, w);
	r = r ? r : read_each(t, f, w);
	r = r ? r : read_nodes(t, f, w);
	r = r ? r : read_kinds(t, f, w);
	return r ? r : order(f, w);
}
