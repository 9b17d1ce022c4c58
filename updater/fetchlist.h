/*
 * fetchlist - what of a bundle has been announced and not asked for yet, and what the next request should hold. Pure.
 * Layer:  updater; decide.
 *
 * A request costs a round trip and some 500 bytes of headers; a further range in the same request some 150 bytes, here
 * and there; so neighbours go together, and a small gap between two ranges is fetched along with them.
 */
#ifndef UPDATER_FETCHLIST_H
#define UPDATER_FETCHLIST_H

#include <stdbool.h>

#include "base/net/http.h"
#include "updater/source.h"

#define FETCHLIST_ROOM 8192u

struct fetchlist {
	struct source_range at[FETCHLIST_ROOM]; /* a ring */
	size_t first, n;
	uint64_t bytes; /* of all */
};

/* What a request may hold. */
struct fetch_limits {
	size_t ranges;      /* 1 to HTTP_RANGES_MAX */
	uint64_t bytes;     /* with gaps */
	uint64_t gap_bytes; /* the longest gap that is fetched along */
};

/** Behind what is there. Returns false when there is no room: it will be fetched when it is read. */
bool fetchlist_add(struct fetchlist *l, struct source_range r);
/** Whether this byte is in it. */
bool fetchlist_has(const struct fetchlist *l, uint64_t off);
/** Take the next request off the front: ascending ranges that are apart. Returns how many; 0 when the list is empty. */
size_t fetchlist_take(struct fetchlist *l, const struct fetch_limits *limits, struct http_range *ret);

#endif
