/*
 * fuzz_deltaops - any bytes as what is stored of a chunk of a delta (updater/deltaops.h). What is taken keeps the promises
 * of the header, and is written again to the same bytes.
 *
 * Input: u32 size of the chunk, u64 size of the base; the stored bytes.
 */
#include <stdlib.h>

#include "updater/deltaops.h"

static void must(bool promise)
{
	if (!promise)
		abort();
}

static void check(const struct deltaops *d, uint32_t raw_bytes, uint64_t base_bytes)
{
	uint64_t window = 0, literals = 0, all = 0, end = 0;

	for (size_t i = 0; i < d->n_ranges; i++) {
		const struct delta_range *r = &d->ranges[i];

		must(r->bytes > 0 && r->at + r->bytes <= base_bytes && (i == 0 || r->at > end));
		end = r->at + r->bytes;
		window += r->bytes;
	}
	for (size_t i = 0; i < d->n_ops; i++) {
		const struct delta_op *op = &d->ops[i];

		must(op->bytes > 0 && op->kind <= DELTA_ZERO);
		must(op->kind == DELTA_COPY ? op->base_at <= base_bytes && op->bytes <= base_bytes - op->base_at
					    : op->base_at == 0);
		all += op->bytes;
		literals += op->kind == DELTA_LITERAL ? op->bytes : 0;
	}
	must(window == d->window_bytes && window <= DELTA_WINDOW_MAX);
	must(literals == d->literal_bytes && all == raw_bytes);
	must((d->frame.n > 0) == (literals > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct deltaops d;
	struct bytes in = bytes_of(data, n), stored;
	uint64_t base_bytes = 0;
	uint32_t raw_bytes = 0;
	uint8_t *again;

	if (bytes_le32(in, 0, &raw_bytes) || bytes_le64(in, 4, &base_bytes) || bytes_sub(in, 12, n - 12, &stored))
		return 0;
	if (deltaops_parse(stored, raw_bytes, base_bytes, &d, NULL))
		return 0;
	check(&d, raw_bytes, base_bytes);
	again = malloc(DELTAOPS_ROOM + d.frame.n);
	must(again != NULL);
	must(deltaops_format(&d, again) == stored.n);
	must(memcmp(again, stored.p, stored.n) == 0);
	free(again);
	return 0;
}
