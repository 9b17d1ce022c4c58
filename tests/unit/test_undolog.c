/* What is kept for undo (tuning/undolog.h). */
#include "tuning/undolog.h"

#include <string.h>

#include "tests/support.h"

static void kept_lines_are_read_again(void **state)
{
	AUTO_UNDOLOG l = { 0 };
	struct undo_line line;
	struct lines from;
	struct why w = { 0 };

	(void)state;
	assert_ok(undolog_add(&l, "sysctl", "net.ipv4.tcp_rmem", "4096 131072 6291456", &w), w);
	assert_ok(undolog_add(&l, "cpus", "excluded", "", &w), w);
	assert_string_equal(l.text, "sysctl net.ipv4.tcp_rmem 4096 131072 6291456\ncpus excluded \n");
	from = (struct lines){ .at = l.text };
	assert_int_equal(undolog_next(&from, &line, &w), 1);
	assert_string_equal(line.kind, "sysctl");
	assert_string_equal(line.name, "net.ipv4.tcp_rmem");
	assert_string_equal(line.value, "4096 131072 6291456");
	assert_int_equal(undolog_next(&from, &line, &w), 1);
	assert_string_equal(line.name, "excluded");
	assert_string_equal(line.value, "");
	assert_int_equal(undolog_next(&from, &line, &w), 0);
}

/* "Before the first apply": later ones do not count. */
static void first_value_stays(void **state)
{
	AUTO_UNDOLOG l = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(undolog_add(&l, "sysctl", "vm.swappiness", "60", &w), w);
	assert_ok(undolog_add(&l, "sysctl", "vm.swappiness", "10", &w), w);
	assert_string_equal(l.text, "sysctl vm.swappiness 60\n");
}

static void names_are_told_apart(void **state)
{
	AUTO_UNDOLOG l = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_false(undolog_has(&l, "irq", "1"));
	assert_ok(undolog_add(&l, "irq", "12", "0-3", &w), w);
	assert_true(undolog_has(&l, "irq", "12"));
	assert_false(undolog_has(&l, "irq", "1"));
	assert_false(undolog_has(&l, "ir", "q 12"));
	assert_false(undolog_has(&l, "sysctl", "12"));
}

static void what_would_break_a_line_is_refused(void **state)
{
	AUTO_UNDOLOG l = { 0 };

	(void)state;
	assert_int_equal(undolog_add(&l, "", "a", "b", NULL), -EINVAL);
	assert_int_equal(undolog_add(&l, "a", "b c", "d", NULL), -EINVAL);
	assert_int_equal(undolog_add(&l, "a", "b", "c\nd", NULL), -EINVAL);
	assert_null(l.text);
}

static void line_that_is_none_is_an_error_with_its_number(void **state)
{
	static const char *const bad[] = { "a b c\n\nd e f\n", "a b c\nd\n", "a b c\nd e\n", "a b c\n d e\n",
					   "a b c\nd  e\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_FREE char *text = strdup(bad[i]);
		struct lines from = { .at = text };
		struct undo_line line;
		struct why w = { 0 };

		assert_int_equal(undolog_next(&from, &line, &w), 1);
		assert_int_equal(undolog_next(&from, &line, &w), -EBADMSG);
		assert_non_null(strstr(w.text, "line 2"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_lines_are_read_again),
		cmocka_unit_test(first_value_stays),
		cmocka_unit_test(names_are_told_apart),
		cmocka_unit_test(what_would_break_a_line_is_refused),
		cmocka_unit_test(line_that_is_none_is_an_error_with_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
