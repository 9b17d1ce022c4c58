/*
 * unpacked - an image out of a bundle, or one that lies in a file, to be read at any place: for making and checking deltas.
 * Layer:  updater; act; for the build machine, not for devices.
 */
#ifndef UPDATER_UNPACKED_H
#define UPDATER_UNPACKED_H

#include "updater/bundle_walk.h"

struct unpacked {
	int fd; /* a file without a name in $TMPDIR or /var/tmp, or the file itself; -1: none */
	uint64_t size_bytes;
	struct bytes map; /* of unpacked_map() */
};
#define UNPACKED_NONE ((struct unpacked){ .fd = -1 })

/**
 * Decode a payload; every chunk is checked.
 * @step  called after each chunk; a negative errno ends it with that; may be NULL
 * Returns 0; what bundle_walk() returns; the disk's errors.
 */
MUST_USE int unpacked_payload(const struct bundle *b, const struct payload *p, int (*step)(void *arg, uint64_t done_bytes),
			      void *arg, struct unpacked *ret, struct why *w);
/** A file or device that holds an image of size_bytes or more. -ENODATA it is shorter. */
MUST_USE int unpacked_file(const char *path, uint64_t size_bytes, struct unpacked *ret, struct why *w);
/** All of it as memory, in u->map. */
MUST_USE int unpacked_map(struct unpacked *u, struct why *w);
void unpacked_done(struct unpacked *u);

#endif
