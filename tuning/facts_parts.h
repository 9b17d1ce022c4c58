/*
 * facts_parts - how facts.c divides its work; for the facts_*.c files only.
 *
 * Each part fills its own members of *f, which starts empty, and leaves what it allocated there when it fails.
 */
#ifndef TUNING_FACTS_PARTS_H
#define TUNING_FACTS_PARTS_H

#include "tuning/facts.h"
#include "tuning/tree.h"

/* A host full of containers has tens of thousands of mounts. */
#define MOUNTINFO_MAX (16u << 20)
#define PROC_TEXT_MAX (1u << 20)

/** online, offline, and the limits of the own control group: allowed, ram_limit_bytes. In this order. */
MUST_USE int facts_read_online(const struct tree *t, struct facts *f, struct why *w);
MUST_USE int facts_read_cgroup(const struct tree *t, struct facts *f, struct why *w);
/** affinity, usable, and the topology of what is usable. After the two above. */
MUST_USE int facts_read_cpus(const struct tree *t, struct facts *f, struct why *w);
/** RAM, after the control group, and swap. */
MUST_USE int facts_read_memory(const struct tree *t, struct facts *f, struct why *w);
MUST_USE int facts_read_disks(const struct tree *t, struct facts *f, struct why *w);
MUST_USE int facts_read_filesystems(const struct tree *t, struct facts *f, struct why *w);
MUST_USE int facts_read_nics(const struct tree *t, struct facts *f, struct why *w);

/** Mark a fact as degraded, unless it is already. */
void facts_degrade(struct facts *f, enum fact which, const char *fmt, ...) PRINTF(3, 4);

#endif
