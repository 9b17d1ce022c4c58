/*
 * bootstore - the boot record on the tandem-state partition: two copies, each alone in a region of 64 KiB.
 * Layer:  partitions; act.
 * Trust:  the partition is hostile until bootrec_parse() accepted a copy.
 *
 * The valid copy with the highest sequence is the record. A write goes to the other region, is flushed and read back
 * before the call returns, so that a power cut leaves the record as it was or as it was to be.
 */
#ifndef PARTITIONS_BOOTSTORE_H
#define PARTITIONS_BOOTSTORE_H

#include "base/blk.h"
#include "partitions/bootrec.h"

/* Layout of tandem-state, in bytes (docs/formats/bootrecord.md). */
#define STATE_PARTITION_BYTES (32ull << 20)
#define STATE_REGION_BYTES    (64ull << 10) /* record regions at 0 and at 64 KiB */
#define STATE_TRUST_OFFSET    (128ull << 10) /* two copies of the trust set, 256 KiB each (updater/truststore.h) */
#define STATE_TRUST_BYTES     (512ull << 10)
#define STATE_HEAD_BYTES      (15ull << 20) /* room for the signed head of what a slot holds */
#define STATE_HEAD_OFFSET(s)  ((s) == SLOT_A ? 1ull << 20 : 16ull << 20)

struct bootstore {
	struct blk *blk;     /* borrowed */
	int winner;          /* region of the current record; negative: none */
	uint64_t sequence;   /* of the current record */
	char damage[2][160]; /* why a region was not accepted; "" when it was, or was never written */
};

/**
 * Read both regions.
 * @ret  the record in force; untouched on failure
 * Returns 0; -ENODATA when neither region is valid (st is usable for a write all the same); -EPROTONOSUPPORT when one is
 * of a newer format, which a write could destroy: st refuses writes then; -EINVAL partition too small.
 */
MUST_USE int bootstore_read(struct bootstore *st, struct blk *blk, struct bootrec *ret, struct why *w);

/**
 * Make rec the record; its sequence is set. Without a valid record before, both regions are written, so that a region
 * which could only not be read just now cannot come back with an old one.
 * On failure rec is untouched and st goes on from the old record; what was written may be in force all the same after
 * the next bootstore_read(), as after a power cut.
 */
MUST_USE int bootstore_write(struct bootstore *st, struct bootrec *rec, struct why *w);

/** First use of a partition: both regions are overwritten, the second one with zeros. rec is untouched on failure. */
MUST_USE int bootstore_create(struct blk *blk, struct bootrec *rec, struct why *w);

#endif
