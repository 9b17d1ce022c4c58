/*
 * encode - from the raw bytes of a chunk to its stored bytes: the counterpart of updater/decode.h. Pure but for memory.
 * Layer:  updater; the builder's side only.
 */
#ifndef UPDATER_ENCODE_H
#define UPDATER_ENCODE_H

#include "updater/chunks.h"

/* What encoding needs; one for each thread, used again for every chunk. */
struct encoder {
	struct ZSTD_CCtx_s *zstd;
};

/** @level a zstd level, 1 to 22; -EINVAL otherwise; -ENOMEM. */
MUST_USE int encoder_init(struct encoder *ret, int level, struct why *w);
void encoder_done(struct encoder *e);

/** Room that encoder_chunk() wants for the stored form of n raw bytes. */
size_t encoder_room(size_t n);
/**
 * The entry of a chunk and what is to be stored for it: what zstd makes smaller is stored so, the rest as it is. The same
 * bytes, level and libzstd give the same result. Offsets are the caller's to fill in.
 * @raw         1 or more bytes that are not all zero
 * @room        encoder_room(raw.n) bytes for zstd's output
 * @ret_stored  in `room`, or `raw` itself
 */
MUST_USE int encoder_chunk(struct encoder *e, struct bytes raw, void *room, struct chunk *ret, struct bytes *ret_stored,
			   struct why *w);

#endif
