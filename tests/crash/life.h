/*
 * life - firmware, hook, booted system and operator on a simulated appliance, until there is nothing left to do.
 *
 * The firmware follows UEFI 2.10 section 3.1: BootNext once, then BootOrder, then the removable-media path. The hook and
 * the booted system call the product's own functions. The operator wants one thing (enum life_wish) and looks only at
 * the machine's state, so that life_run() can be called again after any power cut.
 */
#ifndef TESTS_CRASH_LIFE_H
#define TESTS_CRASH_LIFE_H

#include "tests/crash/world.h"

enum life_wish { WISH_UPDATE, WISH_ROLLBACK };
enum life_image { IMAGE_HEALTHY, IMAGE_UNHEALTHY, IMAGE_DIES }; /* how the wished-for image behaves on trial */

struct life {
	struct world *w;
	struct sysconf conf;
	enum life_wish wish;
	enum life_image image;
	enum slot first; /* the committed slot at the beginning */
	/* What an observer of the machine remembers across power cuts. */
	enum slot committed;
	uint64_t floor;
	bool passed[2];           /* the slot was healthy on trial since it was written */
	unsigned int starts[256]; /* of a slot on trial, by action */
	uint8_t action;
	unsigned int boots, cuts;
};

/** A machine that runs image 1 in slot `first` (for a rollback: image 2, and image 1 in the other one). */
void life_begin(struct life *l, struct world *w, enum boot_mode mode, enum life_wish wish, enum life_image image,
		enum slot first, unsigned int attempts);

/**
 * Boot, and go on until the wish is settled. Returns false when the power was cut. w->broken is set when an invariant
 * does not hold or the machine does not get there.
 */
bool life_run(struct life *l);

#endif
