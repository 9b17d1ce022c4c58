/* The folder of trees: links by rename, trees that count only when whole, remains, the journal's two copies (updater/tree_store.h). */
#include "updater/tree_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tests/support.h"

#define ONE "1.0.0-0123456789abcdef"
#define TWO "2.0.0-0123456789abcdef"

static struct tree_store fresh(const char *name)
{
	static char roots[8][256];
	static unsigned int turn;
	struct tree_store s;
	struct why w = { 0 };
	char *root = roots[turn++ % 8];

	(void)snprintf(root, sizeof(roots[0]), "%s", scratch_path(name));
	assert_ok(tree_store_open(root, true, &s, &w), w);
	return s;
}

static void put_in(int fd, const char *name, const char *text)
{
	struct why w = { 0 };

	assert_ok(file_replace(fd, name, text, strlen(text), 0644, &w), w);
}

static void make(struct tree_store *s, const char *name, const char *text)
{
	struct why w = { 0 };
	int fd = -1;

	assert_ok(tree_store_begin(s, name, &fd, &w), w);
	put_in(fd, "version", text);
	assert_ok(tree_store_publish(s, name, fd, &w), w);
	(void)close(fd);
}

static bool partial(const struct tree_store *s)
{
	bool ret = false;
	struct why w = { 0 };

	assert_ok(tree_store_partial(s, &ret, &w), w);
	return ret;
}

static void holds(const char *name, const char *want)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };

	assert_ok(file_read(AT_FDCWD, scratch_path(name), 4096, &text, NULL, &w), w);
	assert_string_equal(text, want);
}

static void a_tree_has_its_name_when_it_is_whole(void **state)
{
	struct tree_store s = fresh("a");
	struct why w = { 0 };
	int fd = -1;

	(void)state;
	assert_false(partial(&s));
	assert_ok(tree_store_begin(&s, ONE, &fd, &w), w);
	put_in(fd, "version", "half");
	assert_true(partial(&s));
	assert_false(tree_store_has(&s, ONE));
	(void)close(fd);
	make(&s, ONE, "whole"); /* the remains are removed first */
	assert_false(partial(&s));
	assert_true(tree_store_has(&s, ONE));
	holds("a/releases/" ONE "/version", "whole");
	make(&s, ONE, "again"); /* what was there goes with the remains */
	holds("a/releases/" ONE "/version", "again");
	assert_true(partial(&s));
	assert_ok(tree_store_clean(&s, &w), w);
	assert_false(partial(&s));
	tree_store_close(&s);
}

static void removing_follows_no_link(void **state)
{
	struct tree_store s = fresh("b");
	struct tree_stock *stock = NULL;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	scratch_put("outside/precious", "x");
	make(&s, ONE, "x");
	make(&s, TWO, "x");
	assert_int_equal(symlink(scratch_path("outside"), scratch_path("b/releases/" ONE "/out")), 0);
	assert_int_equal(mkdir(scratch_path("b/releases/" ONE "/d"), 0755), 0);
	assert_int_equal(mkdir(scratch_path("b/releases/" ONE "/d/e"), 0555), 0);
	assert_int_equal(mkdir(scratch_path("b/releases/by-hand"), 0755), 0);
	assert_ok(tree_store_list(&s, &stock, &n, &w), w);
	assert_int_equal(n, 2); /* what is not ours is left alone */
	assert_true(stock[0].bytes > 0);
	free(stock);
	assert_ok(tree_store_remove(&s, ONE, &w), w);
	assert_ok(tree_store_remove(&s, ONE, &w), w); /* nothing there: fine */
	assert_false(tree_store_has(&s, ONE));
	assert_true(tree_store_has(&s, TWO));
	assert_false(partial(&s));
	holds("outside/precious", "x");
	tree_store_close(&s);
}

static void links_are_swapped_and_told_apart(void **state)
{
	struct tree_store s = fresh("c");
	char name[TREE_NAME_MAX];
	struct why w = { 0 };

	(void)state;
	make(&s, ONE, "one");
	make(&s, TWO, "two");
	assert_ok(tree_store_link_get(&s, false, name, &w), w);
	assert_string_equal(name, "");
	assert_ok(tree_store_link_set(&s, false, ONE, &w), w);
	holds("c/current/version", "one");
	assert_int_equal(symlink("left over", scratch_path("c/.tandem/link")), 0);
	assert_ok(tree_store_link_set(&s, false, TWO, &w), w);
	holds("c/current/version", "two");
	assert_ok(tree_store_link_get(&s, false, name, &w), w);
	assert_string_equal(name, TWO);
	assert_ok(tree_store_link_set(&s, true, ONE, &w), w);
	assert_ok(tree_store_link_set(&s, true, NULL, &w), w);
	assert_ok(tree_store_link_set(&s, true, NULL, &w), w);
	assert_ok(tree_store_link_get(&s, true, name, &w), w);
	assert_string_equal(name, "");
	assert_int_equal(symlink("releases/../../x", scratch_path("c/next")), 0);
	assert_ok(tree_store_link_get(&s, true, name, &w), w);
	assert_string_equal(name, "?");
	assert_int_equal(unlink(scratch_path("c/next")), 0);
	assert_int_equal(mkdir(scratch_path("c/next"), 0755), 0);
	assert_ok(tree_store_link_get(&s, true, name, &w), w);
	assert_string_equal(name, "?");
	assert_true(tree_store_link_set(&s, true, ONE, &w) < 0); /* a folder is not replaced */
	tree_store_close(&s);
}

static void the_journal_is_written_in_turn(void **state)
{
	struct tree_store s = fresh("d"), look;
	struct tree_record rec = { 0 }, back;
	struct why w = { 0 };

	(void)state;
	assert_ok(tree_store_load(&s, &back, &w), w);
	assert_false(s.has_record);
	assert_int_equal(back.sequence, 0);
	for (uint64_t i = 1; i <= 5; i++) {
		rec.epoch_floor = i;
		assert_ok(tree_store_save(&s, &rec, &w), w);
		assert_ok(tree_store_load(&s, &back, &w), w);
		assert_int_equal(back.sequence, i);
		assert_int_equal(back.epoch_floor, i);
	}
	put_in(s.meta_fd, "journal.0", "damaged"); /* the last write went there: the one before counts */
	assert_ok(tree_store_load(&s, &back, &w), w);
	assert_int_equal(back.sequence, 4);
	assert_true(s.damage[0][0] && !s.damage[1][0]);
	assert_ok(tree_store_save(&s, &back, &w), w); /* over the damaged one */
	assert_ok(tree_store_load(&s, &back, &w), w);
	assert_int_equal(back.sequence, 5);
	assert_false(s.damage[0][0] || s.damage[1][0]);
	put_in(s.meta_fd, "journal.0", "damaged");
	put_in(s.meta_fd, "journal.1", "too");
	assert_int_equal(tree_store_load(&s, &back, &w), -EBADMSG);
	assert_false(s.has_record);
	w = (struct why){ 0 };
	assert_ok(tree_store_open(s.root, false, &look, &w), w); /* looking takes no lock */
	tree_store_close(&look);
	assert_int_equal(tree_store_open(s.root, true, &look, &w), -EBUSY);
	assert_int_equal(w.exit, EXIT_REFUSED);
	tree_store_close(&look);
	tree_store_close(&s);
	assert_int_equal(tree_store_open(scratch_path("none"), false, &look, NULL), -ENOENT);
	tree_store_close(&look);
}

static void folders_are_for_everybody_whatever_the_umask(void **state)
{
	mode_t before = umask(077);
	struct tree_store s = fresh("e");
	struct stat st;

	(void)state;
	make(&s, ONE, "x");
	(void)umask(before);
	assert_int_equal(stat(scratch_path("e/releases/" ONE), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(stat(scratch_path("e/releases"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(stat(scratch_path("e"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	tree_store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_has_its_name_when_it_is_whole),
		cmocka_unit_test(removing_follows_no_link),
		cmocka_unit_test(links_are_swapped_and_told_apart),
		cmocka_unit_test(the_journal_is_written_in_turn),
		cmocka_unit_test(folders_are_for_everybody_whatever_the_umask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
