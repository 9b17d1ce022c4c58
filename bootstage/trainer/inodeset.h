/*
 * inodeset - which files were met: a set of pairs of device and inode.
 * Layer:  bootstage/trainer. Pure but for its memory: open addressing, at most two thirds full.
 */
#ifndef BOOTSTAGE_TRAINER_INODESET_H
#define BOOTSTAGE_TRAINER_INODESET_H

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

/* Start with { 0 }. */
struct inodeset {
	struct inodeset_slot {
		uint64_t device, inode, times; /* 0 times: empty */
	} * slots;
	size_t room, n;
};

void inodeset_free(struct inodeset *s);
#define AUTO_INODESET CLEANUP(inodeset_free) struct inodeset

/** Returns how often it was added, this time included; -ENOMEM. */
MUST_USE int64_t inodeset_add(struct inodeset *s, uint64_t device, uint64_t inode);
/** How often it was added. */
uint64_t inodeset_times(const struct inodeset *s, uint64_t device, uint64_t inode);

#endif
