#include "base/crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* 0x1edc6f41, its bits in the other order */

static uint32_t plain(uint32_t crc, struct bytes in)
{
	for (size_t i = 0; i < in.n; i++) {
		crc ^= in.p[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (POLYNOMIAL & (0u - (crc & 1u)));
	}
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t fast(uint32_t crc, struct bytes in)
{
	uint64_t c = crc, word;
	size_t i = 0;

	for (; in.n - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, in.p + i, sizeof(word));
		c = __builtin_ia32_crc32di(c, word);
	}
	crc = (uint32_t)c;
	for (; i < in.n; i++)
		crc = __builtin_ia32_crc32qi(crc, in.p[i]);
	return crc;
}

static bool has_fast(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
#define fast plain
static bool has_fast(void)
{
	return false;
}
#endif

uint32_t crc32c(uint32_t crc, struct bytes in)
{
	return ~(has_fast() ? fast(~crc, in) : plain(~crc, in));
}
