/*
 * batch - how an install is cut into work: chunks gathered into batches, memory divided, when to look before writing.
 * Layer:  updater; decide. Pure but for memory.
 *
 * A batch is a run of neighbouring chunks that passes through the pipeline together (updater/pipeline.h): its raw bytes
 * lie in memory as they will lie on the slot, so that they are written in few large pieces.
 */
#ifndef UPDATER_BATCH_H
#define UPDATER_BATCH_H

#include "updater/chunks.h"
#include "updater/medium.h"

#define BATCH_PIECES_MAX     32u /* so that looking in vain is found out before too many are in flight */
#define PIPELINE_WORKERS_MAX 8u
#define PIPELINE_BYTES_MAX   (48u << 20) /* all buffers together */

/* What a pipeline takes. */
struct pipeline_size {
	unsigned int workers;
	size_t batch_bytes;  /* raw bytes of a batch, and room for its stored bytes */
	size_t check_bytes;  /* a worker's buffer for reading back */
	size_t batches;      /* in flight */
	size_t memory_bytes; /* all of these buffers */
};
/** Divide PIPELINE_BYTES_MAX. @workers wanted; @chunk_bytes longest chunk of the payload, at most CHUNK_BYTES_MAX. */
struct pipeline_size pipeline_size(unsigned int workers, uint32_t chunk_bytes);

/* A chunk on its way. */
struct piece {
	struct chunk chunk;
	size_t stored_at; /* in the batch's stored bytes */
	bool look;        /* compare with what the slot holds before anything else */
	bool want;        /* has to be written */
	bool blank;       /* written as a range of zeros, not from memory */
};

struct batch {
	uint64_t begin, end; /* raw offsets */
	size_t n;
	struct piece at[BATCH_PIECES_MAX];
	size_t stored_bytes; /* to be fetched for the pieces that are wanted; set by batch_lay_out() */
	uint8_t *raw;        /* batch_bytes of aligned memory each */
	uint8_t *stored;
};

/** Whether c, the next chunk of the payload, still fits. An empty batch takes any chunk. */
bool batch_fits(const struct batch *b, const struct chunk *c, size_t batch_bytes);
/** Add a chunk, to be written. */
void batch_add(struct batch *b, const struct chunk *c);
/** No more chunks: long runs of zeros become blank. */
void batch_close(struct batch *b);
/** Give the stored bytes of the wanted pieces their places, in the order of the pieces. */
void batch_lay_out(struct batch *b);
/** Range of the slot that a piece takes: its size rounded up to BLK_ALIGN (only the image's last one is not already). */
uint64_t piece_room(const struct piece *p);
/** What the slot should hold for it. */
struct span piece_span(const struct piece *p);

/*
 * Looking at the slot before writing saves writes and decoding where an interrupted install is continued, and costs
 * reading and hashing where something else was there before. After LOOK_MISSES misses in a row only every LOOK_EVERY-th
 * chunk is looked at, until one is right.
 */
#define LOOK_MISSES 32u
#define LOOK_EVERY  16u
struct look {
	unsigned int misses;  /* in a row */
	unsigned int skipped; /* since the last look */
};
bool look_ask(struct look *l);
void look_answer(struct look *l, bool same);

#endif
