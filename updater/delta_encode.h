/*
 * delta_encode - from the raw bytes of a chunk to its stored bytes in a delta: nothing, a copy, operations and a packed
 * rest, or what a full bundle would have. The counterpart of updater/decode.h. Pure but for memory.
 * Layer:  updater; the builder's side only.
 */
#ifndef UPDATER_DELTA_ENCODE_H
#define UPDATER_DELTA_ENCODE_H

#include "updater/chunks.h"
#include "updater/delta_plan.h"

struct delta_encoder;

/**
 * What encoding needs; one for each thread. About 60 MiB at level 19 for chunks of 1 MiB.
 * @x  borrowed
 * Returns 0; -EINVAL (usage) not a zstd level; -ENOMEM.
 */
MUST_USE int delta_encoder_new(const struct delta_index *x, uint32_t chunk_bytes, int level, struct delta_encoder **ret,
			       struct why *w);
/** NULL is fine. */
void delta_encoder_free(struct delta_encoder *e);
static inline void delta_encoder_auto(struct delta_encoder **e)
{
	delta_encoder_free(*e);
}

/** Room that delta_encode() wants for stored bytes. */
size_t delta_encoder_room(const struct delta_encoder *e);

/**
 * Encode one chunk. The same base, bytes, level and libzstd give the same result.
 * @raw  at raw_offset of its image; at most chunk_bytes
 * @c    raw_offset and raw_bytes are there; encoding, stored_bytes, the hashes and, of CHUNK_COPY, stored_offset are set
 * @ret  what is to be stored: in `room`, or `raw` itself
 */
MUST_USE int delta_encode(struct delta_encoder *e, struct bytes raw, struct chunk *c, uint8_t *room, struct bytes *ret,
			  struct why *w);

#endif
