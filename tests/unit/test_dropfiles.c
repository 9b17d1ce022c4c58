/* Configuration in many files: folders over each other, names, files that are taken away (bootstage/dropfiles.h). */
#include "bootstage/dropfiles.h"

#include <sys/stat.h>

#include "tests/support.h"

static const struct dropfiles all = { .suffix = ".x", .what = "things", .max = 3 };

static void later_folder_goes_over_an_earlier_one(void **state)
{
	char first[PATH_MAX], second[PATH_MAX];
	const char *const folders[] = { first, second, "/nowhere" };
	struct dropfile found[3];
	struct why w = { 0 };

	(void)state;
	scratch_put("a/20-b.x", "1");
	scratch_put("a/10-a.x", "1");
	scratch_put("a/.hidden.x", "1");
	scratch_put("a/.x", "1");
	scratch_put("a/10-a.y", "1");
	scratch_put("b/20-b.x", "2");
	(void)snprintf(first, sizeof(first), "%s", scratch_path("a"));
	(void)snprintf(second, sizeof(second), "%s", scratch_path("b"));
	assert_int_equal(dropfiles_find(&all, folders, 3, found, &w), 2);
	assert_string_equal(found[0].file, "10-a.x");
	assert_ptr_equal(found[0].folder, first);
	assert_string_equal(found[1].file, "20-b.x");
	assert_ptr_equal(found[1].folder, second);
	assert_int_equal(dropfiles_find(&all, &folders[2], 1, found, &w), 0);
	scratch_put("b/30.x", "1");
	assert_int_equal(dropfiles_find(&all, folders, 3, found, &w), 3);
	scratch_put("b/40.x", "1");
	assert_int_equal(dropfiles_find(&all, folders, 3, found, &w), -E2BIG);
	assert_non_null(strstr(w.text, "more than 3 things"));
}

static void file_that_leads_to_nowhere_is_taken_away(void **state)
{
	struct dropfile f = { .file = "10-a.x" };
	char folder[PATH_MAX], path[PATH_MAX], *text = NULL;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	scratch_put("c/10-b.x", "text");
	(void)snprintf(folder, sizeof(folder), "%s", scratch_path("c"));
	f.folder = folder;
	assert_int_equal(symlink("/dev/null", scratch_path("c/10-a.x")), 0);
	assert_ok(dropfiles_read(&f, &text, &n, path, &w), w);
	assert_null(text);
	(void)snprintf(f.file, sizeof(f.file), "10-b.x");
	assert_ok(dropfiles_read(&f, &text, &n, path, &w), w);
	assert_string_equal(text, "text");
	assert_int_equal(n, 4);
	assert_string_equal(path, scratch_path("c/10-b.x"));
	free(text);
	(void)snprintf(f.file, sizeof(f.file), "10-c.x");
	assert_int_equal(dropfiles_read(&f, &text, &n, path, &w), -ENOENT);
}

static void names_have_two_digits_and_plain_letters(void **state)
{
	static const char *const bad[] = { "a.x",    "1-a.x",   "10a.x",  "10-.x",   "10-A.x", "10-a b.x",
					   "10-a.y", "10--a.x", "xx-a.x", "10-a/.x", ".x",     "10-abcdefgh.x" };
	char name[9];

	(void)state;
	assert_true(dropfile_name("10-a_b-1.x", ".x", name, sizeof(name)));
	assert_string_equal(name, "a_b-1");
	assert_true(dropfile_name("99-abcdefg.x", ".x", name, 8));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (dropfile_name(bad[i], ".x", name, 8))
			fail_msg("'%s' is taken", bad[i]);
	assert_true(dropfile_name_valid("1-x", 8));
	assert_false(dropfile_name_valid("", 8) || dropfile_name_valid("-x", 8) || dropfile_name_valid("abcdefgh", 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_folder_goes_over_an_earlier_one),
		cmocka_unit_test(file_that_leads_to_nowhere_is_taken_away),
		cmocka_unit_test(names_have_two_digits_and_plain_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
