/*
 * fuzz_chunks - any bytes as a page of a chunk table and, behind it, as what is stored. Entries that are taken keep the
 * promises of updater/chunks.h; what is stored reaches zstd only with the right hash, which is put in here so that the
 * decoder is reached at all.
 *
 * Input: u64 size, u64 payload area, u64 base, u64 blocks in the index, u64 raw offset and u64 block where the page begins,
 * u16 chunk size (the highest bit: encrypted) and u16 group size in 4 KiB, u8 number of entries; entries; payload area. In an
 * encrypted bundle what is stored is what is in clear there, encrypted here: the tag of other bytes is refused.
 */
#include <stdlib.h>

#include "updater/decode.h"

#define HEAD_BYTES  53u
#define CHUNK_LIMIT (64u << 10)
#define GROUP_LIMIT (128u << 10)

static void must(bool promise)
{
	if (!promise)
		abort();
}

static void check_entry(const struct chunk *c, uint64_t at, const struct chunks_limits *l)
{
	uint64_t in_group = at % l->group_bytes;
	bool based = c->encoding == CHUNK_COPY || c->encoding == CHUNK_ZSTD_REF;

	must(at % CHUNK_ALIGN == 0 && c->raw_bytes > 0 && at + c->raw_bytes <= l->size_bytes);
	must(c->raw_bytes <= (c->encoding == CHUNK_ZERO ? CHUNK_ZERO_MAX : l->chunk_bytes));
	must(c->encoding == CHUNK_ZERO || in_group + c->raw_bytes <= l->group_bytes);
	must(c->prefix_bytes <= in_group && (c->encoding == CHUNK_ZSTD || c->prefix_bytes == 0));
	must((c->encoding != CHUNK_ZERO && c->encoding != CHUNK_COPY) || c->stored_bytes == 0);
	must(c->encoding != CHUNK_RAW || c->stored_bytes == c->raw_bytes + l->tag_bytes);
	must((c->encoding != CHUNK_ZSTD && c->encoding != CHUNK_ZSTD_REF) ||
	     (c->stored_bytes > l->tag_bytes && c->stored_bytes - l->tag_bytes < c->raw_bytes));
	must(!based || l->base_bytes > 0);
	if (c->encoding == CHUNK_COPY)
		must(c->stored_offset <= l->base_bytes && l->base_bytes - c->stored_offset >= c->raw_bytes);
	else
		must(c->stored_offset + c->stored_bytes >= c->stored_offset &&
		     c->stored_offset + c->stored_bytes <= l->payload_bytes);
}

/* What would be there in an encrypted bundle. */
static struct bytes encrypt(const struct chunk *c, struct bytes stored, const struct content_key *key)
{
	static uint8_t sealed[CHUNK_LIMIT + SEAL_TAG_BYTES];
	const struct seal_place place = { .kind = SEAL_CHUNK, .at = c->stored_offset, .raw_bytes = c->raw_bytes };

	seal_lock(key, &place, bytes_of(stored.p, stored.n - SEAL_TAG_BYTES), sealed);
	return bytes_of(sealed, stored.n);
}

static void decode(struct chunk c, struct bytes payload, bool encrypted)
{
	static const struct content_key key = { .key = { 1, 2, 3 } };
	static uint8_t group[GROUP_LIMIT + CHUNK_LIMIT];
	static struct decoder d;
	uint8_t *raw = group + c.prefix_bytes;
	struct bytes stored;

	if (!d.zstd)
		must(decoder_init(&d, NULL) == 0);
	if (c.raw_bytes > CHUNK_LIMIT || bytes_sub(payload, (size_t)c.stored_offset, c.stored_bytes, &stored))
		return;
	d.key = encrypted ? &key : NULL;
	if (encrypted && stored.n > 0) {
		c.stored_hash = hash_of(stored);
		must(decoder_chunk(&d, &c, stored, raw, NULL) == -EBADMSG);
		stored = encrypt(&c, stored, &key);
	}
	if (stored.n > 0) {
		struct hash real = hash_of(stored);

		c.stored_hash = real;
		c.stored_hash.b[0] ^= 1;
		must(decoder_chunk(&d, &c, stored, raw, NULL) == -EBADMSG);
		c.stored_hash = real;
	}
	(void)!decoder_chunk(&d, &c, stored, raw, NULL);
	(void)chunk_raw_matches(&c, raw);
}

static void check_page(struct bytes entries, struct bytes payload, struct chunk_place begin,
		       const struct chunks_limits *l)
{
	struct chunk_place places[256] = { begin };

	if (chunks_page_check(entries, 0, l, places, NULL))
		return;
	for (size_t i = 0; i < entries.n / CHUNKS_ENTRY_BYTES; i++) {
		struct chunk c = chunks_entry(entries, i);
		uint8_t again[CHUNKS_ENTRY_BYTES];

		check_entry(&c, places[i].raw_offset, l);
		must(places[i + 1].raw_offset == places[i].raw_offset + c.raw_bytes);
		must(places[i + 1].index_at == places[i].index_at + (l->index_blocks ? chunk_index_blocks(&c) : 0));
		must(places[i + 1].index_at <= l->index_blocks);
		chunks_entry_format(&c, again);
		must(memcmp(again, entries.p + i * CHUNKS_ENTRY_BYTES, sizeof(again)) == 0);
		decode(c, payload, l->tag_bytes > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes in = bytes_of(data, n), entries, payload;
	struct chunk_place begin = { 0 };
	struct chunks_limits l = { 0 };
	uint16_t chunk = 0, group = 0;
	uint8_t count = 0;

	if (bytes_le64(in, 0, &l.size_bytes) || bytes_le64(in, 8, &l.payload_bytes) ||
	    bytes_le64(in, 16, &l.base_bytes) || bytes_le64(in, 24, &l.index_blocks) ||
	    bytes_le64(in, 32, &begin.raw_offset) || bytes_le64(in, 40, &begin.index_at) ||
	    bytes_le16(in, 48, &chunk) || bytes_le16(in, 50, &group) || bytes_u8(in, 52, &count))
		return 0;
	l.size_bytes &= INT64_MAX; /* as in a manifest */
	l.index_blocks &= INT64_MAX;
	begin.raw_offset -= begin.raw_offset % CHUNK_ALIGN;
	begin.index_at %= l.index_blocks + 1;
	l.tag_bytes = chunk & 0x8000 ? SEAL_TAG_BYTES : 0;
	l.chunk_bytes = (chunk % (CHUNK_LIMIT / CHUNK_ALIGN) + 1) * CHUNK_ALIGN;
	l.group_bytes = l.chunk_bytes + group % ((GROUP_LIMIT - CHUNK_LIMIT) / CHUNK_ALIGN + 1) * CHUNK_ALIGN;
	if (bytes_sub(in, HEAD_BYTES, (size_t)count * CHUNKS_ENTRY_BYTES, &entries) ||
	    bytes_sub(in, HEAD_BYTES + entries.n, n - HEAD_BYTES - entries.n, &payload))
		return 0;
	check_page(entries, payload, begin, &l);
	return 0;
}
