/* The door to block devices (base/blk.h), on regular files: with O_DIRECT where the file system has it, and on tmpfs. */
#include "base/blk.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/bytes.h"
#include "tests/support.h"

#define SIZE (8u * BLK_ALIGN)

static const char *make_file(const char *path, size_t n)
{
	AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && ftruncate(fd, (off_t)n) == 0);
	return path;
}

static void fill(struct blk *b, uint8_t with)
{
	AUTO_FREE uint8_t *buf = blk_alloc(SIZE);
	struct why w = { 0 };

	assert_non_null(buf);
	memset(buf, with, SIZE);
	assert_ok(blk_write(b, buf, SIZE, 0, &w), w);
}

/* Every block of b holds `with`, except [from, to) which is zero. */
static void assert_filled(struct blk *b, uint8_t with, uint64_t from, uint64_t to)
{
	AUTO_FREE uint8_t *buf = blk_alloc(SIZE);
	struct why w = { 0 };

	assert_ok(blk_read(b, buf, SIZE, 0, &w), w);
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(buf[i], i >= from && i < to ? 0 : with);
}

static void written_blocks_are_read_back(const char *path)
{
	struct why w = { 0 };
	struct blk b;

	make_file(path, SIZE);
	assert_ok(blk_open(path, BLK_WRITE_EXCLUSIVE, &b, &w), w);
	assert_int_equal(b.size_bytes, SIZE);
	assert_int_equal(b.align, BLK_ALIGN);
	assert_false(b.block_device);
	fill(&b, 0xaa);
	assert_ok(blk_flush(&b, &w), w);
	assert_filled(&b, 0xaa, 0, 0);
	assert_ok(blk_zero(&b, 0, BLK_ALIGN, &w), w);
	assert_filled(&b, 0xaa, 0, 0);
	assert_ok(blk_zero(&b, 3 * BLK_ALIGN, 2 * BLK_ALIGN, &w), w);
	assert_filled(&b, 0xaa, 2 * BLK_ALIGN, 5 * BLK_ALIGN);
	assert_ok(blk_zero(&b, SIZE, 0, &w), w);
	assert_filled(&b, 0, 0, 0);
	assert_ok(blk_close(&b, &w), w);
}

static void a_file_is_written_read_and_zeroed(void **state)
{
	(void)state;
	written_blocks_are_read_back(scratch_path("file"));
}

/* tmpfs: no O_DIRECT before Linux 6.6, and no FALLOC_FL_ZERO_RANGE in any. */
static void a_tmpfs_file_is_written_read_and_zeroed(void **state)
{
	char path[] = "/dev/shm/tandem-test-XXXXXX";
	struct statfs fs;
	int fd;

	(void)state;
	if (statfs("/dev/shm", &fs) || fs.f_type != TMPFS_MAGIC)
		skip();
	fd = mkstemp(path);
	if (fd < 0)
		skip();
	(void)close(fd);
	written_blocks_are_read_back(path);
	(void)unlink(path);
}

static void zeroing_more_than_one_step_by_writing_is_whole(void **state)
{
	const size_t n = (2u << 20) + 3 * BLK_ALIGN;
	char path[] = "/dev/shm/tandem-test-XXXXXX";
	AUTO_FREE uint8_t *buf = blk_alloc(n);
	struct why w = { 0 };
	struct blk b;
	int fd = mkstemp(path);

	(void)state;
	assert_non_null(buf);
	if (fd < 0)
		skip();
	(void)close(fd);
	make_file(path, n + BLK_ALIGN);
	memset(buf, 0x55, n);
	assert_ok(blk_open(path, BLK_WRITE, &b, &w), w);
	(void)unlink(path);
	assert_ok(blk_write(&b, buf, n, 0, &w), w);
	assert_ok(blk_write(&b, buf, BLK_ALIGN, n, &w), w);
	assert_ok(blk_zero(&b, n - BLK_ALIGN, BLK_ALIGN, &w), w);
	assert_ok(blk_read(&b, buf, n, 0, &w), w);
	assert_int_equal(buf[BLK_ALIGN - 1], 0x55);
	assert_true(bytes_all_zero(bytes_of(buf + BLK_ALIGN, n - BLK_ALIGN)));
	assert_ok(blk_read(&b, buf, BLK_ALIGN, n, &w), w);
	assert_int_equal(buf[0], 0x55);
	assert_ok(blk_close(&b, &w), w);
}

static void what_is_not_aligned_or_outside_is_refused(void **state)
{
	static const struct {
		uint64_t n, off;
		const char *want;
	} bad[] = {
		{ BLK_ALIGN, 512, "not aligned" },
		{ 512, 0, "not aligned" },
		{ BLK_ALIGN, SIZE, "outside" },
		{ 2 * BLK_ALIGN, SIZE - BLK_ALIGN, "outside" },
		{ BLK_ALIGN, UINT64_MAX - BLK_ALIGN + 1, "outside" },
		{ BLK_ALIGN, (uint64_t)1 << 63, "outside" },
	};
	const char *path = make_file(scratch_path("bounds"), SIZE);
	AUTO_FREE uint8_t *buf = blk_alloc(2 * BLK_ALIGN);
	struct why w = { 0 };
	struct blk b;

	(void)state;
	memset(buf, 0, 2 * BLK_ALIGN);
	assert_ok(blk_open(path, BLK_WRITE, &b, &w), w);
	fill(&b, 0xaa);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct why r = { 0 }, wr = { 0 }, z = { 0 };

		assert_int_equal(blk_read(&b, buf, bad[i].n, bad[i].off, &r), -EINVAL);
		assert_non_null(strstr(r.text, bad[i].want));
		assert_int_equal(blk_write(&b, buf, bad[i].n, bad[i].off, &wr), -EINVAL);
		assert_int_equal(blk_zero(&b, bad[i].n, bad[i].off, &z), -EINVAL);
	}
	assert_int_equal(blk_read(&b, buf + 1, BLK_ALIGN, 0, &w), -EINVAL);
	assert_filled(&b, 0xaa, 0, 0);
	w = (struct why){ 0 };
	assert_ok(blk_close(&b, &w), w);
}

static void read_mode_does_not_write(void **state)
{
	const char *path = make_file(scratch_path("ro"), SIZE);
	AUTO_FREE uint8_t *buf = blk_alloc(BLK_ALIGN);
	struct why w = { 0 }, wr = { 0 }, z = { 0 };
	struct blk b;

	(void)state;
	memset(buf, 1, BLK_ALIGN);
	assert_ok(blk_open(path, BLK_READ, &b, &w), w);
	assert_int_equal(blk_write(&b, buf, BLK_ALIGN, 0, &wr), -EBADF);
	assert_int_equal(blk_zero(&b, BLK_ALIGN, 0, &z), -EBADF);
	assert_filled(&b, 0, 0, 0);
	assert_ok(blk_close(&b, &w), w);
}

/* The end of a file whose size is no multiple of the alignment cannot be reached, and nothing grows it. */
static void a_ragged_end_is_outside(void **state)
{
	const char *path = make_file(scratch_path("ragged"), SIZE + 100);
	AUTO_FREE uint8_t *buf = blk_alloc(BLK_ALIGN);
	struct why w = { 0 }, r = { 0 };
	struct stat st;
	struct blk b;

	(void)state;
	memset(buf, 1, BLK_ALIGN);
	assert_ok(blk_open(path, BLK_WRITE, &b, &w), w);
	assert_int_equal(blk_write(&b, buf, BLK_ALIGN, SIZE, &r), -EINVAL);
	assert_ok(blk_close(&b, &w), w);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE + 100);
}

static void a_file_that_ends_early_is_a_short_read(void **state)
{
	const char *path = make_file(scratch_path("short"), SIZE);
	AUTO_FREE uint8_t *buf = blk_alloc(SIZE);
	struct why w = { 0 }, r = { 0 };
	struct blk b;

	(void)state;
	assert_ok(blk_open(path, BLK_READ, &b, &w), w);
	assert_int_equal(truncate(path, BLK_ALIGN), 0);
	assert_int_equal(blk_read(&b, buf, SIZE, 0, &r), -EIO);
	assert_non_null(strstr(r.text, "ends at byte 4096"));
	assert_ok(blk_close(&b, &w), w);
}

static void what_cannot_be_opened_is_named(void **state)
{
	struct why missing = { 0 }, folder = { 0 }, null = { 0 };
	struct blk b = { .fd = 77 };

	(void)state;
	assert_int_equal(blk_open("/no/such", BLK_READ, &b, &missing), -ENOENT);
	assert_string_equal(missing.text, "/no/such: No such file or directory");
	assert_int_equal(blk_open(scratch(), BLK_READ, &b, &folder), -ENOTBLK);
	assert_int_equal(blk_open("/dev/null", BLK_WRITE, &b, &null), -ENOTBLK);
	assert_int_equal(b.fd, 77);
}

static void closing_what_was_never_opened_is_fine(void **state)
{
	struct blk b = { .fd = -1 };
	struct why w = { 0 };

	(void)state;
	assert_ok(blk_close(&b, &w), w);
	assert_ok(blk_close(&b, &w), w);
}

static void memory_is_aligned(void **state)
{
	AUTO_FREE void *p = blk_alloc(BLK_ALIGN), *q = blk_alloc(5 * BLK_ALIGN);

	(void)state;
	assert_non_null(p);
	assert_int_equal(((uintptr_t)p | (uintptr_t)q) % BLK_ALIGN, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_written_read_and_zeroed),
		cmocka_unit_test(a_tmpfs_file_is_written_read_and_zeroed),
		cmocka_unit_test(zeroing_more_than_one_step_by_writing_is_whole),
		cmocka_unit_test(what_is_not_aligned_or_outside_is_refused),
		cmocka_unit_test(read_mode_does_not_write),
		cmocka_unit_test(a_ragged_end_is_outside),
		cmocka_unit_test(a_file_that_ends_early_is_a_short_read),
		cmocka_unit_test(what_cannot_be_opened_is_named),
		cmocka_unit_test(closing_what_was_never_opened_is_fine),
		cmocka_unit_test(memory_is_aligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
