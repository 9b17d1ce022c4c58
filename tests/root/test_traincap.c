/*
 * Caps of training (bootstage/trainer/cap.h) on the kernel's own file systems, as root: R1, R2, R7. Run by train-cap.t, which
 * makes them and names them in the environment: TRAINCAP_PROJECT those with project quotas, TRAINCAP_PLAIN one without.
 */
#include "bootstage/trainer/cap.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "bootstage/trainer/capproject.h"
#include "tests/support.h"

#define MIB    (UINT64_C(1) << 20)
#define NOBODY 65534

static const char *plain;
static const char *project[8];
static size_t n_project;

static const char *below(const char *place, const char *name)
{
	static char at[8][PATH_MAX];
	static unsigned int turn;
	char *path = at[turn++ % ARRAY_SIZE(at)];

	(void)snprintf(path, PATH_MAX, "%s/%s", place, name);
	return path;
}

static struct cap_want want(const char *place, const char *job, enum cap_kind kind, uint64_t bytes)
{
	char folder[64];

	(void)snprintf(folder, sizeof(folder), "job-%s", job);
	return (struct cap_want){ .job = job,
				  .folder = below(place, folder),
				  .images = below(place, "images"),
				  .bytes = bytes,
				  .kind = kind,
				  .uid = NOBODY,
				  .gid = NOBODY };
}

static void put(const char *path, size_t mib)
{
	static char block[MIB];
	AUTO_FD fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	for (size_t i = 0; i < mib; i++)
		assert_true(write(fd, block, sizeof(block)) == (ssize_t)sizeof(block));
	assert_int_equal(fchown(fd, NOBODY, NOBODY), 0);
}

/* --- a job: its parts run in a child, whose exit code says how it went --- */

static int write_until_full(uint64_t *ret_bytes)
{
	static char block[65536];

	memset(block, 'x', sizeof(block));
	for (unsigned int file = 0; file < 64; file++) {
		char name[16];
		AUTO_FD fd = -1;

		(void)snprintf(name, sizeof(name), "big%u", file);
		fd = open(name, O_CREAT | O_WRONLY, 0600);
		if (fd < 0)
			return errno;
		for (unsigned int i = 0; i < 16 * 4; i++) { /* 4 MiB each */
			ssize_t n = write(fd, block, sizeof(block));

			if (n < 0)
				return errno;
			*ret_bytes += (uint64_t)n;
		}
		if (fsync(fd))
			return errno;
	}
	return 0;
}

/* Fills the folder. The cap is 20 MiB: more than that is what must not be. */
static int fill(const struct cap *c)
{
	uint64_t written = 0;
	int e = write_until_full(&written);

	if (e != EDQUOT && e != ENOSPC)
		return 10;
	return written > c->bytes ? 11 : written < c->bytes / 10 * 7 ? 12 : 0;
}

/* The owner of a file takes it out of its project, and goes on. */
static int escape(const struct cap *c)
{
	int fd = open("mine", O_CREAT | O_RDWR, 0600), folder = open(".", O_RDONLY), flags = 0;
	struct fsxattr x = { 0 };

	if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &x))
		return 10;
	if (x.fsx_projid != c->project)
		return 11;
	x.fsx_projid = 0;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &x) != -1 || ioctl(folder, FS_IOC_FSSETXATTR, &x) != -1)
		return 12;
	if (ioctl(folder, FS_IOC_SETFLAGS, &flags) != -1)
		return 13;
	/* Elsewhere it is still of its project. */
	return rename("mine", "../elsewhere/mine") ? 14 : fill(c);
}

static int job(const struct cap *c, uid_t uid, int (*run)(const struct cap *c))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)signal(SIGXFSZ, SIG_IGN);
		if (fchdir(c->fd) || (uid && (setgroups(0, NULL) || setgid(uid) || setuid(uid))) || cap_fence(c->bytes))
			_exit(1);
		_exit(run(c));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* --- project quotas --- */

static void project_holds_a_job(void **state) /* R1, R7 */
{
	(void)state;
	if (n_project == 0)
		skip();
	for (size_t i = 0; i < n_project; i++) {
		struct cap_want it = want(project[i], "core", CAP_AUTO, 20 * MIB);
		AUTO_CAP c = { .fd = -1 };
		uint64_t used;
		struct why w = { 0 };

		assert_ok(cap_open(&it, &c, &w), w);
		assert_int_equal(c.kind, CAP_PROJECT);
		assert_int_equal(c.project, capproject_first_choice("core"));
		assert_ok(cap_usage(&c, &used, &w), w);
		assert_true(used < MIB);
		assert_int_equal(job(&c, NOBODY, fill), 0);
		sync();
		assert_ok(cap_usage(&c, &used, &w), w);
		assert_true(used <= 20 * MIB && cap_reached(&c, used));
	}
}

static void project_cannot_be_left(void **state)
{
	(void)state;
	if (n_project == 0)
		skip();
	for (size_t i = 0; i < n_project; i++) {
		struct cap_want it = want(project[i], "leave", CAP_PROJECT, 20 * MIB);
		AUTO_CAP c = { .fd = -1 };
		struct why w = { 0 };

		assert_ok(cap_open(&it, &c, &w), w);
		assert_int_equal(mkdir(below(project[i], "elsewhere"), 0777), 0);
		assert_int_equal(chmod(below(project[i], "elsewhere"), 0777), 0);
		assert_int_equal(job(&c, NOBODY, escape), 0);
	}
}

static int fill_as_root(const struct cap *c)
{
	char *const argv[] = { (char[]){ "test_traincap" }, (char[]){ "fill" }, (char[]){ "20971520" }, NULL };

	(void)c;
	(void)execv("/proc/self/exe", argv);
	return 1;
}

static void project_holds_root_behind_the_fence(void **state)
{
	(void)state;
	if (n_project == 0)
		skip();
	for (size_t i = 0; i < n_project; i++) {
		struct cap_want it = want(project[i], "root", CAP_PROJECT, 20 * MIB);
		AUTO_CAP c = { .fd = -1 };
		struct why w = { 0 };

		assert_ok(cap_open(&it, &c, &w), w);
		assert_int_equal(job(&c, 0, fill_as_root), 0);
	}
}

static void project_takes_in_what_is_there(void **state)
{
	(void)state;
	if (n_project == 0)
		skip();
	for (size_t i = 0; i < n_project; i++) {
		struct cap_want it = want(project[i], "old", CAP_PROJECT, 30 * MIB);
		AUTO_CAP c = { .fd = -1 };
		uint64_t used;
		struct why w = { 0 };

		assert_int_equal(mkdir(it.folder, 0755), 0);
		assert_int_equal(mkdir(below(it.folder, "sub"), 0755), 0);
		put(below(it.folder, "sub/a"), 7);
		put(below(it.folder, "b"), 4);
		assert_int_equal(symlink("/", below(it.folder, "away")), 0);
		sync();
		assert_ok(cap_open(&it, &c, &w), w);
		assert_ok(cap_usage(&c, &used, &w), w);
		assert_true(used >= 11 * MIB && used < 12 * MIB);
		cap_close(&c);
		it.bytes = 11 * MIB + MIB / 2; /* a smaller cap: the same project */
		assert_ok(cap_open(&it, &c, &w), w);
		assert_ok(cap_usage(&c, &used, &w), w);
		assert_true(used >= 11 * MIB && cap_reached(&c, used));
		put(below(project[i], "outside"), 1); /* by root, who is past it, and elsewhere at that */
	}
}

static void project_ids_that_are_taken_are_passed_over(void **state)
{
	(void)state;
	if (n_project == 0)
		skip();
	for (size_t i = 0; i < n_project; i++) {
		struct cap_want one = want(project[i], "twin", CAP_PROJECT, 20 * MIB), other = one;
		AUTO_CAP a = { .fd = -1 };
		AUTO_CAP b = { .fd = -1 };
		uint32_t id;
		struct why w = { 0 };

		other.folder = below(project[i], "job-twin2");
		assert_ok(cap_open(&one, &a, &w), w);
		assert_ok(cap_open(&other, &b, &w), w);
		assert_int_not_equal(a.project, b.project);
		id = b.project;
		cap_close(&b);
		assert_ok(cap_open(&other, &b, &w), w); /* and it keeps its own */
		assert_int_equal(b.project, id);
	}
}

/* --- a file system of its own --- */

static void loop_holds_a_job(void **state)
{
	struct cap_want it;
	AUTO_CAP c = { .fd = -1 };
	struct stat st;
	uint64_t used;
	struct why w = { 0 };

	(void)state;
	if (!plain)
		skip();
	it = want(plain, "core", CAP_AUTO, 24 * MIB);
	assert_ok(cap_open(&it, &c, &w), w);
	assert_int_equal(c.kind, CAP_LOOP);
	assert_non_null(strstr(c.said, "no project quota"));
	assert_int_equal(stat(below(it.images, "core.img"), &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 >= 24 * MIB); /* no holes: it cannot fill the disk later */
	assert_int_equal(fstat(c.fd, &st), 0);
	assert_true(st.st_uid == NOBODY && (st.st_mode & 07777) == 0750);
	assert_int_equal(job(&c, NOBODY, fill), 0);
	assert_ok(cap_usage(&c, &used, &w), w);
	assert_true(cap_reached(&c, used) && used <= 24 * MIB);
	cap_close(&c);
	assert_ok(cap_open(&it, &c, &w), w); /* there already */
	cap_close(&c);
	assert_int_equal(umount(it.folder), 0); /* the machine was started anew */
	assert_ok(cap_attach(&it, &w), w);
	assert_int_equal(access(below(it.folder, "big0"), F_OK), 0);
	assert_ok(cap_attach(&it, &w), w); /* there already */
	assert_ok(cap_open(&it, &c, &w), w);
	assert_int_equal(c.kind, CAP_LOOP);
	assert_int_equal(faccessat(c.fd, "big0", F_OK, 0), 0);
	it.kind = CAP_LOOP;
	it.bytes = 32 * MIB;
	assert_int_equal(cap_open(&it, &c, &w), -E2BIG);
	assert_int_equal(w.exit, EXIT_REFUSED);
}

static void loop_needs_an_empty_folder_and_room(void **state)
{
	struct cap_want it;
	AUTO_CAP c = { .fd = -1 };
	struct why w = { 0 };

	(void)state;
	if (!plain)
		skip();
	it = want(plain, "full", CAP_AUTO, 24 * MIB);
	assert_int_equal(mkdir(it.folder, 0755), 0);
	put(below(it.folder, "model"), 1);
	assert_ok(cap_open(&it, &c, &w), w);
	assert_int_equal(c.kind, CAP_SCAN);
	assert_non_null(strstr(c.said, "not empty"));
	it.kind = CAP_LOOP;
	assert_int_equal(cap_open(&it, &c, &w), -EOPNOTSUPP);
	cap_close(&c);
	it = want(plain, "huge", CAP_AUTO, 4096 * MIB);
	assert_ok(cap_open(&it, &c, &w), w);
	assert_int_equal(c.kind, CAP_SCAN);
	assert_non_null(strstr(c.said, "no room"));
}

static void read_places(void)
{
	char *list = getenv("TRAINCAP_PROJECT");

	for (char *word = list ? strtok_r(list, " ", &list) : NULL; word && n_project < ARRAY_SIZE(project);
	     word = strtok_r(NULL, " ", &list))
		project[n_project++] = word;
	plain = getenv("TRAINCAP_PLAIN");
	plain = plain && plain[0] ? plain : NULL;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(project_holds_a_job),
		cmocka_unit_test(project_cannot_be_left),
		cmocka_unit_test(project_holds_root_behind_the_fence),
		cmocka_unit_test(project_takes_in_what_is_there),
		cmocka_unit_test(project_ids_that_are_taken_are_passed_over),
		cmocka_unit_test(loop_holds_a_job),
		cmocka_unit_test(loop_needs_an_empty_folder_and_room),
	};

	if (argc > 2)
		return fill(&(struct cap){ .bytes = 20 * MIB });
	(void)argv;
	read_places();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
