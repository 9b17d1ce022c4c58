/* Bundles whole (updater/bundle.h): built, read back, and damaged at every byte and every length. */
#include "updater/bundle.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tests/support.h"
#include "updater/bundle_plan.h"
#include "updater/bundle_walk.h"
#include "updater/bundle_write.h"
#include "updater/decode.h"

/* A small bundle in memory: 9 chunks of the root image (text, zeros, noise, text again) and a boot file for each slot. */
struct world {
	struct secret_key keys[2]; /* the second one signs nothing */
	struct trust trust;        /* of the first */
	struct trust strangers;    /* of the second */
	struct recipe recipe;
	char config[256];
	char *text; /* the bundle */
	size_t n;
	uint8_t root[9 * 4096 + 50];
	uint8_t boot[4096 + 700];
};

static struct world x;

static void put_file(const char *name, const void *p, size_t n)
{
	struct why w = { 0 };

	assert_ok(file_replace(AT_FDCWD, scratch_path(name), p, n, 0644, &w), w);
}

static void make_inputs(void)
{
	uint32_t r = 1;

	for (size_t i = 0; i < sizeof(x.root); i++)
		x.root[i] = i < 8192 || i >= 20480 ? (uint8_t)("A/B update "[i % 4096 % 11]) : 0;
	for (size_t i = 16384; i < 20480; i++)
		x.root[i] = (uint8_t)((r = r * 1664525 + 1013904223) >> 24);
	memcpy(x.boot, x.root, 4096);
	memset(x.boot + 4096, 'k', sizeof(x.boot) - 4096);
	put_file("root.img", x.root, sizeof(x.root));
	put_file("a.efi", x.boot, sizeof(x.boot));
	put_file("b.efi", x.boot, sizeof(x.boot));
}

static const char config[] = "[bundle]\ncompatible=vm\nversion=1.0.0\nepoch=3\nchunk-size=4K\ngroup-size=4K\nlevel=3\n"
			     "[payload.root]\nkind=image\nfile=root.img\n"
			     "[payload.boot-a]\nkind=file\nslot=a\nfile=a.efi\nname=linux.efi\n"
			     "[payload.boot-b]\nkind=file\nslot=b\nfile=b.efi\nname=linux.efi\n";

static int build(const char *path, unsigned int threads, struct bundle_written *ret, struct why *w)
{
	const struct bundle_job job = {
		.recipe = &x.recipe, .keys = x.keys, .n_keys = 1, .path = path, .threads = threads, .clock = 1700000000
	};

	return bundle_write(&job, ret, w);
}

static void trust_one(struct trust *t, const struct secret_key *k)
{
	struct minisig_key key = keys_public(k);
	struct why w = { 0 };

	assert_ok(trust_add(t, &key, "test", &w), w);
	t->threshold = 1;
}

static int make_world(void **state)
{
	struct bundle_written written = { 0 };
	struct why w = { 0 };

	(void)state;
	make_inputs();
	put_file("bundle.conf", config, strlen(config));
	for (size_t i = 0; i < ARRAY_SIZE(x.keys); i++)
		keys_generate(&x.keys[i]);
	trust_one(&x.trust, &x.keys[0]);
	trust_one(&x.strangers, &x.keys[1]);
	assert_ok(recipe_read(scratch_path("bundle.conf"), &x.recipe, &w), w);
	assert_ok(build(scratch_path("x.reup"), 2, &written, &w), w);
	assert_int_equal(written.chunks, 9 + 2 + 2);
	assert_int_equal(written.zero_chunks, 1);
	/* root: text twice in front, and 4 times behind; each boot file begins with that as well */
	assert_int_equal(written.equal_chunks, 1 + 4 + 1 + 2);
	assert_int_equal(written.raw_chunks, 1);
	assert_ok(file_read(AT_FDCWD, scratch_path("x.reup"), 1 << 20, &x.text, &x.n, &w), w);
	assert_int_equal(written.bundle_bytes, x.n);
	return 0;
}

static int drop_world(void **state)
{
	(void)state;
	free(x.text);
	recipe_done(&x.recipe);
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

/* Everything that can be wrong with a bundle, in the order an installer would meet it. */
static int read_all(struct source *src, const struct trust *trust, uint8_t *raw, struct why *w)
{
	struct bundle b = { 0 };
	const struct bundle_sink sink = { .put = collect, .arg = raw };
	int r = bundle_open(src, BUNDLE_WHOLE, trust, &b, w);

	if (r) {
		assert_null(b.src);
		return r;
	}
	r = bundle_check_layout(&b, w);
	for (size_t i = 0; !r && i < b.manifest.n_payloads; i++)
		r = bundle_check(&b, &b.manifest.payloads[i], &sink, w);
	bundle_close(&b);
	return r;
}

static void bundle_reads_back(void **state)
{
	struct source src = source_memory(bytes_of(x.text, x.n), "x.reup");
	static uint8_t raw[sizeof(x.root)];
	const struct bundle_sink sink = { .put = collect, .arg = raw };
	struct why w = { 0 };
	struct bundle b;

	(void)state;
	assert_ok(bundle_open(&src, BUNDLE_WHOLE, &x.trust, &b, &w), w);
	assert_true(b.verified);
	assert_int_equal(b.signers.n, 1);
	assert_int_equal(b.signers.good, 1);
	assert_true(bytes_equal(b.signers.at[0].comment, bytes_str("timestamp:1700000000\tbundle:vm 1.0.0")));
	assert_int_equal(b.manifest.n_payloads, 3);
	assert_string_equal(b.manifest.version, "1.0.0");
	assert_int_equal(bundle_bytes(&b), x.n);
	assert_int_equal(bundle_head_bytes(&b), 4096);
	assert_ok(bundle_check_layout(&b, &w), w);
	assert_ok(bundle_walk(&b, manifest_find(&b.manifest, "root"), &sink, &w), w);
	assert_memory_equal(raw, x.root, sizeof(x.root));
	assert_ok(bundle_walk(&b, manifest_find(&b.manifest, "boot-b"), &sink, &w), w);
	assert_memory_equal(raw, x.boot, sizeof(x.boot));
	bundle_close(&b);
}

static void bytes_behind_the_bundle_do_not_matter(void **state)
{
	char *more = malloc(x.n + 70000);
	struct source src = source_memory(bytes_of(more, x.n + 70000), "stick");
	static uint8_t raw[sizeof(x.root)];
	struct why w = { 0 };

	(void)state;
	assert_non_null(more);
	memcpy(more, x.text, x.n);
	memset(more + x.n, 0xa5, 70000);
	assert_ok(read_all(&src, &x.trust, raw, &w), w);
	free(more);
}

static void every_cut_is_refused(void **state)
{
	static uint8_t raw[sizeof(x.root)];

	(void)state;
	for (size_t n = 0; n < x.n; n++) {
		struct source src = source_memory(bytes_of(x.text, n), "cut");
		struct why w = { 0 };

		if (read_all(&src, &x.trust, raw, &w) != -EBADMSG)
			fail_msg("the first %zu bytes of %zu: %d: %s", n, x.n, w.code, w.text);
		assert_int_equal(w.exit, EXIT_FAILED);
	}
}

/* Signed or not, each byte of a bundle counts: none can be changed without being noticed. */
static void every_flipped_byte_is_refused(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x80 };
	static uint8_t raw[sizeof(x.root)];

	(void)state;
	for (size_t i = 0; i < x.n; i++) {
		for (size_t f = 0; f < ARRAY_SIZE(flips); f++) {
			struct source src = source_memory(bytes_of(x.text, x.n), "flipped");
			struct why w = { 0 };
			int r;

			x.text[i] = (char)(x.text[i] ^ flips[f]);
			r = read_all(&src, &x.trust, raw, &w);
			x.text[i] = (char)(x.text[i] ^ flips[f]);
			if (i >= 64 && r == 0 && memchr(x.text + 64, '\n', i - 63) == NULL)
				continue; /* the untrusted comment is just that */
			if (r == 0)
				fail_msg("byte %zu ^ 0x%02x was not noticed", i, flips[f]);
			assert_true(w.exit == EXIT_FAILED || w.exit == EXIT_REFUSED);
			assert_true(w.text[0] != '\0');
		}
	}
}

static void wrong_key_is_refused_with_exit_code_3(void **state)
{
	struct source src = source_memory(bytes_of(x.text, x.n), "x.reup");
	static uint8_t raw[sizeof(x.root)];
	struct why w = { 0 };

	(void)state;
	assert_int_equal(read_all(&src, &x.strangers, raw, &w), -EKEYREJECTED);
	assert_int_equal(w.exit, EXIT_REFUSED);
	assert_non_null(strstr(w.text, "x.reup: 0 of 1 required signatures"));
}

static void unverified_bundle_says_so(void **state)
{
	struct source src = source_memory(bytes_of(x.text, x.n), "x.reup");
	struct why w = { 0 };
	struct bundle b;

	(void)state;
	assert_ok(bundle_open_unverified(&src, BUNDLE_WHOLE, &b, &w), w);
	assert_false(b.verified);
	assert_int_equal(b.signers.n, 1);
	assert_int_equal(b.signers.good, 0);
	assert_false(b.signers.at[0].trusted);
	bundle_close(&b);
}

static void copy_of_the_head_opens_by_the_id_alone(void **state)
{
	struct source whole = source_memory(bytes_of(x.text, x.n), "x.reup");
	struct source head = source_memory(bytes_of(x.text, 4096), "state");
	struct why w = { 0 }, other = { 0 };
	struct chunks t;
	struct chunk c;
	struct bundle b;
	struct hash id;

	(void)state;
	assert_ok(bundle_open(&whole, BUNDLE_WHOLE, &x.trust, &b, &w), w);
	id = b.id;
	bundle_close(&b);
	assert_int_equal(bundle_open_id(&head, BUNDLE_WHOLE, &id, &b, NULL), -EBADMSG);
	assert_ok(bundle_open_id(&head, BUNDLE_HEAD, &id, &b, &w), w);
	assert_true(b.verified);
	assert_ok(bundle_chunks(&b, &b.manifest.payloads[0], &t, &w), w);
	assert_ok(chunks_get(&t, 8, &c, &w), w);
	assert_int_equal(c.raw_bytes, 50);
	chunks_done(&t);
	bundle_close(&b);
	id.b[0] ^= 1;
	assert_int_equal(bundle_open_id(&head, BUNDLE_HEAD, &id, &b, &other), -EKEYREJECTED);
	assert_int_equal(other.exit, EXIT_REFUSED);
}

/* A source that cannot go back, such as a download. */
struct forward {
	struct source src;
	uint64_t at;
};

static int forward_read(struct source *s, void *buf, size_t n, uint64_t off, struct why *w)
{
	struct forward *f = (struct forward *)s;

	if (off < f->at)
		return fail(w, -ESPIPE, "read at %llu after %llu", (unsigned long long)off, (unsigned long long)f->at);
	f->at = off + n;
	memcpy(buf, x.text + off, n);
	return 0;
}

/* Head first; then, with the tables from a copy of it, the stored chunks of one payload in their order. */
static void bundle_is_read_in_one_direction(void **state)
{
	static const struct source_ops ops = { .read = forward_read };
	struct forward f = { .src = { .ops = &ops, .name = "stream", .size_bytes = x.n } };
	struct source head = source_memory(bytes_of(x.text, 4096), "head");
	uint8_t stored[4096], raw[4096];
	struct decoder d = { 0 };
	struct bundle from_stream, b;
	struct why w = { 0 };
	uint64_t next = 0;
	struct chunks t;

	(void)state;
	assert_ok(bundle_open(&f.src, BUNDLE_WHOLE, &x.trust, &from_stream, &w), w);
	assert_ok(bundle_open_id(&head, BUNDLE_HEAD, &from_stream.id, &b, &w), w);
	assert_ok(bundle_chunks(&b, manifest_find(&b.manifest, "root"), &t, &w), w);
	assert_ok(decoder_init(&d, &w), w);
	for (uint64_t i = 0; i < t.payload->chunks; i++) {
		struct chunk c;

		assert_ok(chunks_get(&t, i, &c, &w), w);
		if (c.encoding == CHUNK_ZERO || c.stored_offset < next)
			continue; /* equal to one before: an installer has that on the target */
		assert_ok(bundle_read_stored(&from_stream, &c, stored, &w), w);
		assert_ok(decoder_chunk(&d, &c, bytes_of(stored, c.stored_bytes), raw, &w), w);
		next = c.stored_offset + c.stored_bytes;
	}
	assert_true(next > 0);
	decoder_done(&d);
	chunks_done(&t);
	bundle_close(&b);
	bundle_close(&from_stream);
}

static void sources_give_the_same_bytes(void **state)
{
	static const size_t at[][2] = { { 0, 64 }, { 63, 4097 }, { 4095, 2 }, { 1, 1 }, { 100, 0 }, { 1000, 7000 } };
	struct source file, memory = source_memory(bytes_of(x.text, x.n), "memory"), region;
	static uint8_t buf[3][8192];
	struct why w = { 0 };
	char *padded = calloc(1, 4096 * 16);
	struct blk blk;

	(void)state;
	assert_non_null(padded);
	memcpy(padded + 8192, x.text, x.n);
	put_file("padded", padded, 4096 * 16);
	free(padded);
	assert_ok(source_file(scratch_path("x.reup"), &file, &w), w);
	assert_ok(blk_open(scratch_path("padded"), BLK_READ, &blk, &w), w);
	region = source_blk(&blk, 8192, x.n);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		assert_ok(source_read(&file, buf[0], at[i][1], at[i][0], &w), w);
		assert_ok(source_read(&memory, buf[1], at[i][1], at[i][0], &w), w);
		assert_ok(source_read(&region, buf[2], at[i][1], at[i][0], &w), w);
		assert_memory_equal(buf[0], x.text + at[i][0], at[i][1]);
		assert_memory_equal(buf[1], x.text + at[i][0], at[i][1]);
		assert_memory_equal(buf[2], x.text + at[i][0], at[i][1]);
	}
	assert_int_equal(source_read(&file, buf[0], 1, x.n, NULL), -EBADMSG);
	assert_int_equal(source_read(&memory, buf[0], 2, x.n - 1, NULL), -EBADMSG);
	assert_int_equal(source_read(&region, buf[0], 8, UINT64_MAX - 3, NULL), -EBADMSG);
	source_close(&file);
	source_close(&region);
	assert_ok(blk_close(&blk, &w), w);
	assert_int_equal(source_file(scratch(), &file, NULL), -ENOTBLK);
	assert_int_equal(source_file(scratch_path("none"), &file, NULL), -ENOENT);
}

static void same_input_gives_the_same_bytes_whatever_the_threads(void **state)
{
	(void)state;
	for (unsigned int threads = 0; threads < 6; threads++) {
		struct bundle_written written;
		struct why w = { 0 };
		char *text;
		size_t n;

		assert_ok(build(scratch_path("again.reup"), threads, &written, &w), w);
		assert_ok(file_read(AT_FDCWD, scratch_path("again.reup"), 1 << 20, &text, &n, &w), w);
		assert_int_equal(n, x.n);
		assert_memory_equal(text, x.text, n);
		free(text);
	}
}

/* Text that is in every group, zeros in the middle of one, noise; a boot file for each slot that differ in their front. */
static void make_groups(void)
{
	static uint8_t big[1u << 20];
	uint32_t r = 7;

	for (size_t i = 0; i < sizeof(big); i++) {
		r = r * 1664525 + 1013904223;
		big[i] = (uint8_t)(i % 65536 < 50000 ? "one text of many "[(i + i / 7000) % 17] : (char)(r >> 24));
		if (i % 131072 >= 120000)
			big[i] = big[i - 65536];
	}
	memset(big + 300000, 0, 120000);
	put_file("root.img", big, sizeof(big) - 100);
	put_file("a.efi", big, 300000);
	big[5] ^= 1;
	put_file("b.efi", big, 300000);
}

static void grouped_bundle_is_smaller_and_the_same_whatever_the_threads(void **state)
{
	static uint8_t raw[1u << 20];
	char *first = NULL, *text = NULL;
	size_t first_n = 0, n = 0;

	(void)state;
	make_groups();
	for (unsigned int round = 0; round < 5; round++) {
		struct bundle_written written;
		struct why w = { 0 };
		struct source src;

		for (size_t i = 0; i < x.recipe.manifest.n_payloads; i++) {
			x.recipe.manifest.payloads[i].chunk_bytes = 16384;
			x.recipe.manifest.payloads[i].group_bytes = round == 0 ? 16384 : 131072;
		}
		assert_ok(build(scratch_path("groups.reup"), round, &written, &w), w);
		assert_ok(file_read(AT_FDCWD, scratch_path("groups.reup"), 2 << 20, &text, &n, &w), w);
		src = source_memory(bytes_of(text, n), "groups.reup");
		assert_ok(read_all(&src, &x.trust, raw, &w), w);
		if (round == 1)
			assert_true(n < first_n - 10000);
		if (round > 1) {
			assert_int_equal(n, first_n);
			assert_memory_equal(text, first, n);
		}
		/* Of the boot files only the first group differs. */
		assert_in_range(written.equal_chunks, 20, 40);
		free(first);
		first = text;
		first_n = n;
	}
	free(first);
	for (size_t i = 0; i < x.recipe.manifest.n_payloads; i++)
		x.recipe.manifest.payloads[i].chunk_bytes = x.recipe.manifest.payloads[i].group_bytes = 4096;
	make_inputs();
}

static int stop_at_once(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	assert_true(done <= total);
	return -ECANCELED;
}

static bool exists(const char *name)
{
	return access(scratch_path(name), F_OK) == 0;
}

static void interrupted_work_leaves_no_file_and_the_old_one_whole(void **state)
{
	struct bundle_job job = {
		.recipe = &x.recipe, .keys = x.keys, .n_keys = 1, .threads = 2, .step = stop_at_once
	};
	struct bundle_written written = { .chunks = 77 };
	struct why w = { 0 };
	struct stat st;

	(void)state;
	job.path = scratch_path("stopped.reup");
	assert_int_equal(bundle_write(&job, &written, &w), -ECANCELED);
	assert_int_equal(written.chunks, 77);
	assert_false(exists("stopped.reup"));
	assert_false(exists("stopped.reup.tmp"));
	put_file("stopped.reup", "old", 3);
	assert_int_equal(bundle_write(&job, &written, NULL), -ECANCELED);
	assert_int_equal(stat(job.path, &st), 0);
	assert_int_equal(st.st_size, 3);
}

static void inputs_that_cannot_be_packed_are_named(void **state)
{
	struct bundle_written written;
	struct why missing = { 0 }, empty = { 0 }, folder = { 0 }, version = { 0 };
	char *was = x.recipe.files[1], version_was[MANIFEST_NAME_MAX];

	(void)state;
	x.recipe.files[1] = strdup(scratch_path("none.efi"));
	assert_int_equal(build(scratch_path("y.reup"), 1, &written, &missing), -ENOENT);
	assert_non_null(strstr(missing.text, "payload boot-a: "));
	assert_non_null(strstr(missing.text, "none.efi: No such file"));
	put_file("none.efi", "", 0);
	assert_int_equal(build(scratch_path("y.reup"), 1, &written, &empty), -ENODATA);
	assert_int_equal(empty.exit, EXIT_USAGE);
	free(x.recipe.files[1]);
	x.recipe.files[1] = was;
	assert_int_equal(build(scratch(), 1, &written, &folder), -EEXIST);
	memcpy(version_was, x.recipe.manifest.version, sizeof(version_was));
	memcpy(x.recipe.manifest.version, "1.0", 4);
	assert_int_equal(build(scratch_path("y.reup"), 1, &written, &version), -EBADMSG);
	assert_int_equal(version.exit, EXIT_USAGE);
	memcpy(x.recipe.manifest.version, version_was, sizeof(version_was));
	assert_false(exists("y.reup"));
	assert_false(exists("y.reup.tmp"));
}

static void bundle_whose_head_no_device_has_room_for_is_a_mistake(void **state)
{
	struct payload p = { .name = "root", .size_bytes = 16ull << 30, .chunk_bytes = 65536, .group_bytes = 65536 };
	struct manifest m = { .compatible = "c", .version = "1.0.0", .payloads = &p, .n_payloads = 1 };
	struct bundle_plan plan;
	struct why w = { 0 };

	(void)state;
	p.chunks = 100000;
	p.index_blocks = 1600000;
	assert_int_equal(bundle_plan(&m, x.keys, 1, 1, (struct bytes){ 0 }, &plan, &w), -E2BIG);
	assert_string_equal(w.text, "the tables make a head of 17.5 MiB; a device has room for 14.9 MiB");
	assert_non_null(strstr(w.next, "index=no"));
	p.index_blocks = 0;
	w = (struct why){ 0 };
	assert_ok(bundle_plan(&m, x.keys, 1, 1, (struct bytes){ 0 }, &plan, &w), w);
	bundle_plan_done(&plan);
}

static void bundle_without_index_reads_back(void **state)
{
	struct bundle_written written;
	static uint8_t raw[sizeof(x.root)];
	struct why w = { 0 };
	struct source src;
	struct bundle b;

	(void)state;
	x.recipe.no_index = true;
	assert_ok(build(scratch_path("plain.reup"), 2, &written, &w), w);
	x.recipe.no_index = false;
	assert_ok(source_file(scratch_path("plain.reup"), &src, &w), w);
	assert_ok(read_all(&src, &x.trust, raw, &w), w);
	assert_ok(bundle_open(&src, BUNDLE_WHOLE, &x.trust, &b, &w), w);
	assert_int_equal(b.manifest.payloads[0].index_blocks, 0);
	bundle_close(&b);
	source_close(&src);
}

static void recipes_with_mistakes_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{ "[bundle]\nversion=1.0.0\n[payload.r]\nkind=image\nfile=x\n", "[bundle] lacks compatible" },
		{ "[bundle]\ncompatible=c\n[payload.r]\nkind=image\nfile=x\n", "[bundle] lacks version" },
		{ "[bundle]\ncompatible=c\nversion=1.0.0\n", "no [payload.NAME]" },
		{ "[bundle]\ncompatible=c\nversion=1.0.0\n[payload.r]\nfile=x\n", "[payload.r] lacks kind" },
		{ "[bundle]\ncompatible=c\nversion=1.0.0\n[payload.r]\nkind=image\n", "[payload.r] lacks file" },
		{ "[bundle]\nchunk-size=5000\n", "not a multiple of 4096" },
		{ "[bundle]\nchunk-size=8M\n", "not a multiple of 4096 up to 4194304" },
		{ "[bundle]\ngroup-size=4097\n", "not a multiple of 4096" },
		{ "[bundle]\ncompatible=c\nversion=1.0.0\nchunk-size=64K\ngroup-size=32K\n[payload.r]\nkind=image\nfile=x\n",
		  "group-size is less than chunk-size" },
		{ "[bundle]\nindex=maybe\n", "maybe" },
		{ "[bundle]\nlevel=0\n", "not between 1 and 22" },
		{ "[bundle]\nlevel=23\n", "over the limit of 22" },
		{ "[bundle]\nlevle=3\n", "unknown key 'levle'" },
		{ "[payload.r]\nkind=trees\n", "neither image, file nor tree" },
		{ "[payload.r]\nslot=ab\n", "neither a nor b" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct recipe r = { .level = 77 };
		struct why w = { 0 };

		put_file("bad.conf", table[i].text, strlen(table[i].text));
		assert_true(recipe_read(scratch_path("bad.conf"), &r, &w) < 0);
		if (!strstr(w.text, table[i].why))
			fail_msg("row %zu: %s", i, w.text);
		assert_int_equal(w.exit, EXIT_USAGE);
		assert_int_equal(r.level, 77);
	}
}

/* The header is not signed; every size in it is checked by itself and then against the manifest. */
static void each_header_field_has_its_error(void **state)
{
	static const struct {
		size_t at, n;
		uint64_t value;
		int want;
	} table[] = {
		{ 0, 1, 0, -EBADMSG },
		{ 8, 4, 2, -EPROTONOSUPPORT },
		{ 8, 4, 0, -EBADMSG },
		{ 12, 4, 65, -EBADMSG },
		{ 16, 8, (64 << 10) + 1, -E2BIG },
		{ 16, 8, UINT64_MAX, -E2BIG },
		{ 24, 8, 0, -EBADMSG },
		{ 24, 8, (1 << 20) + 1, -E2BIG },
		{ 32, 8, 0, -EBADMSG },
		{ 32, 8, (512 << 20) + 1, -E2BIG },
		{ 40, 8, 8192, -EBADMSG },
		{ 40, 8, 0, -EBADMSG },
		{ 48, 8, UINT64_MAX, -E2BIG },
		{ 56, 8, 4096, -EBADMSG }, /* the payload is not behind it */
		{ 56, 8, (1 << 20) + 1, -E2BIG },
		{ 56, 8, UINT64_MAX, -E2BIG },
	};
	uint8_t raw[BUNDLE_HEADER_BYTES], value[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct bundle_header h = { .tables_bytes = 77 };
		struct why w = { 0 };

		memcpy(raw, x.text, sizeof(raw));
		put_le64(value, table[i].value);
		memcpy(raw + table[i].at, value, table[i].n);
		if (bundle_header_parse(bytes_of(raw, sizeof(raw)), &h, &w) != table[i].want)
			fail_msg("row %zu: %d: %s", i, w.code, w.text);
		assert_int_equal(h.tables_bytes, 77);
	}
	for (size_t n = 0; n < sizeof(raw); n++)
		assert_int_equal(bundle_header_parse(bytes_of(x.text, n), &(struct bundle_header){ 0 }, NULL),
				 -EBADMSG);
}

static void fixtures_are_as_their_names_say(void **state)
{
	static const struct {
		const char *name;
		int want;
	} table[] = {
		{ "ok-small.reup", 0 },
		{ "bad-magic.reup", -EBADMSG },
		{ "bad-version.reup", -EPROTONOSUPPORT },
		{ "bad-truncated.reup", -EBADMSG },
	};
	static uint8_t raw[16384];
	struct trust trust = { .threshold = 1 };
	struct why w = { 0 };

	(void)state;
	assert_ok(trust_add_file(&trust, "tests/data/minisig/stock.pub", &w), w);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct source src;
		char path[128];

		(void)snprintf(path, sizeof(path), "tests/data/bundle/%s", table[i].name);
		w = (struct why){ 0 };
		assert_ok(source_file(path, &src, &w), w);
		if (read_all(&src, &trust, raw, &w) != table[i].want)
			fail_msg("%s: %d: %s", path, w.code, w.text);
		source_close(&src);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bundle_reads_back),
		cmocka_unit_test(bytes_behind_the_bundle_do_not_matter),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(every_flipped_byte_is_refused),
		cmocka_unit_test(wrong_key_is_refused_with_exit_code_3),
		cmocka_unit_test(unverified_bundle_says_so),
		cmocka_unit_test(copy_of_the_head_opens_by_the_id_alone),
		cmocka_unit_test(bundle_is_read_in_one_direction),
		cmocka_unit_test(sources_give_the_same_bytes),
		cmocka_unit_test(same_input_gives_the_same_bytes_whatever_the_threads),
		cmocka_unit_test(grouped_bundle_is_smaller_and_the_same_whatever_the_threads),
		cmocka_unit_test(interrupted_work_leaves_no_file_and_the_old_one_whole),
		cmocka_unit_test(inputs_that_cannot_be_packed_are_named),
		cmocka_unit_test(bundle_whose_head_no_device_has_room_for_is_a_mistake),
		cmocka_unit_test(bundle_without_index_reads_back),
		cmocka_unit_test(recipes_with_mistakes_are_refused),
		cmocka_unit_test(each_header_field_has_its_error),
		cmocka_unit_test(fixtures_are_as_their_names_say),
	};

	return cmocka_run_group_tests(tests, make_world, drop_world);
}
