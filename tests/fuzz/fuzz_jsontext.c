/*
 * fuzz_jsontext - any bytes as a JSON text. What is taken is taken by another reader too (jansson, as far as its depth and
 * its numbers go), ends where jsontext_front() says, is walked to the same members as were noted, and its strings decode to
 * valid UTF-8. Walking and decoding what was never checked stays inside.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/parse.h"
#include "bootstage/intel/jsontext.h"

#define TEXT_MAX (64u << 10)

static void check_utf8(struct bytes s)
{
	while (s.n > 0) {
		size_t n = utf8_length(s);

		if (n == 0)
			abort();
		s = bytes_of(s.p + n, s.n - n);
	}
}

static void decode(struct bytes value, bool checked)
{
	static uint8_t buf[TEXT_MAX];
	struct bytes out;
	int64_t number;

	if (jsontext_string(value, buf, sizeof(buf), &out) == 0) {
		if (out.n + 2 > value.n)
			abort();
		if (checked)
			check_utf8(out);
		IGNORE(jsontext_time(out, &number));
	}
	IGNORE(jsontext_i64(value, &number));
	(void)jsontext_string_is(value, "x\n");
}

static void walk(struct bytes value, bool checked, unsigned int depth)
{
	struct jsontext_walk i = jsontext_walk(value), k = i;
	struct jsontext_member m;
	struct bytes element;

	decode(value, checked);
	if (depth > JSONTEXT_DEPTH_MAX)
		return;
	if (jsontext_kind(value) == JSONTEXT_OBJECT) {
		while (jsontext_member(&k, &m))
			walk(m.value, checked, depth + 1);
	} else {
		while (jsontext_element(&i, &element))
			walk(element, checked, depth + 1);
	}
}

static void compare_members(const struct jsontext *t)
{
	struct jsontext_walk i = jsontext_walk(t->text);
	struct jsontext_member m;
	size_t n = 0;

	if (jsontext_kind(t->text) != JSONTEXT_OBJECT)
		return;
	for (; jsontext_member(&i, &m); n++)
		if (n < t->n &&
		    (m.key.p != t->at[n].key.p || m.value.p != t->at[n].value.p || m.value.n != t->at[n].value.n))
			abort();
	if (t->more ? n <= t->n : n != t->n)
		abort();
}

static void check_others(struct bytes text, bool taken)
{
	json_error_t error;
	json_t *other = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, &error);

	/* It refuses numbers that no double or 64-bit integer holds, which we store. */
	if (taken && !other && !strstr(error.text, "too big") && !strstr(error.text, "overflow"))
		abort();
	json_decref(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes text = bytes_of(data, n);
	struct jsontext t, front;
	struct why w = { 0 };
	size_t end;
	int r;

	if (n > TEXT_MAX)
		return 0;
	r = jsontext_check(text, &t, &w);
	if ((r != 0) != (w.text[0] != '\0'))
		abort();
	check_others(text, r == 0);
	if (r == 0) {
		compare_members(&t);
		walk(t.text, true, 0);
		for (size_t cut = 0; cut < n && n < 200; cut++)
			if (jsontext_front(bytes_of(data, cut), false, &front, &end, NULL) == 0 &&
			    end != t.text.n + (size_t)(t.text.p - data))
				abort();
	} else {
		walk(text, false, 60);
	}
	return 0;
}
