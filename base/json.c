#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "base/parse.h"

/* Errors of the stream are sticky and looked at once, in json_finish(). */
static void put(struct json *j, const char *s)
{
	(void)fputs(s, j->to);
}

static void indent(struct json *j)
{
	if (j->line)
		return;
	put(j, "\n");
	for (unsigned int i = 0; i < j->depth; i++)
		put(j, "  ");
}

static void put_text(struct json *j, const char *text)
{
	const unsigned char *s = (const unsigned char *)text, *end = s + strlen(text);

	put(j, "\"");
	while (s < end) {
		size_t n = utf8_length(bytes_of(s, (size_t)(end - s)));

		if (n == 0) {
			put(j, "\\ufffd");
			s++;
		} else if (*s == '"' || *s == '\\') {
			(void)fprintf(j->to, "\\%c", *s++);
		} else if (*s < 0x20 || *s == 0x7f) {
			(void)fprintf(j->to, "\\u%04x", *s++);
		} else {
			(void)fwrite(s, 1, n, j->to);
			s += n;
		}
	}
	put(j, "\"");
}

static void begin(struct json *j, const char *key)
{
	if (j->depth > 0) {
		if (j->filled[j->depth - 1])
			put(j, j->line ? ", " : ",");
		j->filled[j->depth - 1] = true;
		indent(j);
	}
	if (key) {
		put_text(j, key);
		put(j, ": ");
	}
}

static void open_level(struct json *j, const char *key, const char *mark, char close)
{
	begin(j, key);
	put(j, mark);
	if (j->depth >= JSON_DEPTH_MAX)
		abort(); /* our own nesting, fixed in the source */
	j->close[j->depth] = close;
	j->filled[j->depth++] = false;
}

void json_object(struct json *j, const char *key)
{
	open_level(j, key, "{", '}');
}

void json_array(struct json *j, const char *key)
{
	open_level(j, key, "[", ']');
}

void json_end(struct json *j)
{
	j->depth--;
	if (j->filled[j->depth])
		indent(j);
	(void)fputc(j->close[j->depth], j->to);
}

void json_string(struct json *j, const char *key, const char *value)
{
	begin(j, key);
	if (value)
		put_text(j, value);
	else
		put(j, "null");
}

void json_text(struct json *j, const char *key, const char *value)
{
	json_string(j, key, value && value[0] ? value : NULL);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	(void)fprintf(j->to, "%" PRIu64, value);
}

void json_i64(struct json *j, const char *key, int64_t value)
{
	begin(j, key);
	(void)fprintf(j->to, "%" PRId64, value);
}

void json_double(struct json *j, const char *key, double value)
{
	begin(j, key);
	if (isfinite(value))
		(void)fprintf(j->to, "%.3f", value);
	else
		put(j, "null");
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	put(j, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
	json_string(j, key, NULL);
}

void json_raw(struct json *j, const char *key, const char *text)
{
	size_t n = strlen(text);

	begin(j, key);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	(void)fwrite(text, 1, n, j->to);
}

int json_finish(struct json *j, struct why *w)
{
	put(j, "\n");
	if (fflush(j->to) || ferror(j->to))
		return fail(w, -EIO, "output cannot be written");
	return 0;
}
