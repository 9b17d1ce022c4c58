/*
 * cpuplan - which CPUs the product's parts run on.
 * Layer:  tuning; may include base/ only. Decide: no I/O.
 * Source: docs/formats/tuning.conf.md, "CPUs": the rules, and what holds on machines with threads, nodes, two kinds of core.
 *
 * The usable CPUs are put in order and cut into consecutive parts: DPI, core, training. Everything else on the machine
 * (system.slice and the like) runs where core does.
 */
#ifndef TUNING_CPUPLAN_H
#define TUNING_CPUPLAN_H

#include "tuning/facts.h"
#include "tuning/tuneconf.h"

struct cpuplan {
	bool pinned;          /* false: there is nothing to divide, and every set is all that is usable */
	bool training_shares; /* training has core's CPUs, and low weight */
	bool core_split;      /* two parts have threads of one core: there is but one, or numbering is linear */
	bool spills;          /* dpi reaches beyond the node that it starts on */
	int dpi_node;         /* node that it starts on because of the network card; -1: any */
	struct cpuset dpi;    /* empty when the product has none */
	struct cpuset core;   /* and everything else */
	struct cpuset training;
	char reason[160];       /* of the whole */
	char dpi_formula[160];  /* of the sets */
	char core_formula[160]; /* and of everything else */
	char training_formula[160];
};

/** Returns 0 or -ENOMEM; ret must be freed with cpuplan_free(), and is untouched on failure. */
MUST_USE int cpuplan_make(const struct facts *f, const struct tuneconf *c, struct cpuplan *ret, struct why *w);
void cpuplan_free(struct cpuplan *p);
#define AUTO_CPUPLAN CLEANUP(cpuplan_free) struct cpuplan

#endif
