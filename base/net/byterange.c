#include "base/net/byterange.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct bytes trimmed(struct bytes b)
{
	while (b.n > 0 && is_blank(b.p[0]))
		b = bytes_of(b.p + 1, b.n - 1);
	while (b.n > 0 && is_blank(b.p[b.n - 1]))
		b.n--;
	return b;
}

/* Take a prefix off, whatever its case. */
static bool take(struct bytes *b, const char *prefix)
{
	size_t n = strlen(prefix);

	if (b->n < n || strncasecmp((const char *)b->p, prefix, n) != 0)
		return false;
	*b = bytes_of(b->p + n, b->n - n);
	return true;
}

/* Take a decimal number off: at least one digit, no overflow. */
static bool take_number(struct bytes *b, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < b->n && b->p[i] >= '0' && b->p[i] <= '9'; i++)
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, b->p[i] - (uint64_t)'0', &v))
			return false;
	*b = bytes_of(b->p + i, b->n - i);
	*ret = v;
	return i > 0;
}

static bool take_total(struct bytes *b, uint64_t *ret)
{
	if (take(b, "*")) {
		*ret = BYTERANGE_UNKNOWN;
		return true;
	}
	return take_number(b, ret) && *ret != BYTERANGE_UNKNOWN;
}

/* "first-last/total" */
static bool take_range(struct bytes *b, struct byterange *ret)
{
	uint64_t first = 0, last = 0;

	if (!take_number(b, &first) || !take(b, "-") || !take_number(b, &last) || !take(b, "/") ||
	    !take_total(b, &ret->total_bytes))
		return false;
	ret->at = first;
	ret->bytes = last - first + 1;
	return first <= last && last < ret->total_bytes;
}

int byterange_parse(struct bytes value, struct byterange *ret, struct why *w)
{
	struct bytes b = trimmed(value);
	struct byterange r = { 0 };
	bool good;

	good = take(&b, "bytes") && b.n > 0 && is_blank(b.p[0]);
	b = trimmed(b);
	if (good && take(&b, "*/"))
		good = take_number(&b, &r.total_bytes) && r.total_bytes != BYTERANGE_UNKNOWN;
	else
		good = good && take_range(&b, &r);
	if (!good || b.n > 0)
		return fail(w, -EBADMSG, "a malformed Content-Range");
	*ret = r;
	return 0;
}

bool multipart_is(struct bytes content_type)
{
	struct bytes b = trimmed(content_type);

	return take(&b, "multipart/byteranges") && (b.n == 0 || b.p[0] == ';' || is_blank(b.p[0]));
}

/* The value of a parameter that b begins with, a token or in quotes. */
static bool parameter_value(struct bytes b, char *ret, size_t room)
{
	bool quoted = b.n > 0 && b.p[0] == '"';
	size_t n = 0;

	for (size_t i = quoted; i < b.n; i++) {
		if (quoted ? b.p[i] == '"' : b.p[i] == ';' || is_blank(b.p[i])) {
			quoted = false;
			break;
		}
		if (b.p[i] < 0x20 || b.p[i] > 0x7e || n + 1 >= room)
			return false;
		ret[n++] = (char)b.p[i];
	}
	ret[n] = '\0';
	return n > 0 && !quoted;
}

int multipart_begin(struct bytes content_type, struct multipart *ret, struct why *w)
{
	struct multipart m = { .state = PART_PREAMBLE };
	struct bytes b = content_type;

	while (b.n > 0 && b.p[0] != ';')
		b = bytes_of(b.p + 1, b.n - 1);
	while (b.n > 0) {
		b = trimmed(bytes_of(b.p + 1, b.n - 1));
		if (take(&b, "boundary=")) {
			if (!parameter_value(b, m.boundary, sizeof(m.boundary)))
				break;
			*ret = m;
			return 0;
		}
		while (b.n > 0 && b.p[0] != ';')
			b = bytes_of(b.p + 1, b.n - 1);
	}
	return fail(w, -EBADMSG, "a body of several parts without a usable boundary");
}

/* Gather a line, without its end. Returns whether it is whole; -EBADMSG too long. */
static int take_line(struct multipart *m, struct bytes *in, struct why *w)
{
	while (in->n > 0) {
		uint8_t c = in->p[0];

		*in = bytes_of(in->p + 1, in->n - 1);
		if (c == '\n') {
			if (m->line_n > 0 && m->line[m->line_n - 1] == '\r')
				m->line_n--;
			m->line[m->line_n] = '\0';
			m->line_n = 0;
			if (++m->lines > MULTIPART_LINES_MAX)
				return fail(w, -EBADMSG, "a part with more than %u lines in its header",
					    MULTIPART_LINES_MAX);
			return 1;
		}
		if (m->line_n == MULTIPART_LINE_MAX)
			return fail(w, -EBADMSG, "a part with a line of more than %u bytes in its header",
				    MULTIPART_LINE_MAX);
		m->line[m->line_n++] = (char)c;
	}
	return 0;
}

/* 0: no boundary; 1: a part follows; 2: the last one. */
static int boundary_in(const struct multipart *m)
{
	size_t n = strlen(m->boundary);

	if (strncmp(m->line, "--", 2) != 0 || strncmp(m->line + 2, m->boundary, n) != 0)
		return 0;
	if (strncmp(m->line + 2 + n, "--", 2) == 0)
		return 2;
	return m->line[2 + n + strspn(m->line + 2 + n, " \t")] == '\0';
}

/* A line outside of header and body: before the first part, or behind one. */
static int line_between(struct multipart *m, struct why *w)
{
	switch (boundary_in(m)) {
	case 2:
		m->state = PART_CLOSED;
		return 0;
	case 1:
		m->state = PART_HEADER;
		m->has_range = false;
		m->lines = 0;
		return 0;
	default:
		if (m->state == PART_BEHIND && m->line[0])
			return fail(w, -EBADMSG, "a part that does not end where its Content-Range says");
		return 0;
	}
}

static int line_of_header(struct multipart *m, struct why *w)
{
	struct bytes line = bytes_str(m->line);

	if (line.n == 0) {
		if (!m->has_range)
			return fail(w, -EBADMSG, "a part without Content-Range");
		m->state = PART_BODY;
		m->got_bytes = 0;
		return 0;
	}
	if (!take(&line, "content-range:"))
		return 0;
	if (m->has_range)
		return fail(w, -EBADMSG, "a part with two Content-Ranges");
	m->has_range = true;
	if (byterange_parse(line, &m->part, w))
		return -EBADMSG;
	return m->part.bytes ? 0 : fail(w, -EBADMSG, "a part with an empty Content-Range");
}

static void take_body(struct multipart *m, struct bytes *in, uint64_t *ret_at, struct bytes *ret_data)
{
	uint64_t left = m->part.bytes - m->got_bytes;
	size_t n = left < in->n ? (size_t)left : in->n;

	*ret_at = m->part.at + m->got_bytes;
	*ret_data = bytes_of(in->p, n);
	*in = bytes_of(in->p + n, in->n - n);
	m->got_bytes += n;
	if (m->got_bytes == m->part.bytes) {
		m->state = PART_BEHIND;
		m->lines = 0;
	}
}

int multipart_next(struct multipart *m, struct bytes *in, uint64_t *ret_at, struct bytes *ret_data, struct why *w)
{
	while (m->state != PART_CLOSED && in->n > 0) {
		int r;

		if (m->state == PART_BODY) {
			take_body(m, in, ret_at, ret_data);
			return MULTIPART_BYTES;
		}
		r = take_line(m, in, w);
		if (r > 0)
			r = m->state == PART_HEADER ? line_of_header(m, w) : line_between(m, w);
		if (r < 0)
			return r;
	}
	return m->state == PART_CLOSED ? MULTIPART_END : MULTIPART_MORE;
}
