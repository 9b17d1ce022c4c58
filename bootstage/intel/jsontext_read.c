/* What is done with a text that was checked: walking, decoding. */
#include "bootstage/intel/jsontext.h"

#include "bootstage/intel/scan.h"

enum jsontext_kind jsontext_kind(struct bytes value)
{
	if (value.n == 0)
		return JSONTEXT_NONE;
	switch (value.p[0]) {
	case '{':
		return JSONTEXT_OBJECT;
	case '[':
		return JSONTEXT_ARRAY;
	case '"':
		return JSONTEXT_STRING;
	case 't':
		return JSONTEXT_TRUE;
	case 'f':
		return JSONTEXT_FALSE;
	case 'n':
		return JSONTEXT_NULL;
	default:
		return JSONTEXT_NUMBER;
	}
}

/* Behind the string whose opening quote is in front of p. */
static const uint8_t *skip_string(const uint8_t *p, const uint8_t *end)
{
	for (;;) {
		p = scan_quoted(p, end);
		if (p == end || *p == '"')
			return p + (p < end);
		p += end - p > 1 && *p == '\\' ? 2 : 1;
	}
}

static const uint8_t *skip_container(const uint8_t *p, const uint8_t *end)
{
	size_t depth = 0;

	do {
		p = scan_nest(p, end);
		if (p == end)
			return p;
		if (*p == '"')
			p = skip_string(p + 1, end);
		else
			depth += (*p++ | 0x20) == '{' ? 1u : SIZE_MAX;
	} while (depth > 0);
	return p;
}

static const uint8_t *skip_value(const uint8_t *p, const uint8_t *end)
{
	if (p < end && *p == '"')
		return skip_string(p + 1, end);
	if (p < end && (*p == '{' || *p == '['))
		return skip_container(p, end);
	while (p < end && *p != ',' && (*p | 0x20) != '}' && !scan_is_space(*p))
		p++;
	return p;
}

struct jsontext_walk jsontext_walk(struct bytes value)
{
	enum jsontext_kind kind = jsontext_kind(value);

	if (value.n < 2 || (kind != JSONTEXT_OBJECT && kind != JSONTEXT_ARRAY))
		return (struct jsontext_walk){ .p = value.p, .end = value.p };
	return (struct jsontext_walk){ .p = value.p + 1, .end = value.p + value.n - 1 };
}

/* To the next member or element; false at the end. */
static bool walk_on(struct jsontext_walk *i)
{
	while (i->p < i->end && (scan_is_space(*i->p) || *i->p == ','))
		i->p++;
	return i->p < i->end;
}

static struct bytes walk_value(struct jsontext_walk *i)
{
	const uint8_t *from = i->p;

	i->p = skip_value(from, i->end);
	if (i->p == from) /* no value, so nothing that was checked: the walk ends */
		i->p = i->end;
	return bytes_of(from, (size_t)(i->p - from));
}

/* The key and the colon in front of a value. */
static struct bytes walk_key(struct jsontext_walk *i)
{
	const uint8_t *from = i->p + 1;

	i->p = skip_string(from, i->end);
	struct bytes key = bytes_of(from, i->p > from ? (size_t)(i->p - 1 - from) : 0);

	while (i->p < i->end && (scan_is_space(*i->p) || *i->p == ':'))
		i->p++;
	return key;
}

bool jsontext_member(struct jsontext_walk *i, struct jsontext_member *ret)
{
	if (!walk_on(i) || *i->p != '"')
		return false;
	ret->key = walk_key(i);
	ret->value = walk_value(i);
	return true;
}

bool jsontext_element(struct jsontext_walk *i, struct bytes *ret)
{
	if (!walk_on(i))
		return false;
	*ret = walk_value(i);
	while (i->p < i->end && scan_is_space(*i->p))
		i->p++;
	if (i->p == i->end || *i->p != ':')
		return true;
	do /* it was a key */
		i->p++;
	while (i->p < i->end && scan_is_space(*i->p));
	*ret = walk_value(i);
	return true;
}

static unsigned int hex_value(uint8_t c)
{
	return c <= '9' ? c - (unsigned int)'0' : (c | 0x20u) - 'a' + 10;
}

/* Of up to four digits. */
static uint32_t hex_unit(const uint8_t *p, const uint8_t *end)
{
	uint32_t unit = 0;

	for (size_t i = 0; i < 4 && p + i < end; i++)
		unit = unit << 4 | (hex_value(p[i]) & 15);
	return unit;
}

static size_t utf8_put(uint32_t c, uint8_t out[4])
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | (c >> 18 & 7));
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* What is escaped at *p, which is behind the backslash; *p ends behind it. Returns the bytes in out. */
static size_t decode_escape(const uint8_t **p, const uint8_t *end, uint8_t out[4])
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	uint8_t c = *(*p)++;
	const char *at = c ? strchr(from, c) : NULL;
	uint32_t unit;

	out[0] = at ? (uint8_t)to[at - from] : c;
	if (c != 'u')
		return 1;
	unit = hex_unit(*p, end);
	*p += end - *p < 4 ? end - *p : 4;
	if (unit >= 0xd800 && unit <= 0xdbff && end - *p >= 6) {
		unit = 0x10000 + ((unit & 0x3ff) << 10 | (hex_unit(*p + 2, end) & 0x3ff));
		*p += 6;
	}
	return utf8_put(unit, out);
}

/* What comes next of an encoded text: a piece of it that is plain, or one character in `out`. Moves *p behind it. */
static struct bytes decode_next(const uint8_t **p, const uint8_t *end, uint8_t out[4])
{
	const uint8_t *from = *p, *slash = memchr(from, '\\', (size_t)(end - from));

	if (slash == from && end - from > 1) {
		*p = from + 1;
		return bytes_of(out, decode_escape(p, end, out));
	}
	*p = slash && slash > from ? slash : end;
	return bytes_of(from, (size_t)(*p - from));
}

static bool decodes_to(struct bytes encoded, struct bytes word)
{
	const uint8_t *p = encoded.p, *end = p + encoded.n;
	uint8_t out[4];

	while (p < end) {
		struct bytes piece = decode_next(&p, end, out);

		if (piece.n > word.n || memcmp(piece.p, word.p, piece.n) != 0)
			return false;
		word = bytes_of(word.p + piece.n, word.n - piece.n);
	}
	return word.n == 0;
}

/* What has escapes is longer than what it says. */
static bool key_is(struct bytes key, struct bytes want)
{
	if (key.n <= want.n)
		return bytes_equal(key, want);
	return memchr(key.p, '\\', key.n) && decodes_to(key, want);
}

bool jsontext_key_is(struct bytes key, const char *word)
{
	return key_is(key, bytes_str(word));
}

static struct bytes find_behind(struct jsontext_walk i, struct bytes key, struct bytes found)
{
	struct jsontext_member m;

	while (jsontext_member(&i, &m))
		if (key_is(m.key, key))
			found = m.value;
	return found;
}

struct bytes jsontext_find(struct bytes object, const char *key)
{
	return find_behind(jsontext_walk(object), bytes_str(key), (struct bytes){ 0 });
}

struct bytes jsontext_get(const struct jsontext *t, const char *key)
{
	struct bytes found = { 0 }, want = bytes_str(key);

	for (size_t i = 0; i < t->n; i++)
		if (key_is(t->at[i].key, want))
			found = t->at[i].value;
	if (t->more) {
		struct bytes last = t->at[t->n - 1].value;
		struct jsontext_walk rest = { .p = last.p + last.n, .end = t->text.p + t->text.n - 1 };

		found = find_behind(rest, want, found);
	}
	return found;
}

/* The text between the quotes; false when the value is no string. */
static bool unquote(struct bytes value, struct bytes *ret)
{
	if (value.n < 2 || value.p[0] != '"')
		return false;
	*ret = bytes_of(value.p + 1, value.n - 2);
	return true;
}

bool jsontext_string_is(struct bytes value, const char *word)
{
	struct bytes inside;

	return unquote(value, &inside) && jsontext_key_is(inside, word);
}

int jsontext_key(struct bytes key, void *buf, size_t room, struct bytes *ret)
{
	const uint8_t *p = key.p, *end = p + key.n;
	uint8_t *to = buf, out[4];
	size_t n = 0;

	if (key.n == 0 || !memchr(key.p, '\\', key.n)) {
		*ret = key;
		return 0;
	}
	while (p < end) {
		struct bytes piece = decode_next(&p, end, out);

		if (piece.n > room - n)
			return -E2BIG;
		memcpy(to + n, piece.p, piece.n);
		n += piece.n;
	}
	*ret = bytes_of(buf, n);
	return 0;
}

int jsontext_string(struct bytes value, void *buf, size_t room, struct bytes *ret)
{
	struct bytes inside;

	return unquote(value, &inside) ? jsontext_key(inside, buf, room, ret) : -EINVAL;
}

int jsontext_i64(struct bytes value, int64_t *ret)
{
	bool minus = value.n > 0 && value.p[0] == '-';
	int64_t sum = 0;

	if (value.n <= minus)
		return -EINVAL;
	for (size_t i = minus; i < value.n; i++) {
		int digit = value.p[i] - '0';

		if (digit < 0 || digit > 9)
			return -EINVAL;
		if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, minus ? -digit : digit, &sum))
			return -E2BIG;
	}
	*ret = sum;
	return 0;
}
