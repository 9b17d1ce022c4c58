#include "tuning/cpuplan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The usable CPUs in the order in which they are handed out, and where the parts begin. */
struct order {
	struct cpu_fact *cpu; /* owned */
	size_t n;
	size_t n_halved;      /* of these DPI gets half: all, or those of the performance kind */
	size_t dpi_end;       /* DPI has [0, dpi_end) */
	size_t training_from; /* training has [training_from, n); n: none of its own */
};

static void PRINTF(2, 3) say(char out[160], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(out, 160, fmt, ap);
	va_end(ap);
}

void cpuplan_free(struct cpuplan *p)
{
	cpuset_free(&p->dpi);
	cpuset_free(&p->core);
	cpuset_free(&p->training);
}

static bool node_usable(const struct facts *f, int node)
{
	for (size_t i = 0; i < f->n_cpus; i++)
		if ((int)f->cpus[i].node == node)
			return true;
	return false;
}

/* How many cards hang on a node. */
static size_t cards_on(const struct facts *f, int node)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_nics; i++)
		n += f->nics[i].node == node;
	return n;
}

/* The node of the named card, or the one with most cards, the lowest of several; -1: any. */
static int card_node(const struct facts *f, const struct tuneconf *c)
{
	int best = -1;

	for (size_t i = 0; i < f->n_nics; i++) {
		int node = f->nics[i].node;

		if (node < 0 || !node_usable(f, node))
			continue;
		if (c->nic[0]) {
			if (strcmp(c->nic, f->nics[i].name) == 0)
				return node;
			continue;
		}
		if (best < 0 || cards_on(f, node) > cards_on(f, best) ||
		    (cards_on(f, node) == cards_on(f, best) && node < best))
			best = node;
	}
	return best;
}

/* What decides the order, the most important first. */
struct rank {
	unsigned int key[7];
};

static unsigned int package_of(const struct facts *f, int node)
{
	for (size_t i = 0; i < f->n_cpus; i++)
		if ((int)f->cpus[i].node == node)
			return f->cpus[i].package;
	return 0;
}

static struct rank rank_of(const struct cpu_fact *c, int node, unsigned int package)
{
	return (struct rank){ {
		c->kind == CPU_EFFICIENCY,
		node >= 0 && c->package != package,
		node >= 0 && (int)c->node != node,
		c->package,
		c->node,
		c->core,
		c->thread,
	} };
}

struct ranked {
	struct rank rank;
	struct cpu_fact cpu;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	for (size_t i = 0; i < ARRAY_SIZE(x->rank.key); i++)
		if (x->rank.key[i] != y->rank.key[i])
			return x->rank.key[i] < y->rank.key[i] ? -1 : 1;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct cpu_fact *x = a, *y = b;

	return x->cpu < y->cpu ? -1 : x->cpu > y->cpu;
}

static int sort_by_topology(struct order *o, const struct facts *f, int node)
{
	AUTO_FREE struct ranked *all = calloc(o->n, sizeof(*all));
	unsigned int package = package_of(f, node);

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < o->n; i++)
		all[i] = (struct ranked){ rank_of(&f->cpus[i], node, package), f->cpus[i] };
	qsort(all, o->n, sizeof(*all), by_rank);
	for (size_t i = 0; i < o->n; i++)
		o->cpu[i] = all[i].cpu;
	return 0;
}

static int order_make(const struct facts *f, const struct tuneconf *c, int node, struct order *ret)
{
	*ret = (struct order){ .cpu = calloc(f->n_cpus, sizeof(*ret->cpu)), .n = f->n_cpus };
	if (!ret->cpu)
		return -ENOMEM;
	if (c->cpu_numbering == NUMBERING_TOPOLOGY)
		return sort_by_topology(ret, f, node);
	memcpy(ret->cpu, f->cpus, f->n_cpus * sizeof(*ret->cpu));
	qsort(ret->cpu, ret->n, sizeof(*ret->cpu), by_number);
	return 0;
}

/* Whether a cut before `at` leaves the threads of every core together. */
static bool is_edge(const struct order *o, size_t at)
{
	return at == 0 || at == o->n || o->cpu[at - 1].core != o->cpu[at].core;
}

/* --- cutting --- */

static size_t edge_at_most(const struct order *o, size_t at)
{
	while (!is_edge(o, at))
		at--;
	return at;
}

static size_t edge_at_least(const struct order *o, size_t at)
{
	while (!is_edge(o, at))
		at++;
	return at;
}

/* The edge nearest to half of `n`, the lower one of two; never nothing, never all: then in the middle of a core. */
static size_t middle(const struct order *o, size_t n)
{
	size_t down = edge_at_most(o, n / 2), up = edge_at_least(o, n / 2 + n % 2);

	if (down > 0 && (up >= n || n - 2 * down <= 2 * up - n))
		return down;
	return up < n ? up : n / 2;
}

/* Of so many CPUs that are halved: the performance kind, when there are two cores of it; all otherwise. */
static size_t count_halved(const struct order *o, const struct facts *f, const struct tuneconf *c)
{
	size_t n = 0;

	if (c->cpu_numbering == NUMBERING_LINEAR || !f->hybrid)
		return o->n;
	while (n < o->n && o->cpu[n].kind == CPU_PERFORMANCE)
		n++;
	return n > 1 && o->cpu[0].core != o->cpu[n - 1].core ? n : o->n;
}

static void cut_by_topology(struct order *o, const struct tuneconf *c, bool own_training, bool reserve)
{
	size_t dpi = 0, training = o->n;

	if (c->dpi && reserve && c->dpi_cpus < o->n)
		dpi = edge_at_least(o, c->dpi_cpus);
	if (c->dpi && (dpi == 0 || dpi == o->n))
		dpi = middle(o, o->n_halved);
	if (own_training && c->training_cpus <= o->n)
		training = edge_at_most(o, o->n - c->training_cpus);
	o->dpi_end = dpi;
	o->training_from = training > dpi ? training : o->n;
}

static void cut_by_number(struct order *o, const struct tuneconf *c, bool own_training, bool reserve)
{
	size_t dpi = !c->dpi ? 0 : reserve ? c->dpi_cpus : o->n / 2;
	size_t training = own_training && c->training_cpus <= o->n ? o->n - c->training_cpus : o->n;

	o->dpi_end = dpi < o->n ? dpi : o->n / 2;
	o->training_from = training > o->dpi_end ? training : o->n;
}

static void cut(struct order *o, const struct facts *f, const struct tuneconf *c)
{
	bool enough = o->n >= c->training_from, own_training = enough && c->training_cpus > 0;
	bool reserve = enough && c->cpu_policy == CPU_RESERVE;

	o->n_halved = count_halved(o, f, c);
	if (c->cpu_numbering == NUMBERING_LINEAR)
		cut_by_number(o, c, own_training, reserve);
	else
		cut_by_topology(o, c, own_training, reserve);
}

/* --- the sets --- */

static int fill(struct cpuset *s, const struct order *o, size_t from, size_t to)
{
	int r = 0;

	for (size_t i = from; !r && i < to; i++)
		r = cpuset_add(s, o->cpu[i].cpu);
	return r;
}

/* Whether a core has threads on both sides of a cut. */
static int splits_core(const struct order *o, size_t at, bool *ret)
{
	AUTO_CPUSET before = { 0 };
	int r = 0;

	for (size_t i = 0; !r && i < at; i++)
		r = cpuset_add(&before, o->cpu[i].core);
	for (size_t i = at; !r && !*ret && i < o->n; i++)
		*ret = cpuset_has(&before, o->cpu[i].core);
	return r;
}

static bool spills(const struct order *o, int node)
{
	for (size_t i = 0; i < o->dpi_end; i++)
		if ((int)o->cpu[i].node != node)
			return node >= 0;
	return false;
}

static void explain(const struct order *o, const struct facts *f, const struct tuneconf *c, struct cpuplan *p)
{
	const char *order = c->cpu_numbering == NUMBERING_LINEAR ? "by number" : "by package, node and core";
	const char *whole = f->smt && c->cpu_numbering == NUMBERING_TOPOLOGY ? ", whole cores" : "";
	bool reserve = o->n >= c->training_from && c->cpu_policy == CPU_RESERVE;

	if (p->pinned)
		say(p->reason, "policy %s, %zu usable CPUs %s%s", cpu_policy_name(c->cpu_policy), o->n, order,
		    p->core_split ? "; threads of one core are on both sides of a cut" : "");
	else
		say(p->reason, "%zu usable CPU%s and %s: nothing to divide", o->n, o->n == 1 ? "" : "s",
		    c->dpi ? "several parts" : "no part but core");
	if (o->dpi_end && reserve)
		say(p->dpi_formula, "the first %u of %zu%s = %zu", c->dpi_cpus, o->n, whole, o->dpi_end);
	else if (o->dpi_end)
		say(p->dpi_formula, "half of %zu%s%s = %zu", o->n_halved,
		    o->n_halved < o->n ? " of the performance kind" : "", whole, o->dpi_end);
	if (!p->training_shares)
		say(p->training_formula, "the last %u of %zu%s = %zu", c->training_cpus, o->n, whole,
		    o->n - o->training_from);
	else if (o->n < c->training_from)
		say(p->training_formula, "as core: %zu CPU%s, its own from %u on", o->n, o->n == 1 ? "" : "s",
		    c->training_from);
	else
		say(p->training_formula, "as core: none can be spared of %zu", o->n);
	say(p->core_formula, "the rest = %zu", o->training_from - o->dpi_end);
}

static int divide(const struct order *o, struct cpuplan *p)
{
	int r = fill(&p->dpi, o, 0, o->dpi_end);

	p->pinned = o->dpi_end > 0 || o->training_from < o->n;
	p->training_shares = o->training_from == o->n;
	r = r ? r : fill(&p->core, o, o->dpi_end, o->training_from);
	r = r ? r : fill(&p->training, o, p->training_shares ? o->dpi_end : o->training_from, o->n);
	r = r ? r : splits_core(o, o->dpi_end, &p->core_split);
	return r ? r : splits_core(o, o->training_from, &p->core_split);
}

int cpuplan_make(const struct facts *f, const struct tuneconf *c, struct cpuplan *ret, struct why *w)
{
	AUTO_CPUPLAN p = { .dpi_node = c->cpu_numbering == NUMBERING_TOPOLOGY && c->dpi ? card_node(f, c) : -1 };
	struct order o;
	int r = order_make(f, c, p.dpi_node, &o);

	if (!r) {
		cut(&o, f, c);
		r = divide(&o, &p);
	}
	if (!r) {
		p.spills = spills(&o, p.dpi_node);
		if (!o.dpi_end && c->dpi) /* one CPU: everything runs on it */
			r = fill(&p.dpi, &o, 0, o.n);
		explain(&o, f, c, &p);
	}
	free(o.cpu);
	if (r)
		return fail(w, r, "out of memory");
	*ret = p;
	p = (struct cpuplan){ 0 };
	return 0;
}
