/*
 * fuzz_input - any bytes as a file of a feed, packed or not, read in two ways: what comes out and how it ends do not depend on the
 * pieces that bytes come and are asked for in, and no more comes than is allowed.
 */
#include <stdlib.h>

#include "bootstage/intel/input.h"

#define RAW_MAX (64u << 10)
#define OUT_MAX (1u << 20)

struct pieces {
	struct bytes left;
	size_t piece;
};

static int read_piece(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	struct pieces *p = arg;
	size_t n = p->left.n < p->piece ? p->left.n : p->piece;

	(void)w;
	n = n < room ? n : room;
	if (n > 0)
		memcpy(buf, p->left.p, n);
	p->left = bytes_of(p->left.p + n, p->left.n - n);
	*ret_n = n;
	return 0;
}

struct outcome {
	uint64_t sum;
	size_t n;
	int r;
};

static struct outcome drain(struct bytes raw, size_t piece, size_t room)
{
	struct outcome o = { .sum = 14695981039346656037u };
	struct pieces p = { raw, piece };
	static uint8_t buf[1u << 16];
	struct input *i = NULL;
	struct why w = { 0 };
	size_t got = 1;

	o.r = input_open((struct carve_source){ read_piece, &p }, "fuzz", OUT_MAX, &i, &w);
	while (!o.r && got > 0) {
		struct carve_source from = input_source(i);

		got = 0;
		o.r = from.read(from.arg, buf, room, &got, &w);
		for (size_t k = 0; k < got; k++)
			o.sum = (o.sum ^ buf[k]) * 0x100000001b3u;
		o.n += got;
	}
	if ((o.r != 0) != (w.text[0] != '\0') || o.n > OUT_MAX)
		abort();
	input_close(i);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct outcome a, b;

	if (n > RAW_MAX)
		return 0;
	a = drain(bytes_of(data, n), RAW_MAX, 1u << 16);
	b = drain(bytes_of(data, n), 1 + n / 7, 4000);
	/* libzstd finds that an empty frame says another size only where it has all of it at once. */
	if (n > 4 && memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0 && (a.r == -EBADMSG || b.r == -EBADMSG))
		return 0;
	if (a.r != b.r || (a.r == 0 && (a.n != b.n || a.sum != b.sum)))
		abort();
	return 0;
}
