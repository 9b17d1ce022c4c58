/*
 * chunks_build - write the chunk table of one payload: the counterpart of updater/chunks.h. Pure.
 * Layer:  updater; the builder's side only.
 */
#ifndef UPDATER_CHUNKS_BUILD_H
#define UPDATER_CHUNKS_BUILD_H

#include "updater/chunks.h"

struct chunks_build {
	struct payload *payload;
	const struct content_key *key; /* of an encrypted bundle: the caller's to set before the end */
	uint8_t *table, *entry, *index; /* where the next entry goes, and the next block's short hash */
	uint64_t chunks;                /* so far */
	struct chunk_place at;
};

/**
 * @p     chunks, index_blocks and table_bytes are set; borrowed
 * @room  p->table_bytes, borrowed
 */
void chunks_build_begin(struct chunks_build *b, struct payload *p, uint8_t *room);
/**
 * Add the next chunk. There are as many as p->chunks says, and as many blocks as p->index_blocks.
 * @index  short hashes of its chunk_index_blocks(); not looked at when the payload has no index
 * Returns where its entry is.
 */
const uint8_t *chunks_build_add(struct chunks_build *b, const struct chunk *c, const uint8_t *index);
/**
 * All are there: hash the pages, and set p->table_hash. In an encrypted bundle pages are encrypted first, and entries do not
 * stay where they were.
 */
void chunks_build_seal(struct chunks_build *b);

/** Short hashes of a chunk's raw bytes, CHUNK_INDEX_BYTES for each block. */
void chunks_index_make(struct bytes raw, uint8_t *ret);

#endif
