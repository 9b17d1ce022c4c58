#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

uint64_t now_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void sleep_ms(unsigned int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* Default signal handling and no blocked signals for the child, whatever ours are; a group of its own, to end it as one. */
static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = r ? r : posix_spawnattr_setpgroup(attr, 0);
	r = r ? r : posix_spawnattr_setsigmask(attr, &none);
	return r ? r : posix_spawnattr_setsigdefault(attr, &all);
}

static int start(const char *const *argv, int out, pid_t *ret, struct why *w)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r;

	r = posix_spawn_file_actions_init(&files);
	if (r)
		return fail(w, -r, "%s: %s", argv[0], strerror(r));
	r = posix_spawnattr_init(&attr);
	if (r) {
		(void)posix_spawn_file_actions_destroy(&files);
		return fail(w, -r, "%s: %s", argv[0], strerror(r));
	}
	r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	r = r ? r : posix_spawn_file_actions_adddup2(&files, out, 1);
	r = r ? r : posix_spawn_file_actions_adddup2(&files, out, 2);
	r = r ? r : set_attributes(&attr);
	r = r ? r : posix_spawnp(ret, argv[0], &files, &attr, (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	return r ? fail(w, -r, "%s: cannot be started: %s", argv[0], strerror(r)) : 0;
}

/* One read of its output, of which ret keeps the first part. Returns what read() returned. */
static ssize_t take_output(int fd, size_t *kept, struct proc_result *ret)
{
	char rest[4096];
	size_t room = PROC_OUTPUT_MAX - *kept;
	ssize_t r = read(fd, room ? ret->output + *kept : rest, room ? room : sizeof(rest));

	if (r > 0 && room)
		*kept += (size_t)r;
	ret->output[*kept] = '\0';
	return r;
}

/* Take output until the program itself has ended or the deadline (0: none) has come; its children do not count. */
static int watch(int out, int pidfd, uint64_t deadline_ms, size_t *kept, struct proc_result *ret)
{
	struct pollfd p[2] = { { .fd = pidfd, .events = POLLIN }, { .fd = out, .events = POLLIN } };

	while (!(p[0].revents & POLLIN)) {
		uint64_t now = now_ms();
		int wait = -1;

		if (deadline_ms && now >= deadline_ms) {
			ret->timed_out = true;
			return 0;
		}
		if (deadline_ms)
			wait = deadline_ms - now > 60000 ? 60000 : (int)(deadline_ms - now);
		if (poll(p, 2, wait) < 0) {
			if (errno != EINTR)
				return -errno;
			p[0].revents = 0;
			continue;
		}
		if (p[1].revents && take_output(out, kept, ret) == 0)
			p[1].fd = -1; /* closed by all of them; no more to come */
	}
	return 0;
}

/* What is still in the pipe, at most as much as a pipe can hold: whoever keeps writing now is none of ours. */
static void take_rest(int out, size_t *kept, struct proc_result *ret)
{
	int flags = fcntl(out, F_GETFL), room = fcntl(out, F_GETPIPE_SZ);
	ssize_t r = 1;

	if (flags < 0 || fcntl(out, F_SETFL, flags | O_NONBLOCK))
		return;
	for (ssize_t n = 0; r > 0 && n < room; n += r)
		r = take_output(out, kept, ret);
}

/* End what is left of its group, the program included, and fetch its status. */
static int end(pid_t pid, int *ret_status)
{
	pid_t r;

	(void)kill(-pid, SIGKILL); /* not reaped yet, so that the number cannot be another's */
	do
		r = waitpid(pid, ret_status, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int proc_run(const char *const *argv, unsigned int timeout_ms, struct proc_result *ret, struct why *w)
{
	uint64_t deadline = timeout_ms ? now_ms() + timeout_ms : 0;
	int pipe_fds[2], status = 0, r, e;
	size_t kept = 0;
	pid_t pid = -1;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return fail_errno(w, "%s: pipe", argv[0]);
	AUTO_FD in = pipe_fds[0];
	AUTO_FD out = pipe_fds[1];
	r = start(argv, out, &pid, w);
	if (r)
		return r;
	(void)close(MOVE_FD(out));
	AUTO_FD pidfd = pidfd_open(pid, 0);
	*ret = (struct proc_result){ .exit_code = -1 };
	if (pidfd < 0 && errno == ESRCH)
		return fail(w, -ECHILD, "%s: cannot be waited for: SIGCHLD is ignored", argv[0]);
	r = pidfd < 0 ? -errno : watch(in, pidfd, deadline, &kept, ret);
	e = end(pid, &status);
	if (r || e)
		return fail(w, r ? r : e, "%s: cannot be waited for: %s", argv[0], strerror(r ? -r : -e));
	take_rest(in, &kept, ret);
	if (WIFEXITED(status) && !ret->timed_out)
		ret->exit_code = WEXITSTATUS(status);
	else if (WIFSIGNALED(status))
		ret->signal = WTERMSIG(status);
	return 0;
}

int proc_must(const char *const *argv, unsigned int timeout_ms, struct why *w)
{
	struct proc_result res;
	const char *last;
	size_t n;
	int r = proc_run(argv, timeout_ms, &res, w);

	if (r || res.exit_code == 0)
		return r;
	n = strlen(res.output);
	while (n > 0 && res.output[n - 1] == '\n')
		res.output[--n] = '\0';
	last = strrchr(res.output, '\n');
	last = last ? last + 1 : res.output;
	if (res.timed_out)
		return fail(w, -ETIMEDOUT, "%s: not done after %u ms", argv[0], timeout_ms);
	if (res.signal)
		return fail(w, -EIO, "%s: ended by signal %d (%s)", argv[0], res.signal, last);
	return fail(w, -EIO, "%s: exit code %d (%s)", argv[0], res.exit_code, last);
}
