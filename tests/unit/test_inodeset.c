/* Sets of files (bootstage/trainer/inodeset.h). */
#include "bootstage/trainer/inodeset.h"

#include "tests/support.h"

static void add_tells_how_often_it_was_there(void **state)
{
	AUTO_INODESET s = { 0 };

	(void)state;
	assert_int_equal(inodeset_times(&s, 1, 7), 0);
	assert_int_equal(inodeset_add(&s, 1, 7), 1);
	assert_int_equal(inodeset_add(&s, 1, 7), 2);
	assert_int_equal(inodeset_add(&s, 2, 7), 1);
	assert_int_equal(inodeset_add(&s, 1, 8), 1);
	assert_int_equal(inodeset_add(&s, 1, 7), 3);
	assert_int_equal(s.n, 3);
	assert_int_equal(inodeset_times(&s, 1, 7), 3);
	assert_int_equal(inodeset_times(&s, 3, 7), 0);
}

static void add_many_keeps_all_of_them(void **state)
{
	AUTO_INODESET s = { 0 };

	(void)state;
	for (int64_t times = 1; times <= 2; times++)
		for (uint64_t i = 0; i < 5000; i++)
			assert_int_equal(inodeset_add(&s, i % 3, i * 4096), times);
	assert_int_equal(s.n, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_tells_how_often_it_was_there),
		cmocka_unit_test(add_many_keeps_all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
