/*
 * What a folder takes up (bootstage/trainer/usage.h), R2 and R7: holes, names of one file, symlinks, mounts, folders that may
 * not be read, files that vanish during the scan.
 */
#include "bootstage/trainer/usage.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/io.h"
#include "tests/support.h"

/* An empty file with its folders; scratch_put() would wait for the disk. */
static void touch(const char *name)
{
	char folder[PATH_MAX];
	struct why w = { 0 };

	(void)snprintf(folder, sizeof(folder), "%s", scratch_path(name));
	*strrchr(folder, '/') = '\0';
	assert_ok(dir_make(folder, 0700, &w), w);
	assert_int_equal(mknod(scratch_path(name), S_IFREG | 0600, 0), 0);
}

/* A file of n bytes, `holes` of it not written. */
static void put(const char *name, size_t n, off_t holes)
{
	AUTO_FREE char *bytes = malloc(n + 1);
	AUTO_FD fd = -1;

	touch(name);
	memset(bytes, 'x', n + 1);
	fd = open(scratch_path(name), O_WRONLY);
	assert_true(fd >= 0);
	assert_true(pwrite(fd, bytes, n, holes) == (ssize_t)n);
}

static struct usage scan(const char *name)
{
	struct usage u;
	struct why w = { 0 };

	assert_ok(usage_scan(AT_FDCWD, scratch_path(name), NULL, NULL, &u, &w), w);
	return u;
}

/* As du does it, of one thing. */
static uint64_t blocks(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(scratch_path(name), &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void scan_adds_up_blocks_and_sizes(void **state)
{
	struct usage u;

	(void)state;
	put("sum/a", 100000, 0);
	put("sum/sub/b", 1, 0);
	put("sum/sub/deep/er/c", 5000, 0);
	u = scan("sum");
	assert_int_equal(u.files, 3);
	assert_int_equal(u.folders, 4);
	assert_int_equal(u.size_bytes, 105001);
	assert_int_equal(u.allocated_bytes, blocks("sum") + blocks("sum/a") + blocks("sum/sub") + blocks("sum/sub/b") +
						    blocks("sum/sub/deep") + blocks("sum/sub/deep/er") +
						    blocks("sum/sub/deep/er/c"));
	assert_true(u.denied == 0 && u.mounts == 0 && u.denied_path[0] == '\0');
}

static void scan_holes_count_as_size_only(void **state)
{
	struct usage u;

	(void)state;
	put("holes/a", 4096, 1 << 30);
	u = scan("holes");
	assert_int_equal(u.size_bytes, (1 << 30) + 4096);
	assert_true(u.allocated_bytes < 1 << 20);
}

static void scan_names_of_one_file_count_once(void **state)
{
	struct usage u;

	(void)state;
	put("links/a", 1 << 20, 0);
	scratch_put("links/sub/x", "x");
	assert_int_equal(link(scratch_path("links/a"), scratch_path("links/b")), 0);
	assert_int_equal(link(scratch_path("links/a"), scratch_path("links/sub/c")), 0);
	u = scan("links");
	assert_int_equal(u.files, 2);
	assert_int_equal(u.size_bytes, (1 << 20) + 1);
	assert_true(u.allocated_bytes < 2 << 20);
}

static void scan_symlinks_are_not_followed(void **state)
{
	struct usage u;
	struct why w = { 0 };

	(void)state;
	put("outside/big", 1 << 20, 0);
	scratch_put("inside/small", "x");
	assert_int_equal(symlink(scratch_path("outside"), scratch_path("inside/folder")), 0);
	assert_int_equal(symlink(scratch_path("outside/big"), scratch_path("inside/file")), 0);
	assert_int_equal(symlink("..", scratch_path("inside/up")), 0);
	u = scan("inside");
	assert_int_equal(u.files, 4);
	assert_int_equal(u.size_bytes, 1);
	assert_true(u.allocated_bytes < 1 << 19);
	assert_int_equal(usage_scan(AT_FDCWD, scratch_path("inside/folder"), NULL, NULL, &u, &w), -ENOTDIR);
	assert_int_equal(u.files, 4);
}

static void scan_nothing_there_is_said(void **state)
{
	struct usage u = { .files = 7 };
	struct why w = { 0 };

	(void)state;
	assert_int_equal(usage_scan(AT_FDCWD, scratch_path("nowhere"), NULL, NULL, &u, &w), -ENOENT);
	assert_non_null(strstr(w.text, "nowhere"));
	assert_int_equal(u.files, 7);
}

/* Run as nobody, for whom closed folders are closed. */
static int as_nobody(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit((geteuid() == 0 && (setgid(65534) || setuid(65534))) ? 77 : run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int scan_closed(void)
{
	struct usage u;

	if (usage_scan(AT_FDCWD, scratch_path("closed"), NULL, NULL, &u, NULL))
		return 1;
	if (u.folders != 3 || u.files != 1 || u.denied != 2)
		return 2;
	return strcmp(u.denied_path, "none") == 0 || strcmp(u.denied_path, "list") == 0 ? 0 : 3;
}

static void scan_closed_folders_are_counted_and_named(void **state)
{
	(void)state;
	scratch_put("closed/none/a", "x");
	scratch_put("closed/list/b", "x");
	scratch_put("closed/c", "x");
	assert_int_equal(chmod(scratch_path("closed/none"), 0), 0);
	assert_int_equal(chmod(scratch_path("closed/list"), 0444), 0);
	assert_int_equal(chmod(scratch(), 0755), 0);
	assert_int_equal(as_nobody(scan_closed), 0);
	assert_int_equal(chmod(scratch_path("closed/none"), 0700), 0);
	assert_int_equal(chmod(scratch_path("closed/list"), 0700), 0);
}

static int scan_mounted(void)
{
	struct usage u;

	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(scratch_path("mounts/elsewhere"), scratch_path("mounts/in/bound"), NULL, MS_BIND, NULL) ||
	    mount("tmpfs", scratch_path("mounts/in/tmpfs"), "tmpfs", 0, NULL))
		return 77;
	if (usage_scan(AT_FDCWD, scratch_path("mounts/in"), NULL, NULL, &u, NULL))
		return 1;
	return u.mounts == 2 && u.folders == 1 && u.files == 1 ? 0 : 2;
}

static void scan_mounts_are_passed_over(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	scratch_put("mounts/elsewhere/big", "x");
	scratch_put("mounts/in/file", "x");
	assert_int_equal(mkdir(scratch_path("mounts/in/bound"), 0700), 0);
	assert_int_equal(mkdir(scratch_path("mounts/in/tmpfs"), 0700), 0);
	pid = fork();
	if (pid == 0)
		_exit(scan_mounted());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#define DEEP 700

static void scan_deep_folders_are_all_counted(void **state)
{
	struct usage u;
	int at = open(scratch(), O_RDONLY | O_DIRECTORY);

	(void)state;
	for (int i = 0; i < DEEP; i++) { /* each with a file and a folder beside the next: none can be closed at once */
		int next;

		assert_int_equal(mkdirat(at, "deep", 0700), 0);
		next = openat(at, "deep", O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		assert_int_equal(mkdirat(next, "beside", 0700), 0);
		(void)close(at);
		at = next;
	}
	(void)close(at);
	u = scan("deep");
	assert_int_equal(u.folders, 2 * DEEP);
	assert_int_equal(u.denied, 0);
}

static void scan_wide_folders_are_all_counted(void **state)
{
	struct usage u;
	char name[64];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "wide/%d/x/y", i);
		touch(name);
	}
	u = scan("wide");
	assert_int_equal(u.folders, 4001);
	assert_int_equal(u.files, 2000);
}

/* --- while a job works in it --- */

static atomic_bool stop;

static void *churn(void *arg)
{
	(void)arg;
	while (!stop) {
		char name[32];

		for (int i = 0; i < 50; i++) {
			(void)snprintf(name, sizeof(name), "churn/f%d/x", i);
			touch(name);
			(void)unlink(scratch_path(name));
			*strrchr(name, '/') = '\0';
			(void)rmdir(scratch_path(name));
		}
	}
	return NULL;
}

static void scan_vanishing_files_are_fine(void **state)
{
	pthread_t t;

	(void)state;
	put("churn/stays", 1 << 20, 0);
	stop = false;
	assert_int_equal(pthread_create(&t, NULL, churn, NULL), 0);
	for (int i = 0; i < 300; i++) {
		struct usage u;
		struct why w = { 0 };
		AUTO_FREE char *path = NULL;

		assert_true(asprintf(&path, "%s/churn", scratch()) > 0);
		assert_ok(usage_scan(AT_FDCWD, path, NULL, NULL, &u, &w), w);
		assert_true(u.size_bytes == 1 << 20 && u.files <= 51);
	}
	stop = true;
	assert_int_equal(pthread_join(t, NULL), 0);
}

struct seen {
	pthread_mutex_t lock;
	unsigned int n;
	bool deep, linked;
};

static void see(void *arg, const struct usage_file *f)
{
	struct seen *s = arg;
	char path[64];

	(void)pthread_mutex_lock(&s->lock);
	s->n++;
	assert_int_equal(usage_path(f, path, sizeof(path)), 0);
	s->deep |= strcmp(path, "a/b/c") == 0 && f->st->stx_size == 2;
	s->linked |= strcmp(path, "d") == 0;
	assert_int_equal(usage_path(f, path, strlen(path)), -ENAMETOOLONG);
	(void)pthread_mutex_unlock(&s->lock);
}

static void scan_every_name_of_a_regular_file_is_visited(void **state)
{
	struct seen s = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct usage u;
	struct why w = { 0 };

	(void)state;
	scratch_put("visit/a/b/c", "xx");
	assert_int_equal(link(scratch_path("visit/a/b/c"), scratch_path("visit/d")), 0);
	assert_int_equal(symlink("d", scratch_path("visit/e")), 0);
	assert_ok(usage_scan(AT_FDCWD, scratch_path("visit"), see, &s, &u, &w), w);
	assert_true(s.n == 2 && s.deep && s.linked);
	assert_int_equal(u.files, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scan_adds_up_blocks_and_sizes),
		cmocka_unit_test(scan_holes_count_as_size_only),
		cmocka_unit_test(scan_names_of_one_file_count_once),
		cmocka_unit_test(scan_symlinks_are_not_followed),
		cmocka_unit_test(scan_nothing_there_is_said),
		cmocka_unit_test(scan_closed_folders_are_counted_and_named),
		cmocka_unit_test(scan_mounts_are_passed_over),
		cmocka_unit_test(scan_deep_folders_are_all_counted),
		cmocka_unit_test(scan_wide_folders_are_all_counted),
		cmocka_unit_test(scan_vanishing_files_are_fine),
		cmocka_unit_test(scan_every_name_of_a_regular_file_is_visited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
