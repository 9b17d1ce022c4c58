/*
 * Caps (bootstage/trainer/cap.h): which kind, what is counted, and what the fence around a job keeps from it. R1, R2. Quotas
 * and loop devices are in tests/root/train-cap.t.
 */
#include "bootstage/trainer/cap.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bootstage/trainer/capproject.h"
#include "tests/support.h"

#define MIB (UINT64_C(1) << 20)

static struct cap_want want(const char *folder, enum cap_kind kind)
{
	return (struct cap_want){ .job = "core",
				  .folder = folder,
				  .bytes = 100 * MIB,
				  .kind = kind,
				  .mount_nothing = true,
				  .uid = geteuid(),
				  .gid = getegid() };
}

static void kind_names_go_both_ways(void **state)
{
	enum cap_kind k = CAP_SCAN;

	(void)state;
	for (enum cap_kind i = CAP_AUTO; i <= CAP_SCAN; i++)
		assert_true(cap_kind_named(cap_kind_name(i), &k) && k == i);
	assert_false(cap_kind_named("quota", &k));
	assert_int_equal(k, CAP_SCAN);
}

static void open_scan_makes_the_folder_and_counts(void **state)
{
	struct cap_want it = want(scratch_path("var/lib/x/models/core"), CAP_SCAN);
	AUTO_CAP c = { .fd = -1 };
	struct stat st;
	uint64_t used;
	struct why w = { 0 };

	(void)state;
	assert_ok(cap_open(&it, &c, &w), w);
	assert_int_equal(c.kind, CAP_SCAN);
	assert_int_equal(fstat(c.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_ok(cap_usage(&c, &used, &w), w);
	assert_true(used < MIB);
	assert_non_null(strstr(c.said, "look at the whole"));
	cap_close(&c);
	assert_ok(cap_open(&it, &c, &w), w); /* and again */
}

/* The power went between mkdir(2) and chown(2). */
static void open_a_folder_that_was_left_half_made_gives_it_away(void **state)
{
	struct cap_want it = want(scratch_path("half-made"), CAP_SCAN);
	AUTO_CAP c = { .fd = -1 };
	struct stat st;
	struct why w = { 0 };

	(void)state;
	if (geteuid() != 0)
		skip();
	it.uid = it.gid = 4711;
	assert_int_equal(mkdir(it.folder, 0), 0);
	assert_ok(cap_open(&it, &c, &w), w);
	assert_int_equal(fstat(c.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_uid, 4711);
	cap_close(&c);
	it.uid = 0; /* whose it is stays */
	assert_ok(cap_open(&it, &c, &w), w);
	assert_int_equal(fstat(c.fd, &st), 0);
	assert_int_equal(st.st_uid, 4711);
}

static void open_auto_says_why_nothing_better(void **state)
{
	struct cap_want it = want(scratch_path("auto"), CAP_AUTO);
	AUTO_CAP c = { .fd = -1 };
	struct why w = { 0 };

	(void)state;
	assert_ok(cap_open(&it, &c, &w), w);
	if (c.kind == CAP_PROJECT)
		skip(); /* the scratch folder has quotas */
	assert_int_equal(c.kind, CAP_SCAN);
	assert_non_null(strstr(c.said, "project quota"));
	assert_non_null(strstr(c.said, "no file system of its own"));
}

static void open_a_symlink_is_refused(void **state)
{
	struct cap_want it;
	struct cap c;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(mkdir(scratch_path("real"), 0700), 0);
	assert_int_equal(symlink("real", scratch_path("link")), 0);
	it = want(scratch_path("link"), CAP_SCAN);
	assert_int_equal(cap_open(&it, &c, &w), -ENOTDIR);
}

static void open_just_one_kind_gives_it_or_nothing(void **state)
{
	enum cap_kind kinds[] = { CAP_PROJECT, CAP_LOOP };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct cap_want it = want(scratch_path("one"), kinds[i]);
		AUTO_CAP c = { .fd = -1 };
		struct why w = { 0 };
		int r = cap_look(&it, &c, &w);

		assert_true(r == 0 ? c.kind == kinds[i] : r == -EOPNOTSUPP && strstr(w.text, "cap of core: "));
		w = (struct why){ 0 };
		it.bytes = 1; /* too small for a file system */
		assert_true(kinds[i] == CAP_PROJECT || cap_look(&it, &c, &w) == -EOPNOTSUPP);
	}
}

static void look_changes_nothing(void **state)
{
	struct cap_want it = want(scratch_path("look/at/this"), CAP_AUTO);
	struct cap c;
	struct why w = { 0 };

	(void)state;
	assert_ok(cap_look(&it, &c, &w), w);
	assert_int_equal(c.fd, -1);
	assert_int_not_equal(access(scratch_path("look"), F_OK), 0);
}

static void reached_close_to_the_cap(void **state)
{
	struct cap c = { .bytes = 3072 * MIB };

	(void)state;
	assert_false(cap_reached(&c, 0));
	assert_false(cap_reached(&c, 3041 * MIB));
	assert_true(cap_reached(&c, 3042 * MIB));
	assert_true(cap_reached(&c, 3072 * MIB));
	assert_true(cap_reached(&c, 9999 * MIB));
	c.bytes = 2 * MIB;
	assert_false(cap_reached(&c, MIB));
	assert_true(cap_reached(&c, MIB + 1));
}

static void project_ids_are_in_their_range(void **state)
{
	static const char *const names[] = { "core", "dpi", "agent", "", "a-very-long-name-of-a-job" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint32_t id = capproject_first_choice(names[i]);

		assert_true(id >= CAPPROJECT_FIRST && id < CAPPROJECT_FIRST + CAPPROJECT_IDS);
		assert_int_equal(id, capproject_first_choice(names[i]));
	}
	assert_int_not_equal(capproject_first_choice("core"), capproject_first_choice("dpi"));
}

/* --- the fence --- */

static int escape(void)
{
	const char *path = scratch_path("fence/file");
	int fd = open(path, O_RDWR | O_CREAT, 0600), flags = 0;
	struct fsxattr x = { 0 };

	if (cap_fence(MIB))
		return 1;
	if (prctl(PR_CAPBSET_READ, 24 /* CAP_SYS_RESOURCE */) == 1 && geteuid() == 0)
		return 2;
	(void)ioctl(fd, FS_IOC_FSGETXATTR, &x); /* looking is free */
	if (ioctl(fd, FS_IOC_FSSETXATTR, &x) != -1 || errno != EPERM)
		return 3;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags) != -1 || errno != EPERM)
		return 4;
	if (syscall(469, -1, "", NULL, 0, 0) != -1 || errno != EPERM)
		return 5;
	if (ioctl(fd, FIONREAD, &flags) == -1 && errno == EPERM)
		return 6;
	(void)signal(SIGXFSZ, SIG_IGN);
	if (pwrite(fd, "x", 1, MIB) != -1 || errno != EFBIG)
		return 7;
	return pwrite(fd, "x", 1, MIB - 1) == 1 ? 0 : 8;
}

static void fence_keeps_files_small_and_in_their_project(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(mkdir(scratch_path("fence"), 0700), 0);
	pid = fork();
	if (pid == 0)
		_exit(escape());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kind_names_go_both_ways),
		cmocka_unit_test(open_scan_makes_the_folder_and_counts),
		cmocka_unit_test(open_a_folder_that_was_left_half_made_gives_it_away),
		cmocka_unit_test(open_auto_says_why_nothing_better),
		cmocka_unit_test(open_a_symlink_is_refused),
		cmocka_unit_test(open_just_one_kind_gives_it_or_nothing),
		cmocka_unit_test(look_changes_nothing),
		cmocka_unit_test(reached_close_to_the_cap),
		cmocka_unit_test(project_ids_are_in_their_range),
		cmocka_unit_test(fence_keeps_files_small_and_in_their_project),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
