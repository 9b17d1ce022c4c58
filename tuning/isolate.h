/*
 * isolate - which CPUs a unit of systemd runs on: drop-ins, what of them the kernel does, and the way without cpusets.
 * Layer:  tuning; may include base/ only. Act.
 * Source: systemd.resource-control(5), AllowedCPUs=; REQUIREMENTS T4 (two file names), C10 (no cpuset: affinity).
 *
 * The product's services move to the product's slice, since a child of a shrunk system.slice can never get a CPU that is
 * not in there. Slices and init.scope stay where they are. Without the cpuset controller of version 2 services get
 * CPUAffinity=, which systemd sets by sched_setaffinity(2); slices and init.scope have no such thing, and PID 1 itself,
 * from which everything else inherits, is set in their stead.
 */
#ifndef TUNING_ISOLATE_H
#define TUNING_ISOLATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "tuning/tree.h"

struct isolate {
	const struct tree *t;
	const char *product;
	bool persist;  /* drop-ins in /etc/systemd/system instead of /run/systemd/system */
	bool cpuset;   /* the kernel has the controller in version 2 */
	char why[160]; /* unless cpuset */
	bool manager;  /* systemd runs, and is told of changes */
	pid_t init;    /* PID 1, to be set without cpusets; 0: leave it */
};

/** Look at the machine. `t` and `product` are borrowed. */
void isolate_init(struct isolate *i, const struct tree *t, const char *product, bool persist);

/**
 * The CPUs that a unit (UNIT.service, .slice or .scope) has: what its drop-in says, unless the kernel has something else
 * for the running unit; then that. "" without a drop-in of ours. Freed by the caller.
 * @ret_weight  CPUWeight= of the drop-in; 0: none
 * Returns 0; -EBADMSG; -errno.
 */
MUST_USE int isolate_now(const struct isolate *i, const char *unit, char **ret_cpus, unsigned int *ret_weight,
			 struct why *w);

/**
 * Write the drop-in, under both names, or set PID 1; *ret_changed becomes true when it was not so.
 * @cpus    ""  wherever it likes
 * @weight  0   the usual; with both of them so there is no drop-in
 * Returns 0; -EBADMSG for a list that is none; -EEXIST when somebody else's drop-in is in its place; -errno.
 */
MUST_USE int isolate_unit(const struct isolate *i, const char *unit, const char *cpus, unsigned int weight,
			  bool *ret_changed, struct why *w);

/** After changes: have systemd, if it runs, read the drop-ins and set what runs. */
MUST_USE int isolate_settle(const struct isolate *i, struct why *w);

/**
 * Read back what a unit that runs has now. Waits up to two seconds for systemd.
 * Returns 0, also when it does not run; -EAGAIN it runs since before the drop-in, in another slice, and has to be
 * restarted; -EIO the kernel has other CPUs for it (one of them is offline, or not allowed here).
 */
MUST_USE int isolate_verify(const struct isolate *i, const char *unit, const char *cpus, struct why *w);

/**
 * After the drop-in has gone and systemd was told: let what runs have all CPUs. systemd (252) forgets the set, but leaves
 * it in the kernel; and a group with processes cannot be given an empty one.
 */
MUST_USE int isolate_release(const struct isolate *i, const char *unit, struct why *w);

/** Remove the drop-in, wherever it is. */
MUST_USE int isolate_drop(const struct isolate *i, const char *unit, bool *ret_changed, struct why *w);

/** CPUs of a process, and setting them; sched_setaffinity(2). */
MUST_USE int isolate_affinity(pid_t pid, struct cpuset *ret, struct why *w);
MUST_USE int isolate_pin(pid_t pid, const struct cpuset *cpus, struct why *w);

/** Whether two lists are of the same CPUs; false for what is no list. */
bool isolate_same(const char *a, const char *b);

#endif
