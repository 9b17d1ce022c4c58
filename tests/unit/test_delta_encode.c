/* Chunks of a delta: what the builder makes of them decodes to them (updater/delta_encode.h, updater/delta_apply.h). */
#include "updater/delta_encode.h"

#include <string.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "tests/support.h"
#include "updater/decode.h"
#include "updater/delta_apply.h"

#define BASE  (3u << 20)
#define CHUNK (1u << 20)

struct rig {
	uint8_t base[BASE];
	uint8_t raw[CHUNK], out[CHUNK];
	uint32_t seed;
	struct delta_index index;
	struct delta_encoder *encoder;
	struct ZSTD_DCtx_s *zstd;
	struct delta_apply *apply;
	struct base_reader reader;
	uint8_t *room;
	/* of the last chunk */
	struct chunk c;
	struct bytes stored;
};

static uint8_t next(struct rig *k)
{
	k->seed = k->seed * 1664525 + 1013904223;
	return (uint8_t)(k->seed >> 24);
}

static void noise(struct rig *k, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = next(k);
}

static int begin(void **state)
{
	struct rig *k = calloc(1, sizeof(*k));
	struct why w = { 0 };

	assert_non_null(k);
	k->seed = 5;
	noise(k, k->base, BASE);
	memset(k->base + (1u << 20), 0, 300000);
	assert_ok(delta_index_new(bytes_of(k->base, BASE), 2, &k->index, &w), w);
	assert_ok(delta_encoder_new(&k->index, CHUNK, 3, &k->encoder, &w), w);
	assert_ok(delta_apply_new(CHUNK, &k->apply, &w), w);
	assert_ok(base_reader_memory(bytes_of(k->base, BASE), &k->reader, &w), w);
	k->room = malloc(delta_encoder_room(k->encoder));
	k->zstd = ZSTD_createDCtx();
	(void)ZSTD_DCtx_setParameter(k->zstd, ZSTD_d_format, ZSTD_f_zstd1_magicless);
	*state = k;
	return 0;
}

static int end(void **state)
{
	struct rig *k = *state;

	(void)ZSTD_freeDCtx(k->zstd);
	base_reader_done(&k->reader);
	delta_apply_free(k->apply);
	delta_encoder_free(k->encoder);
	delta_index_done(&k->index);
	free(k->room);
	free(k);
	return 0;
}

static int apply(struct rig *k, struct why *w)
{
	memset(k->out, 0xcc, CHUNK);
	return delta_apply(k->apply, k->zstd, &k->reader, k->stored, k->out, k->c.raw_bytes, w);
}

/* Encode k->raw; decode it again unless it is a plain chunk. */
static void encode(struct rig *k, size_t n, uint64_t at)
{
	struct hash want = hash_of(bytes_of(k->raw, n));
	struct why w = { 0 };

	k->c = (struct chunk){ .raw_offset = at, .raw_bytes = (uint32_t)n };
	assert_ok(delta_encode(k->encoder, bytes_of(k->raw, n), &k->c, k->room, &k->stored, &w), w);
	assert_true(hash_equal(&k->c.raw_hash, &want));
	assert_int_equal(k->c.stored_bytes, k->stored.n);
	if (k->c.encoding != CHUNK_ZSTD_REF)
		return;
	assert_ok(apply(k, &w), w);
	assert_memory_equal(k->out, k->raw, n);
}

static void moved_chunk_is_a_copy(void **state)
{
	struct rig *k = *state;

	memcpy(k->raw, k->base + 1434567, CHUNK);
	encode(k, CHUNK, 0);
	assert_int_equal(k->c.encoding, CHUNK_COPY);
	assert_int_equal(k->c.stored_offset, 1434567);
	assert_int_equal(k->c.stored_bytes, 0);
}

static void edited_chunk_is_small(void **state)
{
	struct rig *k = *state;

	memcpy(k->raw, k->base + 77, CHUNK);
	for (size_t i = 5000; i < CHUNK; i += 100000)
		noise(k, k->raw + i, 16);
	encode(k, CHUNK, 0);
	assert_int_equal(k->c.encoding, CHUNK_ZSTD_REF);
	assert_in_range(k->c.stored_bytes, 11 * 16, 11 * 16 + 200);
}

static void insertions_and_removals_are_small(void **state)
{
	struct rig *k = *state;
	size_t from = 0, to = 0;

	while (to + 20000 < CHUNK) { /* 19990 bytes of the base, 3 removed, 10 new */
		memcpy(k->raw + to, k->base + from, 19990);
		noise(k, k->raw + to + 19990, 10);
		from += 19993;
		to += 20000;
	}
	encode(k, to, 0);
	assert_in_range(k->c.stored_bytes, 10 * to / 20000, 30 * to / 20000);
}

static void shuffled_pieces_are_small(void **state)
{
	struct rig *k = *state;

	for (size_t i = 0; i < 128; i++) /* 8 KiB each: copies */
		memcpy(k->raw + i * 8192, k->base + (i * 37 % 128) * 20001, 8192);
	encode(k, CHUNK, 0);
	assert_in_range(k->c.stored_bytes, 1, 2000);
	for (size_t i = 0; i < 1024; i++) /* 1 KiB each: by way of the window */
		memcpy(k->raw + i * 1024, k->base + (i * 37 % 1024) * 2001 + 1, 1024);
	encode(k, CHUNK, 0);
	assert_in_range(k->c.stored_bytes, 1, 12000);
}

static void scattered_short_matches_keep_the_limits(void **state)
{
	struct rig *k = *state;

	for (size_t i = 0; i < CHUNK / 128; i++) {
		memcpy(k->raw + i * 128, k->base + (i * 6007 % (BASE - 128)), 100);
		noise(k, k->raw + i * 128 + 100, 28);
	}
	encode(k, CHUNK, 0);
	assert_in_range(k->c.stored_bytes, 1, CHUNK);
	for (size_t i = 0; i < CHUNK / 1024; i++) { /* more zeros and literals in turn than there may be operations */
		memset(k->raw + i * 1024, 0, 1024);
		noise(k, k->raw + i * 1024 + 1000, 24);
	}
	encode(k, CHUNK, 0);
	assert_int_equal(k->c.encoding, CHUNK_ZSTD_REF);
	assert_in_range(k->c.stored_bytes, 1, 24 * CHUNK / 1024 + 6000);
}

static void new_content_is_stored_as_in_a_full_bundle(void **state)
{
	struct rig *k = *state;

	noise(k, k->raw, CHUNK);
	encode(k, CHUNK, 0);
	assert_int_equal(k->c.encoding, CHUNK_RAW);
	assert_true(k->stored.p == k->raw);
	for (size_t i = 0; i < CHUNK; i++)
		k->raw[i] = (uint8_t)('a' + (next(k) & 7));
	encode(k, CHUNK, 0);
	assert_int_equal(k->c.encoding, CHUNK_ZSTD);
	assert_in_range(k->stored.n, CHUNK / 4, CHUNK / 2);
}

static void short_chunks_are_taken(void **state)
{
	struct rig *k = *state;

	for (size_t n = 1; n < 200; n += 7) {
		memcpy(k->raw, k->base + 999, n);
		encode(k, n, 0);
		memset(k->raw, 'a', n);
		encode(k, n, 0);
	}
	memcpy(k->raw, k->base + BASE - 5000, 5000); /* and the base's last bytes */
	encode(k, 5000, BASE - 5000);
	assert_int_equal(k->c.encoding, CHUNK_COPY);
}

static void wrong_base_never_writes_outside(void **state)
{
	struct rig *k = *state;
	struct why w = { 0 };
	size_t same = 0;

	shuffled_pieces_are_small(state);
	for (size_t round = 0; round < 50; round++) {
		noise(k, k->base + round * 60000, 60000);
		if (apply(k, NULL) == 0 && memcmp(k->out, k->raw, CHUNK) == 0)
			same++;
	}
	assert_int_equal(same, 0);
	k->reader.size_bytes = 1 << 20;
	assert_int_equal(apply(k, &w), -EBADMSG);
}

static void chunk_longer_than_the_room_is_refused(void **state)
{
	struct rig *k = *state;

	edited_chunk_is_small(state);
	assert_int_equal(delta_apply(k->apply, k->zstd, &k->reader, k->stored, k->out, CHUNK + 1, NULL), -EINVAL);
	assert_int_equal(delta_apply(k->apply, k->zstd, &k->reader, k->stored, k->out, CHUNK - 1, NULL), -EBADMSG);
	for (size_t n = 0; n < k->stored.n; n++)
		assert_int_equal(
			delta_apply(k->apply, k->zstd, &k->reader, bytes_of(k->stored.p, n), k->out, CHUNK, NULL),
			-EBADMSG);
}

/* Through the decoder, which is told what to believe. */
static void decoder_compares_what_it_made_with_the_raw_hash(void **state)
{
	struct rig *k = *state;
	struct decoder d = { 0 };
	struct why w = { 0 };

	assert_ok(decoder_init(&d, &w), w);
	for (int edited = 0; edited < 2; edited++) {
		if (edited)
			edited_chunk_is_small(state);
		else
			moved_chunk_is_a_copy(state);
		k->c.stored_hash = k->stored.n ? hash_of(k->stored) : (struct hash){ 0 };
		if (!d.base) {
			assert_int_equal(decoder_chunk(&d, &k->c, k->stored, k->out, NULL), -EOPNOTSUPP);
			assert_ok(decoder_base(&d, &k->reader, CHUNK, &w), w);
		}
		assert_ok(decoder_chunk(&d, &k->c, k->stored, k->out, &w), w);
		assert_memory_equal(k->out, k->raw, CHUNK);
		k->base[1500000] ^= 1;
		k->base[200000] ^= 1;
		assert_int_equal(decoder_chunk(&d, &k->c, k->stored, k->out, &w), -EBADMSG);
		assert_non_null(strstr(w.text, "is damaged, or is not the image"));
		w = (struct why){ 0 };
	}
	decoder_done(&d);
}

static void threads_do_not_change_the_index(void **state)
{
	struct rig *k = *state;
	struct why w = { 0 };

	for (unsigned int threads = 1; threads < 6; threads += 2) {
		struct delta_index x = { 0 };

		assert_ok(delta_index_new(bytes_of(k->base, BASE), threads, &x, &w), w);
		assert_int_equal(x.bytes, k->index.bytes);
		assert_memory_equal(x.slots, k->index.slots, x.bytes);
		delta_index_done(&x);
	}
}

static void level_that_zstd_has_not_is_refused(void **state)
{
	struct rig *k = *state;
	struct delta_encoder *e = NULL;

	assert_int_equal(delta_encoder_new(&k->index, CHUNK, 0, &e, NULL), -EINVAL);
	assert_int_equal(delta_encoder_new(&k->index, CHUNK, 23, &e, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(moved_chunk_is_a_copy, begin, end),
		cmocka_unit_test_setup_teardown(edited_chunk_is_small, begin, end),
		cmocka_unit_test_setup_teardown(insertions_and_removals_are_small, begin, end),
		cmocka_unit_test_setup_teardown(shuffled_pieces_are_small, begin, end),
		cmocka_unit_test_setup_teardown(scattered_short_matches_keep_the_limits, begin, end),
		cmocka_unit_test_setup_teardown(new_content_is_stored_as_in_a_full_bundle, begin, end),
		cmocka_unit_test_setup_teardown(short_chunks_are_taken, begin, end),
		cmocka_unit_test_setup_teardown(wrong_base_never_writes_outside, begin, end),
		cmocka_unit_test_setup_teardown(chunk_longer_than_the_room_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(decoder_compares_what_it_made_with_the_raw_hash, begin, end),
		cmocka_unit_test_setup_teardown(threads_do_not_change_the_index, begin, end),
		cmocka_unit_test_setup_teardown(level_that_zstd_has_not_is_refused, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
