/*
 * chunks - the chunk table of one payload: read a page at a time, checked before it is believed.
 * Layer:  updater; the reading side.
 * Trust:  the list of page hashes is checked against the signed manifest, a page against the list, and then each entry
 *         against the limits below: an entry handed out can be used without another check.
 * Source: docs/formats/bundle.md, "Chunk tables".
 *
 * Promised of every entry of payload p: raw_bytes is 1..p->chunk_bytes; raw_offset is a multiple of CHUNK_ALIGN and is
 * where the entry before ends (the first begins at 0, the last ends at p->size_bytes); CHUNK_ZERO stores nothing,
 * CHUNK_RAW exactly raw_bytes, CHUNK_ZSTD 1 to raw_bytes - 1; what is stored lies inside the bundle's payload area.
 * That an entry begins where its neighbour on another page ends is checked as soon as both pages were read.
 */
#ifndef UPDATER_CHUNKS_H
#define UPDATER_CHUNKS_H

#include "updater/manifest.h"
#include "updater/source.h"

#define CHUNKS_ENTRY_BYTES 96u
#define CHUNKS_PER_PAGE    4096u
#define CHUNKS_PAGE_BYTES  ((size_t)CHUNKS_ENTRY_BYTES * CHUNKS_PER_PAGE)

enum chunk_encoding { CHUNK_ZERO = 0, CHUNK_RAW = 1, CHUNK_ZSTD = 2 };

struct chunk {
	uint64_t raw_offset;    /* in the payload's raw bytes */
	uint64_t stored_offset; /* in the bundle's payload area */
	uint32_t raw_bytes;
	uint32_t stored_bytes;
	enum chunk_encoding encoding;
	struct hash raw_hash;    /* of the decoded bytes (of CHUNK_ZERO: of that many zeros) */
	struct hash stored_hash; /* of the stored bytes; all zero for CHUNK_ZERO */
};

/* What entries are held to. */
struct chunks_limits {
	uint64_t size_bytes;    /* raw size of the payload */
	uint32_t chunk_bytes;   /* longest chunk */
	uint64_t payload_bytes; /* size of the payload area */
};

/* A table that is open. One page is in memory; not to be shared between threads. Fields are private. */
struct chunks {
	struct source *src;
	const struct payload *payload;
	struct chunks_limits limits;
	uint64_t at; /* of the table, in the source */
	uint64_t pages;
	uint64_t loaded;   /* which page is in `page`; UINT64_MAX: none */
	uint64_t *edges;   /* raw offset at which page i begins (pages + 1 of them); UINT64_MAX: not known yet */
	struct hash *list; /* page hashes, checked */
	uint8_t *page;
};

/** Bytes of a table of n entries: list and entries. n is at most MANIFEST_TABLES_MAX / CHUNKS_ENTRY_BYTES. */
uint64_t chunks_table_bytes(uint64_t n);

/**
 * Open the table of payload p: reads and checks its list (bundle_chunks() is the usual way here).
 * @at             where the table begins in the source
 * @payload_bytes  size of the bundle's payload area
 * @ret            borrows src and p; ended by chunks_done()
 * Returns 0; -EBADMSG the list is not what the manifest says; -ENOMEM; or the source's error.
 */
MUST_USE int chunks_open(struct source *src, uint64_t at, uint64_t payload_bytes, const struct payload *p,
			 struct chunks *ret, struct why *w);
void chunks_done(struct chunks *t);

/** Entry i (below p->chunks, else -EINVAL), reading and checking its page when another one is in memory. -EBADMSG. */
MUST_USE int chunks_get(struct chunks *t, uint64_t i, struct chunk *ret, struct why *w);

/** The bytes of one entry. */
void chunks_entry_format(const struct chunk *c, uint8_t out[CHUNKS_ENTRY_BYTES]);
/**
 * Decode and check n entries. Pure.
 * @first      index of entries[0] in the table, for reasons
 * @ret_begin  raw offset of the first entry
 * @ret_end    where the last entry ends
 */
MUST_USE int chunks_page_check(struct bytes entries, uint64_t first, const struct chunks_limits *l, uint64_t *ret_begin,
			       uint64_t *ret_end, struct why *w);
/** Decode one entry of a page that chunks_page_check() has passed; i is inside it. */
struct chunk chunks_entry(struct bytes entries, size_t i);

#endif
