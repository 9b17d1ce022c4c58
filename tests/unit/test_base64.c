/* base64 in its one spelling (base/base64.h). */
#include "base/base64.h"

#include "tests/support.h"

/* RFC 4648, 10. */
static void vectors_of_the_rfc_read_and_write(void **state)
{
	static const struct {
		const char *raw, *text;
	} table[] = { { "f", "Zg==" },        { "fo", "Zm8=" },        { "foo", "Zm9v" },
		      { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char text[BASE64_TEXT_BYTES(6)];
		size_t n = strlen(table[i].raw);
		uint8_t raw[6];

		assert_string_equal(base64_write((const uint8_t *)table[i].raw, n, text), table[i].text);
		assert_int_equal(strlen(text), BASE64_TEXT_BYTES(n) - 1);
		assert_true(base64_read(bytes_str(table[i].text), raw, n));
		assert_memory_equal(raw, table[i].raw, n);
	}
}

static void other_spellings_and_lengths_are_refused(void **state)
{
	static const char *const bad[] = { "",          "Zm9vYg",    "Zm9vYh==",    "Zm9vYg===", "Zm9vYg==\n",
					   " Zm9vYg==", "Zm9v",      "Zm9vYmFy",    "Zm9_Yg==",  "Zm9\xffYg==",
					   "Zm9vYg=",   "Zm9 vYg==", "Zm9vYg==Zm9v" };
	uint8_t raw[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (base64_read(bytes_str(bad[i]), raw, sizeof(raw)))
			fail_msg("taken: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_rfc_read_and_write),
		cmocka_unit_test(other_spellings_and_lengths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
