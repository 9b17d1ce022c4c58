/*
 * batch - how an install is cut into work: chunks gathered into batches, memory divided, when to look before writing.
 * Layer:  updater; decide. Pure but for memory.
 *
 * A batch is whole groups of chunks that pass through the pipeline together (updater/pipeline.h): its raw bytes lie in
 * memory as they will lie on the slot, so that a chunk's prefix is right before it and neighbours are written in few large
 * pieces. Batch number i holds the raw bytes [i * batch_bytes, (i + 1) * batch_bytes).
 */
#ifndef UPDATER_BATCH_H
#define UPDATER_BATCH_H

#include "updater/chunks.h"
#include "updater/fetchplan.h"
#include "updater/medium.h"

#define PIPELINE_WORKERS_MAX 8u
#define PIPELINE_BYTES_MAX   (48u << 20) /* all buffers together */
#define PIPELINE_BYTES_USUAL                                                                                           \
	(13u << 20) /* where no number of workers is asked for; an encrypted payload's ring comes on top */

/* What a pipeline takes. */
struct pipeline_size {
	unsigned int workers;
	size_t batch_bytes;  /* raw bytes of a batch; a multiple of the group */
	size_t stored_bytes; /* of an encrypted payload: one ring for the stored bytes of all batches; else 0 */
	size_t check_bytes;  /* a worker's buffer for looking and reading back */
	size_t batches;      /* in flight */
	size_t memory_bytes; /* all of these buffers */
};
/**
 * Divide memory.
 * @workers      wanted: as many as fit into PIPELINE_BYTES_MAX; 0: one for each of `processors`, as far as PIPELINE_BYTES_USUAL
 *               goes
 * @group_bytes  at most CHUNK_BYTES_MAX
 * @encrypted    the payload is
 */
struct pipeline_size pipeline_size(unsigned int workers, unsigned int processors, uint32_t group_bytes, bool encrypted);

/* A chunk on its way; of a chunk of zeros the part that lies in the batch. */
struct piece {
	struct chunk chunk;
	uint64_t number; /* of the chunk in its table */
	enum chunk_fate fate;
	size_t stored_at; /* in the batch's stored bytes, if they do not fit */
	bool look;        /* compare with what the slot holds before anything else */
	bool want;        /* has to be written */
	bool blank;       /* written as a range of zeros, not from memory */
	bool need;        /* what is decoded behind it needs its bytes in memory */
	bool there;       /* its bytes are in memory, and right */
};

struct batch {
	uint64_t begin, end; /* raw offsets */
	size_t n;
	struct piece *at;    /* room for batch_pieces_max() */
	uint32_t *blocks;    /* where the base has block i of the batch; for the pieces with FATE_COPY */
	size_t stored_bytes; /* to be fetched that do not fit; set by batch_lay_out() */
	uint8_t *raw;        /* batch_bytes of aligned memory */
	uint8_t *stored;
};

/** Most pieces of a batch: none but the image's last one is shorter than CHUNK_ALIGN. */
size_t batch_pieces_max(size_t batch_bytes);
/** Begin again at this raw offset, without pieces. */
void batch_begin(struct batch *b, uint64_t at);
/** Add the next piece, to be written; it lies behind the one before. Returns it. */
struct piece *batch_add(struct batch *b, const struct chunk *c, uint64_t number);
/** No more pieces: long runs of zeros become blank. */
void batch_close(struct batch *b);
/** Set `need` by the prefixes of what is fetched. Returns whether a piece with FATE_HAVE is needed and not there. */
bool batch_mark_needs(struct batch *b);
/** Whether its stored bytes are to be fetched. */
bool piece_is_fetched(const struct piece *p);
/** Whether its stored bytes fit where its raw bytes go: only those of encrypted chunks may not. */
bool piece_fits(const struct piece *p);
/** Where its stored bytes go: if they fit, to the end of where its raw bytes go; else to the batch's stored bytes. */
uint8_t *piece_stored(const struct batch *b, const struct piece *p);
/** Whether its bytes come into memory. */
bool piece_in_memory(const struct piece *p);
/** Give the stored bytes of what is fetched and does not fit their places, in the order of the pieces. */
void batch_lay_out(struct batch *b);
/** Its place in the batch's raw bytes. */
uint8_t *piece_raw(const struct batch *b, const struct piece *p);
/** Range of the slot that a piece takes: its size rounded up to BLK_ALIGN (only the image's last one is not already). */
uint64_t piece_room(const struct piece *p);
/** What the slot should hold for it. */
struct span piece_span(const struct piece *p);

/*
 * Looking at the slot before writing saves writes and decoding where something of the image is there, and costs reading
 * and hashing where something else was there before. After LOOK_MISSES misses in a row only every LOOK_EVERY-th chunk is
 * looked at, until one is right.
 */
#define LOOK_MISSES 32u
#define LOOK_EVERY  64u
struct look {
	unsigned int misses;  /* in a row */
	unsigned int skipped; /* since the last look */
};
bool look_ask(struct look *l);
void look_answer(struct look *l, bool same);

#endif
