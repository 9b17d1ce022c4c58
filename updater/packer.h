/*
 * packer - groups of chunks encoded by several threads, handed out in the order they were put in; memory is bounded.
 * Layer:  updater; the builder's side only. One thread puts in and takes out.
 *
 *	while (more) {
 *		if (packer_full(p))
 *			take one, use it, packer_release(p);
 *		fill packer_room(p), packer_put(p, cuts, n);
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

/* One encoded group. What is pointed to is valid until packer_release(). */
struct packed {
	struct encoded *at; /* as many as there were cuts */
	size_t n;
	const uint8_t *index; /* short hashes of the blocks of those that are not zeros, one after the other */
	int error;            /* 0; otherwise a negative errno, and nothing else counts */
	struct why why;
};

/**
 * Start the threads.
 * @group_bytes  longest group; memory is about (2 * threads + 2) times twice that, and what zstd takes for each thread
 * Returns 0; -EINVAL bad level; -ENOMEM; -EAGAIN no threads.
 */
MUST_USE int packer_new(unsigned int threads, uint32_t group_bytes, int level, struct packer **ret, struct why *w);
/** Stop the threads, dropping what was not taken. NULL is fine. */
void packer_free(struct packer *p);

/** Whether one has to be taken out before another can be put in. */
bool packer_full(const struct packer *p);
/** Where the next group's raw bytes go; not when packer_full(). */
uint8_t *packer_room(struct packer *p);
/** packer_room() was filled with what these cuts cover; they are borrowed until they were taken. See encoder_group(). */
void packer_put(struct packer *p, const struct cut *cuts, size_t n);
/** The oldest group, waiting for it; false when there is none. */
bool packer_take(struct packer *p, struct packed *ret);
/** Give its buffers back. */
void packer_release(struct packer *p);

#endif
