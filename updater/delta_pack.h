/*
 * delta_pack - the chunks of an image encoded against a base by several threads, handed out in order; memory is bounded.
 * Layer:  updater; the builder's side only. One thread takes out. The result does not depend on the number of threads.
 */
#ifndef UPDATER_DELTA_PACK_H
#define UPDATER_DELTA_PACK_H

#include "updater/cut.h"
#include "updater/delta_encode.h"
#include "updater/encode.h"

#define DELTA_THREADS_MAX 64u

/* What is packed; all borrowed. */
struct delta_job {
	const struct delta_index *index;
	struct bytes image;
	const struct cutter *cuts; /* of the image; those of zeros are passed over */
	uint32_t chunk_bytes;
	int level;
	unsigned int threads;
};

/* One encoded chunk; where it is stored is the caller's to fill in. */
struct delta_packed {
	struct encoded x; /* valid until delta_pack_release() */
	int error;        /* 0; otherwise a negative errno, and nothing else counts */
	struct why why;
};

struct delta_pack;

/**
 * Start the threads.
 * Memory for each thread: about 60 MiB at level 19, and three times chunk_bytes.
 * Returns 0; -EINVAL (usage) bad level; -ENOMEM; -EAGAIN no threads.
 */
MUST_USE int delta_pack_new(const struct delta_job *job, struct delta_pack **ret, struct why *w);
/** Stop the threads, dropping what was not taken. NULL is fine. */
void delta_pack_free(struct delta_pack *p);
/** The next chunk that is not of zeros, waiting for it. There is one for each such cut. */
void delta_pack_take(struct delta_pack *p, struct delta_packed *ret);
/** Give its buffer back. */
void delta_pack_release(struct delta_pack *p);

#endif
