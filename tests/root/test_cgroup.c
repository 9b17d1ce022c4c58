/*
 * Control groups (tuning/cgroup.h) with the kernel's own hierarchy, as root. Run by cgroup.t. Limits are tested where the
 * controllers are; a host with version 1 beside it has none here.
 */
#include "tuning/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "tests/support.h"

#define MIB (1ull << 20)

static struct tree tree;
static struct cgroup top; /* a group of this test's own */
static bool controllers;

static int set_up(void **state)
{
	struct cgroup_place place;
	struct cgroup mount;
	struct why w = { 0 };

	(void)state;
	assert_ok(tree_open(NULL, &tree, &w), w);
	assert_ok(cgroup_mount(&tree, &w), w);
	assert_ok(cgroup_find(&tree, &place, &w), w);
	/* Below the topmost one, which may have processes and groups with controllers at once. */
	assert_ok(cgroup_open(&tree, place.mount.s, &mount, &w), w);
	controllers = cgroup_enable(&mount, &w) == 0;
	if (!controllers)
		print_message("# no limits here: %s\n", w.text);
	w = (struct why){ 0 };
	assert_ok(cgroup_make(&mount, "tandem-test", &top, &w), w);
	if (controllers)
		assert_ok(cgroup_enable(&top, &w), w);
	cgroup_close(&mount);
	return 0;
}

static int tear_down(void **state)
{
	struct why w = { 0 };

	(void)state;
	assert_ok(cgroup_end(&top, 2000, &w), w);
	cgroup_close(&top);
	tree_close(&tree);
	return 0;
}

static struct cgroup leaf(const char *name)
{
	struct cgroup g;
	struct why w = { 0 };

	assert_ok(cgroup_make(&top, name, &g, &w), w);
	return g;
}

static void end(struct cgroup *g)
{
	struct why w = { 0 };

	assert_ok(cgroup_end(g, 2000, &w), w);
	assert_int_equal(faccessat(AT_FDCWD, g->path.s, F_OK, 0), -1);
	cgroup_close(g);
}

static bool populated(const struct cgroup *g)
{
	struct why w = { 0 };
	bool ret = false;

	assert_ok(cgroup_populated(g, &ret, &w), w);
	return ret;
}

/* The group that a process says it is in. */
static void assert_in(const struct cgroup *g, pid_t pid)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };
	const char *at, *own;

	assert_ok(tree_text(&tree, tree_path("proc/%d/cgroup", (int)pid).s, 65536, &text, &w), w);
	at = strstr(text, "0::");
	assert_non_null(at);
	own = strstr(g->path.s, "/tandem-test");
	assert_true(strncmp(at + 3, own, strlen(own)) == 0);
}

/* Start a child that stays. */
static pid_t start(const struct cgroup *g, int *ret_pidfd)
{
	struct why w = { 0 };
	pid_t pid = -1;

	assert_ok(cgroup_fork(g, &pid, ret_pidfd, &w), w);
	if (pid == 0)
		for (;;)
			(void)pause();
	return pid;
}

static void child_is_born_in_the_group_and_ended_with_it(void **state)
{
	struct cgroup g = leaf("born");
	struct pollfd p = { .events = POLLIN };
	int status = 0;
	pid_t pid;

	(void)state;
	assert_false(populated(&g));
	pid = start(&g, &p.fd);
	assert_in(&g, pid);
	assert_true(populated(&g));
	end(&g);
	assert_int_equal(poll(&p, 1, 2000), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	(void)close(p.fd);
}

/* A daemon: two forks, a session of its own, a group of its own below. */
static void child_that_forks_away_is_ended_too(void **state)
{
	struct cgroup g = leaf("away");
	struct why w = { 0 };
	int pidfd = -1;
	pid_t pid = -1;

	(void)state;
	assert_ok(cgroup_fork(&g, &pid, &pidfd, &w), w);
	if (pid == 0) {
		struct cgroup below;

		if (cgroup_make(&g, "below", &below, NULL) || cgroup_move(&below, 0, NULL) || setsid() < 0)
			_exit(1);
		if (fork() == 0)
			for (;;)
				(void)pause();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(populated(&g));
	end(&g);
	(void)close(pidfd);
}

static void what_an_earlier_run_left_is_ended_first(void **state)
{
	struct cgroup g = leaf("left"), again;
	int pidfd = -1;
	pid_t pid = start(&g, &pidfd);

	(void)state;
	again = leaf("left");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(populated(&again));
	end(&again);
	cgroup_close(&g);
	(void)close(pidfd);
}

static void process_is_moved(void **state)
{
	struct cgroup g = leaf("moved");
	struct why w = { 0 };
	int pidfd = -1;
	pid_t pid = start(NULL, &pidfd);

	(void)state;
	assert_ok(cgroup_move(&g, pid, &w), w);
	assert_in(&g, pid);
	end(&g);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(pidfd);
}

/* P9, C6: -999 is what never-kill becomes. */
static void oom_score_is_the_processes_own(void **state)
{
	struct why w = { 0 };
	int pidfd = -1, status = 0;
	pid_t pid = -1;

	(void)state;
	assert_ok(cgroup_fork(NULL, &pid, &pidfd, &w), w);
	if (pid == 0)
		_exit(cgroup_oom_score(&tree, "self", -999, NULL) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(pidfd);
	if (WEXITSTATUS(status)) /* needs CAP_SYS_RESOURCE */
		skip();
}

static void cpu_time_is_counted(void **state)
{
	struct cgroup g = leaf("time");
	struct cgroup_usage u;
	struct why w = { 0 };
	int pidfd = -1;
	pid_t pid = -1;

	(void)state;
	assert_ok(cgroup_fork(&g, &pid, &pidfd, &w), w);
	if (pid == 0)
		for (volatile unsigned int i = 0;; i++)
			if (i == 50000000)
				_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(cgroup_usage(&g, &u, &w), w);
	assert_true(u.cpu_us > 1000);
	assert_true(u.has_memory == controllers);
	end(&g);
	(void)close(pidfd);
}

/* P1, P2, P5, P8. */
static void every_class_is_written_and_read_back(void **state)
{
	(void)state;
	if (!controllers)
		skip();
	for (enum class_id id = 0; id < CLASS_COUNT; id++) {
		struct cgroup g = leaf(class_name(id));
		struct cgroup_limited l;

		cgroup_limit(&g, &classes_default.at[id], 0, &l);
		assert_string_equal(l.degraded, "");
		assert_true((l.unheld[0] != '\0') == (l.memory_guarantee_bytes > 0)); /* nothing above guarantees */
		end(&g);
	}
}

/* P5, P8: over the limit the group is killed, and the peak is the limit. */
static void group_over_its_memory_is_killed(void **state)
{
	struct class_limits c = classes_default.at[CLASS_SCAVENGER];
	struct cgroup_limited l;
	struct cgroup_usage u;
	struct cgroup g;
	struct why w = { 0 };
	int pidfd = -1, status = 0;
	pid_t pid = -1;

	(void)state;
	if (!controllers)
		skip();
	g = leaf("hog");
	c.memory_limit_bytes = 16 * MIB;
	cgroup_limit(&g, &c, 0, &l);
	assert_ok(cgroup_fork(&g, &pid, &pidfd, &w), w);
	if (pid == 0) {
		char *p = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p != MAP_FAILED)
			memset(p, 1, 64 * MIB);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_ok(cgroup_usage(&g, &u, &w), w);
	assert_true(u.oom_kills >= 1);
	assert_true(u.has_memory && u.peak_memory_bytes == 16 * MIB);
	end(&g);
	(void)close(pidfd);
}

/* P2: no more than a quarter of a CPU, and a period's quota. */
static void quota_holds(void **state)
{
	struct cgroup_limited l;
	struct cgroup_usage u;
	struct cgroup g;
	struct why w = { 0 };
	int pidfd = -1;
	pid_t pid = -1;
	uint64_t began, us;

	(void)state;
	if (!controllers)
		skip();
	g = leaf("quota");
	cgroup_limit(&g, &classes_default.at[CLASS_SCAVENGER], 0, &l);
	assert_ok(cgroup_fork(&g, &pid, &pidfd, &w), w);
	if (pid == 0)
		for (volatile unsigned int i = 0;; i++)
			;
	began = now_ms();
	(void)sleep(4);
	assert_ok(cgroup_usage(&g, &u, &w), w);
	us = (now_ms() - began) * 1000;
	print_message("# %llu us within %llu us\n", (unsigned long long)u.cpu_us, (unsigned long long)us);
	assert_true(u.cpu_us > 0 && u.cpu_us <= us / 4 + 50000);
	end(&g);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(pidfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(child_is_born_in_the_group_and_ended_with_it),
		cmocka_unit_test(child_that_forks_away_is_ended_too),
		cmocka_unit_test(what_an_earlier_run_left_is_ended_first),
		cmocka_unit_test(process_is_moved),
		cmocka_unit_test(oom_score_is_the_processes_own),
		cmocka_unit_test(cpu_time_is_counted),
		cmocka_unit_test(every_class_is_written_and_read_back),
		cmocka_unit_test(group_over_its_memory_is_killed),
		cmocka_unit_test(quota_holds),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
