/*
 * pipeline_inside - what the stages of the pipeline share. Private to updater/pipeline*.c.
 *
 * A batch goes around a ring: free -> built by the feeder -> gathered by a worker (compared with the slot, copied from the
 * base) -> its stored bytes read by the feeder -> decoded by a worker -> written by the writer -> free. What a batch does
 * not need is left out. Feeder and writer keep the order, workers take the oldest they find. One lock guards states and
 * counters; the buffers of a batch belong to the stage that its state names.
 *
 * Every pass over the table goes around the same ring; passes that do not write have batches without buffers.
 */
#ifndef UPDATER_PIPELINE_INSIDE_H
#define UPDATER_PIPELINE_INSIDE_H

#include <pthread.h>

#include "updater/byte_ring.h"
#include "updater/decode.h"
#include "updater/pipeline.h"
#include "updater/writer.h"

#define LOG_SPANS      8192u
#define TOGETHER_BYTES (256u << 10)

enum pass {
	PASS_CHECK, /* compare every chunk with the target */
	PASS_PLAN,  /* compare chunks that are not zeros, look them up in the base, make the plan */
	PASS_WRITE,
};

enum batch_state {
	BATCH_FREE,
	BATCH_GATHER, /* waits for a worker to compare it with the slot, and to copy from the base */
	BATCH_CHOSEN, /* waits for the feeder to read its stored bytes */
	BATCH_DECODE, /* waits for a worker */
	BATCH_BUSY,   /* with a worker */
	BATCH_READY,  /* waits for the writer */
};

struct ring_batch {
	enum batch_state state;
	struct batch b;
};

/* What was written and is to be read back. Counters only grow; entry i is at[i % LOG_SPANS]. */
struct written_log {
	struct span *at;
	uint64_t put;     /* by the writer */
	uint64_t flushed; /* of these: may be read back */
	uint64_t taken;   /* of these, by a worker */
};

/* A place in the chunk table. */
struct cursor {
	struct chunks table;
	uint64_t chunk; /* the next one */
	uint64_t raw;   /* and where it goes on: inside of it, when it is one of zeros */
};

struct pipeline {
	/* set once */
	const struct pipeline_job *job;
	struct pipeline_size size;
	/* set for a pass */
	enum pass pass;
	/* the feeder's alone */
	struct cursor next;
	struct cursor ahead;      /* what the source was told of */
	uint64_t announced_bytes; /* stored bytes, and where the last of them end */
	uint64_t announced_end;
	uint64_t read_bytes; /* stored bytes */
	uint8_t *index;      /* of a chunk's blocks */
	uint8_t *together;   /* TOGETHER_BYTES, read at once */
	uint8_t *stored;
	/* the writer's alone */
	struct writer writer;

	pthread_mutex_t lock;   /* for everything below */
	pthread_cond_t changed; /* any of it */
	pthread_cond_t ended;   /* `running` became 0 */
	unsigned int running;   /* threads */
	struct ring_batch *ring;
	uint64_t built, fetched, written; /* batches so far; number i is ring[i % size.batches] */
	struct byte_ring room;            /* in `stored` */
	struct fetchplan plan;
	struct written_log log;
	struct look look[2]; /* for chunks of zeros, for others */
	bool fed;            /* the feeder has ended */
	bool done;           /* the writer has ended, its last flush included */
	bool cancel;         /* end at the next chunk's edge */
	bool stop;           /* something failed: end at once */
	int error;
	struct why why;
	struct span differs; /* what read back different; bytes is 0: nothing */
	struct pipeline_stats stats;
};

static inline struct ring_batch *ring_at(struct pipeline *p, uint64_t number)
{
	return &p->ring[number % p->size.batches];
}

/** The first failure ends it for everybody. With the lock held. */
void pipeline_give_up(struct pipeline *p, int error, const struct why *w);

/* The stages: thread functions' bodies. They return when there is nothing left to do for them. */
void pipeline_feed(struct pipeline *p);
void pipeline_work(struct pipeline *p);
void pipeline_write(struct pipeline *p);

/* Parts of them, without the lock. */

/** The batch at p->next, the pass' pieces of it. Its looks are still to be chosen. */
MUST_USE int pipeline_build(struct pipeline *p, struct batch *b, struct why *w);
/** Read the stored bytes of what is fetched; what is side by side in the bundle with one read. b->stored has room. */
MUST_USE int pipeline_fetch(struct pipeline *p, struct batch *b, struct why *w);
/** Tell the source what comes next, by the plan. */
MUST_USE int pipeline_announce(struct pipeline *p, struct why *w);

struct worker;
MUST_USE int worker_new(struct pipeline *p, struct worker **ret, struct why *w);
void worker_free(struct worker *k);
/** Compare with the slot what is to be looked at. */
MUST_USE int worker_look(struct worker *k, struct batch *b, struct why *w);
/** Bring what the base has, and what of the target is needed to decode, to memory. What is not what it should be is fetched. */
MUST_USE int worker_gather(struct worker *k, struct batch *b, struct why *w);
/** Check and decode what was fetched, and fill zeros in. */
MUST_USE int worker_decode(struct worker *k, struct batch *b, struct why *w);

/** Say where the medium holds something else than it should, as p->differs has it. When all threads have ended. */
void pipeline_locate(struct pipeline *p, struct why *w);

#endif
