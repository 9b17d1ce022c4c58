/* Control groups (tuning/cgroup.h) on folders that look like them; tests/root/cgroup.t has the kernel's own. */
#include "tuning/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "tests/support.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static unsigned int n_trees;

static const char *const limit_files[] = { "cpu.weight",      "cpu.max",          "memory.max", "memory.min",
					   "memory.swap.max", "memory.oom.group", "pids.max" };

static const char *in(const char *root, const char *path)
{
	char name[300];

	(void)snprintf(name, sizeof(name), "%s/%s", root, path);
	return scratch_path(name);
}

static void put(const char *root, const char *path, const char *text)
{
	struct why w = { 0 };
	char folder[600];

	(void)snprintf(folder, sizeof(folder), "%s", in(root, path));
	*strrchr(folder, '/') = '\0';
	assert_ok(dir_make(folder, 0755, &w), w);
	assert_ok(file_replace(AT_FDCWD, in(root, path), text, strlen(text), 0644, &w), w);
}

static void is(const char *root, const char *path, const char *want)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };
	size_t n = 0;

	assert_ok(file_read(AT_FDCWD, in(root, path), 65536, &text, &n, &w), w);
	if (strcmp(text, want) != 0)
		fail_msg("%s: '%s', want '%s'", path, text, want);
}

/* A machine of its own for each test. */
static int set_up(void **state)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "m%u", n_trees++);
	put(name, "proc/self/mountinfo",
	    "20 1 0:20 / /proc rw - proc proc rw\n30 1 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put(name, "proc/self/cgroup", "0::/own\n");
	put(name, "sys/fs/cgroup/own/cgroup.controllers", "cpuset cpu io memory pids\n");
	put(name, "sys/fs/cgroup/own/cgroup.subtree_control", "\n");
	put(name, "sys/fs/cgroup/own/cgroup.procs", "");
	put(name, "sys/fs/cgroup/own/cgroup.events", "populated 0\nfrozen 0\n");
	*state = name;
	return 0;
}

static struct tree tree_of(const char *root)
{
	struct tree t = { .fd = -1 };
	struct why w = { 0 };

	assert_ok(tree_open(scratch_path(root), &t, &w), w);
	return t;
}

/* The machine's own group. */
static struct cgroup own_of(const char *root)
{
	struct tree t = tree_of(root);
	struct cgroup_place place;
	struct cgroup g;
	struct why w = { 0 };

	assert_ok(cgroup_find(&t, &place, &w), w);
	assert_ok(cgroup_open(&t, place.own.s, &g, &w), w);
	tree_close(&t);
	return g;
}

static void own_group_is_found_below_the_mount(void **state)
{
	struct tree t = tree_of(*state);
	struct cgroup_place place;
	struct why w = { 0 };

	assert_ok(cgroup_find(&t, &place, &w), w);
	assert_string_equal(place.mount.s, "sys/fs/cgroup");
	assert_string_equal(place.own.s, "sys/fs/cgroup/own");
	assert_false(place.outside);
	put(*state, "proc/self/cgroup", "0::/../own\n");
	assert_ok(cgroup_find(&t, &place, &w), w);
	assert_true(place.outside);
	assert_string_equal(place.own.s, "sys/fs/cgroup");
	assert_string_equal(place.named.s, "/../own");
	tree_close(&t);
}

/* C10. */
static void machine_without_version_2_says_so(void **state)
{
	struct tree t = tree_of(*state);
	struct cgroup_place place;
	struct why w = { 0 };

	put(*state, "proc/self/cgroup", "4:memory:/own\n");
	assert_int_equal(cgroup_find(&t, &place, &w), -ENODATA);
	put(*state, "proc/self/cgroup", "0::/own\n");
	put(*state, "proc/self/mountinfo", "30 1 0:30 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n");
	assert_int_equal(cgroup_find(&t, &place, &w), -ENODATA);
	assert_string_equal(w.text, "");
	assert_int_equal(cgroup_mount(&t, &w), -EBUSY);
	assert_non_null(strstr(w.text, "/sys/fs/cgroup: something else is mounted there (cgroup version 1?)"));
	put(*state, "proc/self/mountinfo", "30 1 0:30 /\n");
	w = (struct why){ 0 };
	assert_int_equal(cgroup_find(&t, &place, &w), -EBADMSG);
	tree_close(&t);
}

static void mounted_hierarchy_is_not_mounted_again(void **state)
{
	struct tree t = tree_of(*state);
	struct why w = { 0 };

	assert_ok(cgroup_mount(&t, &w), w);
	put(*state, "proc/self/mountinfo",
	    "30 1 0:30 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n31 1 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	assert_ok(cgroup_mount(&t, &w), w);
	tree_close(&t);
}

/* A folder keeps what was written last; the kernel adds it to the list. */
static void controllers_that_cannot_be_had_are_named(void **state)
{
	struct cgroup g = own_of(*state);
	struct why w = { 0 };

	put(*state, "sys/fs/cgroup/own/cgroup.subtree_control", "cpu pids memory\n");
	assert_ok(cgroup_enable(&g, &w), w);
	put(*state, "sys/fs/cgroup/own/cgroup.subtree_control", "cpu\n");
	put(*state, "sys/fs/cgroup/own/cgroup.controllers", "cpuset cpu hugetlb\n");
	assert_int_equal(cgroup_enable(&g, &w), -ENODATA);
	assert_non_null(strstr(w.text, "/own: without the controllers memory (not there), pids (not there)"));
	put(*state, "sys/fs/cgroup/own/cgroup.controllers", "cpu memory\n");
	w = (struct why){ 0 };
	assert_int_equal(cgroup_enable(&g, &w), -EIO);
	assert_non_null(strstr(w.text, "memory (written, but not on), pids (not there)"));
	is(*state, "sys/fs/cgroup/own/cgroup.subtree_control", "+memory");
	cgroup_close(&g);
}

static void name_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const names[] = { "", ".", "..", "a/b", "/", ".hidden" };
	struct cgroup g = own_of(*state), leaf;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(cgroup_make(&g, names[i], &leaf, NULL), -EINVAL);
	cgroup_close(&g);
}

static struct cgroup leaf_of(const char *root)
{
	struct cgroup g = own_of(root), leaf;
	struct why w = { 0 };

	assert_ok(cgroup_make(&g, "leaf", &leaf, &w), w);
	cgroup_close(&g);
	return leaf;
}

/* With every control file of the three controllers. */
static struct cgroup limited_leaf_of(const char *root)
{
	struct cgroup leaf = leaf_of(root);
	char path[100];

	for (size_t i = 0; i < ARRAY_SIZE(limit_files); i++) {
		(void)snprintf(path, sizeof(path), "sys/fs/cgroup/own/leaf/%s", limit_files[i]);
		put(root, path, "max\n");
	}
	return leaf;
}

static struct cgroup_limited limit(const struct cgroup *g, enum class_id id, uint64_t ram_bytes)
{
	struct cgroup_limited l;

	cgroup_limit(g, &classes_default.at[id], ram_bytes, &l);
	return l;
}

/* P1, P2, P5, P8 as control files. */
static void limits_of_a_class_are_written(void **state)
{
	struct cgroup g = limited_leaf_of(*state);
	struct cgroup_limited l = limit(&g, CLASS_HIGH, 64 * GIB);

	assert_string_equal(l.degraded, "");
	assert_string_equal(l.unheld, "");
	assert_int_equal(l.memory_limit_bytes, 2 * GIB);
	assert_int_equal(l.memory_guarantee_bytes, GIB);
	is(*state, "sys/fs/cgroup/own/leaf/cpu.weight", "150");
	is(*state, "sys/fs/cgroup/own/leaf/cpu.max", "150000 100000");
	is(*state, "sys/fs/cgroup/own/leaf/memory.max", "2147483648");
	is(*state, "sys/fs/cgroup/own/leaf/memory.min", "1073741824");
	is(*state, "sys/fs/cgroup/own/leaf/memory.swap.max", "0");
	is(*state, "sys/fs/cgroup/own/leaf/memory.oom.group", "1");
	is(*state, "sys/fs/cgroup/own/leaf/pids.max", "2048");
	cgroup_close(&g);
}

static void no_limit_is_max(void **state)
{
	const struct class_limits none = { 1024, CLASS_UNLIMITED, CLASS_UNLIMITED, 0, CLASS_UNLIMITED, CLASS_UNLIMITED,
					   0 };
	struct cgroup g = limited_leaf_of(*state);
	struct cgroup_limited l;

	cgroup_limit(&g, &none, GIB, &l);
	assert_string_equal(l.degraded, "");
	assert_true(l.memory_limit_bytes == CLASS_UNLIMITED);
	is(*state, "sys/fs/cgroup/own/leaf/cpu.max", "max 100000");
	is(*state, "sys/fs/cgroup/own/leaf/memory.max", "max");
	is(*state, "sys/fs/cgroup/own/leaf/memory.swap.max", "max");
	is(*state, "sys/fs/cgroup/own/leaf/pids.max", "max");
	cgroup_close(&g);
}

/* P5 on a machine that does not have what the class may use. */
static void small_machine_lowers_limit_and_guarantee(void **state)
{
	struct cgroup g = limited_leaf_of(*state);
	struct cgroup_limited l = limit(&g, CLASS_CRITICAL, 3 * GIB + 1);

	assert_string_equal(l.degraded,
			    "memory limit of 4.0 GiB lowered to the 3.0 GiB that there are; memory guarantee "
			    "of 2.0 GiB lowered to half of the 3.0 GiB that there are");
	assert_int_equal(l.memory_limit_bytes, 3 * GIB);
	is(*state, "sys/fs/cgroup/own/leaf/memory.max", "3221225472");
	is(*state, "sys/fs/cgroup/own/leaf/memory.min", "1610612736");
	l = limit(&g, CLASS_CRITICAL, 4 * GIB);
	assert_string_equal(l.degraded, "");
	l = limit(&g, CLASS_CRITICAL, 0);
	assert_string_equal(l.degraded, "");
	assert_int_equal(l.memory_limit_bytes, 4 * GIB);
	cgroup_close(&g);
}

static void missing_controllers_are_named_once(void **state)
{
	struct cgroup g = leaf_of(*state);
	struct cgroup_limited l = limit(&g, CLASS_NORMAL, 64 * GIB);

	assert_string_equal(l.degraded, "no controller cpu; no controller memory; no controller pids");
	assert_true(l.memory_limit_bytes == CLASS_UNLIMITED);
	assert_int_equal(l.memory_guarantee_bytes, 0);
	put(*state, "sys/fs/cgroup/own/leaf/memory.max", "max\n");
	put(*state, "sys/fs/cgroup/own/leaf/memory.min", "0\n");
	put(*state, "sys/fs/cgroup/own/leaf/memory.oom.group", "0\n");
	l = limit(&g, CLASS_NORMAL, 64 * GIB);
	assert_string_equal(l.degraded, "no controller cpu; this kernel has no memory.swap.max; no controller pids");
	cgroup_close(&g);
}

/* /dev/null keeps nothing, /dev/full takes nothing. */
static void limit_that_is_not_kept_is_said(void **state)
{
	struct cgroup g = limited_leaf_of(*state);
	struct cgroup_limited l;

	assert_int_equal(unlinkat(g.fd, "cpu.max", 0), 0);
	assert_int_equal(symlinkat("/dev/null", g.fd, "cpu.max"), 0);
	assert_int_equal(unlinkat(g.fd, "pids.max", 0), 0);
	assert_int_equal(symlinkat("/dev/full", g.fd, "pids.max"), 0);
	l = limit(&g, CLASS_LOW, 64 * GIB);
	assert_string_equal(l.degraded, "cpu.max: '50000 100000' was written, it is ''; "
					"pids.max: '512': No space left on device");
	cgroup_close(&g);
}

/* P5: what the groups above do not guarantee is not guaranteed. */
static void guarantee_that_the_groups_above_do_not_hold_is_said(void **state)
{
	struct cgroup g = limited_leaf_of(*state);
	struct cgroup_limited l;

	put(*state, "sys/fs/cgroup/own/memory.min", "1073741824\n");
	l = limit(&g, CLASS_NORMAL, 64 * GIB);
	assert_string_equal(l.unheld, "");
	put(*state, "sys/fs/cgroup/own/memory.min", "1048576\n");
	l = limit(&g, CLASS_NORMAL, 64 * GIB);
	assert_string_equal(l.unheld,
			    "the memory guarantee of 256.0 MiB is not held: a group above guarantees 1.0 MiB");
	put(*state, "sys/fs/cgroup/own/memory.min", "max\n");
	put(*state, "sys/fs/cgroup/memory.min", "0\n");
	l = limit(&g, CLASS_NORMAL, 64 * GIB);
	assert_string_equal(l.unheld, "the memory guarantee of 256.0 MiB is not held: a group above guarantees 0 B");
	l = limit(&g, CLASS_LOW, 64 * GIB);
	assert_string_equal(l.unheld, "");
	cgroup_close(&g);
}

/* P9. */
static void oom_score_is_written_and_read_back(void **state)
{
	struct tree t = tree_of(*state);
	struct why w = { 0 };

	put(*state, "proc/12/oom_score_adj", "0\n");
	assert_ok(cgroup_oom_score(&t, "12", -999, &w), w);
	is(*state, "proc/12/oom_score_adj", "-999");
	assert_int_equal(cgroup_oom_score(&t, "13", 500, &w), -ENOENT);
	assert_non_null(strstr(w.text, "/proc/13/oom_score_adj: No such file or directory"));
	tree_close(&t);
}

/* A folder is no group, so that the kernel cannot start in it: the second way is taken. */
static void child_is_moved_where_it_cannot_be_born_in_the_group(void **state)
{
	struct cgroup g = leaf_of(*state);
	int pidfd = -1, status = 0;
	struct why w = { 0 };
	char want[24];
	pid_t pid = -1;

	put(*state, "sys/fs/cgroup/own/leaf/cgroup.procs", "");
	assert_ok(cgroup_fork(&g, &pid, &pidfd, &w), w);
	if (pid == 0) { /* goes on only when it has been moved */
		AUTO_FREE char *text = NULL;

		(void)snprintf(want, sizeof(want), "%d", (int)getpid());
		_exit(cgroup_read(&g, "cgroup.procs", &text, NULL) == 0 && strcmp(text, want) == 0 ? 7 : 8);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_true(pidfd >= 0);
	(void)close(pidfd);
	cgroup_close(&g);
}

static void child_that_cannot_be_moved_is_not_left(void **state)
{
	struct cgroup g = leaf_of(*state);
	struct why w = { 0 };
	int pidfd = -1;
	pid_t pid = -1;

	assert_int_equal(cgroup_fork(&g, &pid, &pidfd, &w), -ENOENT);
	assert_non_null(strstr(w.text, "/leaf: not a group"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(pidfd, -1);
	cgroup_close(&g);
}

static void child_without_a_group_is_started_too(void **state)
{
	int pidfd = -1, status = 0;
	struct why w = { 0 };
	pid_t pid = -1;

	(void)state;
	assert_ok(cgroup_fork(NULL, &pid, &pidfd, &w), w);
	if (pid == 0)
		_exit(3);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 3);
	(void)close(pidfd);
}

static void usage_is_read_as_far_as_it_is_told(void **state)
{
	struct cgroup g = leaf_of(*state);
	struct cgroup_usage u;
	struct why w = { 0 };

	assert_ok(cgroup_usage(&g, &u, &w), w);
	assert_int_equal(u.cpu_us, 0);
	assert_false(u.has_memory);
	put(*state, "sys/fs/cgroup/own/leaf/cpu.stat", "usage_usec 1234567\nuser_usec 1\nsystem_usec 2\n");
	put(*state, "sys/fs/cgroup/own/leaf/memory.peak", "67108864\n");
	put(*state, "sys/fs/cgroup/own/leaf/memory.events",
	    "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 4\n");
	assert_ok(cgroup_usage(&g, &u, &w), w);
	assert_int_equal(u.cpu_us, 1234567);
	assert_true(u.has_memory);
	assert_int_equal(u.peak_memory_bytes, 64 * MIB);
	assert_int_equal(u.oom_kills, 1);
	put(*state, "sys/fs/cgroup/own/leaf/cpu.stat", "usage_usec 99999999999999999999999\n");
	put(*state, "sys/fs/cgroup/own/leaf/memory.peak", "none\n");
	assert_ok(cgroup_usage(&g, &u, &w), w);
	assert_int_equal(u.cpu_us, 0);
	assert_false(u.has_memory);
	cgroup_close(&g);
}

static void populated_is_read(void **state)
{
	struct cgroup g = own_of(*state);
	struct why w = { 0 };
	bool populated = true;

	assert_ok(cgroup_populated(&g, &populated, &w), w);
	assert_false(populated);
	put(*state, "sys/fs/cgroup/own/cgroup.events", "populated 1\nfrozen 0\n");
	assert_ok(cgroup_populated(&g, &populated, &w), w);
	assert_true(populated);
	put(*state, "sys/fs/cgroup/own/cgroup.events", "frozen 0\n");
	assert_int_equal(cgroup_populated(&g, &populated, &w), -EBADMSG);
	cgroup_close(&g);
}

static void group_is_killed_through_its_file(void **state)
{
	struct cgroup g = own_of(*state);
	struct why w = { 0 };

	put(*state, "sys/fs/cgroup/own/cgroup.kill", "");
	assert_ok(cgroup_kill(&g, &w), w);
	is(*state, "sys/fs/cgroup/own/cgroup.kill", "1");
	cgroup_close(&g);
}

static void list_process(const char *root, const char *group, pid_t pid)
{
	char path[100], text[64];

	(void)snprintf(path, sizeof(path), "sys/fs/cgroup/%s/cgroup.procs", group);
	(void)snprintf(text, sizeof(text), "0\n1\n%d\n%d\n", (int)getpid(), (int)pid);
	put(root, path, text);
}

/* Before Linux 5.14; neither a process of another namespace, nor init, nor this one. */
static void group_without_that_file_is_killed_one_by_one(void **state)
{
	struct cgroup g = own_of(*state);
	struct why w = { 0 };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			(void)pause();
	list_process(*state, "own/below/deeper", pid);
	assert_ok(cgroup_kill(&g, &w), w);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	cgroup_close(&g);
}

static void group_that_does_not_empty_is_an_error(void **state)
{
	struct cgroup g = own_of(*state);
	struct why w = { 0 };

	put(*state, "sys/fs/cgroup/own/cgroup.kill", "");
	put(*state, "sys/fs/cgroup/own/cgroup.events", "populated 1\n");
	assert_int_equal(cgroup_end(&g, 10, &w), -EBUSY);
	assert_non_null(strstr(w.text, "/own: processes that do not end"));
	cgroup_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(own_group_is_found_below_the_mount, set_up),
		cmocka_unit_test_setup(machine_without_version_2_says_so, set_up),
		cmocka_unit_test_setup(mounted_hierarchy_is_not_mounted_again, set_up),
		cmocka_unit_test_setup(controllers_that_cannot_be_had_are_named, set_up),
		cmocka_unit_test_setup(name_that_leads_elsewhere_is_refused, set_up),
		cmocka_unit_test_setup(limits_of_a_class_are_written, set_up),
		cmocka_unit_test_setup(no_limit_is_max, set_up),
		cmocka_unit_test_setup(small_machine_lowers_limit_and_guarantee, set_up),
		cmocka_unit_test_setup(missing_controllers_are_named_once, set_up),
		cmocka_unit_test_setup(limit_that_is_not_kept_is_said, set_up),
		cmocka_unit_test_setup(guarantee_that_the_groups_above_do_not_hold_is_said, set_up),
		cmocka_unit_test_setup(oom_score_is_written_and_read_back, set_up),
		cmocka_unit_test_setup(child_is_moved_where_it_cannot_be_born_in_the_group, set_up),
		cmocka_unit_test_setup(child_that_cannot_be_moved_is_not_left, set_up),
		cmocka_unit_test_setup(child_without_a_group_is_started_too, set_up),
		cmocka_unit_test_setup(usage_is_read_as_far_as_it_is_told, set_up),
		cmocka_unit_test_setup(populated_is_read, set_up),
		cmocka_unit_test_setup(group_is_killed_through_its_file, set_up),
		cmocka_unit_test_setup(group_without_that_file_is_killed_one_by_one, set_up),
		cmocka_unit_test_setup(group_that_does_not_empty_is_an_error, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
