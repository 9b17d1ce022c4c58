/* Chunk tables (updater/chunks.h) and what they say is stored (updater/decode.h). */
#include "updater/chunks.h"

#include <stdio.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "tests/support.h"
#include "updater/chunks_build.h"
#include "updater/decode.h"
#include "updater/encode.h"

#define ENTRIES 7u
#define GROUP   32768u
#define SIZE    (3u * GROUP + 100)
#define BLOCKS  10u

static const struct chunks_limits limits = { .size_bytes = SIZE,
					     .chunk_bytes = 8192,
					     .group_bytes = GROUP,
					     .payload_bytes = 20000,
					     .base_bytes = 10000,
					     .index_blocks = BLOCKS };

/* A raw chunk, one with a prefix, zeros over the edges of two groups, one of each that needs a base, and two more. */
static const struct chunk good[ENTRIES] = {
	{ .raw_bytes = 8192, .encoding = CHUNK_RAW, .stored_bytes = 8192 },
	{ .raw_bytes = 8192, .encoding = CHUNK_ZSTD, .prefix_bytes = 8192, .stored_offset = 8192, .stored_bytes = 99 },
	{ .raw_bytes = 2 * GROUP - 4096, .encoding = CHUNK_ZERO },
	{ .raw_bytes = 8192, .encoding = CHUNK_ZSTD_REF, .stored_offset = 8291, .stored_bytes = 8191 },
	{ .raw_bytes = 8192, .encoding = CHUNK_COPY, .stored_offset = 1808 },
	{ .raw_bytes = 4096, .encoding = CHUNK_ZSTD, .stored_offset = 8192, .stored_bytes = 99 },
	{ .raw_bytes = 100, .encoding = CHUNK_RAW, .stored_offset = 19900, .stored_bytes = 100 },
};
static const struct chunk_place good_places[ENTRIES + 1] = {
	{ 0, 0 }, { 8192, 2 }, { 16384, 4 }, { 77824, 4 }, { 86016, 6 }, { 94208, 8 }, { 98304, 9 }, { SIZE, BLOCKS },
};

static void good_page(uint8_t page[ENTRIES * CHUNKS_ENTRY_BYTES])
{
	for (size_t i = 0; i < ENTRIES; i++)
		chunks_entry_format(&good[i], page + i * CHUNKS_ENTRY_BYTES);
}

static int check(const uint8_t *page, size_t n, const struct chunks_limits *l, struct why *w)
{
	struct chunk_place places[ENTRIES + 1] = { { 0 } };
	int r = chunks_page_check(bytes_of(page, n), 0, l, places, w);

	for (size_t i = 0; !r && i <= ENTRIES; i++) {
		assert_int_equal(places[i].raw_offset, good_places[i].raw_offset);
		assert_int_equal(places[i].index_at, l->index_blocks ? good_places[i].index_at : 0);
	}
	return r;
}

static void good_page_is_taken(void **state)
{
	uint8_t page[ENTRIES * CHUNKS_ENTRY_BYTES];
	struct chunks_limits l = limits;
	struct why w = { 0 };
	struct chunk c;

	(void)state;
	good_page(page);
	assert_ok(check(page, sizeof(page), &limits, &w), w);
	l.index_blocks = 0;
	assert_ok(check(page, sizeof(page), &l, &w), w);
	c = chunks_entry(bytes_of(page, sizeof(page)), 1);
	assert_int_equal(c.encoding, CHUNK_ZSTD);
	assert_int_equal(c.prefix_bytes, 8192);
	assert_int_equal(c.stored_offset, 8192);
	assert_int_equal(c.stored_bytes, 99);
}

static void each_field_out_of_range_is_refused(void **state)
{
	static const struct {
		size_t entry, at, n;
		uint64_t value;
		const char *what;
	} table[] = {
		{ 0, 0, 8, 11809, "stored end past the payload" },
		{ 0, 0, 8, UINT64_MAX, "stored end overflows" },
		{ 0, 0, 8, UINT64_MAX - 8191, "stored end wraps to 0" },
		{ 0, 8, 4, 8191, "raw shorter than its chunk" },
		{ 0, 8, 4, 8193, "raw longer than its chunk" },
		{ 0, 12, 4, 0, "no raw bytes" },
		{ 0, 12, 4, 4096, "raw chunk that stores more" },
		{ 0, 12, 4, 8193, "over the chunk size" },
		{ 0, 12, 4, UINT32_MAX, "far over the chunk size" },
		{ 0, 16, 4, 1, "raw with a prefix" },
		{ 0, 20, 1, 5, "unknown encoding" },
		{ 0, 20, 1, 255, "unknown encoding" },
		{ 0, 20, 1, CHUNK_ZERO, "zero that stores" },
		{ 0, 20, 1, CHUNK_ZSTD, "zstd that saves nothing" },
		{ 0, 20, 1, CHUNK_COPY, "copy that stores" },
		{ 0, 21, 1, 1, "reserved byte" },
		{ 0, 23, 1, 1, "last reserved byte" },
		{ 0, 24, 1, 1, "raw chunk with two hashes" },
		{ 1, 8, 4, 0, "zstd of nothing" },
		{ 1, 8, 4, 8192, "zstd that saves nothing" },
		{ 1, 12, 4, 8191, "unaligned chunk that is not the last" },
		{ 1, 16, 4, 8193, "prefix longer than what is before it" },
		{ 1, 16, 4, UINT32_MAX, "prefix far longer than what is before it" },
		{ 2, 0, 8, 1, "zero with an offset" },
		{ 2, 8, 4, 1, "zero with a size" },
		{ 2, 12, 4, CHUNK_ZERO_MAX + 4096, "too many zeros" },
		{ 2, 12, 4, 2 * GROUP + 4096, "zeros that push the rest over the edge of a group" },
		{ 2, 12, 4, 2 * GROUP - 4095, "unaligned zeros that are not the last" },
		{ 2, 16, 4, 1, "zero with a prefix" },
		{ 2, 24, 1, 1, "zero with a raw hash" },
		{ 2, 56, 1, 1, "zero with a stored hash" },
		{ 3, 8, 4, 0, "zstd-ref of nothing" },
		{ 3, 8, 4, 8192, "zstd-ref that saves nothing" },
		{ 3, 16, 4, 1, "zstd-ref with a prefix" },
		{ 4, 0, 8, 1809, "copy from behind the base" },
		{ 4, 0, 8, UINT64_MAX - 8191, "copy from far behind the base" },
		{ 4, 16, 4, 1, "copy with a prefix" },
		{ 4, 56, 1, 1, "copy with a stored hash" },
		{ 5, 12, 4, 8192, "over the edge of its group" },
		{ 5, 16, 4, GROUP - 4095, "prefix over the edge of its group" },
		{ 6, 12, 4, 101, "past the end" },
		{ 6, 16, 4, 1, "prefix at the start of a group" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t page[ENTRIES * CHUNKS_ENTRY_BYTES], value[8];
		struct why w = { 0 };

		good_page(page);
		put_le64(value, table[i].value);
		memcpy(page + table[i].entry * CHUNKS_ENTRY_BYTES + table[i].at, value, table[i].n);
		if (check(page, sizeof(page), &limits, &w) != -EBADMSG)
			fail_msg("entry %zu: %s: taken", table[i].entry, table[i].what);
		assert_non_null(strstr(w.text, "chunk "));
	}
}

static void limits_are_kept(void **state)
{
	const struct chunks_limits table[] = {
		{ SIZE, 8192, GROUP, 19999, 10000, BLOCKS, 0 }, { SIZE - 1, 8192, GROUP, 20000, 10000, BLOCKS, 0 },
		{ SIZE, 8192, GROUP, 20000, 9999, BLOCKS, 0 },  { SIZE, 8192, GROUP, 20000, 0, BLOCKS, 0 },
		{ SIZE, 4096, GROUP, 20000, 10000, BLOCKS, 0 }, { SIZE, 8192, GROUP, 20000, 10000, BLOCKS - 1, 0 },
		{ SIZE, 8192, 8192, 20000, 10000, BLOCKS, 0 },
	};
	uint8_t page[ENTRIES * CHUNKS_ENTRY_BYTES];

	(void)state;
	good_page(page);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (check(page, sizeof(page), &table[i], NULL) != -EBADMSG)
			fail_msg("limits %zu: taken", i);
}

static void a_part_of_an_entry_is_refused(void **state)
{
	uint8_t page[ENTRIES * CHUNKS_ENTRY_BYTES];

	(void)state;
	good_page(page);
	for (size_t n = 0; n < sizeof(page); n++)
		if (n % CHUNKS_ENTRY_BYTES || n == 0)
			assert_int_equal(check(page, n, &limits, NULL), -EBADMSG);
}

/* A table of three pages and two of its index; every third chunk is zeros, the hashes are made up. */
#define TABLE_CHUNKS (2u * CHUNKS_PER_PAGE + 5)
#define TABLE_PAGES  3u
#define TABLE_SIZE   (TABLE_CHUNKS * 16384ull - 7)
#define TABLE_BLOCKS (TABLE_CHUNKS / 3 * 4 * 2)
_Static_assert(TABLE_CHUNKS % 3 == 1, "the last one is of zeros");

struct table {
	struct payload payload;
	size_t n;
	uint8_t *bytes;
	struct source src;
};

static size_t entry_at(size_t i)
{
	return (size_t)chunks_list_bytes(TABLE_CHUNKS, TABLE_BLOCKS) + i * CHUNKS_ENTRY_BYTES;
}

static void table_build(struct table *t)
{
	struct chunks_build b;

	chunks_build_begin(&b, &t->payload, t->bytes);
	for (size_t i = 0; i < TABLE_CHUNKS; i++) {
		struct chunk c = { .raw_bytes = 16384 };
		uint8_t index[4 * CHUNK_INDEX_BYTES] = { (uint8_t)i, (uint8_t)(i >> 8) };

		if (i % 3) {
			c.encoding = CHUNK_RAW;
			c.stored_bytes = 16384;
		} else if (i == TABLE_CHUNKS - 1) {
			c.raw_bytes -= 7;
		}
		assert_ptr_equal(chunks_build_add(&b, &c, index), t->bytes + entry_at(i));
	}
	chunks_build_seal(&b);
}

static int table_init(void **state)
{
	struct table *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->n = (size_t)chunks_table_bytes(TABLE_CHUNKS, TABLE_BLOCKS);
	t->payload = (struct payload){ .name = "root",
				       .size_bytes = TABLE_SIZE,
				       .chunk_bytes = 16384,
				       .group_bytes = 16384,
				       .chunks = TABLE_CHUNKS,
				       .index_blocks = TABLE_BLOCKS,
				       .table_bytes = t->n };
	assert_int_equal(t->n, entry_at(TABLE_CHUNKS) + TABLE_BLOCKS * CHUNK_INDEX_BYTES);
	t->bytes = calloc(1, t->n);
	assert_non_null(t->bytes);
	table_build(t);
	t->src = source_memory(bytes_of(t->bytes, t->n), "memory");
	*state = t;
	return 0;
}

static int table_free(void **state)
{
	struct table *t = *state;

	free(t->bytes);
	free(t);
	return 0;
}

/* The list's hash again, as a builder would that says something wrong. */
static void seal_list(struct table *t)
{
	t->payload.table_hash = hash_of(bytes_of(t->bytes, entry_at(0)));
}

static int open_table(struct table *t, struct chunks *ret, struct why *w)
{
	return chunks_open(&t->src, 0, 16384, &t->payload, ret, w);
}

static void pages_are_read_on_demand_in_any_order(void **state)
{
	static const uint64_t order[] = { TABLE_CHUNKS - 1, 0, CHUNKS_PER_PAGE, 4095, 4096, 1, TABLE_CHUNKS - 5, 8191 };
	struct table *t = *state;
	struct why w = { 0 };
	struct chunks c;

	assert_ok(open_table(t, &c, &w), w);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		struct chunk e = { 0 };

		assert_ok(chunks_get(&c, order[i], &e, &w), w);
		assert_int_equal(e.raw_offset, order[i] * 16384);
		assert_int_equal(e.index_at, 4 * (order[i] - (order[i] + 2) / 3));
		assert_int_equal(e.encoding, order[i] % 3 ? CHUNK_RAW : CHUNK_ZERO);
	}
	assert_int_equal(chunks_get(&c, TABLE_CHUNKS, &(struct chunk){ 0 }, NULL), -EINVAL);
	assert_int_equal(chunks_get(&c, UINT64_MAX, &(struct chunk){ 0 }, NULL), -EINVAL);
	chunks_done(&c);
}

static void a_changed_list_is_refused_at_once(void **state)
{
	struct table *t = *state;
	struct why w = { 0 };
	struct chunks c = { 0 };

	t->bytes[2 * CHUNKS_LIST_BYTES] ^= 1;
	assert_int_equal(open_table(t, &c, &w), -EBADMSG);
	assert_string_equal(w.text,
			    "chunk table of root: its list of pages is not the signed one: the bundle is damaged");
	assert_null(c.page);
}

static void a_changed_page_is_refused_when_it_is_read(void **state)
{
	struct table *t = *state;
	struct chunk e = { .raw_bytes = 77 };
	struct why w = { 0 };
	struct chunks c;

	t->bytes[entry_at(CHUNKS_PER_PAGE + 9) + 30] ^= 1;
	assert_ok(open_table(t, &c, &w), w);
	assert_ok(chunks_get(&c, 0, &e, &w), w);
	e.raw_bytes = 77;
	assert_int_equal(chunks_get(&c, CHUNKS_PER_PAGE, &e, &w), -EBADMSG);
	assert_string_equal(w.text, "chunk table of root, page 1: not the signed one: the bundle is damaged");
	assert_int_equal(e.raw_bytes, 77);
	assert_int_equal(chunks_get(&c, CHUNKS_PER_PAGE, &e, NULL), -EBADMSG); /* nor the second time */
	assert_int_equal(chunks_get(&c, 0, &e, NULL), 0);
	assert_int_equal(chunks_get(&c, TABLE_CHUNKS - 1, &e, NULL), 0);
	chunks_done(&c);
}

/* A list that was signed, and does not fit its pages or itself. */
static void a_signed_list_is_held_to_its_pages(void **state)
{
	static const struct {
		size_t at;
		int64_t by;
		uint64_t bad; /* entries of which pages are refused: bits; 8: at once */
	} table[] = {
		{ 32, 4096, 8 }, /* the first page begins at 0 */
		{ 40, 1, 8 },
		{ CHUNKS_LIST_BYTES + 32, -4096, 1 | 2 }, /* a gap, or an overlap, is found from both sides */
		{ CHUNKS_LIST_BYTES + 32, 4096, 1 | 2 },
		{ CHUNKS_LIST_BYTES + 32, 1, 8 },                                 /* not aligned */
		{ CHUNKS_LIST_BYTES + 32, -(int64_t)CHUNKS_PER_PAGE * 16384, 8 }, /* not behind the first */
		{ CHUNKS_LIST_BYTES + 32, INT64_MAX, 8 },
		{ CHUNKS_LIST_BYTES + 40, 1, 1 | 2 },
		{ CHUNKS_LIST_BYTES + 40, INT64_MAX, 8 },
		{ 2 * CHUNKS_LIST_BYTES + 32, -4096, 2 | 4 }, /* the last page ends at the size */
		{ 2 * CHUNKS_LIST_BYTES + 40, 1, 2 | 4 },
	};
	struct table *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct chunks c = { 0 };
		uint64_t bad = 0, was = 0;
		struct chunk e;

		assert_int_equal(bytes_le64(bytes_of(t->bytes, t->n), table[i].at, &was), 0);
		put_le64(t->bytes + table[i].at, was + (uint64_t)table[i].by);
		seal_list(t);
		if (open_table(t, &c, NULL))
			bad = 8;
		for (uint64_t page = 0; bad != 8 && page < TABLE_PAGES; page++)
			if (chunks_get(&c, page * CHUNKS_PER_PAGE, &e, NULL))
				bad |= 1u << page;
		if (bad != table[i].bad)
			fail_msg("row %zu: pages %#llx are refused", i, (unsigned long long)bad);
		chunks_done(&c);
		put_le64(t->bytes + table[i].at, was);
	}
}

static void the_index_is_read_over_the_edges_of_its_pages(void **state)
{
	static const size_t at[][2] = {
		{ 16380, 8 }, { TABLE_BLOCKS - 4, 4 }, { 0, 4 }, { 0, TABLE_BLOCKS }, { 16384, 0 }
	};
	struct table *t = *state;
	uint8_t *got = malloc(TABLE_BLOCKS * CHUNK_INDEX_BYTES);
	struct why w = { 0 };
	struct chunks c;

	assert_non_null(got);
	assert_ok(open_table(t, &c, &w), w);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		assert_ok(chunks_index(&c, at[i][0], at[i][1], got, &w), w);
		for (size_t k = 0; k < at[i][1]; k++) {
			size_t data = (at[i][0] + k) / 4, chunk = data / 2 * 3 + data % 2 + 1;
			const uint8_t *have = got + k * CHUNK_INDEX_BYTES;

			assert_int_equal(have[0], (at[i][0] + k) % 4 ? 0 : chunk & 0xff);
			assert_int_equal(have[1], (at[i][0] + k) % 4 ? 0 : chunk >> 8);
		}
	}
	assert_int_equal(chunks_index(&c, TABLE_BLOCKS, 1, got, NULL), -EINVAL);
	assert_int_equal(chunks_index(&c, UINT64_MAX, 2, got, NULL), -EINVAL);
	t->bytes[t->n - 1] ^= 1;
	assert_int_equal(chunks_index(&c, TABLE_BLOCKS - 1, 1, got, NULL), 0); /* from memory */
	assert_int_equal(chunks_index(&c, 0, 1, got, NULL), 0);
	assert_int_equal(chunks_index(&c, TABLE_BLOCKS - 1, 1, got, &w), -EBADMSG);
	assert_string_equal(w.text,
			    "chunk table of root, page 1 of the index: not the signed one: the bundle is damaged");
	chunks_done(&c);
	free(got);
}

static void short_hashes_are_of_whole_blocks(void **state)
{
	static uint8_t raw[40 * CHUNK_BLOCK_BYTES];
	uint8_t got[41 * CHUNK_INDEX_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(raw) - 4000; i++)
		raw[i] = (uint8_t)(i * 7 + i / 4096);
	got[40 * CHUNK_INDEX_BYTES] = 0x55;
	chunks_index_make(bytes_of(raw, sizeof(raw) - 4000), got); /* what is missing is zeros */
	for (size_t i = 0; i < 40; i++) {
		struct hash want = hash_of(bytes_of(raw + i * CHUNK_BLOCK_BYTES, CHUNK_BLOCK_BYTES));

		assert_memory_equal(got + i * CHUNK_INDEX_BYTES, want.b, CHUNK_INDEX_BYTES);
	}
	assert_int_equal(got[40 * CHUNK_INDEX_BYTES], 0x55);
}

static void every_cut_of_the_table_is_refused(void **state)
{
	struct table *t = *state;
	size_t pages[] = { 0,
			   1,
			   CHUNKS_LIST_BYTES,
			   entry_at(0) - 1,
			   entry_at(0),
			   entry_at(CHUNKS_PER_PAGE),
			   entry_at(TABLE_CHUNKS) - 1,
			   entry_at(TABLE_CHUNKS) };

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct source src = source_memory(bytes_of(t->bytes, pages[i]), "cut");
		uint8_t got[CHUNK_INDEX_BYTES];
		struct chunk e = { 0 };
		struct chunks c = { 0 };

		if (chunks_open(&src, 0, 16384, &t->payload, &c, NULL))
			continue;
		assert_int_equal(chunks_index(&c, 0, 1, got, NULL), -EBADMSG);
		assert_int_equal(chunks_get(&c, TABLE_CHUNKS - 1, &e, NULL),
				 pages[i] < entry_at(TABLE_CHUNKS) ? -EBADMSG : 0);
		chunks_done(&c);
	}
}

struct frame {
	struct chunk c;
	struct bytes stored;
	uint8_t raw[4096];
	uint8_t room[16384];
};

static void frame_init(struct frame *f)
{
	const struct cut cut = { .bytes = sizeof(f->raw) };
	struct encoder e = { 0 };
	struct why w = { 0 };
	struct encoded x;

	memset(f->raw, 'x', sizeof(f->raw));
	assert_ok(encoder_init(&e, 3, sizeof(f->raw), &w), w);
	assert_ok(encoder_group(&e, bytes_of(f->raw, sizeof(f->raw)), &cut, 1, f->room, &x, &w), w);
	assert_int_equal(x.chunk.encoding, CHUNK_ZSTD);
	f->c = x.chunk;
	f->stored = x.stored;
	encoder_done(&e);
}

static void stored_bytes_with_another_hash_do_not_reach_zstd(void **state)
{
	struct decoder no_zstd = { .zstd = NULL }; /* would crash */
	static struct frame f;
	uint8_t raw[4096];

	(void)state;
	frame_init(&f);
	for (size_t i = 0; i < f.stored.n; i++) {
		f.room[i] ^= 1;
		assert_int_equal(decoder_chunk(&no_zstd, &f.c, f.stored, raw, NULL), -EBADMSG);
		f.room[i] ^= 1;
	}
	f.stored.n--;
	assert_int_equal(decoder_chunk(&no_zstd, &f.c, f.stored, raw, NULL), -EINVAL);
}

/* Signed, and yet wrong: the builder's fault, which must not write outside of `raw`. */
static void signed_nonsense_is_refused(void **state)
{
	struct decoder d = { 0 };
	struct why w = { 0 }, small = { 0 }, large = { 0 }, junk = { 0 };
	uint8_t raw[4100];
	static struct frame f;

	(void)state;
	assert_ok(decoder_init(&d, &w), w);
	frame_init(&f);
	memset(raw, 0xaa, sizeof(raw));
	f.c.raw_bytes = 4095;
	assert_int_equal(decoder_chunk(&d, &f.c, f.stored, raw, &small), -EBADMSG);
	f.c.raw_bytes = 4097;
	assert_int_equal(decoder_chunk(&d, &f.c, f.stored, raw, &large), -EBADMSG);
	assert_int_equal(raw[4096], 0xaa);
	f.room[0] ^= 0xff;
	f.c.stored_hash = hash_of(f.stored);
	assert_int_equal(decoder_chunk(&d, &f.c, f.stored, raw, &junk), -EBADMSG);
	assert_non_null(strstr(large.text, "fewer bytes"));
	decoder_done(&d);
}

static void zeros_are_looked_at_and_made(void **state)
{
	struct chunk c = { .raw_bytes = 5000 };
	struct decoder no_zstd = { .zstd = NULL };
	uint8_t raw[5000];

	(void)state;
	memset(raw, 1, sizeof(raw));
	assert_false(chunk_raw_matches(&c, raw));
	assert_int_equal(decoder_chunk(&no_zstd, &c, bytes_of(NULL, 0), raw, NULL), 0);
	assert_true(chunk_raw_matches(&c, raw));
	raw[4999] = 1;
	assert_false(chunk_raw_matches(&c, raw));
}

static void a_chunk_is_decoded_against_what_is_before_it(void **state)
{
	static uint8_t raw[3 * 4096], piece[4096], room[8192];
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	struct chunk c = { .encoding = CHUNK_ZSTD, .raw_offset = 8192, .raw_bytes = 4096, .prefix_bytes = 8192 };
	struct decoder d = { 0 };
	struct why w = { 0 };
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < 8192; i++)
		raw[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	memcpy(piece, raw + 1000, sizeof(piece));
	assert_non_null(zstd);
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_format, ZSTD_f_zstd1_magicless)));
	assert_false(ZSTD_isError(ZSTD_CCtx_refPrefix(zstd, raw, 8192)));
	c.stored_bytes = (uint32_t)ZSTD_compress2(zstd, room, sizeof(room), piece, sizeof(piece));
	assert_in_range(c.stored_bytes, 1, 50);
	c.stored_hash = hash_of(bytes_of(room, c.stored_bytes));
	c.raw_hash = hash_of(bytes_of(piece, sizeof(piece)));
	assert_ok(decoder_init(&d, &w), w);
	assert_ok(decoder_chunk(&d, &c, bytes_of(room, c.stored_bytes), raw + 8192, &w), w);
	assert_true(chunk_raw_matches(&c, raw + 8192));
	c.prefix_bytes = 0; /* nor does the decoder remember one */
	assert_int_equal(decoder_chunk(&d, &c, bytes_of(room, c.stored_bytes), raw + 8192, &w), -EBADMSG);
	decoder_done(&d);
	(void)ZSTD_freeCCtx(zstd);
}

#define TABLE_TEST(f) cmocka_unit_test_setup_teardown(f, table_init, table_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_page_is_taken),
		cmocka_unit_test(each_field_out_of_range_is_refused),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(a_part_of_an_entry_is_refused),
		TABLE_TEST(pages_are_read_on_demand_in_any_order),
		TABLE_TEST(a_changed_list_is_refused_at_once),
		TABLE_TEST(a_changed_page_is_refused_when_it_is_read),
		TABLE_TEST(a_signed_list_is_held_to_its_pages),
		TABLE_TEST(the_index_is_read_over_the_edges_of_its_pages),
		cmocka_unit_test(short_hashes_are_of_whole_blocks),
		TABLE_TEST(every_cut_of_the_table_is_refused),
		cmocka_unit_test(stored_bytes_with_another_hash_do_not_reach_zstd),
		cmocka_unit_test(signed_nonsense_is_refused),
		cmocka_unit_test(zeros_are_looked_at_and_made),
		cmocka_unit_test(a_chunk_is_decoded_against_what_is_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
