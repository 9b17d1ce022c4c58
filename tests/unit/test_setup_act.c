/*
 * tandem setup below a root folder, killed before every single change of it, and taken back: nothing is left, and nothing
 * that was there is gone (updater/setup_act.h). I15. Needs root, since a user is made.
 */
#include "updater/setup_act.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "tests/support.h"
#include "updater/setup_input.h"

static char root[PATH_MAX];
static struct setup_templates templates;
static struct trust trust = { .threshold = 1, .n = 1 };
static struct setup_wish wish = { .product = "demo",
				  .compatible = "demo",
				  .user = "demo",
				  .url = SETUP_URL,
				  .trust = &trust,
				  .templates = &templates };
static long left = -1; /* changes until the kill; negative: none */

static void count_down(void *arg)
{
	(void)arg;
	if (left >= 0 && left-- == 0)
		(void)kill(getpid(), SIGKILL);
}

/* --- a system below the folder --- */

static void put(const char *path, const char *text)
{
	char full[PATH_MAX], *slash;
	struct why w = { 0 };

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	assert_ok(dir_make(full, 0755, &w), w);
	*slash = '/';
	assert_ok(file_replace(AT_FDCWD, full, text, strlen(text), 0644, &w), w);
}

static bool there(const char *path)
{
	char full[PATH_MAX];
	struct stat st;

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	return lstat(full, &st) == 0;
}

static void fresh(void)
{
	static unsigned int n;
	struct why w = { 0 };

	(void)snprintf(root, sizeof(root), "%s/%u", scratch(), n++);
	for (size_t i = 0; i < 2; i++) {
		put(i ? "/etc/passwd-" : "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
		put(i ? "/etc/group-" : "/etc/group", "root:x:0:\n");
		put(i ? "/etc/shadow-" : "/etc/shadow", "root:*:19000:0:99999:7:::\n");
		put(i ? "/etc/gshadow-" : "/etc/gshadow", "root:*::\n");
	}
	put("/etc/os-release", "ID=debian\n");
	put("/usr/lib/systemd/systemd", "");
	put("/etc/systemd/system/multi-user.target.wants/other.service", "");
	put("/var/lib/other", "");
	put("/var/log/other", "");
	put("/opt/other", "");
	assert_ok(setup_templates_load("scripts/host", &templates, &w), w);
}

static FILE *listing;

/* Contents too, but for the copies that useradd and userdel keep of what was. */
static int list_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	size_t n = strlen(path);
	AUTO_FREE char *text = NULL;

	(void)type;
	(void)at;
	if (S_ISREG(st->st_mode) && path[n - 1] != '-' && file_read(AT_FDCWD, path, 1u << 20, &text, NULL, NULL))
		return -1;
	(void)fprintf(listing, "%s %o %u %u %s\n", path, st->st_mode, st->st_uid, st->st_gid, text ? text : "");
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Folders come in any order: lines are sorted. */
static char *list(void)
{
	char *text = NULL, *at, *lines[512], *out = NULL;
	size_t n = 0, k = 0;

	listing = open_memstream(&text, &n);
	assert_int_equal(nftw(root, list_one, 16, FTW_PHYS), 0);
	(void)fclose(listing);
	at = text;
	for (char *line; k < ARRAY_SIZE(lines) && (line = strsep(&at, "\n"));)
		lines[k++] = line;
	qsort(lines, k, sizeof(*lines), by_text);
	listing = open_memstream(&out, &n);
	for (size_t i = 0; i < k; i++)
		(void)fprintf(listing, "%s\n", lines[i]);
	(void)fclose(listing);
	free(text);
	return out;
}

/* --- one run --- */

static int set_up(size_t *ret_todo, struct why *w)
{
	const struct setup_place place = { .root = root };
	const struct setup_watch watch = { .change = count_down };
	AUTO_SETUP_JOURNAL journal = { 0 };
	AUTO_SETUP_ITEMS items = { 0 };
	AUTO_SETUP_PLAN plan = { 0 };
	const struct setup_looker looker = { .place = place, .wish = &wish, .journal = &journal };
	const struct setup_job job = { .place = &place, .wish = &wish, .journal = &journal, .watch = &watch };
	int r = setup_journal_load(&place, &journal, w);

	r = r ? r : setup_want(&wish, &items, w);
	r = r ? r : setup_look(&looker, &items, &plan, w);
	*ret_todo = setup_plan_todo(&plan);
	return r ? r : setup_act(&job, &plan, w);
}

static int take_back(bool keep_data, struct why *w)
{
	const struct setup_place place = { .root = root };
	const struct setup_watch watch = { .change = count_down };
	AUTO_SETUP_JOURNAL journal = { 0 };
	const struct setup_job job = { .place = &place, .journal = &journal, .watch = &watch };
	int r = setup_journal_load(&place, &journal, w);

	r = r ? r : setup_undo(&job, keep_data, false, w);
	return r == -ENODATA ? 0 : r;
}

/* Run in a process that is killed before its n-th change. Returns whether it was. */
static bool killed(bool back, long n)
{
	struct why w = { 0 };
	size_t todo;
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		left = n;
		_exit(back ? take_back(false, &w) != 0 : set_up(&todo, &w) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return true;
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static void complete(void)
{
	struct why w = { 0 };
	size_t todo;

	assert_ok(set_up(&todo, &w), w);
	assert_ok(set_up(&todo, &w), w);
	assert_int_equal(todo, 0);
	assert_true(there("/etc/systemd/system/demo-core.service"));
	assert_true(there("/etc/systemd/system/multi-user.target.wants/demo-training.service"));
	assert_true(there("/var/lib/demo"));
}

static void is_as(const char *before, const char *when, long n)
{
	AUTO_FREE char *now = list();

	if (strcmp(before, now) != 0)
		fail_msg("%s, change %ld: before:\n%s\nnow:\n%s", when, n, before, now);
}

static bool cannot(void)
{
	return geteuid() != 0 || access("/usr/sbin/useradd", X_OK) || access("/usr/sbin/userdel", X_OK);
}

static void set_up_and_taken_back_nothing_is_left(void **state)
{
	AUTO_FREE char *before = NULL;
	struct why w = { 0 };

	(void)state;
	if (cannot())
		skip();
	fresh();
	before = list();
	complete();
	put("/var/lib/demo/data", "of the product");
	put("/opt/demo/releases/1.0.0/bin/core", "");
	assert_ok(take_back(false, &w), w);
	is_as(before, "taken back", 0);
	setup_templates_free(&templates);
}

static void killed_before_any_change_it_goes_on_or_back(void **state)
{
	long n = 0;

	(void)state;
	if (cannot())
		skip();
	for (bool more = true; more; n++) {
		AUTO_FREE char *before = NULL;
		struct why w = { 0 };

		fresh();
		before = list();
		more = killed(false, n);
		if (n % 2)
			complete();
		assert_ok(take_back(false, &w), w);
		is_as(before, n % 2 ? "gone on, then back" : "back", n);
		setup_templates_free(&templates);
	}
	print_message("# %ld changes\n", n);
	assert_true(n > 60);
}

static void a_removal_that_is_killed_is_finished_by_the_next(void **state)
{
	long n = 0;

	(void)state;
	if (cannot())
		skip();
	for (bool more = true; more; n++) {
		AUTO_FREE char *before = NULL;
		struct why w = { 0 };
		size_t todo;

		fresh();
		before = list();
		assert_ok(set_up(&todo, &w), w);
		more = killed(true, n);
		assert_ok(take_back(false, &w), w);
		is_as(before, "removed in two goes", n);
		setup_templates_free(&templates);
	}
	assert_true(n > 20);
}

static void what_was_changed_since_is_kept(void **state)
{
	struct why w = { 0 };
	size_t todo;

	(void)state;
	if (cannot())
		skip();
	fresh();
	complete();
	put("/etc/tandem/tuning.conf", "# mine\n");
	put("/etc/tandem/tuning.conf.tmp", "left over");
	assert_ok(set_up(&todo, &w), w);
	assert_int_equal(todo, 0);
	assert_ok(take_back(false, &w), w);
	assert_true(there("/etc/tandem/tuning.conf"));
	assert_false(there("/etc/tandem/tuning.conf.tmp"));
	assert_false(there("/etc/tandem/system.conf"));
	setup_templates_free(&templates);
}

static void data_can_be_kept_and_is_found_again(void **state)
{
	AUTO_FREE char *before = NULL;
	struct why w = { 0 };

	(void)state;
	if (cannot())
		skip();
	fresh();
	before = list();
	complete();
	put("/var/lib/demo/data", "of the product");
	assert_ok(take_back(true, &w), w);
	assert_true(there("/var/lib/demo/data"));
	assert_false(there("/opt/demo"));
	complete();
	assert_true(there("/var/lib/demo/data"));
	assert_ok(take_back(false, &w), w);
	is_as(before, "data kept once", 0);
	setup_templates_free(&templates);
}

/* A template of a newer Tandem replaces what was written, and both versions are known as ours. */
static void a_changed_template_is_written_again(void **state)
{
	AUTO_FREE char *before = NULL;
	struct why w = { 0 };
	size_t todo;

	(void)state;
	if (cannot())
		skip();
	fresh();
	before = list();
	complete();
	(void)snprintf(wish.url, sizeof(wish.url), "http://localhost:4001/health");
	assert_ok(set_up(&todo, &w), w);
	(void)snprintf(wish.url, sizeof(wish.url), SETUP_URL);
	assert_int_equal(todo, 1);
	assert_ok(take_back(false, &w), w);
	is_as(before, "changed once", 0);
	setup_templates_free(&templates);
}

static void refuses(const char *path, const char *text, const char *why)
{
	AUTO_FREE char *before = NULL;
	struct why w = { 0 };
	size_t todo;

	fresh();
	put(path, text);
	before = list();
	if (set_up(&todo, &w) != -EEXIST || w.exit != EXIT_REFUSED || !strstr(w.text, why) || !w.next[0])
		fail_msg("%s: '%s', want '%s'", path, w.text, why);
	is_as(before, "refused", 0);
	setup_templates_free(&templates);
}

static void what_is_in_the_way_is_named_and_left(void **state)
{
	(void)state;
	refuses("/etc/os-release", "ID=fedora\n", "not Debian");
	refuses("/etc/passwd", "demo:x:1000:1000::/home/demo:/bin/sh\n", "user demo: there is a user of that name");
	refuses("/etc/group", "demo:x:1000:\n", "group demo: there is a group of that name");
	refuses("/proc/net/tcp",
		"  sl  local_address rem_address   st\n   0: 0100007F:0FA0 00000000:0000 0A 0\n", "port 4000 is taken");
	refuses("/opt/demo/x", "", "trees /opt/demo: is there and not empty");
	refuses("/var/lib/demo/x", "", "data /var/lib/demo: is there and not empty");
	refuses("/var/log/demo", "", "not a folder");
	refuses("/etc/systemd/system/demo-core.service", "", "not made by tandem setup");
	refuses("/etc/systemd/system/multi-user.target.wants/demo-core.service", "", "not a link");
	refuses("/etc/tandem/system.conf", "[system]\nproduct=demo\ncompatible=x\n", "is not for this product");
	refuses("/etc/tandem/system.conf", "[system]\nproduct=other\ncompatible=x\nmode=host\n", "is not for this product");
}

static void an_administrators_own_is_kept(void **state)
{
	struct why w = { 0 };
	size_t todo;

	(void)state;
	if (cannot())
		skip();
	fresh();
	put("/etc/tandem/system.conf", "[system]\nproduct=demo\ncompatible=mine\nmode=host\n");
	put("/etc/tandem/tuning.conf", "# mine\n");
	put("/var/lib/demo/lost+found/x", "");
	assert_ok(set_up(&todo, &w), w);
	put("/var/lib/demo/data", "of the product");
	assert_ok(take_back(false, &w), w);
	assert_false(there("/var/lib/demo/data"));
	assert_true(there("/etc/tandem/system.conf"));
	assert_true(there("/etc/tandem/tuning.conf"));
	assert_true(there("/var/lib/demo/lost+found/x"));
	assert_false(there("/etc/tandem/trust.d"));
	setup_templates_free(&templates);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_up_and_taken_back_nothing_is_left),
		cmocka_unit_test(killed_before_any_change_it_goes_on_or_back),
		cmocka_unit_test(a_removal_that_is_killed_is_finished_by_the_next),
		cmocka_unit_test(what_was_changed_since_is_kept),
		cmocka_unit_test(data_can_be_kept_and_is_found_again),
		cmocka_unit_test(a_changed_template_is_written_again),
		cmocka_unit_test(what_is_in_the_way_is_named_and_left),
		cmocka_unit_test(an_administrators_own_is_kept),
	};

	/* Thousands of files, each made durable: in memory that is 1 s, on a disk some 20. */
	if (access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
