#include "tuning/cgroup.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/parse.h"
#include "base/proc.h"
#include "tuning/facts_parts.h"
#include "tuning/procfs.h"

#define KILL_ROUNDS 64 /* a group that forks faster than it is killed is not ended this way */
#define DEPTH_MAX   32 /* of groups below, and above */
#define GROUPS_MAX  4096u
#define LEFT_MS     2000u
#define POLL_MS     100 /* between looks, should the kernel's notice get lost */
#define PROCESSES   "cgroup.procs"
#define CONTROLLERS "cgroup.controllers"
#define SUBTREE     "cgroup.subtree_control"
#define EVENTS      "cgroup.events"

static const char *const controllers[] = { "cpu", "memory", "pids" };

static struct tree tree_of(const struct cgroup *g)
{
	return (struct tree){ .fd = g->fd, .name = g->path.s };
}

int cgroup_read(const struct cgroup *g, const char *file, char **ret, struct why *w)
{
	const struct tree t = tree_of(g);
	int r = tree_text(&t, file, PROC_TEXT_MAX, ret, w);
	size_t n;

	if (r)
		return r;
	n = strlen(*ret);
	if (n > 0 && (*ret)[n - 1] == '\n')
		(*ret)[n - 1] = '\0';
	return 0;
}

static int put_at(int dirfd, const char *name, const char *file, const char *value, struct why *w)
{
	AUTO_FD fd = openat(dirfd, file, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : fail_errno(w, "%s/%s", name, file);
	if (write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		return fail_errno(w, "%s/%s: '%s'", name, file, value);
	return close_checked(&fd, file, w);
}

int cgroup_write(const struct cgroup *g, const char *file, const char *value, struct why *w)
{
	return put_at(g->fd, g->path.s, file, value, w);
}

/* The number behind a key in "key number" lines; `none` without one. */
static uint64_t keyed(const char *text, const char *key, uint64_t none)
{
	size_t n = strlen(key);
	char digits[24];

	for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		uint64_t v = 0;
		size_t length;

		if (strncmp(at, key, n) != 0 || at[n] != ' ')
			continue;
		length = strcspn(at + n + 1, "\n");
		if (length >= sizeof(digits))
			return none;
		memcpy(digits, at + n + 1, length);
		digits[length] = '\0';
		return parse_u64(digits, UINT64_MAX, &v, NULL) ? none : v;
	}
	return none;
}

static int open_at(int dirfd, const char *name, struct tree_path path, struct cgroup *ret, struct why *w)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(w, "%s", path.s);
	*ret = (struct cgroup){ .fd = fd, .path = path };
	return 0;
}

int cgroup_open(const struct tree *t, const char *path, struct cgroup *ret, struct why *w)
{
	return open_at(t->fd, path, tree_path("%s/%s", t->name, path), ret, w);
}

void cgroup_close(struct cgroup *g)
{
	auto_close(&g->fd);
	g->fd = -1;
}

/* What an earlier run has left. */
static int end_left(const struct cgroup *above, const char *name, struct tree_path path, struct why *w)
{
	struct cgroup left;
	int r = open_at(above->fd, name, path, &left, w);

	if (r)
		return r;
	r = cgroup_end(&left, LEFT_MS, w);
	cgroup_close(&left);
	return r;
}

int cgroup_make(const struct cgroup *above, const char *name, struct cgroup *ret, struct why *w)
{
	struct tree_path path = tree_path("%s/%s", above->path.s, name);
	int r;

	if (!name[0] || name[0] == '.' || strchr(name, '/') || !path.s[0])
		return fail(w, -EINVAL, "'%s' is no name for a group", name);
	if (mkdirat(above->fd, name, 0755)) {
		if (errno != EEXIST)
			return fail_errno(w, "%s", path.s);
		r = end_left(above, name, path, w);
		if (r)
			return r;
		if (mkdirat(above->fd, name, 0755))
			return fail_errno(w, "%s", path.s);
	}
	return open_at(above->fd, name, path, ret, w);
}

/* One controller; the reason is only what is wrong. */
static int enable(const struct cgroup *g, const char *controller, const char *there, struct why *w)
{
	AUTO_FREE char *now = NULL;
	struct why cause = { 0 };
	char word[32];
	int r;

	if (!words_have(there, controller))
		return fail(w, -ENODATA, "not there");
	r = cgroup_read(g, SUBTREE, &now, &cause);
	if (!r && words_have(now, controller))
		return 0;
	(void)snprintf(word, sizeof(word), "+%s", controller);
	r = cgroup_write(g, SUBTREE, word, &cause);
	if (r == -EBUSY)
		return fail(w, r, "the group has processes of its own");
	if (r)
		return fail(w, r, "%s", strerror(-r));
	free(MOVE(now));
	r = cgroup_read(g, SUBTREE, &now, &cause);
	return !r && words_have(now, controller) ? 0 : fail(w, -EIO, "written, but not on");
}

int cgroup_enable(const struct cgroup *g, struct why *w)
{
	AUTO_FREE char *there = NULL;
	char missing[400] = "";
	int result = 0, r = cgroup_read(g, CONTROLLERS, &there, w);

	if (r)
		return r == -ENOENT ? fail(w, r, "%s: not a group", g->path.s) : r;
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		struct why cause = { 0 };
		size_t n = strlen(missing);

		r = enable(g, controllers[i], there, &cause);
		if (!r)
			continue;
		result = result ? result : r;
		(void)snprintf(missing + n, sizeof(missing) - n, "%s%s (%.100s)", n ? ", " : "", controllers[i],
			       cause.text);
	}
	return result ? fail(w, result, "%s: without the controllers %s", g->path.s, missing) : 0;
}

int cgroup_move(const struct cgroup *g, pid_t pid, struct why *w)
{
	char text[24];
	int r;

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	r = cgroup_write(g, PROCESSES, text, w);
	return r == -ENOENT ? fail(w, r, "%s: not a group", g->path.s) : r;
}

static long clone_process(uint64_t flags, int *pidfd, int group)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = group >= 0 ? (unsigned int)group : 0,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

/* The child's part of fork_and_move(): not a step before it is where it belongs. */
static void wait_to_be_moved(int gate)
{
	char go;

	if (read(gate, &go, 1) != 1)
		_exit(127);
}

/* The parent's part. Whatever goes wrong, no child is left. */
static int move_child(const struct cgroup *g, pid_t pid, int gate, int *ret_pidfd, struct why *w)
{
	AUTO_FD pidfd = pidfd_open(pid, 0);
	int r = pidfd < 0 ? fail_errno(w, "process %d", (int)pid) : 0;

	r = r || !g ? r : cgroup_move(g, pid, w);
	if (!r && write(gate, "", 1) != 1)
		r = fail_errno(w, "process %d", (int)pid);
	if (r) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pidfd = MOVE_FD(pidfd);
	return 0;
}

static int fork_and_move(const struct cgroup *g, pid_t *ret_pid, int *ret_pidfd, struct why *w)
{
	int gate[2];
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC))
		return fail_errno(w, "pipe");
	AUTO_FD in = gate[0];
	AUTO_FD out = gate[1];
	pid = fork();
	if (pid < 0)
		return fail_errno(w, "fork");
	if (pid == 0) {
		(void)close(MOVE_FD(out));
		wait_to_be_moved(in);
	}
	*ret_pid = pid;
	return pid ? move_child(g, pid, out, ret_pidfd, w) : 0;
}

int cgroup_fork(const struct cgroup *g, pid_t *ret_pid, int *ret_pidfd, struct why *w)
{
	int pidfd = -1;
	long pid = clone_process(g ? CLONE_INTO_CGROUP : 0, &pidfd, g ? g->fd : -1);

	if (pid < 0) /* an old kernel or a seccomp filter; whatever else it is, the other way fails as well, in words */
		return fork_and_move(g, ret_pid, ret_pidfd, w);
	*ret_pid = (pid_t)pid;
	if (pid > 0)
		*ret_pidfd = pidfd;
	return 0;
}

int cgroup_oom_score(const struct tree *t, const char *process, int score, struct why *w)
{
	struct tree_path file = tree_path("proc/%s/oom_score_adj", process);
	char value[16];
	int64_t now = 0;
	int r;

	(void)snprintf(value, sizeof(value), "%d", score);
	r = put_at(t->fd, t->name, file.s, value, w);
	r = r ? r : tree_number(t, file.s, -1000, 1000, &now, w);
	if (r)
		return fail(w, r, "%s/%s: %s", t->name, file.s, strerror(-r));
	return now == score ? 0 : fail(w, -EIO, "%s/%s: %d was written, it is %d", t->name, file.s, score, (int)now);
}

int cgroup_usage(const struct cgroup *g, struct cgroup_usage *ret, struct why *w)
{
	struct cgroup_usage u = { 0 };
	AUTO_FREE char *cpu = NULL, *events = NULL, *peak = NULL;
	int r = cgroup_read(g, "cpu.stat", &cpu, w);

	if (!r)
		u.cpu_us = keyed(cpu, "usage_usec", 0);
	r = r && r != -ENOENT ? r : cgroup_read(g, "memory.events", &events, w);
	if (!r)
		u.oom_kills = keyed(events, "oom_kill", 0);
	r = r && r != -ENOENT ? r : cgroup_read(g, "memory.peak", &peak, w);
	if (!r)
		u.has_memory = parse_u64(peak, UINT64_MAX, &u.peak_memory_bytes, NULL) == 0;
	if (r && r != -ENOENT)
		return r;
	*ret = u;
	return 0;
}

int cgroup_populated(const struct cgroup *g, bool *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	uint64_t v;
	int r = cgroup_read(g, EVENTS, &text, w);

	if (r)
		return r == -ENOENT ? fail(w, r, "%s: not a group, or the topmost one", g->path.s) : r;
	v = keyed(text, "populated", 2);
	if (v > 1)
		return fail(w, -EBADMSG, "%s/" EVENTS ": without 'populated'", g->path.s);
	*ret = v;
	return 0;
}

/* One SIGKILL to each process of a group itself. Returns how many got one. */
static size_t kill_each(const struct cgroup *g)
{
	AUTO_FREE char *text = NULL;
	char *rest = NULL;
	size_t n = 0;

	if (cgroup_read(g, PROCESSES, &text, NULL))
		return 0;
	for (char *at = strtok_r(text, "\n", &rest); at; at = strtok_r(NULL, "\n", &rest)) {
		uint64_t pid = 0;

		/* 0 stands for a process of another namespace, and would be our own group; never init or this process. */
		if (parse_u64(at, INT32_MAX, &pid, NULL) == 0 && pid > 1 && (pid_t)pid != getpid())
			n += kill((pid_t)pid, SIGKILL) == 0;
	}
	return n;
}

/* Call `each` for the groups below, the deepest first, then for the group. Returns the sum. */
static size_t walk(const struct cgroup *g, unsigned int depth, size_t (*each)(const struct cgroup *))
{
	const struct tree t = tree_of(g);
	AUTO_NAMES names = { 0 };
	size_t n = 0;

	if (depth < DEPTH_MAX && tree_list(&t, ".", GROUPS_MAX, &names, NULL) == 0) {
		for (size_t i = 0; i < names.n; i++) {
			struct cgroup below;

			if (open_at(g->fd, names.at[i], tree_path("%s/%s", g->path.s, names.at[i]), &below, NULL))
				continue; /* a control file */
			n += walk(&below, depth + 1, each);
			cgroup_close(&below);
		}
	}
	return n + each(g);
}

int cgroup_kill(const struct cgroup *g, struct why *w)
{
	int r = cgroup_write(g, "cgroup.kill", "1", w);

	if (r != -ENOENT)
		return r;
	for (int i = 0; i < KILL_ROUNDS; i++) /* before Linux 5.14 */
		if (walk(g, 0, kill_each) == 0)
			break;
	return 0;
}

/* Wait for the kernel to say that nothing lives there. */
static int wait_until_empty(const struct cgroup *g, unsigned int timeout_ms, struct why *w)
{
	AUTO_FD fd = openat(g->fd, EVENTS, O_RDONLY | O_CLOEXEC);
	uint64_t end = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		uint64_t now = now_ms();
		bool populated = false;
		int r = cgroup_populated(g, &populated, w);

		if (r || !populated)
			return r;
		if (now >= end)
			return fail(w, -EBUSY, "%s: processes that do not end", g->path.s);
		(void)poll(&p, 1, end - now < POLL_MS ? (int)(end - now) : POLL_MS);
	}
}

/* Remove one group. Its folder is open, so that the name above is what has to be found. */
static size_t remove_one(const struct cgroup *g)
{
	struct tree_path up = tree_path("../%s", strrchr(g->path.s, '/') + 1);

	return unlinkat(g->fd, up.s, AT_REMOVEDIR) != 0;
}

int cgroup_end(const struct cgroup *g, unsigned int timeout_ms, struct why *w)
{
	bool populated = false;
	int r = cgroup_populated(g, &populated, w);

	if (!r && populated) {
		r = cgroup_kill(g, w);
		r = r ? r : wait_until_empty(g, timeout_ms, w);
	}
	if (!r && walk(g, 0, remove_one))
		return fail(w, -EBUSY, "%s: cannot be removed", g->path.s);
	return r;
}
