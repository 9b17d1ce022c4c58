/*
 * cgroup - control groups of version 2: the own one, groups below it, the limits of a class, and the end of a group.
 * Layer:  tuning; may include base/ only. Act.
 * Trust:  the kernel's files; another user's processes may be in a group, and make groups of their own below it.
 * Source: Linux Documentation/admin-guide/cgroup-v2.rst.
 *
 * All is done below the folder of a group, so that tests work on folders that look like groups. Names in reasons are those
 * of the tree that the group was found in.
 */
#ifndef TUNING_CGROUP_H
#define TUNING_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tuning/classes.h"
#include "tuning/tree.h"

struct cgroup {
	int fd;                /* of its folder */
	struct tree_path path; /* for people: "/sys/fs/cgroup/tandem" */
};

/* Where the version 2 hierarchy is, and the own group in it; relative to the tree. */
struct cgroup_place {
	struct tree_path mount; /* "sys/fs/cgroup" */
	struct tree_path own;   /* the own group's folder; `mount` when that one cannot be seen from here */
	struct tree_path named; /* as /proc/self/cgroup has it */
	bool outside;           /* it cannot be seen: it is not below what is mounted */
};

/** Returns 0; -ENODATA, without a reason, when there is no version 2 hierarchy; -EBADMSG for text that cannot be. */
MUST_USE int cgroup_find(const struct tree *t, struct cgroup_place *ret, struct why *w);

/**
 * Mount version 2 on /sys/fs/cgroup unless it is mounted somewhere, as systemd would: for a machine that has not started
 * it yet. -EBUSY: version 1 is there.
 */
MUST_USE int cgroup_mount(const struct tree *t, struct why *w);

/** A group by its path in the tree, as in struct cgroup_place. The caller ends all with cgroup_close(). */
MUST_USE int cgroup_open(const struct tree *t, const char *path, struct cgroup *ret, struct why *w);
/** A new group below another; what an earlier one of this name has left is ended first, and -EBUSY when that lives on. */
MUST_USE int cgroup_make(const struct cgroup *above, const char *name, struct cgroup *ret, struct why *w);
void cgroup_close(struct cgroup *g);

/** A control file's text without its last newline, freed by the caller. -ENOENT, without a reason: there is no such file. */
MUST_USE int cgroup_read(const struct cgroup *g, const char *file, char **ret, struct why *w);
/** Write a control file, in one call. -ENOENT as above. */
MUST_USE int cgroup_write(const struct cgroup *g, const char *file, const char *value, struct why *w);

/**
 * Have the controllers cpu, memory and pids work in the groups below this one, which must have no processes of its own.
 * Each is tried. Returns 0; -ENODATA, -EBUSY, ... when some do not, and the reason names them all.
 */
MUST_USE int cgroup_enable(const struct cgroup *g, struct why *w);

/** Move a process, 0 for the calling one, into the group. */
MUST_USE int cgroup_move(const struct cgroup *g, pid_t pid, struct why *w);

/**
 * As fork(2), with the child born in the group: returns 0 in both, *ret_pid is 0 in the child. For a single thread; until
 * it executes a program the child does no more than after vfork(). Where the kernel cannot do it in one (before 5.7), the
 * child is moved before it goes on.
 * @g          NULL: the own group
 * @ret_pidfd  not in the child
 */
MUST_USE int cgroup_fork(const struct cgroup *g, pid_t *ret_pid, int *ret_pidfd, struct why *w);

/* What has become of a class's limits. */
struct cgroup_limited {
	uint64_t memory_limit_bytes;     /* CLASS_UNLIMITED: none */
	uint64_t memory_guarantee_bytes; /* as written */
	char degraded[300];              /* what is not as the class says, in words; "" all is */
	char unheld[160]; /* why the guarantee is worth less than written: the groups above; "" it is not */
};

/**
 * Write the limits of a class, and read back each. What cannot be had is left out, and said. On a small machine the memory
 * limit is lowered to its memory, and the guarantee to half of that: the rest of the system has to live as well.
 * @ram_bytes  of the machine or the own limit; 0: not known
 */
void cgroup_limit(const struct cgroup *g, const struct class_limits *c, uint64_t ram_bytes, struct cgroup_limited *ret);

/** Set a process's OOM score below the tree's proc/ ("self" for the calling process) and read it back. */
MUST_USE int cgroup_oom_score(const struct tree *t, const char *process, int score, struct why *w);

struct cgroup_usage {
	uint64_t cpu_us;
	bool has_memory;            /* else there is no controller, or the kernel is older than 5.19 */
	uint64_t peak_memory_bytes; /* of the group and all below */
	uint64_t oom_kills;         /* processes killed for want of memory */
};
/** What it has used. Parts that the kernel does not tell are 0. */
MUST_USE int cgroup_usage(const struct cgroup *g, struct cgroup_usage *ret, struct why *w);

/** Whether it, or a group below, has processes; those that have ended but were not waited for do not count. */
MUST_USE int cgroup_populated(const struct cgroup *g, bool *ret, struct why *w);

/** SIGKILL to all in it and below. They need not be gone yet. */
MUST_USE int cgroup_kill(const struct cgroup *g, struct why *w);

/**
 * Kill what is in it, wait until it is empty, and remove it with all groups below. The caller still closes it.
 * Returns 0; -EBUSY when there are processes after timeout_ms; -errno.
 */
MUST_USE int cgroup_end(const struct cgroup *g, unsigned int timeout_ms, struct why *w);

#endif
