/*
 * diskclaim - who gets what there is on a disk: claims, served in their order (C23).
 * Layer:  tuning; may include base/ only. Decide: no I/O.
 */
#ifndef TUNING_DISKCLAIM_H
#define TUNING_DISKCLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk_claim {
	char name[64];
	uint64_t bytes;
	uint64_t left_bytes; /* free after it */
	bool fits;
};

/**
 * Serve one more claim. Whoever comes behind one that does not fit gets nothing.
 * @claims  of which *n are served; has room for this one
 * @left    what is free; what is left then
 */
void disk_claim_add(struct disk_claim *claims, size_t *n, const char *name, uint64_t bytes, uint64_t *left);

#endif
