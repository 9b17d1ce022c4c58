/*
 * byterange - what a server says about the ranges it sends: Content-Range, and bodies of several parts
 * (multipart/byteranges). Pure; memory is fixed.
 * Trust:  hostile. A part's bytes are counted by its Content-Range, never searched for an end; what a part may hold is
 *         checked by the caller against what was asked.
 * Source: RFC 9110, sections 14.4 and 14.6; RFC 2046, section 5.1.
 */
#ifndef BASE_NET_BYTERANGE_H
#define BASE_NET_BYTERANGE_H

#include "base/bytes.h"
#include "base/why.h"

#define BYTERANGE_UNKNOWN      UINT64_MAX
#define MULTIPART_BOUNDARY_MAX 70u
#define MULTIPART_LINE_MAX     512u /* longest line of a part's header; what is longer is refused */
#define MULTIPART_LINES_MAX    32u  /* lines of one part's header, and before the first part */

/* Bytes [at, at + bytes) of a whole of total_bytes. */
struct byterange {
	uint64_t at, bytes;
	uint64_t total_bytes; /* BYTERANGE_UNKNOWN: "*" */
};

/**
 * The value of Content-Range. "bytes 0-9/100", and for "bytes * /100" (without the blank) bytes is 0.
 * -EBADMSG malformed, empty, or not inside the whole.
 */
MUST_USE int byterange_parse(struct bytes value, struct byterange *ret, struct why *w);

enum multipart_state { PART_PREAMBLE, PART_HEADER, PART_BODY, PART_BEHIND, PART_CLOSED };

/* A body that is being read. Fields are private. */
struct multipart {
	enum multipart_state state;
	char boundary[MULTIPART_BOUNDARY_MAX + 1];
	char line[MULTIPART_LINE_MAX + 1];
	size_t line_n;
	unsigned int lines;
	bool has_range;
	struct byterange part;
	uint64_t got_bytes; /* of the part */
};

enum multipart_event {
	MULTIPART_MORE,  /* all of the input is used up */
	MULTIPART_BYTES, /* some bytes of a part */
	MULTIPART_END,   /* the last boundary was there; what follows is of no use */
};

/** Whether this Content-Type is multipart/byteranges. */
bool multipart_is(struct bytes content_type);
/** Begin to read a body of that Content-Type. -EBADMSG: no usable boundary. */
MUST_USE int multipart_begin(struct bytes content_type, struct multipart *ret, struct why *w);
/**
 * Go on to the next event; `in` is what came from the network and is shortened by what was used.
 * @ret_at    with MULTIPART_BYTES: where these bytes belong in the whole, and whose part they are
 * @ret_data  inside `in`, never empty
 * Returns an enum multipart_event, or -EBADMSG, after which the body cannot be read on.
 */
MUST_USE int multipart_next(struct multipart *m, struct bytes *in, uint64_t *ret_at, struct bytes *ret_data,
			    struct why *w);

#endif
