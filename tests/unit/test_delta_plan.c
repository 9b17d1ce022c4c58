/* From matches to operations and ranges, within their limits (updater/delta_plan.h). */
#include "updater/delta_plan.h"

#include "tests/support.h"

#define CHUNK (4u << 20)
#define BASE  (1ull << 32)

static const struct delta_taste taste = { .vote_bytes = 48, .pad_bytes = 512, .gap_bytes = 4096 };
static struct delta_match matches[CHUNK / DELTA_SEED_BYTES];
static struct delta_plan p;

/* What deltaops_parse() would refuse is never planned. */
static void plan(size_t n)
{
	const struct deltaops *d = &p.ops;
	uint64_t bytes = 0, literals = 0, window = 0, end = 0;

	delta_plan(&p, matches, n, CHUNK, BASE, &taste);
	assert_true(d->n_ops <= DELTA_OPS_MAX && d->n_ranges <= DELTA_RANGES_MAX);
	for (size_t i = 0; i < d->n_ops; i++) {
		assert_true(d->ops[i].bytes > 0);
		bytes += d->ops[i].bytes;
		literals += d->ops[i].kind == DELTA_LITERAL ? d->ops[i].bytes : 0;
	}
	for (size_t i = 0; i < d->n_ranges; i++) {
		assert_true(d->ranges[i].bytes > 0 && (i == 0 || d->ranges[i].at > end));
		end = d->ranges[i].at + d->ranges[i].bytes;
		window += d->ranges[i].bytes;
	}
	assert_true(end <= BASE && window <= DELTA_WINDOW_MAX);
	assert_int_equal(bytes, CHUNK);
	assert_int_equal(literals, d->literal_bytes);
	assert_int_equal(window, d->window_bytes);
}

static void chunk_without_matches_is_literals(void **state)
{
	(void)state;
	plan(0);
	assert_int_equal(p.ops.n_ops, 1);
	assert_int_equal(p.ops.n_ranges, 0);
	assert_int_equal(p.ops.literal_bytes, CHUNK);
}

static void long_matches_are_copies_and_what_is_beside_them_is_wanted(void **state)
{
	(void)state;
	matches[0] = (struct delta_match){ 1000, 100000, 5000 };
	matches[1] = (struct delta_match){ 200000, 1000, DELTA_ZEROS };
	matches[2] = (struct delta_match){ 300000, 60, 9000000 };
	plan(3);
	assert_int_equal(p.ops.n_ops, 5);
	assert_int_equal(p.ops.ops[1].kind, DELTA_COPY);
	assert_int_equal(p.ops.ops[1].base_at, 5000);
	assert_int_equal(p.ops.ops[3].kind, DELTA_ZERO);
	assert_int_equal(p.ops.n_ranges, 3);
	assert_int_equal(p.ops.ranges[0].at, 5000 - 1000 - 512);
	assert_int_equal(p.ops.ranges[0].bytes, 1512);
	assert_int_equal(p.ops.ranges[1].at, 105000);
	assert_int_equal(p.ops.ranges[1].bytes, 64u << 10);
	assert_int_equal(p.ops.ranges[2].at, 9000000 - 512);
	assert_int_equal(p.ops.ranges[2].bytes, 60 + 2 * 512);
}

static void ranges_stay_inside_the_base(void **state)
{
	(void)state;
	matches[0] = (struct delta_match){ 0, 60, 10 };
	matches[1] = (struct delta_match){ 100, 60, BASE - 60 };
	plan(2);
	assert_int_equal(p.ops.ranges[0].at, 0);
	assert_int_equal(p.ops.ranges[0].bytes, 10 + 60 + 512);
	assert_int_equal(p.ops.ranges[1].bytes, 60 + 512);
}

static void more_matches_than_a_window_holds_keep_the_limits(void **state)
{
	(void)state;
	for (uint32_t apart = 64; apart <= 32768; apart *= 2) {
		size_t n = CHUNK / apart;

		for (uint32_t i = 0; i < n; i++)
			matches[i] = (struct delta_match){ i * apart, apart / 2 + 1, (uint64_t)(n - i) * 70000 };
		plan(n);
	}
}

static void more_operations_than_there_may_be_keep_the_limits(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < CHUNK / 1024; i++)
		matches[i] = (struct delta_match){ i * 1024, 600, DELTA_ZEROS };
	plan(CHUNK / 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunk_without_matches_is_literals),
		cmocka_unit_test(long_matches_are_copies_and_what_is_beside_them_is_wanted),
		cmocka_unit_test(ranges_stay_inside_the_base),
		cmocka_unit_test(more_matches_than_a_window_holds_keep_the_limits),
		cmocka_unit_test(more_operations_than_there_may_be_keep_the_limits),
	};
	struct why w = { 0 };
	int r;

	assert_ok(delta_plan_init(&p, CHUNK, &w), w);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	delta_plan_done(&p);
	return r;
}
