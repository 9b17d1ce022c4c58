/* Chunk tables (updater/chunks.h) and what they say is stored (updater/decode.h, updater/encode.h). */
#include "updater/chunks.h"

#include <stdio.h>
#include <string.h>

#include "tests/support.h"
#include "updater/decode.h"
#include "updater/encode.h"

#define ENTRIES 4u
#define SIZE    (3u * 8192 + 100)

static const struct chunks_limits limits = { .size_bytes = SIZE, .chunk_bytes = 8192, .payload_bytes = 20000 };

/* A raw chunk, a zero one, a zstd one and a last, short one. */
static void good_page(uint8_t page[ENTRIES * CHUNKS_ENTRY_BYTES])
{
	struct chunk c[ENTRIES] = {
		{ .raw_offset = 0, .raw_bytes = 8192, .encoding = CHUNK_RAW, .stored_bytes = 8192 },
		{ .raw_offset = 8192, .raw_bytes = 8192, .encoding = CHUNK_ZERO },
		{ .raw_offset = 16384,
		  .raw_bytes = 8192,
		  .encoding = CHUNK_ZSTD,
		  .stored_offset = 8192,
		  .stored_bytes = 99 },
		{ .raw_offset = 24576,
		  .raw_bytes = 100,
		  .encoding = CHUNK_RAW,
		  .stored_offset = 19900,
		  .stored_bytes = 100 },
	};

	for (size_t i = 0; i < ENTRIES; i++)
		chunks_entry_format(&c[i], page + i * CHUNKS_ENTRY_BYTES);
}

static int check(const uint8_t *page, size_t n, const struct chunks_limits *l, struct why *w)
{
	uint64_t begin = 77, end = 77;
	int r = chunks_page_check(bytes_of(page, n), 0, l, &begin, &end, w);

	assert_int_equal(begin, r ? 77 : 0);
	assert_int_equal(end, r ? 77 : SIZE);
	return r;
}

static void good_page_is_taken(void **state)
{
	uint8_t page[ENTRIES * CHUNKS_ENTRY_BYTES];
	struct why w = { 0 };
	struct chunk c;

	(void)state;
	good_page(page);
	assert_ok(check(page, sizeof(page), &limits, &w), w);
	c = chunks_entry(bytes_of(page, sizeof(page)), 2);
	assert_int_equal(c.encoding, CHUNK_ZSTD);
	assert_int_equal(c.raw_offset, 16384);
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
		{ 0, 12, 4, 4096, "gap after" },
		{ 0, 12, 4, 8193, "over the chunk size" },
		{ 0, 12, 4, UINT32_MAX, "far over the chunk size" },
		{ 0, 16, 1, 3, "unknown encoding" },
		{ 0, 16, 1, 255, "unknown encoding" },
		{ 0, 16, 1, CHUNK_ZERO, "zero that stores" },
		{ 0, 16, 1, CHUNK_ZSTD, "zstd that saves nothing" },
		{ 0, 17, 1, 1, "reserved byte" },
		{ 0, 23, 1, 1, "last reserved byte" },
		{ 0, 24, 1, 1, "raw chunk with two hashes" },
		{ 1, 0, 8, 1, "zero with an offset" },
		{ 1, 8, 4, 1, "zero with a size" },
		{ 1, 56, 1, 1, "zero with a stored hash" },
		{ 1, 88, 8, 8191, "overlap" },
		{ 1, 88, 8, 12288, "gap" },
		{ 1, 88, 8, UINT64_MAX, "offset far away" },
		{ 2, 8, 4, 0, "zstd of nothing" },
		{ 2, 8, 4, 8192, "zstd that saves nothing" },
		{ 2, 12, 4, 8191, "unaligned chunk that is not the last" },
		{ 3, 12, 4, 101, "past the end" },
		{ 3, 88, 8, 0, "back to the start" },
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
	uint8_t page[ENTRIES * CHUNKS_ENTRY_BYTES];
	struct chunks_limits l = limits;

	(void)state;
	good_page(page);
	l.payload_bytes = 19999;
	assert_int_equal(check(page, sizeof(page), &l, NULL), -EBADMSG);
	l = limits;
	l.size_bytes = SIZE - 1;
	assert_int_equal(check(page, sizeof(page), &l, NULL), -EBADMSG);
	l = limits;
	l.chunk_bytes = 4096;
	assert_int_equal(check(page, sizeof(page), &l, NULL), -EBADMSG);
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

/* A table of three pages, the last one short; each chunk is zeros of 4 KiB. */
#define TABLE_CHUNKS (2u * CHUNKS_PER_PAGE + 5)
#define TABLE_PAGES  3u

struct table {
	struct payload payload;
	size_t n;
	uint8_t *bytes;
	struct source src;
};

static size_t entry_at(size_t i)
{
	return TABLE_PAGES * HASH_BYTES + i * CHUNKS_ENTRY_BYTES;
}

/* Hash pages and list again, as a builder would that says something wrong. */
static void table_seal(struct table *t)
{
	for (size_t page = 0; page < TABLE_PAGES; page++) {
		size_t from = entry_at(page * CHUNKS_PER_PAGE), to = entry_at((page + 1) * CHUNKS_PER_PAGE);
		struct hash h = hash_of(bytes_of(t->bytes + from, (to < t->n ? to : t->n) - from));

		memcpy(t->bytes + page * HASH_BYTES, h.b, HASH_BYTES);
	}
	t->payload.table_hash = hash_of(bytes_of(t->bytes, TABLE_PAGES * HASH_BYTES));
}

static int table_init(void **state)
{
	struct table *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->payload = (struct payload){
		.name = "root", .size_bytes = TABLE_CHUNKS * 4096ull - 7, .chunk_bytes = 8192, .chunks = TABLE_CHUNKS
	};
	t->n = (size_t)chunks_table_bytes(TABLE_CHUNKS);
	assert_int_equal(t->n, entry_at(TABLE_CHUNKS));
	t->bytes = malloc(t->n);
	assert_non_null(t->bytes);
	for (size_t i = 0; i < TABLE_CHUNKS; i++) {
		struct chunk c = { .raw_offset = i * 4096, .raw_bytes = i + 1 < TABLE_CHUNKS ? 4096 : 4089 };

		chunks_entry_format(&c, t->bytes + entry_at(i));
	}
	table_seal(t);
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

static int open_table(struct table *t, struct chunks *ret, struct why *w)
{
	return chunks_open(&t->src, 0, 0, &t->payload, ret, w);
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
		assert_int_equal(e.raw_offset, order[i] * 4096);
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

	t->bytes[2 * HASH_BYTES] ^= 1;
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

/* Move the raw offsets of a whole page: it is contiguous in itself, and wrong beside its neighbours. */
static void shift_page(struct table *t, size_t page, int64_t by)
{
	for (size_t i = page * CHUNKS_PER_PAGE; i < (page + 1) * CHUNKS_PER_PAGE && i < TABLE_CHUNKS; i++) {
		struct chunk c = chunks_entry(
			bytes_of(t->bytes + TABLE_PAGES * HASH_BYTES, TABLE_CHUNKS * CHUNKS_ENTRY_BYTES), i);

		c.raw_offset += (uint64_t)by;
		chunks_entry_format(&c, t->bytes + entry_at(i));
	}
	table_seal(t);
}

static void a_signed_gap_between_pages_is_found_from_both_sides(void **state)
{
	struct table *t = *state;
	struct why w = { 0 };
	struct chunks c;
	struct chunk e;

	shift_page(t, 1, -4096);
	assert_ok(open_table(t, &c, &w), w);
	assert_ok(chunks_get(&c, 0, &e, &w), w);
	assert_int_equal(chunks_get(&c, CHUNKS_PER_PAGE, &e, NULL), -EBADMSG);
	chunks_done(&c);
	assert_ok(open_table(t, &c, &w), w);
	assert_ok(chunks_get(&c, CHUNKS_PER_PAGE, &e, &w), w);
	assert_int_equal(chunks_get(&c, 0, &e, NULL), -EBADMSG);
	assert_int_equal(chunks_get(&c, 2 * CHUNKS_PER_PAGE, &e, NULL), -EBADMSG);
	chunks_done(&c);
}

static void the_first_page_begins_at_0_and_the_last_ends_at_the_size(void **state)
{
	struct table *t = *state;
	struct why w = { 0 };
	struct chunks c;
	struct chunk e;

	shift_page(t, 0, 4096);
	shift_page(t, 2, -4096);
	assert_ok(open_table(t, &c, &w), w);
	assert_int_equal(chunks_get(&c, 0, &e, NULL), -EBADMSG);
	assert_int_equal(chunks_get(&c, TABLE_CHUNKS - 1, &e, NULL), -EBADMSG);
	chunks_done(&c);
}

static void every_cut_of_the_table_is_refused(void **state)
{
	static const size_t cuts[] = { 0, 1, 95, 96, 97, 192, 393311, 393312, 393313, 786527, 786528, 787007 };
	struct table *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		struct source src = source_memory(bytes_of(t->bytes, cuts[i]), "cut");
		struct chunk e = { 0 };
		struct chunks c = { 0 };

		assert_true(cuts[i] < t->n);
		if (chunks_open(&src, 0, 0, &t->payload, &c, NULL))
			continue;
		assert_int_equal(chunks_get(&c, TABLE_CHUNKS - 1, &e, NULL), -EBADMSG);
		chunks_done(&c);
	}
}

/* One chunk through encoder and decoder. */
static void there_and_back(const uint8_t *raw, size_t n, enum chunk_encoding want)
{
	uint8_t *room = malloc(encoder_room(n)), *back = malloc(n);
	struct encoder e = { 0 };
	struct decoder d = { 0 };
	struct bytes stored;
	struct why w = { 0 };
	struct chunk c = encoder_measure(bytes_of(raw, n));

	assert_non_null(room);
	assert_non_null(back);
	assert_ok(encoder_init(&e, 3, &w), w);
	assert_ok(decoder_init(&d, &w), w);
	assert_ok(encoder_chunk(&e, bytes_of(raw, n), room, &c, &stored, &w), w);
	assert_int_equal(c.encoding, want);
	assert_int_equal(c.raw_bytes, n);
	assert_int_equal(c.stored_bytes, stored.n);
	memset(back, 0xaa, n);
	assert_ok(decoder_chunk(&d, &c, stored, back, &w), w);
	assert_memory_equal(raw, back, n);
	assert_true(chunk_raw_matches(&c, back));
	back[n - 1] ^= 1;
	assert_false(chunk_raw_matches(&c, back));
	encoder_done(&e);
	decoder_done(&d);
	free(room);
	free(back);
}

static void encoded_chunks_decode_to_the_same_bytes(void **state)
{
	static uint8_t raw[70000];
	uint32_t x = 1;

	(void)state;
	there_and_back(raw, sizeof(raw), CHUNK_ZERO);
	there_and_back(raw, 1, CHUNK_ZERO);
	memset(raw, 'x', sizeof(raw));
	there_and_back(raw, sizeof(raw), CHUNK_ZSTD);
	there_and_back(raw, 1, CHUNK_RAW);
	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	there_and_back(raw, sizeof(raw), CHUNK_RAW);
}

struct frame {
	struct chunk c;
	struct bytes stored;
	uint8_t raw[4096];
	uint8_t room[8192];
};

static void frame_init(struct frame *f)
{
	struct encoder e = { 0 };
	struct why w = { 0 };

	memset(f->raw, 'x', sizeof(f->raw));
	f->c = encoder_measure(bytes_of(f->raw, sizeof(f->raw)));
	assert_ok(encoder_init(&e, 3, &w), w);
	assert_ok(encoder_chunk(&e, bytes_of(f->raw, sizeof(f->raw)), f->room, &f->c, &f->stored, &w), w);
	assert_int_equal(f->c.encoding, CHUNK_ZSTD);
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

static void levels_outside_of_zstds_are_refused(void **state)
{
	struct encoder e = { 0 };

	(void)state;
	assert_int_equal(encoder_init(&e, 0, NULL), -EINVAL);
	assert_int_equal(encoder_init(&e, 23, NULL), -EINVAL);
	assert_null(e.zstd);
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
		TABLE_TEST(a_signed_gap_between_pages_is_found_from_both_sides),
		TABLE_TEST(the_first_page_begins_at_0_and_the_last_ends_at_the_size),
		TABLE_TEST(every_cut_of_the_table_is_refused),
		cmocka_unit_test(encoded_chunks_decode_to_the_same_bytes),
		cmocka_unit_test(stored_bytes_with_another_hash_do_not_reach_zstd),
		cmocka_unit_test(signed_nonsense_is_refused),
		cmocka_unit_test(levels_outside_of_zstds_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
