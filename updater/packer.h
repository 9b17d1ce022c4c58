/*
 * packer - chunks encoded by several threads, handed out in the order they were put in; memory is bounded.
 * Layer:  updater; the builder's side only. One thread puts in and takes out.
 *
 *	while (more) {
 *		if (packer_full(p))
 *			take one, use it, packer_release(p);
 *		fill packer_room(p), packer_put(p, n);
 *	}
 *	while (packer_take(p, &done))
 *		use it, packer_release(p);
 */
#ifndef UPDATER_PACKER_H
#define UPDATER_PACKER_H

#include "updater/chunks_build.h"
#include "updater/encode.h"

#define PACKER_THREADS_MAX 64u

struct packer;

/* One encoded chunk; stored_offset and raw_offset are the caller's to fill. */
struct packed {
	struct chunk chunk;
	struct bytes stored;  /* valid until packer_release(), as is the next */
	const uint8_t *index; /* short hashes of its blocks */
	int error;            /* 0; otherwise a negative errno, and nothing else counts */
	struct why why;
};

/**
 * Start the threads.
 * @chunk_bytes  longest chunk; memory is about (2 * threads + 2) times twice that, and what zstd takes for each thread
 * Returns 0; -EINVAL bad level; -ENOMEM; -EAGAIN no threads.
 */
MUST_USE int packer_new(unsigned int threads, uint32_t chunk_bytes, int level, struct packer **ret, struct why *w);
/** Stop the threads, dropping what was not taken. NULL is fine. */
void packer_free(struct packer *p);

/** Whether one has to be taken out before another can be put in. */
bool packer_full(const struct packer *p);
/** Where the next chunk's raw bytes go; not when packer_full(). */
uint8_t *packer_room(struct packer *p);
/** n bytes were written to packer_room(). */
void packer_put(struct packer *p, size_t n);
/** The oldest chunk, waiting for it; false when there is none. */
bool packer_take(struct packer *p, struct packed *ret);
/** Give its buffers back. */
void packer_release(struct packer *p);

#endif
