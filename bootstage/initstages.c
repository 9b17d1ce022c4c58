#include "bootstage/initstages.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "bootstage/early.h"
#include "bootstage/phase.h"

#define TERM_SECONDS 15u /* for the runner to end its stages when it is told to */
#define GROUP_KILL   "/sys/fs/cgroup/tandem/cgroup.kill"

static bool has_stages(void)
{
	return access(INITSTAGES_PROGRAM, X_OK) == 0 &&
	       (access(STAGES_FOLDER, F_OK) == 0 || access(STAGES_OVERRIDE, F_OK) == 0);
}

/* The results are in the kernel's log; what goes to stderr is a mistake, and is for the console. */
static _Noreturn void become(const sigset_t *mask)
{
	static const char *const argv[] = { "tandem-stage", "run", "initramfs", "--first", NULL };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)setsid();
	IGNORE(null >= 0 && dup2(null, 1) < 0);
	(void)execv(INITSTAGES_PROGRAM, (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Every child is waited for: PID 1 gets those that have lost their parents. Returns whether the runner ended in time. */
static bool reap(pid_t runner, unsigned int seconds, const struct watchdog *dog, int *ret_status)
{
	const struct timespec tick = { .tv_sec = 1 };
	uint64_t end = now_ms() + 1000ull * seconds;
	sigset_t child;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	for (;;) {
		int status = 0;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid == runner) {
			*ret_status = status;
			return true;
		}
		if (pid > 0)
			continue;
		watchdog_pet(dog);
		if (now_ms() >= end)
			return false;
		(void)sigtimedwait(&child, NULL, &tick);
	}
}

static void kill_stages(void)
{
	AUTO_FD fd = open(GROUP_KILL, O_WRONLY | O_CLOEXEC);

	IGNORE(fd >= 0 && write(fd, "1", 1) < 0); /* without it they are killed as children of the runner */
}

static int end_runner(pid_t runner, const struct watchdog *dog)
{
	int status = -1;

	log_error("stages=initramfs error=\"not done after %u s\"", INITSTAGES_SECONDS);
	(void)kill(runner, SIGTERM);
	if (reap(runner, TERM_SECONDS, dog, &status))
		return status;
	(void)kill(runner, SIGKILL);
	kill_stages();
	IGNORE(reap(runner, TERM_SECONDS, dog, &status)); /* one that is stuck in the kernel stays */
	return status;
}

static int run_child(const struct watchdog *dog)
{
	sigset_t child, before;
	int status = -1;
	pid_t pid;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, &before); /* so that an end is noticed at once */
	pid = fork();
	if (pid == 0)
		become(&before);
	if (pid < 0)
		log_error("stages=initramfs error=\"fork: %s\"", strerror(errno));
	else if (!reap(pid, INITSTAGES_SECONDS, dog, &status))
		status = end_runner(pid, dog);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

bool initstages_refusal(const char *text, const struct baseline *base, enum slot committed, char *ret, size_t room)
{
	while (*text) {
		size_t line = strcspn(text, "\n"), name = strcspn(text, ":\n");
		char word[BASELINE_NAME_BYTES] = "";

		if (name < sizeof(word))
			memcpy(word, text, name);
		if (line > 0 && (!base || !baseline_excuses(base, committed, word))) {
			(void)snprintf(ret, room, "stage %.*s", (int)line, text);
			return true;
		}
		text += line + (text[line] == '\n');
	}
	return false;
}

/* A trial is refused. A commit that an earlier boot began goes on: it was healthy then. */
static int judge(struct boot *b, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct baseline *base = NULL, there;
	char reason[REASON_TEXT_BYTES];

	if (b->plan.role != ROLE_TRIAL || !b->has_record || b->machine.rec.phase != PHASE_TRIAL)
		return 0;
	if (!b->conf.baseline_strict && baseline_read(&b->state, &there, NULL) == 0)
		base = &there;
	if (file_read(AT_FDCWD, REFUSED_PATH, REFUSED_MAX, &text, NULL, NULL))
		return fail(w, -EPERM, "a stage refuses the boot, and does not say which");
	if (!initstages_refusal(text, base, b->machine.rec.committed, reason, sizeof(reason)))
		return 0;
	return fail(w, -EPERM, "%s", reason);
}

int initstages_run(struct init *i, struct why *w)
{
	uint64_t start = early_time_us();
	int status;

	if (!has_stages())
		return 0;
	status = run_child(&i->dog);
	i->stages_us = early_time_us() - start;
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED)
		return judge(&i->boot, w);
	if (status < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_DONE)
		log_error("stages=initramfs status=%d error=\"the runner failed\"", status);
	return 0;
}
