/* Room that is given out and taken back in order (updater/byte_ring.h). */
#include "updater/byte_ring.h"

#include <stdlib.h>

#include "tests/support.h"

#define SIZE 100u

static void any_size_fits_when_nothing_is_out(void **state)
{
	struct byte_ring r = { .size = SIZE };

	(void)state;
	for (size_t n = 1; n <= SIZE; n++) {
		size_t at = byte_ring_take(&r, n);

		assert_int_equal(at, 0);
		byte_ring_give(&r, at, n);
	}
	assert_int_equal(byte_ring_take(&r, SIZE + 1), BYTE_RING_FULL);
}

static void what_is_out_never_overlaps_and_more_fits_when_it_is_back(void **state)
{
	struct byte_ring r = { .size = SIZE };
	size_t at[1000], n[1000], from = 0, to = 0, wraps = 0;
	uint8_t owner[SIZE] = { 0 };

	(void)state;
	srand(1);
	while (to < ARRAY_SIZE(at)) {
		n[to] = 1 + (size_t)rand() % (to % 7 ? 30 : SIZE);
		at[to] = byte_ring_take(&r, n[to]);
		if (at[to] == BYTE_RING_FULL) {
			assert_true(from < to);
			for (size_t i = 0; i < n[from]; i++)
				owner[at[from] + i] = 0;
			byte_ring_give(&r, at[from], n[from]);
			from++;
			continue;
		}
		assert_true(at[to] + n[to] <= SIZE);
		for (size_t i = 0; i < n[to]; i++) {
			assert_int_equal(owner[at[to] + i], 0);
			owner[at[to] + i] = 1;
		}
		wraps += to > from && at[to] < at[to - 1];
		to++;
	}
	assert_true(wraps > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_size_fits_when_nothing_is_out),
		cmocka_unit_test(what_is_out_never_overlaps_and_more_fits_when_it_is_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
