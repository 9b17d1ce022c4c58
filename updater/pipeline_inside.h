/*
 * pipeline_inside - what the stages of the pipeline share. Private to updater/pipeline*.c.
 *
 * A batch goes around a ring: free -> built by the feeder -> looked at by a worker -> its stored bytes read by the feeder ->
 * decoded by a worker -> written by the writer -> free. Feeder and writer keep the order, workers take the oldest they find.
 * One lock guards states and counters; the buffers of a batch belong to the stage that its state names.
 */
#ifndef UPDATER_PIPELINE_INSIDE_H
#define UPDATER_PIPELINE_INSIDE_H

#include <pthread.h>

#include "updater/decode.h"
#include "updater/pipeline.h"
#include "updater/writer.h"

#define LOG_SPANS 16384u

enum batch_state {
	BATCH_FREE,
	BATCH_LOOK,   /* waits for a worker to compare it with the slot */
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

struct pipeline {
	/* set once */
	const struct pipeline_job *job;
	struct pipeline_size size;
	/* the feeder's alone */
	struct chunks table;
	uint64_t next_chunk;
	struct chunk rest; /* of zeros, of the chunk before that: too long for one piece; raw_bytes is 0: nothing */
	/* the writer's alone */
	struct writer writer;

	pthread_mutex_t lock;   /* for everything below */
	pthread_cond_t changed; /* any of it */
	pthread_cond_t ended;   /* `running` became 0 */
	unsigned int running;   /* threads */
	struct ring_batch *ring;
	uint64_t built, fetched, written; /* batches so far; number i is ring[i % size.batches] */
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

#endif
