#include "bootstage/stagespawn.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/parse.h"

#define ARGS_MAX    64u
#define END_MS      2000u
#define ENVIRON_MAX (1u << 20)
#define SWEEPS_MAX  20
#define USUAL_PATH  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern char **environ;

void stagespawn_setup(void)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* --- start --- */

/* Words of a program. */
struct words {
	char *argv[ARGS_MAX + 1];
	char **envp;
	char exec[STAGE_TEXT + 32];
	char oom_score[16];
	int (*prepare)(const void *arg);
	const void *arg;
};

static void split(struct words *v, const struct stagespawn_what *what)
{
	char *save = NULL;
	size_t n = 0;

	(void)snprintf(v->exec, sizeof(v->exec), "%s", what->exec);
	for (char *word = strtok_r(v->exec, " \t", &save); word && n < ARGS_MAX; word = strtok_r(NULL, " \t", &save))
		v->argv[n++] = word;
	for (size_t i = 0; i < what->n_more && n < ARGS_MAX; i++)
		v->argv[n++] = (char *)(uintptr_t)what->more[i];
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n + 1) == 0;
}

/* Those that were asked for in front; of the runner's own those that have no other value. */
static int set_environment(struct words *v, const struct stagespawn_what *what, struct why *w)
{
	size_t inherited = 0, n = 0;

	while (environ[inherited])
		inherited++;
	v->envp = calloc(inherited + what->n_environment + 3, sizeof(*v->envp));
	if (!v->envp)
		return fail(w, -ENOMEM, "out of memory");
	v->envp[n++] = (char *)(uintptr_t)what->mark;
	for (size_t i = 0; i < what->n_environment; i++)
		v->envp[n++] = (char *)(uintptr_t)what->environment[i];
	for (size_t i = 0, own = n; i < inherited; i++) {
		size_t k = 0;

		while (k < own && !same_name(v->envp[k], environ[i]))
			k++;
		if (k == own && !same_name("NOTIFY_SOCKET=", environ[i]))
			v->envp[n++] = environ[i];
	}
	if (!getenv("PATH"))
		v->envp[n++] = (char *)(uintptr_t)USUAL_PATH;
	return 0;
}

/* In the child, where only system calls are safe. Says the errno on `tell`, which a successful exec closes. */
static _Noreturn void become(const struct words *v, int null, int out, int tell)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	int e = 0, score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	sigset_t none;

	/* Only root can lower it; a stage does not depend on that. */
	IGNORE(score >= 0 && write(score, v->oom_score, strlen(v->oom_score)) < 0);
	for (int s = 1; s < NSIG; s++)
		(void)sigaction(s, &plain, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); /* what the runner was given itself is none of theirs */
	if (dup2(null, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0) {
		e = v->prepare ? -v->prepare(v->arg) : 0;
		/* A runner that is killed leaves nothing running. Behind prepare(), since a new user id takes it away. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!e)
			(void)execve(v->argv[0], v->argv, v->envp);
	}
	e = e ? e : errno;
	IGNORE(write(tell, &e, sizeof(e)) < 0);
	_exit(127);
}

/* Wait for the exec. Returns 0, or what it ended with. */
static int heard(int fd, const char *program, struct why *w)
{
	int e = 0;
	ssize_t n;

	do
		n = read(fd, &e, sizeof(e));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(e) ? fail(w, -e, "%s: %s", program, strerror(e)) : 0;
}

static void forget(struct stageproc *p)
{
	if (p->has_group) {
		IGNORE(cgroup_end(&p->group, END_MS, NULL)); /* a group that lives on is ended by its next use */
		cgroup_close(&p->group);
	}
	auto_close(&p->pidfd);
	auto_close(&p->out);
	p->pidfd = p->out = -1;
	p->has_group = false;
}

static int launch(const struct words *v, struct stageproc *p, struct why *w)
{
	int out[2], tell[2], r;
	AUTO_FD null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0)
		return fail_errno(w, "/dev/null");
	if (pipe2(out, O_CLOEXEC))
		return fail_errno(w, "pipe");
	p->out = out[0];
	AUTO_FD out_w = out[1];
	if (fcntl(p->out, F_SETFL, O_NONBLOCK) || pipe2(tell, O_CLOEXEC))
		return fail_errno(w, "pipe");
	AUTO_FD tell_r = tell[0];
	AUTO_FD tell_w = tell[1];
	r = cgroup_fork(p->has_group ? &p->group : NULL, &p->pid, &p->pidfd, w);
	if (r)
		return r;
	if (p->pid == 0)
		become(v, null, out_w, tell_w);
	(void)close(MOVE_FD(tell_w));
	r = heard(tell_r, v->argv[0], w);
	if (r)
		(void)waitpid(p->pid, NULL, 0);
	return r;
}

static void join_group(const struct stagespawn_what *what, const struct stagegroups *g, struct stageproc *p)
{
	char lacks[200] = "";
	struct why w = { 0 };

	if (g->have)
		p->has_group = stagegroups_leaf(g, what->leaf, what->class, &p->group, lacks, sizeof(lacks), &w) == 0;
	if (!p->has_group)
		(void)snprintf(p->said, sizeof(p->said), "none: %.280s", g->have ? w.text : g->note);
	else
		(void)snprintf(p->said, sizeof(p->said), "%.110s%s%s", p->group.path.s, lacks[0] ? ", lacks: " : "",
			       lacks);
}

int stagespawn_start(const struct stagespawn_what *what, const struct stagegroups *g, struct stageproc *ret,
		     struct why *w)
{
	struct stageproc p = { .pid = -1, .pidfd = -1, .out = -1 };
	struct words v = { .prepare = what->prepare, .arg = what->arg };
	int r;

	(void)snprintf(p.mark, sizeof(p.mark), "%s", what->mark);
	split(&v, what);
	(void)snprintf(v.oom_score, sizeof(v.oom_score), "%d", g->classes.at[what->class].oom_score_adj);
	r = set_environment(&v, what, w);
	if (r)
		return r;
	join_group(what, g, &p);
	r = launch(&v, &p, w);
	free(v.envp);
	if (r) {
		forget(&p);
		return r;
	}
	*ret = p;
	return 0;
}

int stagespawn(const struct stage *s, const struct stagegroups *g, struct stageproc *ret, struct why *w)
{
	const char *environment[STAGE_ENV_MAX + 1];
	char phase[32], unit[STAGE_TEXT + 32];
	struct stagespawn_what what = { .class = s->class, .exec = s->exec, .environment = environment };
	int r;

	(void)snprintf(what.mark, sizeof(what.mark), STAGESPAWN_MARK "=%s", s->name);
	(void)snprintf(what.leaf, sizeof(what.leaf), "stage-%s", s->name);
	(void)snprintf(phase, sizeof(phase), "TANDEM_PHASE=%s", stage_phase_name(s->phase));
	(void)snprintf(unit, sizeof(unit), "/usr/bin/systemctl start %s", s->unit);
	if (s->unit[0])
		what.exec = unit;
	environment[what.n_environment++] = phase;
	for (size_t i = 0; i < s->n_environment; i++)
		environment[what.n_environment++] = s->environment[i];
	r = stagespawn_start(&what, g, ret, w);
	if (!r)
		ret->stage = s;
	return r;
}

/* --- end --- */

/* Whether a process carries the mark. */
static bool marked(const char *pid, const char *mark)
{
	AUTO_FREE char *text = NULL;
	char path[64];
	size_t n = 0, len = strlen(mark);

	(void)snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	if (file_read(AT_FDCWD, path, ENVIRON_MAX, &text, &n, NULL))
		return false;
	for (const char *at = text; at < text + n; at += strlen(at) + 1)
		if (strncmp(at, mark, len + 1) == 0)
			return true;
	return false;
}

/* Waited for as well, where they are our children, but for the process that the caller still wants to hear of. */
static int sweep(const char *mark, pid_t wanted)
{
	AUTO_DIR *proc = opendir("/proc");
	const struct dirent *d;
	uint64_t pid = 0;
	int n = 0;

	while (proc && (d = readdir(proc))) {
		if (parse_u64(d->d_name, INT32_MAX, &pid, NULL) || (pid_t)pid == getpid() || !marked(d->d_name, mark) ||
		    kill((pid_t)pid, SIGKILL))
			continue;
		n++;
		if ((pid_t)pid != wanted)
			(void)waitpid((pid_t)pid, NULL, 0); /* at once when it is none of our children */
	}
	return n;
}

int stagespawn_sweep(const char *mark)
{
	return sweep(mark, -1);
}

static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void stagespawn_kill(struct stageproc *p)
{
	(void)kill(-p->pid, SIGKILL); /* not reaped, so that the number cannot be another's */
	if (p->has_group)
		IGNORE(cgroup_kill(&p->group, NULL)); /* the process group got it already */
	else
		(void)sweep(p->mark, p->pid);
}

/* Its own process was waited for. Returns whether others were left. */
static bool end_rest(struct stageproc *p)
{
	bool some = false;

	if (p->has_group)
		return cgroup_populated(&p->group, &some, NULL) == 0 && some; /* forget() ends them */
	/* Members of its process group are our children now, and make its number theirs until we wait for them. */
	some = kill(-p->pid, SIGKILL) == 0;
	while (some && waitpid(-p->pid, NULL, 0) > 0)
		;
	for (int i = 0; i < SWEEPS_MAX && has_children() && sweep(p->mark, p->pid) > 0; i++)
		some = true;
	return some;
}

void stagespawn_reap(struct stageproc *p, struct stageproc_status *ret)
{
	struct cgroup_usage used = { 0 };
	struct rusage u = { 0 };
	int status = 0, out;

	*ret = (struct stageproc_status){ .exit_code = -1 };
	if (wait4(p->pid, &status, 0, &u) == p->pid && WIFEXITED(status))
		ret->exit_code = WEXITSTATUS(status);
	else if (WIFSIGNALED(status))
		ret->signal = WTERMSIG(status);
	ret->left_some = end_rest(p);
	ret->cpu_us = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
		      (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	ret->peak_memory_bytes = (uint64_t)u.ru_maxrss * 1024;
	if (p->has_group && cgroup_usage(&p->group, &used, NULL) == 0) {
		ret->cpu_us = used.cpu_us > ret->cpu_us ? used.cpu_us : ret->cpu_us;
		ret->peak_memory_bytes = used.has_memory ? used.peak_memory_bytes : ret->peak_memory_bytes;
	}
	out = MOVE_FD(p->out);
	forget(p);
	p->out = out;
}

void stagespawn_abandon(struct stageproc *p)
{
	forget(p);
}
