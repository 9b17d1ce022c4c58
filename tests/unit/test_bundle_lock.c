/* Encrypted bundles whole (updater/bundle_lock.h): built, unlocked, read back, and damaged at every byte. */
#include "updater/bundle_lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "tests/support.h"
#include "updater/bundle_walk.h"
#include "updater/bundle_write.h"
#include "updater/chunks_build.h"
#include "updater/decode.h"

/* Text, zeros, noise, text again; for two recipients. */
struct world {
	struct secret_key sign;
	struct trust trust;
	struct decrypt_keys ours, other, strange;
	struct recipients to;
	struct recipe recipe;
	char *text; /* the bundle */
	size_t n;
	uint8_t root[9 * 4096 + 50];
};

static struct world x;

static void put_file(const char *name, const void *p, size_t n)
{
	struct why w = { 0 };

	assert_ok(file_replace(AT_FDCWD, scratch_path(name), p, n, 0644, &w), w);
}

static void add_recipient(struct decrypt_keys *k, bool in_bundle)
{
	char list[RECIPIENT_TEXT_MAX];
	struct why w = { 0 };

	decrypt_key_generate(&k->at[0]);
	k->n = 1;
	if (in_bundle)
		assert_ok(
			recipients_parse(&x.to, bytes_of(list, recipient_format(&k->at[0].recipient, NULL, list)), &w),
			w);
}

static const char config[] = "[bundle]\ncompatible=vm\nversion=1.0.0\nchunk-size=4K\n"
			     "[payload.root]\nkind=image\nfile=root.img\n"
			     "[payload.boot]\nkind=file\nfile=root.img\nname=linux.efi\n";

static int build(const char *path, struct why *w)
{
	const struct bundle_job job = { .recipe = &x.recipe,
					.keys = &x.sign,
					.n_keys = 1,
					.to = &x.to,
					.path = path,
					.threads = 2,
					.clock = 1700000000 };
	struct bundle_written written = { 0 };

	return bundle_write(&job, &written, w);
}

static int make_world(void **state)
{
	struct minisig_key key;
	struct why w = { 0 };
	uint32_t r = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(x.root); i++)
		x.root[i] = i < 8192 || i >= 20480 ? (uint8_t)("A/B update "[i % 4093 % 11]) : 0;
	for (size_t i = 16384; i < 20480; i++)
		x.root[i] = (uint8_t)((r = r * 1664525 + 1013904223) >> 24);
	put_file("root.img", x.root, sizeof(x.root));
	put_file("bundle.conf", config, strlen(config));
	keys_generate(&x.sign);
	key = keys_public(&x.sign);
	assert_ok(trust_add(&x.trust, &key, "test", &w), w);
	x.trust.threshold = 1;
	add_recipient(&x.ours, true);
	add_recipient(&x.other, true);
	add_recipient(&x.strange, false);
	recipients_sort(&x.to);
	assert_ok(recipe_read(scratch_path("bundle.conf"), &x.recipe, &w), w);
	assert_ok(build(scratch_path("x.reup"), &w), w);
	assert_ok(file_read(AT_FDCWD, scratch_path("x.reup"), 1 << 20, &x.text, &x.n, &w), w);
	return 0;
}

static int drop_world(void **state)
{
	(void)state;
	free(x.text);
	recipe_done(&x.recipe);
	recipients_done(&x.to);
	return 0;
}

static int collect(void *arg, const struct chunk *c, const void *raw, struct why *w)
{
	uint8_t *to = arg;

	(void)w;
	if (raw)
		memcpy(to + c->raw_offset, raw, c->raw_bytes);
	else
		memset(to + c->raw_offset, 0, c->raw_bytes);
	return 0;
}

/* In the order of an installer. */
static int read_all(struct source *src, const struct decrypt_keys *keys, uint8_t *raw, struct why *w)
{
	const struct bundle_sink sink = { .put = collect, .arg = raw };
	struct bundle b = { 0 };
	int r = bundle_open(src, BUNDLE_WHOLE, &x.trust, &b, w);

	r = r ? r : bundle_unlock(&b, keys, w);
	r = r ? r : bundle_check_layout(&b, w);
	for (size_t i = 0; !r && i < b.manifest.n_payloads; i++)
		r = bundle_check(&b, &b.manifest.payloads[i], &sink, w);
	bundle_close(&b);
	return r;
}

static void each_recipient_reads_what_went_in(void **state)
{
	const struct decrypt_keys *const keys[] = { &x.ours, &x.other };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct source src = source_memory(bytes_of(x.text, x.n), "x.reup");
		static uint8_t raw[sizeof(x.root)];
		struct why w = { 0 };

		memset(raw, 0xee, sizeof(raw));
		assert_ok(read_all(&src, keys[i], raw, &w), w);
		assert_memory_equal(raw, x.root, sizeof(raw));
	}
}

static void nothing_of_the_content_is_in_clear(void **state)
{
	struct hash h = hash_of(bytes_of(x.root, sizeof(x.root)));

	(void)state;
	assert_null(memmem(x.text, x.n, "A/B update ", 11));
	assert_null(memmem(x.text, x.n, x.root + 16384, 16));
	h = hash_of(bytes_of(x.root + 16384, 4096));
	assert_null(memmem(x.text, x.n, h.b, 6)); /* neither in an entry nor in the index */
}

static void raw_hash_is_hidden_until_it_is_unlocked(void **state)
{
	struct source src = source_memory(bytes_of(x.text, x.n), "x.reup");
	struct hash h = hash_of(bytes_of(x.root, sizeof(x.root)));
	struct bundle b = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(bundle_open(&src, BUNDLE_WHOLE, &x.trust, &b, &w), w);
	assert_false(b.unlocked);
	assert_null(b.key);
	assert_false(hash_equal(&b.manifest.payloads[0].raw_hash, &h));
	assert_false(hash_equal(&b.manifest.payloads[0].raw_hash, &b.manifest.payloads[1].raw_hash));
	assert_ok(bundle_unlock(&b, &x.ours, &w), w);
	assert_ok(bundle_unlock(&b, NULL, &w), w); /* it is */
	assert_true(hash_equal(&b.manifest.payloads[0].raw_hash, &h));
	assert_true(hash_equal(&b.manifest.payloads[1].raw_hash, &h));
	assert_non_null(b.key);
	bundle_close(&b);
}

static void without_the_key_nothing_is_read(void **state)
{
	struct source src = source_memory(bytes_of(x.text, x.n), "x.reup");
	struct why none = { 0 }, wrong = { 0 }, locked = { 0 }, w = { 0 };
	struct decrypt_keys empty = { 0 };
	struct bundle b = { 0 };
	struct chunks t = { 0 };
	struct chunk c;

	(void)state;
	assert_int_equal(read_all(&src, NULL, NULL, &none), -ENOKEY);
	assert_int_equal(none.exit, EXIT_REFUSED);
	assert_int_equal(read_all(&src, &empty, NULL, NULL), -ENOKEY);
	assert_int_equal(read_all(&src, &x.strange, NULL, &wrong), -ENOKEY);
	assert_int_equal(wrong.exit, EXIT_REFUSED);
	assert_ok(bundle_open(&src, BUNDLE_WHOLE, &x.trust, &b, &w), w);
	assert_ok(bundle_chunks(&b, &b.manifest.payloads[0], &t, &w), w);
	assert_int_equal(chunks_get(&t, 0, &c, &locked), -ENOKEY);
	assert_int_equal(locked.exit, EXIT_REFUSED);
	chunks_done(&t);
	bundle_close(&b);
}

/* As in a bundle in clear: only the comment line of a signature is covered by nothing. */
static void each_changed_byte_is_noticed(void **state)
{
	AUTO_FREE char *copy = malloc(x.n);
	size_t comment = 64, end;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, x.text, x.n);
	end = comment + strcspn(copy + comment, "\n");
	for (size_t i = 0; i < x.n; i++) {
		struct source src = source_memory(bytes_of(copy, x.n), "x.reup");
		static uint8_t raw[sizeof(x.root)];
		int r;

		if (i >= comment && i < end)
			continue;
		copy[i] = (char)(copy[i] ^ 1);
		r = read_all(&src, &x.ours, raw, NULL);
		copy[i] = (char)(copy[i] ^ 1);
		if (r == 0)
			fail_msg("a change at byte %zu of %zu was not noticed", i, x.n);
	}
}

static void two_bundles_of_one_input_have_nothing_in_common(void **state)
{
	struct why w = { 0 };
	char *text;
	size_t n;

	(void)state;
	assert_ok(build(scratch_path("y.reup"), &w), w);
	assert_ok(file_read(AT_FDCWD, scratch_path("y.reup"), 1 << 20, &text, &n, &w), w);
	assert_int_equal(n, x.n);
	assert_memory_not_equal(text + n - 16, x.text + n - 16, 16);
	free(text);
}

/* What only a signer can do: an entry that names other stored bytes, with their right hash. */
static void chunks_do_not_change_places(void **state)
{
	struct recipient r = x.ours.at[0].recipient;
	struct recipients to = { .at = &r, .n = 1 };
	CLEANUP(bundle_lock_done) struct bundle_lock l = { 0 };
	CLEANUP(decoder_done) struct decoder d = { 0 };
	struct chunk c = { .encoding = CHUNK_RAW, .raw_bytes = 4096, .stored_bytes = 4096, .stored_offset = 8192 };
	struct bytes stored = bytes_of(x.root, 4096);
	struct encryption e;
	struct why w = { 0 }, place = { 0 }, damaged = { 0 };
	uint8_t raw[4096];

	(void)state;
	bundle_lock_begin(&l, &to, &e);
	assert_ok(bundle_lock_chunk(&l, &c, &stored, &w), w);
	assert_int_equal(c.stored_bytes, 4096 + SEAL_TAG_BYTES);
	assert_ok(decoder_init(&d, &w), w);
	d.key = bundle_lock_key(&l);
	assert_ok(decoder_chunk(&d, &c, stored, raw, &w), w);
	assert_memory_equal(raw, x.root, sizeof(raw));
	c.stored_offset = 0;
	assert_int_equal(decoder_chunk(&d, &c, stored, raw, &place), -EBADMSG);
	assert_non_null(strstr(place.text, "does not decrypt"));
	c.stored_offset = 8192;
	c.raw_bytes = 4095;
	assert_int_equal(decoder_chunk(&d, &c, stored, raw, NULL), -EBADMSG);
	c.raw_bytes = 4096;
	c.stored_hash.b[0] ^= 1;
	assert_int_equal(decoder_chunk(&d, &c, stored, raw, &damaged), -EBADMSG); /* before it is decrypted */
	assert_non_null(strstr(damaged.text, "its stored bytes are damaged"));
	c.stored_hash.b[0] ^= 1;
	d.key = NULL;
	assert_int_equal(decoder_chunk(&d, &c, stored, raw, NULL), -EBADMSG);
}

static void without_recipients_nothing_changes(void **state)
{
	struct bytes stored = bytes_of(x.root, 4096), before = stored;
	struct recipients none = { 0 };
	struct encryption e = { .recipients = 9 };
	struct bundle_lock l;
	struct chunk c = { .encoding = CHUNK_RAW, .stored_bytes = 4096 };
	struct why w = { 0 };

	(void)state;
	bundle_lock_begin(&l, &none, &e);
	assert_int_equal(e.recipients, 0);
	assert_null(bundle_lock_key(&l));
	assert_ok(bundle_lock_chunk(&l, &c, &stored, &w), w);
	assert_ptr_equal(stored.p, before.p);
	assert_int_equal(c.stored_bytes, 4096);
	assert_ok(bundle_lock_recipients(&l, NULL, &e, &w), w);
	bundle_lock_done(&l);
}

/* Tables of several pages of both sorts. */
#define CHUNKS 9000u
#define BLOCKS (2 * CHUNKS)

struct table {
	struct payload payload;
	struct content_key key;
	uint8_t *bytes;
	struct source src;
};

static void make_table(struct table *t)
{
	struct chunks_build b;

	content_key_generate(&t->key);
	t->payload = (struct payload){ .name = "root",
				       .size_bytes = CHUNKS * 8192ull,
				       .chunk_bytes = 8192,
				       .group_bytes = 8192,
				       .chunks = CHUNKS,
				       .index_blocks = BLOCKS,
				       .number = 1,
				       .tag_bytes = SEAL_TAG_BYTES };
	t->payload.table_bytes = payload_table_bytes(&t->payload);
	assert_int_equal(t->payload.table_bytes, chunks_table_bytes(CHUNKS, BLOCKS) + (3 + 2) * SEAL_TAG_BYTES);
	t->bytes = malloc(t->payload.table_bytes);
	assert_non_null(t->bytes);
	chunks_build_begin(&b, &t->payload, t->bytes);
	for (uint32_t i = 0; i < CHUNKS; i++) {
		const struct chunk c = { .encoding = CHUNK_RAW,
					 .raw_bytes = 8192,
					 .stored_bytes = 8192 + SEAL_TAG_BYTES,
					 .stored_hash.b = { (uint8_t)i } };
		uint8_t index[2 * CHUNK_INDEX_BYTES] = { (uint8_t)i, (uint8_t)(i >> 8) };

		(void)chunks_build_add(&b, &c, index);
	}
	b.key = &t->key;
	chunks_build_seal(&b);
	t->src = source_memory(bytes_of(t->bytes, t->payload.table_bytes), "table");
}

static void pages_of_tables_are_read_in_any_order(void **state)
{
	static const uint32_t order[] = { CHUNKS - 1, 0, 4096, 4095, 8191, 8192, 1 };
	uint8_t index[2 * CHUNK_INDEX_BYTES];
	struct table t = { 0 };
	struct chunks c = { 0 };
	struct why w = { 0 };

	(void)state;
	make_table(&t);
	assert_ok(chunks_open(&t.src, 0, 1 << 20, &t.payload, &c, &w), w);
	chunks_unlock(&c, &t.key);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		struct chunk got;

		assert_ok(chunks_get(&c, order[i], &got, &w), w);
		assert_int_equal(got.stored_hash.b[0], (uint8_t)order[i]);
		assert_int_equal(got.raw_offset, order[i] * 8192ull);
		assert_ok(chunks_index(&c, 2ull * order[i], 2, index, &w), w);
		assert_int_equal(index[0] | index[1] << 8, order[i]);
	}
	chunks_done(&c);
	free(t.bytes);
}

static void tables_of_another_key_or_payload_do_not_open(void **state)
{
	struct content_key wrong;
	struct table t = { 0 };
	struct chunks c = { 0 };
	struct chunk got;
	uint8_t index[CHUNK_INDEX_BYTES];
	struct why w = { 0 };

	(void)state;
	make_table(&t);
	content_key_generate(&wrong);
	assert_ok(chunks_open(&t.src, 0, 1 << 20, &t.payload, &c, &w), w);
	chunks_unlock(&c, &wrong);
	assert_int_equal(chunks_get(&c, 0, &got, NULL), -EBADMSG);
	assert_int_equal(chunks_index(&c, 0, 1, index, NULL), -EBADMSG);
	chunks_unlock(&c, &t.key);
	t.payload.number = 0;
	assert_int_equal(chunks_get(&c, 0, &got, NULL), -EBADMSG);
	t.payload.number = 1;
	assert_ok(chunks_get(&c, 0, &got, &w), w);
	chunks_done(&c);
	free(t.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_recipient_reads_what_went_in),
		cmocka_unit_test(nothing_of_the_content_is_in_clear),
		cmocka_unit_test(raw_hash_is_hidden_until_it_is_unlocked),
		cmocka_unit_test(without_the_key_nothing_is_read),
		cmocka_unit_test(each_changed_byte_is_noticed),
		cmocka_unit_test(two_bundles_of_one_input_have_nothing_in_common),
		cmocka_unit_test(chunks_do_not_change_places),
		cmocka_unit_test(without_recipients_nothing_changes),
		cmocka_unit_test(pages_of_tables_are_read_in_any_order),
		cmocka_unit_test(tables_of_another_key_or_payload_do_not_open),
	};

	return cmocka_run_group_tests(tests, make_world, drop_world);
}
