#include "updater/semver.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool all_digits(struct bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]))
			return false;
	return true;
}

/* A decimal number without leading zeros off the front of *s. */
static bool take_number(struct bytes *s, uint64_t *ret)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; n < s->n && is_digit(s->p[n]); n++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s->p[n] - '0'), &v))
			return false;
	if (n == 0 || (n > 1 && s->p[0] == '0'))
		return false;
	*s = bytes_of(s->p + n, s->n - n);
	*ret = v;
	return true;
}

static bool take_char(struct bytes *s, char c)
{
	if (s->n == 0 || s->p[0] != (uint8_t)c)
		return false;
	*s = bytes_of(s->p + 1, s->n - 1);
	return true;
}

/* One identifier, up to a '.' or the end. */
static struct bytes take_identifier(struct bytes *s)
{
	const uint8_t *dot = memchr(s->p, '.', s->n);
	struct bytes word = bytes_of(s->p, dot ? (size_t)(dot - s->p) : s->n);

	*s = bytes_of(s->p + word.n, s->n - word.n);
	(void)take_char(s, '.');
	return word;
}

/* Dot-separated identifiers, none empty; `strict`: numeric ones have no leading zero (section 9, not 10). */
static bool identifiers_valid(struct bytes s, bool strict)
{
	if (s.n == 0 || s.p[s.n - 1] == '.')
		return false;
	while (s.n > 0) {
		struct bytes word = take_identifier(&s);

		if (word.n == 0 || (strict && word.n > 1 && word.p[0] == '0' && all_digits(word)))
			return false;
		for (size_t i = 0; i < word.n; i++)
			if (!is_word(word.p[i]))
				return false;
	}
	return true;
}

int semver_parse(const char *s, struct semver *ret, struct why *w)
{
	struct bytes rest = bytes_str(s), build;
	const uint8_t *plus = memchr(rest.p, '+', rest.n);
	struct semver v = { 0 };

	if (plus) {
		build = bytes_of(plus + 1, rest.n - (size_t)(plus + 1 - rest.p));
		rest.n = (size_t)(plus - rest.p);
		if (!identifiers_valid(build, false))
			goto bad;
	}
	if (!take_number(&rest, &v.major) || !take_char(&rest, '.') || !take_number(&rest, &v.minor) ||
	    !take_char(&rest, '.') || !take_number(&rest, &v.patch))
		goto bad;
	if (rest.n > 0 && (!take_char(&rest, '-') || !identifiers_valid(rest, true)))
		goto bad;
	v.pre = rest;
	*ret = v;
	return 0;
bad:
	return fail(w, -EBADMSG, "'%s' is not a semantic version (MAJOR.MINOR.PATCH[-PRERELEASE][+BUILD])", s);
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Section 11.4: numbers by value and before words; words in ASCII order. */
static int compare_identifier(struct bytes a, struct bytes b)
{
	bool a_number = all_digits(a), b_number = all_digits(b);
	size_t n = a.n < b.n ? a.n : b.n;
	int r;

	if (a_number != b_number)
		return a_number ? -1 : 1;
	if (a_number && a.n != b.n)
		return a.n < b.n ? -1 : 1;
	r = memcmp(a.p, b.p, n);
	return r ? r : compare_u64(a.n, b.n);
}

static int compare_pre(struct bytes a, struct bytes b)
{
	if (a.n == 0 || b.n == 0) /* a release follows its pre-releases */
		return (a.n == 0) - (b.n == 0);
	while (a.n > 0 && b.n > 0) {
		int r = compare_identifier(take_identifier(&a), take_identifier(&b));

		if (r)
			return r;
	}
	return compare_u64(a.n, b.n);
}

int semver_compare(const struct semver *a, const struct semver *b)
{
	int r = compare_u64(a->major, b->major);

	r = r ? r : compare_u64(a->minor, b->minor);
	r = r ? r : compare_u64(a->patch, b->patch);
	return r ? r : compare_pre(a->pre, b->pre);
}
