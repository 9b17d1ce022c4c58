/*
 * fuzz_baseline - any bytes as a baseline, as they are and under a hash that fits. What is taken comes out the same when it
 * is written and read again.
 */
#include <stdlib.h>

#include "partitions/baseline.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check(struct bytes in)
{
	static struct baseline b, back;
	uint8_t again[BASELINE_BYTES];
	struct why w = { 0 };

	memset(&b, 0, sizeof(b));
	if (baseline_parse(in, &b, &w)) {
		must(w.text[0] && b.n == 0);
		return;
	}
	must(b.slot <= SLOT_B && b.n <= BASELINE_NAMES);
	for (size_t i = 0; i < b.n; i++)
		must(b.names[i][0] && baseline_excuses(&b, b.slot, b.names[i]));
	baseline_format(&b, again);
	must(baseline_parse(bytes_of(again, sizeof(again)), &back, NULL) == 0);
	must(memcmp(&b, &back, sizeof(b)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t block[BASELINE_BYTES] = { 0 };
	struct hash h;

	check(bytes_of(data, n));
	if (n > 0)
		memcpy(block, data, n < sizeof(block) ? n : sizeof(block));
	h = hash_of(bytes_of(block, BASELINE_BYTES - HASH_BYTES));
	memcpy(block + BASELINE_BYTES - HASH_BYTES, h.b, HASH_BYTES);
	check(bytes_of(block, sizeof(block)));
	return 0;
}
