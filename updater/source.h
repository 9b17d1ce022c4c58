/*
 * source - where a bundle's bytes come from: a file or block device, memory, a region behind base/blk, standard input, or
 * a web server (updater/source_http.h).
 * Layer:  updater; the reading side only, so that it can be linked without the rest.
 * Trust:  whatever is read is hostile until its reader has checked it.
 *
 * Offsets and sizes are bytes from the start of the bundle. Readers ask in ascending order where they can (header,
 * signatures, manifest, tables, payload), so that a source which can only go forward, or pays for each jump, serves them.
 */
#ifndef UPDATER_SOURCE_H
#define UPDATER_SOURCE_H

#include <stdint.h>

#include "base/blk.h"
#include "base/bytes.h"
#include "base/why.h"

/* Bytes [at, at + bytes) of the bundle. */
struct source_range {
	uint64_t at, bytes;
};

/* What reading cost so far. All zero where nothing is fetched. */
struct source_stats {
	uint64_t requests;
	uint64_t received_bytes; /* on the way of content, without headers */
	uint64_t twice_bytes;    /* of these, received before */
	uint64_t memory_bytes;   /* buffers, at most */
};

struct source;
struct source_ops {
	/* All n bytes at off, or an error; [off, off+n) is inside size_bytes. Called from several threads at once. */
	int (*read)(struct source *s, void *buf, size_t n, uint64_t off, struct why *w);
	/* See source_expect(). NULL where knowing ahead is worth nothing. */
	void (*expect)(struct source *s, const struct source_range *r, size_t n);
	/* NULL: all zero. */
	struct source_stats (*stats)(struct source *s);
	void (*close)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	const char *name;    /* for reasons; borrowed */
	uint64_t size_bytes; /* there may be more than the bundle (a block device): the rest is ignored */
	int fd;              /* of source_file(); -1 otherwise */
	struct bytes memory; /* of source_memory() */
	struct blk *blk;     /* of source_blk() */
	uint64_t blk_offset;
	struct source *head, *rest; /* of source_joined() */
	void *own;                  /* of others */
	const char *manner;         /* for people: how it is read */
};

/** A regular file or block device at path, which is borrowed. Ended by source_close(). */
MUST_USE int source_file(const char *path, struct source *ret, struct why *w);
/** Bytes in memory, borrowed. */
struct source source_memory(struct bytes b, const char *name);
/** The region [offset, offset+size) of a device that is open already, borrowed; no alignment is asked of the reader. */
struct source source_blk(struct blk *b, uint64_t offset, uint64_t size_bytes);
/**
 * Standard input, which can only go forward: of what was read the last STREAM_WINDOW_BYTES are kept, and a read of what was
 * before them is -ESPIPE. Its size is not known: size_bytes is UINT64_MAX.
 */
MUST_USE int source_stdin(struct source *ret, struct why *w);
/**
 * Two copies of the same bundle as one: [0, head->size_bytes) of `head`, the rest of `rest`; both borrowed. For a source that
 * pays for each read, and whose head is kept elsewhere.
 */
struct source source_joined(struct source *head, struct source *rest);
/** End a source; one that was never opened (all zero) is fine. */
void source_close(struct source *s);

/** Exactly n bytes at off. -EBADMSG when that is past the end (a truncated bundle); -EIO and others from the device. */
MUST_USE int source_read(struct source *s, void *buf, size_t n, uint64_t off, struct why *w);

/**
 * Say what will be read, so that a source that pays for each request fetches ahead and asks for neighbours together. A hint:
 * a read nobody announced succeeds too, and an announced range need not be read. Call it again and again with what comes
 * next, from one thread; the calls together announce ranges in the order of their use, ascending, none twice. What lies
 * between two ranges is not wanted. A read within an announced range may cover it in parts, in ascending order.
 * Errors of fetching ahead are told by the read that wants the bytes.
 */
void source_expect(struct source *s, const struct source_range *r, size_t n);
/** Whether it pays for each read: what is read several times should be kept. */
bool source_pays(const struct source *s);
/** What it cost. */
struct source_stats source_stats(struct source *s);

#endif
