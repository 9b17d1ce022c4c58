/* Files below one folder (tuning/tree.h): bounded, named in every reason, and -ENOENT without one. */
#include "tuning/tree.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support.h"

static struct tree tree;

static void put(const char *name, const char *text)
{
	AUTO_FILE *f = fopen(scratch_path(name), "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

/* A reason that starts with the full name of the file. */
static void assert_names(const struct why *w, const char *name, const char *what)
{
	char want[500];

	(void)snprintf(want, sizeof(want), "%s/%s: %s", scratch(), name, what);
	assert_string_equal(w->text, want);
}

static int open_tree(void **state)
{
	struct why w = { 0 };

	(void)state;
	return tree_open(scratch(), &tree, &w);
}

static int close_tree(void **state)
{
	(void)state;
	tree_close(&tree);
	return 0;
}

static void what_is_not_there_has_no_reason(void **state)
{
	struct tree_names names = { 0 };
	struct cpuset cpus = { 0 };
	struct tree_path target;
	struct why w = { 0 };
	char *text = NULL;
	int64_t v = 77;

	(void)state;
	assert_int_equal(tree_text(&tree, "none", 10, &text, &w), -ENOENT);
	assert_int_equal(tree_number(&tree, "none", 0, 9, &v, &w), -ENOENT);
	assert_int_equal(tree_cpus(&tree, "none", &cpus, &w), -ENOENT);
	assert_int_equal(tree_link(&tree, "none", &target, &w), -ENOENT);
	assert_int_equal(tree_list(&tree, "none", 9, &names, &w), -ENOENT);
	assert_false(tree_has(&tree, "none"));
	assert_int_equal(w.code, 0);
	assert_int_equal(v, 77);
	assert_null(text);
}

static void numbers_are_whole_and_within_bounds(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
	} good[] = { { "0\n", 0 }, { "7", 7 }, { "-3\n", -3 }, { "9\n", 9 } };
	static const char *const bad[] = { "",
					   "\n",
					   "-\n",
					   "--3\n",
					   "+3\n",
					   " 3\n",
					   "3 \n",
					   "3x\n",
					   "0x3\n",
					   "-4\n",
					   "10\n",
					   "9223372036854775808\n",
					   "-9223372036854775809\n" };
	struct why w = { 0 };
	int64_t v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		put("number", good[i].text);
		assert_ok(tree_number(&tree, "number", -3, 9, &v, &w), w);
		assert_int_equal(v, good[i].want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct why because = { 0 };

		v = 77;
		put("number", bad[i]);
		assert_int_equal(tree_number(&tree, "number", -3, 9, &v, &because), -EBADMSG);
		assert_int_equal(v, 77);
		assert_non_null(strstr(because.text, "/number: "));
	}
}

static void text_longer_than_allowed_is_refused(void **state)
{
	struct why w = { 0 }, v = { 0 };
	char *text = NULL;

	(void)state;
	put("text", "12345");
	assert_ok(tree_text(&tree, "text", 5, &text, &w), w);
	assert_string_equal(text, "12345");
	free(text);
	text = NULL;
	assert_int_equal(tree_text(&tree, "text", 4, &text, &v), -E2BIG);
	assert_names(&v, "text", "over the limit of 4 bytes");
	assert_null(text);
}

static void a_folder_in_the_place_of_a_file_is_named(void **state)
{
	struct why file = { 0 }, folder = { 0 };
	struct tree_names names = { 0 };
	char *text = NULL;

	(void)state;
	assert_int_equal(mkdir(scratch_path("folder"), 0700), 0);
	assert_int_equal(tree_text(&tree, "folder", 9, &text, &file), -EISDIR);
	assert_names(&file, "folder", "read: Is a directory");
	put("file", "x");
	assert_int_equal(tree_list(&tree, "file", 9, &names, &folder), -ENOTDIR);
	assert_names(&folder, "file", "Not a directory");
}

static void names_come_in_natural_order_up_to_the_limit(void **state)
{
	static const char *const made[] = { "cpu10", "cpu2", ".hidden", "cpu1", "cpufreq" };
	static const char *const want[] = { "cpu1", "cpu2", "cpu10", "cpufreq" };
	AUTO_NAMES names = { 0 };
	struct tree_names none = { 0 };
	struct why w = { 0 }, v = { 0 };

	(void)state;
	assert_int_equal(mkdir(scratch_path("list"), 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		put(tree_path("list/%s", made[i]).s, "");
	assert_ok(tree_list(&tree, "list", 4, &names, &w), w);
	assert_int_equal(names.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < names.n; i++)
		assert_string_equal(names.at[i], want[i]);
	assert_int_equal(tree_list(&tree, "list", 3, &none, &v), -E2BIG);
	assert_names(&v, "list", "more than 3 entries");
	assert_null(none.at);
}

static void links_are_told_whole_or_not_at_all(void **state)
{
	struct tree_path target;
	struct why w = { 0 }, file = { 0 }, far = { 0 };
	char name[1100];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(symlink("../devices/vda", scratch_path("link")), 0);
	assert_int_equal(symlink(name, scratch_path("long")), 0);
	assert_ok(tree_link(&tree, "link", &target, &w), w);
	assert_string_equal(target.s, "../devices/vda");
	assert_int_equal(tree_link(&tree, "long", &target, &far), -EBADMSG);
	put("plain", "x");
	assert_int_equal(tree_link(&tree, "plain", &target, &file), -EINVAL);
	assert_string_equal(target.s, "../devices/vda"); /* as before */
}

/* A name that was cut would be another file's. */
static void a_path_that_is_too_long_is_nowhere(void **state)
{
	char name[1100];
	struct why w = { 0 };
	char *text = NULL;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_string_equal(tree_path("a/%s", name).s, "");
	assert_int_equal(tree_text(&tree, tree_path("a/%s", name).s, 9, &text, &w), -ENOENT);
	assert_int_equal(strlen(tree_path("%.1023s", name).s), 1023);
}

static void this_machines_names_start_at_its_root(void **state)
{
	struct tree live;
	struct why w = { 0 }, v = { 0 };
	int64_t n;

	(void)state;
	assert_ok(tree_open(NULL, &live, &w), w);
	assert_true(live.live);
	assert_int_equal(tree_number(&live, "proc/self/comm", 0, 9, &n, &v), -EBADMSG);
	assert_memory_equal(v.text, "/proc/self/comm: ", 17);
	tree_close(&live);
	assert_int_equal(live.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_there_has_no_reason),
		cmocka_unit_test(numbers_are_whole_and_within_bounds),
		cmocka_unit_test(text_longer_than_allowed_is_refused),
		cmocka_unit_test(a_folder_in_the_place_of_a_file_is_named),
		cmocka_unit_test(names_come_in_natural_order_up_to_the_limit),
		cmocka_unit_test(links_are_told_whole_or_not_at_all),
		cmocka_unit_test(a_path_that_is_too_long_is_nowhere),
		cmocka_unit_test(this_machines_names_start_at_its_root),
	};

	return cmocka_run_group_tests(tests, open_tree, close_tree);
}
