/* The list of kernel modules and their parameters (bootstage/modules.h). */
#include "bootstage/modules.h"

#include <fcntl.h>

#include "base/io.h"
#include "base/log.h"
#include "tests/support.h"

static void the_list_is_walked_line_by_line(void **state)
{
	static const char text[] = "# made at build time\n/lib/a.ko\n\n/lib/b.ko\n#/lib/c.ko\n/lib/d.ko";
	struct bytes rest = bytes_str(text);
	char path[MODULE_PATH_MAX];

	(void)state;
	assert_true(modules_next(&rest, path));
	assert_string_equal(path, "/lib/a.ko");
	assert_true(modules_next(&rest, path));
	assert_string_equal(path, "/lib/b.ko");
	assert_true(modules_next(&rest, path));
	assert_string_equal(path, "/lib/d.ko");
	assert_false(modules_next(&rest, path));
	assert_false(modules_next(&rest, path));
}

static void lines_that_cannot_be_a_path_are_passed_over(void **state)
{
	char text[2 * MODULE_PATH_MAX], path[MODULE_PATH_MAX];
	struct bytes rest;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[MODULE_PATH_MAX] = '\n'; /* one byte too long */
	text[MODULE_PATH_MAX + 10] = '\0';
	text[MODULE_PATH_MAX + 20] = '\n';
	text[MODULE_PATH_MAX + 23] = '\n';
	rest = bytes_of(text, MODULE_PATH_MAX + 24);
	assert_true(modules_next(&rest, path));
	assert_string_equal(path, "xx");
	assert_false(modules_next(&rest, path));

	text[MODULE_PATH_MAX - 1] = '\n'; /* exactly fits */
	rest = bytes_of(text, MODULE_PATH_MAX);
	assert_true(modules_next(&rest, path));
	assert_int_equal(strlen(path), MODULE_PATH_MAX - 1);
}

static void names_are_those_of_the_kernel(void **state)
{
	static const struct {
		const char *path, *name;
	} table[] = {
		{ "/lib/modules/6.1/kernel/drivers/virtio/virtio_blk.ko", "virtio_blk" },
		{ "/m/nls-cp437.ko.xz", "nls_cp437" },
		{ "plain", "plain" },
		{ "/folder/", "" },
	};
	char name[MODULE_NAME_MAX], path[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		module_name(table[i].path, name);
		assert_string_equal(name, table[i].name);
	}
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	module_name(path, name);
	assert_int_equal(strlen(name), MODULE_NAME_MAX - 1);
}

static void parameters_come_from_the_command_line(void **state)
{
	static const struct {
		const char *cmdline, *name, *want;
	} table[] = {
		{ "quiet softdog.soft_margin=30 root=x", "softdog", "soft_margin=30" },
		{ "softdog.nowayout softdog.soft_margin=30\n", "softdog", "nowayout soft_margin=30" },
		{ "virtio-blk.queue_depth=4", "virtio_blk", "queue_depth=4" },
		{ "softdogs.a=1 xsoftdog.b=2 softdog.=3 softdog=4 softdog.", "softdog", "" },
		{ "  ", "softdog", "" },
		{ "", "softdog", "" },
		{ "a.b=c", "", "" },
	};
	char got[MODULE_PARAMETERS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_string_equal(module_parameters(table[i].cmdline, table[i].name, got), table[i].want);
}

static void parameters_that_do_not_fit_are_left_out_whole(void **state)
{
	char cmdline[3000], got[MODULE_PARAMETERS_MAX];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		n += (size_t)snprintf(cmdline + n, sizeof(cmdline) - n, "m.k%03d=12 ", i);
	(void)module_parameters(cmdline, "m", got);
	assert_true(strlen(got) < MODULE_PARAMETERS_MAX);
	assert_true(strlen(got) % 8 == 7); /* "k000=12", with a blank between them */
}

static char asked[512];

static int fake_load(int fd, const char *parameters)
{
	char what[64] = "";
	ssize_t n = read(fd, what, sizeof(what) - 1);

	assert_true(n > 0);
	(void)snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "%s(%s) ", what, parameters);
	return strcmp(what, "there") == 0 ? -EEXIST : strcmp(what, "bad") == 0 ? -ENOEXEC : 0;
}

static const char *module_file(const char *name, const char *content)
{
	struct why w = { 0 };

	assert_ok(file_replace(AT_FDCWD, scratch_path(name), content, strlen(content), 0644, &w), w);
	return scratch_path(name);
}

static void one_that_fails_does_not_stop_the_others(void **state)
{
	struct modules_result done;
	char list[2048];

	(void)state;
	log_setup("test", LOG_ERROR);
	(void)snprintf(list, sizeof(list), "%s\n%s\n%s\n%s\n%s\n", module_file("one.ko", "one"),
		       module_file("bad.ko", "bad"), scratch_path("none.ko"), module_file("there.ko", "there"),
		       module_file("two.ko", "two"));
	modules_load(bytes_str(list), "two.x=1 one.y=2", fake_load, &done);
	assert_int_equal(done.loaded, 2);
	assert_int_equal(done.present, 1);
	assert_int_equal(done.failed, 2);
	assert_string_equal(asked, "one(y=2) bad() there() two(x=1) ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_walked_line_by_line),
		cmocka_unit_test(lines_that_cannot_be_a_path_are_passed_over),
		cmocka_unit_test(names_are_those_of_the_kernel),
		cmocka_unit_test(parameters_come_from_the_command_line),
		cmocka_unit_test(parameters_that_do_not_fit_are_left_out_whole),
		cmocka_unit_test(one_that_fails_does_not_stop_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
