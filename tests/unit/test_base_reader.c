/* Pieces of a base, read in few, aligned reads (updater/base_reader.h). */
#include "updater/base_reader.h"

#include <fcntl.h>
#include <string.h>

#include "tests/support.h"

#define SIZE   ((3u << 20) + 777)
#define PIECES 200u

static uint8_t base[SIZE];
static uint8_t out[4 * BASE_READ_BYTES];

static void fill(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < SIZE; i++) {
		x = x * 1664525 + 1013904223;
		base[i] = (uint8_t)(x >> 24);
	}
}

/* A device that checks what the contract says of its reads. */
static int aligned_read(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	(void)b;
	(void)w;
	assert_true((n | off | (uintptr_t)buf) % BLK_ALIGN == 0 && n <= sizeof(out));
	memset(buf, 0xee, n);
	memcpy(buf, base + off, off + n <= SIZE ? n : SIZE - (size_t)off);
	return 0;
}

static const struct blk_ops ops = { .read = aligned_read };

static struct blk device(void)
{
	return (struct blk){ .ops = &ops,
			     .name = "device",
			     .size_bytes = (SIZE + BLK_ALIGN - 1) / BLK_ALIGN * BLK_ALIGN,
			     .align = BLK_ALIGN,
			     .fd = -1 };
}

static void check_pieces(struct base_reader *b, const struct base_piece *p, size_t n)
{
	struct base_piece copy[PIECES];
	struct why w = { 0 };

	memcpy(copy, p, n * sizeof(*p));
	memset(out, 0, sizeof(out));
	assert_ok(base_gather(b, copy, n, &w), w);
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(p[i].to, base + p[i].at, p[i].bytes);
}

static void pieces_of_any_place_and_length_are_read(void **state)
{
	struct base_piece p[PIECES];
	struct base_reader b = { 0 };
	struct blk d = device();
	struct why w = { 0 };
	uint32_t x = 7;

	(void)state;
	assert_ok(base_reader_blk(&d, SIZE, &b, &w), w);
	for (int round = 0; round < 30; round++) {
		size_t used = 0;

		for (size_t i = 0; i < PIECES; i++) {
			x = x * 1664525 + 1013904223;
			p[i].at = x % SIZE;
			p[i].bytes = (x >> 7) % 20000 + 1;
			if (i == 3)
				p[i].bytes = 2 * BASE_READ_BYTES; /* longer than the buffer */
			if (p[i].bytes > SIZE - p[i].at || p[i].bytes > sizeof(out) - used)
				p[i].bytes = 0;
			p[i].to = out + used;
			used += p[i].bytes;
		}
		check_pieces(&b, p, PIECES);
	}
	base_reader_done(&b);
}

static void neighbours_are_read_as_one(void **state)
{
	const struct base_piece p[] = {
		{ 100000, 10, out + 20 }, { 10, 10, out }, { 10000, 10, out + 10 }, { 100005, 50, out + 30 }
	};
	struct base_reader b = { 0 };
	struct blk d = device();
	struct why w = { 0 };

	(void)state;
	assert_ok(base_reader_blk(&d, SIZE, &b, &w), w);
	check_pieces(&b, p, 4);
	assert_int_equal(b.reads, 2);
	assert_int_equal(b.read_bytes, 3 * BLK_ALIGN + BLK_ALIGN);
	base_reader_done(&b);
}

static void pieces_outside_are_refused(void **state)
{
	struct base_piece p[] = {
		{ SIZE - 10, 10, out }, { SIZE - 10, 11, out }, { SIZE + 1, 1, out }, { UINT64_MAX, 1, out }
	};
	struct base_reader b = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(base_reader_memory(bytes_of(base, SIZE), &b, &w), w);
	assert_ok(base_gather(&b, &p[0], 1, &w), w);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(base_gather(&b, &p[i], 1, NULL), -EBADMSG);
	assert_int_equal(b.reads, 1);
	base_reader_done(&b);
}

static void device_that_is_too_short_is_refused(void **state)
{
	struct base_reader b = { 0 };
	struct blk d = device();
	struct why w = { 0 };

	(void)state;
	assert_int_equal(base_reader_blk(&d, d.size_bytes + 1, &b, &w), -E2BIG);
	assert_int_equal(base_reader_blk(&d, UINT64_MAX, &b, NULL), -E2BIG);
	assert_string_equal(w.text, "device: the base has 3149825 bytes, the device 3149824");
	base_reader_done(&b);
}

static void file_is_read_to_its_end(void **state)
{
	struct base_reader b = { 0 };
	struct why w = { 0 };

	(void)state;
	AUTO_FD fd = open(scratch_path("base"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, base, SIZE), SIZE);
	assert_ok(base_reader_fd(fd, SIZE, "base", &b, &w), w);
	assert_ok(base_read(&b, out, 1000, SIZE - 1000, &w), w);
	assert_memory_equal(out, base + SIZE - 1000, 1000);
	assert_int_equal(base_read(&b, out, 1000, SIZE - 999, NULL), -EBADMSG);
	assert_int_equal(ftruncate(fd, SIZE / 2), 0);
	assert_int_equal(base_read(&b, out, 1000, SIZE - 1000, NULL), -EIO);
	base_reader_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_place_and_length_are_read),
		cmocka_unit_test(neighbours_are_read_as_one),
		cmocka_unit_test(pieces_outside_are_refused),
		cmocka_unit_test(device_that_is_too_short_is_refused),
		cmocka_unit_test(file_is_read_to_its_end),
	};

	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
