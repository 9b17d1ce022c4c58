#include "bootstage/stagerun.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "bootstage/early.h"
#include "bootstage/stagelog.h"
#include "bootstage/stagespawn.h"
#include "tuning/failclosed.h"

#define READ_BYTES    65536u
#define READS_MAX     64u   /* of what a pipe holds when all who wrote to it are gone */
#define UNKILLABLE_MS 5000u /* until a process that does not end by SIGKILL is left alone */

struct job {
	struct stageproc proc;
	size_t index;
	uint64_t start_us, deadline_ms;
	bool late;   /* its time was over: it was killed */
	bool stuck;  /* and has not ended by that */
	bool called; /* it was killed since the runner was told to stop */
	struct stagelog log;
};

struct runner {
	const struct stagerun *run;
	stage_set which;
	struct stage_results *results;
	struct stagerun_result *ret;
	struct stageorder_now now;
	struct stagegroups groups;
	struct tree tree; /* of the tokens */
	struct job *at[STAGES_MAX];
	size_t n;
	int signals;
	sigset_t mask_before;
};

stage_set stagerun_phase(const struct stages *s, enum stage_phase p)
{
	stage_set set = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].phase == p)
			set |= STAGE_BIT(i);
	return set;
}

static const struct stage *stage_at(const struct runner *r, size_t i)
{
	return &r->run->plan->stages.at[i];
}

/* --- tokens --- */

static void unwritten(struct runner *r, const struct why *w)
{
	log_error("%s", w->text);
	r->ret->unwritten = true;
}

static void token_begin(struct runner *r, const struct stage *s)
{
	struct why w = { 0 };

	if (r->run->product && failclosed_begin(&r->tree, r->run->product, s->name, &w))
		unwritten(r, &w);
}

/* A stage that degrades leaves no lock when it fails, but no token either. */
static void token_end(struct runner *r, const struct stage *s, const struct stage_result *res)
{
	struct why w = { 0 };
	int e;

	if (!r->run->product)
		return;
	if (res->end == END_PASSED)
		e = failclosed_pass(&r->tree, r->run->product, s->name, &w);
	else if (s->on_failure == FAIL_CLOSED)
		e = failclosed_fail(&r->tree, r->run->product, s->name, res->reason, &w);
	else
		e = failclosed_forget(&r->tree, r->run->product, s->name, &w);
	if (e)
		unwritten(r, &w);
}

/* --- results --- */

static struct stage_result blank(const struct stage *s)
{
	struct stage_result r = {
		.phase = s->phase,
		.exit_code = -1,
		.required = s->required,
		.on_failure = s->on_failure,
		.class = s->class,
	};

	(void)snprintf(r.name, sizeof(r.name), "%s", s->name);
	r.start_us = r.end_us = early_time_us();
	return r;
}

static void tell(const struct stage *s, const struct stage_result *res)
{
	enum log_level level = res->end == END_PASSED ? LOG_NOTE : stage_blocks(s) ? LOG_ERROR : LOG_WARN;

	log_line(level, "stage=%s phase=%s result=%s ms=%.1f%s%s%s", s->name, stage_phase_name(s->phase),
		 stage_end_name(res->end), (double)(res->end_us - res->start_us) / 1000.0,
		 res->reason[0] ? " reason=\"" : "", res->reason, res->reason[0] ? "\"" : "");
}

/* The token comes before the result, for whoever waits for the result. */
static void settle(struct runner *r, size_t i, const struct stage_result *res)
{
	const struct stage *s = stage_at(r, i);
	struct why w = { 0 };

	token_end(r, s, res);
	r->results->at[i] = *res;
	r->results->have |= STAGE_BIT(i);
	r->ret->ran |= STAGE_BIT(i);
	r->now.settled |= STAGE_BIT(i);
	if (res->end == END_PASSED)
		r->now.passed |= STAGE_BIT(i);
	else if (stage_blocks(s))
		r->ret->refused |= STAGE_BIT(i);
	if (res->end == END_SKIPPED)
		r->now.blocked |= STAGE_BIT(i);
	tell(s, res);
	if (stageresult_write(r->run->places, res, &w))
		unwritten(r, &w);
}

static void settle_unstarted(struct runner *r, size_t i, enum stage_end end, const char *reason)
{
	struct stage_result res = blank(stage_at(r, i));

	token_begin(r, stage_at(r, i));
	res.end = end;
	(void)snprintf(res.reason, sizeof(res.reason), "%.230s", reason);
	settle(r, i, &res);
}

/* --- one stage --- */

static void show_line(void *arg, const char *text)
{
	const struct job *x = arg;

	log_info("%s: %s", x->proc.stage->name, text);
}

static void begin(struct runner *r, size_t i)
{
	const struct stage *s = stage_at(r, i);
	struct job *x = calloc(1, sizeof(*x));
	struct why w = { 0 };
	int e;

	if (!x) {
		settle_unstarted(r, i, END_FAILED, "out of memory");
		return;
	}
	x->index = i;
	x->start_us = early_time_us();
	x->deadline_ms = now_ms() + 1000ull * s->timeout_seconds;
	token_begin(r, s);
	e = stagespawn(s, &r->groups, &x->proc, &w);
	if (e) {
		free(x);
		settle_unstarted(r, i, e == -ENOENT || e == -ENOTDIR ? END_MISSING : END_FAILED, w.text);
		return;
	}
	r->at[r->n++] = x;
}

/* Returns whether there may be more. */
static bool take_output(struct job *x)
{
	static char buf[READ_BYTES];
	ssize_t n = read(x->proc.out, buf, sizeof(buf));

	if (n > 0)
		stagelog_add(&x->log, buf, (size_t)n, show_line, x);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		auto_close(&x->proc.out), x->proc.out = -1;
	return n > 0;
}

static void say_why(const struct job *x, const struct stageproc_status *st, struct stage_result *res)
{
	const char *last = x->log.last;
	const char *left = st->left_some && !x->late && !x->called ? "left processes behind, which were ended" : "";
	char what[80] = "";

	if (x->stuck)
		(void)snprintf(what, sizeof(what), "not done after %u s, and does not end by SIGKILL",
			       x->proc.stage->timeout_seconds);
	else if (res->end == END_TIMEOUT)
		(void)snprintf(what, sizeof(what), "not done after %u s", x->proc.stage->timeout_seconds);
	else if (res->end == END_KILLED)
		(void)snprintf(what, sizeof(what), "ended by signal %d (%s)", st->signal,
			       sigabbrev_np(st->signal) ? sigabbrev_np(st->signal) : "?");
	else if (res->end == END_FAILED)
		(void)snprintf(what, sizeof(what), "exit code %d", st->exit_code);
	else if (res->end == END_CANCELLED)
		(void)snprintf(what, sizeof(what), "the runner was told to stop");
	(void)snprintf(res->reason, sizeof(res->reason), "%s%s%.110s%s%s", what, what[0] && last[0] ? ": " : "",
		       what[0] ? last : "", what[0] && left[0] ? "; " : "", left);
}

/* The unit goes on without the systemctl that waited for it. */
static void stop_unit(const struct stage *s)
{
	const char *const argv[] = { "systemctl", "--no-block", "stop", s->unit, NULL };
	struct why w = { 0 };

	if (s->unit[0] && proc_must(argv, 5000, &w))
		log_warn("%s", w.text);
}

static enum stage_end end_of(const struct job *x, const struct stageproc_status *st)
{
	return x->called            ? END_CANCELLED
	       : x->late            ? END_TIMEOUT
	       : st->signal         ? END_KILLED
	       : st->exit_code == 0 ? END_PASSED
				    : END_FAILED;
}

static void finish(struct runner *r, size_t k, const struct stageproc_status *st)
{
	struct job *x = r->at[k];
	struct stage_result res = blank(x->proc.stage);
	struct why w = { 0 };

	stagelog_end(&x->log, show_line, x);
	auto_close(&x->proc.out);
	res.start_us = x->start_us;
	res.end = end_of(x, st);
	res.exit_code = st->exit_code;
	res.signal = st->signal;
	res.cpu_us = st->cpu_us;
	res.peak_memory_bytes = st->peak_memory_bytes;
	res.output_bytes = x->log.bytes;
	(void)snprintf(res.cgroup, sizeof(res.cgroup), "%s", x->proc.said);
	say_why(x, st, &res);
	if (stagelog_write(r->run->places, res.name, &x->log, &w))
		unwritten(r, &w);
	if (x->late || x->called)
		stop_unit(x->proc.stage);
	settle(r, x->index, &res);
	r->at[k] = r->at[--r->n];
	free(x);
}

static void ended(struct runner *r, size_t k)
{
	struct stageproc_status st;

	stagespawn_reap(&r->at[k]->proc, &st);
	for (unsigned int i = 0; i < READS_MAX && r->at[k]->proc.out >= 0 && take_output(r->at[k]); i++)
		;
	finish(r, k, &st);
}

/* --- all of them --- */

/* Start and skip what can be; each settles others, so from the start until nothing changes. */
static void advance(struct runner *r)
{
	const struct stageorder *o = &r->run->plan->order;
	stage_set started = 0;
	bool changed = true;

	for (size_t k = 0; k < r->n; k++)
		started |= STAGE_BIT(r->at[k]->index);
	while (changed) {
		changed = false;
		for (size_t k = 0; k < o->n; k++) {
			size_t i = o->at[k], cause = 0;
			char reason[STAGERESULT_REASON];
			enum stage_next next;

			if (!(r->which & STAGE_BIT(i) & ~r->now.settled & ~started))
				continue;
			next = stageorder_next(&r->run->plan->stages, o, &r->now, i, &cause);
			if (next == NEXT_WAIT)
				continue;
			started |= STAGE_BIT(i);
			changed = true;
			(void)snprintf(reason, sizeof(reason), "waits for '%s', which did not pass",
				       stage_at(r, cause)->name);
			if (next == NEXT_RUN)
				begin(r, i);
			else
				settle_unstarted(r, i, END_SKIPPED, reason);
		}
	}
}

static void cancel(struct runner *r)
{
	r->ret->cancelled = true;
	for (size_t k = 0; k < r->n; k++) {
		r->at[k]->called = true;
		r->at[k]->deadline_ms = now_ms() + UNKILLABLE_MS;
		stagespawn_kill(&r->at[k]->proc);
	}
	for (size_t i = 0; i < r->run->plan->stages.n; i++) {
		bool running = false;

		for (size_t k = 0; k < r->n; k++)
			running = running || r->at[k]->index == i;
		if ((r->which & STAGE_BIT(i) & ~r->now.settled) && !running)
			settle_unstarted(r, i, END_CANCELLED, "the runner was told to stop");
	}
}

/* Its time is over: killed. Killed already: left alone. */
static void expire(struct runner *r, size_t k)
{
	static const struct stageproc_status none = { .exit_code = -1 };
	struct job *x = r->at[k];

	if (!x->late && !x->called) {
		x->late = true;
		x->deadline_ms = now_ms() + UNKILLABLE_MS;
		stagespawn_kill(&x->proc);
		return;
	}
	x->stuck = true;
	stagespawn_abandon(&x->proc);
	finish(r, k, &none);
}

static int time_left(const struct runner *r)
{
	uint64_t now = now_ms(), first = UINT64_MAX;

	for (size_t k = 0; k < r->n; k++)
		first = r->at[k]->deadline_ms < first ? r->at[k]->deadline_ms : first;
	return first <= now ? 0 : first - now > 60000 ? 60000 : (int)(first - now);
}

static void take_signal(struct runner *r)
{
	struct signalfd_siginfo info;

	if (read(r->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	log_warn("told to stop by signal %u", info.ssi_signo);
	if (!r->ret->cancelled)
		cancel(r);
}

/* Wait for output, ends and signals, and take them. From behind, since finish() moves the last one to the free place. */
static void turn(struct runner *r)
{
	struct pollfd p[2 * STAGES_MAX + 1];

	for (size_t k = 0; k < r->n; k++) {
		p[2 * k] = (struct pollfd){ .fd = r->at[k]->proc.pidfd, .events = POLLIN };
		p[2 * k + 1] = (struct pollfd){ .fd = r->at[k]->proc.out, .events = POLLIN };
	}
	p[2 * r->n] = (struct pollfd){ .fd = r->signals, .events = POLLIN };
	if (poll(p, 2 * r->n + 1, time_left(r)) < 0)
		return;
	if (p[2 * r->n].revents)
		take_signal(r);
	for (size_t k = r->n; k-- > 0;) {
		if (p[2 * k + 1].revents)
			(void)take_output(r->at[k]);
		if (p[2 * k].revents)
			ended(r, k);
		else if (r->at[k]->deadline_ms <= now_ms())
			expire(r, k);
	}
}

/* What earlier phases have come to. Without a result they cannot come to one any more. */
static void look_back(struct runner *r)
{
	const struct stages *s = &r->run->plan->stages;

	for (size_t i = 0; i < s->n; i++) {
		if (r->which & STAGE_BIT(i))
			continue;
		r->now.settled |= STAGE_BIT(i);
		if (!(r->results->have & STAGE_BIT(i)))
			continue;
		if (r->results->at[i].end == END_PASSED)
			r->now.passed |= STAGE_BIT(i);
		if (r->results->at[i].end == END_SKIPPED)
			r->now.blocked |= STAGE_BIT(i);
	}
}

/* The folder of the results, locked: one runner at a time. Returns a descriptor. */
static int lock(const struct stageplaces *p, struct why *w)
{
	char folder[PATH_MAX];
	int r = stageplaces_results(p, folder, w);

	r = r ? r : dir_make(folder, 0755, w);
	if (r)
		return r;
	AUTO_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(w, "%s", folder);
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? fail(w, -EWOULDBLOCK, "another tandem-stage is running stages")
					    : fail_errno(w, "%s: lock", folder);
	return MOVE_FD(fd);
}

static int catch_signals(struct runner *r, struct why *w)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)sigaddset(&set, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &set, &r->mask_before);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signals < 0 ? fail_errno(w, "signalfd") : 0;
}

static void work(struct runner *r)
{
	stagespawn_setup();
	stagegroups_open(r->run->first, &r->groups);
	look_back(r);
	advance(r);
	while (r->n > 0) {
		turn(r);
		if (!r->ret->cancelled)
			advance(r);
	}
	stagegroups_close(&r->groups);
}

int stagerun(const struct stagerun *run, stage_set which, struct stage_results *results, struct stagerun_result *ret,
	     struct why *w)
{
	struct runner r = { .run = run, .which = which, .results = results, .ret = ret, .signals = -1 };
	AUTO_FD held = lock(run->places, w);
	int e;

	*ret = (struct stagerun_result){ 0 };
	if (held < 0)
		return held;
	e = tree_open(run->places->root, &r.tree, w);
	if (e)
		return e;
	e = catch_signals(&r, w);
	if (!e && which)
		work(&r);
	auto_close(&r.signals);
	(void)sigprocmask(SIG_SETMASK, &r.mask_before, NULL);
	tree_close(&r.tree);
	return e;
}
