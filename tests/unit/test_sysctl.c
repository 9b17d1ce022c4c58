/* Kernel parameters (tuning/sysctl.h) below a scratch folder, and what this kernel says to a key of its own. */
#include "tuning/sysctl.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tests/support.h"

static struct tree tree;

static int set_up(void **state)
{
	struct why w = { 0 };

	(void)state;
	scratch_put("proc/sys/vm/swappiness", "60\n");
	scratch_put("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n");
	scratch_put("proc/sys/net/ipv4/conf/eth0.100/forwarding", "0\n");
	assert_ok(tree_open(scratch(), &tree, &w), w);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tree_close(&tree);
	return 0;
}

static void value_is_read_in_fields(void **state)
{
	char value[SYSCTL_VALUE];
	struct why w = { 0 };

	(void)state;
	assert_ok(sysctl_read(&tree, "vm.swappiness", value, &w), w);
	assert_string_equal(value, "60");
	assert_ok(sysctl_read(&tree, "net.ipv4.tcp_rmem", value, &w), w);
	assert_string_equal(value, "4096 131072 6291456");
}

/* sysctl.d(5): the separator that comes first separates. */
static void name_with_dots_is_found(void **state)
{
	char value[SYSCTL_VALUE];
	struct why w = { 0 };

	(void)state;
	assert_ok(sysctl_read(&tree, "net.ipv4.conf.eth0/100.forwarding", value, &w), w);
	assert_ok(sysctl_read(&tree, "net/ipv4/conf/eth0.100/forwarding", value, &w), w);
	assert_string_equal(value, "0");
}

/* T6, C9: written to /proc/sys itself, and read back. */
static void written_value_is_read_back(void **state)
{
	char value[SYSCTL_VALUE];
	struct why w = { 0 };

	(void)state;
	assert_ok(sysctl_write(&tree, "vm.swappiness", "10", &w), w);
	assert_ok(sysctl_read(&tree, "vm.swappiness", value, &w), w);
	assert_string_equal(value, "10");
	assert_ok(sysctl_write(&tree, "net.ipv4.tcp_rmem", "1 2 3", &w), w);
}

static void key_that_is_not_there_says_so_without_a_reason(void **state)
{
	char value[SYSCTL_VALUE];
	struct why w = { 0 };

	(void)state;
	assert_int_equal(sysctl_read(&tree, "net.netfilter.nf_conntrack_max", value, &w), -ENOENT);
	assert_int_equal(sysctl_write(&tree, "net.netfilter.nf_conntrack_max", "1", &w), -ENOENT);
	assert_string_equal(w.text, "");
}

static void name_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const names[] = {
		"",        "vm",     ".vm.x", "/etc/passwd", "vm/../../x", "vm..x",
		"vm.x\n1", "vm.x y", "vm.x.", "vm/./x",      "../../x",    "vm/swappiness/"
	};
	char value[SYSCTL_VALUE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct why w = { 0 };
		int r = sysctl_read(&tree, names[i], value, &w);

		if (r != -EINVAL)
			fail_msg("'%s': %d", names[i], r);
		assert_int_equal(sysctl_write(&tree, names[i], "1", NULL), -EINVAL);
	}
}

/* A kernel that takes a value and keeps another: /dev/null stands for it. */
static void value_that_is_not_kept_is_an_error(void **state)
{
	struct why w = { 0 };
	char link[300];

	(void)state;
	(void)snprintf(link, sizeof(link), "%s", scratch_path("proc/sys/vm/forgetful"));
	assert_int_equal(symlink("/dev/null", link), 0);
	assert_int_equal(sysctl_write(&tree, "vm.forgetful", "1", &w), -EIO);
	assert_non_null(strstr(w.text, "'1' was written, it is ''"));
}

static void value_that_the_kernel_refuses_is_an_error(void **state)
{
	struct why w = { 0 };
	char link[300];

	(void)state;
	(void)snprintf(link, sizeof(link), "%s", scratch_path("proc/sys/vm/full"));
	assert_int_equal(symlink("/dev/full", link), 0);
	assert_int_equal(sysctl_write(&tree, "vm.full", "1", &w), -ENOSPC);
	assert_non_null(strstr(w.text, "vm.full: '1'"));
}

static void value_over_the_limit_is_an_error(void **state)
{
	char value[SYSCTL_VALUE], text[300];
	struct why w = { 0 };

	(void)state;
	memset(text, '7', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	scratch_put("proc/sys/vm/long", text);
	assert_int_equal(sysctl_read(&tree, "vm.long", value, &w), -E2BIG);
}

static void values_are_compared_by_field(void **state)
{
	(void)state;
	assert_true(sysctl_same("1 2\t3\n", " 1  2 3"));
	assert_false(sysctl_same("1 23", "12 3"));
	assert_false(sysctl_same("10", "1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(value_is_read_in_fields),
		cmocka_unit_test(name_with_dots_is_found),
		cmocka_unit_test(written_value_is_read_back),
		cmocka_unit_test(key_that_is_not_there_says_so_without_a_reason),
		cmocka_unit_test(name_that_leads_elsewhere_is_refused),
		cmocka_unit_test(value_that_is_not_kept_is_an_error),
		cmocka_unit_test(value_that_the_kernel_refuses_is_an_error),
		cmocka_unit_test(value_over_the_limit_is_an_error),
		cmocka_unit_test(values_are_compared_by_field),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
