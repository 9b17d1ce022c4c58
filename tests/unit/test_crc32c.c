/* CRC-32C: the vectors of RFC 3720, and parts put together (base/crc32c.h). */
#include "base/crc32c.h"

#include "tests/support.h"

static void vectors_of_the_standard_are_met(void **state)
{
	uint8_t b[32];

	(void)state;
	assert_int_equal(crc32c(0, bytes_of("", 0)), 0);
	assert_int_equal(crc32c(0, bytes_str("123456789")), 0xe3069283u);
	memset(b, 0, sizeof(b));
	assert_int_equal(crc32c(0, bytes_of(b, sizeof(b))), 0x8a9136aau);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(crc32c(0, bytes_of(b, sizeof(b))), 0x62a8ab43u);
	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, bytes_of(b, sizeof(b))), 0x46dd794eu);
}

static void parts_give_the_same_as_the_whole(void **state)
{
	const char *text = "one, two, three, four, five, six, seven";
	size_t n = strlen(text);

	(void)state;
	for (size_t i = 0; i <= n; i++)
		assert_int_equal(crc32c(crc32c(0, bytes_of(text, i)), bytes_of(text + i, n - i)),
				 crc32c(0, bytes_of(text, n)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_standard_are_met),
		cmocka_unit_test(parts_give_the_same_as_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
