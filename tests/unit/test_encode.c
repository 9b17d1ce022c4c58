/* What is stored of a group of chunks (updater/encode.h, updater/sequences.h), and that it decodes (updater/decode.h). */
#include "updater/encode.h"

#include <string.h>

#include "tests/support.h"

#define GROUP (1u << 20)

struct group {
	uint8_t raw[GROUP], back[GROUP];
	uint8_t room[4 * GROUP];
	struct encoded at[256];
	size_t n, bytes, stored;
};

static struct group g;

/* Text with repetitions from near and from far. */
static void fill_text(uint8_t *p, size_t n, uint32_t r)
{
	for (size_t i = 0; i < n; i++) {
		r = r * 1664525 + 1013904223;
		p[i] = (uint8_t) "etaoin shrdlu"[r >> 24 & 7];
		if (i >= 40000 && i % 3000 < 2000)
			p[i] = p[i - 37123];
	}
}

static void fill_noise(uint8_t *p, size_t n)
{
	uint32_t r = 1;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((r = r * 1664525 + 1013904223) >> 24);
}

/* Through the encoder and, chunk by chunk, through a decoder that has the raw bytes before each. */
static void there_and_back(int level, const struct cut *cuts, size_t n)
{
	struct encoder e = { 0 };
	struct decoder d = { 0 };
	struct why w = { 0 };
	size_t at = 0;

	g.bytes = g.stored = 0;
	g.n = n;
	for (size_t i = 0; i < n; i++)
		g.bytes += cuts[i].bytes;
	assert_ok(encoder_init(&e, level, GROUP, &w), w);
	assert_ok(decoder_init(&d, &w), w);
	assert_true(encoder_room(g.bytes) <= sizeof(g.room));
	assert_ok(encoder_group(&e, bytes_of(g.raw, g.bytes), cuts, n, g.room, g.at, &w), w);
	for (size_t i = 0; i < n; at += cuts[i++].bytes) {
		const struct chunk *c = &g.at[i].chunk;

		assert_int_equal(c->raw_bytes, cuts[i].bytes);
		assert_int_equal(c->encoding == CHUNK_ZERO, cuts[i].zero);
		assert_int_equal(c->stored_bytes, c->encoding == CHUNK_ZERO ? 0 : g.at[i].stored.n);
		assert_in_range(c->prefix_bytes, 0, at);
		memset(g.back + at - c->prefix_bytes, 0xaa, c->prefix_bytes + c->raw_bytes);
		memcpy(g.back + at - c->prefix_bytes, g.raw + at - c->prefix_bytes, c->prefix_bytes);
		assert_ok(decoder_chunk(&d, c, g.at[i].stored, g.back + at, &w), w);
		assert_memory_equal(g.back + at, g.raw + at, c->raw_bytes);
		assert_true(chunk_raw_matches(c, g.back + at));
		g.stored += g.at[i].stored.n;
	}
	encoder_done(&e);
	decoder_done(&d);
}

static size_t cut_evenly(struct cut *ret, size_t n, size_t chunk)
{
	size_t k = 0;

	for (size_t at = 0; at < n; at += chunk)
		ret[k++] = (struct cut){ .bytes = (uint32_t)(n - at < chunk ? n - at : chunk) };
	return k;
}

static void single_chunks_come_back(void **state)
{
	static const size_t sizes[] = { 1, 7, 100, 4096, 70000, 200000, GROUP };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct cut cut = { .bytes = (uint32_t)sizes[i] };

		fill_text(g.raw, sizes[i], 3);
		there_and_back(3, &cut, 1);
		assert_int_equal(g.at[0].chunk.encoding, sizes[i] > 10 ? CHUNK_ZSTD : CHUNK_RAW);
		assert_int_equal(g.at[0].chunk.prefix_bytes, 0);
		fill_noise(g.raw, sizes[i]);
		there_and_back(3, &cut, 1);
		assert_int_equal(g.at[0].chunk.encoding, CHUNK_RAW);
		assert_ptr_equal(g.at[0].stored.p, g.raw);
	}
}

static void groups_come_back_whatever_their_cuts_and_level(void **state)
{
	static const size_t chunks[] = { 4096, 32768, 49152, 135168, 524288 };
	static const int levels[] = { 1, 4, 9, 13, 19 };
	struct cut cuts[256];

	(void)state;
	fill_text(g.raw, GROUP, 5);
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		for (size_t l = 0; l < ARRAY_SIZE(levels); l++) {
			size_t bytes = GROUP - 4000 * l;

			there_and_back(levels[l], cuts, cut_evenly(cuts, bytes, chunks[i]));
		}
	}
}

static void prefix_that_begins_like_a_dictionary_is_none(void **state)
{
	static const uint8_t magic[] = { 0x37, 0xa4, 0x30, 0xec };
	struct cut cuts[2];

	(void)state;
	fill_noise(g.raw, 32768);
	memcpy(g.raw, magic, sizeof(magic));
	memcpy(g.raw + 32768, g.raw, 32768);
	there_and_back(3, cuts, cut_evenly(cuts, 65536, 32768));
	assert_int_equal(g.at[1].chunk.encoding, CHUNK_ZSTD);
	assert_int_equal(g.at[1].chunk.prefix_bytes, 32768);
}

/* The prefix is what makes small chunks cheap, and is no longer than needed. */
static void prefix_saves_bytes_and_is_tight(void **state)
{
	struct cut cuts[256];
	size_t alone = 0;

	(void)state;
	fill_text(g.raw, GROUP, 5);
	for (size_t at = 0; at < GROUP; at += 32768) {
		const struct cut cut = { .bytes = 32768 };

		memmove(g.raw, g.raw + at, 32768);
		there_and_back(9, &cut, 1);
		alone += g.stored;
		fill_text(g.raw, GROUP, 5);
	}
	there_and_back(9, cuts, cut_evenly(cuts, GROUP, 32768));
	assert_true(g.stored < alone - alone / 20);
	assert_int_equal(g.at[0].chunk.prefix_bytes, 0);
	assert_true(g.at[5].chunk.prefix_bytes >= 37123 - 32768);
	fill_noise(g.raw, GROUP);
	memcpy(g.raw + 98304, g.raw + 32768, 32768);
	there_and_back(9, cuts, cut_evenly(cuts, 4 * 32768, 32768));
	assert_int_equal(g.at[2].chunk.encoding, CHUNK_RAW);
	assert_int_equal(g.at[3].chunk.prefix_bytes, 65536);
	assert_in_range(g.at[3].chunk.stored_bytes, 1, 40);
}

static void zeros_and_noise_in_a_group_do_not_disturb_it(void **state)
{
	const struct cut cuts[] = {
		{ .bytes = 32768 }, { .bytes = 131072, .zero = true }, { .bytes = 4096 },
		{ .bytes = 65536 }, { .bytes = 4096, .zero = true },   { .bytes = 100 },
	};

	(void)state;
	fill_text(g.raw, GROUP, 9);
	memset(g.raw + 32768, 0, 131072);
	fill_noise(g.raw + 167936, 65536);
	memset(g.raw + 233472, 0, 4096);
	memcpy(g.raw + 237568, g.raw + 100, 100);
	there_and_back(19, cuts, ARRAY_SIZE(cuts));
	assert_int_equal(g.at[3].chunk.encoding, CHUNK_RAW);
	assert_int_equal(g.at[5].chunk.prefix_bytes, 237468);
	assert_int_equal(g.at[1].stored.n, 0);
}

static void levels_outside_of_zstds_are_refused(void **state)
{
	struct encoder e = { 0 };

	(void)state;
	assert_int_equal(encoder_init(&e, 0, GROUP, NULL), -EINVAL);
	assert_int_equal(encoder_init(&e, 23, GROUP, NULL), -EINVAL);
	assert_null(e.plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_chunks_come_back),
		cmocka_unit_test(groups_come_back_whatever_their_cuts_and_level),
		cmocka_unit_test(prefix_that_begins_like_a_dictionary_is_none),
		cmocka_unit_test(prefix_saves_bytes_and_is_tight),
		cmocka_unit_test(zeros_and_noise_in_a_group_do_not_disturb_it),
		cmocka_unit_test(levels_outside_of_zstds_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
