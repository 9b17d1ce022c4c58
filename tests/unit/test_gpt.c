/* Partition tables: written and read back, and checked against sfdisk, a program of other hands. */
#include "partitions/gpt.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/proc.h"
#include "partitions/gptcheck.h"
#include "tests/support.h"

#define MIB (1ull << 20)

static int image(const char *name, uint64_t bytes)
{
	int fd = open(scratch_path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static struct gpt_part parts[] = {
	{ .number = 1,
	  .start_bytes = MIB,
	  .size_bytes = 8 * MIB,
	  .name = "esp",
	  .type = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
	  .uuid = "11111111-1111-4111-8111-111111111111" },
	{ .number = 2,
	  .start_bytes = 9 * MIB,
	  .size_bytes = 4 * MIB,
	  .name = "tandem-state",
	  .type = "5d3c1d6e-8c3f-4d6b-9c42-7d4f2f1b6a10",
	  .uuid = "22222222-2222-4222-8222-222222222222" },
	{ .number = 5,
	  .start_bytes = 20 * MIB,
	  .size_bytes = 11 * MIB,
	  .name = "data",
	  .type = "0fc63daf-8483-4772-8e79-3d69d8477de4",
	  .uuid = "55555555-5555-4555-8555-555555555555" },
};

static struct gpt_table table(uint32_t sector_bytes)
{
	return (struct gpt_table){ .sector_bytes = sector_bytes,
				   .disk_bytes = 32 * MIB,
				   .id = "abcdefab-1234-4234-8234-1234567890ab",
				   .parts = parts,
				   .n = ARRAY_SIZE(parts) };
}

static void check_same(const struct gpt_table *a, const struct gpt_table *b)
{
	assert_int_equal(a->sector_bytes, b->sector_bytes);
	assert_int_equal(a->disk_bytes, b->disk_bytes);
	assert_string_equal(a->id, b->id);
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert_int_equal(a->parts[i].number, b->parts[i].number);
		assert_int_equal(a->parts[i].start_bytes, b->parts[i].start_bytes);
		assert_int_equal(a->parts[i].size_bytes, b->parts[i].size_bytes);
		assert_string_equal(a->parts[i].name, b->parts[i].name);
		assert_string_equal(a->parts[i].type, b->parts[i].type);
		assert_string_equal(a->parts[i].uuid, b->parts[i].uuid);
	}
}

/* Runs sfdisk; returns its exit code, and its output in *res. */
static int sfdisk(const char *option, const char *path, struct proc_result *res)
{
	const char *argv[] = { "/usr/sbin/sfdisk", option, path, NULL };
	struct why w = { 0 };

	assert_ok(proc_run(argv, 20000, res, &w), w);
	return res->exit_code;
}

static void write_then_read_gives_the_same_table(void **state)
{
	const uint32_t sectors[] = { 512, 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sectors); i++) {
		struct gpt_table want = table(sectors[i]), got = { 0 };
		AUTO_FD fd = image("a.img", want.disk_bytes);
		struct why w = { 0 };

		assert_ok(gpt_write(fd, "a.img", &want, &w), w);
		assert_ok(gpt_read(fd, "a.img", &got, &w), w);
		check_same(&want, &got);
		assert_string_equal(got.parts[0].type_name, "EFI System");
		gpt_done(&got);
	}
}

static void write_satisfies_sfdisk(void **state)
{
	struct gpt_table t = table(512);
	AUTO_FD fd = image("a.img", t.disk_bytes);
	struct proc_result res;
	struct why w = { 0 };

	(void)state;
	if (access("/usr/sbin/sfdisk", X_OK))
		skip();
	assert_ok(gpt_write(fd, "a.img", &t, &w), w);
	if (sfdisk("--verify", scratch_path("a.img"), &res) != 0)
		fail_msg("%s", res.output);
	assert_int_equal(sfdisk("--dump", scratch_path("a.img"), &res), 0);
	assert_non_null(strstr(res.output, "label-id: ABCDEFAB-1234-4234-8234-1234567890AB"));
	assert_non_null(strstr(res.output, "a.img5 : start=       40960, size=       22528, "
					   "type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, "
					   "uuid=55555555-5555-4555-8555-555555555555, name=\"data\""));
}

static void write_each_impossible_table_is_refused(void **state)
{
	static const struct {
		size_t part;
		uint64_t start, size;
		const char *reason;
	} cases[] = {
		{ 0, 0, MIB, "cannot be entered" },
		{ 0, 512, MIB, "cannot be entered" },
		{ 2, 31 * MIB, MIB, "cannot be entered" },
		{ 2, 20 * MIB, 1ull << 50, "cannot be entered" },
		{ 2, 12 * MIB, MIB, "cannot be entered" },
		{ 1, 8 * MIB, MIB, "cannot be entered" },
		{ 0, MIB, 9 * MIB, "cannot be" },
		{ 0, MIB + 1, MIB, "does not begin and end on sectors of 512" },
		{ 0, MIB, MIB + 511, "does not begin and end on sectors of 512" },
		{ 0, MIB, 0, "does not begin and end on sectors of 512" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gpt_part changed[ARRAY_SIZE(parts)];
		struct gpt_table t = table(512);
		AUTO_FD fd = image("a.img", t.disk_bytes);
		struct why w = { 0 };

		memcpy(changed, parts, sizeof(parts));
		changed[cases[i].part].start_bytes = cases[i].start;
		changed[cases[i].part].size_bytes = cases[i].size;
		t.parts = changed;
		if (gpt_write(fd, "a.img", &t, &w) >= 0 || !strstr(w.text, cases[i].reason))
			fail_msg("case %zu: '%s'", i, w.text);
		/* Refused before anything was written. */
		assert_int_equal(gpt_read(fd, "a.img", &t, NULL), -ENODATA);
	}
}

static void write_to_a_descriptor_for_reading_fails(void **state)
{
	struct gpt_table t = table(512);
	AUTO_FD made = image("a.img", t.disk_bytes);
	AUTO_FD fd = open(scratch_path("a.img"), O_RDONLY | O_CLOEXEC);
	struct why w = { 0 };

	(void)state;
	assert_true(made >= 0);
	assert_int_equal(gpt_write(fd, "a.img", &t, &w), -EBADF);
	assert_non_null(strstr(w.text, "the partition table cannot be written"));
}

static void read_of_what_is_no_table_says_so(void **state)
{
	const uint64_t sizes[] = { 32 * MIB, 64 * 512, 3072 };
	struct gpt_table t = { .n = 77 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		AUTO_FD fd = image("a.img", sizes[i]);
		struct why w = { 0 };

		assert_int_equal(gpt_read(fd, "a.img", &t, &w), -ENODATA);
		assert_string_equal(w.text, "a.img: no GUID partition table");
	}
	AUTO_FD fd = image("a.img", 100);
	assert_int_equal(gpt_read(fd, "a.img", &t, NULL), -EINVAL);
	assert_int_equal(t.n, 77);
}

/* Overwrite some bytes of the image. */
static void poke(int fd, uint64_t off, const void *bytes, size_t n)
{
	assert_int_equal(pwrite(fd, bytes, n, (off_t)off), n);
}

static void read_lives_on_either_copy_and_the_check_names_the_damage(void **state)
{
	const uint64_t last = 32 * MIB - 512;
	const struct {
		uint64_t off;
		enum gptcheck_state primary, backup;
		const char *problem;
		bool readable;
	} cases[] = {
		{ 512, GPTCHECK_MISSING, GPTCHECK_OK, "no table in sector 1", true },
		{ 512 + 60, GPTCHECK_DAMAGED, GPTCHECK_OK, "the checksum of its header is wrong", true },
		{ 512 + 12, GPTCHECK_DAMAGED, GPTCHECK_OK, "its header claims", true },
		{ 1024 + 56, GPTCHECK_DAMAGED, GPTCHECK_OK, "the checksum of its entries is wrong", true },
		{ last, GPTCHECK_OK, GPTCHECK_MISSING, "no table in sector 65535", true },
		{ last + 24, GPTCHECK_OK, GPTCHECK_DAMAGED, "the checksum of its header is wrong", true },
		{ last - 32 * 512, GPTCHECK_OK, GPTCHECK_DAMAGED, "the checksum of its entries is wrong", true },
	};
	struct gpt_table want = table(512);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FD fd = image("a.img", want.disk_bytes);
		struct gpt_table got = { 0 };
		struct why w = { 0 };
		struct gptcheck g;

		assert_ok(gpt_write(fd, "a.img", &want, &w), w);
		assert_ok(gptcheck_read(fd, "a.img", want.disk_bytes, 512, &g, &w), w);
		assert_int_equal(g.primary.state, GPTCHECK_OK);
		assert_int_equal(g.backup.state, GPTCHECK_OK);
		assert_true(g.same && g.backup_at_end);
		poke(fd, cases[i].off, "\xa5\x5a\xa5", 3);
		assert_ok(gptcheck_read(fd, "a.img", want.disk_bytes, 0, &g, &w), w);
		assert_false(g.same);
		if (g.primary.state != cases[i].primary || g.backup.state != cases[i].backup ||
		    (!strstr(g.primary.problem, cases[i].problem) && !strstr(g.backup.problem, cases[i].problem)))
			fail_msg("case %zu: '%s', '%s'", i, g.primary.problem, g.backup.problem);
		assert_ok(gpt_read(fd, "a.img", &got, &w), w);
		check_same(&want, &got);
		gpt_done(&got);
	}
}

static void check_sees_a_disk_that_has_grown(void **state)
{
	struct gpt_table t = table(512);
	AUTO_FD fd = image("a.img", t.disk_bytes);
	struct why w = { 0 };
	struct gptcheck g;

	(void)state;
	assert_ok(gpt_write(fd, "a.img", &t, &w), w);
	assert_int_equal(ftruncate(fd, 48 * MIB), 0);
	assert_ok(gptcheck_read(fd, "a.img", 48 * MIB, 512, &g, &w), w);
	assert_int_equal(g.backup.state, GPTCHECK_OK);
	assert_int_equal(g.backup.lba, 65535);
	assert_true(g.same);
	assert_false(g.backup_at_end);
}

static void grow_moves_the_backup_and_keeps_the_rest(void **state)
{
	struct gpt_table want = table(512), got = { 0 };
	AUTO_FD fd = image("a.img", want.disk_bytes);
	struct gpt_part changed[ARRAY_SIZE(parts)];
	struct proc_result res;
	struct why w = { 0 };
	struct gptcheck g;

	(void)state;
	assert_ok(gpt_write(fd, "a.img", &want, &w), w);
	assert_int_equal(ftruncate(fd, 48 * MIB), 0);
	assert_ok(gpt_grow(fd, "a.img", 5, 47 * MIB, &w), w);
	assert_ok(gptcheck_read(fd, "a.img", 48 * MIB, 512, &g, &w), w);
	assert_true(g.same && g.backup_at_end);
	memcpy(changed, parts, sizeof(parts));
	changed[2].size_bytes = 27 * MIB;
	want.parts = changed;
	want.disk_bytes = 48 * MIB;
	assert_ok(gpt_read(fd, "a.img", &got, &w), w);
	check_same(&want, &got);
	gpt_done(&got);
	if (access("/usr/sbin/sfdisk", X_OK) == 0 && sfdisk("--verify", scratch_path("a.img"), &res) != 0)
		fail_msg("%s", res.output);
}

static void grow_refuses_what_is_no_growth(void **state)
{
	struct gpt_table t = table(512);
	AUTO_FD fd = image("a.img", t.disk_bytes);
	struct why w = { 0 };

	(void)state;
	assert_ok(gpt_write(fd, "a.img", &t, &w), w);
	assert_int_equal(gpt_grow(fd, "a.img", 5, 30 * MIB, NULL), -EINVAL);
	assert_int_equal(gpt_grow(fd, "a.img", 5, 0, NULL), -EINVAL);
	assert_int_equal(gpt_grow(fd, "a.img", 4, 31 * MIB, NULL), -ENODATA);
	assert_int_equal(gpt_grow(fd, "a.img", 0, 31 * MIB, NULL), -ENODATA);
	assert_int_equal(gpt_grow(fd, "a.img", 5, 32 * MIB, NULL), -EINVAL);
	/* Into the next partition: libfdisk finds the overlap when it is to be written. */
	assert_int_equal(gpt_grow(fd, "a.img", 1, 10 * MIB, NULL), -EINVAL);
	assert_ok(gpt_read(fd, "a.img", &t, &w), w);
	assert_int_equal(t.parts[0].size_bytes, 8 * MIB);
	gpt_done(&t);
}

static void crc_is_the_one_of_the_standard(void **state)
{
	(void)state;
	assert_int_equal(gptcheck_crc(0, bytes_str("123456789")), 0xcbf43926);
	assert_int_equal(gptcheck_crc(gptcheck_crc(0, bytes_str("1234")), bytes_str("56789")), 0xcbf43926);
	assert_int_equal(gptcheck_crc(0, bytes_str("")), 0);
}

/* A header whose checksum is right, so that what lies behind the checksum is reached. */
static struct gptcheck_copy judge(uint8_t header[512], uint64_t lba, uint64_t sectors)
{
	memset(header + 16, 0, 4);
	put_le32(header + 16, gptcheck_crc(0, bytes_of(header, 92)));
	return gptcheck_header(bytes_of(header, 512), lba, sectors);
}

static void header_each_implausible_field_is_damage(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
		bool wide;
		const char *problem;
	} cases[] = {
		{ 24, 2, true, "belongs into sector 2" },
		{ 40, 70000, true, "are not inside the disk" },
		{ 48, 65536, true, "are not inside the disk" },
		{ 48, UINT64_MAX, true, "are not inside the disk" },
		{ 40, 0, true, "lies among the usable sectors" },
		{ 72, 65536, true, "its entries are outside the disk" },
		{ 72, UINT64_MAX, true, "its entries are outside the disk" },
		{ 80, 0, false, "are not plausible" },
		{ 80, UINT32_MAX, false, "are not plausible" },
		{ 84, 0, false, "are not plausible" },
		{ 84, 127, false, "are not plausible" },
		{ 84, UINT32_MAX, false, "are not plausible" },
		{ 12, 91, false, "its header claims 91 bytes" },
		{ 12, 513, false, "its header claims 513 bytes" },
		{ 12, UINT32_MAX, false, "its header claims" },
	};
	struct gpt_table t = table(512);
	AUTO_FD fd = image("a.img", t.disk_bytes);
	uint8_t good[512], header[512];
	struct why w = { 0 };

	(void)state;
	assert_ok(gpt_write(fd, "a.img", &t, &w), w);
	assert_int_equal(pread(fd, good, sizeof(good), 512), sizeof(good));
	memcpy(header, good, sizeof(good));
	assert_int_equal(judge(header, 1, 65536).state, GPTCHECK_OK);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gptcheck_copy c;

		memcpy(header, good, sizeof(good));
		if (cases[i].wide)
			put_le64(header + cases[i].at, cases[i].value);
		else
			put_le32(header + cases[i].at, (uint32_t)cases[i].value);
		c = judge(header, 1, 65536);
		if (c.state != GPTCHECK_DAMAGED || !strstr(c.problem, cases[i].problem))
			fail_msg("case %zu: %d '%s'", i, (int)c.state, c.problem);
	}
	for (size_t n = 0; n < 92; n++)
		assert_int_equal(gptcheck_header(bytes_of(good, n), 1, 65536).state, GPTCHECK_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_then_read_gives_the_same_table),
		cmocka_unit_test(write_satisfies_sfdisk),
		cmocka_unit_test(write_each_impossible_table_is_refused),
		cmocka_unit_test(write_to_a_descriptor_for_reading_fails),
		cmocka_unit_test(read_of_what_is_no_table_says_so),
		cmocka_unit_test(read_lives_on_either_copy_and_the_check_names_the_damage),
		cmocka_unit_test(check_sees_a_disk_that_has_grown),
		cmocka_unit_test(grow_moves_the_backup_and_keeps_the_rest),
		cmocka_unit_test(grow_refuses_what_is_no_growth),
		cmocka_unit_test(crc_is_the_one_of_the_standard),
		cmocka_unit_test(header_each_implausible_field_is_damage),
	};

	return cmocka_run_group_tests_name("gpt", tests, NULL, NULL);
}
