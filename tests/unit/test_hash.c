/* BLAKE2b-256 (base/hash.h) against published digests. */
#include "base/hash.h"

#include "base/parse.h"
#include "tests/support.h"

static void assert_digest(struct hash h, const char *want)
{
	char text[2 * HASH_BYTES + 1];

	assert_string_equal(format_hex(h.b, HASH_BYTES, text), want);
}

/* b2sum -l 256 of the same bytes. */
#define OF_NOTHING "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
#define OF_ABC     "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"

static void digest_equals_the_published_one(void **state)
{
	(void)state;
	assert_digest(hash_of(bytes_str("")), OF_NOTHING);
	assert_digest(hash_of((struct bytes){ 0 }), OF_NOTHING);
	assert_digest(hash_of(bytes_str("abc")), OF_ABC);
}

static void stream_equals_one_buffer_wherever_it_is_cut(void **state)
{
	uint8_t buf[300];
	struct hash whole;

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 7);
	whole = hash_of(bytes_of(buf, sizeof(buf)));
	for (size_t cut = 0; cut <= sizeof(buf); cut++) {
		struct hasher h;
		struct hash got;

		hasher_init(&h);
		hasher_add(&h, bytes_of(buf, cut));
		hasher_add(&h, (struct bytes){ 0 });
		hasher_add(&h, bytes_of(buf + cut, sizeof(buf) - cut));
		got = hasher_end(&h);
		assert_true(hash_equal(&whole, &got));
	}
}

static void equal_sees_every_byte(void **state)
{
	struct hash a = hash_of(bytes_str("x")), b = a;

	(void)state;
	for (size_t i = 0; i < HASH_BYTES; i++) {
		b.b[i] ^= 1;
		assert_false(hash_equal(&a, &b));
		b.b[i] ^= 1;
	}
	assert_true(hash_equal(&a, &b));
}

/* Every length around a block's edges in every lane, beside neighbours that end sooner or later. */
static void many_equal_one_by_one_whatever_their_lengths(void **state)
{
	static uint8_t buf[1200];
	struct bytes in[11];
	struct hash got[11], want;

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 31 >> 2);
	for (size_t n = 0; n <= ARRAY_SIZE(in); n++)
		for (size_t base = 0; base <= 520; base++) {
			for (size_t i = 0; i < n; i++)
				in[i] = bytes_of(buf + i, (base + i * 73) % 1100 * (i % 3 != 2));
			hash_many(in, n, got);
			for (size_t i = 0; i < n; i++) {
				want = hash_of(in[i]);
				assert_true(hash_equal(&want, &got[i]));
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_equals_the_published_one),
		cmocka_unit_test(stream_equals_one_buffer_wherever_it_is_cut),
		cmocka_unit_test(many_equal_one_by_one_whatever_their_lengths),
		cmocka_unit_test(equal_sees_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
