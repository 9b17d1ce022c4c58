#include "base/hash.h"

/* libsodium's calls can only fail for sizes outside the limits that HASH_BYTES meets. */
struct hash hash_of(struct bytes in)
{
	struct hash ret;

	(void)crypto_generichash_blake2b(ret.b, sizeof(ret.b), in.p, in.n, NULL, 0);
	return ret;
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

void hasher_init(struct hasher *h)
{
	(void)crypto_generichash_blake2b_init(&h->state, NULL, 0, HASH_BYTES);
}

void hasher_add(struct hasher *h, struct bytes in)
{
	(void)crypto_generichash_blake2b_update(&h->state, in.p, in.n);
}

void hasher_add_zeros(struct hasher *h, uint64_t n)
{
	static const uint8_t zeros[4096];

	for (size_t part; n > 0; n -= part) {
		part = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);
		hasher_add(h, bytes_of(zeros, part));
	}
}

struct hash hasher_end(struct hasher *h)
{
	struct hash ret;

	(void)crypto_generichash_blake2b_final(&h->state, ret.b, sizeof(ret.b));
	return ret;
}
