/* The line of a swap file in fstab (tuning/fstab.h). T2: added only when it is missing. */
#include "tuning/fstab.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "tests/support.h"

static const char plain[] = "# /etc/fstab\n"
			    "UUID=1 / ext4 errors=remount-ro 0 1\n"
			    "/dev/vda2\tnone\tswap\tsw\t0\t0\n";

static void line_is_found_however_it_is_written(void **state)
{
	static const struct {
		const char *line;
		bool has;
	} table[] = {
		{ "/swapfile none swap sw 0 0\n", true },
		{ "  /swapfile\t \tnone\tswap defaults", true },
		{ "/swapfile swap swap\n", true },
		{ "/swap\\146ile none swap sw\n", true },
		{ "#/swapfile none swap sw\n", false },
		{ "# /swapfile none swap sw\n", false },
		{ "/swapfile /mnt ext4 loop 0 0\n", false },
		{ "/swapfile none swapx sw 0 0\n", false },
		{ "/swapfile none\nx y swap\n", false },
		{ "/swapfile.1 none swap sw 0 0\n", false },
		{ "/swapfil none swap sw 0 0\n", false },
		{ "\n\n", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (fstab_has_swap(table[i].line, "/swapfile") != table[i].has)
			fail_msg("'%s'", table[i].line);
}

static void added_line_is_found_and_the_rest_is_kept(void **state)
{
	AUTO_FREE char *with = fstab_add_swap(plain, "/swapfile", 10), *again = NULL;

	(void)state;
	assert_false(fstab_has_swap(plain, "/swapfile"));
	assert_true(fstab_has_swap(with, "/swapfile"));
	assert_memory_equal(with, plain, strlen(plain));
	assert_string_equal(with + strlen(plain), "/swapfile none swap sw,pri=10,nofail 0 0\n");
	again = fstab_drop_swap(with, "/swapfile");
	assert_string_equal(again, plain);
}

static void text_without_newline_at_its_end_gets_one(void **state)
{
	AUTO_FREE char *with = fstab_add_swap("a b c", "/s", 1), *alone = fstab_add_swap("", "/s", 1);

	(void)state;
	assert_string_equal(with, "a b c\n/s none swap sw,pri=1,nofail 0 0\n");
	assert_string_equal(alone, "/s none swap sw,pri=1,nofail 0 0\n");
}

static void name_with_blanks_is_written_so_that_it_is_found(void **state)
{
	AUTO_FREE char *with = fstab_add_swap("", "/my data\\swap\tfile", 10);

	(void)state;
	assert_true(fstab_has_swap(with, "/my data\\swap\tfile"));
	assert_non_null(strstr(with, "/my\\040data\\134swap\\011file none"));
}

static void only_lines_of_that_file_are_dropped(void **state)
{
	AUTO_FREE char *text = fstab_drop_swap("/s none swap sw\n/s.1 none swap sw\nx\n/s none swap sw", "/s");

	(void)state;
	assert_string_equal(text, "/s.1 none swap sw\nx\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_found_however_it_is_written),
		cmocka_unit_test(added_line_is_found_and_the_rest_is_kept),
		cmocka_unit_test(text_without_newline_at_its_end_gets_one),
		cmocka_unit_test(name_with_blanks_is_written_so_that_it_is_found),
		cmocka_unit_test(only_lines_of_that_file_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
