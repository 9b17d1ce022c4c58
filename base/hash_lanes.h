/*
 * BLAKE2b's compression of LANES messages side by side, for base/hash_many.c, which includes it once for each width. Needs
 * LANES (4 or 8), LANES_NAME(name), LANES_TARGET.
 *
 * Source: RFC 7693, section 3.
 */

typedef uint64_t LANES_NAME(lanes) __attribute__((vector_size(8 * LANES)));
#define lanes LANES_NAME(lanes)

#define INLINE       static inline __attribute__((always_inline))
#define ROTATE(x, n) ((x) >> (n) | (x) << (64 - (n)))

INLINE void LANES_NAME(mix)(lanes *a, lanes *b, lanes *c, lanes *d, const lanes *x, const lanes *y)
{
	*a += *b + *x;
	*d = ROTATE(*d ^ *a, 32);
	*c += *d;
	*b = ROTATE(*b ^ *c, 24);
	*a += *b + *y;
	*d = ROTATE(*d ^ *a, 16);
	*c += *d;
	*b = ROTATE(*b ^ *c, 63);
}

#if LANES == 8

/* Words change places across the diagonal of squares of 2, 4, 8 words. */
INLINE void LANES_NAME(exchange_1)(lanes *a, lanes *b)
{
	lanes low = __builtin_shufflevector(*a, *b, 0, 8, 2, 10, 4, 12, 6, 14);

	*b = __builtin_shufflevector(*a, *b, 1, 9, 3, 11, 5, 13, 7, 15);
	*a = low;
}

INLINE void LANES_NAME(exchange_2)(lanes *a, lanes *b)
{
	lanes low = __builtin_shufflevector(*a, *b, 0, 1, 8, 9, 4, 5, 12, 13);

	*b = __builtin_shufflevector(*a, *b, 2, 3, 10, 11, 6, 7, 14, 15);
	*a = low;
}

INLINE void LANES_NAME(exchange_4)(lanes *a, lanes *b)
{
	lanes low = __builtin_shufflevector(*a, *b, 0, 1, 2, 3, 8, 9, 10, 11);

	*b = __builtin_shufflevector(*a, *b, 4, 5, 6, 7, 12, 13, 14, 15);
	*a = low;
}

/* Eight words of each message are read as rows and turned, so that word i of all of them is in m[i]. */
INLINE void LANES_NAME(load_8)(lanes *m, const uint8_t *const p[LANES], size_t at)
{
	for (size_t l = 0; l < LANES; l++)
		memcpy(&m[l], p[l] + at, sizeof(m[l]));
	for (size_t l = 0; l < LANES; l += 2)
		LANES_NAME(exchange_1)(&m[l], &m[l + 1]);
	for (size_t l = 0; l < 2; l++) {
		LANES_NAME(exchange_2)(&m[l], &m[l + 2]);
		LANES_NAME(exchange_2)(&m[l + 4], &m[l + 6]);
	}
	for (size_t l = 0; l < 4; l++)
		LANES_NAME(exchange_4)(&m[l], &m[l + 4]);
}

/* The words of a block of each message; x86 is little-endian, as BLAKE2b is. */
INLINE void LANES_NAME(load)(lanes m[16], const uint8_t *const p[LANES])
{
	LANES_NAME(load_8)(m, p, 0);
	LANES_NAME(load_8)(m + 8, p, BLOCK_BYTES / 2);
}

#else

INLINE void LANES_NAME(load)(lanes m[16], const uint8_t *const p[LANES])
{
	for (size_t i = 0; i < 16; i++)
		for (size_t l = 0; l < LANES; l++) {
			uint64_t word;

			memcpy(&word, p[l] + 8 * i, sizeof(word)); /* x86 is little-endian, as BLAKE2b is */
			m[i][l] = word;
		}
}

#endif

INLINE void LANES_NAME(compress)(struct chains *c, const uint8_t *const p[LANES])
{
	lanes v[16], m[16], h, bytes, final;

	LANES_NAME(load)(m, p);
	memcpy(&bytes, c->bytes, sizeof(bytes));
	memcpy(&final, c->final, sizeof(final));
	for (size_t i = 0; i < 8; i++) {
		memcpy(&v[i], c->h[i], sizeof(v[i]));
		v[i + 8] = (lanes){ 0 } + iv[i];
	}
	v[12] ^= bytes;
	v[14] ^= final;
#pragma GCC unroll 12
	for (size_t r = 0; r < 12; r++) {
		const uint8_t *s = sigma[r];

		LANES_NAME(mix)(&v[0], &v[4], &v[8], &v[12], &m[s[0]], &m[s[1]]);
		LANES_NAME(mix)(&v[1], &v[5], &v[9], &v[13], &m[s[2]], &m[s[3]]);
		LANES_NAME(mix)(&v[2], &v[6], &v[10], &v[14], &m[s[4]], &m[s[5]]);
		LANES_NAME(mix)(&v[3], &v[7], &v[11], &v[15], &m[s[6]], &m[s[7]]);
		LANES_NAME(mix)(&v[0], &v[5], &v[10], &v[15], &m[s[8]], &m[s[9]]);
		LANES_NAME(mix)(&v[1], &v[6], &v[11], &v[12], &m[s[10]], &m[s[11]]);
		LANES_NAME(mix)(&v[2], &v[7], &v[8], &v[13], &m[s[12]], &m[s[13]]);
		LANES_NAME(mix)(&v[3], &v[4], &v[9], &v[14], &m[s[14]], &m[s[15]]);
	}
	for (size_t i = 0; i < 8; i++) {
		memcpy(&h, c->h[i], sizeof(h));
		h ^= v[i] ^ v[i + 8];
		memcpy(c->h[i], &h, sizeof(h));
	}
	bytes += BLOCK_BYTES;
	memcpy(c->bytes, &bytes, sizeof(bytes));
}

/* n blocks of each lane; only with n == 1 may one of them be a last one. */
__attribute__((target(LANES_TARGET))) static void LANES_NAME(blocks)(struct chains *c, const uint8_t *const from[],
								     size_t n)
{
	const uint8_t *p[LANES];

	memcpy(p, from, sizeof(p));
	for (size_t i = 0; i < n; i++) {
		LANES_NAME(compress)(c, p);
		for (size_t l = 0; l < LANES; l++)
			p[l] += BLOCK_BYTES;
	}
}

#undef ROTATE
#undef INLINE
#undef lanes
#undef LANES
#undef LANES_NAME
#undef LANES_TARGET
