/* Which bytes of a chunk are in the base (updater/delta_match.h), by the index over it (updater/delta_index.h). */
#include "updater/delta_match.h"

#include <string.h>

#include "tests/support.h"

#define BASE  (1u << 20)
#define CHUNK (64u << 10)

struct rig {
	uint8_t base[BASE], raw[CHUNK];
	struct delta_match found[CHUNK / DELTA_SEED_BYTES + 1];
	size_t n;
	struct delta_index x;
};

static void noise(uint8_t *to, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		to[i] = (uint8_t)(seed >> 24);
	}
}

static int begin(void **state)
{
	struct rig *k = calloc(1, sizeof(*k));
	struct why w = { 0 };

	assert_non_null(k);
	noise(k->base, BASE, 1);
	noise(k->raw, CHUNK, 2);
	assert_ok(delta_index_new(bytes_of(k->base, BASE), 1, &k->x, &w), w);
	*state = k;
	return 0;
}

static int end(void **state)
{
	struct rig *k = *state;

	delta_index_done(&k->x);
	free(k);
	return 0;
}

/* Every match is one, and they ascend without overlaps. */
static void look(struct rig *k)
{
	size_t at = 0;

	k->n = delta_match(&k->x, bytes_of(k->raw, CHUNK), 0, k->found);
	assert_true(k->n <= delta_match_max(CHUNK));
	for (size_t i = 0; i < k->n; i++) {
		const struct delta_match *m = &k->found[i];

		assert_true(m->at >= at && m->bytes > 0 && m->bytes <= CHUNK - m->at);
		if (m->base_at == DELTA_ZEROS) {
			assert_true(bytes_all_zero(bytes_of(k->raw + m->at, m->bytes)));
		} else {
			assert_true(m->bytes >= DELTA_SEED_BYTES && m->base_at + m->bytes <= BASE);
			assert_memory_equal(k->raw + m->at, k->base + m->base_at, m->bytes);
		}
		at = m->at + m->bytes;
	}
}

static void nothing_is_found_in_what_is_new(void **state)
{
	struct rig *k = *state;

	look(k);
	assert_int_equal(k->n, 0);
}

static void bytes_that_moved_are_found_whole(void **state)
{
	static const size_t lengths[] = { 200, 201, 4096, 30000 }; /* of shorter ones a few are missed: full buckets */
	struct rig *k = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (size_t move = 0; move < 9; move++) {
			noise(k->raw, CHUNK, 3);
			memcpy(k->raw + 1000 + move, k->base + 500003, lengths[i]);
			look(k);
			assert_int_equal(k->n, 1);
			assert_int_equal(k->found[0].at, 1000 + move);
			assert_int_equal(k->found[0].bytes, lengths[i]);
			assert_int_equal(k->found[0].base_at, 500003);
		}
	}
}

static void zeros_are_told_by_themselves(void **state)
{
	struct rig *k = *state;

	memset(k->raw + 5000, 0, 20000);
	memset(k->raw + 40000, 0, DELTA_ZERO_BYTES - 2);
	look(k);
	assert_int_equal(k->n, 1);
	assert_int_equal(k->found[0].at, 5000);
	assert_int_equal(k->found[0].bytes, 20000);
	assert_true(k->found[0].base_at == DELTA_ZEROS);
}

static void edges_of_base_and_chunk_are_kept(void **state)
{
	struct rig *k = *state;

	memcpy(k->raw, k->base + BASE - 1000, 1000);
	memcpy(k->raw + CHUNK - 1000, k->base, 1000);
	look(k);
	assert_int_equal(k->n, 2);
	assert_int_equal(k->found[0].base_at, BASE - 1000);
	assert_int_equal(k->found[1].base_at, 0);
	assert_int_equal(k->found[1].bytes, 1000);
}

/* What is there more often than a bucket holds must not cost anything else. */
static void what_repeats_is_found_somewhere(void **state)
{
	struct rig *k = *state;
	struct why w = { 0 };

	delta_index_done(&k->x);
	for (size_t i = 0; i < BASE / 2; i += 256)
		memcpy(k->base + i, k->base, 256);
	memset(k->base + BASE / 2, 'x', BASE / 4);
	assert_ok(delta_index_new(bytes_of(k->base, BASE), 3, &k->x, &w), w);
	memcpy(k->raw, k->base + 100, 20000);
	memset(k->raw + 30000, 'x', 1000);
	look(k);
	assert_int_equal(k->found[0].at, 0);
	assert_true(k->found[0].bytes >= 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_found_in_what_is_new, begin, end),
		cmocka_unit_test_setup_teardown(bytes_that_moved_are_found_whole, begin, end),
		cmocka_unit_test_setup_teardown(zeros_are_told_by_themselves, begin, end),
		cmocka_unit_test_setup_teardown(edges_of_base_and_chunk_are_kept, begin, end),
		cmocka_unit_test_setup_teardown(what_repeats_is_found_somewhere, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
