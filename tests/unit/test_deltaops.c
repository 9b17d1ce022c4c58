/* What a chunk of a delta consists of (updater/deltaops.h). */
#include "updater/deltaops.h"

#include <string.h>

#include "tests/support.h"

#define RAW  10000u
#define BASE 1000000u

static struct deltaops d; /* too large for a stack */

/* Two ranges; literals, a copy from before, zeros, a copy from behind, literals; a frame of three bytes. */
static size_t good(uint8_t *out)
{
	static struct deltaops g;

	g = (struct deltaops){ .ranges = { { 100, 50 }, { 999000, 1000 } },
			       .n_ranges = 2,
			       .ops = { { .kind = DELTA_LITERAL, .bytes = 1000 },
					{ .kind = DELTA_COPY, .bytes = 5000, .base_at = 3 },
					{ .kind = DELTA_ZERO, .bytes = 600 },
					{ .kind = DELTA_COPY, .bytes = 3000, .base_at = 997000 },
					{ .kind = DELTA_LITERAL, .bytes = 400 } },
			       .n_ops = 5,
			       .frame = { (const uint8_t *)"zzz", 3 } };
	return deltaops_format(&g, out);
}

static void what_was_written_is_read(void **state)
{
	uint8_t text[512], again[512];
	struct why w = { 0 };
	size_t n = good(text);

	(void)state;
	assert_ok(deltaops_parse(bytes_of(text, n), RAW, BASE, &d, &w), w);
	assert_int_equal(d.n_ranges, 2);
	assert_int_equal(d.ranges[1].at, 999000);
	assert_int_equal(d.window_bytes, 1050);
	assert_int_equal(d.n_ops, 5);
	assert_int_equal(d.ops[1].base_at, 3);
	assert_int_equal(d.ops[3].base_at, 997000);
	assert_int_equal(d.literal_bytes, 1400);
	assert_true(bytes_equal(d.frame, bytes_str("zzz")));
	assert_int_equal(deltaops_format(&d, again), n);
	assert_memory_equal(text, again, n);
}

static void every_prefix_is_refused(void **state)
{
	uint8_t text[512];
	size_t n = good(text);

	(void)state;
	for (size_t i = 0; i + 3 <= n; i++)
		assert_int_equal(deltaops_parse(bytes_of(text, i), RAW, BASE, &d, NULL), -EBADMSG);
}

static void limits_are_kept(void **state)
{
	static const struct {
		const char *what;
		uint8_t text[16];
		size_t n;
		int want;
	} rows[] = {
		{ "no ranges, all zeros", { 0, 1, 32 }, 3, 0 },
		{ "one literal", { 0, 1, 30, 'f' }, 4, 0 },
		{ "a literal without a frame", { 0, 1, 30 }, 3, -EBADMSG },
		{ "a frame without a literal", { 0, 1, 32, 'f' }, 4, -EBADMSG },
		{ "longer than the chunk", { 0, 1, 35 }, 3, -EBADMSG },
		{ "shorter than the chunk", { 0, 1, 29 }, 3, -EBADMSG },
		{ "no operations", { 0, 0 }, 2, -EBADMSG },
		{ "an operation of nothing", { 0, 2, 2, 32 }, 4, -EBADMSG },
		{ "a copy", { 0, 1, 31, 0 }, 4, 0 },
		{ "a copy up to the end of the base", { 0, 1, 31, 180, 1 }, 5, 0 },
		{ "a copy beyond it", { 0, 1, 31, 182, 1 }, 5, -EBADMSG },
		{ "a copy from before it", { 0, 1, 31, 1 }, 4, -EBADMSG },
		{ "a number that is not in its shortest form", { 0x80, 0, 1, 32 }, 4, -EBADMSG },
		{ "a number of more than 64 bits",
		  { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 },
		  10,
		  -EBADMSG },
		{ "too many ranges", { 0x81, 8 }, 2, -E2BIG },
		{ "too many operations", { 0, 0x81, 16 }, 3, -E2BIG },
		{ "an empty range", { 1, 0, 0, 1, 32 }, 5, -EBADMSG },
		{ "all of the base as a range", { 1, 0, 100, 1, 32 }, 5, 0 },
		{ "a range beyond the base", { 1, 1, 100, 1, 32 }, 5, -EBADMSG },
		{ "a range that begins beyond the base", { 1, 101, 1, 1, 32 }, 5, -EBADMSG },
		{ "ranges that touch", { 2, 0, 1, 0, 1, 1, 32 }, 7, -EBADMSG },
		{ "ranges apart", { 2, 0, 1, 1, 1, 1, 32 }, 7, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = deltaops_parse(bytes_of(rows[i].text, rows[i].n), 10, 100, &d, NULL);

		if (r != rows[i].want)
			fail_msg("%s: %d, want %d", rows[i].what, r, rows[i].want);
	}
}

static void window_larger_than_the_limit_is_refused(void **state)
{
	static struct deltaops g;
	uint8_t text[64];
	size_t n;

	(void)state;
	g = (struct deltaops){ .ranges = { { 0, DELTA_WINDOW_MAX }, { DELTA_WINDOW_MAX + 1, 1 } },
			       .n_ranges = 2,
			       .ops = { { .kind = DELTA_ZERO, .bytes = 10 } },
			       .n_ops = 1 };
	n = deltaops_format(&g, text);
	assert_int_equal(deltaops_parse(bytes_of(text, n), 10, 1 << 30, &d, NULL), -E2BIG);
	g.n_ranges = 1;
	n = deltaops_format(&g, text);
	assert_int_equal(deltaops_parse(bytes_of(text, n), 10, 1 << 30, &d, NULL), 0);
	assert_int_equal(d.window_bytes, DELTA_WINDOW_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(window_larger_than_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
