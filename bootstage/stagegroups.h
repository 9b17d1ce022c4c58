/*
 * stagegroups - the cgroups of stages: one leaf each, with the limits of its class, below a group that is ours.
 * Layer:  bootstage; act.
 * Source: docs/stages.md, Cgroups.
 *
 * Ours is the runner's own group when that was delegated to it (a unit with Delegate=yes); before the service manager
 * runs it is /sys/fs/cgroup/tandem. Elsewhere (version 1, not root) there are none, and stages are process groups.
 */
#ifndef BOOTSTAGE_STAGEGROUPS_H
#define BOOTSTAGE_STAGEGROUPS_H

#include "bootstage/stagefile.h"
#include "tuning/cgroup.h"

struct stagegroups {
	bool have;
	struct cgroup at; /* leaves are made below it */
	bool made;        /* by us, and removed at the end */
	char note[200];   /* !have: why there are none; else what limits cannot be had, or "" */
	struct classes classes;
	uint64_t ram_bytes;
};

/**
 * Find or make the group. What cannot be had is in .note; that is never a failure.
 * @mount  mount version 2 where it is not
 */
void stagegroups_open(bool mount, struct stagegroups *ret);
void stagegroups_close(struct stagegroups *g);

/** A leaf of that name, with the limits of a class. @ret_said what of them is not so; "" all is */
MUST_USE int stagegroups_leaf(const struct stagegroups *g, const char *name, enum class_id class, struct cgroup *ret,
			      char *ret_said, size_t room, struct why *w);

#endif
