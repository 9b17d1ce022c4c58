/*
 * teljson - a line of JSON from an agent, made into the frame that it stands for (docs/formats/telemetry.md).
 * Layer:  bootstage/intel. Format: memory only.
 * Trust:  hostile.
 */
#ifndef BOOTSTAGE_INTEL_TELJSON_H
#define BOOTSTAGE_INTEL_TELJSON_H

#include "bootstage/intel/telframe.h"

/* Who said it, as far as the line could be read: for the answer to a line that is refused. 0: it does not say. */
struct teljson_who {
	uint32_t agent;
	uint64_t seq;
};

/**
 * @line   without its end
 * @room   TEL_FRAME_MAX bytes for the frame
 * @ret    in room
 * @who    filled as far as it goes, on failure as well
 * Returns 0; -EBADMSG no JSON, or not what is described; -E2BIG more than fits into a frame.
 */
MUST_USE int teljson_read(struct bytes line, uint8_t *room, struct bytes *ret, struct teljson_who *who, struct why *w);

/** "ipv4-addr:10.0.0.1", "sha256:HEX" or a node's key; kind and value as an event has them. -EBADMSG. */
MUST_USE int teljson_node(struct bytes text, enum node_kind *ret_kind, struct bytes *ret_value, struct why *w);

#endif
