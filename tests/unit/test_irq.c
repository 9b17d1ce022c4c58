/* Interrupts (tuning/irq.h), on a tree. */
#include "tuning/irq.h"

#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "tests/support.h"

static struct tree tree;

static int set_up(void **state)
{
	struct why w = { 0 };

	(void)state;
	scratch_put("proc/irq/default_smp_affinity", "ff\n");
	scratch_put("proc/irq/9/smp_affinity_list", "0-7\n");
	scratch_put("proc/irq/10/smp_affinity_list", "3\n");
	assert_ok(tree_open(scratch(), &tree, &w), w);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tree_close(&tree);
	return 0;
}

static void default_is(const char *mask, const char *list)
{
	AUTO_CPUSET s = { 0 };
	AUTO_FREE char *got = NULL;
	struct why w = { 0 };

	scratch_put("proc/irq/default_smp_affinity", mask);
	assert_ok(irq_default(&tree, &s, &w), w);
	got = cpuset_format(&s);
	assert_string_equal(got, list);
}

static void masks_of_the_kernel_are_read(void **state)
{
	(void)state;
	default_is("ff\n", "0-7");
	default_is("1\n", "0");
	default_is("00000000\n", "");
	default_is("f0000000,00000001\n", "0,60-63");
	default_is("3,00000000,00000000\n", "64-65");
}

static void text_that_is_no_mask_is_an_error(void **state)
{
	static const char *const bad[] = { "", "\n", "xyz\n", "0-3\n", "f,\n", "ff ff\n", "1,2\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_CPUSET s = { 0 };
		struct why w = { 0 };

		scratch_put("proc/irq/default_smp_affinity", bad[i]);
		if (irq_default(&tree, &s, &w) != -EBADMSG)
			fail_msg("'%s' is taken", bad[i]);
	}
}

static void written_mask_is_read_again(void **state)
{
	static const char *const lists[] = { "0", "0-3", "31-32", "0,63-64,200", "4-5" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		AUTO_CPUSET s = { 0 }, again = { 0 };
		AUTO_FREE char *got = NULL;
		struct why w = { 0 };

		assert_ok(cpuset_parse(lists[i], &s, &w), w);
		assert_ok(irq_set_default(&tree, &s, &w), w);
		assert_ok(irq_default(&tree, &again, &w), w);
		got = cpuset_format(&again);
		assert_string_equal(got, lists[i]);
	}
}

static void interrupts_are_listed_and_moved(void **state)
{
	AUTO_NAMES names = { 0 };
	AUTO_CPUSET s = { 0 }, got = { 0 };
	AUTO_FREE char *list = NULL;
	struct why w = { 0 };

	(void)state;
	assert_ok(irq_list(&tree, &names, &w), w);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.at[0], "9");
	assert_ok(cpuset_parse("4-5", &s, &w), w);
	assert_ok(irq_move(&tree, "9", &s, &w), w);
	assert_ok(irq_cpus(&tree, "9", &got, &w), w);
	list = cpuset_format(&got);
	assert_string_equal(list, "4-5");
}

/* One that went away, or that the kernel keeps where it is, is no failure. */
static void interrupt_that_cannot_be_moved_is_told_without_a_reason(void **state)
{
	AUTO_CPUSET s = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(cpuset_parse("0", &s, &w), w);
	assert_int_equal(irq_move(&tree, "77", &s, &w), -EPERM);
	assert_string_equal(w.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masks_of_the_kernel_are_read),
		cmocka_unit_test(text_that_is_no_mask_is_an_error),
		cmocka_unit_test(written_mask_is_read_again),
		cmocka_unit_test(interrupts_are_listed_and_moved),
		cmocka_unit_test(interrupt_that_cannot_be_moved_is_told_without_a_reason),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
