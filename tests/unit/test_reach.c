/* What a walk has met (bootstage/intel/reach.h). */
#include "bootstage/intel/reach.h"

#include "tests/support.h"

static void add_again_at_another_depth_keeps_the_first(void **state)
{
	AUTO_REACH k = { .most = 10 };

	(void)state;
	assert_int_equal(reach_add(&k, 7, 0, NULL), 0);
	assert_int_equal(reach_add(&k, 9, 1, NULL), 0);
	assert_int_equal(reach_add(&k, 7, 2, NULL), 0);
	assert_int_equal(k.n, 2);
	assert_true(k.ids[0] == 7 && k.ids[1] == 9);
	assert_true(k.depths[0] == 0 && k.depths[1] == 1);
	assert_false(k.cut);
}

static void add_over_the_most_cuts_what_is_new(void **state)
{
	AUTO_REACH k = { .most = 2 };

	(void)state;
	assert_int_equal(reach_add(&k, 1, 0, NULL), 0);
	assert_int_equal(reach_add(&k, 2, 1, NULL), 0);
	assert_int_equal(reach_add(&k, 1, 2, NULL), 0);
	assert_false(k.cut);
	assert_int_equal(reach_add(&k, 3, 2, NULL), 0);
	assert_true(k.cut);
	assert_int_equal(k.n, 2);
}

static void add_many_keeps_their_order(void **state)
{
	AUTO_REACH k = { .most = 100000 };

	(void)state;
	for (int64_t i = 0; i < 50000; i++)
		assert_int_equal(reach_add(&k, 1 + i * 7919 % 50000, 1, NULL), 0);
	assert_int_equal(k.n, 50000);
	for (int64_t i = 0; i < 50000; i++)
		assert_true(k.ids[i] == 1 + i * 7919 % 50000);
}

static void add_what_is_no_id_is_refused(void **state)
{
	AUTO_REACH k = { .most = 2 };
	struct why w = { 0 };

	(void)state;
	assert_int_equal(reach_add(&k, 0, 0, &w), -EINVAL);
	assert_int_equal(k.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_again_at_another_depth_keeps_the_first),
		cmocka_unit_test(add_over_the_most_cuts_what_is_new),
		cmocka_unit_test(add_many_keeps_their_order),
		cmocka_unit_test(add_what_is_no_id_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
