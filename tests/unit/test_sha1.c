/* sha1: the examples of FIPS 180-2 and RFC 3174, and each length around the ends of blocks against libcrypto. */
#include "base/sha1.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "tests/support.h"

static void assert_sum(struct bytes in, const char *want)
{
	uint8_t sum[SHA1_BYTES];
	char hex[2 * SHA1_BYTES + 1];

	sha1_of(in, sum);
	assert_string_equal(format_hex(sum, sizeof(sum), hex), want);
}

static void examples_have_their_sums(void **state)
{
	AUTO_FREE char *million = malloc(1000000);

	(void)state;
	assert_non_null(million);
	memset(million, 'a', 1000000);
	assert_sum(bytes_of(NULL, 0), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	assert_sum(bytes_str("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
	assert_sum(bytes_str("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
		   "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	assert_sum(bytes_of(million, 1000000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

static void each_length_has_the_sum_that_libcrypto_has(void **state)
{
	uint8_t text[300], sum[SHA1_BYTES], want[EVP_MAX_MD_SIZE];
	unsigned int n;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + 3);
	for (size_t i = 0; i <= sizeof(text); i++) {
		sha1_of(bytes_of(text, i), sum);
		assert_true(EVP_Digest(text, i, want, &n, EVP_sha1(), NULL));
		assert_memory_equal(sum, want, sizeof(sum));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_have_their_sums),
		cmocka_unit_test(each_length_has_the_sum_that_libcrypto_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
