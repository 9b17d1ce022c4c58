/*
 * teldoor - where telemetry comes in: a unix socket for many agents, or one file. Bytes to frames to telpipe.h, answers back.
 * Layer:  bootstage/intel. Act: one thread, epoll.
 * Trust:  who may connect is said by the socket's mode; what comes is hostile. Memory per connection is bounded, and for all
 *         of them together; a connection that does not end for TELDOOR_IDLE_S the frame that it has begun, or does not read its
 *         answers, is closed.
 *
 * Back-pressure: while neither the database nor the spool takes a batch nothing is read, so that agents have to wait. When
 * all have more than is taken, each has its turn.
 */
#ifndef BOOTSTAGE_INTEL_TELDOOR_H
#define BOOTSTAGE_INTEL_TELDOOR_H

#include "bootstage/intel/telpipe.h"
#include "bootstage/intel/telstream.h"

#define TELDOOR_CONNECTIONS 1024u
#define TELDOOR_IDLE_S      60u
#define TELDOOR_MEMORY      (64u << 20) /* of all connections, for what is not whole yet */

struct teldoor_facts {
	uint64_t connections, turned_away;
	uint64_t refused;      /* frames */
	struct why refusal;    /* the first of them */
	uint64_t broken;       /* connections that could not be read any further */
	struct why broken_why; /* the first of them */
};

struct teldoor;
struct teldoor_file;

struct teldoor_want {
	const char *path;
	unsigned int mode;    /* of the socket */
	unsigned int idle_ms; /* 0: TELDOOR_IDLE_S */
};

/**
 * Listen; a socket that a dead process left there is taken over. -EADDRINUSE: somebody listens; -EEXIST (usage): what is
 * there is no socket.
 */
MUST_USE int teldoor_listen(const struct teldoor_want *want, struct teldoor **ret, struct why *w);
/** Remove the socket. NULL is fine. */
void teldoor_close(struct teldoor *d);
/** Serve until stop() says so; what was taken is answered then. @p with teldoor_ops_answer() and d as what answers. */
MUST_USE int teldoor_serve(struct teldoor *d, struct telpipe *p, bool (*stop)(void), struct why *w);
/** For struct telpipe_ops. */
void teldoor_answer(struct teldoor *d, uint64_t tag, uint32_t agent, uint64_t seq, enum tel_verdict v);
const struct teldoor_facts *teldoor_facts(const struct teldoor *d);

/**
 * All of one descriptor, nothing is answered. Returns when all frames are durable: 0; -ECANCELED stop() said so; -EPROTO it
 * cannot be read to its end, with what was good taken; -errno.
 */
MUST_USE int teldoor_read(int fd, struct telpipe *p, bool (*stop)(void), struct teldoor_facts *ret, struct why *w);

#endif
