/*
 * base64 - RFC 4648, 4: with padding, in its one canonical spelling; through libsodium, in constant time.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>

#include "base/bytes.h"

/** Characters of n bytes, with a NUL. */
#define BASE64_TEXT_BYTES(n) (((n) + 2u) / 3u * 4u + 1u)

/** Whether `text` is exactly n bytes in base64; then they are in ret, which is touched in any case. */
MUST_USE bool base64_read(struct bytes text, uint8_t *ret, size_t n);
/** n bytes as text with a NUL; out holds BASE64_TEXT_BYTES(n). Returns out. */
char *base64_write(const uint8_t *p, size_t n, char *out);

#endif
