/*
 * baseline - the stages that did not pass in the last boot of the committed slot, so that a trial is not failed for them.
 * Layer:  partitions; format, and the one block it is in.
 * Trust:  read from a raw partition; hostile until parsed.
 * Source: docs/formats/baseline.md; DESIGN section 7.
 *
 * One block, written in place: a power cut in the write leaves the old one, the new one, or one that is refused, and that
 * is as none: a trial is then held to every stage.
 */
#ifndef PARTITIONS_BASELINE_H
#define PARTITIONS_BASELINE_H

#include "base/blk.h"
#include "partitions/bootrec.h"

#define BASELINE_BYTES      4096u
#define BASELINE_VERSION    1u
#define BASELINE_OFFSET     (768ull << 10) /* on the state partition */
#define BASELINE_NAMES      56u
#define BASELINE_NAME_BYTES 64u /* with the NUL */

struct baseline {
	enum slot slot; /* that was committed, and ran */
	size_t n;
	char names[BASELINE_NAMES][BASELINE_NAME_BYTES];
};

/**
 * Decode. @in BASELINE_BYTES bytes, hostile. @ret untouched on failure
 * Returns 0; -ENODATA never written; -EBADMSG malformed or torn; -EPROTONOSUPPORT newer format.
 */
MUST_USE int baseline_parse(struct bytes in, struct baseline *ret, struct why *w);
/** Encode one that baseline_parse() would accept. */
void baseline_format(const struct baseline *b, uint8_t out[BASELINE_BYTES]);

/** Errors of baseline_parse() and of the device. */
MUST_USE int baseline_read(struct blk *state, struct baseline *ret, struct why *w);
/** Make it durable and read it back; nothing is written when it is there already. -EPROTONOSUPPORT: a newer one is. */
MUST_USE int baseline_write(struct blk *state, const struct baseline *b, struct why *w);

/** Whether it is of this slot, and names the stage. */
bool baseline_excuses(const struct baseline *b, enum slot slot, const char *name);
/** Add a name that fits. */
void baseline_add(struct baseline *b, const char *name);

#endif
