/* Where an image is cut (updater/cut.h). A letter is a block of 4 KiB: 'd' data, 'z' zeros, 'e' data that ends a file. */
#include "updater/cut.h"

#include <stdio.h>
#include <string.h>

#include "tests/support.h"

static const struct cut_rules rules = {
	.chunk_bytes = 2 * 4096, .group_bytes = 8 * 4096, .zero_bytes = 3 * 4096, .file_bytes = 2 * 4096
};

static void fill_blocks(uint8_t *raw, const char *blocks)
{
	for (size_t i = 0; blocks[i]; i++) {
		memset(raw + i * 4096, blocks[i] != 'z', 4096);
		if (blocks[i] == 'e')
			memset(raw + i * 4096 + 1 + i % 3 * 2000, 0, 4095 - i % 3 * 2000);
	}
}

/* Cut blocks as told, `step` of them at a time, the last one `shorter` bytes shorter. */
static void cut(struct cutter *k, const struct cut_rules *by, const char *blocks, size_t step, size_t shorter)
{
	uint8_t *raw = calloc(strlen(blocks) + 1, 4096);
	size_t n = strlen(blocks) * 4096 - shorter;
	struct why w = { 0 };

	assert_non_null(raw);
	fill_blocks(raw, blocks);
	cutter_begin(k, by);
	for (size_t at = 0; at < n; at += step * 4096)
		assert_ok(cutter_add(k, bytes_of(raw + at, n - at < step * 4096 ? n - at : step * 4096), &w), w);
	assert_ok(cutter_end(k, &w), w);
	free(raw);
}

/* What came out: blocks of each chunk. To be freed. */
static char *written(const struct cutter *k)
{
	char *ret = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&ret, &n);

	assert_non_null(to);
	for (size_t i = 0; i < k->n; i++)
		(void)fprintf(to, "%s%s%u", i ? " " : "", k->at[i].zero ? "z" : "", (k->at[i].bytes + 4095) / 4096);
	assert_int_equal(fclose(to), 0);
	return ret;
}

static void cuts_depend_on_the_bytes_alone(void **state)
{
	static const struct {
		const char *blocks, *want;
		uint64_t index_blocks;
	} table[] = {
		{ "", "", 0 },
		{ "d", "1", 1 },
		{ "z", "1", 1 }, /* too short a run: packed like data */
		{ "zzz", "z3", 0 },
		{ "ddd", "2 1", 3 },
		{ "dzzd", "2 2", 4 },
		{ "dzzzd", "1 z3 1", 2 },
		{ "dddzzzzdd", "2 1 z4 1 1", 5 }, /* a group ends after 8 */
		{ "zzzzzzzzzzzzzzzzzzd", "z18 1", 1 },
		{ "dddddddddd", "2 2 2 2 2", 10 },
		{ "dddzzzdddd", "2 1 z3 2 2", 7 },
		{ "dddzzzzdddd", "2 1 z4 1 2 1", 7 },
		{ "dzz", "2 1", 3 },
		{ "zzd", "2 1", 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		for (size_t step = 1; step < 20; step += 3) {
			struct cutter k;
			char *got;

			cut(&k, &rules, table[i].blocks, step, 0);
			got = written(&k);
			assert_string_equal(got, table[i].want);
			assert_int_equal(cutter_index_blocks(&k), table[i].index_blocks);
			cutter_done(&k);
			free(got);
		}
	}
}

static void chunks_end_where_files_end_if_they_are_long_enough(void **state)
{
	const struct cut_rules by = {
		.chunk_bytes = 4 * 4096, .group_bytes = 8 * 4096, .zero_bytes = 3 * 4096, .file_bytes = 2 * 4096
	};
	static const struct {
		const char *blocks, *want;
	} table[] = {
		{ "dedd", "2 2" },
		{ "eddd", "4" },
		{ "edddd", "4 1" },
		{ "eedd", "2 2" },
		{ "dddede", "4 2" },
		{ "deed", "2 2" },
		{ "dedddd", "2 4" },
		{ "dddddddedd", "4 4 2" },
		{ "ddeddeddedd", "3 3 2 3" }, /* the third ends with its group */
		{ "zzedd", "3 2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		for (size_t step = 1; step < 12; step += 2) {
			struct cutter k;
			char *got;

			cut(&k, &by, table[i].blocks, step, 0);
			got = written(&k);
			assert_string_equal(got, table[i].want);
			cutter_done(&k);
			free(got);
		}
	}
}

static void a_short_last_block_ends_the_last_chunk(void **state)
{
	struct cutter k;

	(void)state;
	cut(&k, &rules, "ddd", 1, 4000);
	assert_int_equal(k.n, 2);
	assert_int_equal(k.at[1].bytes, 96);
	cutter_done(&k);
	cut(&k, &rules, "dzzz", 7, 1);
	assert_int_equal(k.n, 2);
	assert_true(!k.at[1].zero && k.at[1].bytes == 2 * 4096 - 1); /* a byte less than a run */
	cutter_done(&k);
	cut(&k, &rules, "dzzzz", 2, 1);
	assert_true(k.at[1].zero && k.at[1].bytes == 4 * 4096 - 1);
	cutter_done(&k);
}

static void very_long_runs_of_zeros_are_several_chunks(void **state)
{
	static const uint8_t zeros[1u << 20];
	struct why w = { 0 };
	struct cutter k;

	(void)state;
	cutter_begin(&k, &rules);
	for (size_t i = 0; i < 1025; i++)
		assert_ok(cutter_add(&k, bytes_of(zeros, sizeof(zeros)), &w), w);
	assert_ok(cutter_end(&k, &w), w);
	assert_int_equal(k.n, 2);
	assert_int_equal(k.at[0].bytes, CHUNK_ZERO_MAX);
	assert_int_equal(k.at[1].bytes, sizeof(zeros));
	cutter_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_depend_on_the_bytes_alone),
		cmocka_unit_test(chunks_end_where_files_end_if_they_are_long_enough),
		cmocka_unit_test(a_short_last_block_ends_the_last_chunk),
		cmocka_unit_test(very_long_runs_of_zeros_are_several_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
