#include "updater/chunks_build.h"

#include <assert.h>

#define SLICE 16u /* blocks hashed side by side */

void chunks_build_begin(struct chunks_build *b, struct payload *p, uint8_t *room)
{
	uint8_t *entries = room + chunks_list_bytes(p->chunks, p->index_blocks);

	assert(p->table_bytes == payload_table_bytes(p));
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

/* Pages of one sort. */
struct pages {
	enum seal_kind kind;
	uint64_t bytes; /* in clear, of all */
	size_t page_bytes;
	uint8_t *at; /* the first one, without tags */
	uint8_t *to; /* with them */
	uint8_t *list;
	size_t step; /* in the list */
};

static size_t page_at(const struct pages *s, uint64_t page)
{
	uint64_t left = s->bytes - page * s->page_bytes;

	return left < s->page_bytes ? (size_t)left : s->page_bytes;
}

/* From the last page on, since each makes room for its tag. */
static void encrypt_pages(const struct pages *s, const struct payload *p, const struct content_key *key)
{
	for (uint64_t i = (s->bytes + s->page_bytes - 1) / s->page_bytes; i-- > 0;) {
		size_t n = page_at(s, i);
		uint8_t *to = s->to + i * (s->page_bytes + p->tag_bytes);

		memmove(to, s->at + i * s->page_bytes, n);
		seal_lock(key,
			  &(struct seal_place){
				  .kind = s->kind, .payload = p->number, .at = i, .raw_bytes = (uint32_t)n },
			  bytes_of(to, n), to);
	}
}

static void hash_pages(const struct pages *s, uint32_t tag_bytes)
{
	for (uint64_t i = 0; i * s->page_bytes < s->bytes; i++) {
		struct hash h = hash_of(bytes_of(s->to + i * (s->page_bytes + tag_bytes), page_at(s, i) + tag_bytes));

		memcpy(s->list + i * s->step, h.b, HASH_BYTES);
	}
}

static uint64_t tags_of(uint64_t n, uint64_t per_page, uint32_t tag_bytes)
{
	return (n + per_page - 1) / per_page * tag_bytes;
}

void chunks_build_seal(struct chunks_build *b)
{
	struct payload *p = b->payload;
	uint64_t n = chunks_list_bytes(p->chunks, p->index_blocks);
	struct pages entries = { .kind = SEAL_ENTRIES,
				 .bytes = p->chunks * CHUNKS_ENTRY_BYTES,
				 .page_bytes = CHUNKS_PAGE_BYTES,
				 .at = b->table + n,
				 .to = b->table + n,
				 .list = b->table,
				 .step = CHUNKS_LIST_BYTES };
	struct pages index = { .kind = SEAL_INDEX,
			       .bytes = p->index_blocks * CHUNK_INDEX_BYTES,
			       .page_bytes = CHUNKS_INDEX_PAGE_BYTES,
			       .at = entries.at + entries.bytes,
			       .step = HASH_BYTES };

	assert(b->chunks == p->chunks && b->at.index_at == p->index_blocks && !b->key == !p->tag_bytes);
	index.to = index.at + tags_of(p->chunks, CHUNKS_PER_PAGE, p->tag_bytes);
	index.list = b->table + (p->chunks + CHUNKS_PER_PAGE - 1) / CHUNKS_PER_PAGE * CHUNKS_LIST_BYTES;
	if (b->key) {
		encrypt_pages(&index, p, b->key);
		encrypt_pages(&entries, p, b->key);
	}
	hash_pages(&entries, p->tag_bytes);
	hash_pages(&index, p->tag_bytes);
	p->table_hash = hash_of(bytes_of(b->table, (size_t)n));
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
