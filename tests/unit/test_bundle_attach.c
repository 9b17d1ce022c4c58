/* Signatures and statements that are added to a bundle (updater/bundle_attach.h). */
#include "updater/bundle_attach.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tests/rig.h"
#include "tests/support.h"
#include "tests/trustkit.h"
#include "updater/bundle_walk.h"

static struct rig g;
static struct trustkit kit;
static struct trust keys; /* of the kit's keys 0 and 1, and the rig's */
static char path[256], signature[2][MINISIG_TEXT_MAX];
static struct bytes added[2];

static void open_one(const char *name, struct source *src, struct bundle *b)
{
	struct why w = { 0 };

	assert_ok(source_file(name, src, &w), w);
	assert_ok(bundle_open_unverified(src, BUNDLE_WHOLE, b, &w), w);
}

/* A bundle, and signatures of its manifest by keys 0 and 1. */
static int begin(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .epoch = 1, .seed = 2 };
	struct source src = { 0 };
	struct bundle b = { 0 };
	struct minisig_key key;

	(void)state;
	rig_make(&g);
	trustkit_make(&kit);
	keys = g.trust;
	keys.threshold = 3;
	(void)snprintf(path, sizeof(path), "%s", rig_bundle(&g, "x.reup", &image));
	open_one(path, &src, &b);
	for (size_t i = 0; i < 2; i++) {
		size_t n = keys_sign(&kit.keys[i], b.manifest_text, "elsewhere", signature[i]);

		added[i] = bytes_of(signature[i], n);
		key = keys_public(&kit.keys[i]);
		assert_int_equal(trust_add(&keys, &key, "kit", NULL), 0);
	}
	bundle_close(&b);
	source_close(&src);
	return 0;
}

static int end(void **state)
{
	(void)state;
	rig_done(&g);
	return 0;
}

static int count_chunk(void *arg, const struct chunk *c, const void *raw, struct why *w)
{
	(void)raw;
	(void)w;
	*(uint64_t *)arg += c->raw_bytes;
	return 0;
}

/* It verifies by all three keys, its layout is right, and every chunk decodes. */
static void check_whole(const char *name, size_t statements)
{
	struct source src = { 0 };
	struct bundle b = { 0 };
	struct why w = { 0 };
	uint64_t bytes = 0;
	const struct bundle_sink sink = { .put = count_chunk, .arg = &bytes };

	assert_ok(source_file(name, &src, &w), w);
	assert_ok(bundle_open(&src, BUNDLE_WHOLE, &keys, &b, &w), w);
	assert_int_equal(b.signers.good, 3);
	assert_int_equal(b.trust_text.n, statements);
	assert_int_equal(bundle_bytes(&b), src.size_bytes);
	assert_ok(bundle_check_layout(&b, &w), w);
	for (size_t i = 0; i < b.manifest.n_payloads; i++)
		assert_ok(bundle_walk(&b, &b.manifest.payloads[i], &sink, &w), w);
	assert_true(bytes > 3u << 20);
	bundle_close(&b);
	source_close(&src);
}

static void signatures_are_added_in_place(void **state)
{
	struct attach_job job = { .path = path, .output = path, .keys = &keys, .added = added, .n_added = 2 };
	struct signers s;
	struct why w = { 0 };

	(void)state;
	assert_ok(bundle_attach(&job, &s, &w), w);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.good, 3);
	check_whole(path, 0);
}

/* So many statements that the payload moves. */
static void statements_are_added_and_replaced(void **state)
{
	static char chain[TRUSTSET_CHAIN_MAX];
	struct attach_job job = { .path = path, .output = path, .keys = &keys, .added = added, .n_added = 2 };
	struct signers s;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	for (uint64_t e = 1; e <= 30; e++) {
		struct trustset set = trustkit_set(&kit, e, "01", 1, "2", 1);

		n = trustkit_sign(&kit, &set, "01", chain, n);
	}
	job.statements = bytes_of(chain, n);
	assert_ok(bundle_attach(&job, &s, &w), w);
	check_whole(path, n);
	job = (struct attach_job){ .path = path, .output = path, .keys = &keys, .statements = bytes_of(chain, n / 30) };
	assert_ok(bundle_attach(&job, &s, &w), w);
	check_whole(path, n / 30);
	job.statements = bytes_of(NULL, 0); /* they stay */
	assert_ok(bundle_attach(&job, &s, &w), w);
	check_whole(path, n / 30);
}

static void refuses(const struct attach_job *job, int code)
{
	AUTO_FREE char *before = NULL, *after = NULL;
	size_t n = 0, m = 0;
	struct signers s;
	struct why w = { 0 };

	assert_ok(file_read(AT_FDCWD, path, 64u << 20, &before, &n, &w), w);
	assert_int_equal(bundle_attach(job, &s, &w), code);
	w = (struct why){ 0 };
	assert_ok(file_read(AT_FDCWD, path, 64u << 20, &after, &m, &w), w);
	assert_int_equal(n, m);
	assert_memory_equal(before, after, n);
	assert_int_equal(access(scratch_path("x.reup.tmp"), F_OK), -1);
}

static void what_is_refused_leaves_the_bundle_alone(void **state)
{
	struct attach_job job = { .path = path, .output = path, .keys = &keys, .added = added, .n_added = 1 };
	struct bytes twice[] = { added[0], added[0] }, cut = bytes_of(added[0].p, added[0].n / 2);
	struct trust none = { .threshold = 1 };
	char other[MINISIG_TEXT_MAX];
	struct bytes foreign;

	(void)state;
	job.keys = &none;
	refuses(&job, -EKEYREJECTED);
	job.keys = &keys;
	job.added = twice;
	job.n_added = 2;
	refuses(&job, -EEXIST);
	job.n_added = 1;
	job.added = &cut;
	refuses(&job, -EBADMSG);
	foreign = bytes_of(other, keys_sign(&kit.keys[0], bytes_str("another manifest"), "x", other));
	job.added = &foreign;
	refuses(&job, -EKEYREJECTED);
	job.added = added;
	job.output = "/none/x.reup";
	refuses(&job, -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(signatures_are_added_in_place, begin, end),
		cmocka_unit_test_setup_teardown(statements_are_added_and_replaced, begin, end),
		cmocka_unit_test_setup_teardown(what_is_refused_leaves_the_bundle_alone, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
