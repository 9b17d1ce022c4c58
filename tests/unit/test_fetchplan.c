/* What becomes of each chunk (updater/fetchplan.h). */
#include "updater/fetchplan.h"

#include <stdlib.h>

#include "tests/support.h"

static void target_comes_before_base_and_base_before_bundle(void **state)
{
	(void)state;
	assert_int_equal(fate_choose(true, true), FATE_HAVE);
	assert_int_equal(fate_choose(true, false), FATE_HAVE);
	assert_int_equal(fate_choose(false, true), FATE_COPY);
	assert_int_equal(fate_choose(false, false), FATE_FETCH);
}

static void each_chunk_keeps_its_own_fate(void **state)
{
	static const enum chunk_fate fates[] = { FATE_FETCH, FATE_COPY, FATE_HAVE };

	(void)state;
	for (uint64_t n = 1; n < 40; n++) {
		enum chunk_fate want[40] = { 0 };
		struct fetchplan p = { 0 };
		struct why w = { 0 };

		assert_ok(fetchplan_init(&p, n, &w), w);
		for (uint64_t i = 0; i < n; i++)
			assert_int_equal(fetchplan_get(&p, i), FATE_FETCH);
		for (unsigned int turn = 0; turn < 200; turn++) {
			uint64_t i = (uint64_t)rand() % n;

			want[i] = fates[rand() % 3];
			fetchplan_set(&p, i, want[i]);
			for (uint64_t j = 0; j < n; j++)
				assert_int_equal(fetchplan_get(&p, j), want[j]);
		}
		fetchplan_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(target_comes_before_base_and_base_before_bundle),
		cmocka_unit_test(each_chunk_keeps_its_own_fate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
