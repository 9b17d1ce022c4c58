/*
 * basemap - which of a new image's blocks the running slot holds already, and where: what makes an install of a full bundle
 * adaptive.
 * Layer:  updater; act (it reads the slot), then a pure look-up.
 * Trust:  an answer is a guess by a short hash over content that nobody has checked: what is copied on its word counts only
 *         after it was compared with its chunk's raw hash.
 *
 * The signed head of what the slot holds has the hashes of all blocks when a full bundle brought it; then nothing is read
 * but that. Otherwise the slot itself is read and hashed. Memory is bounded (updater/blockmap.h): of a larger image's
 * content a part is not known and comes from the bundle.
 */
#ifndef UPDATER_BASEMAP_H
#define UPDATER_BASEMAP_H

#include "updater/blockmap.h"
#include "updater/bundle.h"

#define BASEMAP_NONE        BLOCKMAP_NONE
#define BASEMAP_ZERO        (BLOCKMAP_NONE - 1) /* a block of zeros: nothing needs to be read */
#define BASEMAP_WORKERS_MAX 8u

struct basemap_job {
	struct blk *base;              /* the running slot, open for reading */
	const struct bundle *head;     /* what the slot holds, verified; NULL: not known */
	const struct payload *payload; /* of head */
	unsigned int workers;          /* threads that read and hash */
	bool (*cancelled)(void *arg);  /* asked by those threads; may be NULL */
	void *arg;
};

struct basemap {
	struct blockmap map;
	uint64_t base_bytes;                  /* from its beginning, that were looked at */
	bool from_head;                       /* the slot was not read */
	uint8_t zero_key[BLOCKMAP_KEY_BYTES]; /* of a block of zeros, which an index has inside of other chunks */
};

/**
 * Make the map.
 * @ret  ended by basemap_done()
 * Returns 0; -ECANCELED; -EBADMSG the head is damaged; errors of the device; -ENOMEM.
 */
MUST_USE int basemap_open(const struct basemap_job *job, struct basemap *ret, struct why *w);
void basemap_done(struct basemap *m);

/**
 * Where each of n blocks is.
 * @keys        BLOCKMAP_KEY_BYTES each, as chunks_index() has them
 * @ret_blocks  number of a 4 KiB block of the base, BASEMAP_ZERO or BASEMAP_NONE
 * Returns whether none of them is BASEMAP_NONE.
 */
bool basemap_find(const struct basemap *m, const uint8_t *keys, size_t n, uint32_t *ret_blocks);

#endif
