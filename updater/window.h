/*
 * window - the last bytes of a stream, kept in a ring, so that a reader may go back a little. Pure; memory is the caller's.
 */
#ifndef UPDATER_WINDOW_H
#define UPDATER_WINDOW_H

#include "base/bytes.h"

#define STREAM_WINDOW_BYTES (5u << 20)

struct window {
	uint8_t *p;
	size_t room;
	uint64_t begin, end; /* which bytes of the stream are there */
};

/** The next bytes of the stream; the oldest make room. */
void window_put(struct window *win, struct bytes data);
/** Copy from `off` on, at most n bytes. Returns how many were there: 0 when `off` itself is not. */
size_t window_get(const struct window *win, void *buf, size_t n, uint64_t off);

#endif
