/*
 * cut - where an image is cut into chunks: long runs of zeros by themselves, the rest at most so long, none across groups.
 * Layer:  updater; the builder's side only. Pure but for memory.
 *
 * Feed it the image from the front; what comes out depends on the bytes only, not on the pieces they come in.
 */
#ifndef UPDATER_CUT_H
#define UPDATER_CUT_H

#include "updater/chunks.h"

struct cut_rules {
	uint32_t chunk_bytes; /* of a chunk that is not zeros, at most; a multiple of CHUNK_ALIGN */
	uint32_t group_bytes; /* a multiple of CHUNK_ALIGN */
	uint32_t zero_bytes;  /* a run of zeros of so many is a chunk of its own; a multiple of CHUNK_ALIGN */
	uint32_t file_bytes;  /* a chunk of so many ends where a file seems to end; a multiple of CHUNK_ALIGN */
};

struct cut {
	uint32_t bytes;
	bool zero;
};

/* Fields are private but for the list, which is whole after cutter_end(). */
struct cutter {
	struct cut_rules rules;
	struct cut *at; /* owned */
	size_t n, room;
	uint64_t done;        /* bytes that are in the list */
	uint64_t data, zeros; /* behind them: data, and behind that zeros, that are not in it yet */
};

void cutter_begin(struct cutter *k, const struct cut_rules *rules);
/** The next bytes; all but the last ones a multiple of CHUNK_ALIGN. -ENOMEM. */
MUST_USE int cutter_add(struct cutter *k, struct bytes raw, struct why *w);
/** That was all. -ENOMEM. */
MUST_USE int cutter_end(struct cutter *k, struct why *w);
void cutter_done(struct cutter *k);

/** Blocks of an index over these chunks. */
uint64_t cutter_index_blocks(const struct cutter *k);

#endif
