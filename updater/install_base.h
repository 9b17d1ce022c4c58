/*
 * install_base - the running slot as a base: what of the new image it holds already need not be fetched.
 * Layer:  updater; act; it only reads. Nothing that goes wrong here ends an install: then there is no base.
 */
#ifndef UPDATER_INSTALL_BASE_H
#define UPDATER_INSTALL_BASE_H

#include "updater/basemap.h"
#include "updater/preflight.h"
#include "updater/slothead.h"

/* Not to be moved. */
struct install_base {
	struct blk *blk; /* NULL: there is none */
	struct slothead_open head;
	struct basemap map;
};

/**
 * The image in the running slot, as its stored head has it; NULL when nobody knows.
 * @ret  ended by slothead_close() in any case; all zero before
 */
const struct payload *install_base_image(const struct install_parts *parts, struct slothead_open *ret);
/** Hash of the first bytes of a slot, which are all read. -E2BIG it is shorter; the device's error; -ENOMEM. */
MUST_USE int install_base_hash(struct blk *b, uint64_t bytes, struct hash *ret, struct why *w);

/**
 * Find out what the running slot holds: from its signed head, which costs next to nothing; without one by reading all of it,
 * which is worth it only where fetching costs more.
 * @by_reading  do that
 * @cancelled   asked by other threads too
 * @ret         ended by install_base_close() in any case
 * Returns 0; -ECANCELED.
 */
MUST_USE int install_base_open(const struct install_parts *parts, bool by_reading, bool (*cancelled)(void *arg),
			       void *arg, struct install_base *ret, struct why *w);
void install_base_close(struct install_base *b);

#endif
