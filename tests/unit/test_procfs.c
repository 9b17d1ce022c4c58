/* The text of /proc (tuning/procfs.h): what the kernel writes is read, everything else refused with its line. */
#include "tuning/procfs.h"

#include <string.h>

#include "tests/support.h"

#define HEADING "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

static char *own_copy(const char *text)
{
	static char copy[2000];

	assert_true(strlen(text) < sizeof(copy));
	return memcpy(copy, text, strlen(text) + 1);
}

static void meminfo_total_is_bytes(void **state)
{
	struct why w = { 0 };
	uint64_t bytes = 0;

	(void)state;
	assert_ok(meminfo_total(own_copy("MemTotal:        4005620 kB\nMemFree:  1 kB\n"), &bytes, &w), w);
	assert_true(bytes == UINT64_C(4005620) * 1024); /* C11: kB are multiplied here, once */
	assert_ok(meminfo_total(own_copy("MemFree: 1 kB\nMemTotal: 0 kB"), &bytes, &w), w);
	assert_true(bytes == 0);
}

static void meminfo_without_a_sound_total_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"MemFree: 1 kB\n",
		"MemTotal:\n",
		"MemTotal: 1\n",
		"MemTotal: 1 MB\n",
		"MemTotal: 1 kB more\n",
		"MemTotal: -1 kB\n",
		"MemTotal: x kB\n",
		"MemTotal: 18014398509481984 kB\n",
		"XMemTotal: 1 kB\n",
		"MemTotal : 1 kB\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct why w = { 0 };
		uint64_t bytes = 77;

		assert_int_equal(meminfo_total(own_copy(bad[i]), &bytes, &w), -EBADMSG);
		assert_true(bytes == 77);
		assert_non_null(strstr(w.text, "MemTotal"));
	}
}

static void swaps_are_read_one_by_one(void **state)
{
	struct lines from = { .at = own_copy(HEADING
					     "/dev/sda2                               partition\t2097148\t\t256\t\t-2\n"
					     "/swap\\040file  file 1048572 0 10\n"
					     "/old\\040(deleted) file 4 4 -3\n"
					     "/dev/zram0 partition 262140 0 100\n") };
	struct swap_line s;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(swaps_next(&from, &s, &w), 1);
	assert_string_equal(s.name, "/dev/sda2");
	assert_false(s.file);
	assert_false(s.deleted);
	assert_true(s.bytes == UINT64_C(2097148) * 1024);
	assert_true(s.used_bytes == 256 * 1024);
	assert_int_equal(s.priority, -2);
	assert_int_equal(swaps_next(&from, &s, &w), 1);
	assert_string_equal(s.name, "/swap file");
	assert_true(s.file);
	assert_int_equal(s.priority, 10);
	assert_int_equal(swaps_next(&from, &s, &w), 1);
	assert_string_equal(s.name, "/old");
	assert_true(s.deleted);
	assert_int_equal(swaps_next(&from, &s, &w), 1);
	assert_int_equal(swaps_next(&from, &s, &w), 0);
	assert_int_equal(swaps_next(&from, &s, &w), 0);
}

static void no_swap_is_a_heading_alone(void **state)
{
	struct lines empty = { .at = own_copy("") }, heading = { .at = own_copy(HEADING) };
	struct swap_line s;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(swaps_next(&empty, &s, &w), 0);
	heading.at = own_copy(HEADING);
	assert_int_equal(swaps_next(&heading, &s, &w), 0);
}

static void swaps_that_cannot_be_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "garbage\n", "line 1: not the heading" },
		{ "\n", "line 1: not the heading" },
		{ "/swapfile file 1 0 -2\n", "line 1: not the heading" },
		{ HEADING "\n", "line 2: 0 fields" },
		{ HEADING "/swapfile file 1 0\n", "line 2: 4 fields" },
		{ HEADING "/swapfile file 1 0 -2 x\n", "line 2: 6 fields" },
		{ HEADING "/swapfile file x 0 -2\n", "line 2: size 'x'" },
		{ HEADING "/swapfile file 1 2 -2\n", "used '2'" },
		{ HEADING "/swapfile file 1 0 --2\n", "priority '--2'" },
		{ HEADING "/swapfile file 1 0 99999999999\n", "priority '99999999999'" },
		{ HEADING "/swapfile file 18446744073709551615 0 -2\n", "size '18446744073709551615'" },
		{ HEADING "/swap\\000file file 1 0 -2\n", "line 2: a NUL in a name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct lines from = { .at = own_copy(bad[i].text) };
		struct swap_line s = { .bytes = 77 };
		struct why w = { 0 };

		assert_int_equal(swaps_next(&from, &s, &w), -EBADMSG);
		assert_non_null(strstr(w.text, bad[i].why));
		assert_true(s.bytes == 77);
	}
}

static void escapes_in_names_are_plain_and_others_stay(void **state)
{
	static const struct {
		const char *written, *plain;
	} names[] = {
		{ "/a\\040b", "/a b" },   { "/a\\011\\012b", "/a\t\nb" },   { "/a\\134040", "/a\\040" },
		{ "/a\\", "/a\\" },       { "/a\\04", "/a\\04" },           { "/a\\049", "/a\\049" },
		{ "/a\\400", "/a\\400" }, { "/a\\303\\274", "/a\xc3\xbc" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct lines from;
		struct swap_line s;
		struct why w = { 0 };
		char text[200];

		(void)snprintf(text, sizeof(text), HEADING "%s file 1 0 0\n", names[i].written);
		from = (struct lines){ .at = text };
		assert_int_equal(swaps_next(&from, &s, &w), 1);
		assert_string_equal(s.name, names[i].plain);
	}
}

static void mounts_are_read_whatever_tags_they_have(void **state)
{
	struct lines from = {
		.at = own_copy("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
			       "36 35 98:0 /a\\040b /mnt\\0402 ro,noatime shared:1 master:2 - ext3 /dev/root rw\n"
			       "40 1 0:30 /@ /data rw,relatime unbindable - btrfs /dev/sda2 ro,subvol=/@\n"
			       "41 1 0:31 / /x rw - tmpfs  rw\n"
			       "42 1 4095:1048575 / /y root,rw - fuse.x y rootless\n")
	};
	struct mount_line m;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(mountinfo_next(&from, &m, &w), 1);
	assert_int_equal(m.major, 254);
	assert_int_equal(m.minor, 0);
	assert_string_equal(m.point, "/");
	assert_string_equal(m.type, "ext4");
	assert_string_equal(m.source, "/dev/vda");
	assert_false(m.read_only);
	assert_int_equal(mountinfo_next(&from, &m, &w), 1);
	assert_string_equal(m.root, "/a b");
	assert_string_equal(m.point, "/mnt 2");
	assert_true(m.read_only);
	assert_int_equal(mountinfo_next(&from, &m, &w), 1);
	assert_string_equal(m.type, "btrfs");
	assert_true(m.read_only); /* the file system is, the mount is not */
	assert_int_equal(mountinfo_next(&from, &m, &w), 1);
	assert_string_equal(m.source, ""); /* mount(2) takes an empty source */
	assert_int_equal(mountinfo_next(&from, &m, &w), 1);
	assert_int_equal(m.minor, 1048575);
	assert_false(m.read_only);
	assert_int_equal(mountinfo_next(&from, &m, &w), 0);
}

static void mounts_that_cannot_be_are_refused_with_their_line(void **state)
{
	static const char *const bad[] = {
		"\n",
		"27 1 254:0 / / rw\n",
		"27 1 254:0 / / rw -\n",
		"27 1 254:0 / / rw - ext4\n",
		"27 1 254:0 / / rw - ext4 /dev/vda\n",
		"27 1 254 / / rw - ext4 /dev/vda rw\n",
		"27 1 254:x / / rw - ext4 /dev/vda rw\n",
		"27 1 4096:0 / / rw - ext4 /dev/vda rw\n",
		"27 1 254:1048576 / / rw - ext4 /dev/vda rw\n",
		"27 1 254:0 / /a\\000b rw - ext4 /dev/vda rw\n",
		"27 1 254:0 / / rw t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12 - ext4 /dev/vda rw\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct lines from = { .at = own_copy(bad[i]) };
		struct mount_line m;
		struct why w = { 0 };

		assert_int_equal(mountinfo_next(&from, &m, &w), -EBADMSG);
		assert_non_null(strstr(w.text, "line 1: "));
	}
}

static void free_space_of_a_capture_is_read(void **state)
{
	static const char *const bad[] = { "\n",
					   "/ 4096 10\n",
					   "/ 4096 10 11\n",
					   "/ 4096 x 1\n",
					   "/ 4294967295 9223372036854775807 1\n",
					   "/ 4294967296 1 1\n",
					   "/ 4096 10 5 1\n" };
	struct lines from = { .at = own_copy("/ 4096 100 25\n/data\\0402 1024 9 0\n") };
	struct statfs_line s;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(statfs_next(&from, &s, &w), 1);
	assert_true(s.size_bytes == 409600 && s.free_bytes == 102400);
	assert_int_equal(statfs_next(&from, &s, &w), 1);
	assert_string_equal(s.point, "/data 2");
	assert_true(s.size_bytes == 9216 && s.free_bytes == 0);
	assert_int_equal(statfs_next(&from, &s, &w), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		w = (struct why){ 0 };
		from = (struct lines){ .at = own_copy(bad[i]) };
		assert_int_equal(statfs_next(&from, &s, &w), -EBADMSG);
	}
}

static void the_own_group_is_that_of_version_2(void **state)
{
	static const struct {
		const char *text, *want;
		int code;
	} cases[] = {
		{ "0::/\n", "/", 0 },         { "9:name=systemd:/\n0::/user.slice/a b\n", "/user.slice/a b", 0 },
		{ "0::/x", "/x", 0 },         { "4:memory:/x\n", NULL, -ENODATA },
		{ "", NULL, -ENODATA },       { "10::/x\n", NULL, -ENODATA },
		{ "0::x\n", NULL, -EBADMSG }, { "0::\n", NULL, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *path = NULL;
		struct why w = { 0 };

		assert_int_equal(cgroup_path(own_copy(cases[i].text), &path, &w), cases[i].code);
		if (cases[i].want)
			assert_string_equal(path, cases[i].want);
		assert_int_equal(w.text[0] != '\0', cases[i].code == -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meminfo_total_is_bytes),
		cmocka_unit_test(meminfo_without_a_sound_total_is_refused),
		cmocka_unit_test(swaps_are_read_one_by_one),
		cmocka_unit_test(no_swap_is_a_heading_alone),
		cmocka_unit_test(swaps_that_cannot_be_are_refused_with_their_line),
		cmocka_unit_test(escapes_in_names_are_plain_and_others_stay),
		cmocka_unit_test(mounts_are_read_whatever_tags_they_have),
		cmocka_unit_test(mounts_that_cannot_be_are_refused_with_their_line),
		cmocka_unit_test(free_space_of_a_capture_is_read),
		cmocka_unit_test(the_own_group_is_that_of_version_2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
