/*
 * sequences - the matches that zstd finds in a group, cut into frames of their own at any place. Pure but for memory.
 * Layer:  updater; the builder's side only.
 *
 * A frame made here may refer to everything before it in the group, and a decoder needs that as its prefix. Nothing of the
 * prefix is looked at while a frame is made, so that it costs nothing however long it is.
 */
#ifndef UPDATER_SEQUENCES_H
#define UPDATER_SEQUENCES_H

#define ZSTD_STATIC_LINKING_ONLY /* frames without a magic number, and sequences */
#include <zstd.h>

#include "base/bytes.h"
#include "base/why.h"

struct sequences;

/** @level of zstd; @group_bytes the longest group. -ENOMEM. */
MUST_USE int sequences_new(int level, uint32_t group_bytes, struct sequences **ret, struct why *w);
void sequences_free(struct sequences *s);

/** Find the matches of a group, which is borrowed until the next one. -EIO. */
MUST_USE int sequences_find(struct sequences *s, struct bytes group, struct why *w);
/** Pass over its next n bytes. */
void sequences_skip(struct sequences *s, size_t n);
/* How a frame uses what is before it in the group. */
struct reach {
	size_t prefix_bytes; /* how far back it reaches */
	size_t from_prefix;  /* how many of its bytes come from there */
};
/**
 * The group's next n bytes as a frame.
 * @room  with less than the frame takes, this fails
 * Returns its size; 0 when there is none, for whatever reason.
 */
size_t sequences_frame(struct sequences *s, size_t n, uint8_t *room, size_t room_n, struct reach *ret);

/** A context that makes frames as chunks have them; NULL when there is no memory. Freed with ZSTD_freeCCtx(). */
ZSTD_CCtx *sequences_context(int level);

#endif
