/*
 * slothead - the signed head of what a slot holds, kept on the state partition: by it a slot is verified later, chunk by
 * chunk, without the bundle.
 * Layer:  updater; act.
 * Trust:  what is read back is hostile until its manifest was verified, by the boot record's image id or by signature.
 * Source: docs/formats/slothead.md.
 */
#ifndef UPDATER_SLOTHEAD_H
#define UPDATER_SLOTHEAD_H

#include "partitions/bootstore.h"
#include "updater/bundle.h"

#define SLOTHEAD_BLOCK_BYTES 4096u                                     /* in front of the head */
#define SLOTHEAD_ROOM        (STATE_HEAD_BYTES - SLOTHEAD_BLOCK_BYTES) /* longest head that fits */

struct slothead {
	uint64_t bytes;   /* of the head */
	struct hash hash; /* of the head */
	struct hash id;   /* of the image */
};

/** Decode a block. -ENODATA when all is zero; -EBADMSG; -EPROTONOSUPPORT newer. Pure. @in SLOTHEAD_BLOCK_BYTES bytes. */
MUST_USE int slothead_parse(struct bytes in, struct slothead *ret, struct why *w);
void slothead_format(const struct slothead *h, uint8_t out[SLOTHEAD_BLOCK_BYTES]);

/**
 * Keep the head of b as slot s's: durable and read back when this returns 0. Writes nothing when it is there already.
 * -E2BIG it does not fit; errors of the device and of the source.
 */
MUST_USE int slothead_store(struct blk *state, enum slot s, const struct bundle *b, struct why *w);

/** The head that slothead_store() has just kept, to be read there. */
struct source slothead_source(struct blk *state, enum slot s, const struct bundle *b);

/* A stored head that is open. Not to be moved. */
struct slothead_open {
	struct source src;
	struct bundle bundle;
};
/**
 * Open and verify what is kept for slot s.
 * @id     the image id in the boot record
 * @trust  by which it is verified when `id` is all zero (unknown); otherwise not used
 * @ret    ended by slothead_close() in any case
 * Returns 0; -ENODATA nothing kept, or for another image; -EBADMSG damaged; -EKEYREJECTED; the device's error.
 */
MUST_USE int slothead_load(struct blk *state, enum slot s, const struct hash *id, const struct trust *trust,
			   struct slothead_open *ret, struct why *w);
void slothead_close(struct slothead_open *h);

#endif
