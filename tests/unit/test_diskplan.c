/* The disk's budget (bootstage/trainer/diskplan.h): C23. */
#include "bootstage/trainer/diskplan.h"

#include "tests/support.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* 16 GiB of swap, 5 GiB to spare, 6.2 GiB of training. */
static const struct diskplan_job jobs[] = {
	{ "core", 3 * GIB, 0 },
	{ "dpi", 3 * GIB, 0 },
	{ "agent", 200 * MIB, 0 },
};

static struct diskplan plan(uint64_t free_bytes, uint64_t swap, const struct diskplan_job *of, size_t n)
{
	const struct diskplan_want want = {
		.free_bytes = free_bytes, .swap_bytes = swap, .reserve_bytes = 5 * GIB, .jobs = of, .n_jobs = n
	};
	struct diskplan p;

	diskplan_make(&want, &p);
	return p;
}

static void plan_serves_swap_reserve_and_jobs_in_this_order(void **state)
{
	static const char *const names[] = { "swap", "reserve", "core", "dpi", "agent" };
	struct diskplan p = plan(28 * GIB, 16 * GIB, jobs, 3);

	(void)state;
	assert_true(p.fits && p.missing_bytes == 0);
	assert_int_equal(p.n_claims, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_string_equal(p.claim[i].name, names[i]);
	assert_int_equal(p.claim[4].left_bytes, GIB - 200 * MIB);
}

static void plan_the_exact_room_fits_and_a_byte_less_does_not(void **state)
{
	uint64_t need = 27 * GIB + 200 * MIB;
	struct diskplan p = plan(need, 16 * GIB, jobs, 3);

	(void)state;
	assert_true(p.fits && p.claim[4].left_bytes == 0);
	p = plan(need - 1, 16 * GIB, jobs, 3);
	assert_false(p.fits);
	assert_int_equal(p.missing_bytes, 1);
	assert_true(p.claim[3].fits && !p.claim[4].fits);
}

static void plan_behind_one_that_does_not_fit_nobody_is_served(void **state)
{
	struct diskplan p = plan(23 * GIB, 16 * GIB, jobs, 3);

	(void)state;
	assert_false(p.fits);
	assert_true(p.claim[1].fits && !p.claim[2].fits && !p.claim[3].fits && !p.claim[4].fits);
	assert_int_equal(p.claim[4].left_bytes, 2 * GIB);
	assert_int_equal(p.missing_bytes, 4 * GIB + 200 * MIB);
}

static void plan_what_a_job_has_already_is_not_claimed_again(void **state)
{
	const struct diskplan_job some[] = { { "core", 3 * GIB, 2 * GIB }, { "dpi", 3 * GIB, 4 * GIB } };
	struct diskplan p = plan(6 * GIB, 0, some, 2);

	(void)state;
	assert_true(p.fits);
	assert_int_equal(p.claim[2].bytes, GIB);
	assert_int_equal(p.claim[3].bytes, 0);
}

static void plan_no_jobs_need_the_reserve_only(void **state)
{
	struct diskplan p = plan(5 * GIB, 0, NULL, 0);

	(void)state;
	assert_true(p.fits && p.n_claims == 2);
	assert_false(plan(5 * GIB - 1, 0, NULL, 0).fits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_serves_swap_reserve_and_jobs_in_this_order),
		cmocka_unit_test(plan_the_exact_room_fits_and_a_byte_less_does_not),
		cmocka_unit_test(plan_behind_one_that_does_not_fit_nobody_is_served),
		cmocka_unit_test(plan_what_a_job_has_already_is_not_claimed_again),
		cmocka_unit_test(plan_no_jobs_need_the_reserve_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
