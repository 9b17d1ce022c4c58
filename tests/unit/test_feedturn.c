/* feedturn: workers (N8), and that nobody is held back by who takes long. */
#include "bootstage/intel/feedturn.h"

#include "base/auto.h"
#include "tests/support.h"

static void workers_follow_the_processors(void **state)
{
	(void)state;
	assert_int_equal(feed_workers(1), 1);
	assert_int_equal(feed_workers(4), 1); /* N8 */
	assert_int_equal(feed_workers(5), 2);
	assert_int_equal(feed_workers(16), 2);
	assert_int_equal(feed_workers(17), 4); /* N8 */
	assert_int_equal(feed_workers(48), 4);
}

static void who_used_least_goes_first(void **state)
{
	struct feedturn t[] = {
		{ .is = TURN_WANTED, .used_ms = 900, .since_ms = 1 },
		{ .is = TURN_WANTED, .used_ms = 0, .since_ms = 9 },
		{ .is = TURN_WANTED, .used_ms = 0, .since_ms = 5 },
		{ .is = TURN_NONE },
	};

	(void)state;
	assert_int_equal(feedturn_next(t, ARRAY_SIZE(t), 1), 2);
	t[2].is = TURN_HELD;
	assert_int_equal(feedturn_next(t, ARRAY_SIZE(t), 1), -1);
	assert_int_equal(feedturn_next(t, ARRAY_SIZE(t), 2), 1);
}

static void a_turn_ends_only_when_somebody_waits(void **state)
{
	struct feedturn t[] = { { .is = TURN_HELD, .since_ms = 1000 }, { .is = TURN_NONE } };
	uint64_t late = 1000 + FEEDTURN_SLICE_MS;

	(void)state;
	assert_int_equal(feedturn_over(t, 2, 1, late), -1);
	assert_true(feedturn_wait_ms(t, 2, 1, late) == UINT64_MAX);
	t[1].is = TURN_WANTED;
	assert_int_equal(feedturn_over(t, 2, 1, late - 1), -1);
	assert_int_equal(feedturn_wait_ms(t, 2, 1, late - 1), 1);
	assert_int_equal(feedturn_over(t, 2, 2, late), -1); /* there is a free one */
	assert_int_equal(feedturn_over(t, 2, 1, late), 0);
	t[0].asked_back = true;
	assert_int_equal(feedturn_over(t, 2, 1, late + 99999), -1); /* once */
}

/* One feed of a minute, ten of 20 ms that come a second later, and one that only waits: by the rules above. */
static void small_feeds_pass_a_large_one(void **state)
{
	struct feedturn t[12] = { { .is = TURN_WANTED } };
	uint64_t left[12] = { 60000 }, done[12] = { 0 }, now = 0;

	(void)state;
	for (; now < 70000; now += 5) {
		int i;

		for (size_t k = 1; k < 11 && now == 1000; k++) {
			t[k] = (struct feedturn){ .is = TURN_WANTED, .since_ms = now };
			left[k] = 20;
		}
		while ((i = feedturn_next(t, 12, 1)) >= 0) {
			t[i].is = TURN_HELD;
			t[i].since_ms = now;
		}
		if ((i = feedturn_over(t, 12, 1, now)) >= 0)
			t[i].asked_back = true;
		for (size_t k = 0; k < 11; k++) {
			if (t[k].is != TURN_HELD)
				continue;
			left[k] -= 5;
			if (left[k] > 0 && !t[k].asked_back)
				continue;
			t[k].used_ms += now - t[k].since_ms;
			t[k].is = left[k] ? TURN_WANTED : TURN_NONE;
			t[k].asked_back = false;
			done[k] = left[k] ? 0 : now;
		}
	}
	for (size_t k = 1; k < 11; k++)
		assert_in_range(done[k], 1001, 2000);
	assert_in_range(done[0], 60000, 61000);
}

static void what_took_less_is_begun_first(void **state)
{
	const struct feed_guess quick = { .busy_ms = 10 }, small = { .bytes = 1000 }, large = { .bytes = 2ull << 30 },
				unknown = { 0 }, failed = { .busy_ms = 1, .failed = true };

	(void)state;
	assert_true(feed_before(&quick, &unknown) && !feed_before(&unknown, &quick));
	assert_true(feed_before(&small, &unknown));
	assert_true(feed_before(&unknown, &large));
	assert_true(feed_before(&large, &failed) && !feed_before(&failed, &large));
	assert_false(feed_before(&large, &large));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_follow_the_processors),        cmocka_unit_test(who_used_least_goes_first),
		cmocka_unit_test(a_turn_ends_only_when_somebody_waits), cmocka_unit_test(small_feeds_pass_a_large_one),
		cmocka_unit_test(what_took_less_is_begun_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
