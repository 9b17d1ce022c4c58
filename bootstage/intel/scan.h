/*
 * scan - where the next byte of interest is: the four loops that reading JSON spends its time in.
 * Layer:  bootstage/intel. Pure; reads nothing outside [p, end).
 *
 * Each has a plain form, which defines what it finds, and one for SSE2 that finds the same sixteen bytes at a time.
 */
#ifndef BOOTSTAGE_INTEL_SCAN_H
#define BOOTSTAGE_INTEL_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool scan_is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/** In a string, strictly: the first quote, backslash, control byte or byte that is not ASCII. */
static inline const uint8_t *scan_text_plain(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/** In a string: the first quote, backslash or control byte. */
static inline const uint8_t *scan_quoted_plain(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p >= 0x20 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/** Outside strings: the first quote, brace or bracket. */
static inline const uint8_t *scan_nest_plain(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != '"' && (*p | 0x20) != '{' && (*p | 0x20) != '}')
		p++;
	return p;
}

/** The first byte that is not white space. */
static inline const uint8_t *scan_space_plain(const uint8_t *p, const uint8_t *end)
{
	while (p < end && scan_is_space(*p))
		p++;
	return p;
}

#if defined(__SSE2__)
#include <emmintrin.h>

static inline __m128i scan_load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i scan_eq(__m128i v, char c)
{
	return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

static inline __m128i scan_or(__m128i a, __m128i b)
{
	return _mm_or_si128(a, b);
}

static inline __m128i scan_stops_text(__m128i v)
{
	/* As signed numbers, what is not ASCII lies below the blank too. */
	return scan_or(scan_or(scan_eq(v, '"'), scan_eq(v, '\\')), _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)));
}

static inline __m128i scan_stops_quoted(__m128i v)
{
	return scan_or(scan_or(scan_eq(v, '"'), scan_eq(v, '\\')),
		       _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));
}

static inline __m128i scan_stops_nest(__m128i v)
{
	__m128i lower = scan_or(v, _mm_set1_epi8(0x20)); /* '[' and '{' differ in that bit, as do the others */

	return scan_or(scan_eq(v, '"'), scan_or(scan_eq(lower, '{'), scan_eq(lower, '}')));
}

static inline __m128i scan_stops_space(__m128i v)
{
	__m128i space =
		scan_or(scan_or(scan_eq(v, ' '), scan_eq(v, '\n')), scan_or(scan_eq(v, '\r'), scan_eq(v, '\t')));

	return _mm_cmpeq_epi8(space, _mm_setzero_si128());
}

#define SCAN_BOTH(name)                                                                                                \
	static inline const uint8_t *scan_##name##_sse2(const uint8_t *p, const uint8_t *end)                          \
	{                                                                                                              \
		for (; end - p >= 16; p += 16) {                                                                       \
			int stops = _mm_movemask_epi8(scan_stops_##name(scan_load(p)));                                \
			if (stops)                                                                                     \
				return p + __builtin_ctz((unsigned int)stops);                                         \
		}                                                                                                      \
		return scan_##name##_plain(p, end);                                                                    \
	}                                                                                                              \
	static inline const uint8_t *scan_##name(const uint8_t *p, const uint8_t *end)                                 \
	{                                                                                                              \
		return scan_##name##_sse2(p, end);                                                                     \
	}
#else
#define SCAN_BOTH(name)                                                                                                \
	static inline const uint8_t *scan_##name(const uint8_t *p, const uint8_t *end)                                 \
	{                                                                                                              \
		return scan_##name##_plain(p, end);                                                                    \
	}
#endif

SCAN_BOTH(text)
SCAN_BOTH(quoted)
SCAN_BOTH(nest)
SCAN_BOTH(space)
#undef SCAN_BOTH

#endif
