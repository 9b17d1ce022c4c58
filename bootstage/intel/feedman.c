#include "bootstage/intel/feedman.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/proc.h"

#define LOOK_MS 100

/* A feed, before, while and after it is under way. */
struct run {
	struct run *next; /* that waits */
	struct feedconf conf;
	struct feedstate state;
	struct feed_guess guess;
};

struct child {
	struct run *run; /* NULL: free */
	pid_t pid;
	int fd, lock;
	uint64_t began_ms, waited_ms; /* waited: for turns */
	bool done, killed;
	struct feedjob_message end;
};

struct feedman {
	const struct feedman_options *o;
	struct run *waiting;
	struct child at[FEEDTURN_OPEN_MAX];
	struct feedturn turns[FEEDTURN_OPEN_MAX];
	struct feedman_counts counts;
	bool closing;
	int r; /* what ends it all */
	struct why why;
};

static uint64_t now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec;
}

/* --- one feed --- */

/* In the child. */
static int child_main(const struct feedman *m, const struct run *run, int fd)
{
	struct load_options load = *m->o->load;
	struct feedjob j = { .conf = &run->conf,
			     .state = run->state,
			     .load = &load,
			     .options = m->o->options,
			     .folder = m->o->state,
			     .again = m->o->again,
			     .parent = fd };
	int r;

	load.feed = run->conf.name;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = feedjob_run(&j, m->o->stop);
	return r == 0 || r == -EALREADY ? 0 : 1;
}

/* Whoever loads a feed holds its lock, so that two of us do not load it twice, nor write over each other's state. */
static int lock_take(const struct feedman *m, const struct run *run, int *ret, struct why *w)
{
	char path[512];
	AUTO_FD fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s.lock", m->o->state, run->conf.name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return fail_errno(w, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? fail(w, -EBUSY, "another process is loading it")
					    : fail_errno(w, "%s", path);
	*ret = MOVE_FD(fd);
	return 0;
}

/* In the child: what belongs to other feeds. A lock that it held on to would outlive theirs. */
static void others_close(const struct feedman *m)
{
	for (size_t i = 0; i < FEEDTURN_OPEN_MAX; i++) {
		if (!m->at[i].run)
			continue;
		(void)close(m->at[i].fd);
		(void)close(m->at[i].lock);
	}
}

static int child_fork(struct feedman *m, struct child *c, struct why *w)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return fail_errno(w, "socket for %s", c->run->conf.name);
	(void)fflush(NULL); /* else what is in buffers is written twice */
	c->pid = fork();
	if (c->pid == 0) {
		others_close(m);
		(void)close(fds[0]);
		_exit(child_main(m, c->run, fds[1]));
	}
	(void)close(fds[1]);
	if (c->pid < 0) {
		(void)close(fds[0]);
		return fail_errno(w, "process for %s", c->run->conf.name);
	}
	c->fd = fds[0];
	return 0;
}

static int child_start(struct feedman *m, size_t i, struct run *run, struct why *w)
{
	struct child c = { .run = run, .fd = -1, .lock = -1, .began_ms = now_ms() };
	int r = lock_take(m, run, &c.lock, w);

	if (r)
		return r;
	feedstate_read(m->o->state, &run->conf, &run->state); /* whoever had the lock may have loaded it */
	run->state.began_s = now_s();
	(void)snprintf(run->state.source, sizeof(run->state.source), "%s", run->conf.source);
	r = child_fork(m, &c, w);
	if (r) {
		(void)close(c.lock);
		return r;
	}
	m->at[i] = c;
	m->turns[i] = (struct feedturn){ .is = TURN_NONE };
	return 0;
}

static void say(const struct child *c, enum feedjob_word word)
{
	uint32_t text = word;

	IGNORE(send(c->fd, &text, sizeof(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0); /* its end is seen soon */
}

static void turn_end(struct feedman *m, size_t i, uint64_t now)
{
	struct feedturn *t = &m->turns[i];

	if (t->is == TURN_HELD)
		t->used_ms += now - t->since_ms;
	if (t->is == TURN_WANTED)
		m->at[i].waited_ms += now - t->since_ms;
	t->is = TURN_NONE;
	t->asked_back = false;
}

static void keep(struct feedman *m, struct run *run)
{
	int r = feedstate_write(m->o->state, &run->conf, &run->state, &m->why);

	m->r = m->r ? m->r : r;
}

static void hear(struct feedman *m, size_t i, const struct feedjob_message *msg)
{
	uint64_t now = now_ms();

	switch (msg->word) {
	case JOB_WANT:
		m->turns[i].is = TURN_WANTED;
		m->turns[i].since_ms = now;
		break;
	case JOB_GIVE:
		turn_end(m, i, now);
		break;
	case JOB_STEP:
		memcpy(m->at[i].run->state.added_after, msg->state.added_after, sizeof(msg->state.added_after));
		memcpy(m->at[i].run->state.stamp, msg->state.stamp, sizeof(msg->state.stamp));
		keep(m, m->at[i].run);
		break;
	case JOB_DONE:
		turn_end(m, i, now);
		m->at[i].done = true;
		m->at[i].end = *msg;
		break;
	default:
		break;
	}
}

/* --- the end of one --- */

static void outcome(const struct feedman *m, struct child *c, int status)
{
	struct why *w = &c->end.why;

	if (c->done)
		return;
	*w = (struct why){ 0 };
	if (m->closing)
		c->end.code = fail(w, -ECANCELED, "interrupted");
	else if (c->killed)
		c->end.code =
			fail(w, -ETIMEDOUT, "over its timeout of %llu s", (unsigned long long)c->run->conf.timeout_s);
	else if (WIFSIGNALED(status))
		c->end.code = fail(w, -EIO, "its process ended by signal %d", WTERMSIG(status));
	else
		c->end.code = fail(w, -EIO, "its process ended without a word");
	c->end.state = c->run->state;
}

/* One line that a state file takes, whatever the feed had in it. */
static void reason_keep(char to[FEEDSTATE_FIELD], const char *text)
{
	size_t n = 0;

	for (; n < 160 && text[n]; n++)
		to[n] = (char)(text[n] >= 0x20 && text[n] <= 0x7e && text[n] != ';' ? text[n] : '?');
	while (n > 0 && to[n - 1] == ' ')
		n--;
	to[n] = '\0';
}

static void note(struct feedman *m, struct child *c, uint64_t busy_ms)
{
	struct feedstate *s = &c->run->state;
	uint64_t began = s->began_s, loaded = s->loaded_s, failures = s->failures, busy = s->busy_ms;
	int code = c->end.code;

	*s = c->end.state;
	s->began_s = began;
	s->ended_s = now_s();
	s->result = code == 0 ? FEED_LOADED : code == -EALREADY ? FEED_UNCHANGED : FEED_FAILED;
	s->loaded_s = s->result == FEED_FAILED ? loaded : s->ended_s;
	s->failures = s->result == FEED_FAILED ? failures + 1 : 0;
	s->busy_ms = code == 0 ? busy_ms : busy;
	reason_keep(s->reason, s->result == FEED_FAILED ? c->end.why.text : "");
	m->counts.loaded += s->result == FEED_LOADED;
	m->counts.unchanged += s->result == FEED_UNCHANGED;
	m->counts.failed += s->result == FEED_FAILED;
	keep(m, c->run);
}

static void tell(const struct feedman *m, const struct feedman_end *e)
{
	if (m->o->ended)
		m->o->ended(m->o->arg, e);
}

static void child_end(struct feedman *m, size_t i)
{
	struct child *c = &m->at[i];
	int status = 0;
	uint64_t now = now_ms();

	turn_end(m, i, now);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)close(c->fd);
	outcome(m, c, status);
	if (c->end.code != -ECANCELED || !(m->closing || m->o->stop())) {
		note(m, c, m->turns[i].used_ms);
		tell(m, &(struct feedman_end){ .conf = &c->run->conf,
					       .state = &c->run->state,
					       .why = c->end.why,
					       .ms = now - c->began_ms,
					       .busy_ms = m->turns[i].used_ms });
	}
	(void)close(c->lock);
	free(c->run);
	c->run = NULL;
}

static void child_hear(struct feedman *m, size_t i)
{
	struct feedjob_message msg;
	int r = feedjob_hear(m->at[i].fd, &msg);

	if (r == 0)
		hear(m, i, &msg);
	else if (r != -EAGAIN)
		child_end(m, i);
}

/* --- all of them --- */

static void give_turns(struct feedman *m, uint64_t now)
{
	int i;

	while ((i = feedturn_next(m->turns, FEEDTURN_OPEN_MAX, m->o->workers)) >= 0) {
		turn_end(m, (size_t)i, now);
		m->turns[i].is = TURN_HELD;
		m->turns[i].since_ms = now;
		say(&m->at[i], JOB_GO);
	}
	while ((i = feedturn_over(m->turns, FEEDTURN_OPEN_MAX, m->o->workers, now)) >= 0) {
		m->turns[i].asked_back = true;
		say(&m->at[i], JOB_BACK);
	}
}

/* Of its own time: waiting for a turn does not count. */
static void end_late_ones(struct feedman *m, uint64_t now)
{
	for (size_t i = 0; i < FEEDTURN_OPEN_MAX; i++) {
		struct child *c = &m->at[i];
		uint64_t waits = m->turns[i].is == TURN_WANTED ? now - m->turns[i].since_ms : 0;

		if (!c->run || c->done || c->killed)
			continue;
		if (now - c->began_ms - c->waited_ms - waits > c->run->conf.timeout_s * 1000) {
			c->killed = true;
			(void)kill(c->pid, SIGKILL);
		}
	}
}

/* The place of the one that is begun next. */
static struct run **first_of(struct feedman *m)
{
	struct run **best = &m->waiting;

	for (struct run **p = best; *p; p = &(*p)->next)
		if (feed_before(&(*p)->guess, &(*best)->guess))
			best = p;
	return best;
}

static void cannot_begin(struct feedman *m, struct run *run, const struct why *why)
{
	m->counts.failed++;
	run->state.result = FEED_FAILED;
	tell(m, &(struct feedman_end){ .conf = &run->conf, .state = &run->state, .why = *why });
	free(run);
}

static void begin_one(struct feedman *m, size_t i)
{
	struct run **p = first_of(m), *run = *p;
	struct why why = { 0 };
	int r;

	*p = run->next;
	r = child_start(m, i, run, &why);
	if (r == 0)
		return;
	if (r != -EBUSY) {
		m->r = r;
		m->why = why;
	}
	cannot_begin(m, run, &why);
}

static void begin_some(struct feedman *m)
{
	for (size_t i = 0; i < FEEDTURN_OPEN_MAX && m->waiting && !m->r; i++)
		if (!m->at[i].run)
			begin_one(m, i);
}

static size_t under_way(const struct feedman *m)
{
	size_t n = 0;

	for (size_t i = 0; i < FEEDTURN_OPEN_MAX; i++)
		n += m->at[i].run != NULL;
	return n;
}

static void listen_to_all(struct feedman *m)
{
	struct pollfd fds[FEEDTURN_OPEN_MAX];
	size_t which[FEEDTURN_OPEN_MAX];
	nfds_t n = 0;
	uint64_t wait = feedturn_wait_ms(m->turns, FEEDTURN_OPEN_MAX, m->o->workers, now_ms());

	for (size_t i = 0; i < FEEDTURN_OPEN_MAX; i++) {
		if (!m->at[i].run)
			continue;
		which[n] = i;
		fds[n++] = (struct pollfd){ .fd = m->at[i].fd, .events = POLLIN };
	}
	if (poll(fds, n, wait < LOOK_MS ? (int)wait : LOOK_MS) <= 0)
		return;
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].revents)
			child_hear(m, which[i]);
}

static bool is_there(const struct feedman *m, const char *name)
{
	for (size_t i = 0; i < FEEDTURN_OPEN_MAX; i++)
		if (m->at[i].run && strcmp(m->at[i].run->conf.name, name) == 0)
			return true;
	for (const struct run *run = m->waiting; run; run = run->next)
		if (strcmp(run->conf.name, name) == 0)
			return true;
	return false;
}

int feedman_add(struct feedman *m, const struct feedconf *f, struct why *w)
{
	struct run **p = &m->waiting, *run;

	if (is_there(m, f->name))
		return 0;
	run = calloc(1, sizeof(*run));
	if (!run)
		return fail(w, -ENOMEM, "out of memory");
	run->conf = *f;
	feedstate_read(m->o->state, f, &run->state);
	run->guess = (struct feed_guess){ .busy_ms = run->state.busy_ms,
					  .bytes = feedjob_guess_bytes(f),
					  .failed = run->state.result == FEED_FAILED };
	while (*p)
		p = &(*p)->next;
	*p = run;
	return 0;
}

bool feedman_idle(const struct feedman *m)
{
	return !m->waiting && under_way(m) == 0;
}

int feedman_run(struct feedman *m, uint64_t until_ms, struct why *w)
{
	while (!m->r && !m->o->stop() && now_ms() < until_ms) {
		begin_some(m);
		if (feedman_idle(m))
			break;
		give_turns(m, now_ms());
		listen_to_all(m);
		end_late_ones(m, now_ms());
	}
	if (!m->r && m->o->stop() && !feedman_idle(m))
		return fail(w, -ECANCELED, "interrupted");
	if (m->r && w && !w->code)
		*w = m->why;
	return m->r;
}

struct feedman_counts feedman_counts(struct feedman *m)
{
	struct feedman_counts c = m->counts;

	m->counts = (struct feedman_counts){ 0 };
	return c;
}

int feedman_open(const struct feedman_options *o, struct feedman **ret, struct why *w)
{
	struct feedman *m = calloc(1, sizeof(*m));

	if (!m)
		return fail(w, -ENOMEM, "out of memory");
	m->o = o;
	*ret = m;
	return 0;
}

/* One that was done, but not yet heard, is still heard. */
static void child_stop(struct feedman *m, size_t i)
{
	struct pollfd f = { .fd = m->at[i].fd, .events = POLLIN };

	(void)kill(m->at[i].pid, SIGKILL);
	while (m->at[i].run) {
		IGNORE(poll(&f, 1, -1) < 0); /* by a signal: then it is looked at again */
		child_hear(m, i);
	}
}

void feedman_close(struct feedman *m)
{
	if (!m)
		return;
	m->closing = true;
	for (size_t i = 0; i < FEEDTURN_OPEN_MAX; i++)
		if (m->at[i].run)
			child_stop(m, i);
	while (m->waiting) {
		struct run *run = m->waiting;

		m->waiting = run->next;
		free(run);
	}
	free(m);
}
