/*
 * blockmap - where content is: from the short hash of a 4 KiB block to the number of a block that holds it.
 * Layer:  updater; decide. Pure but for memory, which is bounded: what finds no room is not known.
 *
 * Eight bytes a slot: 32 bits of the hash, the others are where the slot is, and the block's number. An answer is a good
 * guess and no proof: whoever copies the block checks what was copied.
 */
#ifndef UPDATER_BLOCKMAP_H
#define UPDATER_BLOCKMAP_H

#include "base/bytes.h"
#include "base/why.h"

#define BLOCKMAP_KEY_BYTES 6u         /* first bytes of a block's BLAKE2b-256 */
#define BLOCKMAP_BYTES_MAX (4u << 20) /* 393,216 blocks: 1.5 GiB of content */
#define BLOCKMAP_NONE      UINT32_MAX

struct blockmap {
	uint64_t *slots;
	size_t mask;    /* number of slots - 1, a power of two - 1 */
	size_t n, room; /* blocks in it; as many as it takes */
};

/** Room for n blocks, or as many as BLOCKMAP_BYTES_MAX has room for. -ENOMEM. */
MUST_USE int blockmap_init(struct blockmap *ret, uint64_t n, struct why *w);
void blockmap_done(struct blockmap *m);
/** Of blocks with equal keys the lowest number is kept: while there is room, the order of adding does not matter. */
void blockmap_add(struct blockmap *m, const uint8_t key[BLOCKMAP_KEY_BYTES], uint32_t block);
/** A block with this key, or BLOCKMAP_NONE. */
uint32_t blockmap_find(const struct blockmap *m, const uint8_t key[BLOCKMAP_KEY_BYTES]);

#endif
