#include "base/net/answer.h"

#include <strings.h>

#include "base/parse.h"

#define BACKOFF_FIRST_MS 200u
#define BACKOFF_LAST_MS  10000u

/* The value of the field that the line has, when it has this name. */
static bool is_field(struct bytes line, const char *name, struct bytes *ret)
{
	size_t n = strlen(name);

	if (line.n <= n || line.p[n] != ':' || strncasecmp((const char *)line.p, name, n) != 0)
		return false;
	line = bytes_of(line.p + n + 1, line.n - n - 1);
	while (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		line = bytes_of(line.p + 1, line.n - 1);
	*ret = line;
	return true;
}

/* As text; empty when it is too long or not printable. */
static void keep(char out[ANSWER_FIELD_MAX], struct bytes value)
{
	out[0] = '\0';
	if (value.n >= ANSWER_FIELD_MAX || !text_printable(value))
		return;
	memcpy(out, value.p, value.n);
	out[value.n] = '\0';
}

static bool keep_number(struct bytes value, uint64_t *ret)
{
	char text[ANSWER_FIELD_MAX];

	keep(text, value);
	return parse_u64(text, UINT64_MAX - 1, ret, NULL) == 0;
}

/* "HTTP/1.1 206 Partial Content" */
static bool status_line(struct answer *a, struct bytes line)
{
	unsigned int status = 0;
	size_t i = 5;

	if (line.n < 5 || memcmp(line.p, "HTTP/", 5) != 0)
		return false;
	while (i < line.n && line.p[i] != ' ')
		i++;
	for (i++; i < line.n && line.p[i] >= '0' && line.p[i] <= '9' && status < 1000; i++)
		status = status * 10 + (unsigned int)(line.p[i] - '0');
	*a = (struct answer){ .status = status, .note = a->note };
	return true;
}

void answer_line(struct answer *a, struct bytes line)
{
	struct bytes v;
	uint64_t n = 0;

	while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
		line.n--;
	if (status_line(a, line))
		return;
	if (is_field(line, "content-range", &v)) {
		a->bad_range = a->has_range || byterange_parse(v, &a->range, NULL);
		a->has_range = true;
	} else if (is_field(line, "content-length", &v)) {
		a->has_length = keep_number(v, &a->length);
	} else if (is_field(line, "retry-after", &v)) {
		if (keep_number(v, &n))
			a->retry_after_s = n < RETRY_AFTER_MAX_S ? (unsigned int)n : RETRY_AFTER_MAX_S;
	} else if (is_field(line, "content-encoding", &v)) {
		a->encoded = v.n > 0 && !(v.n == 8 && strncasecmp((const char *)v.p, "identity", 8) == 0);
	} else if (is_field(line, "content-type", &v)) {
		keep(a->type, v);
	} else if (is_field(line, "etag", &v)) {
		keep(a->etag, v);
	} else if (is_field(line, "last-modified", &v)) {
		keep(a->modified, v);
	}
	if (a->note && is_field(line, a->note, &v))
		keep(a->noted, v);
}

/* Size of the whole file, as far as this answer says. */
static uint64_t whole_bytes(const struct answer *a)
{
	if (a->status == 206)
		return a->has_range ? a->range.total_bytes : BYTERANGE_UNKNOWN;
	return a->has_length ? a->length : BYTERANGE_UNKNOWN;
}

/* Whether both are there and differ. */
static bool differ(const char *a, const char *b)
{
	return a[0] && b[0] && strcmp(a, b) != 0;
}

int identity_check(struct identity *id, const struct answer *a, struct why *w)
{
	uint64_t size = whole_bytes(a);

	if (!id->known) {
		*id = (struct identity){ .known = true, .size_bytes = size };
		memcpy(id->etag, a->etag, sizeof(id->etag));
		memcpy(id->modified, a->modified, sizeof(id->modified));
		return 0;
	}
	if (differ(id->etag, a->etag) || differ(id->modified, a->modified) ||
	    (size != BYTERANGE_UNKNOWN && id->size_bytes != BYTERANGE_UNKNOWN && size != id->size_bytes)) {
		(void)fail(w, -EREMCHG, "the file was changed on the server while it was being read");
		return why_next(w, -EREMCHG, "run the same command again when the server's file is complete");
	}
	if (id->size_bytes == BYTERANGE_UNKNOWN)
		id->size_bytes = size;
	return 0;
}

const char *identity_condition(const struct identity *id)
{
	if (id->known && id->etag[0] == '"')
		return id->etag;
	return id->known && !id->etag[0] && id->modified[0] ? id->modified : NULL;
}

int answer_status(const struct answer *a, bool *ret_again, struct why *w)
{
	*ret_again = false;
	switch (a->status) {
	case 200:
	case 206:
	case 304:
		return 0;
	case 401:
	case 403:
	case 407:
		return fail(w, -EACCES, "the server refuses it: HTTP status %u", a->status);
	case 404:
	case 410:
		return fail(w, -ENOENT, "it is not on the server: HTTP status %u", a->status);
	case 416:
		return fail(w, -EBADMSG, "the file on the server ends before that: HTTP status 416");
	case 408:
	case 425:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		*ret_again = true;
		break;
	default:
		break;
	}
	return fail(w, -EIO, "the server answers with HTTP status %u", a->status);
}

unsigned int backoff_ms(unsigned int n, uint32_t chance)
{
	unsigned int ms = BACKOFF_FIRST_MS;

	for (; n > 1 && ms < BACKOFF_LAST_MS; n--)
		ms *= 2;
	ms = ms < BACKOFF_LAST_MS ? ms : BACKOFF_LAST_MS;
	return ms / 2 + chance % (ms / 2 + 1);
}
