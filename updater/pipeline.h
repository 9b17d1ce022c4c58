/*
 * pipeline - from the chunks of a bundle to a slot, and back from the medium: bounded stages with threads between them.
 * Layer:  updater; act.
 * Trust:  the bundle's tables and chunks are hostile until checked, and so are target and base. No stored byte reaches the
 *         decoder before its hash has passed, and no byte of a chunk reaches the slot before that; what is copied from the
 *         base, or taken from the target as a prefix, has passed its raw hash before it is used.
 *
 * First the plan: a pass over the table that compares the target with it and looks chunks up in the base, and says of each
 * chunk whether the target has it, the base seems to have it, or it is fetched. Then the work:
 *
 *	feeder   makes batches of chunks, reads stored bytes, in ascending order
 *	workers  gather what is copied from the base, check and decode what was fetched, read back what was flushed
 *	writer   writes in ascending order, zeros as ranges, flushes every 64 MiB and at the end
 *
 * What was written is compared with its raw hash as the medium gives it back, after the flush. There is no state file:
 * an interrupted run is continued by running again, which passes over what is right.
 */
#ifndef UPDATER_PIPELINE_H
#define UPDATER_PIPELINE_H

#include "updater/batch.h"
#include "updater/bundle.h"

struct basemap;

struct pipeline_stats {
	bool planning;          /* the first pass goes on */
	uint64_t planned_bytes; /* how far it is; zeros do not count */
	uint64_t total_bytes;   /* of the image */
	uint64_t durable_bytes; /* from its front: right, and flushed */
	uint64_t skipped_bytes; /* right before */
	uint64_t written_bytes; /* from memory */
	uint64_t zeroed_bytes;  /* as ranges of zeros */
	uint64_t copied_bytes;  /* raw bytes that the base had */
	uint64_t fetched_bytes; /* stored bytes read from the bundle */
	uint64_t checked_bytes; /* read back and compared; with check_only all that was compared */
	uint64_t memory_bytes;  /* of all buffers */
	/* With check_only: chunks that differ, and the first of them. */
	uint64_t bad_chunks;
	uint64_t bad_at, bad_bytes;
};

struct pipeline_job {
	const struct bundle *bundle; /* with check_only the head is enough */
	const struct payload *payload;
	struct blk *to;
	/* Where to look for what need not be fetched, and which block is where; both or neither. Read only. */
	struct blk *base;
	const struct basemap *map;
	struct blk *origin; /* of a delta: the image that it was made from. Read only; NULL: such chunks are refused */
	bool check_only;    /* only compare; `to` may be open for reading */
	bool thorough; /* compare all of the target before anything is fetched, not only as long as that finds something */
	bool no_read_back;    /* what was written is not read again */
	unsigned int workers; /* 0: as many as processors, in little memory (pipeline_size()) */
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
 * error; -E2BIG the image does not fit; -ENOMEM, -EAGAIN. A base that cannot be read, or that holds other content than was
 * thought, is no error: what it does not have is fetched. An origin that is not what the delta was made from is -EBADMSG.
 */
MUST_USE int pipeline_run(const struct pipeline_job *job, struct pipeline_stats *ret, struct why *w);

/** Processors that this process may use; 1 or more. */
unsigned int pipeline_processors(void);

#endif
