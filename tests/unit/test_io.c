/*
 * Whole reads, and writes that are durable when the call returns (base/io.h).
 *
 * write, fsync, close and renameat of this program are the ones below: they write down their order, and one of them can be
 * told to fail. Everything else is the real file system.
 */
#include "base/io.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/support.h"

static struct {
	char order[256];
	const char *break_at; /* the call that fails with EIO */
	bool on;
} calls;

/* Note the call; returns whether it is to fail. */
static bool noted(const char *name)
{
	size_t n = strlen(calls.order);

	if (!calls.on)
		return false;
	(void)snprintf(calls.order + n, sizeof(calls.order) - n, "%s%s", n ? " " : "", name);
	if (!calls.break_at || strcmp(calls.break_at, name) != 0)
		return false;
	errno = EIO;
	return true;
}

ssize_t write(int fd, const void *buf, size_t n)
{
	/* One byte less than asked for, to see the rest asked for again. */
	return noted("write") ? -1 : syscall(SYS_write, fd, buf, calls.on && n > 1 ? n - 1 : n);
}

int fsync(int fd)
{
	struct stat st;
	bool folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

	return noted(folder ? "fsync-folder" : "fsync-file") ? -1 : (int)syscall(SYS_fsync, fd);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return noted("rename") ? -1 : (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
}

int close(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int r = (int)syscall(SYS_close, fd);

	return flags >= 0 && (flags & O_ACCMODE) == O_WRONLY && noted("close") ? -1 : r;
}

static int replace(const char *path, const char *text, const char *break_at, struct why *w)
{
	int r;

	*w = (struct why){ 0 };
	calls.order[0] = '\0';
	calls.break_at = break_at;
	calls.on = true;
	r = file_replace(AT_FDCWD, path, text, strlen(text), 0640, w);
	calls.on = false;
	return r;
}

static void assert_content(const char *path, const char *want)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };
	size_t n = 0;

	assert_ok(file_read(AT_FDCWD, path, 1000, &text, &n, &w), w);
	assert_string_equal(text, want);
	assert_int_equal(n, strlen(want));
}

static void assert_no_temp(const char *path)
{
	char temp[PATH_MAX + 8];

	(void)snprintf(temp, sizeof(temp), "%s.tmp", path);
	assert_int_equal(access(temp, F_OK), -1);
	assert_int_equal(errno, ENOENT);
}

static void replace_syncs_the_file_before_its_name_and_the_folder_after(void **state)
{
	const char *path = scratch_path("order");
	struct stat st;
	struct why w;

	(void)state;
	assert_ok(replace(path, "abc", NULL, &w), w);
	assert_string_equal(calls.order, "write write fsync-file close rename fsync-folder");
	assert_content(path, "abc");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_ok(replace(path, "", NULL, &w), w);
	assert_string_equal(calls.order, "fsync-file close rename fsync-folder");
	assert_content(path, "");
}

static void replace_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
	static const char *const steps[] = { "write", "fsync-file", "close", "rename" };
	const char *path = scratch_path("kept"), *fresh = scratch_path("never");
	struct why w;

	(void)state;
	assert_ok(replace(path, "old", NULL, &w), w);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_int_equal(replace(path, "new", steps[i], &w), -EIO);
		assert_non_null(strstr(w.text, "kept"));
		assert_non_null(strstr(w.text, strerror(EIO)));
		assert_content(path, "old");
		assert_no_temp(path);
		assert_int_equal(replace(fresh, "new", steps[i], &w), -EIO);
		assert_int_equal(access(fresh, F_OK), -1);
		assert_no_temp(fresh);
	}
	assert_int_equal(replace(path, "new", "fsync-folder", &w), -EIO);
	assert_content(path, "new");
	assert_no_temp(path);
}

static void replace_takes_over_what_a_power_cut_left(void **state)
{
	const char *path = scratch_path("cut"), *temp = scratch_path("cut.tmp"), *other = scratch_path("other");
	struct stat st;
	struct why w;

	(void)state;
	assert_ok(replace(temp, "half", NULL, &w), w);
	assert_ok(replace(path, "whole", NULL, &w), w);
	assert_content(path, "whole");
	assert_no_temp(path);
	assert_ok(replace(other, "other", NULL, &w), w); /* neither a temp name nor a target is followed */
	assert_int_equal(symlink(other, temp), 0);
	assert_ok(replace(path, "again", NULL, &w), w);
	assert_int_equal(unlink(path) | symlink(other, path), 0);
	assert_ok(replace(path, "third", NULL, &w), w);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_content(other, "other");
}

static void replace_names_what_is_in_its_way(void **state)
{
	const char *folder = scratch_path("dir"), *taken = scratch_path("taken.tmp");
	char name[PATH_MAX + 1];
	struct why w;

	(void)state;
	assert_int_equal(mkdir(folder, 0700) | mkdir(taken, 0700), 0);
	assert_int_equal(replace(folder, "x", NULL, &w), -EISDIR);
	assert_no_temp(folder);
	assert_int_equal(replace(scratch_path("taken"), "x", NULL, &w), -EISDIR);
	assert_non_null(strstr(w.text, "taken.tmp: left over"));
	assert_int_equal(replace(scratch_path("no/such"), "x", NULL, &w), -ENOENT);
	memset(name, 'x', PATH_MAX);
	name[PATH_MAX] = '\0';
	assert_int_equal(replace(name, "x", NULL, &w), -ENAMETOOLONG);
}

static void replace_works_below_a_folder_descriptor(void **state)
{
	AUTO_FD dir = open(scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct why w = { 0 };

	(void)state;
	assert_ok(file_replace(dir, "below", "x", 1, 0600, &w), w);
	assert_content(scratch_path("below"), "x");
}

static void replace_on_a_full_medium_leaves_nothing(void **state)
{
	const struct rlimit small = { 100, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
	const char *path = scratch_path("full");
	static char big[300];
	struct why w = { 0 };
	int r;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	r = file_replace(AT_FDCWD, path, big, sizeof(big), 0600, &w);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(access(path, F_OK), -1);
	assert_no_temp(path);
}

static void read_takes_up_to_the_limit_and_refuses_one_byte_more(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 100000 };
	const char *path = scratch_path("sized");
	AUTO_FREE char *content = malloc(100000);

	(void)state;
	assert_non_null(content);
	memset(content, 'c', 100000);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		AUTO_FREE char *text = NULL;
		char *none = NULL;
		struct why w = { 0 };
		size_t n = 1;

		assert_ok(file_replace(AT_FDCWD, path, content, sizes[i], 0600, &w), w);
		assert_ok(file_read(AT_FDCWD, path, sizes[i], &text, &n, &w), w);
		assert_int_equal(n, sizes[i]);
		assert_int_equal(text[n], '\0');
		assert_memory_equal(text, content, n);
		if (sizes[i] == 0)
			continue;
		assert_int_equal(file_read(AT_FDCWD, path, sizes[i] - 1, &none, &n, &w), -E2BIG);
		assert_null(none);
	}
}

static void read_says_what_it_could_not_open(void **state)
{
	struct why missing = { 0 }, folder = { 0 };
	char *text = NULL;

	(void)state;
	assert_int_equal(file_read(AT_FDCWD, "/no/such", 10, &text, NULL, &missing), -ENOENT);
	assert_string_equal(missing.text, "/no/such: No such file or directory");
	assert_int_equal(file_read(AT_FDCWD, scratch(), 10, &text, NULL, &folder), -EISDIR);
	assert_null(text);
}

static void pread_and_pwrite_are_whole_or_fail(void **state)
{
	AUTO_FD fd = open(scratch_path("rw"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	AUTO_FD full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct why w = { 0 }, short_read = { 0 }, no_room = { 0 }, far = { 0 }, stream = { 0 };
	char buf[8];

	(void)state;
	assert_ok(pwrite_full(fd, "abcdef", 6, 2, "rw", &w), w);
	assert_ok(pread_full(fd, buf, 8, 0, "rw", &w), w);
	assert_memory_equal(buf, "\0\0abcdef", 8);
	assert_ok(pread_full(fd, buf, 0, 100, "rw", &w), w);
	assert_int_equal(pread_full(fd, buf, 8, 1, "rw", &short_read), -EIO);
	assert_string_equal(short_read.text, "rw: ends at byte 8, wanted 8 bytes at 1");
	assert_int_equal(pread_full(fd, buf, 8, UINT64_MAX, "rw", &far), -EINVAL);
	assert_int_equal(pwrite_full(full, "x", 1, 0, "full", &no_room), -ENOSPC);
	assert_int_equal(write_full(full, "x", 1, "full", &stream), -ENOSPC);
}

static void close_checked_reports_and_empties(void **state)
{
	struct why w = { 0 };
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), bad = 12345;

	(void)state;
	assert_ok(close_checked(&fd, "null", &w), w);
	assert_int_equal(fd, -1);
	assert_int_equal(close_checked(&bad, "bad", &w), -EBADF);
	assert_int_equal(bad, -1);
}

static void make_creates_each_folder_once(void **state)
{
	struct why w = { 0 }, file = { 0 }, empty = { 0 };
	struct stat st;

	(void)state;
	assert_ok(dir_make(scratch_path("d1/d2//d3/"), 0750, &w), w);
	assert_ok(dir_make(scratch_path("d1/d2/d3"), 0750, &w), w);
	assert_ok(dir_make("/", 0750, &w), w);
	assert_int_equal(stat(scratch_path("d1/d2/d3"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_ok(dir_sync(scratch_path("d1"), &w), w);
	assert_ok(file_replace(AT_FDCWD, scratch_path("f"), "", 0, 0600, &w), w);
	assert_int_equal(dir_make(scratch_path("f/x"), 0750, &file), -ENOTDIR);
	assert_int_equal(dir_make("", 0750, &empty), -ENAMETOOLONG);
}

/* A file in the place of the last folder is not a folder that exists already. */
static void make_does_not_take_a_file_for_a_folder(void **state)
{
	struct why w = { 0 }, taken = { 0 };

	(void)state;
	assert_ok(file_replace(AT_FDCWD, scratch_path("g"), "", 0, 0600, &w), w);
	assert_int_equal(dir_make(scratch_path("g"), 0750, &taken), -ENOTDIR);
	assert_non_null(strstr(taken.text, "/g: in the way"));
}

static void size_is_that_of_the_file(void **state)
{
	AUTO_FD fd = open(scratch_path("s"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	AUTO_FD null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct why w = { 0 };
	uint64_t n = 1;

	(void)state;
	assert_int_equal(ftruncate(fd, 12345), 0);
	assert_ok(fd_size(fd, "s", &n, &w), w);
	assert_int_equal(n, 12345);
	assert_int_equal(fd_size(null, "null", &n, &w), -ENOTBLK);
	assert_int_equal(n, 12345);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replace_syncs_the_file_before_its_name_and_the_folder_after),
		cmocka_unit_test(replace_that_fails_leaves_the_old_file_and_nothing_else),
		cmocka_unit_test(replace_takes_over_what_a_power_cut_left),
		cmocka_unit_test(replace_names_what_is_in_its_way),
		cmocka_unit_test(replace_works_below_a_folder_descriptor),
		cmocka_unit_test(replace_on_a_full_medium_leaves_nothing),
		cmocka_unit_test(read_takes_up_to_the_limit_and_refuses_one_byte_more),
		cmocka_unit_test(read_says_what_it_could_not_open),
		cmocka_unit_test(pread_and_pwrite_are_whole_or_fail),
		cmocka_unit_test(close_checked_reports_and_empties),
		cmocka_unit_test(make_creates_each_folder_once),
		cmocka_unit_test(make_does_not_take_a_file_for_a_folder),
		cmocka_unit_test(size_is_that_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
