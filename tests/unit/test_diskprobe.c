/* What libblkid finds, in our struct. */
#include "partitions/diskprobe.h"

#include <fcntl.h>
#include <string.h>

#include "base/proc.h"
#include "partitions/gpt.h"
#include "tests/support.h"

#define MIB (1ull << 20)

static int image(uint64_t bytes)
{
	int fd = open(scratch_path("p.img"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static struct diskprobe probe(int fd, uint64_t off, uint64_t bytes)
{
	struct diskprobe p = { .several = true };
	struct why w = { 0 };

	assert_ok(diskprobe_at(fd, "p.img", off, bytes, &p, &w), w);
	return p;
}

static void probe_of_zeros_finds_nothing(void **state)
{
	AUTO_FD fd = image(8 * MIB);
	struct diskprobe p = probe(fd, 0, 0);
	char text[256];

	(void)state;
	assert_false(diskprobe_found(&p));
	assert_string_equal(diskprobe_describe(&p, text), "nothing known");
}

static void probe_of_a_filesystem_at_an_offset_gives_type_label_and_uuid(void **state)
{
	const char *argv[] = { "/usr/sbin/mke2fs",
			       "-q",
			       "-F",
			       "-t",
			       "ext4",
			       "-L",
			       "my data",
			       "-U",
			       "12345678-1234-4234-8234-123456789abc",
			       "-E",
			       "offset=1048576",
			       scratch_path("p.img"),
			       "8M",
			       NULL };
	AUTO_FD fd = image(16 * MIB);
	struct why w = { 0 };
	struct diskprobe p;
	char text[256];

	(void)state;
	if (access(argv[0], X_OK))
		skip();
	assert_ok(proc_must(argv, 20000, &w), w);
	p = probe(fd, MIB, 8 * MIB);
	assert_true(diskprobe_found(&p));
	assert_string_equal(p.type, "ext4");
	assert_string_equal(p.usage, "filesystem");
	assert_string_equal(p.label, "my data");
	assert_string_equal(p.uuid, "12345678-1234-4234-8234-123456789abc");
	assert_string_equal(p.table, "");
	assert_string_equal(diskprobe_describe(&p, text), "ext4 filesystem labelled 'my data'");
	p = probe(fd, 0, 0);
	assert_false(diskprobe_found(&p));
}

static void probe_of_swap_and_of_a_table_says_which(void **state)
{
	struct gpt_table t = { .sector_bytes = 512,
			       .disk_bytes = 8 * MIB,
			       .id = "abcdefab-1234-4234-8234-1234567890ab" };
	AUTO_FD fd = image(8 * MIB);
	struct diskprobe p;
	struct why w = { 0 };
	char text[256];

	(void)state;
	assert_int_equal(pwrite(fd, "SWAPSPACE2", 10, 4096 - 10), 10);
	assert_int_equal(pwrite(fd, "\1\0\0\0\0\4\0\0", 8, 1024), 8); /* version 1, 1024 pages */
	p = probe(fd, 0, 0);
	assert_string_equal(p.type, "swap");
	assert_string_equal(diskprobe_describe(&p, text), "swap");
	assert_ok(gpt_write(fd, "p.img", &t, &w), w);
	p = probe(fd, 0, 0);
	assert_true(diskprobe_found(&p));
	if (!p.several)
		assert_string_equal(p.table, "gpt");
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, 8 * MIB), 0);
	assert_ok(gpt_write(fd, "p.img", &t, &w), w);
	p = probe(fd, 0, 0);
	assert_string_equal(p.table, "gpt");
	assert_string_equal(diskprobe_describe(&p, text), "partition table of type gpt");
}

static void probe_of_contradicting_signatures_says_so(void **state)
{
	const char *argv[] = { "/usr/sbin/mke2fs", "-q", "-F", "-b", "4096", scratch_path("p.img"), "8M", NULL };
	AUTO_FD fd = image(8 * MIB);
	struct why w = { 0 };
	struct diskprobe p;
	char text[256];

	(void)state;
	if (access(argv[0], X_OK))
		skip();
	assert_ok(proc_must(argv, 20000, &w), w);
	/* ext2 leaves its first 1024 bytes alone: a squashfs superblock fits there (magic, major version at 28). */
	assert_int_equal(pwrite(fd, "hsqs", 4, 0), 4);
	assert_int_equal(pwrite(fd, "\4\0", 2, 28), 2);
	p = probe(fd, 0, 0);
	assert_true(diskprobe_found(&p));
	assert_true(p.several);
	assert_non_null(strstr(diskprobe_describe(&p, text), "contradict each other"));
}

static void probe_outside_the_file_or_of_no_file_fails(void **state)
{
	struct diskprobe p = { .several = true };
	AUTO_FD fd = image(MIB);
	struct why w = { 0 };

	(void)state;
	assert_true(diskprobe_at(-1, "p.img", 0, 0, &p, &w) < 0);
	assert_true(w.text[0]);
	assert_true(diskprobe_at(fd, "p.img", 2 * MIB, 0, &p, NULL) < 0);
	assert_true(p.several);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_of_zeros_finds_nothing),
		cmocka_unit_test(probe_of_a_filesystem_at_an_offset_gives_type_label_and_uuid),
		cmocka_unit_test(probe_of_swap_and_of_a_table_says_which),
		cmocka_unit_test(probe_of_contradicting_signatures_says_so),
		cmocka_unit_test(probe_outside_the_file_or_of_no_file_fails),
	};

	return cmocka_run_group_tests_name("diskprobe", tests, NULL, NULL);
}
