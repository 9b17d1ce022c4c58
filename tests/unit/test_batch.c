/* How an install is cut into work (updater/batch.h). */
#include "updater/batch.h"

#include <string.h>

#include "tests/support.h"

static void memory_stays_in_its_limit_for_every_chunk_size_and_worker_count(void **state)
{
	(void)state;
	for (unsigned int workers = 0; workers <= 70; workers++) {
		for (uint32_t chunk = CHUNK_ALIGN; chunk <= CHUNK_BYTES_MAX; chunk += CHUNK_ALIGN) {
			struct pipeline_size s = pipeline_size(workers, chunk);

			assert_in_range(s.workers, 1, PIPELINE_WORKERS_MAX);
			assert_true(s.workers <= workers || workers == 0);
			assert_true(s.batch_bytes >= chunk && s.batch_bytes % BLK_ALIGN == 0);
			assert_true(s.check_bytes >= chunk && s.check_bytes % BLK_ALIGN == 0);
			assert_true(s.batches >= 3);
			assert_true(s.memory_bytes <= PIPELINE_BYTES_MAX);
			assert_int_equal(s.memory_bytes, 2 * s.batches * s.batch_bytes + s.workers * s.check_bytes);
		}
	}
	assert_int_equal(pipeline_size(8, 512u << 10).workers, 8);
	assert_int_equal(pipeline_size(2, 512u << 10).workers, 2);
}

static struct chunk chunk(uint64_t at, uint32_t n, enum chunk_encoding encoding)
{
	return (struct chunk){ .raw_offset = at,
			       .raw_bytes = n,
			       .encoding = encoding,
			       .stored_bytes = encoding == CHUNK_ZERO ? 0 : n / 2 };
}

static void batch_takes_chunks_up_to_its_bytes_and_its_pieces(void **state)
{
	static struct batch b;
	struct chunk c = chunk(8192, 1u << 20, CHUNK_RAW);

	(void)state;
	assert_true(batch_fits(&b, &c, 4096));
	batch_add(&b, &c);
	assert_int_equal(b.begin, 8192);
	c = chunk(b.end, 1u << 20, CHUNK_RAW);
	assert_true(batch_fits(&b, &c, 2u << 20));
	assert_false(batch_fits(&b, &c, (2u << 20) - 4096));
	b.n = 0;
	for (size_t i = 0; i < BATCH_PIECES_MAX; i++) {
		c = chunk(i * 4096, 4096, CHUNK_RAW);
		assert_true(batch_fits(&b, &c, 64u << 20));
		batch_add(&b, &c);
	}
	c = chunk(b.end, 4096, CHUNK_RAW);
	assert_false(batch_fits(&b, &c, 64u << 20));
}

/* A letter for each chunk of 64 KiB: 'd' data, 'z' zeros; upper case in what is expected: a blank. */
static void check_blanks(const char *expected)
{
	static struct batch b;

	memset(&b, 0, sizeof(b));
	for (size_t i = 0; expected[i]; i++) {
		struct chunk c = chunk(i * 65536, 65536, expected[i] == 'd' ? CHUNK_ZSTD : CHUNK_ZERO);

		batch_add(&b, &c);
	}
	batch_close(&b);
	for (size_t i = 0; expected[i]; i++)
		if (b.at[i].blank != (expected[i] == 'Z'))
			fail_msg("%s: piece %zu", expected, i);
}

static void runs_of_zeros_become_blanks_when_long_or_at_an_edge(void **state)
{
	static const char *const table[] = { "d",   "Z",     "dd",      "dzd",      "dZZd",    "Zd",         "dZ",
					     "ZdZ", "ZdzdZ", "dzdZZZd", "ZZZZZZZZ", "dzdzdzd", "dZZdzdZZZdZ" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		check_blanks(table[i]);
}

static void stored_bytes_are_laid_out_for_wanted_pieces_only(void **state)
{
	static struct batch b;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct chunk c = chunk(i * 65536, 65536, i == 2 ? CHUNK_ZERO : CHUNK_ZSTD);

		batch_add(&b, &c);
	}
	b.at[1].want = false;
	batch_lay_out(&b);
	assert_int_equal(b.at[0].stored_at, 0);
	assert_int_equal(b.at[3].stored_at, 32768);
	assert_int_equal(b.stored_bytes, 65536);
}

static void pieces_take_whole_blocks(void **state)
{
	struct piece p = { .chunk = chunk(0, 4097, CHUNK_RAW) };

	(void)state;
	assert_int_equal(piece_room(&p), 8192);
	p.chunk.raw_bytes = 4096;
	assert_int_equal(piece_room(&p), 4096);
	p.chunk.raw_bytes = 1;
	assert_int_equal(piece_room(&p), 4096);
}

static void looks_get_rare_after_misses_and_come_back_with_a_hit(void **state)
{
	struct look l = { 0 };
	unsigned int looks = 0;

	(void)state;
	for (unsigned int i = 0; i < LOOK_MISSES; i++) {
		assert_true(look_ask(&l));
		look_answer(&l, false);
	}
	for (unsigned int i = 0; i < 10 * LOOK_EVERY; i++) {
		if (look_ask(&l)) {
			looks++;
			look_answer(&l, false);
		}
	}
	assert_int_equal(looks, 10);
	while (!look_ask(&l))
		;
	look_answer(&l, true);
	for (unsigned int i = 0; i < 100; i++) {
		assert_true(look_ask(&l));
		look_answer(&l, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_stays_in_its_limit_for_every_chunk_size_and_worker_count),
		cmocka_unit_test(batch_takes_chunks_up_to_its_bytes_and_its_pieces),
		cmocka_unit_test(runs_of_zeros_become_blanks_when_long_or_at_an_edge),
		cmocka_unit_test(stored_bytes_are_laid_out_for_wanted_pieces_only),
		cmocka_unit_test(pieces_take_whole_blocks),
		cmocka_unit_test(looks_get_rare_after_misses_and_come_back_with_a_hit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
