/*
 * encode - from the raw bytes of a group of chunks to what is stored of each: the counterpart of updater/decode.h. Pure but
 * for memory.
 * Layer:  updater; the builder's side only.
 *
 * A chunk is compressed against what is before it in its group. Matches are searched once in the whole group, and the
 * sequences that come out are cut at the edges of chunks; each chunk becomes a frame of its own. So the prefix of a chunk
 * costs no time, and is only as long as its matches reach. Each frame is decoded again before it counts.
 */
#ifndef UPDATER_ENCODE_H
#define UPDATER_ENCODE_H

#include "updater/cut.h"
#include "updater/decode.h"

/* What encoding needs; one for each thread, used again for every group. Fields are private. */
struct encoder {
	struct ZSTD_CCtx_s *plain;
	struct sequences *sequences;
	struct decoder decoder;
	uint8_t *proof; /* the group, decoded again */
};

/* One encoded chunk. Offsets are the caller's to fill in. */
struct encoded {
	struct chunk chunk;
	struct bytes stored; /* in the room, or the raw bytes themselves; none for CHUNK_ZERO */
};

/** @level a zstd level, 1 to 22, else -EINVAL; @group_bytes of the longest group; -ENOMEM. */
MUST_USE int encoder_init(struct encoder *ret, int level, uint32_t group_bytes, struct why *w);
void encoder_done(struct encoder *e);

/** Room that encoder_group() wants for the stored form of n raw bytes. */
size_t encoder_room(size_t n);
/**
 * Encode the chunks of a group: what zstd makes smaller is stored so, the rest as it is. The same bytes, cuts, level and
 * libzstd give the same result.
 * @raw   what the cuts cover: 1 to group_bytes bytes
 * @cuts  n of them, the first one not of zeros; all lie in one group of the payload
 * @room  encoder_room(raw.n) bytes
 * @ret   n of them
 * Returns 0; -EIO zstd cannot do it.
 */
MUST_USE int encoder_group(struct encoder *e, struct bytes raw, const struct cut *cuts, size_t n, uint8_t *room,
			   struct encoded *ret, struct why *w);

#endif
