/*
 * trainconf - trainer.conf: when trainings run, and how their disk is kept.
 * Layer:  bootstage/trainer. Format; trainconf_load() reads files.
 * Trust:  written by the administrator; anything that is not as docs/formats/trainer.conf.md says is refused with its line.
 */
#ifndef BOOTSTAGE_TRAINER_TRAINCONF_H
#define BOOTSTAGE_TRAINER_TRAINCONF_H

#include "base/bytes.h"
#include "bootstage/trainer/cap.h"
#include "bootstage/trainer/trainsched.h"

#define TRAINCONF_SHIPPED "/usr/lib/tandem/trainer.conf"
#define TRAINCONF_FILE    "/etc/tandem/trainer.conf"
#define TRAINCONF_TEXT    192u

struct trainconf {
	struct trainsched sched;
	enum cap_kind quota;
	unsigned int prune_at;     /* per cent of a cap */
	unsigned int keep_last;    /* checkpoints */
	uint64_t reserve_bytes;    /* that stays free on the disk (C23) */
	char disk[TRAINCONF_TEXT]; /* a folder on the disk that the budget is of; "": that of the models */
};

void trainconf_defaults(struct trainconf *ret);
/**
 * Read `text` over the values of `below`; a list that it gives replaces that of `below`.
 * @name  for reasons only
 * @ret   untouched on failure; may be `below`
 * Returns 0; -EBADMSG or -E2BIG (usage) with file and line.
 */
MUST_USE int trainconf_parse(struct bytes text, const char *name, const struct trainconf *below, struct trainconf *ret,
			     struct why *w);
/** The defaults, then TRAINCONF_SHIPPED, then TRAINCONF_FILE below the root (NULL: none); either may be missing. */
MUST_USE int trainconf_load(const char *root, struct trainconf *ret, struct why *w);

#endif
