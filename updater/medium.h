/*
 * medium - is what should be on a slot on it? Read past the page cache, compared by hash, zeros by looking.
 * Layer:  updater; act.
 * Trust:  the device's content is hostile; the spans come from a checked chunk table.
 */
#ifndef UPDATER_MEDIUM_H
#define UPDATER_MEDIUM_H

#include "base/blk.h"
#include "base/hash.h"

/* A range of a slot and what it should hold. */
struct span {
	uint64_t at; /* byte offset, a multiple of BLK_ALIGN */
	uint32_t bytes;
	bool zero; /* zeros; otherwise bytes with this hash */
	bool same; /* set by medium_check() */
	struct hash hash;
};

/**
 * Set `same` of each span. Neighbours are read together.
 * @spans  ascending; only the last one may be no multiple of BLK_ALIGN long
 * @buf    from blk_alloc(); `room` is a multiple of BLK_ALIGN; a span that is longer is read part by part
 * Returns 0; the device's error.
 */
MUST_USE int medium_check(struct blk *b, struct span *spans, size_t n, uint8_t *buf, size_t room, struct why *w);

#endif
