/* Network cards and the NUMA nodes that they hang on. */
#include <string.h>

#include "tuning/facts_parts.h"

#define NICS_MAX 65536u /* interfaces, most of them without hardware on a host of containers */
#define NODE_MAX 65535

/* Only PCI functions have a node; a virtio card's is that of the function above it. Neither, or -1: any. */
static int read_node(const struct tree *t, const char *nic, int *ret, struct why *w)
{
	static const char *const places[] = { "numa_node", "../numa_node" };

	*ret = -1;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int64_t node = -1;
		int r = tree_number(t, tree_path("sys/class/net/%s/device/%s", nic, places[i]).s, -1, NODE_MAX, &node,
				    w);

		if (r == -ENOENT)
			continue;
		*ret = (int)node;
		return r;
	}
	return 0;
}

static int add_nic(struct facts *f, const char *name, int node, struct why *w)
{
	struct nic_fact *all = reallocarray(f->nics, f->n_nics + 1, sizeof(*all));

	if (!all)
		return fail(w, -ENOMEM, "out of memory");
	f->nics = all;
	all[f->n_nics] = (struct nic_fact){ .name = strdup(name), .node = node };
	if (!all[f->n_nics].name)
		return fail(w, -ENOMEM, "out of memory");
	f->n_nics++;
	return 0;
}

int facts_read_nics(const struct tree *t, struct facts *f, struct why *w)
{
	static const char path[] = "sys/class/net";
	AUTO_NAMES names = { 0 };
	int r = tree_list(t, path, NICS_MAX, &names, w);

	if (r == -ENOENT) {
		facts_degrade(f, FACT_NICS, "%s/%s: not there; no network card is known", t->name, path);
		return 0;
	}
	for (size_t i = 0; !r && i < names.n; i++) {
		int node;

		if (!tree_has(t, tree_path("sys/class/net/%s/device", names.at[i]).s))
			continue;
		r = read_node(t, names.at[i], &node, w);
		r = r ? r : add_nic(f, names.at[i], node, w);
	}
	return r;
}
