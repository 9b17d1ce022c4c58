/* What may be said how often. */
#include "base/quota.h"

#include "tests/support.h"

static void so_many_in_a_time_and_then_again(void **state)
{
	struct quota q = { .most = 2, .each_ms = 1000 };
	bool last = false;

	(void)state;
	for (uint64_t begin = 5000; begin < 9000; begin += 2000) {
		assert_true(quota_take(&q, begin, &last));
		assert_false(last);
		assert_true(quota_take(&q, begin + 500, &last));
		assert_true(last);
		assert_false(quota_take(&q, begin + 501, &last));
		assert_false(quota_take(&q, begin + 999, &last));
	}
	assert_true(quota_take(&q, 8000, &last));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(so_many_in_a_time_and_then_again) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
