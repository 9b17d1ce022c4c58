/*
 * chunks - the chunk table of one payload: read a page at a time, checked before it is believed.
 * Layer:  updater; the reading side.
 * Trust:  the list of pages is checked against the signed manifest, a page against the list, and then each entry against
 *         the limits below: an entry handed out can be used without another check.
 * Source: docs/formats/bundle.md, "Chunk tables".
 *
 * Promised of every entry of payload p: raw_offset is a multiple of CHUNK_ALIGN and is where the entry before ends (the
 * first begins at 0, the last ends at p->size_bytes), so that raw_bytes of each but the last is a multiple of it too.
 *
 *	               raw_bytes           stored_bytes  stored_offset, stored_hash    prefix_bytes
 *	CHUNK_ZERO     1..CHUNK_ZERO_MAX   0             0; raw_hash is 0 too          0
 *	CHUNK_RAW      1..p->chunk_bytes   raw_bytes     in the payload area           0
 *	CHUNK_ZSTD     1..p->chunk_bytes   1..raw - 1    in the payload area           up to raw_offset % p->group_bytes
 *	CHUNK_COPY     1..p->chunk_bytes   0             offset in the base; hash 0    0
 *	CHUNK_ZSTD_REF 1..p->chunk_bytes   1..raw - 1    in the payload area           0
 *
 * In an encrypted bundle what is stored has a tag of SEAL_TAG_BYTES behind it, which counts.
 * No chunk but CHUNK_ZERO crosses a multiple of p->group_bytes. The last two are there only if p->base_bytes is not 0.
 */
#ifndef UPDATER_CHUNKS_H
#define UPDATER_CHUNKS_H

#include "updater/manifest.h"
#include "updater/source.h"

#define CHUNKS_ENTRY_BYTES      88u
#define CHUNKS_PER_PAGE         4096u
#define CHUNKS_PAGE_BYTES       ((size_t)CHUNKS_ENTRY_BYTES * CHUNKS_PER_PAGE)
#define CHUNKS_LIST_BYTES       48u /* of a page of entries, in the list; a page of the index has its hash only */
#define CHUNK_BLOCK_BYTES       4096u
#define CHUNK_INDEX_BYTES       6u /* of a block, in the index */
#define CHUNKS_INDEX_PER_PAGE   16384u
#define CHUNKS_INDEX_PAGE_BYTES ((size_t)CHUNK_INDEX_BYTES * CHUNKS_INDEX_PER_PAGE)
#define CHUNK_ZERO_MAX          (1u << 30)

enum chunk_encoding { CHUNK_ZERO = 0, CHUNK_RAW = 1, CHUNK_ZSTD = 2, CHUNK_COPY = 3, CHUNK_ZSTD_REF = 4 };

struct chunk {
	uint64_t raw_offset;    /* in the payload's raw bytes */
	uint64_t stored_offset; /* in the bundle's payload area; CHUNK_COPY: in the base, of any alignment */
	uint64_t index_at;      /* number of its first block in the index (of CHUNK_ZERO: of the next chunk's) */
	uint32_t raw_bytes;
	uint32_t stored_bytes;
	uint32_t prefix_bytes; /* CHUNK_ZSTD: so much of what is before it in the payload is needed to decode it */
	enum chunk_encoding encoding;
	struct hash raw_hash;    /* of the decoded bytes; all zero for CHUNK_ZERO, which is checked by looking */
	struct hash stored_hash; /* of the stored bytes; all zero where none are stored */
};

/* What entries are held to. */
struct chunks_limits {
	uint64_t size_bytes;    /* raw size of the payload */
	uint32_t chunk_bytes;   /* longest chunk but for zeros */
	uint32_t group_bytes;   /* not 0 */
	uint64_t payload_bytes; /* size of the payload area */
	uint64_t base_bytes;    /* size of the base; 0: there is none */
	uint64_t index_blocks;  /* 0: no index */
	uint32_t tag_bytes;     /* SEAL_TAG_BYTES behind what is stored of a chunk in an encrypted bundle, else 0 */
};

/* Where a chunk is: sums over the entries before it. */
struct chunk_place {
	uint64_t raw_offset, index_at;
};

/* A table that is open. One page of each sort is in memory; not to be shared between threads. Fields are private. */
struct chunks {
	struct source *src;
	const struct payload *payload;
	const struct content_key *key; /* of an encrypted bundle */
	struct chunks_limits limits;
	uint64_t at; /* of the table, in the source */
	uint64_t pages, index_pages;
	uint64_t loaded, index_loaded; /* which page is in memory; UINT64_MAX: none */
	uint8_t *list;                 /* checked */
	uint8_t *page;
	struct chunk_place *places; /* of the page's entries, and of the one behind it */
	uint8_t *index;             /* a page of it; NULL until it is asked for */
};

/** Blocks of the index that a chunk of a payload with an index takes. */
uint64_t chunk_index_blocks(const struct chunk *c);
/** Bytes of a table: list, entries, index. Numbers are below MANIFEST_TABLES_MAX. */
uint64_t chunks_table_bytes(uint64_t chunks, uint64_t index_blocks);
/** What the table of p takes, with its tags in an encrypted bundle: what p->table_bytes has to be. */
uint64_t payload_table_bytes(const struct payload *p);
/** Bytes of its list alone. */
uint64_t chunks_list_bytes(uint64_t chunks, uint64_t index_blocks);

/**
 * Open the table of payload p: reads and checks its list (bundle_chunks() is the usual way here).
 * @at             where the table begins in the source
 * @payload_bytes  size of the bundle's payload area
 * @ret            borrows src and p; ended by chunks_done()
 * Returns 0; -EBADMSG the list is not what the manifest says; -ENOMEM; or the source's error.
 */
MUST_USE int chunks_open(struct source *src, uint64_t at, uint64_t payload_bytes, const struct payload *p,
			 struct chunks *ret, struct why *w);
/** The key of an encrypted bundle, borrowed; before anything is got. */
void chunks_unlock(struct chunks *t, const struct content_key *key);
void chunks_done(struct chunks *t);

/** Entry i (below p->chunks, else -EINVAL), reading and checking its page when another one is in memory. -EBADMSG. */
MUST_USE int chunks_get(struct chunks *t, uint64_t i, struct chunk *ret, struct why *w);
/**
 * The short hashes of n blocks of the index from number `at` on: the first CHUNK_INDEX_BYTES of each block's BLAKE2b-256,
 * a last, short block filled up with zeros. They lie one after the other in ret.
 * Returns 0; -EINVAL outside of the index; -EBADMSG; -ENOMEM; or the source's error.
 */
MUST_USE int chunks_index(struct chunks *t, uint64_t at, size_t n, uint8_t *ret, struct why *w);

/** The bytes of one entry. */
void chunks_entry_format(const struct chunk *c, uint8_t out[CHUNKS_ENTRY_BYTES]);
/**
 * Decode and check a page's entries. Pure.
 * @first   index of entries[0] in the table, for reasons
 * @places  room for one more than there are entries; places[0] is where the page begins, the others are filled in
 */
MUST_USE int chunks_page_check(struct bytes entries, uint64_t first, const struct chunks_limits *l,
			       struct chunk_place *places, struct why *w);
/** Decode one entry of a page that chunks_page_check() has passed; i is inside it. Its place is 0. */
struct chunk chunks_entry(struct bytes entries, size_t i);

#endif
