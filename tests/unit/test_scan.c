/* The loops for SSE2 find what the plain ones find: at every offset, for every byte, in noise. */
#include "bootstage/intel/scan.h"

#include "tests/support.h"

static uint64_t noise_state = 88172645463325252u;

static uint64_t noise(void)
{
	noise_state ^= noise_state << 13;
	noise_state ^= noise_state >> 7;
	return noise_state ^= noise_state << 17;
}

static void compare(const uint8_t *p, const uint8_t *end)
{
	assert_ptr_equal(scan_text(p, end), scan_text_plain(p, end));
	assert_ptr_equal(scan_quoted(p, end), scan_quoted_plain(p, end));
	assert_ptr_equal(scan_nest(p, end), scan_nest_plain(p, end));
	assert_ptr_equal(scan_space(p, end), scan_space_plain(p, end));
}

static void every_byte_at_every_place_is_found_alike(void **state)
{
	static const uint8_t fills[] = { 'a', ' ', '\n' };
	uint8_t buf[48];

	(void)state;
	for (size_t f = 0; f < sizeof(fills); f++)
		for (size_t at = 0; at < sizeof(buf); at++)
			for (unsigned int c = 0; c < 256; c++) {
				memset(buf, fills[f], sizeof(buf));
				buf[at] = (uint8_t)c;
				compare(buf, buf + sizeof(buf));
				compare(buf + at % 16, buf + sizeof(buf));
				compare(buf, buf + at);
			}
}

static void noise_is_found_alike(void **state)
{
	uint8_t buf[256];

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		size_t from = noise() % sizeof(buf), to = from + noise() % (sizeof(buf) - from + 1);

		for (size_t i = 0; i < sizeof(buf); i++) /* rarely anything but letters */
			buf[i] = noise() % 64 ? 'a' : (uint8_t)noise();
		compare(buf + from, buf + to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_at_every_place_is_found_alike),
		cmocka_unit_test(noise_is_found_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
