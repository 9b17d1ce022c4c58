/*
 * fuzz_answer - the headers that a server sends through a session: answers one after the other, an empty line behind each.
 * What is kept of a header is printable and short, what goes back to the server in If-Range is one line of it, a status line
 * forgets all that went before, and a file that was taken for the same is so again.
 */
#include <stdlib.h>

#include "base/net/answer.h"
#include "base/parse.h"

static void must(bool good)
{
	if (!good)
		abort();
}

static void check_field(const char text[ANSWER_FIELD_MAX])
{
	must(strnlen(text, ANSWER_FIELD_MAX) < ANSWER_FIELD_MAX);
	must(text_printable(bytes_str(text)));
}

static void check_answer(const struct answer *a)
{
	check_field(a->type);
	check_field(a->etag);
	check_field(a->modified);
	must(a->retry_after_s <= RETRY_AFTER_MAX_S);
	if (a->has_range && !a->bad_range && a->range.bytes)
		must(a->range.at < a->range.total_bytes && a->range.bytes <= a->range.total_bytes - a->range.at);
}

static bool same(const struct answer *a, const struct answer *b)
{
	return a->status == b->status && a->has_range == b->has_range && a->bad_range == b->bad_range &&
	       a->has_length == b->has_length && a->length == b->length && a->retry_after_s == b->retry_after_s &&
	       a->encoded == b->encoded && strcmp(a->type, b->type) == 0 && strcmp(a->etag, b->etag) == 0 &&
	       strcmp(a->modified, b->modified) == 0;
}

static void check_condition(const struct identity *id)
{
	const char *condition = identity_condition(id);

	must(!condition || (id->known && (condition == id->etag || condition == id->modified)));
	if (condition)
		check_field(condition);
	must(!condition || condition != id->etag || condition[0] == '"'); /* a weak one does not do */
}

/* The end of an answer. */
static void judge(const struct answer *a, struct identity *id)
{
	bool again = true;
	int r = answer_status(a, &again, NULL);

	check_answer(a);
	must((r == 0) == (a->status == 200 || a->status == 206));
	must(r != 0 || !again);
	if (r)
		return;
	r = identity_check(id, a, NULL);
	must(r == 0 || (r == -EREMCHG && id->known));
	must(r != 0 || (id->known && identity_check(id, a, NULL) == 0));
	check_condition(id);
}

/* Up to the line's end, which is taken too. */
static struct bytes take_line(struct bytes *in)
{
	const uint8_t *end = memchr(in->p, '\n', in->n);
	size_t n = end ? (size_t)(end - in->p) + 1 : in->n;
	struct bytes line = bytes_of(in->p, n);

	*in = bytes_of(in->p + n, in->n - n);
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct answer a = { 0 }, since = { 0 }; /* all lines; those from the last status line on */
	struct identity id = { 0 };
	struct bytes in = bytes_of(data, n);

	while (in.n > 0) {
		struct bytes line = take_line(&in);

		if (line.n >= 5 && memcmp(line.p, "HTTP/", 5) == 0)
			since = (struct answer){ 0 };
		answer_line(&a, line);
		answer_line(&since, line);
		must(same(&a, &since));
		if (line.n <= 2 && line.p[0] != ':')
			judge(&a, &id);
	}
	judge(&a, &id);
	must(backoff_ms((unsigned int)n, data && n ? data[0] * 0x01010101u : 0) <= 10000);
	return 0;
}
