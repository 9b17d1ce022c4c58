/* The install pipeline (updater/pipeline.h) on files: what lands, what is passed over, what stops it. */
#include "updater/pipeline.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "tests/faultblk.h"
#include "tests/rig.h"
#include "tests/support.h"
#include "updater/basemap.h"
#include "updater/decode.h"

static struct rig g;

/* A bundle that is open, a slot behind a faultblk, and the job that brings them together. */
struct run {
	struct source src;
	struct bundle bundle;
	struct blk slot;
	struct faultblk fault;
	struct blk from; /* the base */
	struct faultblk base_fault;
	struct basemap map;
	struct pipeline_job job;
	struct pipeline_stats stats;
	struct why why;
};

static void run_open(struct run *k, const char *bundle, enum blk_mode mode)
{
	struct why w = { 0 };

	memset(k, 0, sizeof(*k));
	assert_ok(source_file(bundle, &k->src, &w), w);
	assert_ok(bundle_open(&k->src, BUNDLE_WHOLE, &g.trust, &k->bundle, &w), w);
	assert_ok(bundle_unlock(&k->bundle, &g.device, &w), w);
	assert_ok(blk_open(rig_slot_path(SLOT_B), mode, &k->slot, &w), w);
	faultblk_init(&k->fault, &k->slot);
	k->job = (struct pipeline_job){ .bundle = &k->bundle, .to = &k->fault.blk, .workers = 2 };
	assert_ok(manifest_pick(&k->bundle.manifest, PAYLOAD_IMAGE, 'b', &k->job.payload, &w), w);
}

static void run_close(struct run *k)
{
	struct why w = { 0 };

	assert_ok(blk_close(&k->slot, &w), w);
	assert_ok(blk_close(&k->from, &w), w);
	basemap_done(&k->map);
	bundle_close(&k->bundle);
	source_close(&k->src);
}

static int go(struct run *k)
{
	k->why = (struct why){ 0 };
	return pipeline_run(&k->job, &k->stats, &k->why);
}

/* Open, run, close. */
static int go_once(const char *bundle, struct run *k)
{
	int r;

	run_open(k, bundle, BLK_WRITE);
	r = go(k);
	run_close(k);
	return r;
}

static uint64_t whole_blocks(uint64_t n)
{
	return (n + BLK_ALIGN - 1) / BLK_ALIGN * BLK_ALIGN;
}

static void assert_all_there(const struct run *k, const struct rig_image *image)
{
	size_t n = 0;
	AUTO_FREE uint8_t *want = rig_root(image, &n);

	rig_assert_holds(rig_slot_path(SLOT_B), want, n);
	assert_int_equal(k->stats.total_bytes, n);
	assert_int_equal(k->stats.durable_bytes, n);
	assert_int_equal(k->stats.checked_bytes + k->stats.skipped_bytes, n);
	assert_int_equal(k->stats.written_bytes + k->stats.zeroed_bytes + k->stats.skipped_bytes,
			 k->stats.skipped_bytes == n ? n : whole_blocks(n));
	assert_int_equal(k->fault.written_bytes, k->stats.written_bytes);
	assert_int_equal(k->fault.zeroed_bytes, k->stats.zeroed_bytes);
	assert_false(k->fault.descended);
	assert_false(k->fault.unflushed);
	assert_true(k->fault.flushes > 0);
}

static void image_lands_whatever_its_size_chunks_and_workers(void **state)
{
	static const struct rig_image table[] = {
		{ .version = "2.0.0", .seed = 1 },
		{ .version = "2.0.0", .seed = 2, .bytes = 1 },
		{ .version = "2.0.0", .seed = 3, .bytes = 4096 },
		{ .version = "2.0.0", .seed = 4, .bytes = RIG_SLOT_BYTES - 1, .chunk_bytes = 4096 },
		{ .version = "2.0.0", .seed = 5, .bytes = RIG_SLOT_BYTES, .chunk_bytes = 512u << 10 },
		{ .version = "2.0.0", .seed = 6, .bytes = RIG_SLOT_BYTES - 5000, .chunk_bytes = 4u << 20 },
		{ .version = "2.0.0", .seed = 7, .bytes = 4095 + 160 * 4096, .chunk_bytes = 64u << 10 },
		{ .version = "2.0.0", .seed = 8, .encrypted = true },
		{ .version = "2.0.0", .seed = 9, .bytes = RIG_SLOT_BYTES - 1, .chunk_bytes = 4096, .encrypted = true },
		{ .version = "2.0.0", .seed = 10, .bytes = RIG_SLOT_BYTES, .chunk_bytes = 4u << 20, .encrypted = true },
		{ .version = "2.0.0", .seed = 11, .group_bytes = 4u << 20 },
		{ .version = "2.0.0", .seed = 12, .chunk_bytes = 4096, .group_bytes = 64u << 10 },
		{ .version = "2.0.0",
		  .seed = 13,
		  .bytes = RIG_SLOT_BYTES - 1,
		  .group_bytes = 1u << 20,
		  .encrypted = true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *bundle = rig_bundle(&g, "x.reup", &table[i]);

		for (unsigned int workers = 0; workers <= 9; workers += 3) {
			struct run k;

			rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
			run_open(&k, bundle, BLK_WRITE);
			k.job.workers = workers;
			assert_ok(go(&k), k.why);
			assert_all_there(&k, &table[i]);
			run_close(&k);
		}
	}
}

static void rest_of_the_slot_is_left_alone(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 8, .bytes = (1u << 20) - 100 };
	AUTO_FREE char *before = NULL, *after = NULL;
	struct why w = { 0 };
	size_t n = 0;
	struct run k;

	(void)state;
	rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
	assert_ok(file_read(AT_FDCWD, rig_slot_path(SLOT_B), RIG_SLOT_BYTES, &before, &n, &w), w);
	assert_ok(go_once(rig_bundle(&g, "x.reup", &image), &k), k.why);
	assert_ok(file_read(AT_FDCWD, rig_slot_path(SLOT_B), RIG_SLOT_BYTES, &after, &n, &w), w);
	assert_int_equal(n, RIG_SLOT_BYTES);
	assert_memory_equal(before + (1u << 20), after + (1u << 20), RIG_SLOT_BYTES - (1u << 20));
}

static void second_run_writes_nothing_and_flushes(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 9 };
	const char *bundle = rig_bundle(&g, "x.reup", &image);
	struct run k;

	(void)state;
	assert_ok(go_once(bundle, &k), k.why);
	assert_ok(go_once(bundle, &k), k.why);
	assert_all_there(&k, &image);
	assert_int_equal(k.fault.writes + k.fault.zeros, 0);
	assert_int_equal(k.stats.fetched_bytes, 0);
	assert_int_equal(k.stats.skipped_bytes, k.stats.total_bytes);
}

static void only_chunks_that_differ_are_fetched_and_written(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 10, .chunk_bytes = 4096 };
	const char *bundle = rig_bundle(&g, "x.reup", &image);
	static const uint8_t dirt[16] = { 1 };
	struct why w = { 0 };
	struct run k;

	(void)state;
	assert_ok(go_once(bundle, &k), k.why);
	for (uint64_t at = 100; at < 3u << 20; at += 1u << 20) {
		AUTO_FD fd = open(rig_slot_path(SLOT_B), O_WRONLY | O_CLOEXEC);

		assert_ok(pwrite_full(fd, dirt, sizeof(dirt), at, "slot", &w), w);
	}
	assert_ok(go_once(bundle, &k), k.why);
	assert_all_there(&k, &image);
	/* Where one of them is in zeros, those around it are written as well. */
	assert_in_range(k.stats.written_bytes + k.stats.zeroed_bytes, 3 * 4096, 3 * (64u << 10));
	assert_true(k.stats.fetched_bytes <= 3 * 4096);
}

static void another_image_is_replaced_with_few_looks_in_vain(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 11, .chunk_bytes = 4096 };
	struct run k;

	(void)state;
	rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
	assert_ok(go_once(rig_bundle(&g, "x.reup", &image), &k), k.why);
	assert_all_there(&k, &image);
	assert_int_equal(k.stats.skipped_bytes, 0);
	/* Read back once; looked at: less than a third, the batches in flight included. */
	assert_true(k.fault.read_bytes < k.stats.total_bytes * 4 / 3);
}

/* Change a byte of the stored form of the chunk that holds raw byte `at`. Returns where in the bundle it was. */
static void damage_chunk(const char *bundle, uint64_t at, uint64_t *ret_from, uint64_t *ret_to)
{
	struct chunks table = { 0 };
	struct chunk c = { 0 };
	struct why w = { 0 };
	uint8_t byte;
	struct run k;

	run_open(&k, bundle, BLK_READ);
	assert_ok(bundle_chunks(&k.bundle, k.job.payload, &table, &w), w);
	for (uint64_t i = 0; c.encoding == CHUNK_ZERO || c.raw_offset + c.raw_bytes <= at; i++)
		assert_ok(chunks_get(&table, i, &c, &w), w);
	AUTO_FD fd = open(bundle, O_RDWR | O_CLOEXEC);
	at = k.bundle.header.payload_offset + c.stored_offset + c.stored_bytes / 2;
	assert_ok(pread_full(fd, &byte, 1, at, bundle, &w), w);
	byte ^= 1;
	assert_ok(pwrite_full(fd, &byte, 1, at, bundle, &w), w);
	*ret_from = c.raw_offset;
	*ret_to = c.raw_offset + c.raw_bytes;
	chunks_done(&table);
	run_close(&k);
}

static void damaged_chunk_is_refused_before_a_byte_of_it_is_written(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 12 };

	(void)state;
	for (uint64_t at = 0; at < 3u << 20; at += 700000) {
		const char *bundle = rig_bundle(&g, "x.reup", &image);
		AUTO_FREE char *before = NULL, *after = NULL;
		uint64_t from = 0, to = 0;
		struct why w = { 0 };
		size_t n = 0;
		struct run k;

		rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
		assert_ok(file_read(AT_FDCWD, rig_slot_path(SLOT_B), RIG_SLOT_BYTES, &before, &n, &w), w);
		damage_chunk(bundle, at, &from, &to);
		assert_int_equal(go_once(bundle, &k), -EBADMSG);
		assert_non_null(strstr(k.why.text, "x.reup"));
		assert_non_null(strstr(k.why.text, "damaged"));
		assert_ok(file_read(AT_FDCWD, rig_slot_path(SLOT_B), RIG_SLOT_BYTES, &after, &n, &w), w);
		assert_memory_equal(before + from, after + from, to - from);
		assert_true(k.stats.durable_bytes <= from);
	}
}

static void bundle_that_ends_early_is_an_error(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 13 };
	struct run k;

	(void)state;
	run_open(&k, rig_bundle(&g, "x.reup", &image), BLK_WRITE);
	assert_int_equal(truncate(scratch_path("x.reup"), (off_t)bundle_bytes(&k.bundle) - 100000), 0);
	assert_int_equal(go(&k), -EIO);
	run_close(&k);
}

static void medium_that_stores_wrong_is_found_by_sector(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 14, .group_bytes = 256u << 10 };
	const char *bundle = rig_bundle(&g, "x.reup", &image);

	(void)state;
	/* In data, in zeros, in the last block. */
	for (uint64_t at = 5; at < (3u << 20) + 5 * 4096; at += 211111) {
		char lba[64];
		struct run k;

		rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
		run_open(&k, bundle, BLK_WRITE);
		k.fault.lie_at = at;
		k.job.disk_offset = 1u << 20;
		k.job.sector_bytes = 512;
		assert_int_equal(go(&k), -EIO);
		(void)snprintf(lba, sizeof(lba), "LBA %" PRIu64 " (byte %" PRIu64 " of", 2048 + at / 512, at);
		if (!strstr(k.why.text, lba))
			fail_msg("want %s in: %s", lba, k.why.text);
		run_close(&k);
	}
}

/* Every operation on the device fails once, alone or with all that follow. */
static void every_failing_operation_is_an_error_and_ends(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 15, .bytes = 700000 };
	const char *bundle = rig_bundle(&g, "x.reup", &image);
	static const int errors[] = { -EIO, -ENOSPC, -ENODEV };
	struct run k;
	uint64_t ops;

	(void)state;
	rig_fill(rig_slot_path(SLOT_B), 1u << 20);
	assert_ok(go_once(bundle, &k), k.why);
	ops = k.fault.ops;
	assert_in_range(ops, 5, 500);
	for (uint64_t at = 0; at < ops + 3; at++) {
		for (unsigned int how = 0; how < 2 * ARRAY_SIZE(errors); how++) {
			int r;

			rig_fill(rig_slot_path(SLOT_B), 1u << 20);
			run_open(&k, bundle, BLK_WRITE);
			k.fault.fail_at = at;
			k.fault.error = errors[how / 2];
			k.fault.vanish = how % 2;
			k.job.workers = 1 + how;
			r = go(&k);
			/* How many reads there are depends on the threads' turns: near the end it may not come to it. */
			assert_int_equal(r, k.fault.ops > at ? errors[how / 2] : 0);
			assert_int_equal(r, k.why.code);
			run_close(&k);
		}
	}
}

struct stopper {
	uint64_t durable, written;
};

static bool stop_now(void *arg)
{
	struct stopper *s = arg;

	return s->written > 0;
}

static void note_progress(void *arg, const struct pipeline_stats *now)
{
	struct stopper *s = arg;

	assert_true(now->durable_bytes >= s->durable && now->durable_bytes <= now->total_bytes);
	s->durable = now->durable_bytes;
	s->written = now->written_bytes;
}

static void interrupted_run_is_continued_by_the_next(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 16, .bytes = RIG_SLOT_BYTES, .chunk_bytes = 4096 };
	const char *bundle = rig_bundle(&g, "x.reup", &image);
	struct stopper stop = { 0 };
	uint64_t first;
	struct run k;

	(void)state;
	rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
	run_open(&k, bundle, BLK_WRITE);
	k.job.cancelled = stop_now;
	k.job.step = note_progress;
	k.job.arg = &stop;
	k.fault.delay_us = 60000;
	assert_int_equal(go(&k), -ECANCELED);
	assert_false(k.fault.unflushed);
	assert_in_range(k.stats.durable_bytes, 1, k.stats.total_bytes - 1);
	assert_int_equal(k.stats.durable_bytes, k.stats.written_bytes + k.stats.zeroed_bytes);
	first = k.stats.durable_bytes;
	run_close(&k);
	assert_ok(go_once(bundle, &k), k.why);
	assert_all_there(&k, &image);
	assert_int_equal(k.stats.skipped_bytes, first);
}

static void check_finds_the_first_chunk_that_differs(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 17 };
	const char *bundle = rig_bundle(&g, "x.reup", &image);
	static const uint8_t dirt[] = { 0xaa, 0x55, 0xaa };
	struct why w = { 0 };
	struct run k;

	(void)state;
	assert_ok(go_once(bundle, &k), k.why);
	for (size_t bad = 0; bad < 4; bad++) {
		AUTO_FD fd = open(rig_slot_path(SLOT_B), O_WRONLY | O_CLOEXEC);

		if (bad > 0)
			assert_ok(pwrite_full(fd, dirt, sizeof(dirt), (4 - bad) * 500000, "slot", &w), w);
		run_open(&k, bundle, BLK_READ);
		k.job.check_only = true;
		k.job.workers = 1 + (unsigned int)bad;
		assert_ok(go(&k), k.why);
		assert_int_equal(k.stats.bad_chunks, bad);
		assert_int_equal(k.stats.checked_bytes, k.stats.total_bytes);
		assert_int_equal(k.fault.writes + k.fault.zeros + k.fault.flushes, 0);
		if (bad > 0) {
			assert_in_range((4 - bad) * 500000, k.stats.bad_at, k.stats.bad_at + k.stats.bad_bytes - 1);
			assert_in_range(k.stats.bad_bytes, 4096, 64u << 10);
		}
		run_close(&k);
	}
}

static void image_larger_than_the_slot_is_refused(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 18, .bytes = RIG_SLOT_BYTES + 1 };
	struct run k;

	(void)state;
	assert_int_equal(go_once(rig_bundle(&g, "x.reup", &image), &k), -E2BIG);
	assert_int_equal(k.fault.ops, 0);
}

/* Stored bytes of the chunks of which the slot's file holds something else. */
static uint64_t stored_of_what_differs(struct run *k, const uint8_t *slot)
{
	struct chunks table = { 0 };
	struct why w = { 0 };
	uint64_t bytes = 0;

	assert_ok(bundle_chunks(&k->bundle, k->job.payload, &table, &w), w);
	for (uint64_t i = 0; i < k->job.payload->chunks; i++) {
		struct chunk c = { 0 };

		assert_ok(chunks_get(&table, i, &c, &w), w);
		if (c.stored_bytes > 0 && !chunk_raw_matches(&c, slot + c.raw_offset))
			bytes += c.stored_bytes;
	}
	chunks_done(&table);
	return bytes;
}

/* Chunks are compressed against what is before them: where that is there already, it is read from the slot. */
static void chunks_of_a_group_are_mended_one_by_one(void **state)
{
	const struct rig_image image = { .version = "2.0.0",
					 .seed = 19,
					 .chunk_bytes = 16u << 10,
					 .group_bytes = 1u << 20,
					 .bytes = RIG_SLOT_BYTES };
	const char *bundle = rig_bundle(&g, "x.reup", &image);
	struct run k;

	(void)state;
	assert_ok(go_once(bundle, &k), k.why);
	srand(3);
	for (unsigned int dirty = 1; dirty < 300; dirty *= 2) {
		AUTO_FREE char *slot = NULL;
		struct why w = { 0 };
		size_t n = 0;
		AUTO_FD fd = open(rig_slot_path(SLOT_B), O_WRONLY | O_CLOEXEC);

		for (unsigned int i = 0; i < dirty; i++)
			assert_ok(pwrite_full(fd, "dirt", 4, (uint64_t)rand() % (RIG_SLOT_BYTES - 4), "slot", &w), w);
		assert_ok(file_read(AT_FDCWD, rig_slot_path(SLOT_B), RIG_SLOT_BYTES, &slot, &n, &w), w);
		run_open(&k, bundle, BLK_WRITE);
		k.job.thorough = true;
		assert_ok(go(&k), k.why);
		assert_all_there(&k, &image);
		assert_int_equal(k.stats.fetched_bytes, stored_of_what_differs(&k, (const uint8_t *)slot));
		run_close(&k);
	}
}

/* The base */

/* Slot a holds the image, moved by so many blocks; the pipeline knows what is where. */
static void run_with_base(struct run *k, const char *bundle, const struct rig_image *image, size_t moved)
{
	const struct basemap_job job = { .base = &k->from, .workers = 2 };
	size_t n = 0, at = moved * BLK_ALIGN;
	AUTO_FREE uint8_t *root = rig_root(image, &n);
	struct why w = { 0 };

	rig_fill(rig_slot_path(SLOT_A), RIG_SLOT_BYTES);
	AUTO_FD fd = open(rig_slot_path(SLOT_A), O_WRONLY | O_CLOEXEC);
	assert_ok(pwrite_full(fd, root, n < RIG_SLOT_BYTES - at ? n : RIG_SLOT_BYTES - at, at, "slot", &w), w);
	rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
	run_open(k, bundle, BLK_WRITE);
	assert_ok(blk_open(rig_slot_path(SLOT_A), BLK_READ, &k->from, &w), w);
	assert_ok(basemap_open(&job, &k->map, &w), w);
	faultblk_init(&k->base_fault, &k->from);
	k->job.base = &k->base_fault.blk;
	k->job.map = &k->map;
}

static void what_the_base_has_is_copied_wherever_it_is(void **state)
{
	(void)state;
	for (size_t moved = 0; moved < 20; moved += 3) {
		const struct rig_image image = { .version = "2.0.0",
						 .seed = 20,
						 .chunk_bytes = 64u << 10,
						 .group_bytes = moved % 2 ? 1u << 20 : 0 };
		struct run k;

		run_with_base(&k, rig_bundle(&g, "x.reup", &image), &image, moved);
		assert_ok(go(&k), k.why);
		assert_all_there(&k, &image);
		assert_int_equal(k.stats.fetched_bytes, 0);
		assert_true(k.stats.copied_bytes > 2u << 20);
		assert_int_equal(k.base_fault.writes + k.base_fault.zeros + k.base_fault.flushes, 0);
		run_close(&k);
	}
}

static void what_the_base_does_not_have_is_fetched(void **state)
{
	const struct rig_image old = { .version = "1.0.0", .seed = 21 };
	const struct rig_image new = { .version = "2.0.0", .seed = 22, .group_bytes = 256u << 10 };
	uint64_t all;
	struct run k;

	(void)state;
	rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
	assert_ok(go_once(rig_bundle(&g, "x.reup", &new), &k), k.why);
	all = k.stats.fetched_bytes;
	run_with_base(&k, rig_bundle(&g, "x.reup", &new), &old, 5);
	assert_ok(go(&k), k.why);
	assert_all_there(&k, &new);
	assert_in_range(k.stats.fetched_bytes, 1, all - 1);
	assert_true(k.stats.copied_bytes > 0);
	run_close(&k);
}

static void base_that_changed_is_no_danger(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 23, .group_bytes = 512u << 10 };
	struct run k;

	(void)state;
	for (uint64_t at = 0; at < RIG_SLOT_BYTES; at += 1000000) {
		struct why w = { 0 };

		run_with_base(&k, rig_bundle(&g, "x.reup", &image), &image, 1);
		AUTO_FD fd = open(rig_slot_path(SLOT_A), O_WRONLY | O_CLOEXEC);
		assert_ok(pwrite_full(fd, "changed", 7, at, "slot", &w), w);
		assert_ok(go(&k), k.why);
		assert_all_there(&k, &image);
		assert_true(k.stats.fetched_bytes <= RIG_CHUNK_BYTES);
		run_close(&k);
	}
	run_with_base(&k, rig_bundle(&g, "x.reup", &image), &image, 1);
	rig_fill(rig_slot_path(SLOT_A), RIG_SLOT_BYTES);
	assert_ok(go(&k), k.why);
	assert_all_there(&k, &image);
	assert_int_equal(k.stats.copied_bytes, 0);
	run_close(&k);
}

static void base_that_cannot_be_read_is_no_error(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 24, .bytes = RIG_SLOT_BYTES };

	(void)state;
	for (uint64_t at = 0; at < 3; at++) {
		struct run k;

		run_with_base(&k, rig_bundle(&g, "x.reup", &image), &image, 0);
		k.base_fault.fail_at = at;
		k.base_fault.error = -EIO;
		k.base_fault.vanish = at == 0;
		assert_ok(go(&k), k.why);
		assert_all_there(&k, &image);
		assert_true(k.stats.fetched_bytes > 0);
		run_close(&k);
	}
}

/* An update that was cut is continued by fetching what is missing, and nothing else. */
static void continued_run_copies_and_fetches_only_what_is_missing(void **state)
{
	const struct rig_image old = { .version = "1.0.0", .seed = 25 };
	const struct rig_image new = { .version = "2.0.0", .seed = 26, .group_bytes = 512u << 10 };
	uint64_t fetched;
	struct run k;

	(void)state;
	run_with_base(&k, rig_bundle(&g, "x.reup", &new), &old, 2);
	assert_ok(go(&k), k.why);
	fetched = k.stats.fetched_bytes;
	for (uint64_t at = 3; at < 20; at += 3) {
		uint64_t there;

		rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
		k.job.thorough = true;
		k.fault.fail_at = k.fault.ops + at;
		k.fault.error = -ENODEV;
		k.fault.vanish = true;
		assert_int_equal(go(&k), -ENODEV);
		there = k.stats.fetched_bytes;
		k.fault.fail_at = FAULT_NEVER;
		assert_ok(go(&k), k.why);
		assert_true(k.stats.fetched_bytes <= fetched && k.stats.fetched_bytes + there >= fetched);
		assert_int_equal(k.stats.skipped_bytes + k.stats.checked_bytes, k.stats.total_bytes);
	}
	run_close(&k);
}

static void without_reading_back_nothing_is_read_but_to_look(void **state)
{
	const struct rig_image image = { .version = "2.0.0", .seed = 27, .chunk_bytes = 4096 };
	size_t n = 0;
	AUTO_FREE uint8_t *want = rig_root(&image, &n);
	struct run k;

	(void)state;
	rig_fill(rig_slot_path(SLOT_B), RIG_SLOT_BYTES);
	run_open(&k, rig_bundle(&g, "x.reup", &image), BLK_WRITE);
	k.job.no_read_back = true;
	assert_ok(go(&k), k.why);
	rig_assert_holds(rig_slot_path(SLOT_B), want, n);
	assert_int_equal(k.stats.checked_bytes, 0);
	assert_true(k.fault.read_bytes < n / 3);
	assert_false(k.fault.unflushed);
	run_close(&k);
}

/* A source that is told what comes, and remembers it. */
struct told {
	struct source src; /* first */
	struct source *to;
	struct source_range ranges[512];
	size_t n;
	uint64_t payload_at;
	bool disordered, unannounced;
};

static int told_read(struct source *s, void *buf, size_t n, uint64_t off, struct why *w)
{
	struct told *t = (struct told *)s;
	bool known = off < t->payload_at; /* the head */

	for (size_t i = 0; i < t->n; i++)
		known = known || (off >= t->ranges[i].at && off + n <= t->ranges[i].at + t->ranges[i].bytes);
	t->unannounced = t->unannounced || !known;
	return source_read(t->to, buf, n, off, w);
}

static void told_expect(struct source *s, const struct source_range *r, size_t n)
{
	struct told *t = (struct told *)s;

	for (size_t i = 0; i < n && t->n < ARRAY_SIZE(t->ranges); i++) {
		struct source_range *last = t->n ? &t->ranges[t->n - 1] : NULL;

		t->disordered = t->disordered || (last && r[i].at < last->at + last->bytes);
		if (last && last->at + last->bytes == r[i].at)
			last->bytes += r[i].bytes;
		else
			t->ranges[t->n++] = r[i];
	}
}

static struct source_stats told_stats(struct source *s)
{
	(void)s;
	return (struct source_stats){ 0 };
}

static void source_is_told_what_will_be_read(void **state)
{
	static const struct source_ops ops = { .read = told_read, .expect = told_expect, .stats = told_stats };
	const struct rig_image old = { .version = "1.0.0", .seed = 28 }, new = { .version = "2.0.0", .seed = 29 };
	struct told t = { .src = { .ops = &ops, .name = "told", .size_bytes = UINT64_MAX, .fd = -1 } };
	uint64_t told = 0;
	struct run k;

	(void)state;
	run_with_base(&k, rig_bundle(&g, "x.reup", &new), &old, 2);
	t.to = &k.src;
	t.payload_at = k.bundle.header.payload_offset;
	bundle_move(&k.bundle, &t.src);
	assert_ok(go(&k), k.why);
	assert_all_there(&k, &new);
	for (size_t i = 0; i < t.n; i++)
		told += t.ranges[i].bytes;
	assert_in_range(t.n, 1, ARRAY_SIZE(t.ranges) - 1);
	assert_int_equal(told, k.stats.fetched_bytes);
	assert_false(t.disordered);
	assert_false(t.unannounced);
	run_close(&k);
}

static int make(void **state)
{
	(void)state;
	rig_make(&g);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	rig_done(&g);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_lands_whatever_its_size_chunks_and_workers),
		cmocka_unit_test(rest_of_the_slot_is_left_alone),
		cmocka_unit_test(second_run_writes_nothing_and_flushes),
		cmocka_unit_test(only_chunks_that_differ_are_fetched_and_written),
		cmocka_unit_test(another_image_is_replaced_with_few_looks_in_vain),
		cmocka_unit_test(damaged_chunk_is_refused_before_a_byte_of_it_is_written),
		cmocka_unit_test(bundle_that_ends_early_is_an_error),
		cmocka_unit_test(medium_that_stores_wrong_is_found_by_sector),
		cmocka_unit_test(every_failing_operation_is_an_error_and_ends),
		cmocka_unit_test(interrupted_run_is_continued_by_the_next),
		cmocka_unit_test(check_finds_the_first_chunk_that_differs),
		cmocka_unit_test(image_larger_than_the_slot_is_refused),
		cmocka_unit_test(chunks_of_a_group_are_mended_one_by_one),
		cmocka_unit_test(what_the_base_has_is_copied_wherever_it_is),
		cmocka_unit_test(what_the_base_does_not_have_is_fetched),
		cmocka_unit_test(base_that_changed_is_no_danger),
		cmocka_unit_test(base_that_cannot_be_read_is_no_error),
		cmocka_unit_test(continued_run_copies_and_fetches_only_what_is_missing),
		cmocka_unit_test(without_reading_back_nothing_is_read_but_to_look),
		cmocka_unit_test(source_is_told_what_will_be_read),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
