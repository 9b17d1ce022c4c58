/*
 * truststore - the last trust statement that was accepted, in two copies: on tandem-state, or in a file of the same layout
 * where there is no such partition.
 * Layer:  updater; act.
 * Trust:  what is read is checked for damage here; that it was accepted once is why it is believed (docs/formats/trust.md).
 */
#ifndef UPDATER_TRUSTSTORE_H
#define UPDATER_TRUSTSTORE_H

#include "base/blk.h"
#include "partitions/bootstore.h"
#include "updater/trustchain.h"

#define TRUSTSTORE_BLOCK_BYTES 4096u                                             /* in front of a copy's statement */
#define TRUSTSTORE_COPY_BYTES  (TRUSTSTORE_BLOCK_BYTES + TRUSTSET_STATEMENT_MAX) /* read and written at once */

/* One copy's first block. */
struct truststore_block {
	uint64_t epoch;
	uint64_t bytes;   /* of the statement */
	struct hash hash; /* of the statement */
};
/** Decode a block. -ENODATA when all is zero; -EBADMSG; -EPROTONOSUPPORT newer. Pure. @in TRUSTSTORE_BLOCK_BYTES bytes. */
MUST_USE int truststore_block_parse(struct bytes in, struct truststore_block *ret, struct why *w);
void truststore_block_format(const struct truststore_block *b, uint8_t out[TRUSTSTORE_BLOCK_BYTES]);

struct truststore {
	struct blk *blk; /* borrowed */
	uint64_t at;     /* where both copies begin on it */
	enum trust_stored state;
	struct trustset set; /* with STORED_VALID */
	unsigned int winner; /* the copy that counts, as the next */
	char damage[2][160]; /* why a copy is not used; "" when it is, or was never written */
	uint8_t *statement;  /* with STORED_VALID: text and signatures; owned */
	size_t statement_n;
};

/**
 * Open a file that stands for the partition, where there is none.
 * @create  make it when it is missing, and open it for writing; its folder is there
 * -ENOENT with create false: nothing was ever accepted. The caller ends it with blk_close().
 */
MUST_USE int truststore_file(const char *path, bool create, struct blk *ret, struct why *w);

/**
 * Read both copies; the whole one with the higher epoch counts.
 * @at   STATE_TRUST_OFFSET on a state partition, 0 in a file
 * @ret  ended by truststore_done() in any case; usable for a write unless the state is STORED_NEWER
 * Returns 0, also when nothing is stored or all is damaged: see `state`; -ENOMEM.
 */
MUST_USE int truststore_read(struct blk *blk, uint64_t at, struct truststore *ret, struct why *w);
void truststore_done(struct truststore *st);

/**
 * Make a statement the stored one: to the copy that does not count first, flushed and read back, then to the other, so
 * that a power cut leaves the old statement or the new one, and damage of one copy costs nothing.
 * @s  accepted by trust_take(); of a higher epoch than what is stored
 * One copy is enough. On failure the old one is stored, or the new one already.
 */
MUST_USE int truststore_write(struct truststore *st, const struct statement *s, struct why *w);

#endif
