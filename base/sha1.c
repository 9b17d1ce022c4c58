#include "base/sha1.h"

#include <string.h>

#define BLOCK 64u

static uint32_t rotate(uint32_t x, unsigned int n)
{
	return x << n | x >> (32 - n);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* f and K of section 5, by the round. */
static uint32_t mix(unsigned int t, const uint32_t v[5])
{
	if (t < 20)
		return ((v[1] & v[2]) | (~v[1] & v[3])) + 0x5a827999;
	if (t < 40)
		return (v[1] ^ v[2] ^ v[3]) + 0x6ed9eba1;
	if (t < 60)
		return ((v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])) + 0x8f1bbcdc;
	return (v[1] ^ v[2] ^ v[3]) + 0xca62c1d6;
}

/* Section 6.1. */
static void block_add(uint32_t h[5], const uint8_t block[BLOCK])
{
	uint32_t w[80], v[5];

	memcpy(v, h, sizeof(v));
	for (unsigned int t = 0; t < 80; t++) {
		w[t] = t < 16 ? be32(block + 4 * t) : rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
		uint32_t next = rotate(v[0], 5) + mix(t, v) + v[4] + w[t];

		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotate(v[1], 30);
		v[1] = v[0];
		v[0] = next;
	}
	for (size_t i = 0; i < 5; i++)
		h[i] += v[i];
}

/* What is behind the last whole block, a bit, zeros and the length in bits (section 4). */
static void end_add(uint32_t h[5], const uint8_t *rest, size_t n, uint64_t bytes)
{
	uint8_t last[2 * BLOCK] = { 0 };
	size_t blocks = n < BLOCK - 8 ? 1 : 2;

	if (n > 0)
		memcpy(last, rest, n);
	last[n] = 0x80;
	for (unsigned int i = 0; i < 8; i++)
		last[blocks * BLOCK - 1 - i] = (uint8_t)(bytes * 8 >> 8 * i);
	for (size_t i = 0; i < blocks; i++)
		block_add(h, last + i * BLOCK);
}

void sha1_of(struct bytes in, uint8_t ret[SHA1_BYTES])
{
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	size_t at = 0;

	for (; in.n - at >= BLOCK; at += BLOCK)
		block_add(h, in.p + at);
	end_add(h, in.n > at ? in.p + at : NULL, in.n - at, in.n);
	for (size_t i = 0; i < SHA1_BYTES; i++)
		ret[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}
