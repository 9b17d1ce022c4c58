/*
 * pb - the wire format of Protocol Buffers: what ONNX files are made of. Fields are walked, not mapped to structs.
 * Layer:  bootstage/trainer. Format.
 * Trust:  hostile until its reader has checked it.
 * Source: protobuf.dev, "Encoding". Groups (wire types 3 and 4), which ONNX has none of, are refused.
 *
 * A source is memory, or a file that is read through a window of PB_WINDOW bytes: a file of any size takes no more memory
 * than that, and one that another program cuts short meanwhile is a failed read and not a signal.
 */
#ifndef BOOTSTAGE_TRAINER_PB_H
#define BOOTSTAGE_TRAINER_PB_H

#include "base/bytes.h"
#include "base/why.h"

#define PB_WINDOW   65536u
#define PB_TEXT_MAX 4096u /* longest text that pb_text() gives */

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb_source {
	struct bytes mem; /* of memory; p NULL: a file */
	int fd;
	const char *name; /* for the reason */
	uint64_t size;
	uint8_t *window; /* of a file */
	uint64_t window_at;
	size_t window_n;
};

/** @in  borrowed as long as the source is used */
struct pb_source pb_source_mem(struct bytes in, const char *name);
/**
 * A regular file, from its beginning whatever the offset of fd.
 * @fd   borrowed
 * @ret  to be ended with pb_source_done(); untouched on failure
 */
MUST_USE int pb_source_file(int fd, const char *name, struct pb_source *ret, struct why *w);
void pb_source_done(struct pb_source *s);
#define AUTO_PB_SOURCE CLEANUP(pb_source_done) struct pb_source

/* A message, or another run of bytes in a source, and how far it was read. */
struct pb {
	struct pb_source *src;
	uint64_t at;
	uint64_t end;
};

struct pb_field {
	uint32_t number;
	enum pb_wire wire;
	uint64_t value; /* of the three that are numbers */
	struct pb in;   /* of PB_BYTES */
};

/** All of a source as one message. */
struct pb pb_all(struct pb_source *s);
static inline uint64_t pb_left(const struct pb *m)
{
	return m->end - m->at;
}

/**
 * The next field.
 * Returns 1 with *ret filled; 0 at the end; -EBADMSG damaged; -EIO it could not be read.
 */
MUST_USE int pb_next(struct pb *m, struct pb_field *ret, struct why *w);
/** One number of a packed run. -EBADMSG damaged, or none left. */
MUST_USE int pb_varint(struct pb *m, uint64_t *ret, struct why *w);
/** The next n bytes. */
MUST_USE int pb_copy(struct pb *m, void *ret, size_t n, struct why *w);
/**
 * All that is left as text, UTF-8 without control characters.
 * @ret  with NUL; what does not fit `room`, PB_TEXT_MAX + 1 at most, is -E2BIG
 */
MUST_USE int pb_text(const struct pb *m, char *ret, size_t room, struct why *w);

/* --- writing --- */

/* Memory that grows. When there was none `failed` is set, and later writes do nothing. */
struct pb_out {
	uint8_t *p;
	size_t n;
	size_t room;
	bool failed;
};

void pb_out_done(struct pb_out *o);
#define AUTO_PB_OUT CLEANUP(pb_out_done) struct pb_out

void pb_put_u64(struct pb_out *o, uint32_t number, uint64_t value);
void pb_put_f32(struct pb_out *o, uint32_t number, float value);
void pb_put_bytes(struct pb_out *o, uint32_t number, struct bytes value);
void pb_put_text(struct pb_out *o, uint32_t number, const char *value);
/** `in` as a field of o; then it is empty. */
void pb_put_message(struct pb_out *o, uint32_t number, struct pb_out *in);

#endif
