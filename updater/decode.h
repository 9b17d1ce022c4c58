/*
 * decode - from the stored bytes of a chunk to its raw bytes.
 * Layer:  updater; the reading side; the one place where zstd is called on foreign bytes.
 * Trust:  stored bytes are hostile until their hash was compared with the (authenticated) table entry; zstd sees none
 *         before that. What is read from the base of a delta is hostile to the end: zstd sees it as a prefix.
 */
#ifndef UPDATER_DECODE_H
#define UPDATER_DECODE_H

#include "updater/base_reader.h"
#include "updater/chunks.h"

/* What decoding needs; one for each thread, used again for every chunk. About 160 KiB. */
struct decoder {
	struct ZSTD_DCtx_s *zstd;
	const struct content_key *key; /* borrowed; NULL: the bundle is not encrypted */
	uint8_t *clear;                /* a decrypted chunk; private */
	size_t clear_room;
	struct base_reader *base;  /* borrowed; NULL: chunks that need one are refused */
	struct delta_apply *delta; /* with a base */
};

MUST_USE int decoder_init(struct decoder *ret, struct why *w);
void decoder_done(struct decoder *d);
/** Memory of a base and its decoder, for each thread. */
size_t decoder_base_bytes(uint32_t chunk_bytes);
/** From now on chunks of a delta are decoded as well, of up to chunk_bytes. @base borrowed, for this thread. -ENOMEM. */
MUST_USE int decoder_base(struct decoder *d, struct base_reader *base, uint32_t chunk_bytes, struct why *w);

/**
 * Check the stored bytes against c->stored_hash, then decode them.
 * @stored  exactly c->stored_bytes bytes (none for CHUNK_ZERO); they may lie at the end of the room at `raw`
 * @raw     room for c->raw_bytes, and directly before it the c->prefix_bytes bytes that are there in the payload; on
 *          failure its content is unspecified and must not be used
 * Returns 0; -EBADMSG the stored bytes are not the ones of the table, or do not decode to exactly c->raw_bytes;
 * -EINVAL stored.n is not c->stored_bytes; -EOPNOTSUPP the chunk needs a base. The raw hash is not computed (see
 * chunk_raw_matches()), but for chunks of a delta: what was made from a base that nobody authenticated was compared with it.
 */
MUST_USE int decoder_chunk(struct decoder *d, const struct chunk *c, struct bytes stored, void *raw, struct why *w);

/* One chunk to be decoded; as the arguments of decoder_chunk(). */
struct decode_job {
	const struct chunk *c;
	struct bytes stored;
	void *raw;
};
/**
 * As decoder_chunk() for n chunks, checking their stored hashes side by side, which is faster. In slices: none of a slice
 * is decoded before the hashes of all of it have passed. They are decoded in order, so that one may be a later one's prefix.
 */
MUST_USE int decoder_many(struct decoder *d, const struct decode_job *jobs, size_t n, struct why *w);

/** Whether c->raw_bytes bytes at raw are what the entry says, by hash or by being zero. For reuse and for reading back. */
bool chunk_raw_matches(const struct chunk *c, const void *raw);

#endif
