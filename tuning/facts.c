#include "tuning/facts.h"

#include <stdarg.h>

#include "tuning/facts_parts.h"

const char *fact_name(enum fact which)
{
	static const char *const names[FACT_COUNT] = {
		[FACT_CGROUP] = "cgroup", [FACT_TOPOLOGY] = "topology",
		[FACT_NUMA] = "numa",     [FACT_MEMORY] = "memory",
		[FACT_SWAP] = "swap",     [FACT_DISKS] = "disks",
		[FACT_NICS] = "nics",     [FACT_FREE_SPACE] = "free-space",
	};

	return names[which];
}

void facts_degrade(struct facts *f, enum fact which, const char *fmt, ...)
{
	va_list ap;

	if (f->degraded[which][0])
		return;
	va_start(ap, fmt);
	(void)vsnprintf(f->degraded[which], sizeof(f->degraded[which]), fmt, ap);
	va_end(ap);
}

void facts_free(struct facts *f)
{
	struct cpuset *sets[] = { &f->online, &f->offline, &f->allowed, &f->affinity, &f->usable };

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		cpuset_free(sets[i]);
	for (size_t i = 0; i < f->n_swaps; i++)
		free(f->swaps[i].name);
	for (size_t i = 0; i < f->n_disks; i++)
		free(f->disks[i].name);
	for (size_t i = 0; i < f->n_filesystems; i++) {
		free(f->filesystems[i].point);
		free(f->filesystems[i].type);
		free(f->filesystems[i].device);
		free(f->filesystems[i].disk);
	}
	for (size_t i = 0; i < f->n_nics; i++)
		free(f->nics[i].name);
	free(f->cpus);
	free(f->swaps);
	free(f->disks);
	free(f->filesystems);
	free(f->nics);
	*f = (struct facts){ 0 };
}

/* What own group and affinity say is not asked then: the tree counts as captured. */
static int read_unconfined(struct tree *t, const struct cpuset *excluded, struct facts *f, struct why *w)
{
	AUTO_CPUSET allowed = { 0 };

	if (cpuset_copy(&f->online, &allowed))
		return fail(w, -ENOMEM, "out of memory");
	cpuset_minus(&allowed, excluded);
	cpuset_free(&f->allowed);
	f->allowed = allowed;
	allowed = (struct cpuset){ 0 };
	t->live = false;
	return 0;
}

static int read_all(const char *root, const struct cpuset *excluded, struct facts *ret, struct why *w)
{
	static int (*const parts[])(const struct tree *, struct facts *, struct why *) = {
		facts_read_memory,
		facts_read_disks,
		facts_read_filesystems,
		facts_read_nics,
	};
	AUTO_FACTS f = { 0 };
	struct tree t, as_seen;
	int r = tree_open(root, &t, w);

	if (r)
		return r;
	as_seen = t;
	f.live = t.live;
	r = facts_read_online(&t, &f, w);
	r = r ? r : facts_read_cgroup(&t, &f, w);
	r = r || !excluded ? r : read_unconfined(&as_seen, excluded, &f, w);
	r = r ? r : facts_read_cpus(&as_seen, &f, w);
	for (size_t i = 0; !r && i < ARRAY_SIZE(parts); i++)
		r = parts[i](&t, &f, w);
	tree_close(&t);
	if (r)
		return r;
	*ret = f;
	f = (struct facts){ 0 };
	return 0;
}

int facts_read(const char *root, struct facts *ret, struct why *w)
{
	return read_all(root, NULL, ret, w);
}

int facts_read_unconfined(const char *root, const struct cpuset *excluded, struct facts *ret, struct why *w)
{
	return read_all(root, excluded, ret, w);
}
