/*
 * classes - the five priority classes and the limits of each: classes.conf.
 * Layer:  tuning; may include base/ only. Format; classes_load() reads files.
 * Trust:  root's files; what does not fit is refused with its line.
 * Source: docs/formats/classes.conf.md; REQUIREMENTS P1, P2, P5, P8, P9 with C4 to C7.
 */
#ifndef TUNING_CLASSES_H
#define TUNING_CLASSES_H

#include <stdint.h>

#include "base/bytes.h"
#include "tuning/tree.h"

#define CLASSES_SHIPPED   "usr/lib/tandem/classes.conf" /* below the root */
#define CLASSES_CONF      "etc/tandem/classes.conf"     /* its keys go over the shipped ones */
#define CLASS_UNLIMITED   UINT64_MAX                    /* "max" in the file */
#define CLASS_PERIOD_US   100000u                       /* that the CPU quota is of */
#define CLASS_QUOTA_MAX   100000u                       /* per cent: a thousand CPUs */
#define CLASS_MEMORY_MIN  (1u << 20)                    /* with less, nothing starts */
#define CLASS_OOM_NEVER   (-1000)                       /* refused: see the format's page */
#define CLASS_PIDS_MAX    4194304u                      /* PID_MAX_LIMIT of Linux */
#define CLASS_SHARES_MIN  2u
#define CLASS_SHARES_MAX  262144u
#define CLASS_SHARES_FAIR 1024u /* of which a weight of 100 comes, the kernel's default */
#define CLASS_DEFAULT     CLASS_NORMAL
#define CLASS_NAMES       "critical, high, normal, low, scavenger"

enum class_id { CLASS_CRITICAL, CLASS_HIGH, CLASS_NORMAL, CLASS_LOW, CLASS_SCAVENGER, CLASS_COUNT };

struct class_limits {
	uint64_t cpu_shares;             /* against the others, when there is not enough for all */
	uint64_t cpu_quota_percent;      /* of one CPU; CLASS_UNLIMITED */
	uint64_t memory_limit_bytes;     /* CLASS_UNLIMITED */
	uint64_t memory_guarantee_bytes; /* not over the limit */
	uint64_t swap_limit_bytes;       /* CLASS_UNLIMITED */
	uint64_t pids_limit;             /* CLASS_UNLIMITED */
	int oom_score_adj;               /* -999 to 1000 */
};

struct classes {
	struct class_limits at[CLASS_COUNT];
};

/* As in scripts/config/classes.conf. */
extern const struct classes classes_default;

/**
 * Read `text` over the values of `below`.
 * @name  for reasons only
 * @ret   untouched on failure; may be `below`
 * Returns 0; -EBADMSG (misuse) with file and line; -E2BIG for too much text.
 */
MUST_USE int classes_parse(struct bytes text, const char *name, const struct classes *below, struct classes *ret,
			   struct why *w);

/** classes_default, then CLASSES_SHIPPED, then CLASSES_CONF below the tree; either may be missing. Returns 0 or -errno. */
MUST_USE int classes_load(const struct tree *t, struct classes *ret, struct why *w);

/** "critical", ... */
const char *class_name(enum class_id id);
/** The class of this name. Returns 0; -EINVAL (misuse) with the names there are. */
MUST_USE int class_find(const char *name, enum class_id *ret, struct why *w);

/** cpu.weight for shares: in proportion (C5), rounded, 1 to 10000. Pure. */
unsigned int class_weight(uint64_t cpu_shares);

#endif
