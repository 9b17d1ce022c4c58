/*
 * fuzz_pattern - any bytes as a STIX pattern. What is taken lies in the text or in the scratch memory, cleaning it a second
 * time changes nothing, and a pattern that is read can be read again inside parentheses, with the same values.
 */
#include <stdlib.h>

#include "bootstage/intel/pattern.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

struct seen {
	size_t n, bytes;
};

static int take(void *arg, const struct observable *o)
{
	struct seen *s = arg;
	struct observable once = *o, twice;
	uint8_t *buf = malloc(o->value.n + 48), *again = NULL;

	must(buf && (o->kind == NODE_HASH) == (o->algorithm != NULL));
	s->n++;
	s->bytes += o->value.n;
	if (observable_clean(&once, buf) == 0) {
		again = malloc(once.value.n + 48);
		twice = once;
		must(again && observable_clean(&twice, again) == 0 && bytes_equal(once.value, twice.value));
	}
	free(buf);
	free(again);
	return 0;
}

static int read_all(const uint8_t *data, size_t n, struct seen *s)
{
	uint8_t *scratch = malloc(n + 1);
	int r;

	must(scratch != NULL);
	r = pattern_read(bytes_of(data, n), scratch, &(struct pattern_sink){ take, s }, NULL);
	free(scratch);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct seen first = { 0 }, second = { 0 };
	uint8_t *nested = malloc(n + 3);
	int r = read_all(data, n, &first);

	must(nested && (r == 0 || r == -EBADMSG || r == -E2BIG));
	must(first.bytes <= n);
	nested[0] = '(';
	memcpy(nested + 1, data, n);
	nested[n + 1] = '\n'; /* the end of a comment */
	nested[n + 2] = ')';
	if (r == 0) {
		r = read_all(nested, n + 3, &second);
		must(r == -E2BIG || r == 0 || memchr(data, '*', n));
		must(r != 0 || (first.n == second.n && first.bytes == second.bytes));
	}
	free(nested);
	return 0;
}
