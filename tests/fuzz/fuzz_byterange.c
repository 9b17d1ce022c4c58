/*
 * fuzz_byterange - a server's answer to a request for ranges: one line with the Content-Type, then the body. However the
 * body is cut into pieces, the same bytes belong to the same places; and a Content-Range that was taken lies in its whole.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/net/byterange.h"

struct outcome {
	struct hash bytes;
	int r;
};

static void add(struct hasher *h, uint64_t at, struct bytes data, const struct multipart *m)
{
	if (data.n == 0 || at < m->part.at || at - m->part.at > m->part.bytes - data.n)
		abort(); /* outside of its own part */
	for (size_t i = 0; i < data.n; i++) {
		uint8_t item[9];

		put_le64(item, at + i);
		item[8] = data.p[i];
		hasher_add(h, bytes_of(item, sizeof(item)));
	}
}

static struct outcome run(struct bytes type, struct bytes body, size_t step)
{
	struct outcome o = { 0 };
	struct multipart m = { 0 };
	struct hasher h;

	hasher_init(&h);
	o.r = multipart_begin(type, &m, NULL);
	for (size_t at = 0; o.r >= 0 && o.r != MULTIPART_END && at < body.n; at += step) {
		struct bytes in = bytes_of(body.p + at, body.n - at < step ? body.n - at : step), data;
		uint64_t to = 0;

		while ((o.r = multipart_next(&m, &in, &to, &data, NULL)) == MULTIPART_BYTES)
			add(&h, to, data, &m);
	}
	o.bytes = hasher_end(&h);
	return o;
}

static void check_range(struct bytes text)
{
	struct byterange r = { 0 };

	if (byterange_parse(text, &r, NULL))
		return;
	if (r.bytes && (r.total_bytes < r.bytes || r.at > r.total_bytes - r.bytes))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *end = n ? memchr(data, '\n', n) : NULL;
	struct outcome whole, pieces;
	struct bytes type, body;

	if (!end || n > 8192)
		return 0;
	type = bytes_of(data, (size_t)(end - data));
	body = bytes_of(end + 1, n - type.n - 1);
	check_range(type);
	whole = run(type, body, body.n + 1);
	pieces = run(type, body, 1 + n % 7);
	if (whole.r != pieces.r || !hash_equal(&whole.bytes, &pieces.bytes))
		abort();
	return 0;
}
