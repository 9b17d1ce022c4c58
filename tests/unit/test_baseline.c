/* What the committed slot's last boot failed at: format, and the block on its device (partitions/baseline.h). */
#include "partitions/baseline.h"

#include "tests/support.h"

#define PART (1u << 20)

/* A device of memory; a write is cut after `cut` bytes, in sectors, as by a power cut. */
static struct {
	struct blk blk;
	uint8_t bytes[PART];
	size_t cut;
	bool broken, lies;
	unsigned int writes, flushes;
} dev;

static int dev_read(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	(void)b, (void)w;
	memcpy(buf, dev.bytes + off, n);
	return 0;
}

static int dev_write(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w)
{
	(void)b;
	dev.writes++;
	if (dev.broken)
		return fail(w, -EIO, "worn out");
	if (!dev.lies)
		memcpy(dev.bytes + off, buf, n < dev.cut ? n : dev.cut);
	return n <= dev.cut ? 0 : fail(w, -EIO, "the power is gone");
}

static int dev_flush(struct blk *b, struct why *w)
{
	(void)b, (void)w;
	dev.flushes++;
	return 0;
}

static const struct blk_ops ops = { .read = dev_read, .write = dev_write, .flush = dev_flush };

static struct blk *fresh(void)
{
	memset(&dev, 0, sizeof(dev));
	dev.cut = SIZE_MAX;
	dev.blk = (struct blk){ .ops = &ops, .name = "dev", .size_bytes = PART, .align = BLK_ALIGN, .fd = -1 };
	return &dev.blk;
}

static struct baseline sample(enum slot s)
{
	struct baseline b = { .slot = s };

	baseline_add(&b, "tune");
	baseline_add(&b, "a-stage_2");
	return b;
}

static void it_comes_back_as_it_was_written(void **state)
{
	struct blk *d = fresh();
	struct baseline b = sample(SLOT_B), back;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(baseline_read(d, &back, NULL), -ENODATA);
	assert_ok(baseline_write(d, &b, &w), w);
	assert_int_equal(dev.flushes, 1);
	assert_ok(baseline_read(d, &back, &w), w);
	assert_memory_equal(&back, &b, sizeof(b));
	assert_true(baseline_excuses(&back, SLOT_B, "tune"));
	assert_false(baseline_excuses(&back, SLOT_A, "tune"));
	assert_false(baseline_excuses(&back, SLOT_B, "tun"));
	assert_memory_equal(dev.bytes + BASELINE_OFFSET, "TNDMBASE", 8); /* docs/formats/baseline.md */
}

static void the_same_is_not_written_twice(void **state)
{
	struct blk *d = fresh();
	struct baseline b = sample(SLOT_A);
	struct why w = { 0 };

	(void)state;
	assert_ok(baseline_write(d, &b, &w), w);
	assert_ok(baseline_write(d, &b, &w), w);
	assert_int_equal(dev.writes, 1);
	b.slot = SLOT_B;
	assert_ok(baseline_write(d, &b, &w), w);
	assert_int_equal(dev.writes, 2);
}

static void the_largest_fits_and_one_more_is_left_out(void **state)
{
	struct baseline b = { .slot = SLOT_A }, back;
	uint8_t block[BASELINE_BYTES];
	struct why w = { 0 };
	char name[80];

	(void)state;
	for (unsigned int i = 0; i <= BASELINE_NAMES; i++) {
		(void)snprintf(name, sizeof(name), "%063u", i);
		baseline_add(&b, name);
	}
	assert_int_equal(b.n, BASELINE_NAMES);
	baseline_format(&b, block);
	assert_ok(baseline_parse(bytes_of(block, sizeof(block)), &back, &w), w);
	assert_memory_equal(&back, &b, sizeof(b));
}

static void seal(uint8_t block[BASELINE_BYTES])
{
	struct hash h = hash_of(bytes_of(block, BASELINE_BYTES - HASH_BYTES));

	memcpy(block + BASELINE_BYTES - HASH_BYTES, h.b, HASH_BYTES);
}

static void each_damage_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		int want;
	} table[] = {
		{ 0, 'X', -EBADMSG },
		{ 8, 0, -EBADMSG },
		{ 8, 2, -EPROTONOSUPPORT },
		{ 12, 1, -EBADMSG },
		{ 16, 2, -EBADMSG },
		{ 17, 57, -EBADMSG },
		{ 17, 3, -EBADMSG } /* an empty name */,
		{ 64, 'T', -EBADMSG },
		{ 64, '/', -EBADMSG },
		{ 64, 0, -EBADMSG },
		{ 80, 'x', -EBADMSG } /* behind the NUL */,
		{ 3700, 1, 0 } /* reserved */,
	};
	struct baseline b = sample(SLOT_A), back;
	uint8_t good[BASELINE_BYTES], block[BASELINE_BYTES];

	(void)state;
	baseline_format(&b, good);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		memcpy(block, good, sizeof(block));
		block[table[i].at] = table[i].value;
		seal(block);
		if (baseline_parse(bytes_of(block, sizeof(block)), &back, NULL) != table[i].want)
			fail_msg("byte %zu as %u", table[i].at, table[i].value);
	}
	for (size_t i = 0; i < sizeof(good); i++) {
		memcpy(block, good, sizeof(block));
		block[i] ^= 1;
		assert_int_equal(baseline_parse(bytes_of(block, sizeof(block)), &back, NULL), -EBADMSG);
	}
	for (size_t n = 0; n < sizeof(good); n++)
		assert_int_equal(baseline_parse(bytes_of(good, n), &back, NULL), -EBADMSG);
}

/* A power cut at every sector of the write, torn inside one as well: the old one, the new one, or none; never another. */
static void a_power_cut_leaves_old_new_or_none(void **state)
{
	struct baseline old = sample(SLOT_A), new = { .slot = SLOT_B }, back;
	unsigned int olds = 0, news = 0, none = 0;
	struct why w = { 0 };

	(void)state;
	baseline_add(&new, "other");
	for (size_t cut = 0; cut <= BASELINE_BYTES; cut += 64) {
		struct blk *d = fresh();
		int r;

		assert_ok(baseline_write(d, &old, &w), w);
		dev.cut = cut;
		r = baseline_write(d, &new, NULL);
		assert_int_equal(r == 0, cut == BASELINE_BYTES);
		r = baseline_read(d, &back, NULL);
		assert_true(r == 0 || r == -EBADMSG);
		none += r != 0;
		olds += r == 0 && memcmp(&back, &old, sizeof(old)) == 0;
		news += r == 0 && memcmp(&back, &new, sizeof(new)) == 0;
		dev.cut = SIZE_MAX;
		assert_ok(baseline_write(d, &new, &w), w); /* and the next boot mends it */
	}
	assert_int_equal(olds + news + none, BASELINE_BYTES / 64 + 1);
	assert_true(olds >= 1 && news >= 1 && none > 0);
}

static void what_cannot_be_written_is_told(void **state)
{
	struct blk *d = fresh();
	struct baseline b = sample(SLOT_A);
	uint8_t block[BASELINE_BYTES];
	struct why w = { 0 };

	(void)state;
	dev.broken = true;
	assert_int_equal(baseline_write(d, &b, NULL), -EIO);
	d = fresh();
	dev.lies = true;
	assert_int_equal(baseline_write(d, &b, &w), -EIO);
	assert_non_null(strstr(w.text, "reads back as something else"));
	d = fresh();
	baseline_format(&b, block);
	block[8] = 9;
	seal(block);
	memcpy(dev.bytes + BASELINE_OFFSET, block, sizeof(block));
	assert_int_equal(baseline_write(d, &b, NULL), -EPROTONOSUPPORT);
	assert_memory_equal(dev.bytes + BASELINE_OFFSET, block, sizeof(block));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_comes_back_as_it_was_written),
		cmocka_unit_test(the_same_is_not_written_twice),
		cmocka_unit_test(the_largest_fits_and_one_more_is_left_out),
		cmocka_unit_test(each_damage_is_refused),
		cmocka_unit_test(a_power_cut_leaves_old_new_or_none),
		cmocka_unit_test(what_cannot_be_written_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
