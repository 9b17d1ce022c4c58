/*
 * bytes - the one bounded cursor through which hostile bytes are read.
 *
 * A `struct bytes` borrows memory; nothing here allocates. Getters compare as `off > n || n - off < size`, so that no
 * sum can overflow, and leave *ret alone when they fail. Multi-byte values are little-endian.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/auto.h"

struct bytes {
	const uint8_t *p;
	size_t n;
};

static inline struct bytes bytes_of(const void *p, size_t n)
{
	return (struct bytes){ .p = p, .n = n };
}

static inline struct bytes bytes_str(const char *s)
{
	return bytes_of(s, strlen(s));
}

static inline bool bytes_has(struct bytes b, size_t off, size_t n)
{
	return off <= b.n && b.n - off >= n;
}

/** Part of b. Returns 0; -EBADMSG when [off, off+n) is not inside. */
MUST_USE static inline int bytes_sub(struct bytes b, size_t off, size_t n, struct bytes *ret)
{
	if (!bytes_has(b, off, n))
		return -EBADMSG;
	*ret = bytes_of(b.n > 0 ? b.p + off : b.p, n); /* an empty b may have no memory */
	return 0;
}

/** Copy n bytes out. Returns 0; -EBADMSG when [off, off+n) is not inside. */
MUST_USE static inline int bytes_copy(struct bytes b, size_t off, void *ret, size_t n)
{
	if (!bytes_has(b, off, n))
		return -EBADMSG;
	if (n > 0) /* an empty b may have no memory */
		memcpy(ret, b.p + off, n);
	return 0;
}

MUST_USE static inline int bytes_u8(struct bytes b, size_t off, uint8_t *ret)
{
	return bytes_copy(b, off, ret, 1);
}

MUST_USE static inline int bytes_le16(struct bytes b, size_t off, uint16_t *ret)
{
	if (!bytes_has(b, off, 2))
		return -EBADMSG;
	*ret = (uint16_t)(b.p[off] | b.p[off + 1] << 8);
	return 0;
}

MUST_USE static inline int bytes_le32(struct bytes b, size_t off, uint32_t *ret)
{
	uint32_t v = 0;

	if (!bytes_has(b, off, 4))
		return -EBADMSG;
	for (size_t i = 4; i-- > 0;)
		v = v << 8 | b.p[off + i];
	*ret = v;
	return 0;
}

MUST_USE static inline int bytes_le64(struct bytes b, size_t off, uint64_t *ret)
{
	uint64_t v = 0;

	if (!bytes_has(b, off, 8))
		return -EBADMSG;
	for (size_t i = 8; i-- > 0;)
		v = v << 8 | b.p[off + i];
	*ret = v;
	return 0;
}

static inline void put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline void put_le64(uint8_t *p, uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/** Whether every byte is zero. */
static inline bool bytes_all_zero(struct bytes b)
{
	return b.n == 0 || (b.p[0] == 0 && memcmp(b.p, b.p + 1, b.n - 1) == 0);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

#endif
