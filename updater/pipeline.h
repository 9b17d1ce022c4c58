/*
 * pipeline - from the chunks of a bundle to a slot, and back from the medium: bounded stages with threads between them.
 * Layer:  updater; act.
 * Trust:  the bundle's tables and chunks are hostile until checked. No stored byte reaches the decoder before its hash
 *         has passed, and no byte of a chunk reaches the slot before that.
 *
 *	feeder   reads the chunk table, gathers batches, reads stored bytes, in ascending order
 *	workers  compare what the slot holds (and pass over what is right), check and decode, read back what was flushed
 *	writer   writes in ascending order, zeros as ranges, flushes every 64 MiB and at the end
 *
 * What was written is compared with its raw hash as the medium gives it back, after the flush. There is no state file:
 * an interrupted run is continued by running again, which passes over what is right.
 */
#ifndef UPDATER_PIPELINE_H
#define UPDATER_PIPELINE_H

#include "updater/batch.h"
#include "updater/bundle.h"

struct pipeline_stats {
	uint64_t total_bytes;   /* of the image */
	uint64_t durable_bytes; /* from its front: right, and flushed */
	uint64_t skipped_bytes; /* right before */
	uint64_t written_bytes; /* from memory */
	uint64_t zeroed_bytes;  /* as ranges of zeros */
	uint64_t fetched_bytes; /* stored bytes read from the bundle */
	uint64_t checked_bytes; /* read back and compared; with check_only all that was compared */
	/* With check_only: chunks that differ, and the first of them. */
	uint64_t bad_chunks;
	uint64_t bad_at, bad_bytes;
};

struct pipeline_job {
	const struct bundle *bundle; /* with check_only the head is enough */
	const struct payload *payload;
	struct blk *to;
	bool check_only; /* only compare; `to` may be open for reading */
	unsigned int workers;
	/* To name places on the disk in reasons: where the slot begins, and the disk's sectors; 0: 512-byte sectors of the slot */
	uint64_t disk_offset;
	uint32_t sector_bytes;
	/* Called by the thread that runs the pipeline, about ten times a second. Both may be NULL. */
	void (*step)(void *arg, const struct pipeline_stats *s);
	bool (*cancelled)(void *arg); /* true: end cleanly at a chunk's edge */
	void *arg;
};

/**
 * Run it to its end. Chunks that differ are no failure with check_only: see bad_chunks.
 * @ret  filled in any case
 * Returns 0 when all of the payload is on the medium and was found right there; -ECANCELED what was written is flushed;
 * -EBADMSG the bundle is damaged (nothing of the damaged chunk was written); -EIO reads back different, or the device's
 * error; -E2BIG the image does not fit; -ENOMEM, -EAGAIN.
 */
MUST_USE int pipeline_run(const struct pipeline_job *job, struct pipeline_stats *ret, struct why *w);

/** Processors that this process may use, for `workers`; 1 or more. */
unsigned int pipeline_processors(void);

#endif
