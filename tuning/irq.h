/*
 * irq - which CPUs answer interrupts: the default for new ones, and every one that may be moved.
 * Layer:  tuning; may include base/ only. Act.
 * Source: Linux Documentation/core-api/irq/irq-affinity.rst. The kernel refuses to move some (managed queues of NVMe and
 *         multiqueue network cards, timers, per-CPU ones): that is no error.
 */
#ifndef TUNING_IRQ_H
#define TUNING_IRQ_H

#include "tuning/tree.h"

#define IRQS_MAX 65536u

/** The default set. Returns 0; -ENOENT, without a reason, where the kernel has none (one processor); -EBADMSG; -errno. */
MUST_USE int irq_default(const struct tree *t, struct cpuset *ret, struct why *w);
MUST_USE int irq_set_default(const struct tree *t, const struct cpuset *cpus, struct why *w);

/** The set of one interrupt. Returns as irq_default(). */
MUST_USE int irq_cpus(const struct tree *t, const char *irq, struct cpuset *ret, struct why *w);
/** Move one. Returns 0; -EPERM the kernel refuses, without a reason; -errno. */
MUST_USE int irq_move(const struct tree *t, const char *irq, const struct cpuset *cpus, struct why *w);

/** The numbers of all interrupts, as names. Returns 0, also where there are none. */
MUST_USE int irq_list(const struct tree *t, struct tree_names *ret, struct why *w);

#endif
