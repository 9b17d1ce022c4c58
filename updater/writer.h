/*
 * writer - writes to a slot in ascending order: zeros coalesced, flushes paced.
 * Layer:  updater; act. For one thread.
 *
 * A flush now and then keeps the device's own cache small, so that progress is real and the last flush is short.
 */
#ifndef UPDATER_WRITER_H
#define UPDATER_WRITER_H

#include "base/blk.h"

struct writer {
	struct blk *to;           /* borrowed */
	uint64_t zero_at, zero_n; /* zeros that are still to be written; they end where the next zeros may begin */
	uint64_t unflushed_bytes; /* since the last flush */
	uint64_t written_bytes, zeroed_bytes; /* all, each once it was written */
};

/** n bytes; offset, size and buffer aligned for the device. */
MUST_USE int writer_put(struct writer *wr, const void *buf, size_t n, uint64_t at, struct why *w);
/** n zeros. They may be written later, with what follows them, but before anything else and before a flush. */
MUST_USE int writer_zero(struct writer *wr, uint64_t n, uint64_t at, struct why *w);
/** Everything given to the writer is on the medium when this returns 0. Also flushes when nothing was written. */
MUST_USE int writer_flush(struct writer *wr, struct why *w);

#endif
