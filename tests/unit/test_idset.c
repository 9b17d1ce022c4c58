/* Sets of node ids (bootstage/intel/idset.h). */
#include "bootstage/intel/idset.h"

#include <errno.h>

#include "tests/support.h"

static void add_twice_says_so_the_second_time(void **state)
{
	AUTO_IDSET s = { 0 };

	(void)state;
	assert_false(idset_has(&s, 7));
	assert_int_equal(idset_add(&s, 7), 1);
	assert_int_equal(idset_add(&s, 7), 0);
	assert_true(idset_has(&s, 7));
	assert_false(idset_has(&s, 8));
	assert_int_equal(s.n, 1);
}

static void add_what_is_no_id_is_refused(void **state)
{
	AUTO_IDSET s = { 0 };

	(void)state;
	assert_int_equal(idset_add(&s, 0), -EINVAL);
	assert_int_equal(idset_add(&s, -1), -EINVAL);
	assert_false(idset_has(&s, 0));
	assert_int_equal(s.n, 0);
}

/* Ids in a row, far apart, and of one low half. */
static void add_many_of_all_shapes_are_all_there(void **state)
{
	const int64_t steps[] = { 1, 1 << 20, INT64_C(1) << 32 };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(steps); k++) {
		AUTO_IDSET s = { 0 };

		for (int64_t i = 1; i <= 100000; i++)
			assert_int_equal(idset_add(&s, i * steps[k]), 1);
		for (int64_t i = 1; i <= 100000; i++)
			assert_true(idset_has(&s, i * steps[k]));
		assert_false(idset_has(&s, 100001 * steps[k]));
		assert_int_equal(s.n, 100000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_twice_says_so_the_second_time),
		cmocka_unit_test(add_what_is_no_id_is_refused),
		cmocka_unit_test(add_many_of_all_shapes_are_all_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
