#include "updater/chunks_build.h"

#include <assert.h>

#define SLICE 16u /* blocks hashed side by side */

void chunks_build_begin(struct chunks_build *b, struct payload *p, uint8_t *room)
{
	uint8_t *entries = room + chunks_list_bytes(p->chunks, p->index_blocks);

	assert(p->table_bytes == chunks_table_bytes(p->chunks, p->index_blocks));
	*b = (struct chunks_build){
		.payload = p, .table = room, .entry = entries, .index = entries + p->chunks * CHUNKS_ENTRY_BYTES
	};
}

const uint8_t *chunks_build_add(struct chunks_build *b, const struct chunk *c, const uint8_t *index)
{
	uint64_t blocks = b->payload->index_blocks ? chunk_index_blocks(c) : 0;
	uint8_t *entry = b->entry;

	assert(b->chunks < b->payload->chunks && blocks <= b->payload->index_blocks - b->at.index_at);
	if (b->chunks % CHUNKS_PER_PAGE == 0) {
		uint8_t *to = b->table + b->chunks / CHUNKS_PER_PAGE * CHUNKS_LIST_BYTES + HASH_BYTES;

		put_le64(to, b->at.raw_offset);
		put_le64(to + 8, b->at.index_at);
	}
	chunks_entry_format(c, entry);
	if (blocks)
		memcpy(b->index, index, (size_t)blocks * CHUNK_INDEX_BYTES);
	b->entry += CHUNKS_ENTRY_BYTES;
	b->index += blocks * CHUNK_INDEX_BYTES;
	b->at.raw_offset += c->raw_bytes;
	b->at.index_at += blocks;
	b->chunks++;
	return entry;
}

/* The hash of each page of n bytes at `from`, at every `step` bytes of the list. Returns where the list goes on. */
static uint8_t *hash_pages(const uint8_t *from, uint64_t n, size_t page_bytes, uint8_t *list, size_t step)
{
	while (n > 0) {
		size_t part = n < page_bytes ? (size_t)n : page_bytes;
		struct hash h = hash_of(bytes_of(from, part));

		memcpy(list, h.b, HASH_BYTES);
		list += step;
		from += part;
		n -= part;
	}
	return list;
}

void chunks_build_seal(struct chunks_build *b)
{
	struct payload *p = b->payload;
	uint8_t *entries = b->entry - p->chunks * CHUNKS_ENTRY_BYTES, *list = b->table;

	assert(b->chunks == p->chunks && b->at.index_at == p->index_blocks);
	list = hash_pages(entries, p->chunks * CHUNKS_ENTRY_BYTES, CHUNKS_PAGE_BYTES, list, CHUNKS_LIST_BYTES);
	(void)hash_pages(b->entry, p->index_blocks * CHUNK_INDEX_BYTES, CHUNKS_INDEX_PAGE_BYTES, list, HASH_BYTES);
	p->table_hash = hash_of(bytes_of(b->table, (size_t)chunks_list_bytes(p->chunks, p->index_blocks)));
}

/* Up to SLICE blocks. */
static void make_slice(struct bytes raw, uint8_t *ret)
{
	uint8_t padded[CHUNK_BLOCK_BYTES] = { 0 };
	struct bytes in[SLICE] = { { 0 } };
	struct hash got[SLICE];
	size_t n = 0;

	for (size_t at = 0; at < raw.n; at += CHUNK_BLOCK_BYTES) {
		size_t left = raw.n - at;

		if (left < CHUNK_BLOCK_BYTES)
			memcpy(padded, raw.p + at, left);
		in[n++] = bytes_of(left < CHUNK_BLOCK_BYTES ? padded : raw.p + at, CHUNK_BLOCK_BYTES);
	}
	hash_many(in, n, got);
	for (size_t i = 0; i < n; i++)
		memcpy(ret + i * CHUNK_INDEX_BYTES, got[i].b, CHUNK_INDEX_BYTES);
}

void chunks_index_make(struct bytes raw, uint8_t *ret)
{
	for (size_t at = 0; at < raw.n; at += SLICE * CHUNK_BLOCK_BYTES) {
		size_t left = raw.n - at, max = SLICE * CHUNK_BLOCK_BYTES;

		make_slice(bytes_of(raw.p + at, left < max ? left : max), ret);
		ret += SLICE * CHUNK_INDEX_BYTES;
	}
}
