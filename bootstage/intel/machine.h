/*
 * machine - what the store makes of the machine that it is on: tuning's sizes, and what its server needs beside them.
 * Layer:  bootstage/intel. Act: reads.
 */
#ifndef BOOTSTAGE_INTEL_MACHINE_H
#define BOOTSTAGE_INTEL_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/why.h"
#include "tuning/profile.h"

struct machine {
	struct sizes sizes;
	enum profile profile;
	uint64_t ram_bytes;
	size_t cores;
	bool rotating; /* it has a disk that rotates */
};

/**
 * @root    folder of a captured tree; NULL for this machine
 * @tuning  its tuning.conf; NULL: TUNECONF_FILE below root, which may be missing
 */
MUST_USE int machine_read(const char *root, const char *tuning, struct machine *ret, struct why *w);

#endif
