/*
 * The running slot's content is found wherever it is, by its signed head as by reading it, and only what is there is found.
 */
#include "tests/rig.h"
#include "tests/support.h"

#include <sodium.h>

#include "updater/basemap.h"

struct fixture {
	struct rig g;
	struct rig_image image;
	struct source src;
	struct bundle b;
	const struct payload *p;
	struct blk base;
	uint8_t *root;
	size_t n;
};

static struct fixture fixture; /* too large for a stack */

static void setup_fixture(struct fixture *f)
{
	struct why w = { 0 };

	*f = (struct fixture){ 0 };
	rig_make(&f->g);
	f->image = (struct rig_image){ .version = "1.0.0", .seed = 1 };
	f->root = rig_root(&f->image, &f->n);
	assert_ok(source_file(rig_bundle(&f->g, "v1.reup", &f->image), &f->src, &w), w);
	assert_ok(bundle_open(&f->src, BUNDLE_WHOLE, &f->g.trust, &f->b, &w), w);
	assert_ok(manifest_pick(&f->b.manifest, PAYLOAD_IMAGE, 'a', &f->p, &w), w);
	assert_ok(blk_open(rig_slot_path(SLOT_A), BLK_WRITE, &f->base, &w), w);
	for (size_t at = 0; at < f->n; at += CHUNK_BLOCK_BYTES) {
		uint8_t *block = blk_alloc(CHUNK_BLOCK_BYTES);

		assert_non_null(block);
		memset(block, 0, CHUNK_BLOCK_BYTES);
		memcpy(block, f->root + at, f->n - at < CHUNK_BLOCK_BYTES ? f->n - at : CHUNK_BLOCK_BYTES);
		assert_ok(blk_write(&f->base, block, CHUNK_BLOCK_BYTES, at, &w), w);
		free(block);
	}
}

static void teardown_fixture(struct fixture *f)
{
	struct why w = { 0 };

	assert_ok(blk_close(&f->base, &w), w);
	bundle_close(&f->b);
	source_close(&f->src);
	free(f->root);
	rig_done(&f->g);
}

static void key_of(const uint8_t *bytes, size_t n, uint8_t ret[BLOCKMAP_KEY_BYTES])
{
	uint8_t block[CHUNK_BLOCK_BYTES] = { 0 };
	struct hash h;

	memcpy(block, bytes, n);
	h = hash_of(bytes_of(block, sizeof(block)));
	memcpy(ret, h.b, BLOCKMAP_KEY_BYTES);
}

/* Every block of the image is found, where the same bytes are. */
static void assert_all_found(const struct fixture *f, const struct basemap *m)
{
	for (size_t at = 0; at < f->n; at += CHUNK_BLOCK_BYTES) {
		size_t n = f->n - at < CHUNK_BLOCK_BYTES ? f->n - at : CHUNK_BLOCK_BYTES, there;
		uint8_t key[BLOCKMAP_KEY_BYTES];
		uint32_t block = 0;

		key_of(f->root + at, n, key);
		assert_true(basemap_find(m, key, 1, &block));
		if (block == BASEMAP_ZERO) {
			assert_true(bytes_all_zero(bytes_of(f->root + at, n)));
			continue;
		}
		there = (size_t)block * CHUNK_BLOCK_BYTES;
		assert_true(there + n <= f->n);
		assert_memory_equal(f->root + there, f->root + at, n);
	}
}

static void assert_strangers_unknown(const struct basemap *m)
{
	for (uint32_t i = 0; i < 1000; i++) {
		uint8_t block[CHUNK_BLOCK_BYTES], key[BLOCKMAP_KEY_BYTES];
		uint32_t found = 0;

		randombytes_buf(block, sizeof(block));
		key_of(block, sizeof(block), key);
		assert_false(basemap_find(m, key, 1, &found));
		assert_int_equal(found, BASEMAP_NONE);
	}
}

static void check(unsigned int workers, bool with_head)
{
	CLEANUP(basemap_done) struct basemap m = { 0 };
	struct fixture *f = &fixture;
	struct why w = { 0 };

	setup_fixture(f);
	const struct basemap_job job = { .base = &f->base,
					 .head = with_head ? &f->b : NULL,
					 .payload = with_head ? f->p : NULL,
					 .workers = workers };

	assert_ok(basemap_open(&job, &m, &w), w);
	assert_int_equal(m.from_head, with_head);
	assert_all_found(f, &m);
	assert_strangers_unknown(&m);
	teardown_fixture(f);
}

static void test_from_head(void **state)
{
	(void)state;
	check(2, true);
}

static void test_by_reading(void **state)
{
	(void)state;
	check(1, false);
	check(3, false);
}

static bool yes(void *arg)
{
	(void)arg;
	return true;
}

static void test_cancelled(void **state)
{
	struct fixture *f = &fixture;

	(void)state;
	setup_fixture(f);
	for (int with_head = 0; with_head < 2; with_head++) {
		const struct basemap_job job = { .base = &f->base,
						 .head = with_head ? &f->b : NULL,
						 .payload = with_head ? f->p : NULL,
						 .workers = 2,
						 .cancelled = yes };
		struct basemap m = { 0 };
		struct why w = { 0 };

		assert_int_equal(basemap_open(&job, &m, &w), -ECANCELED);
		assert_null(m.map.slots);
	}
	teardown_fixture(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_head),
		cmocka_unit_test(test_by_reading),
		cmocka_unit_test(test_cancelled),
	};

	assert_true(sodium_init() >= 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
