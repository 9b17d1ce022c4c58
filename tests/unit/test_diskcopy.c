/* Raw images into a part of a disk: exact, sparse, bounded. And the part itself. */
#include "partitions/diskcopy.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "partitions/window.h"
#include "tests/support.h"

#define MIB (1u << 20)

static int file_of(const char *name, uint64_t bytes)
{
	int fd = open(scratch_path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

/* Bytes that depend on their place, so that a shift shows; never zero. */
static void fill(int fd, uint64_t off, size_t n)
{
	AUTO_FREE uint8_t *b = malloc(n);

	assert_non_null(b);
	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(1 + (off + i) * 2654435761u % 255);
	assert_int_equal(pwrite(fd, b, n, (off_t)off), n);
}

/* A disk of 8 MiB full of 0xaa, or of zeros, and a window of 4 MiB at 2 MiB in it. */
static void disk_with_window(bool zeroed, struct blk *disk, struct window *win)
{
	AUTO_FD fd = file_of("disk", 8 * MIB);
	struct why w = { 0 };
	uint8_t old[4096];

	memset(old, 0xaa, sizeof(old));
	for (uint64_t off = 0; !zeroed && off < 8 * MIB; off += sizeof(old))
		assert_int_equal(pwrite(fd, old, sizeof(old), (off_t)off), sizeof(old));
	assert_ok(blk_open(scratch_path("disk"), BLK_WRITE, disk, &w), w);
	assert_ok(window_open(disk, "part", 2 * MIB, 4 * MIB, win, &w), w);
}

/* The window holds [from, from+n) of the image, then zeros to the block's end, then what was there before. */
static void check(uint64_t from, size_t n, bool zeroed)
{
	AUTO_FD image = open(scratch_path("image"), O_RDONLY | O_CLOEXEC);
	AUTO_FD disk = open(scratch_path("disk"), O_RDONLY | O_CLOEXEC);
	AUTO_FREE uint8_t *want = calloc(1, 8 * MIB), *got = malloc(8 * MIB);
	struct why w = { 0 };

	assert_true(image >= 0 && disk >= 0 && want && got);
	memset(want, zeroed ? 0 : 0xaa, 8 * MIB);
	memset(want + 2 * MIB, 0, (n + 4095) / 4096 * 4096);
	assert_ok(pread_full(image, want + 2 * MIB, n, from, "image", &w), w);
	assert_ok(pread_full(disk, got, 8 * MIB, 0, "disk", &w), w);
	assert_memory_equal(want, got, 8 * MIB);
}

static void copy_is_exact_over_holes_zeros_and_odd_sizes(void **state)
{
	static const struct {
		uint64_t image, data_at;
		size_t data;
	} cases[] = {
		{ 0, 0, 0 },
		{ 1, 0, 1 },
		{ 4096, 0, 4096 },
		{ 4097, 4096, 1 },
		{ MIB, 0, MIB },
		{ MIB + 1, 0, MIB + 1 },
		{ 3 * MIB + 777, 0, 0 },
		{ 3 * MIB + 777, 70000, 5 },
		{ 3 * MIB + 777, MIB + 4095, 2 },
		{ 3 * MIB + 777, 3 * MIB, 777 },
		{ 4 * MIB, 2 * MIB, 2 * MIB },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		bool zeroed = i % 2;
		struct window win;
		struct blk disk;
		struct why w = { 0 };
		AUTO_FD image = file_of("image", cases[i / 2].image);

		if (cases[i / 2].data)
			fill(image, cases[i / 2].data_at, cases[i / 2].data);
		disk_with_window(zeroed, &disk, &win);
		assert_ok(diskcopy(scratch_path("image"), &win.blk, zeroed, NULL, &w), w);
		assert_ok(blk_close(&disk, &w), w);
		check(0, cases[i / 2].image, zeroed);
	}
}

static void copy_of_a_part_is_exact(void **state)
{
	AUTO_FD image = file_of("image", 6 * MIB);
	struct window win;
	struct blk disk;
	struct why w = { 0 };

	(void)state;
	fill(image, MIB / 2, MIB);
	fill(image, 4 * MIB + 12345, 100);
	disk_with_window(true, &disk, &win);
	assert_ok(diskcopy_part(scratch_path("image"), MIB, 4 * MIB, &win.blk, true, NULL, &w), w);
	assert_ok(blk_close(&disk, &w), w);
	check(MIB, 4 * MIB, true);
}

static void copy_leaves_a_sparse_file_sparse(void **state)
{
	AUTO_FD image = file_of("image", 4 * MIB);
	static const uint8_t zeros[65536];
	struct window win;
	struct blk disk;
	struct why w = { 0 };
	struct stat st;

	(void)state;
	fill(image, 0, 4096);
	for (uint64_t off = 65536; off < 4 * MIB; off += sizeof(zeros)) /* zeros that are no hole */
		assert_int_equal(pwrite(image, zeros, sizeof(zeros), (off_t)off), sizeof(zeros));
	disk_with_window(true, &disk, &win);
	assert_ok(diskcopy(scratch_path("image"), &win.blk, true, NULL, &w), w);
	assert_ok(blk_flush(&win.blk, &w), w);
	assert_ok(blk_close(&disk, &w), w);
	assert_int_equal(stat(scratch_path("disk"), &st), 0);
	assert_true(st.st_blocks * 512 <= 256 * 1024);
}

static void copy_of_too_much_or_of_nothing_is_refused_before_it_writes(void **state)
{
	AUTO_FD image = file_of("image", 4 * MIB + 1);
	struct window win;
	struct blk disk;
	struct why w = { 0 };

	(void)state;
	fill(image, 0, 4096);
	disk_with_window(true, &disk, &win);
	assert_int_equal(diskcopy(scratch_path("image"), &win.blk, true, NULL, &w), -EFBIG);
	assert_non_null(strstr(w.text, "do not fit into the 4.0 MiB of part"));
	assert_int_equal(diskcopy(scratch_path("nothing"), &win.blk, true, NULL, NULL), -ENOENT);
	assert_int_equal(diskcopy(scratch(), &win.blk, true, NULL, NULL), -ENOTBLK);
	assert_int_equal(diskcopy_part(scratch_path("image"), 4 * MIB, 2, &win.blk, true, NULL, NULL), -EINVAL);
	assert_int_equal(diskcopy_part(scratch_path("image"), UINT64_MAX, 2, &win.blk, true, NULL, NULL), -EINVAL);
	IGNORE(blk_close(&disk, NULL));
	assert_int_equal(ftruncate(image, 0), 0);
	check(0, 0, true);
}

struct watched {
	uint64_t last;
	unsigned int steps, stop_after;
};

static bool stop(void *arg)
{
	const struct watched *x = arg;

	return x->steps == x->stop_after;
}

static void step(void *arg, uint64_t done, uint64_t of_all)
{
	struct watched *x = arg;

	assert_true(done > x->last && done <= of_all);
	x->last = done;
	x->steps++;
}

static void copy_tells_each_step_and_stops_when_told(void **state)
{
	AUTO_FD image = file_of("image", 4 * MIB);
	struct watched x = { .stop_after = 100 };
	struct diskcopy_watch watch = { .stop = stop, .step = step, .arg = &x };
	struct window win;
	struct blk disk;
	struct why w = { 0 };

	(void)state;
	fill(image, 0, 4 * MIB);
	disk_with_window(true, &disk, &win);
	assert_ok(diskcopy(scratch_path("image"), &win.blk, true, &watch, &w), w);
	assert_int_equal(x.last, 4 * MIB);
	assert_int_equal(x.steps, 4);
	x = (struct watched){ .stop_after = 2 };
	assert_int_equal(diskcopy(scratch_path("image"), &win.blk, true, &watch, &w), -ECANCELED);
	assert_int_equal(x.steps, 2);
	assert_non_null(strstr(w.text, "interrupted after 2097152 of 4194304 bytes"));
	IGNORE(blk_close(&disk, NULL));
}

static void window_keeps_inside_its_part(void **state)
{
	AUTO_FREE uint8_t *buf = blk_alloc(8192);
	struct window win, other;
	struct blk disk;
	struct why w = { 0 };

	(void)state;
	assert_non_null(buf);
	disk_with_window(false, &disk, &win);
	assert_int_equal(window_open(&disk, "x", 5 * MIB, 4 * MIB, &other, NULL), -EINVAL);
	assert_int_equal(window_open(&disk, "x", UINT64_MAX - 4095, 8192, &other, NULL), -EINVAL);
	assert_int_equal(window_open(&disk, "x", 512, 4096, &other, NULL), -EINVAL);
	assert_int_equal(window_open(&disk, "x", 4096, 512, &other, NULL), -EINVAL);
	assert_int_equal(blk_write(&win.blk, buf, 8192, 4 * MIB - 4096, NULL), -EINVAL);
	assert_int_equal(blk_read(&win.blk, buf, 4096, 4 * MIB, NULL), -EINVAL);
	assert_int_equal(blk_zero(&win.blk, 8 * MIB, 0, NULL), -EINVAL);
	assert_ok(blk_zero(&win.blk, 4 * MIB, 0, &w), w);
	assert_ok(blk_read(&disk, buf, 8192, 2 * MIB - 4096, &w), w);
	assert_int_equal(buf[4095], 0xaa);
	assert_int_equal(buf[4096], 0);
	assert_ok(blk_read(&disk, buf, 8192, 6 * MIB - 4096, &w), w);
	assert_int_equal(buf[4095], 0);
	assert_int_equal(buf[4096], 0xaa);
	IGNORE(blk_close(&disk, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_is_exact_over_holes_zeros_and_odd_sizes),
		cmocka_unit_test(copy_of_a_part_is_exact),
		cmocka_unit_test(copy_leaves_a_sparse_file_sparse),
		cmocka_unit_test(copy_of_too_much_or_of_nothing_is_refused_before_it_writes),
		cmocka_unit_test(copy_tells_each_step_and_stops_when_told),
		cmocka_unit_test(window_keeps_inside_its_part),
	};

	return cmocka_run_group_tests_name("diskcopy", tests, NULL, NULL);
}
