/* What a training goes on from (bootstage/trainer/checkpoint.h). */
#include "bootstage/trainer/checkpoint.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tests/support.h"

static int folder(void)
{
	int fd = open(scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int check(const char *name, uint64_t *generation, struct why *w)
{
	AUTO_FD fd = open(scratch_path(name), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return checkpoint_check(fd, name, generation, w);
}

static void put(const char *name, const void *p, size_t n)
{
	struct why w = { 0 };

	assert_ok(file_replace(AT_FDCWD, scratch_path(name), p, n, 0644, &w), w);
}

static void checkpoint_is_read_as_it_was_written(void **state)
{
	AUTO_FD dir = folder();
	AUTO_FREE uint8_t *payload = NULL;
	uint64_t generation = 0;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	assert_ok(checkpoint_write(dir, "a.checkpoint", 42, bytes_str("how far it is"), &w), w);
	assert_ok(check("a.checkpoint", &generation, &w), w);
	assert_int_equal(generation, 42);
	generation = 0;
	assert_ok(checkpoint_read(dir, "a.checkpoint", 13, &payload, &n, &generation, &w), w);
	assert_true(generation == 42 && n == 13 && memcmp(payload, "how far it is", 13) == 0);
	assert_int_equal(checkpoint_read(dir, "a.checkpoint", 12, &payload, &n, &generation, NULL), -E2BIG);
	assert_ok(checkpoint_write(dir, "none.checkpoint", 1, bytes_of(NULL, 0), &w), w);
	assert_ok(check("none.checkpoint", &generation, &w), w);
}

/* The format is that of docs/formats/checkpoint.md, whoever writes it. */
static void format_is_the_documented_one(void **state)
{
	static const uint8_t want[CHECKPOINT_HEADER] = {
		'T', 'D', 'M', 'C', 'K', 'P', 'T', '\n', 1, 0, 0, 0, 0, 0, 0,    0,    7,    0,
		0,   0,   0,   0,   0,   0,   9,   0,    0, 0, 0, 0, 0, 0, 0x26, 0x39, 0xf4, 0xcb,
	};
	const struct checkpoint_head h = { 7, 9, checkpoint_crc(bytes_str("123456789")) };
	uint8_t got[CHECKPOINT_HEADER];

	(void)state;
	checkpoint_format(&h, got);
	assert_memory_equal(got, want, 36);
}

/* R7: a crash leaves no checkpoint that is taken for whole */
static void checkpoint_with_any_byte_wrong_or_missing_is_refused(void **state)
{
	uint64_t generation = 5;
	AUTO_FD dir = folder();
	AUTO_FREE char *good = NULL;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	assert_ok(checkpoint_write(dir, "a.checkpoint", 42, bytes_str("how far it is"), &w), w);
	assert_ok(file_read(dir, "a.checkpoint", 4096, &good, &n, &w), w);
	for (size_t i = 0; i < n; i++) {
		good[i] ^= 4;
		put("b.checkpoint", good, n);
		good[i] ^= 4;
		assert_int_equal(check("b.checkpoint", &generation, NULL), i < 8 ? -EOPNOTSUPP : -EBADMSG);
		put("b.checkpoint", good, i);
		assert_int_equal(check("b.checkpoint", &generation, NULL), i > 0 && i < 8 ? -EOPNOTSUPP : -EBADMSG);
	}
	put("b.checkpoint", good, n + 1);
	assert_int_equal(check("b.checkpoint", &generation, NULL), -EBADMSG);
	assert_int_equal(generation, 5);
}

static void newer_format_is_named(void **state)
{
	const struct checkpoint_head h = { 1, 0, 0 };
	uint8_t b[CHECKPOINT_HEADER];
	struct checkpoint_head again;

	(void)state;
	checkpoint_format(&h, b);
	put_le32(b + 8, 2);
	put_le32(b + 36, checkpoint_crc(bytes_of(b, 36)));
	assert_int_equal(checkpoint_parse(bytes_of(b, sizeof(b)), &again, NULL), -EPROTONOSUPPORT);
}

/* R2: which one pruning must leave */
static void newest_is_the_whole_one_of_the_highest_generation(void **state)
{
	AUTO_FD dir = folder();
	char name[CHECKPOINT_NAME] = "";
	uint64_t generation = 0;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(mkdirat(dir, "models", 0755), 0);
	AUTO_FD in = openat(dir, "models", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(checkpoint_newest(in, name, &generation, NULL), -ENODATA);
	assert_ok(checkpoint_write(in, "x.checkpoint", 9, bytes_str("old"), &w), w);
	assert_ok(checkpoint_write(in, "b.checkpoint", 10, bytes_str("new"), &w), w);
	assert_ok(checkpoint_write(in, "c.checkpoint.tmp", 11, bytes_str("of another name"), &w), w);
	put("models/d.checkpoint", "TDMCKPT\nbut torn", 16);
	put("models/e.checkpoint", "of somebody else", 16);
	assert_int_equal(symlinkat("c.checkpoint.tmp", in, "f.checkpoint"), 0);
	assert_int_equal(mkfifoat(in, "g.checkpoint", 0600), 0);
	assert_ok(checkpoint_newest(in, name, &generation, &w), w);
	assert_string_equal(name, "b.checkpoint");
	assert_int_equal(generation, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checkpoint_is_read_as_it_was_written),
		cmocka_unit_test(format_is_the_documented_one),
		cmocka_unit_test(checkpoint_with_any_byte_wrong_or_missing_is_refused),
		cmocka_unit_test(newer_format_is_named),
		cmocka_unit_test(newest_is_the_whole_one_of_the_highest_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
