/*
 * What is in the map is found, what is not is not, and a full one stays as it is.
 */
#include "tests/support.h"

#include "base/hash.h"
#include "updater/blockmap.h"

static struct hash key_of(uint32_t n)
{
	return hash_of(bytes_of(&n, sizeof(n)));
}

static void test_found(void **state)
{
	CLEANUP(blockmap_done) struct blockmap m = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(blockmap_init(&m, 100000, &w), w);
	for (uint32_t i = 0; i < 100000; i++)
		blockmap_add(&m, key_of(i).b, i);
	assert_int_equal(m.n, 100000);
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(blockmap_find(&m, key_of(i).b), i);
	for (uint32_t i = 100000; i < 200000; i++)
		assert_int_equal(blockmap_find(&m, key_of(i).b), BLOCKMAP_NONE);
}

static void test_lowest_of_equals(void **state)
{
	CLEANUP(blockmap_done) struct blockmap m = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(blockmap_init(&m, 10, &w), w);
	blockmap_add(&m, key_of(1).b, 7);
	blockmap_add(&m, key_of(1).b, 3);
	blockmap_add(&m, key_of(1).b, 9);
	assert_int_equal(m.n, 1);
	assert_int_equal(blockmap_find(&m, key_of(1).b), 3);
	blockmap_add(&m, key_of(2).b, 0);
	assert_int_equal(blockmap_find(&m, key_of(2).b), 0);
	blockmap_add(&m, key_of(3).b, BLOCKMAP_NONE);
	assert_int_equal(blockmap_find(&m, key_of(3).b), BLOCKMAP_NONE);
}

static void test_bounded(void **state)
{
	CLEANUP(blockmap_done) struct blockmap m = { 0 };
	uint32_t found = 0, n = 500000;
	struct why w = { 0 };

	(void)state;
	assert_ok(blockmap_init(&m, UINT64_MAX, &w), w);
	assert_int_equal((m.mask + 1) * sizeof(*m.slots), BLOCKMAP_BYTES_MAX);
	for (uint32_t i = 0; i < n; i++)
		blockmap_add(&m, key_of(i).b, i);
	assert_int_equal(m.n, m.room);
	for (uint32_t i = 0; i < n; i++)
		found += blockmap_find(&m, key_of(i).b) == i;
	assert_int_equal(found, m.room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_lowest_of_equals),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
