/*
 * bundle_walk - go through the chunks of a bundle in order, decoding and checking each.
 * Layer:  updater; the reading side.
 * Trust:  what a sink gets was authenticated by stored hash before and by raw hash after decoding.
 */
#ifndef UPDATER_BUNDLE_WALK_H
#define UPDATER_BUNDLE_WALK_H

#include "updater/bundle.h"

struct base_reader;

struct bundle_sink {
	/* One chunk's raw bytes, c->raw_bytes of them; NULL for CHUNK_ZERO, which may be a long one. A negative errno ends it. */
	int (*put)(void *arg, const struct chunk *c, const void *raw, struct why *w);
	void *arg;
	struct base_reader *base; /* of a delta, borrowed; NULL: none is at hand */
};

/** Every chunk of one payload. -EBADMSG damaged; -EOPNOTSUPP a delta, and no base; -ENOMEM; the source's or the sink's error. */
MUST_USE int bundle_walk(const struct bundle *b, const struct payload *p, const struct bundle_sink *sink,
			 struct why *w);

/* The same, asked for: the chunks of one payload, one after the other. */
struct bundle_stream;
/** Begin. @ret ended by bundle_stream_close(). Errors as bundle_walk(). */
MUST_USE int bundle_stream_open(const struct bundle *b, const struct payload *p, struct bundle_stream **ret,
				struct why *w);
/** Of a delta, before the first chunk: its base, borrowed. -ENOMEM. */
MUST_USE int bundle_stream_base(struct bundle_stream *s, struct base_reader *base, struct why *w);
/**
 * The next chunk.
 * @ret  its raw bytes, valid until the next call; NULL for CHUNK_ZERO
 * Returns 0; -ENODATA at the end, without a reason; errors as bundle_walk().
 */
MUST_USE int bundle_stream_next(struct bundle_stream *s, struct chunk *ret_c, const void **ret, struct why *w);
/** End it; NULL is fine. */
void bundle_stream_close(struct bundle_stream *s);

/** As bundle_walk(); and every short hash in the index, and the hash of the whole payload, is right. -EBADMSG otherwise. */
MUST_USE int bundle_check(const struct bundle *b, const struct payload *p, const struct bundle_sink *sink,
			  struct why *w);

/**
 * What a reader need not ask but a builder promises: the padding before the payload is zero, and the payload area is the
 * stored chunks in the order of their first use, without gaps, so that a stream can be installed as it comes.
 * -EBADMSG otherwise.
 */
MUST_USE int bundle_check_layout(const struct bundle *b, struct why *w);

#endif
