/*
 * telpipe - frames to batches, batches to the database, and to the spool while there is none; every frame answered once it
 * is durable, and counted once however often it comes.
 * Layer:  bootstage/intel. The state machine; the database, the spool's file and the clock are the caller's.
 *
 * A batch is closed when it has its rows, or TELPIPE_WAIT_MS after its first frame. A batch that the database does not take
 * for whatever reason goes to the spool, and the spool is replayed in order before anything else is stored; where the spool
 * takes nothing either, it waits, and nothing more is taken. With the rows of a batch the database gets the numbers of its agents' last frames, in one transaction: so what is replayed twice, or
 * came twice, is known, and an end of the connection in mid-commit leaves no doubt.
 */
#ifndef BOOTSTAGE_INTEL_TELPIPE_H
#define BOOTSTAGE_INTEL_TELPIPE_H

#include "bootstage/intel/telagg.h"
#include "bootstage/intel/telseq.h"
#include "bootstage/intel/telspool.h"

#define TELPIPE_WAIT_MS  200u
#define TELPIPE_RAW_MAX  (8u << 20) /* bytes of frames in a batch */
#define TELPIPE_FRAMES   16384u     /* frames in a batch */
#define TELPIPE_RETRY_MS 1000u      /* first; doubles to eight times as much */

/* An agent's last frame of a batch, and the last one stored before it. */
struct telpipe_mark {
	uint32_t agent;
	uint64_t before, seq;
};

struct telpipe;
struct telpipe_ops {
	/** Connect, and telseqs_stored() for each agent that the database knows; the others have nothing stored. */
	int (*connect)(void *arg, struct telseqs *agents, struct why *w);
	/**
	 * Rows and marks, all or nothing, durable. -ESTALE when a mark's `before` is not what the database has: another
	 * process stores the same agent's. -EBADMSG: it is the content that the database does not take. Anything else: later.
	 */
	int (*store)(void *arg, struct telagg *rows, const struct telpipe_mark *marks, size_t n, struct why *w);
	void (*disconnect)(void *arg);
	/** `tag` is what telpipe_take() got with the frame. */
	void (*answer)(void *arg, uint64_t tag, uint32_t agent, uint64_t seq, enum tel_verdict v);
	/** Something went wrong that does not end anything. */
	void (*note)(void *arg, const struct why *w);
};

struct telpipe_facts {
	uint64_t frames, events, duplicates; /* frames that came */
	uint64_t batches, rows;              /* stored */
	uint64_t spooled, replayed, dropped; /* frames; dropped: the database would not take them */
	uint64_t outages;
};

struct telpipe_frame {
	size_t at, n; /* in raw; n is 0 for one that was there already */
	uint64_t tag, seq;
	uint32_t agent;
};

struct telpipe {
	const struct telpipe_ops *ops;
	void *arg;
	struct telspool *spool;
	size_t batch_rows;
	bool up; /* there is a connection */
	struct telpipe_facts facts;
	/* private from here */
	struct telagg agg;
	struct telseqs agents;
	uint8_t *raw;
	size_t raw_n, raw_done; /* bytes; of these, that are stored */
	struct telpipe_frame *frames;
	size_t n_frames;
	struct telpipe_mark *marks;
	bool direct; /* the batch is in `agg` */
	bool full;   /* the next frame did not fit */
	bool single; /* what waits is stored frame by frame, since one of them is bad */
	uint64_t begun_ms, retry_ms, wait_ms, held_ms;
	uint64_t replay_ms; /* not before then: the spool could not be read */
};

/** @spool open, borrowed. @batch_rows by N5. */
MUST_USE int telpipe_init(struct telpipe *p, const struct telpipe_ops *ops, void *arg, struct telspool *spool,
			  size_t batch_rows, struct why *w);
void telpipe_done(struct telpipe *p);

/**
 * A checked frame. 0: it is answered, or will be; -EAGAIN: not now, telpipe_step() first and then again; -ENOSPC: too many
 * agents, it never will.
 */
MUST_USE int telpipe_take(struct telpipe *p, const struct tel_frame *f, uint64_t tag, uint64_t now_ms);
/** Do what is due: connect, close the batch, replay some of the spool. */
void telpipe_step(struct telpipe *p, uint64_t now_ms);
/** Whether something is left in the spool that steps get into the database. */
bool telpipe_replays(const struct telpipe *p);
/** Milliseconds until something is due; 0: now. */
unsigned int telpipe_due_ms(const struct telpipe *p, uint64_t now_ms);
/** No more frames come: close the batch without waiting. Returns whether it is closed, and all in it answered. */
bool telpipe_flush(struct telpipe *p, uint64_t now_ms);

#endif
