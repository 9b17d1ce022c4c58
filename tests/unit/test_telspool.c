/*
 * telspool: frames on the disk, found again after a power cut at any operation with any of its sectors on the medium, and
 * after rot (N10).
 */
#include "bootstage/intel/telspool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support.h"

#define SECTOR 512u
#define ROOM   16384u
#define NEVER  UINT64_MAX

/* A file of which only what was synced is sure to be there after a cut. */
struct disk {
	uint8_t view[ROOM], medium[ROOM];
	size_t view_n, medium_n;
	uint64_t ops, cut_at;
	bool off, lies; /* lies: a sync does nothing, for the negative control */
	bool full;
};

static int step(struct disk *d, struct why *w)
{
	d->off = d->off || d->ops++ == d->cut_at;
	return d->off ? fail(w, -EIO, "no power") : 0;
}

static int do_size(void *arg, uint64_t *ret, struct why *w)
{
	const struct disk *d = arg;

	(void)w;
	*ret = d->view_n;
	return 0;
}

static int do_read(void *arg, uint64_t at, void *buf, size_t n, struct why *w)
{
	const struct disk *d = arg;

	(void)w;
	assert_true(at + n <= d->view_n);
	memcpy(buf, d->view + at, n);
	return 0;
}

/* The write in flight is in the view: what of it reaches the medium is decided at power-on. */
static int do_write(void *arg, uint64_t at, const void *buf, size_t n, struct why *w)
{
	struct disk *d = arg;
	bool before = d->off;
	int r = step(d, w);

	assert_true(at + n <= ROOM);
	if (before)
		return r;
	if (d->full) {
		memcpy(d->view + at, buf, n / 2);
		d->view_n = at + n / 2;
		return fail(w, -ENOSPC, "the disk is full");
	}
	if (at > d->view_n)
		memset(d->view + d->view_n, 0, at - d->view_n);
	memcpy(d->view + at, buf, n);
	d->view_n = at + n > d->view_n ? at + n : d->view_n;
	return r;
}

static int do_sync(void *arg, struct why *w)
{
	struct disk *d = arg;
	int r = step(d, w);

	if (!r && !d->lies) {
		memcpy(d->medium, d->view, d->view_n);
		d->medium_n = d->view_n;
	}
	return r;
}

static int do_cut(void *arg, uint64_t at, struct why *w)
{
	struct disk *d = arg;
	int r = step(d, w);

	if (!r)
		d->view_n = at;
	return r;
}

static const struct telspool_file file = {
	.size = do_size,
	.read = do_read,
	.write = do_write,
	.sync = do_sync,
	.cut = do_cut,
};

/* Which bits of `keep` there is something to choose for: sectors that differ, and the size. */
static unsigned int unsure(const struct disk *d)
{
	size_t more = d->view_n > d->medium_n ? d->view_n : d->medium_n;

	return (unsigned int)((more - d->medium_n / SECTOR * SECTOR + SECTOR - 1) / SECTOR) + 1;
}

static void power_on(struct disk *d, unsigned int keep)
{
	size_t first = d->medium_n / SECTOR * SECTOR, longest = d->view_n > d->medium_n ? d->view_n : d->medium_n;
	unsigned int bit = 1;

	memset(d->medium + d->medium_n, 0, ROOM - d->medium_n);
	for (size_t at = first; at < longest; at += SECTOR, bit++) {
		size_t n = longest - at < SECTOR ? longest - at : SECTOR;

		if (keep >> bit & 1)
			memcpy(d->medium + at, d->view + at, n);
	}
	if (keep & 1)
		d->medium_n = d->view_n;
	else if (longest > d->medium_n && keep >> 1)
		d->medium_n = longest; /* the size grew, blocks are missing */
	memcpy(d->view, d->medium, d->medium_n);
	d->view_n = d->medium_n;
	d->off = false;
	d->cut_at = NEVER;
	d->ops = 0;
}

static size_t frame(uint8_t *p, uint64_t seq, size_t value_n)
{
	char value[1024];
	struct tel_writer t;
	struct bytes out = { 0 };
	struct why w = { 0 };
	struct tel_event e = { .time_us = (int64_t)seq, .count = 1, .kind = EDGE_CONNECTED };

	memset(value, 'v', sizeof(value));
	e.src = e.dst = bytes_of(value, value_n);
	tel_write_begin(&t, p, 4096, 1, seq);
	assert_ok(tel_write_event(&t, &e, &w), w);
	assert_ok(tel_write_end(&t, &out, &w), w);
	return out.n;
}

/* Replay all of it: the numbers have to ascend from `first`. Returns the last one; 0 for none. */
static uint64_t replay(struct telspool *s, uint64_t first, bool gaps)
{
	uint64_t last = first - 1;

	for (;;) {
		struct bytes in = { 0 };
		size_t used = 0;

		assert_int_equal(telspool_next(s, &in, NULL), 0);
		if (in.n == 0)
			return last;
		while (used < in.n) {
			struct tel_frame f;

			assert_int_equal(tel_frame_read(bytes_of(in.p + used, in.n - used), &f, NULL), 0);
			assert_true(gaps ? f.seq > last : f.seq == last + 1);
			last = f.seq;
			used += f.whole.n;
		}
		assert_int_equal(telspool_replayed(s, in.n, NULL), 0);
	}
}

/* Append frames in groups until the power goes. Returns the last one that was said to be durable. */
static uint64_t life(struct disk *d)
{
	static const size_t sizes[] = { 3, 300, 900, 40, 700 };
	uint8_t p[8192];
	struct telspool s;
	uint64_t seq = 0, durable = 0;

	if (telspool_open(&s, &file, d, ROOM, NULL))
		return 0;
	for (size_t group = 0; group < 3; group++) {
		size_t n = 0;

		for (size_t i = 0; i <= group; i++, seq++)
			n += frame(p + n, seq + 1, sizes[seq % ARRAY_SIZE(sizes)]);
		if (telspool_append(&s, bytes_of(p, n), NULL))
			break;
		durable = seq;
	}
	telspool_close(&s);
	return durable;
}

/* Returns whether everything durable was there, after every cut with every outcome. */
static bool survives_all(bool lies)
{
	AUTO_FREE struct disk *d = calloc(1, sizeof(*d)), *after = calloc(1, sizeof(*d));
	bool all = true;

	assert_true(d && after);
	for (uint64_t cut = 0; cut < 12; cut++) {
		uint64_t durable;

		*d = (struct disk){ .cut_at = cut, .lies = lies };
		durable = life(d);
		assert_true(unsure(d) < 16);
		for (unsigned int keep = 0; keep < 1u << unsure(d); keep++) {
			struct telspool s;

			*after = *d;
			power_on(after, keep);
			if (telspool_open(&s, &file, after, ROOM, NULL) || replay(&s, 1, lies) < durable)
				all = false;
			telspool_close(&s);
		}
	}
	return all;
}

static void durable_frames_survive_every_power_cut(void **state)
{
	(void)state;
	assert_true(survives_all(false));
}

static void a_disk_that_lies_about_syncs_is_noticed(void **state)
{
	(void)state;
	assert_false(survives_all(true));
}

static void a_full_spool_takes_nothing_and_keeps_what_it_has(void **state)
{
	AUTO_FREE struct disk *d = calloc(1, sizeof(*d));
	struct telspool s;
	uint8_t p[4096];
	struct why w = { 0 };
	size_t n = frame(p, 1, 100);

	(void)state;
	assert_non_null(d);
	d->cut_at = NEVER;
	assert_ok(telspool_open(&s, &file, d, n + 30, &w), w);
	assert_ok(telspool_append(&s, bytes_of(p, n), &w), w);
	n = frame(p, 2, 100);
	assert_int_equal(telspool_append(&s, bytes_of(p, n), NULL), -ENOSPC);
	assert_int_equal(replay(&s, 1, false), 1);
	assert_ok(telspool_append(&s, bytes_of(p, n), &w), w);
	assert_int_equal(replay(&s, 2, false), 2);
	telspool_close(&s);
}

static void a_full_disk_takes_nothing_and_leaves_no_half_frame(void **state)
{
	AUTO_FREE struct disk *d = calloc(1, sizeof(*d));
	struct telspool s;
	uint8_t p[4096];
	struct why w = { 0 };

	(void)state;
	assert_non_null(d);
	d->cut_at = NEVER;
	assert_ok(telspool_open(&s, &file, d, ROOM, &w), w);
	d->full = true;
	assert_int_equal(telspool_append(&s, bytes_of(p, frame(p, 1, 100)), NULL), -ENOSPC);
	assert_int_equal(d->view_n, 0);
	d->full = false;
	assert_ok(telspool_append(&s, bytes_of(p, frame(p, 1, 100)), &w), w);
	assert_int_equal(replay(&s, 1, false), 1);
	telspool_close(&s);
}

/* Every single byte, one after the other. */
static void a_byte_that_rots_costs_one_frame(void **state)
{
	AUTO_FREE struct disk *d = calloc(1, sizeof(*d)), *good = calloc(1, sizeof(*d));
	size_t last = ROOM - 4;

	(void)state;
	assert_true(d && good);
	good->cut_at = NEVER;
	assert_int_equal(life(good), 6);
	while (memcmp(good->view + last, "TMRK", 4) != 0)
		last--;
	for (size_t at = 0; at < good->view_n; at++) {
		struct telspool s;
		struct bytes in = { 0 };
		unsigned int n = 0;
		int r;

		*d = *good;
		d->view[at] ^= 0x5a;
		r = telspool_open(&s, &file, d, ROOM, NULL);
		if (r) { /* a version that is newer may be one */
			assert_int_equal(r, -EPROTONOSUPPORT);
			continue;
		}
		while (telspool_next(&s, &in, NULL) == 0 && in.n) {
			for (size_t used = 0; used < in.n; n++) {
				struct tel_frame f;

				assert_int_equal(tel_frame_read(bytes_of(in.p + used, in.n - used), &f, NULL), 0);
				used += f.whole.n;
			}
			assert_int_equal(telspool_replayed(&s, in.n, NULL), 0);
		}
		/* Behind the last mark what follows goes as well: it may be torn. */
		assert_true(at < last ? n >= 5 : n >= 3);
		telspool_close(&s);
	}
}

/* The file is looked at in pieces of 2 MiB: what lies across the end of one counts like all else. */
static void a_mark_across_the_end_of_what_is_read_at_once_counts(void **state)
{
	const size_t piece = (size_t)2 * TEL_FRAME_MAX, many = 1019;
	AUTO_FREE uint8_t *p = malloc(piece);

	(void)state;
	assert_non_null(p);
	for (size_t before = 2; before < 16; before += 2) {
		struct telspool_disk d = { .fd = -1 };
		struct telspool s;
		struct why w = { 0 };
		size_t n = 0, left;

		assert_ok(telspool_disk_open(&d, scratch_path("across"), &w), w);
		assert_ok(telspool_open(&s, &telspool_disk, &d, UINT32_MAX, &w), w);
		for (uint64_t seq = 1; seq <= many; seq++)
			n += frame(p + n, seq, 1000);
		left = piece - before - 16 - n - TEL_HEADER - TEL_EVENT_HEAD;
		n += frame(p + n, many + 1, left / 2);
		assert_ok(telspool_append(&s, bytes_of(p, n), &w), w);
		assert_int_equal(s.end_bytes, piece - before);
		assert_ok(telspool_append(&s, bytes_of(p, frame(p, many + 2, 10)), &w), w);
		telspool_close(&s);
		assert_ok(telspool_open(&s, &telspool_disk, &d, UINT32_MAX, &w), w);
		assert_int_equal(replay(&s, 1, false), many + 2);
		assert_int_equal(s.lost_bytes, 0);
		telspool_close(&s);
		telspool_disk_close(&d);
	}
}

static void files_are_kept_and_locked(void **state)
{
	struct telspool_disk d = { .fd = -1 }, other = { .fd = -1 };
	struct telspool s;
	uint8_t p[4096];
	struct why w = { 0 };
	const char *path = scratch_path("spool");

	(void)state;
	assert_ok(telspool_disk_open(&d, path, &w), w);
	assert_int_equal(telspool_disk_open(&other, path, NULL), -EBUSY);
	assert_ok(telspool_open(&s, &telspool_disk, &d, 1u << 20, &w), w);
	assert_ok(telspool_append(&s, bytes_of(p, frame(p, 1, 1000)), &w), w);
	telspool_close(&s);
	telspool_disk_close(&d);
	assert_ok(telspool_disk_open(&d, path, &w), w);
	assert_ok(telspool_open(&s, &telspool_disk, &d, 1u << 20, &w), w);
	assert_false(telspool_empty(&s));
	assert_int_equal(replay(&s, 1, false), 1);
	assert_true(telspool_empty(&s));
	telspool_close(&s);
	telspool_disk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durable_frames_survive_every_power_cut),
		cmocka_unit_test(a_disk_that_lies_about_syncs_is_noticed),
		cmocka_unit_test(a_full_spool_takes_nothing_and_keeps_what_it_has),
		cmocka_unit_test(a_full_disk_takes_nothing_and_leaves_no_half_frame),
		cmocka_unit_test(a_byte_that_rots_costs_one_frame),
		cmocka_unit_test(a_mark_across_the_end_of_what_is_read_at_once_counts),
		cmocka_unit_test(files_are_kept_and_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
