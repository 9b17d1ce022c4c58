/*
 * faultblk - a blk in front of another one that counts, fails on order, and lies on order. Safe for several threads.
 */
#ifndef TESTS_FAULTBLK_H
#define TESTS_FAULTBLK_H

#include <pthread.h>
#include <unistd.h>

#include "base/blk.h"

#define FAULT_NEVER UINT64_MAX

struct faultblk {
	struct blk blk; /* first: the product's seam */
	struct blk *to;
	pthread_mutex_t lock;
	/* orders */
	uint64_t fail_at;    /* number of the operation (from 0) that fails */
	bool vanish;         /* and all after it */
	int error;           /* negative errno */
	uint64_t lie_at;     /* byte of the device that is stored wrong when it is written; FAULT_NEVER */
	useconds_t delay_us; /* of every write, so that something can come in between */
	/* what happened */
	uint64_t ops, reads, writes, zeros, flushes;
	uint64_t read_bytes, written_bytes, zeroed_bytes;
	uint64_t last_end; /* where the last write or zeroing ended */
	bool descended;    /* a write or zeroing began before last_end */
	bool unflushed;    /* written or zeroed since the last flush */
};

/** In front of `to`, which is borrowed; counts from zero. */
void faultblk_init(struct faultblk *f, struct blk *to);

#endif
