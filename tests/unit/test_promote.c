/*
 * Models that take each other's place, in a real folder (bootstage/trainer/promote.h). At a power cut:
 * tests/crash/test_train_crash.c.
 */
#include "bootstage/trainer/promote.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tests/support.h"

static struct model_names names;
static int folder = -1;

static int fresh(void **state)
{
	static unsigned int n;
	char name[32];
	struct why w = { 0 };

	(void)state;
	model_names("core", &names);
	(void)snprintf(name, sizeof(name), "%u", n++);
	assert_ok(dir_make(scratch_path(name), 0755, &w), w);
	folder = open(scratch_path(name), O_RDONLY | O_DIRECTORY);
	return folder < 0;
}

static int done(void **state)
{
	(void)state;
	return close(folder);
}

static void put(const char *name, const char *text)
{
	struct why w = { 0 };

	assert_ok(file_replace(folder, name, text, strlen(text), 0644, &w), w);
}

static void is(const char *name, const char *want)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r = file_read(folder, name, 1u << 20, &text, &n, NULL);

	if (want)
		assert_string_equal(r ? "" : text, want);
	else
		assert_int_equal(r, -ENOENT);
}

static void new_model_takes_the_place_and_the_old_one_is_kept(void **state)
{
	struct why w = { 0 };

	(void)state;
	put(names.next, "1");
	assert_ok(promote(&promote_disk, &folder, &names, false, &w), w);
	is(names.now, "1");
	is(names.prev, NULL);
	put(names.next, "2");
	assert_ok(promote(&promote_disk, &folder, &names, true, &w), w);
	is(names.now, "2");
	is(names.prev, "1");
	is(names.next, NULL);
	is(names.link, NULL);
	put(names.next, "3");
	assert_ok(promote(&promote_disk, &folder, &names, false, &w), w); /* what is there is no model */
	is(names.now, "3");
	is(names.prev, "1");
}

static void promotion_without_a_new_model_changes_nothing(void **state)
{
	(void)state;
	put(names.now, "1");
	assert_int_equal(promote(&promote_disk, &folder, &names, true, NULL), -ENOENT);
	is(names.now, "1");
	is(names.prev, NULL);
}

static void what_an_interruption_has_left_does_no_harm(void **state)
{
	struct why w = { 0 };

	(void)state;
	put(names.now, "1");
	put(names.next, "2");
	put(names.link, "rubbish");
	assert_int_equal(linkat(folder, names.now, folder, names.prev, 0), 0);
	assert_ok(promote(&promote_disk, &folder, &names, true, &w), w);
	is(names.now, "2");
	is(names.prev, "1");
	is(names.link, NULL);
}

static void way_back_changes_the_two_for_each_other(void **state)
{
	struct why w = { 0 };

	(void)state;
	put(names.now, "2");
	assert_int_equal(promote_back(&promote_disk, &folder, &names, NULL), -ENOENT);
	put(names.prev, "1");
	assert_ok(promote_back(&promote_disk, &folder, &names, &w), w);
	is(names.now, "1");
	is(names.prev, "2");
}

static void check_wants_a_regular_file_that_is_a_model(void **state)
{
	const struct trainjob any = { .name = "core" }, floored = { .name = "core", .has_floor = true, .floor = 0.5 };
	AUTO_FREE char *text = NULL;
	struct onnx_model m;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(promote_check(folder, names.next, &any, &m, NULL), -ENOENT);
	put(names.next, "");
	assert_int_equal(promote_check(folder, names.next, &any, &m, NULL), -ENODATA);
	put(names.next, "no model");
	assert_int_equal(promote_check(folder, names.next, &any, &m, NULL), -EBADMSG);
	assert_ok(file_read(AT_FDCWD, "tests/data/onnx/ok-logit.onnx", 1u << 20, &text, &n, &w), w);
	assert_ok(file_replace(folder, names.next, text, n, 0644, &w), w);
	assert_ok(promote_check(folder, names.next, &any, &m, &w), w);
	assert_int_equal(promote_check(folder, names.next, &floored, &m, &w), -EKEYREJECTED);
	assert_int_equal(w.exit, EXIT_REFUSED);
	assert_int_equal(unlinkat(folder, names.next, 0), 0);
	assert_int_equal(mkfifoat(folder, names.next, 0600), 0);
	assert_int_equal(promote_check(folder, names.next, &any, &m, NULL), -EBADMSG);
	assert_int_equal(unlinkat(folder, names.next, 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", folder, names.next), 0);
	assert_int_equal(promote_check(folder, names.next, &any, &m, NULL), -EBADMSG);
}

/* R5 */
static void model_is_found_under_any_name_unless_the_usual_one_is_broken(void **state)
{
	AUTO_FREE char *text = NULL;
	char name[NAME_MAX + 1];
	struct onnx_model m;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	assert_ok(file_read(AT_FDCWD, "tests/data/onnx/ok-logit.onnx", 1u << 20, &text, &n, &w), w);
	assert_int_equal(model_find(folder, &names, name, &m, &w), -ENOENT);
	assert_int_equal(w.code, 0);
	put("a.onnx", "");
	put("core.onnx.prev", "x");
	assert_int_equal(model_find(folder, &names, name, &m, NULL), -ENODATA);
	assert_ok(file_replace(folder, "b.onnx", text, n, 0644, &w), w);
	put("c.onnx", "no model");
	assert_ok(model_find(folder, &names, name, &m, &w), w);
	assert_string_equal(name, "b.onnx");
	put(names.now, "");
	assert_int_equal(model_find(folder, &names, name, &m, &w), -ENODATA);
	w = (struct why){ 0 };
	assert_ok(file_replace(folder, names.now, text, n, 0644, &w), w);
	assert_ok(model_find(folder, &names, name, &m, &w), w);
	assert_string_equal(name, names.now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_model_takes_the_place_and_the_old_one_is_kept, fresh, done),
		cmocka_unit_test_setup_teardown(promotion_without_a_new_model_changes_nothing, fresh, done),
		cmocka_unit_test_setup_teardown(what_an_interruption_has_left_does_no_harm, fresh, done),
		cmocka_unit_test_setup_teardown(way_back_changes_the_two_for_each_other, fresh, done),
		cmocka_unit_test_setup_teardown(model_is_found_under_any_name_unless_the_usual_one_is_broken, fresh,
						done),
		cmocka_unit_test_setup_teardown(check_wants_a_regular_file_that_is_a_model, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
