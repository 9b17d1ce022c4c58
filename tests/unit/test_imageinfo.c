/* /etc/tandem/image (partitions/imageinfo.h). */
#include "partitions/imageinfo.h"

#include <fcntl.h>

#include "base/io.h"
#include "tests/support.h"

#define ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void a_whole_file_is_read(void **state)
{
	struct slot_info info = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(imageinfo_parse(bytes_str("# made by the builder\n[image]\nversion=2.0.1-rc.1+b7\nepoch=3\n"
					    "image-id=" ID "\n"),
				  "image", &info, &w),
		  w);
	assert_string_equal(info.version, "2.0.1-rc.1+b7");
	assert_int_equal(info.epoch, 3);
	assert_int_equal(info.state, STATE_GOOD);
	assert_int_equal(info.image_id.b[1], 0x11);
}

static void the_id_may_be_absent(void **state)
{
	struct slot_info info = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(imageinfo_parse(bytes_str("[image]\nepoch=18446744073709551615\nversion=1"), "image", &info, &w), w);
	assert_true(info.epoch == UINT64_MAX);
	assert_true(bytes_all_zero(bytes_of(info.image_id.b, HASH_BYTES)));
}

static void each_mistake_is_refused_and_leaves_ret_alone(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "version= is missing" },
		{ "[image]\nversion=1.0.0\n", "epoch= is missing" },
		{ "[image]\nepoch=1\n", "version= is missing" },
		{ "[image]\nversion=\nepoch=1\n", "not a version" },
		{ "[image]\nversion=1 0\nepoch=1\n", "not a version" },
		{ "[image]\nversion=1.0.0\nepoch=-1\n", "image:3" },
		{ "[image]\nversion=1.0.0\nepoch=18446744073709551616\n", "image:3" },
		{ "[image]\nversion=1.0.0\nepoch=1\nepoch=2\n", "given twice" },
		{ "[image]\nversion=1.0.0\nepoch=1\nimage-id=abc\n", "hex digits" },
		{ "[image]\nversion=1.0.0\nepoch=1\nname=x\n", "unknown key" },
		{ "[system]\nversion=1.0.0\nepoch=1\n", "unknown section" },
		{ "[image]\nepoch=1\nversion=1234567890123456789012345678901234567890123456789012345678901234\n",
		  "the limit is 63" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct slot_info info = { .epoch = 77 };
		struct why w = { 0 };

		assert_true(imageinfo_parse(bytes_str(bad[i].text), "image", &info, &w) < 0);
		assert_int_equal(w.exit, EXIT_USAGE);
		assert_int_equal(info.epoch, 77);
		if (!strstr(w.text, bad[i].says))
			fail_msg("%s: says '%s'", bad[i].says, w.text);
	}
}

static void files_are_read_and_missing_ones_reported(void **state)
{
	struct slot_info info = { 0 };
	struct why w = { 0 }, gone = { 0 };
	static const char text[] = "[image]\nversion=1.2.3\nepoch=4\n";

	(void)state;
	assert_ok(file_replace(AT_FDCWD, scratch_path("image"), text, strlen(text), 0644, &w), w);
	assert_ok(imageinfo_load(scratch_path("image"), &info, &w), w);
	assert_int_equal(info.epoch, 4);
	assert_int_equal(imageinfo_load(scratch_path("none"), &info, &gone), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_file_is_read),
		cmocka_unit_test(the_id_may_be_absent),
		cmocka_unit_test(each_mistake_is_refused_and_leaves_ret_alone),
		cmocka_unit_test(files_are_read_and_missing_ones_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
