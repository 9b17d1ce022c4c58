/*
 * fuzz_bundle - any bytes as a bundle, read without keys: header, signatures, manifest, tables, chunks. Whatever the walk
 * finds, the sum of what a sink is given is the payload's size, in order.
 */
#include <stdlib.h>

#include "updater/bundle_walk.h"

static int count(void *arg, const struct chunk *c, const void *raw, struct why *w)
{
	uint64_t *at = arg;

	(void)w;
	if (c->raw_offset != *at || (c->encoding == CHUNK_ZERO) != (raw == NULL))
		abort();
	*at += c->raw_bytes;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct source src = source_memory(bytes_of(data, n), "fuzz");
	struct bundle b = { 0 };
	struct why w = { 0 };

	if (bundle_open_unverified(&src, BUNDLE_WHOLE, &b, &w)) {
		if (w.text[0] == '\0' || b.src)
			abort();
		return 0;
	}
	if (b.verified || bundle_bytes(&b) > n)
		abort();
	(void)!bundle_check_layout(&b, NULL);
	for (size_t i = 0; i < b.manifest.n_payloads; i++) {
		uint64_t at = 0;
		const struct bundle_sink sink = { .put = count, .arg = &at };

		if (bundle_check(&b, &b.manifest.payloads[i], &sink, NULL) == 0 &&
		    at != b.manifest.payloads[i].size_bytes)
			abort();
	}
	bundle_close(&b);
	return 0;
}
