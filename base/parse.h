/*
 * parse - text to numbers and back: decimal, sizes with a unit, hex. Pure; no locale.
 */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/why.h"

/** Decimal, the whole string, no sign, at most `max`. -EINVAL or -E2BIG with the reason. */
MUST_USE int parse_u64(const char *s, uint64_t max, uint64_t *ret, struct why *w);
/** Bytes: decimal with an optional binary unit K, M, G or T (also KiB, MiB, ...). */
MUST_USE int parse_size(const char *s, uint64_t *ret_bytes, struct why *w);
/** yes/no, true/false, on/off, 1/0. */
MUST_USE int parse_bool(const char *s, bool *ret, struct why *w);
/** Exactly 2*n lower- or upper-case hex digits. */
MUST_USE int parse_hex(const char *s, uint8_t *ret, size_t n, struct why *w);
/** Lower-case hex of n bytes and a NUL; `out` holds 2*n+1. Returns out. */
char *format_hex(const uint8_t *p, size_t n, char *out);
/** "1.5 GiB" for people; out holds at least 16 bytes. Returns out. */
char *format_size(uint64_t bytes, char out[16]);
/** Length of the UTF-8 sequence at the front; 0 when there is none or it is not well formed (Unicode 15, table 3-7). */
size_t utf8_length(struct bytes s);
/** Whether a text may be shown on a terminal: well-formed UTF-8 without control characters other than tab. */
bool text_printable(struct bytes s);

#endif
