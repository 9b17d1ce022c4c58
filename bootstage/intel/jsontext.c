#include "bootstage/intel/jsontext.h"

#include "base/parse.h"
#include "bootstage/intel/scan.h"

/* What PostgreSQL's numeric holds: digits in front of the point and behind it. */
#define DIGITS_MAX   131072
#define FRACTION_MAX 16383
#define EXPONENT_MAX (INT32_MAX / 2) /* of a zero as well */

/*
 * The state of one check. What reads a part takes where the part starts and returns where it ended; NULL after bad().
 * `objects` has a bit for each open container, the innermost lowest: whether it is an object.
 */
struct check {
	const uint8_t *end;
	struct jsontext *out;
	const uint8_t *value; /* start of the outermost member's value */
	uint64_t objects;
	unsigned int depth;
	const uint8_t *bad_at;
	const char *bad;
	int code;
};

static const uint8_t *bad(struct check *c, const uint8_t *at, const char *what)
{
	c->bad_at = at;
	c->bad = at == c->end ? "the text ends too early" : what;
	c->code = -EBADMSG;
	return NULL;
}

static const uint8_t *space(const struct check *c, const uint8_t *p)
{
	return p < c->end && *p <= ' ' ? scan_space(p, c->end) : p;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits; -1 when they are none. */
static int hex4(const uint8_t *p, const uint8_t *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* p is behind "\u". */
static const uint8_t *check_unicode(struct check *c, const uint8_t *p)
{
	int unit = hex4(p, c->end);

	if (unit < 0)
		return bad(c, p, "no four hexadecimal digits");
	if (unit == 0)
		return bad(c, p, "a NUL, which cannot be stored");
	if (unit < 0xd800 || unit > 0xdfff)
		return p + 4;
	if (unit >= 0xdc00 || c->end - p < 6 || p[4] != '\\' || p[5] != 'u')
		return bad(c, p, "half of a surrogate pair");
	unit = hex4(p + 6, c->end);
	return unit >= 0xdc00 && unit <= 0xdfff ? p + 10 : bad(c, p, "half of a surrogate pair");
}

/* p is behind the backslash. */
static const uint8_t *check_escape(struct check *c, const uint8_t *p)
{
	if (p == c->end)
		return bad(c, p, "");
	switch (*p) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return p + 1;
	case 'u':
		return check_unicode(c, p + 1);
	default:
		return bad(c, p, "unknown escape");
	}
}

/* p is behind the opening quote; returns what is behind the closing one. */
static const uint8_t *check_string(struct check *c, const uint8_t *p)
{
	for (;;) {
		size_t n;

		p = scan_text(p, c->end);
		if (p == c->end)
			return bad(c, p, "");
		if (*p == '"')
			return p + 1;
		if (*p == '\\') {
			p = check_escape(c, p + 1);
			if (!p)
				return NULL;
			continue;
		}
		if (*p < 0x20)
			return bad(c, p, "a control byte in a string");
		n = utf8_length(bytes_of(p, (size_t)(c->end - p)));
		if (n == 0)
			return bad(c, p, "no UTF-8");
		p += n;
	}
}

static const uint8_t *digits(const struct check *c, const uint8_t *p)
{
	while (p < c->end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* p is behind the 'e'. The exponent is cut at a number that is refused anyway. */
static const uint8_t *check_exponent(struct check *c, const uint8_t *p, int64_t *ret)
{
	bool minus = p < c->end && *p == '-';
	const uint8_t *from, *to;
	int64_t value = 0;

	if (p < c->end && (*p == '-' || *p == '+'))
		p++;
	from = p;
	to = digits(c, p);
	if (from == to)
		return bad(c, p, "an exponent without digits");
	for (p = from; p < to; p++)
		value = value < INT32_MAX ? value * 10 + (*p - '0') : value;
	*ret = minus ? -value : value;
	return to;
}

/* Whether numeric holds a number of those digits: where its first digit stands that is no zero, and where its last one. */
static bool is_storable(struct bytes whole, struct bytes fraction, int64_t exponent)
{
	int64_t first = (int64_t)whole.n, last = (int64_t)fraction.n - exponent;

	if (whole.p[0] == '0') {
		size_t zeros = 0;

		while (zeros < fraction.n && fraction.p[zeros] == '0')
			zeros++;
		first = zeros < fraction.n ? -(int64_t)zeros
					   : -INT64_MAX / 2; /* nothing but zeros: it stands anywhere */
	}
	return first + exponent <= DIGITS_MAX && last <= FRACTION_MAX && exponent < EXPONENT_MAX;
}

static const uint8_t *check_number(struct check *c, const uint8_t *p)
{
	const uint8_t *start = p, *from;
	struct bytes whole, fraction = { 0 };
	int64_t exponent = 0;

	from = p += *p == '-';
	p = digits(c, p);
	if (p == from || (*from == '0' && p - from > 1))
		return bad(c, from, "no number");
	whole = bytes_of(from, (size_t)(p - from));
	if (p < c->end && *p == '.') {
		from = ++p;
		p = digits(c, p);
		if (p == from)
			return bad(c, p, "a fraction without digits");
		fraction = bytes_of(from, (size_t)(p - from));
	}
	if (p < c->end && (*p | 0x20) == 'e') {
		p = check_exponent(c, p + 1, &exponent);
		if (!p)
			return NULL;
	}
	return is_storable(whole, fraction, exponent) ? p : bad(c, start, "a number that cannot be stored");
}

static const uint8_t *check_word(struct check *c, const uint8_t *p, const char *word, size_t n)
{
	if ((size_t)(c->end - p) < n || memcmp(p, word, n) != 0)
		return bad(c, p, "no value");
	return p + n;
}

/* A value that is no container. */
static const uint8_t *check_scalar(struct check *c, const uint8_t *p)
{
	switch (*p) {
	case '"':
		return check_string(c, p + 1);
	case 't':
		return check_word(c, p, "true", 4);
	case 'f':
		return check_word(c, p, "false", 5);
	case 'n':
		return check_word(c, p, "null", 4);
	default:
		return check_number(c, p);
	}
}

/* A key and its colon; returns where the value starts. */
static const uint8_t *check_key(struct check *c, const uint8_t *p)
{
	const uint8_t *key = p + 1;

	if (p == c->end || *p != '"')
		return bad(c, p, "no key");
	p = check_string(c, key);
	if (!p)
		return NULL;
	if (c->depth == 1)
		c->out->open = bytes_of(key, (size_t)(p - 1 - key));
	p = space(c, p);
	if (p == c->end || *p != ':')
		return bad(c, p, "no colon behind a key");
	p = space(c, p + 1);
	c->value = c->depth == 1 ? p : c->value;
	return p;
}

static void note_member(struct check *c, const uint8_t *end)
{
	struct jsontext *out = c->out;

	if (out->n < JSONTEXT_MEMBERS_MAX)
		out->at[out->n++] = (struct jsontext_member){ out->open, bytes_of(c->value, (size_t)(end - c->value)) };
	else
		out->more = true;
	out->open = (struct bytes){ 0 };
}

/* Behind a value, up to where the next one starts; *done when there is none. */
static const uint8_t *check_after(struct check *c, const uint8_t *p, bool *done)
{
	while (c->depth > 0) {
		bool object = c->objects & 1;

		if (object && c->depth == 1)
			note_member(c, p);
		p = space(c, p);
		if (p == c->end)
			return bad(c, p, "");
		if (*p == ',') {
			p = space(c, p + 1);
			return object ? check_key(c, p) : p;
		}
		if (*p != (object ? '}' : ']'))
			return bad(c, p, "neither a comma nor the end");
		p++;
		c->objects >>= 1;
		c->depth--;
	}
	*done = true;
	return p;
}

/* Into a container, up to where its first value starts; *empty when it has none, and then behind it. */
static const uint8_t *check_into(struct check *c, const uint8_t *p, bool *empty)
{
	bool object = *p == '{';

	if (c->depth == JSONTEXT_DEPTH_MAX) {
		(void)bad(c, p, "nested too deep");
		c->code = -E2BIG;
		return NULL;
	}
	p = space(c, p + 1);
	*empty = p < c->end && *p == (object ? '}' : ']');
	if (*empty)
		return p + 1;
	c->depth++;
	c->objects = c->objects << 1 | object;
	return object ? check_key(c, p) : p;
}

/* One value with all that is in it; p is where it starts. */
static const uint8_t *check_value(struct check *c, const uint8_t *p)
{
	bool done = false, empty;

	while (p && !done) {
		empty = true;
		if (p == c->end)
			return bad(c, p, "");
		p = *p == '{' || *p == '[' ? check_into(c, p, &empty) : check_scalar(c, p);
		if (p && empty)
			p = check_after(c, p, &done);
	}
	return p;
}

/* The longest piece that is taken or refused as a whole, a pair of surrogates; what is bad that close to the end of what
 * has been read may be good with what comes behind it. */
#define PIECE_MAX 12

static bool may_go_on(const struct check *c, const uint8_t *from, const uint8_t *p)
{
	if (!p)
		return c->code == -EBADMSG && c->end - c->bad_at < PIECE_MAX;
	return p == c->end && jsontext_kind(bytes_of(from, (size_t)(p - from))) == JSONTEXT_NUMBER;
}

int jsontext_front(struct bytes text, bool whole, struct jsontext *ret, size_t *ret_end, struct why *w)
{
	static const uint8_t nothing[1];
	const uint8_t *start = text.n > 0 ? text.p : nothing, *from, *p;
	struct check c = { .end = start + text.n, .out = ret };

	ret->n = 0;
	ret->more = false;
	ret->open = (struct bytes){ 0 };
	from = space(&c, start);
	p = check_value(&c, from);
	*ret_end = (size_t)((p ? p : c.bad_at) - start);
	if (!whole && may_go_on(&c, from, p))
		return -EAGAIN;
	if (!p)
		return fail(w, c.code, "byte %zu: %s", *ret_end, c.bad);
	ret->text = bytes_of(from, (size_t)(p - from));
	return 0;
}

int jsontext_check(struct bytes text, struct jsontext *ret, struct why *w)
{
	size_t end;
	int r = jsontext_front(text, true, ret, &end, w);

	if (r)
		return r;
	for (; end < text.n; end++)
		if (!scan_is_space(text.p[end]))
			return fail(w, -EBADMSG, "byte %zu: something behind the end", end);
	return 0;
}
