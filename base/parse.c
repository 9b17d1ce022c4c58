#include "base/parse.h"

#include <inttypes.h>
#include <strings.h>

int parse_u64(const char *s, uint64_t max, uint64_t *ret, struct why *w)
{
	uint64_t v = 0;

	if (!*s)
		return misuse(w, -EINVAL, "an empty string is not a number");
	for (const char *c = s; *c; c++) {
		if (*c < '0' || *c > '9')
			return misuse(w, -EINVAL, "'%s' is not a whole number", s);
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*c - '0'), &v) || v > max)
			return misuse(w, -E2BIG, "'%s' is over the limit of %" PRIu64, s, max);
	}
	*ret = v;
	return 0;
}

int parse_size(const char *s, uint64_t *ret_bytes, struct why *w)
{
	static const char units[] = "KMGTkmgt";
	size_t digits = strspn(s, "0123456789");
	const char *unit = s + digits, *at;
	unsigned int shift = 0;
	char number[24];
	uint64_t v = 0;
	int r;

	if (*unit) {
		at = strchr(units, *unit);
		if (!at || (unit[1] && strcasecmp(unit + 1, "iB") != 0 && strcasecmp(unit + 1, "B") != 0))
			return misuse(w, -EINVAL, "'%s' is not a size; write bytes, or a number with K, M, G or T", s);
		shift = 10 * (unsigned int)((at - units) % 4 + 1);
	}
	if (digits == 0 || digits >= sizeof(number))
		return misuse(w, -EINVAL, "'%s' is not a size; write bytes, or a number with K, M, G or T", s);
	memcpy(number, s, digits);
	number[digits] = '\0';
	r = parse_u64(number, UINT64_MAX >> shift, &v, w);
	if (r)
		return r;
	*ret_bytes = v << shift;
	return 0;
}

int parse_bool(const char *s, bool *ret, struct why *w)
{
	static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
			*ret = strcmp(s, yes[i]) == 0;
			return 0;
		}
	}
	return misuse(w, -EINVAL, "'%s' is neither yes nor no", s);
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int parse_hex(const char *s, uint8_t *ret, size_t n, struct why *w)
{
	if (strlen(s) != 2 * n)
		return misuse(w, -EINVAL, "%zu hex digits where %zu are wanted", strlen(s), 2 * n);
	for (size_t i = 0; i < 2 * n; i++)
		if (nibble(s[i]) < 0)
			return misuse(w, -EINVAL, "'%c' is not a hex digit", s[i]);
	for (size_t i = 0; i < n; i++)
		ret[i] = (uint8_t)((unsigned int)nibble(s[2 * i]) << 4 | (unsigned int)nibble(s[2 * i + 1]));
	return 0;
}

char *format_hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

char *format_size(uint64_t bytes, char out[16])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t u = 0;
	uint64_t rest = 0;

	while (bytes >= 1024 && u + 1 < ARRAY_SIZE(units)) {
		rest = bytes % 1024;
		bytes /= 1024;
		u++;
	}
	if (u == 0)
		(void)snprintf(out, 16, "%u B", (unsigned int)bytes);
	else
		(void)snprintf(out, 16, "%u.%u %s", (unsigned int)bytes, (unsigned int)(rest * 10 / 1024), units[u]);
	return out;
}

size_t utf8_length(struct bytes s)
{
	unsigned int lo = 0x80, hi = 0xbf;
	size_t n;

	if (s.n == 0)
		return 0;
	if (s.p[0] < 0x80)
		return 1;
	if (s.p[0] < 0xc2 || s.p[0] > 0xf4)
		return 0;
	n = s.p[0] < 0xe0 ? 2 : s.p[0] < 0xf0 ? 3 : 4;
	if (n > s.n)
		return 0;
	if (s.p[0] == 0xe0)
		lo = 0xa0;
	if (s.p[0] == 0xed)
		hi = 0x9f;
	if (s.p[0] == 0xf0)
		lo = 0x90;
	if (s.p[0] == 0xf4)
		hi = 0x8f;
	if (s.p[1] < lo || s.p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s.p[i] < 0x80 || s.p[i] > 0xbf)
			return 0;
	return n;
}

bool text_printable(struct bytes s)
{
	while (s.n > 0) {
		size_t n = utf8_length(s);

		/* U+0080 to U+009F are C1 controls, which some terminals obey */
		if (n == 0 || (s.p[0] < 0x20 && s.p[0] != '\t') || s.p[0] == 0x7f || (s.p[0] == 0xc2 && s.p[1] < 0xa0))
			return false;
		s = bytes_of(s.p + n, s.n - n);
	}
	return true;
}
