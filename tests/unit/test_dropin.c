/* Files of ours among those of others (tuning/dropin.h). */
#include "tuning/dropin.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tests/support.h"

static struct tree tree;
static char root[300];

static int fresh(void **state)
{
	static unsigned int n;
	struct why w = { 0 };
	char name[32];

	(void)state;
	if (n)
		tree_close(&tree);
	(void)snprintf(name, sizeof(name), "root%u", n++);
	(void)snprintf(root, sizeof(root), "%s", scratch_path(name));
	assert_ok(dir_make(root, 0755, &w), w);
	assert_ok(tree_open(root, &tree, &w), w);
	return 0;
}

static const char *in_root(const char *path)
{
	static char full[400];

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	return full;
}

static bool put(const char *path, const char *text)
{
	bool changed = false;
	struct why w = { 0 };

	assert_ok(dropin_put(&tree, path, text, &changed, &w), w);
	return changed;
}

static bool drop(const char *path)
{
	bool changed = false;
	struct why w = { 0 };

	assert_ok(dropin_drop(&tree, path, &changed, &w), w);
	return changed;
}

static void written_file_starts_with_the_mark(void **state)
{
	AUTO_FREE char *text = NULL, *behind = NULL;
	struct why w = { 0 };

	(void)state;
	assert_true(put("etc/x.d/ours.conf", "a=1\n"));
	assert_ok(tree_text(&tree, "etc/x.d/ours.conf", 1000, &text, &w), w);
	assert_string_equal(text, DROPIN_MARK "a=1\n");
	assert_ok(dropin_text(&tree, "etc/x.d/ours.conf", &behind, &w), w);
	assert_string_equal(behind, "a=1\n");
}

static void same_text_again_changes_nothing(void **state)
{
	struct stat before, after;

	(void)state;
	assert_true(put("x.d/ours.conf", "a=1\n"));
	assert_int_equal(stat(in_root("x.d/ours.conf"), &before), 0);
	assert_false(put("x.d/ours.conf", "a=1\n"));
	assert_int_equal(stat(in_root("x.d/ours.conf"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_true(put("x.d/ours.conf", "a=2\n"));
}

static void file_of_somebody_else_is_left_alone(void **state)
{
	bool changed = false;
	struct why w = { 0 };

	(void)state;
	assert_ok(dir_make(in_root("x.d"), 0755, &w), w);
	assert_ok(file_replace(AT_FDCWD, in_root("x.d/theirs.conf"), "b=1\n", 4, 0644, &w), w);
	assert_int_equal(dropin_put(&tree, "x.d/theirs.conf", "a=1\n", &changed, &w), -EEXIST);
	assert_int_equal(dropin_link(&tree, "x.d/theirs.conf", "y", &changed, &w), -EEXIST);
	assert_false(drop("x.d/theirs.conf"));
	assert_false(changed);
	assert_int_equal(access(in_root("x.d/theirs.conf"), F_OK), 0);
}

static void folder_goes_only_when_it_is_empty(void **state)
{
	(void)state;
	IGNORE(put("x.d/one.conf", "a=1\n"));
	IGNORE(put("x.d/two.conf", "a=1\n"));
	assert_true(drop("x.d/one.conf"));
	dropin_drop_folder(&tree, "x.d/one.conf");
	assert_int_equal(access(in_root("x.d"), F_OK), 0);
	assert_true(drop("x.d/two.conf"));
	dropin_drop_folder(&tree, "x.d/two.conf");
	assert_int_not_equal(access(in_root("x.d"), F_OK), 0);
	assert_false(drop("x.d/two.conf"));
}

static void link_is_made_once_and_removed_before_its_target(void **state)
{
	struct tree_path target;
	bool changed = false;
	struct why w = { 0 };

	(void)state;
	IGNORE(put("x.d/a.conf", "a=1\n"));
	assert_ok(dropin_link(&tree, "x.d/b.conf", "a.conf", &changed, &w), w);
	assert_true(changed);
	changed = false;
	assert_ok(dropin_link(&tree, "x.d/b.conf", "a.conf", &changed, &w), w);
	assert_false(changed);
	assert_ok(tree_link(&tree, "x.d/b.conf", &target, &w), w);
	assert_string_equal(target.s, "a.conf");
	assert_true(drop("x.d/b.conf"));
	assert_true(drop("x.d/a.conf"));
}

/* A mask is an operator's word. */
static void link_to_nothing_is_not_removed(void **state)
{
	struct why w = { 0 };

	(void)state;
	assert_ok(dir_make(in_root("x.d"), 0755, &w), w);
	assert_int_equal(symlink("/dev/null", in_root("x.d/a.conf")), 0);
	assert_false(drop("x.d/a.conf"));
}

#define T(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(written_file_starts_with_the_mark),
		T(same_text_again_changes_nothing),
		T(file_of_somebody_else_is_left_alone),
		T(folder_goes_only_when_it_is_empty),
		T(link_is_made_once_and_removed_before_its_target),
		T(link_to_nothing_is_not_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
