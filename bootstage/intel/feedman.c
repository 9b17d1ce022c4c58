#include "bootstage/intel/feedman.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/proc.h"

#define LOOK_MS 100

/* A feed, before, while and after it is under way. */
struct run {
	const struct feedconf *conf;
	struct feedstate state;
	struct feed_guess guess;
	size_t order;
};

struct child {
	struct run *run; /* NULL: free */
	pid_t pid;
	int fd;
	uint64_t began_ms, waited_ms; /* waited: for turns */
	bool done, killed;
	struct feedjob_message end;
};

struct man {
	const struct feedman_options *o;
	struct run *runs;
	size_t n, next;
	struct child at[FEEDTURN_OPEN_MAX];
	struct feedturn turns[FEEDTURN_OPEN_MAX];
	struct feedman_counts counts;
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

/* In the child. Its signals are its parent's business, who kills it; so that Ctrl-C asks one process only. */
static int child_main(const struct man *m, const struct run *run, int fd)
{
	struct load_options load = *m->o->load;
	struct feedjob j = { .conf = run->conf,
			     .state = run->state,
			     .load = &load,
			     .options = m->o->options,
			     .again = m->o->again,
			     .parent = fd };
	int r;

	load.feed = run->conf->name;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = feedjob_run(&j, m->o->stop);
	return r == 0 || r == -EALREADY ? 0 : 1;
}

static int child_start(struct man *m, size_t i, struct run *run, struct why *w)
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return fail_errno(w, "socket for %s", run->conf->name);
	(void)fflush(NULL); /* else what is in buffers is written twice */
	pid = fork();
	if (pid == 0) {
		for (size_t k = 0; k < FEEDTURN_OPEN_MAX; k++)
			if (m->at[k].run)
				(void)close(m->at[k].fd);
		(void)close(fds[0]);
		_exit(child_main(m, run, fds[1]));
	}
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return fail_errno(w, "process for %s", run->conf->name);
	}
	m->at[i] = (struct child){ .run = run, .pid = pid, .fd = fds[0], .began_ms = now_ms() };
	m->turns[i] = (struct feedturn){ .is = TURN_NONE };
	run->state.began_s = now_s();
	return 0;
}

static void say(const struct child *c, enum feedjob_word word)
{
	uint32_t text = word;

	IGNORE(send(c->fd, &text, sizeof(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0); /* its end is seen soon */
}

static void turn_end(struct man *m, size_t i, uint64_t now)
{
	struct feedturn *t = &m->turns[i];

	if (t->is == TURN_HELD)
		t->used_ms += now - t->since_ms;
	if (t->is == TURN_WANTED)
		m->at[i].waited_ms += now - t->since_ms;
	t->is = TURN_NONE;
	t->asked_back = false;
}

static void keep(struct man *m, struct run *run)
{
	int r = feedstate_write(m->o->state, run->conf, &run->state, &m->why);

	m->r = m->r ? m->r : r;
}

static void hear(struct man *m, size_t i, const struct feedjob_message *msg)
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
		memcpy(m->at[i].run->state.source, msg->state.source, sizeof(msg->state.source));
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

static void outcome(struct child *c, int status)
{
	struct why *w = &c->end.why;

	if (c->done)
		return;
	*w = (struct why){ 0 };
	if (c->killed)
		c->end.code =
			fail(w, -ETIMEDOUT, "over its timeout of %llu s", (unsigned long long)c->run->conf->timeout_s);
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

static void note(struct man *m, struct child *c, uint64_t busy_ms)
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
	if (code != -ECANCELED)
		keep(m, c->run);
}

static void child_end(struct man *m, size_t i)
{
	struct child *c = &m->at[i];
	int status = 0;
	uint64_t now = now_ms();

	turn_end(m, i, now);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)close(c->fd);
	outcome(c, status);
	note(m, c, m->turns[i].used_ms);
	if (m->o->ended) {
		const struct feedman_end e = { .conf = c->run->conf,
					       .state = &c->run->state,
					       .why = c->end.why,
					       .ms = now - c->began_ms,
					       .busy_ms = m->turns[i].used_ms };

		m->o->ended(m->o->arg, &e);
	}
	c->run = NULL;
}

static void child_hear(struct man *m, size_t i)
{
	struct feedjob_message msg = { 0 };
	ssize_t n = recv(m->at[i].fd, &msg, sizeof(msg), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(msg))
		hear(m, i, &msg);
	else if (n == 0 || errno != EAGAIN)
		child_end(m, i);
}

/* --- all of them --- */

static void give_turns(struct man *m, uint64_t now)
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
static void end_late_ones(struct man *m, uint64_t now)
{
	for (size_t i = 0; i < FEEDTURN_OPEN_MAX; i++) {
		struct child *c = &m->at[i];
		uint64_t waits = m->turns[i].is == TURN_WANTED ? now - m->turns[i].since_ms : 0;

		if (!c->run || c->done || c->killed)
			continue;
		if (now - c->began_ms - c->waited_ms - waits > c->run->conf->timeout_s * 1000) {
			c->killed = true;
			(void)kill(c->pid, SIGKILL);
		}
	}
}

static void begin_some(struct man *m)
{
	for (size_t i = 0; i < FEEDTURN_OPEN_MAX && m->next < m->n && !m->r; i++) {
		if (m->at[i].run)
			continue;
		m->r = child_start(m, i, &m->runs[m->next], &m->why);
		m->next += m->r == 0;
	}
}

static size_t under_way(const struct man *m)
{
	size_t n = 0;

	for (size_t i = 0; i < FEEDTURN_OPEN_MAX; i++)
		n += m->at[i].run != NULL;
	return n;
}

static void listen_to_all(struct man *m)
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

static int by_guess(const void *x, const void *y)
{
	const struct run *a = x, *b = y;

	if (feed_before(&a->guess, &b->guess))
		return -1;
	if (feed_before(&b->guess, &a->guess))
		return 1;
	return a->order < b->order ? -1 : 1;
}

static int prepare(struct man *m, const struct feedconf *const *feeds, size_t n, struct why *w)
{
	m->runs = calloc(n + 1, sizeof(*m->runs));
	if (!m->runs)
		return fail(w, -ENOMEM, "out of memory");
	m->n = n;
	for (size_t i = 0; i < n; i++) {
		struct run *r = &m->runs[i];

		*r = (struct run){ .conf = feeds[i], .order = i };
		feedstate_read(m->o->state, feeds[i], &r->state);
		r->guess = (struct feed_guess){ .busy_ms = r->state.busy_ms,
						.bytes = feedjob_guess_bytes(feeds[i]),
						.failed = r->state.result == FEED_FAILED };
	}
	qsort(m->runs, n, sizeof(*m->runs), by_guess);
	return 0;
}

static void end_all(struct man *m)
{
	for (size_t i = 0; i < FEEDTURN_OPEN_MAX; i++) {
		if (!m->at[i].run)
			continue;
		(void)kill(m->at[i].pid, SIGKILL);
		child_end(m, i);
	}
}

int feedman_run(const struct feedman_options *o, const struct feedconf *const *feeds, size_t n,
		struct feedman_counts *ret, struct why *w)
{
	struct man *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return fail(w, -ENOMEM, "out of memory");
	m->o = o;
	m->r = prepare(m, feeds, n, &m->why);
	while (!m->r && !o->stop()) {
		begin_some(m);
		if (under_way(m) == 0)
			break;
		give_turns(m, now_ms());
		listen_to_all(m);
		end_late_ones(m, now_ms());
	}
	if (!m->r && under_way(m) > 0)
		m->r = fail(&m->why, -ECANCELED, "interrupted");
	end_all(m);
	*ret = m->counts;
	r = m->r;
	if (r && w && !w->code)
		*w = m->why;
	free(m->runs);
	free(m);
	return r;
}
