#include "bootstage/trainer/trainproc.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "base/proc.h"
#include "bootstage/trainer/cap.h"
#include "bootstage/trainer/promote.h"

#define READ_BYTES    65536u
#define READS_MAX     64u
#define UNKILLABLE_MS 5000u
#define HURRY_MS      2000u /* a second word so long after the first ends a job at once; timeout(1) says it twice */

/* --- whom it runs as --- */

static int ids_of(const char *name, struct trainproc_ids *ret, struct why *w)
{
	struct trainproc_ids ids = { .change = true, .n_groups = ARRAY_SIZE(ids.groups) };
	char buf[4096];
	struct passwd pw, *found = NULL;
	int e = getpwnam_r(name, &pw, buf, sizeof(buf), &found);

	if (!found && (e == 0 || e == ENOENT || e == ESRCH))
		return fail(w, -ENOENT, "there is no user '%s'", name);
	if (!found)
		return fail(w, -e, "user '%s': %s", name, strerror(e));
	ids.uid = pw.pw_uid;
	ids.gid = pw.pw_gid;
	if (getgrouplist(name, pw.pw_gid, ids.groups, &ids.n_groups) < 0)
		return fail(w, -E2BIG, "user '%s' is in more than %zu groups", name, ARRAY_SIZE(ids.groups));
	*ret = ids;
	return 0;
}

/* As root, fenced in, only where there is no such account; not where it cannot be had. */
static int ids_of_product(const char *product, struct trainproc_ids *ret, struct why *w)
{
	struct why no = { 0 };
	int r = ids_of(product, ret, &no);

	return r && r != -ENOENT ? fail(w, r, "%s", no.text) : 0;
}

int trainproc_ids(const struct trainjob *j, const char *product, struct trainproc_ids *ret, struct why *w)
{
	struct trainproc_ids ids = { .uid = geteuid(), .gid = getegid() };
	int r = 0;

	if (j->user[0])
		r = ids_of(j->user, &ids, w);
	else if (geteuid() == 0)
		r = ids_of_product(product, &ids, w);
	if (!r && ids.change && ids.uid == geteuid())
		ids.change = false;
	if (!r && ids.change && geteuid() != 0)
		r = fail(w, -EPERM, "user=%s: only root can run a job as another user", j->user);
	if (!r)
		*ret = ids;
	return r;
}

/* --- start --- */

struct becoming {
	struct trainproc_ids ids;
	uint64_t cap_bytes;
};

/* In the child. */
static int prepare(const void *arg)
{
	const struct becoming *b = arg;

	if (b->ids.change &&
	    (setgroups((size_t)b->ids.n_groups, b->ids.groups) || setresgid(b->ids.gid, b->ids.gid, b->ids.gid) ||
	     setresuid(b->ids.uid, b->ids.uid, b->ids.uid)))
		return -errno;
	return cap_fence(b->cap_bytes);
}

void trainproc_mark(const char *folder, char ret[512])
{
	(void)snprintf(ret, 512, "TANDEM_FOLDER=%s", folder);
}

void trainproc_leaf(const struct trainjob *j, char ret[80])
{
	(void)snprintf(ret, 80, "train-%s", j->name);
}

struct work {
	const struct trainproc_want *want;
	struct stageproc proc;
	struct stagelog *log;
	struct trainproc_result *ret;
	uint64_t deadline_ms, heard_ms, tick_ms;
	uint64_t asked_ms; /* when SIGTERM was sent; 0: it was not */
	uint64_t kill_ms;  /* when SIGKILL follows */
	bool killed;
	size_t lines;
};

static int start(struct work *x, const struct trainproc_ids *ids, struct why *w)
{
	const struct trainjob *j = x->want->job;
	struct becoming b = { .ids = *ids, .cap_bytes = j->cap_bytes };
	char name[80], next[640], mb[64], cap[32];
	const char *environment[TRAINJOB_ENV_MAX + 3], *more[2];
	struct stagespawn_what what = { .class = j->class,
					.exec = x->want->exec,
					.more = more,
					.environment = environment,
					.prepare = prepare,
					.arg = &b };
	struct model_names names;

	model_names(j->name, &names);
	trainproc_mark(x->want->folder, what.mark);
	trainproc_leaf(j, what.leaf);
	(void)snprintf(name, sizeof(name), "TANDEM_JOB=%s", j->name);
	(void)snprintf(next, sizeof(next), "TANDEM_MODEL_NEXT=%s/%s", x->want->folder, names.next);
	(void)snprintf(mb, sizeof(mb), "TANDEM_MAX_DISK_MB=%llu", (unsigned long long)trainjob_cap_mb(j));
	(void)snprintf(cap, sizeof(cap), "%llu", (unsigned long long)trainjob_cap_mb(j));
	environment[what.n_environment++] = name;
	environment[what.n_environment++] = next;
	environment[what.n_environment++] = mb;
	for (size_t i = 0; i < j->n_environment; i++)
		environment[what.n_environment++] = j->environment[i];
	more[what.n_more++] = "--max-disk-mb"; /* R1 */
	more[what.n_more++] = cap;
	return stagespawn_start(&what, x->want->groups, &x->proc, w);
}

/* --- watch --- */

static void hear(void *arg, const char *text)
{
	struct work *x = arg;

	x->lines++;
	x->want->line(x->want->arg, text);
}

/* Returns whether there may be more. */
static bool take_output(struct work *x)
{
	static char buf[READ_BYTES];
	ssize_t n = read(x->proc.out, buf, sizeof(buf));
	size_t lines = x->lines;

	if (n > 0)
		stagelog_add(x->log, buf, (size_t)n, hear, x);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		auto_close(&x->proc.out), x->proc.out = -1;
	if (x->lines != lines)
		x->heard_ms = now_ms();
	return n > 0;
}

/* SIGTERM, so that it can leave a checkpoint; at once where it is about the disk. */
static void end_it(struct work *x, enum trainproc_end why, bool at_once)
{
	if (x->asked_ms == 0) {
		x->ret->end = why;
		x->asked_ms = now_ms();
		x->kill_ms = x->asked_ms + (at_once ? 0 : TRAINPROC_GRACE_MS);
		(void)kill(-x->proc.pid, SIGTERM);
	} else if (!x->killed && now_ms() - x->asked_ms >= HURRY_MS) {
		x->kill_ms = now_ms();
	}
}

static void take_signal(struct work *x)
{
	struct signalfd_siginfo info;

	if (read(x->want->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	x->ret->told = (int)info.ssi_signo;
	end_it(x, TRAINPROC_TOLD, false);
}

/* Returns whether it is given up. */
static bool check_times(struct work *x)
{
	uint64_t now = now_ms(), stall = 1000ull * x->want->job->stall_seconds;

	if (x->asked_ms == 0 && now >= x->deadline_ms)
		end_it(x, TRAINPROC_TIMEOUT, false);
	if (x->asked_ms == 0 && stall && now - x->heard_ms >= stall)
		end_it(x, TRAINPROC_STALLED, false);
	if (now >= x->tick_ms) {
		x->tick_ms = now + TRAINPROC_TICK_MS;
		if (x->want->tick(x->want->arg))
			end_it(x, TRAINPROC_TICKED, true);
	}
	if (x->asked_ms && !x->killed && now >= x->kill_ms) {
		x->killed = true;
		x->kill_ms = now + UNKILLABLE_MS;
		stagespawn_kill(&x->proc);
	}
	return x->killed && now >= x->kill_ms;
}

static void watch(struct work *x)
{
	for (;;) {
		struct pollfd p[] = { { .fd = x->proc.pidfd, .events = POLLIN },
				      { .fd = x->proc.out, .events = POLLIN },
				      { .fd = x->want->signals, .events = POLLIN } };

		if (poll(p, ARRAY_SIZE(p), (int)TRAINPROC_TICK_MS / 4) < 0)
			continue;
		if (p[1].revents)
			(void)take_output(x);
		if (p[2].revents)
			take_signal(x);
		if (p[0].revents) {
			stagespawn_reap(&x->proc, &x->ret->status);
			break;
		}
		if (check_times(x)) {
			x->ret->end = TRAINPROC_STUCK;
			stagespawn_abandon(&x->proc);
			return;
		}
	}
	for (unsigned int i = 0; i < READS_MAX && x->proc.out >= 0 && take_output(x); i++)
		;
}

int trainproc_run(const struct trainproc_want *want, struct stagelog *log, struct trainproc_result *ret, struct why *w)
{
	struct trainproc_result res = { .status = { .exit_code = -1 } };
	struct work x = { .want = want, .log = log, .ret = &res };
	struct trainproc_ids ids;
	int r = trainproc_ids(want->job, want->product, &ids, w);

	memset(log, 0, sizeof(*log));
	log->every = true;
	r = r ? r : start(&x, &ids, w);
	if (r)
		return r;
	x.heard_ms = now_ms();
	x.tick_ms = x.heard_ms;
	x.deadline_ms = x.heard_ms + 1000ull * want->job->timeout_seconds;
	watch(&x);
	stagelog_end(log, hear, &x);
	auto_close(&x.proc.out);
	(void)snprintf(res.said, sizeof(res.said), "%s", x.proc.said);
	(void)snprintf(res.last, sizeof(res.last), "%s", log->last);
	*ret = res;
	return 0;
}
