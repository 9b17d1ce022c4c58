/*
 * telframe - one message of an agent: its number, the message's, and what happened, as bytes (docs/formats/telemetry.md).
 * The same bytes come over a socket, lie in a file and in the spool.
 * Layer:  bootstage/intel. Format: bytes to struct and back, without allocation.
 * Trust:  hostile. What tel_frame_read() took is whole: lengths, numbers and text were checked, so that PostgreSQL takes it.
 */
#ifndef BOOTSTAGE_INTEL_TELFRAME_H
#define BOOTSTAGE_INTEL_TELFRAME_H

#include "base/bytes.h"
#include "base/why.h"
#include "bootstage/intel/graph.h"

#define TEL_VERSION     1u
#define TEL_HEADER      32u
#define TEL_EVENT_HEAD  24u
#define TEL_FRAME_MAX   (1u << 20) /* bytes of a frame with its header; of a line of JSON as well */
#define TEL_EVENTS_MAX  4096u      /* of one frame */
#define TEL_AGENT_MAX   INT32_MAX
#define TEL_SEQ_MAX     ((uint64_t)INT64_MAX)
#define TEL_TIME_MAX_US INT64_C(253402300799999999) /* the year 9999 ends */
#define TEL_ACK_BYTES   24u

/* Something that happened `count` times at about one time. Borrowed. */
struct tel_event {
	int64_t time_us; /* since 1970, UTC */
	uint32_t count;  /* 1 and up */
	enum edge_kind kind;
	enum node_kind src_kind, dst_kind; /* NODE_OTHER: the value is a node's key */
	struct bytes src, dst;             /* values, 1 to GRAPH_NAME_MAX bytes of UTF-8 without control characters */
};

/* A checked frame. Borrowed. */
struct tel_frame {
	uint32_t agent;      /* 1 to TEL_AGENT_MAX */
	uint64_t seq;        /* 1 to TEL_SEQ_MAX; ascending for an agent, with gaps or without */
	uint32_t n_events;   /* 1 to TEL_EVENTS_MAX */
	struct bytes events; /* for tel_event_next() */
	struct bytes whole;  /* header and events */
};

/**
 * The frame at the beginning of `in`.
 * Returns 0; -ENODATA when `in` ends inside of it (ask again with more); -EBADMSG malformed; -E2BIG over a limit;
 * -EPROTONOSUPPORT a newer version. Only after -EBADMSG with ret->whole.n != 0 is it known where the next frame begins: then
 * agent and seq are what the sum covers, and an event was wrong.
 */
MUST_USE int tel_frame_read(struct bytes in, struct tel_frame *ret, struct why *w);

/** Take the next event of a checked frame off. Returns false at the end. */
bool tel_event_next(struct bytes *events, struct tel_event *ret);

/* A frame that is being written into memory of the caller. */
struct tel_writer {
	uint8_t *p;
	size_t room, n;
	uint32_t n_events;
};

/** Begin a frame; `room` bytes at p, at least TEL_HEADER. */
void tel_write_begin(struct tel_writer *t, uint8_t *p, size_t room, uint32_t agent, uint64_t seq);
/** -E2BIG no room, or too many; -EBADMSG what a reader would refuse. */
MUST_USE int tel_write_event(struct tel_writer *t, const struct tel_event *e, struct why *w);
/** Sum and sizes. -EBADMSG: no event, or numbers that a reader would refuse. */
MUST_USE int tel_write_end(struct tel_writer *t, struct bytes *ret, struct why *w);

enum tel_verdict {
	TEL_STORED,    /* durable */
	TEL_DUPLICATE, /* was durable before */
	TEL_REFUSED,   /* malformed: sending it again does not help */
};

/** The answer to a frame. */
void tel_ack_write(uint8_t out[TEL_ACK_BYTES], uint32_t agent, uint64_t seq, enum tel_verdict v);

/** CRC-32 as in IEEE 802.3 and zlib; begin with 0. */
uint32_t tel_crc32(uint32_t crc, struct bytes in);

#endif
