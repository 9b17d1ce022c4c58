/*
 * fuzz_carve - any bytes as a feed, in two ways of cutting it into blocks: what comes is the same, every record checks by
 * itself, objects that are entered are left, and no byte is looked at too often.
 */
#include <stdlib.h>

#include "base/parse.h"
#include "bootstage/intel/carve.h"

#define TEXT_MAX   (256u << 10)
#define RECORD_MAX 2000u

struct text {
	struct bytes left;
	size_t piece;
};

static int read_text(void *arg, void *buf, size_t room, size_t *ret_n, struct why *w)
{
	struct text *t = arg;
	size_t n = t->left.n < room ? t->left.n : room;

	(void)w;
	n = t->piece && n > t->piece ? t->piece : n;
	if (n > 0)
		memcpy(buf, t->left.p, n);
	t->left = bytes_of(t->left.p + n, t->left.n - n);
	*ret_n = n;
	return 0;
}

static uint64_t mix(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * 0x100000001b3u;
}

static void check(const struct carved *got, struct bytes in)
{
	struct jsontext t;

	if (got->what == CARVE_DROPPED && got->why.text[0] == '\0')
		abort();
	if (got->what != CARVE_RECORD && got->what != CARVE_MEMBER)
		return;
	if (jsontext_check(got->value.text, &t, NULL) || got->value.text.n > RECORD_MAX)
		abort();
	if (got->what == CARVE_RECORD && (!bytes_has(in, got->at_bytes, got->value.text.n) ||
					  memcmp(in.p + got->at_bytes, got->value.text.p, got->value.text.n) != 0))
		abort();
}

static uint64_t carve_bytes(struct bytes in, size_t piece)
{
	struct text text = { .left = in, .piece = piece };
	uint64_t sum = 14695981039346656037u;
	struct carved got;
	struct carve c;
	int depth = 0;

	if (carve_init(&c, (struct carve_source){ read_text, &text }, RECORD_MAX, NULL))
		abort();
	do {
		if (carve_next(&c, &got, NULL))
			abort();
		check(&got, in);
		depth += (got.what == CARVE_ENTER) - (got.what == CARVE_LEAVE);
		sum = mix(mix(mix(sum, (uint64_t)got.what), (uint64_t)got.place), got.at_bytes);
	} while (got.what != CARVE_END);
	if (depth != 0 || c.again_bytes > 5 * (uint64_t)in.n + 4 * RECORD_MAX + (512u << 10))
		abort();
	carve_done(&c);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0 || n > TEXT_MAX)
		return 0;
	if (carve_bytes(bytes_of(data + 1, n - 1), 0) != carve_bytes(bytes_of(data + 1, n - 1), data[0]))
		abort();
	return 0;
}
