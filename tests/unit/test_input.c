/* Feeds packed or not, damaged, endless, greedy. */
#define ZLIB_CONST

#include "bootstage/intel/input.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/support.h"

#define TEXT_BYTES 700000u /* more than one piece of raw bytes, less than two blocks when packed */

static char text[TEXT_BYTES];
static uint8_t packed[TEXT_BYTES * 2];

static void make_text(void)
{
	uint32_t noise = 1;

	for (size_t i = 0; i < sizeof(text); i++) {
		noise = noise * 1664525u + 1013904223u;
		text[i] = (char)('a' + (noise >> 24) %
					       16); /* half a byte of each stays, so that it is packed to some 350 KB */
	}
}

static size_t pack_gzip(const char *from, size_t n, uint8_t *to)
{
	z_stream z = { .next_in = (const Bytef *)from, .avail_in = (uInt)n, .next_out = to, .avail_out = TEXT_BYTES };

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&z), Z_OK);
	return z.total_out;
}

static size_t pack_xz(const char *from, size_t n, uint8_t *to)
{
	size_t at = 0;

	assert_int_equal(
		lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, (const uint8_t *)from, n, to, &at, TEXT_BYTES),
		LZMA_OK);
	return at;
}

static size_t pack_zstd(const char *from, size_t n, uint8_t *to)
{
	size_t r = ZSTD_compress(to, TEXT_BYTES, from, n, 1);

	assert_false(ZSTD_isError(r));
	return r;
}

static size_t pack_plain(const char *from, size_t n, uint8_t *to)
{
	memcpy(to, from, n);
	return n;
}

static const struct packer {
	size_t (*pack)(const char *from, size_t n, uint8_t *to);
	enum input_packing packing;
} packers[] = {
	{ pack_plain, INPUT_PLAIN },
	{ pack_gzip, INPUT_GZIP },
	{ pack_xz, INPUT_XZ },
	{ pack_zstd, INPUT_ZSTD },
};

struct pieces {
	struct bytes left;
	size_t piece;
};

static int read_piece(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	struct pieces *p = arg;
	size_t n = p->left.n < p->piece ? p->left.n : p->piece;

	(void)w;
	n = n < room ? n : room;
	if (n > 0)
		memcpy(buf, p->left.p, n);
	p->left = bytes_of(p->left.p + n, p->left.n - n);
	*ret_n = n;
	return 0;
}

/* Read to the end and compare with the text, `times` over. Returns what reading ended with. */
static int drain(struct input *i, size_t *ret_n, struct why *w)
{
	struct carve_source from = input_source(i);
	static uint8_t buf[50000];
	size_t got = 1;
	int r = 0;

	*ret_n = 0;
	while (!r && got > 0) {
		got = 0;
		r = from.read(from.arg, buf, sizeof(buf), &got, w);
		for (size_t k = 0; k < got; k++)
			if (buf[k] != (uint8_t)text[(*ret_n + k) % TEXT_BYTES])
				fail_msg("byte %zu differs", *ret_n + k);
		*ret_n += got;
	}
	return r;
}

static int drain_bytes(struct bytes raw, size_t piece, uint64_t max, enum input_packing want, size_t *ret_n,
		       struct why *w)
{
	struct pieces p = { raw, piece };
	struct input *i = NULL;
	int r = input_open((struct carve_source){ read_piece, &p }, "test", max, &i, w);

	if (r)
		return r;
	assert_int_equal(input_packing(i), want);
	r = drain(i, ret_n, w);
	if (r == 0) {
		assert_int_equal(input_bytes(i), *ret_n);
		assert_int_equal(input_raw_bytes(i), raw.n);
	}
	input_close(i);
	return r;
}

static void each_packing_is_seen_and_unpacked(void **state)
{
	static const size_t pieces[] = { 1u << 20, 4096, 3 };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(packers); k++)
		for (size_t s = 0; s < ARRAY_SIZE(pieces); s++) {
			size_t n = packers[k].pack(text, sizeof(text), packed), got = 0;
			struct why w = { 0 };

			assert_ok(drain_bytes(bytes_of(packed, n), pieces[s], 0, packers[k].packing, &got, &w), w);
			assert_int_equal(got, sizeof(text));
		}
}

static void streams_behind_each_other_are_one(void **state)
{
	(void)state;
	for (size_t k = 1; k < ARRAY_SIZE(packers); k++) {
		size_t n = packers[k].pack(text, 300000, packed), got = 0;
		struct why w = { 0 };

		n += packers[k].pack(text + 300000, sizeof(text) - 300000, packed + n);
		assert_ok(drain_bytes(bytes_of(packed, n), 4096, 0, packers[k].packing, &got, &w), w);
		assert_int_equal(got, sizeof(text));
	}
}

static void nothing_is_an_empty_feed(void **state)
{
	struct why w = { 0 };
	size_t got = 1;

	(void)state;
	assert_ok(drain_bytes(bytes_of(packed, 0), 1, 0, INPUT_PLAIN, &got, &w), w);
	assert_int_equal(got, 0);
	for (size_t k = 1; k < ARRAY_SIZE(packers); k++) {
		size_t n = packers[k].pack(text, 0, packed);

		assert_ok(drain_bytes(bytes_of(packed, n), 4096, 0, packers[k].packing, &got, &w), w);
		assert_int_equal(got, 0);
	}
}

static void packed_data_that_end_too_early_are_told_after_what_is_there(void **state)
{
	(void)state;
	for (size_t k = 1; k < ARRAY_SIZE(packers); k++) {
		size_t n = packers[k].pack(text, sizeof(text), packed), got = 0;
		struct why w = { 0 };

		assert_int_equal(drain_bytes(bytes_of(packed, n / 2), 4096, 0, packers[k].packing, &got, &w), -EBADMSG);
		assert_true(got > 100000);
		assert_int_equal(drain_bytes(bytes_of(packed, n - 1), 4096, 0, packers[k].packing, &got, &w), -EBADMSG);
	}
}

static void damaged_packed_data_are_told(void **state)
{
	(void)state;
	for (size_t k = 1; k < ARRAY_SIZE(packers); k++) {
		size_t n = packers[k].pack(text, 0, packed), got = 0;
		struct why w = { 0 };

		memcpy(packed + n, "some garbage behind the end", 27);
		assert_int_equal(drain_bytes(bytes_of(packed, n + 27), 4096, 0, packers[k].packing, &got, &w),
				 -EBADMSG);
		assert_non_null(strstr(w.text, "damaged"));
	}
}

static void what_comes_out_ends_at_its_limit(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(packers); k++) {
		size_t n = packers[k].pack(text, sizeof(text), packed), got = 0;
		struct why w = { 0 };

		assert_int_equal(drain_bytes(bytes_of(packed, n), 4096, sizeof(text) - 1, packers[k].packing, &got, &w),
				 -E2BIG);
		assert_true(got <= sizeof(text));
		w = (struct why){ 0 };
		assert_ok(drain_bytes(bytes_of(packed, n), 4096, sizeof(text), packers[k].packing, &got, &w), w);
	}
}

/* A dictionary of 1 GiB and a window of 1 GiB are asked for by a few bytes. */
static void memory_that_unpacking_takes_has_a_limit(void **state)
{
	static const uint8_t zstd[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0x00, 0x00 };
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	struct why w = { 0 };
	size_t got = 0, n = 0;

	(void)state;
	assert_int_equal(drain_bytes(bytes_of(zstd, sizeof(zstd)), 4096, 0, INPUT_ZSTD, &got, &w), -E2BIG);
	assert_false(lzma_lzma_preset(&options, 0));
	options.dict_size = 1u << 28;
	options.mode = LZMA_MODE_FAST;
	options.mf = LZMA_MF_HC3;
	AUTO_FREE uint8_t *out = malloc(1000);

	assert_non_null(out);
	assert_int_equal(
		lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, (const uint8_t *)text, 10, out, &n, 1000),
		LZMA_OK);
	w = (struct why){ 0 };
	assert_int_equal(drain_bytes(bytes_of(out, n), 4096, 0, INPUT_XZ, &got, &w), -E2BIG);
	assert_non_null(strstr(w.text, "MiB of memory"));
}

static int set_up(void **state)
{
	(void)state;
	make_text();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_packing_is_seen_and_unpacked),
		cmocka_unit_test(streams_behind_each_other_are_one),
		cmocka_unit_test(nothing_is_an_empty_feed),
		cmocka_unit_test(packed_data_that_end_too_early_are_told_after_what_is_there),
		cmocka_unit_test(damaged_packed_data_are_told),
		cmocka_unit_test(what_comes_out_ends_at_its_limit),
		cmocka_unit_test(memory_that_unpacking_takes_has_a_limit),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
