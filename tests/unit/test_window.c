/* window: the last bytes of a stream. */
#include "updater/window.h"

#include "tests/support.h"

/* Byte i of the stream. */
static uint8_t byte(uint64_t i)
{
	return (uint8_t)(i * 7 + i / 256);
}

static void window_holds_the_last_bytes_whatever_the_pieces(void **state)
{
	(void)state;
	for (size_t step = 1; step < 40; step++) {
		uint8_t memory[16], data[40], got[40];
		struct window win = { .p = memory, .room = sizeof(memory) };

		for (uint64_t at = 0; at < 200; at += step) {
			for (size_t i = 0; i < step; i++)
				data[i] = byte(at + i);
			window_put(&win, bytes_of(data, step));
			assert_true(win.end == at + step);
			assert_true(win.end - win.begin == (win.end < 16 ? win.end : 16));
			for (uint64_t off = 0; off < win.end + 3; off++) {
				size_t n = window_get(&win, got, 5, off), left = (size_t)(win.end - off);

				assert_int_equal(n, off < win.begin || off >= win.end ? 0 : left < 5 ? left : 5);
				for (size_t i = 0; i < n; i++)
					assert_int_equal(got[i], byte(off + i));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_holds_the_last_bytes_whatever_the_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
