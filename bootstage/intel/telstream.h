/*
 * telstream - frames out of bytes as they come: binary ones and lines of JSON, in any mixture.
 * Layer:  bootstage/intel. Format: memory only.
 * Trust:  hostile; memory is bounded by TEL_FRAME_MAX.
 */
#ifndef BOOTSTAGE_INTEL_TELSTREAM_H
#define BOOTSTAGE_INTEL_TELSTREAM_H

#include "bootstage/intel/teljson.h"

#define TELSTREAM_FIRST 16384u /* bytes that a stream begins with */

struct telstream {
	uint8_t *p;
	size_t n, room;  /* bytes that came; memory for them */
	size_t used;     /* private from here: of these, that are done with */
	bool skipping;   /* a line that is too long is being passed over */
	size_t searched; /* bytes of a line that was not whole the last time */
};

/* What telstream_next() found. Borrowed until telstream_room() or the next call. */
struct telstream_found {
	struct tel_frame frame;
	struct teljson_who who; /* of a frame that is refused as well; 0 where that is not known */
	bool json;              /* how the answer is written */
	size_t bytes;           /* in the stream */
};

void telstream_done(struct telstream *s);
/** Where what comes goes: at least 1 byte, at most *ret. NULL: out of memory. */
uint8_t *telstream_room(struct telstream *s, size_t *ret);
/** So many came. */
void telstream_came(struct telstream *s, size_t n);
/**
 * The next frame; the same one until telstream_took().
 * @scratch  TEL_FRAME_MAX bytes, for frames that are made of JSON
 * Returns 0; -ENODATA more is needed; -EBADMSG this one is refused, and telstream_took() goes on behind it; -EPROTO the stream
 * cannot be read any further.
 */
MUST_USE int telstream_next(struct telstream *s, uint8_t *scratch, struct telstream_found *ret, struct why *w);
void telstream_took(struct telstream *s, const struct telstream_found *f);
/** Bytes that came and were not taken. */
size_t telstream_left(const struct telstream *s);
/** The stream ended: what is left is a last line without its end, or -EPROTO half a frame; -ENODATA nothing is left. */
MUST_USE int telstream_last(struct telstream *s, uint8_t *scratch, struct telstream_found *ret, struct why *w);

#endif
