/* Token and lock (tuning/failclosed.h), below a scratch folder that looks like Debian: /var/lock points to /run/lock. T5, C13. */
#include "tuning/failclosed.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tests/support.h"

#define APP  "ransomeye"
#define LOCK "run/lock/" APP "-resource-fail"

static struct tree tree;
static char root[300];

static const char *in_root(const char *path)
{
	static char full[4][400];
	static unsigned int n;

	n = (n + 1) % 4;
	(void)snprintf(full[n], sizeof(full[n]), "%s/%s", root, path);
	return full[n];
}

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
	assert_ok(dir_make(in_root("var"), 0755, &w), w);
	assert_int_equal(symlink("/run/lock", in_root("var/lock")), 0);
	assert_ok(tree_open(root, &tree, &w), w);
	return 0;
}

static struct failclosed_state query(const char *name)
{
	struct failclosed_state s;
	struct why w = { 0 };

	assert_ok(failclosed_query(&tree, APP, name, &s, &w), w);
	return s;
}

static void passes(const char *name)
{
	struct why w = { 0 };

	assert_ok(failclosed_pass(&tree, APP, name, &w), w);
}

static void fails(const char *name, const char *reason)
{
	struct why w = { 0 };

	assert_ok(failclosed_fail(&tree, APP, name, reason, &w), w);
}

static void nothing_done_has_neither_token_nor_lock(void **state)
{
	struct failclosed_state s = query("tune");

	(void)state;
	assert_false(s.token || s.lock);
	assert_string_equal(s.reason, "");
}

static void passed_stage_has_its_token_where_units_look(void **state)
{
	(void)state;
	passes("tune");
	assert_true(query("tune").token);
	assert_int_equal(access(in_root("run/" APP "/tune.ok"), F_OK), 0);
	assert_false(query("tune").lock);
	assert_false(query("other").token);
}

/* Before systemd there is no /run/lock; the link must not lead out of the tree either. */
static void failed_stage_has_the_lock_with_its_reason(void **state)
{
	struct stat st;

	(void)state;
	passes("tune");
	fails("tune", "no swap: the disk is full");
	assert_false(query("tune").token);
	assert_true(query("tune").lock);
	assert_string_equal(query("tune").reason, "no swap: the disk is full");
	assert_int_equal(stat(in_root(LOCK), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644 & ~umask(022));
}

static void stage_that_passes_later_takes_its_lock_away(void **state)
{
	(void)state;
	fails("tune", "full");
	passes("tune");
	assert_true(query("tune").token);
	assert_false(query("tune").lock);
}

static void lock_stays_as_long_as_another_stage_holds_it(void **state)
{
	(void)state;
	fails("tune", "first");
	fails("keys", "second");
	fails("tune", "third");
	assert_string_equal(query("tune").reason, "third");
	passes("tune");
	assert_true(query("tune").lock);
	assert_string_equal(query("tune").reason, "");
	assert_string_equal(query("keys").reason, "second");
	passes("keys");
	assert_false(query("keys").lock);
}

/* A name that starts another is not that other. */
static void names_are_told_apart(void **state)
{
	(void)state;
	fails("tune", "a");
	fails("tune-late", "b");
	passes("tune");
	assert_string_equal(query("tune-late").reason, "b");
}

/* C13: who dies at work leaves neither token nor lock, and the token of an earlier run does not count. */
static void stage_at_work_has_no_token(void **state)
{
	struct why w = { 0 };

	(void)state;
	passes("tune");
	assert_ok(failclosed_begin(&tree, APP, "tune", &w), w);
	assert_false(query("tune").token);
	assert_false(query("tune").lock);
}

static void forgotten_stage_leaves_nothing(void **state)
{
	struct why w = { 0 };

	(void)state;
	fails("tune", "x");
	assert_ok(failclosed_forget(&tree, APP, "tune", &w), w);
	assert_false(query("tune").lock || query("tune").token);
	passes("tune");
	assert_ok(failclosed_forget(&tree, APP, "tune", &w), w);
	assert_false(query("tune").lock || query("tune").token);
}

static void reason_of_several_lines_is_one(void **state)
{
	(void)state;
	fails("tune", "a\nkeys: b");
	assert_string_equal(query("tune").reason, "a keys: b");
	assert_string_equal(query("keys").reason, "");
}

static void plain_lock_folder_is_used_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(unlink(in_root("var/lock")), 0);
	fails("tune", "x");
	assert_int_equal(access(in_root("var/lock/" APP "-resource-fail"), F_OK), 0);
}

/* T5 by hand: whoever touches the lock is obeyed until the stage passes. */
static void empty_lock_counts_and_goes_with_the_next_pass(void **state)
{
	struct why w = { 0 };

	(void)state;
	assert_ok(dir_make(in_root("run/lock"), 0755, &w), w);
	assert_ok(file_replace(AT_FDCWD, in_root(LOCK), "", 0, 0644, &w), w);
	assert_true(query("tune").lock);
	passes("tune");
	assert_false(query("tune").lock);
}

static void token_goes_even_when_the_lock_cannot_be_made(void **state)
{
	struct why w = { 0 };

	(void)state;
	passes("tune");
	assert_int_equal(unlink(in_root("var/lock")), 0);
	assert_ok(file_replace(AT_FDCWD, in_root("var/lock"), "x", 1, 0644, &w), w);
	assert_int_not_equal(failclosed_fail(&tree, APP, "tune", "x", &w), 0);
	assert_true(w.text[0]);
	assert_false(tree_has(&tree, "run/" APP "/tune.ok"));
}

static void name_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const names[] = {
		"", "..", "a/b", ".x", "a b", "a\nb", "0123456789012345678901234567890123456789012345678901234567890123"
	};
	struct failclosed_state s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(failclosed_pass(&tree, names[i], "tune", NULL), -EINVAL);
		assert_int_equal(failclosed_pass(&tree, APP, names[i], NULL), -EINVAL);
		assert_int_equal(failclosed_query(&tree, APP, names[i], &s, NULL), -EINVAL);
	}
}

#define T(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_done_has_neither_token_nor_lock),
		T(passed_stage_has_its_token_where_units_look),
		T(failed_stage_has_the_lock_with_its_reason),
		T(stage_that_passes_later_takes_its_lock_away),
		T(lock_stays_as_long_as_another_stage_holds_it),
		T(names_are_told_apart),
		T(stage_at_work_has_no_token),
		T(forgotten_stage_leaves_nothing),
		T(reason_of_several_lines_is_one),
		T(plain_lock_folder_is_used_as_it_is),
		T(empty_lock_counts_and_goes_with_the_next_pass),
		T(token_goes_even_when_the_lock_cannot_be_made),
		T(name_that_leads_elsewhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
