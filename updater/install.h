/*
 * install - from a verified bundle to an armed trial: record, head, image, boot file, in the order that survives a cut.
 * Layer:  updater; act. What the machine is comes in parts (updater/preflight.h).
 *
 * What a power cut leaves, and what the next run makes of it, is tabled in docs/install.md.
 */
#ifndef UPDATER_INSTALL_H
#define UPDATER_INSTALL_H

#include "updater/pipeline.h"
#include "updater/preflight.h"

enum install_phase {
	INSTALL_PREPARE, /* record and head */
	INSTALL_PLAN,    /* what of the image is on the machine already */
	INSTALL_IMAGE,
	INSTALL_BOOT_FILE,
	INSTALL_ARMING,
	INSTALL_ARMED,
};

struct install_progress {
	enum install_phase phase;
	uint64_t durable_bytes, total_bytes; /* of image and boot file */
	struct pipeline_stats image;
};

struct install_watch {
	/* Called often while it goes on, by the caller's own thread. Both may be NULL. */
	void (*step)(void *arg, const struct install_progress *now);
	bool (*cancelled)(void *arg); /* true: end cleanly, what is there is kept for the next run */
	void *arg;
};

/**
 * Do what the plan says. All of preflight must have passed.
 * @ret  filled in any case
 * Returns 0: the target is armed (with INSTALL_NOTHING nothing was done); -ECANCELED; or the first error. On failure the
 * target cannot be started, unless it is whole (record STAGED): then only arming failed. Running it again goes on from
 * what is there.
 */
MUST_USE int install_run(const struct install_parts *parts, const struct bundle *b, const struct install_options *o,
			 struct preflight *p, const struct install_watch *watch, struct install_progress *ret,
			 struct why *w);

/** "prepare", "plan", "image", "boot-file", "arming", "armed". */
const char *install_phase_name(enum install_phase p);

#endif
