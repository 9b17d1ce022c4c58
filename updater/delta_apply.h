/*
 * delta_apply - from the stored bytes of a zstd-ref chunk and its base to the raw bytes. docs/formats/delta.md.
 * Layer:  updater; the reading side. One for each thread; memory is fixed from the start.
 * Trust:  the stored bytes have passed their hash; what the base holds is hostile, zstd sees it as a prefix. The result is
 *         to be compared with the chunk's raw hash before anything is made of it.
 */
#ifndef UPDATER_DELTA_APPLY_H
#define UPDATER_DELTA_APPLY_H

#include "updater/base_reader.h"
#include "updater/deltaops.h"

struct ZSTD_DCtx_s;
struct delta_apply;

/** Room for chunks of up to chunk_bytes: that much, the window, and 120 KiB. -ENOMEM. */
MUST_USE int delta_apply_new(uint32_t chunk_bytes, struct delta_apply **ret, struct why *w);
/** NULL is fine. */
void delta_apply_free(struct delta_apply *d);

/**
 * Make the chunk's raw_bytes (at most the room's) bytes at raw.
 * @zstd  a decoder of this thread's for frames without a magic number
 * Returns 0; -EBADMSG malformed, or the base is not the one that was meant; or the base's error.
 */
MUST_USE int delta_apply(struct delta_apply *d, struct ZSTD_DCtx_s *zstd, struct base_reader *base, struct bytes stored,
			 uint8_t *raw, uint32_t raw_bytes, struct why *w);

#endif
