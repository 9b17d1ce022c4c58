/*
 * fuzz_trustset - any bytes as trust statements and as a stored copy's first block. What is taken comes out the same when
 * it is written down again, statements are cut without loss, and no input moves a set whose roots signed nothing.
 */
#include <stdlib.h>

#include "updater/truststore.h"

static void must(bool promise)
{
	if (!promise)
		abort();
}

static void one_text(struct bytes text)
{
	static char out[TRUSTSET_TEXT_MAX];
	struct trustset set, back;
	struct trust keys;

	if (trustset_parse(text, &set, NULL))
		return;
	must(set.epoch > 0 && set.n > 0 && set.n <= TRUST_KEYS_MAX && set.product[0]);
	for (enum trust_role role = TRUST_ROOT; role <= TRUST_RELEASE; role++) {
		trustset_role(&set, role, &keys);
		must(keys.threshold > 0 && keys.threshold <= keys.n);
	}
	must(trustset_parse(bytes_of(out, trustset_format(&set, out)), &back, NULL) == 0);
	back.text = set.text;
	must(memcmp(&set, &back, sizeof(set)) == 0);
}

static void statements(struct bytes in)
{
	struct bytes rest = in;
	struct statement s;

	while (rest.n > 0 && statement_next(&rest, &s, NULL) == 0) {
		must(s.epoch > 0 && s.text.n > 0 && s.signatures.p == s.text.p + s.text.n);
		must(s.signatures.p + s.signatures.n == rest.p);
		one_text(s.text);
	}
}

static void follow(struct bytes in)
{
	/* 01 02 .. 08 as the id: the seeds have signatures by it, over other texts */
	struct trustset set = { .threshold = { 1, 1 }, .n = 1 };
	struct trust_path path = { 0 };

	set.keys[0] = (struct trustset_key){ .key = { .id.b = { 1, 2, 3, 4, 5, 6, 7, 8 }, .key = { 9 } },
					     .role = { true, true } };
	for (set.epoch = 0; set.epoch < 3; set.epoch++)
		if (trust_follow(&set, in, &path, NULL) == 0)
			must(path.steps == 0 && path.set.epoch == set.epoch);
}

static void block(struct bytes in)
{
	uint8_t out[TRUSTSTORE_BLOCK_BYTES];
	struct truststore_block b, back;

	if (truststore_block_parse(in, &b, NULL))
		return;
	must(b.bytes > 0 && b.bytes <= TRUSTSET_STATEMENT_MAX);
	truststore_block_format(&b, out);
	must(truststore_block_parse(bytes_of(out, sizeof(out)), &back, NULL) == 0 && memcmp(&b, &back, sizeof(b)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	statements(bytes_of(data, n));
	follow(bytes_of(data, n));
	block(bytes_of(data, n));
	return 0;
}
