#include "base/base64.h"

#include <sodium/utils.h>

/* ASCII is asked for here because libsodium 1.0.18 takes every byte over 0x7f for a '/'. */
bool base64_read(struct bytes text, uint8_t *ret, size_t n)
{
	size_t got = 0;

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] > 0x7f)
			return false;
	return text.n > 0 &&
	       sodium_base642bin(ret, n, (const char *)text.p, text.n, NULL, &got, NULL,
				 sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       got == n;
}

char *base64_write(const uint8_t *p, size_t n, char *out)
{
	return sodium_bin2base64(out, BASE64_TEXT_BYTES(n), p, n, sodium_base64_VARIANT_ORIGINAL);
}
