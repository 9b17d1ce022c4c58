/*
 * fuzz_chunks - any bytes as a page of a chunk table and, behind it, as what is stored. Entries that are taken keep the
 * promises of updater/chunks.h; what is stored reaches zstd only with the right hash, which is put in here so that the
 * decoder is reached at all.
 *
 * Input: u64 size, u64 payload area, u16 chunk size in 4 KiB, u8 number of entries; entries; payload area.
 */
#include <stdlib.h>

#include "updater/decode.h"

#define HEAD_BYTES  19u
#define CHUNK_LIMIT (64u << 10)

static void must(bool promise)
{
	if (!promise)
		abort();
}

static void check_entry(const struct chunk *c, uint64_t at, const struct chunks_limits *l)
{
	must(c->raw_offset == at && at % CHUNK_ALIGN == 0);
	must(c->raw_bytes > 0 && c->raw_bytes <= l->chunk_bytes && at + c->raw_bytes <= l->size_bytes);
	must(c->encoding != CHUNK_ZERO || c->stored_bytes == 0);
	must(c->encoding != CHUNK_RAW || c->stored_bytes == c->raw_bytes);
	must(c->encoding != CHUNK_ZSTD || (c->stored_bytes > 0 && c->stored_bytes < c->raw_bytes));
	must(c->stored_offset + c->stored_bytes >= c->stored_offset &&
	     c->stored_offset + c->stored_bytes <= l->payload_bytes);
}

static void decode(struct chunk c, struct bytes payload)
{
	static uint8_t raw[CHUNK_LIMIT];
	static struct decoder d;
	struct bytes stored;

	if (!d.zstd)
		must(decoder_init(&d, NULL) == 0);
	if (bytes_sub(payload, (size_t)c.stored_offset, c.stored_bytes, &stored))
		return;
	if (c.encoding != CHUNK_ZERO && stored.n > 0) {
		struct hash real = hash_of(stored);

		c.stored_hash = real;
		c.stored_hash.b[0] ^= 1;
		must(decoder_chunk(&d, &c, stored, raw, NULL) == -EBADMSG);
		c.stored_hash = real;
	}
	(void)!decoder_chunk(&d, &c, stored, raw, NULL);
	(void)chunk_raw_matches(&c, raw);
}

static void check_page(struct bytes entries, struct bytes payload, const struct chunks_limits *l)
{
	uint64_t begin = 0, end = 0, at;

	if (chunks_page_check(entries, 0, l, &begin, &end, NULL)) {
		must(begin == 0 && end == 0);
		return;
	}
	at = begin;
	for (size_t i = 0; i < entries.n / CHUNKS_ENTRY_BYTES; i++) {
		struct chunk c = chunks_entry(entries, i);
		uint8_t again[CHUNKS_ENTRY_BYTES];

		check_entry(&c, at, l);
		at += c.raw_bytes;
		chunks_entry_format(&c, again);
		must(memcmp(again, entries.p + i * CHUNKS_ENTRY_BYTES, sizeof(again)) == 0);
		decode(c, payload);
	}
	must(at == end && end <= l->size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes in = bytes_of(data, n), entries, payload;
	struct chunks_limits l = { 0 };
	uint16_t chunk = 0;
	uint8_t count = 0;

	if (bytes_le64(in, 0, &l.size_bytes) || bytes_le64(in, 8, &l.payload_bytes) || bytes_le16(in, 16, &chunk) ||
	    bytes_u8(in, 18, &count))
		return 0;
	l.chunk_bytes = (chunk % (CHUNK_LIMIT / CHUNK_ALIGN) + 1) * CHUNK_ALIGN;
	if (bytes_sub(in, HEAD_BYTES, (size_t)count * CHUNKS_ENTRY_BYTES, &entries) ||
	    bytes_sub(in, HEAD_BYTES + entries.n, n - HEAD_BYTES - entries.n, &payload))
		return 0;
	check_page(entries, payload, &l);
	return 0;
}
