/* Filesystems at an offset: every size of FAT that the layout chooses, checked by fsck.vfat; paths in it. */
#include "partitions/fsmake.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/proc.h"
#include "partitions/diskprobe.h"
#include "tests/support.h"

#define MIB (1ull << 20)

static void check_fat(uint64_t mib, uint32_t sector, bool at_offset)
{
	AUTO_FD fd = open(scratch_path("fat.img"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct fsmake_place at = { .path = scratch_path("fat.img"),
				   .start_bytes = at_offset ? 3 * MIB : 0,
				   .size_bytes = mib * MIB,
				   .sector_bytes = sector,
				   .zeroed = true };
	const char *fsck[] = { "/usr/sbin/fsck.vfat", "-n", at.path, NULL };
	struct diskprobe found;
	struct why w = { 0 };

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(at.start_bytes + at.size_bytes + MIB)), 0);
	assert_ok(fsmake_vfat(&at, "LABEL", "12345678-1234-4234-8234-123456789abc", &w), w);
	assert_ok(diskprobe_at(fd, "fat.img", at.start_bytes, at.size_bytes, &found, &w), w);
	assert_string_equal(found.type, "vfat");
	assert_string_equal(found.label, "LABEL");
	assert_string_equal(found.uuid, "1234-5678");
	if (!at_offset && access(fsck[0], X_OK) == 0 && proc_must(fsck, 20000, &w))
		fail_msg("%llu MiB, sectors of %u: %s", (unsigned long long)mib, sector, w.text);
}

static void vfat_of_every_kind_is_clean(void **state)
{
	static const uint64_t mib[] = { 3, 31, 32, 33, 34, 64, 127, 128, 255, 256, 257, 259, 260, 512, 4096 };
	struct why w = { 0 };

	(void)state;
	if (fsmake_have(FSMAKE_VFAT, &w))
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(mib); i++) {
		check_fat(mib[i], 512, false);
		check_fat(mib[i], 512, true);
		if (mib[i] >= 17)
			check_fat(mib[i], 4096, false);
	}
}

static void path_check_takes_what_fat_takes(void **state)
{
	static const struct {
		const char *path;
		int want;
	} cases[] = {
		{ "/a", 0 },
		{ "/EFI/BOOT/BOOTX64.EFI", 0 },
		{ "/EFI/tandem/a/linux-6.1.efi", 0 },
		{ "/a+b,c;d=e", 0 },
		{ "", -EINVAL },
		{ "a", -EINVAL },
		{ "/", -EINVAL },
		{ "//a", -EINVAL },
		{ "/a/", -EINVAL },
		{ "/a//b", -EINVAL },
		{ "/.", -EINVAL },
		{ "/..", -EINVAL },
		{ "/a/../b", -EINVAL },
		{ "/.hidden", -EINVAL },
		{ "/dot.", -EINVAL },
		{ "/a b", -EINVAL },
		{ "/a*", -EINVAL },
		{ "/a[b]", -EINVAL },
		{ "/a\\b", -EINVAL },
		{ "/a:b", -EINVAL },
		{ "/a\x01", -EINVAL },
		{ "/\xc3\xa4", -EINVAL },
	};
	char longest[202];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (fsmake_path_check(cases[i].path, NULL) != cases[i].want)
			fail_msg("'%s'", cases[i].path);
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[201] = '\0';
	assert_int_equal(fsmake_path_check(longest, NULL), -EINVAL);
	longest[200] = '\0';
	assert_int_equal(fsmake_path_check(longest, NULL), 0);
}

static void vfat_room_is_a_little_less_than_the_size(void **state)
{
	uint64_t cluster = 0, room = fsmake_vfat_room(256 * MIB, 512, &cluster);

	(void)state;
	assert_int_equal(cluster, 2048);
	assert_true(room < 256 * MIB && room > 253 * MIB);
	assert_int_equal(fsmake_vfat_room(MIB, 512, &cluster), 0);
}

static void tools_say_what_went_wrong(void **state)
{
	struct fsmake_place at = { .path = "/nonexistent/x", .size_bytes = 64 * MIB, .sector_bytes = 512 };
	struct why w = { 0 }, v = { 0 };

	(void)state;
	if (fsmake_have(FSMAKE_VFAT, NULL) || fsmake_have(FSMAKE_EXT4, NULL))
		skip();
	assert_int_equal(fsmake_vfat(&at, "", "12345678-1234-4234-8234-123456789abc", &w), -EIO);
	assert_non_null(strstr(w.text, "mkfs.vfat: exit code 1: "));
	assert_int_equal(fsmake_ext4(&at, "", "12345678-1234-4234-8234-123456789abc",
				     "12345678-1234-4234-8234-123456789abc", &v),
			 -EIO);
	assert_non_null(strstr(v.text, "mke2fs: exit code"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vfat_of_every_kind_is_clean),
		cmocka_unit_test(path_check_takes_what_fat_takes),
		cmocka_unit_test(vfat_room_is_a_little_less_than_the_size),
		cmocka_unit_test(tools_say_what_went_wrong),
	};

	return cmocka_run_group_tests_name("fsmake", tests, NULL, NULL);
}
