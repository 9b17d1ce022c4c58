/* How an install is cut into work (updater/batch.h). */
#include "updater/batch.h"

#include <string.h>

#include "tests/support.h"

static void check_size(unsigned int workers, uint32_t group, bool encrypted)
{
	struct pipeline_size s = pipeline_size(workers, 1 + workers / 2, group, encrypted);

	assert_in_range(s.workers, 1, PIPELINE_WORKERS_MAX);
	assert_true(workers == 0 || s.workers <= workers);
	assert_true(s.batch_bytes >= group && s.batch_bytes % group == 0 && s.batch_bytes <= CHUNK_BYTES_MAX);
	/* What is stored of an encrypted batch fits: 16 bytes more for each chunk. */
	if (encrypted)
		assert_true(s.stored_bytes >= s.batch_bytes + s.batch_bytes / CHUNK_ALIGN * 16);
	else
		assert_int_equal(s.stored_bytes, 0);
	assert_true(s.check_bytes % BLK_ALIGN == 0);
	assert_true(s.batches >= 3 && s.batches > s.workers);
	assert_true(s.memory_bytes <= (workers ? PIPELINE_BYTES_MAX : PIPELINE_BYTES_USUAL + s.stored_bytes));
	assert_int_equal(s.memory_bytes, s.batches * s.batch_bytes + s.stored_bytes + s.workers * s.check_bytes);
}

static void memory_stays_in_its_limit_for_every_group_and_worker_count(void **state)
{
	(void)state;
	for (unsigned int workers = 0; workers <= 70; workers++)
		for (uint32_t group = CHUNK_ALIGN; group <= CHUNK_BYTES_MAX; group += CHUNK_ALIGN) {
			check_size(workers, group, false);
			check_size(workers, group, true);
		}
}

static void workers_are_as_many_as_asked_for_or_as_fit(void **state)
{
	(void)state;
	for (unsigned int workers = 1; workers <= PIPELINE_WORKERS_MAX; workers++)
		assert_int_equal(pipeline_size(workers, 1, 4u << 20, true).workers, workers);
	assert_int_equal(pipeline_size(0, 1, 4u << 20, false).workers, 1);
	assert_int_equal(pipeline_size(0, 2, 4u << 20, false).workers, 2);
	assert_int_equal(pipeline_size(0, 2, 4u << 20, true).workers, 2);
	assert_int_equal(pipeline_size(0, 48, 4u << 20, false).workers, 2);
	assert_true(pipeline_size(0, 48, 1u << 20, false).workers > 2);
}

static struct chunk chunk(uint64_t at, uint32_t n, enum chunk_encoding encoding)
{
	return (struct chunk){ .raw_offset = at,
			       .raw_bytes = n,
			       .encoding = encoding,
			       .stored_bytes = encoding == CHUNK_ZERO  ? 0
					       : encoding == CHUNK_RAW ? n
								       : n / 2 };
}

/* A batch with room for what the tests put there. */
static struct piece pieces[64];
static struct batch empty(uint64_t at)
{
	struct batch b = { .at = pieces };

	batch_begin(&b, at);
	return b;
}

static void batch_is_a_run_of_pieces(void **state)
{
	struct chunk c = chunk(8192, 1u << 20, CHUNK_RAW);
	struct batch b = empty(8192);

	(void)state;
	assert_int_equal(b.begin, 8192);
	assert_int_equal(b.end, 8192);
	assert_ptr_equal(batch_add(&b, &c, 5), &b.at[0]);
	c = chunk(b.end, 4096, CHUNK_ZSTD);
	(void)batch_add(&b, &c, 6);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.end, 8192 + (1u << 20) + 4096);
	assert_int_equal(b.at[1].number, 6);
	assert_true(b.at[1].want);
	b.raw = (uint8_t *)pieces;
	assert_ptr_equal(piece_raw(&b, &b.at[1]), b.raw + (1u << 20));
	assert_int_equal(batch_pieces_max(1u << 20), 256);
}

/* A letter for each chunk of 32 KiB: 'd' data, 'z' zeros; upper case in what is expected: a blank. */
static void check_blanks(const char *expected)
{
	struct batch b = empty(0);

	for (size_t i = 0; expected[i]; i++) {
		struct chunk c = chunk(i * 32768, 32768, expected[i] == 'd' ? CHUNK_ZSTD : CHUNK_ZERO);

		(void)batch_add(&b, &c, i);
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

static void stored_bytes_lie_where_the_raw_ones_go_if_they_fit(void **state)
{
	static const enum chunk_encoding encodings[] = { CHUNK_ZSTD, CHUNK_ZSTD, CHUNK_ZERO,
							 CHUNK_RAW,  CHUNK_RAW,  CHUNK_RAW };
	struct batch b = empty(0);
	static uint8_t raw[1], stored[1];

	(void)state;
	b.raw = raw;
	b.stored = stored;
	for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
		struct chunk c = chunk(i * 65536, 65536, encodings[i]);

		c.stored_bytes += i > 3 ? 16 : 0; /* encrypted */
		(void)batch_add(&b, &c, i);
	}
	b.at[1].fate = FATE_COPY;
	assert_false(piece_is_fetched(&b.at[1]));
	assert_false(piece_is_fetched(&b.at[2]));
	batch_lay_out(&b);
	assert_ptr_equal(piece_stored(&b, &b.at[0]), raw + 32768);
	assert_ptr_equal(piece_stored(&b, &b.at[3]), raw + 3 * 65536);
	assert_ptr_equal(piece_stored(&b, &b.at[4]), stored);
	assert_ptr_equal(piece_stored(&b, &b.at[5]), stored + 65536 + 16);
	assert_int_equal(b.stored_bytes, 2 * (65536 + 16));
}

/*
 * A piece of 4 KiB for each letter: 'f' fetched, 'h' there on the target, 'c' copied, 'z' zeros; a digit: fetched, and so many
 * pieces before it are its prefix. What is needed: upper case, of a digit '+'.
 */
static void check_needs(const char *shape, const char *needed)
{
	struct batch b = empty(1u << 20);
	bool missing = false;

	for (size_t i = 0; shape[i]; i++) {
		struct chunk c = chunk((1u << 20) + i * 4096, 4096, shape[i] == 'z' ? CHUNK_ZERO : CHUNK_ZSTD);
		struct piece *p;

		c.prefix_bytes = shape[i] >= '0' && shape[i] <= '9' ? (uint32_t)(shape[i] - '0') * 4096 : 0;
		p = batch_add(&b, &c, i);
		p->fate = shape[i] == 'h' ? FATE_HAVE : shape[i] == 'c' ? FATE_COPY : FATE_FETCH;
		p->want = shape[i] != 'h';
		missing = missing || (shape[i] == 'h' && needed[i] == 'H');
	}
	assert_int_equal(batch_mark_needs(&b), missing);
	for (size_t i = 0; shape[i]; i++) {
		if (b.at[i].need != (needed[i] != shape[i]))
			fail_msg("%s: piece %zu", shape, i);
		b.at[i].there = true;
	}
	assert_false(batch_mark_needs(&b));
}

static void what_is_a_prefix_of_something_fetched_is_needed(void **state)
{
	(void)state;
	check_needs("", "");
	check_needs("f", "f");
	check_needs("hhhh", "hhhh");
	check_needs("hhh1", "hhH1");
	check_needs("hhh3", "HHH3");
	check_needs("hcz3", "HCZ3");
	check_needs("h1h1", "H1H1");
	check_needs("hhhh1cc1", "hhhH1cC1");
	check_needs("hhh12", "hhH+2");
	check_needs("hh23h", "HH+3h");
	check_needs("hhhhh1h4", "hhhHH+H4");
	check_needs("ccch", "ccch");
}

static void only_what_is_needed_or_written_from_memory_comes_into_memory(void **state)
{
	(void)state;
	assert_true(piece_in_memory(&(struct piece){ .want = true }));
	assert_false(piece_in_memory(&(struct piece){ .want = true, .blank = true }));
	assert_true(piece_in_memory(&(struct piece){ .want = true, .blank = true, .need = true }));
	assert_false(piece_in_memory(&(struct piece){ .fate = FATE_HAVE }));
	assert_true(piece_in_memory(&(struct piece){ .fate = FATE_HAVE, .need = true }));
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
		cmocka_unit_test(memory_stays_in_its_limit_for_every_group_and_worker_count),
		cmocka_unit_test(workers_are_as_many_as_asked_for_or_as_fit),
		cmocka_unit_test(batch_is_a_run_of_pieces),
		cmocka_unit_test(runs_of_zeros_become_blanks_when_long_or_at_an_edge),
		cmocka_unit_test(stored_bytes_lie_where_the_raw_ones_go_if_they_fit),
		cmocka_unit_test(what_is_a_prefix_of_something_fetched_is_needed),
		cmocka_unit_test(only_what_is_needed_or_written_from_memory_comes_into_memory),
		cmocka_unit_test(pieces_take_whole_blocks),
		cmocka_unit_test(looks_get_rare_after_misses_and_come_back_with_a_hit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
