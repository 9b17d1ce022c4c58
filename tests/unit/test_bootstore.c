/* The boot record's two regions: every mix of damage, every operation that fails, and who may overwrite what. */
#include "partitions/bootstore.h"

#include <fcntl.h>

#include "base/io.h"
#include "tests/support.h"

#define REGIONS_BYTES (2 * STATE_REGION_BYTES)

/* A device in memory. Operation number `fail_at` fails; a write that fails was carried out up to `torn` bytes. */
struct dev {
	struct blk blk;
	uint8_t data[REGIONS_BYTES];
	unsigned int ops, fail_at, reads, writes, flushes, zeros;
	size_t torn;
	bool lies;            /* writes are reported as done and are not */
	uint64_t deaf_region; /* offset of a region whose reads fail; 1: none */
};

static bool due(struct dev *d)
{
	return d->ops++ == d->fail_at;
}

static int dev_read(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	struct dev *d = (struct dev *)b;

	d->reads++;
	if (due(d) || off / STATE_REGION_BYTES * STATE_REGION_BYTES == d->deaf_region)
		return fail(w, -EIO, "dev: read");
	assert_true(off + n <= REGIONS_BYTES);
	memcpy(buf, d->data + off, n);
	return 0;
}

static int dev_write(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w)
{
	struct dev *d = (struct dev *)b;
	bool fails = due(d);

	d->writes++;
	assert_true(off + n <= REGIONS_BYTES);
	if (!d->lies)
		memcpy(d->data + off, buf, fails ? d->torn : n);
	return fails ? fail(w, -EIO, "dev: write") : 0;
}

static int dev_zero(struct blk *b, uint64_t n, uint64_t off, struct why *w)
{
	struct dev *d = (struct dev *)b;

	d->zeros++;
	if (due(d))
		return fail(w, -EIO, "dev: zero");
	assert_true(off + n <= REGIONS_BYTES);
	memset(d->data + off, 0, n);
	return 0;
}

static int dev_flush(struct blk *b, struct why *w)
{
	struct dev *d = (struct dev *)b;

	d->flushes++;
	return due(d) ? fail(w, -EIO, "dev: flush") : 0;
}

static struct dev *dev_init(struct dev *d)
{
	static const struct blk_ops ops = {
		.read = dev_read, .write = dev_write, .zero = dev_zero, .flush = dev_flush
	};

	memset(d, 0, sizeof(*d));
	d->blk = (struct blk){
		.ops = &ops, .name = "dev", .size_bytes = STATE_PARTITION_BYTES, .align = BLK_ALIGN, .fd = -1
	};
	d->fail_at = UINT32_MAX;
	d->deaf_region = 1;
	return d;
}

static struct bootrec record(uint64_t sequence, enum slot committed)
{
	struct bootrec r = { .sequence = sequence, .committed = committed, .target = SLOT_NONE };

	r.slots[committed].state = STATE_GOOD;
	return r;
}

enum content { ZEROS, JUNK, TORN, OLD, MIDDLE, NEW, NEWER_FORMAT_OLD, NEWER_FORMAT_NEW, UNREADABLE, CONTENTS };

static bool valid(enum content c)
{
	return c == OLD || c == NEW || c == MIDDLE;
}

static bool newer(enum content c)
{
	return c == NEWER_FORMAT_OLD || c == NEWER_FORMAT_NEW;
}

/* OLD has sequence 5, MIDDLE 6, NEW 7. Region 0 commits slot a, region 1 slot b, so that they can be told apart. */
static void put_content(struct dev *d, unsigned int i, enum content c)
{
	uint8_t *at = d->data + i * STATE_REGION_BYTES;
	bool old = c == OLD || c == NEWER_FORMAT_OLD;
	struct bootrec r = record(old ? 5 : c == MIDDLE ? 6 : 7, i == 0 ? SLOT_A : SLOT_B);
	struct hash h;

	if (c == UNREADABLE)
		d->deaf_region = i * STATE_REGION_BYTES;
	if (c == ZEROS)
		return;
	bootrec_format(&r, at);
	if (c == JUNK)
		memset(at, 0xee, BOOTREC_BYTES);
	if (c == TORN)
		memset(at + 512, 0, 512);
	if (c == TORN)
		at[600] = 1;
	if (newer(c)) {
		at[8] = BOOTREC_VERSION + 1;
		h = hash_of(bytes_of(at, BOOTREC_BYTES - HASH_BYTES));
		memcpy(at + BOOTREC_BYTES - HASH_BYTES, h.b, HASH_BYTES);
	}
}

/* The region whose record is in force; -1 none. */
static int winner_of(enum content a, enum content b)
{
	if (!valid(a) && !valid(b))
		return -1;
	if (!valid(b) || !valid(a))
		return valid(a) ? 0 : 1;
	return b > a ? 1 : 0; /* alike: the first */
}

static void check_mix(enum content a, enum content b)
{
	AUTO_FREE struct dev *d = malloc(sizeof(*d)), *before = malloc(sizeof(*d));
	struct bootrec rec = { .misses = 99 }, next;
	int winner = winner_of(a, b), r;
	struct why w = { 0 };
	struct bootstore st;

	assert_true(d && before);
	put_content(dev_init(d), 0, a);
	put_content(d, 1, b);
	r = bootstore_read(&st, &d->blk, &rec, &w);
	assert_int_equal(d->writes + d->zeros, 0);
	assert_int_equal(st.damage[0][0] != '\0', a != ZEROS && !valid(a));
	assert_int_equal(st.damage[1][0] != '\0', b != ZEROS && !valid(b));
	memcpy(before, d, sizeof(*d));
	next = record(0, SLOT_B);
	next.misses = 1;
	if (newer(a) || newer(b)) {
		assert_int_equal(r, -EPROTONOSUPPORT);
		assert_non_null(strstr(w.text, "version 2"));
		assert_int_equal(rec.misses, 99);
		assert_int_equal(bootstore_write(&st, &next, NULL), -EPROTONOSUPPORT);
		assert_int_equal(next.sequence, 0);
		assert_memory_equal(d->data, before->data, REGIONS_BYTES);
		return;
	}
	assert_int_equal(r, winner < 0 ? -ENODATA : 0);
	if (winner < 0)
		assert_int_equal(rec.misses, 99);
	else
		assert_int_equal(rec.committed, winner == 0 ? SLOT_A : SLOT_B);
	d->deaf_region = 1;
	w = (struct why){ 0 };
	assert_ok(bootstore_write(&st, &next, &w), w);
	if (winner >= 0) { /* the record in force was not touched */
		assert_int_equal(next.sequence, rec.sequence + 1);
		assert_memory_equal(d->data + winner * (int)STATE_REGION_BYTES,
				    before->data + winner * (int)STATE_REGION_BYTES, STATE_REGION_BYTES);
	}
	assert_ok(bootstore_read(&st, &d->blk, &rec, &w), w);
	assert_int_equal(rec.misses, 1);
	assert_int_equal(rec.sequence, next.sequence);
}

static void every_mix_of_two_regions_is_read_and_written_by_the_rules(void **state)
{
	(void)state;
	for (enum content a = ZEROS; a < CONTENTS; a++)
		for (enum content b = ZEROS; b < CONTENTS; b++)
			if (a != UNREADABLE || b != UNREADABLE)
				check_mix(a, b);
}

/* A region that could not be read for a moment held an old record: it must not come back as the newest. */
static void record_that_could_not_be_read_does_not_come_back(void **state)
{
	AUTO_FREE struct dev *d = malloc(sizeof(*d));
	struct bootrec rec, next = record(0, SLOT_A);
	struct why w = { 0 };
	struct bootstore st;

	(void)state;
	assert_non_null(d);
	put_content(dev_init(d), 1, NEW);
	d->deaf_region = STATE_REGION_BYTES;
	assert_int_equal(bootstore_read(&st, &d->blk, &rec, NULL), -ENODATA);
	assert_string_equal(st.damage[1], "region 1: dev: read");
	d->deaf_region = 1;
	assert_ok(bootstore_write(&st, &next, &w), w);
	assert_ok(bootstore_read(&st, &d->blk, &rec, &w), w);
	assert_int_equal(rec.committed, SLOT_A);
	assert_int_equal(rec.sequence, 1);
}

static void lost_record_is_written_where_one_region_still_works(void **state)
{
	(void)state;
	for (uint64_t deaf = 0; deaf <= STATE_REGION_BYTES; deaf += STATE_REGION_BYTES) {
		AUTO_FREE struct dev *d = malloc(sizeof(*d));
		struct bootrec rec, next = record(0, SLOT_B);
		struct why w = { 0 };
		struct bootstore st;

		assert_non_null(d);
		dev_init(d)->deaf_region = deaf;
		assert_int_equal(bootstore_read(&st, &d->blk, &rec, NULL), -ENODATA);
		assert_ok(bootstore_write(&st, &next, &w), w);
		assert_ok(bootstore_read(&st, &d->blk, &rec, &w), w);
		assert_int_equal(rec.committed, SLOT_B);
	}
}

static void writes_alternate_and_go_up(void **state)
{
	AUTO_FREE struct dev *d = malloc(sizeof(*d));
	struct bootrec rec = record(0, SLOT_A), back;
	struct why w = { 0 };
	struct bootstore st;

	(void)state;
	assert_non_null(d);
	memset(dev_init(d)->data, 0xee, REGIONS_BYTES);
	assert_ok(bootstore_create(&d->blk, &rec, &w), w);
	assert_int_equal(rec.sequence, 1);
	assert_true(bytes_all_zero(bytes_of(d->data + STATE_REGION_BYTES, STATE_REGION_BYTES)));
	assert_ok(bootstore_read(&st, &d->blk, &back, &w), w);
	for (unsigned int i = 2; i < 20; i++) {
		rec.misses = i;
		assert_ok(bootstore_write(&st, &rec, &w), w);
		assert_int_equal(rec.sequence, i);
		assert_int_equal(st.winner, i % 2 ? 0 : 1);
		assert_ok(bootstore_read(&st, &d->blk, &back, &w), w);
		assert_int_equal(back.misses, i);
	}
	assert_int_equal(d->writes, d->flushes); /* each is flushed */
}

/* write, flush, read back: each fails once, a failing write after any number of sectors. */
static void write_that_fails_leaves_the_old_record_in_force(void **state)
{
	AUTO_FREE struct dev *d = malloc(sizeof(*d));
	struct bootrec rec, next, back;
	struct why w = { 0 };
	struct bootstore st;

	(void)state;
	assert_non_null(d);
	for (unsigned int op = 0; op < 3; op++) {
		for (size_t torn = 0; torn < BOOTREC_BYTES; torn += 512) {
			put_content(dev_init(d), 0, NEW);
			put_content(d, 1, OLD);
			assert_ok(bootstore_read(&st, &d->blk, &rec, &w), w);
			d->fail_at = d->ops + op;
			d->torn = torn;
			next = record(3, SLOT_B);
			assert_int_equal(bootstore_write(&st, &next, NULL), -EIO);
			assert_int_equal(next.sequence, 3);
			assert_int_equal(st.winner, 0);
			assert_int_equal(st.sequence, 7);
			if (op == 0) { /* not a byte of it counts */
				struct bootstore again;

				assert_ok(bootstore_read(&again, &d->blk, &back, &w), w);
				assert_int_equal(back.sequence, 7);
			}
			assert_ok(bootstore_write(&st, &next, &w), w); /* and the next one works */
			assert_ok(bootstore_read(&st, &d->blk, &back, &w), w);
			assert_int_equal(back.sequence, 8);
			assert_int_equal(back.committed, SLOT_B);
		}
	}
}

static void device_that_lies_about_writes_is_found_out(void **state)
{
	AUTO_FREE struct dev *d = malloc(sizeof(*d));
	struct bootrec rec, next = record(0, SLOT_B);
	struct why w = { 0 };
	struct bootstore st;

	(void)state;
	assert_non_null(d);
	put_content(dev_init(d), 0, NEW);
	assert_ok(bootstore_read(&st, &d->blk, &rec, &w), w);
	d->lies = true;
	assert_int_equal(bootstore_write(&st, &next, &w), -EIO);
	assert_string_equal(w.text, "dev: the boot record reads back different from what was written");
	w = (struct why){ 0 };
	dev_init(d)->lies = true;
	assert_int_equal(bootstore_read(&st, &d->blk, &rec, NULL), -ENODATA);
	assert_int_equal(bootstore_write(&st, &next, &w), -EIO);
	assert_int_equal(bootstore_create(&d->blk, &next, NULL), -EIO);
	assert_int_equal(next.sequence, 0);
}

static void creating_fails_at_each_operation_without_an_old_record_left(void **state)
{
	AUTO_FREE struct dev *d = malloc(sizeof(*d));

	(void)state;
	assert_non_null(d);
	for (unsigned int op = 0; op < 4; op++) {
		struct bootrec rec = record(9, SLOT_B);

		put_content(dev_init(d), 1, NEW);
		d->fail_at = op;
		assert_int_equal(bootstore_create(&d->blk, &rec, NULL), -EIO);
		assert_int_equal(rec.sequence, 9);
		if (op > 0) /* it is gone before the new one is there */
			assert_true(bytes_all_zero(bytes_of(d->data + STATE_REGION_BYTES, BOOTREC_BYTES)));
	}
}

static void partition_that_is_too_small_is_refused_and_left_alone(void **state)
{
	AUTO_FREE struct dev *d = malloc(sizeof(*d));
	struct bootrec rec = record(9, SLOT_B);
	struct bootstore st = { .winner = 77 };
	struct why w = { 0 };

	(void)state;
	assert_non_null(d);
	dev_init(d)->blk.size_bytes = STATE_PARTITION_BYTES - 1;
	assert_int_equal(bootstore_read(&st, &d->blk, &rec, &w), -EINVAL);
	assert_non_null(strstr(w.text, "too few"));
	assert_int_equal(bootstore_create(&d->blk, &rec, NULL), -EINVAL);
	assert_int_equal(d->ops, 0);
	assert_int_equal(rec.sequence, 9);
}

static void real_file_is_read_and_written(void **state)
{
	const char *path = scratch_path("state.img");
	struct bootrec rec = record(0, SLOT_A), back;
	struct bootstore st;
	struct why w = { 0 };
	struct blk b;

	(void)state;
	{
		AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		assert_true(fd >= 0 && ftruncate(fd, (off_t)STATE_PARTITION_BYTES) == 0);
	}
	assert_ok(blk_open(path, BLK_WRITE, &b, &w), w);
	assert_ok(bootstore_create(&b, &rec, &w), w);
	assert_ok(bootstore_read(&st, &b, &back, &w), w);
	rec.misses = 2;
	assert_ok(bootstore_write(&st, &rec, &w), w);
	assert_ok(blk_close(&b, &w), w);
	assert_ok(blk_open(path, BLK_READ, &b, &w), w);
	assert_ok(bootstore_read(&st, &b, &back, &w), w);
	assert_int_equal(back.misses, 2);
	assert_int_equal(back.sequence, 2);
	assert_int_equal(bootstore_write(&st, &rec, NULL), -EBADF); /* opened to look */
	assert_ok(blk_close(&b, &w), w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mix_of_two_regions_is_read_and_written_by_the_rules),
		cmocka_unit_test(record_that_could_not_be_read_does_not_come_back),
		cmocka_unit_test(lost_record_is_written_where_one_region_still_works),
		cmocka_unit_test(writes_alternate_and_go_up),
		cmocka_unit_test(write_that_fails_leaves_the_old_record_in_force),
		cmocka_unit_test(device_that_lies_about_writes_is_found_out),
		cmocka_unit_test(creating_fails_at_each_operation_without_an_old_record_left),
		cmocka_unit_test(partition_that_is_too_small_is_refused_and_left_alone),
		cmocka_unit_test(real_file_is_read_and_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
