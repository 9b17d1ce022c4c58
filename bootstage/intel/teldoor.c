#include "bootstage/intel/teldoor.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/proc.h"

#define ANSWERS    65536u /* bytes of answers that wait for a connection */
#define ANSWER_MAX 96u    /* of one, that is no refusal */
#define REFUSE_MAX 640u
#define TURN       64u /* frames of one connection before it is another one's turn */
#define FLUSH_MS   10000u

struct conn {
	int fd;        /* -1: free */
	uint32_t life; /* tells who was there before from who is there now */
	struct telstream in;
	uint8_t *out;
	size_t out_n, waiting; /* bytes of answers; frames without one */
	uint64_t heard_ms;
	bool more;   /* it may hold a whole frame */
	bool asleep; /* not watched for input */
	bool ended;  /* the other side sends nothing any more */
	bool waits;  /* for us: its time stands still */
};

struct teldoor {
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listener, epoll;
	int spare; /* let go of to turn somebody away when there are no more descriptors */
	struct conn conns[TELDOOR_CONNECTIONS];
	size_t first; /* whose turn it is */
	uint8_t *scratch;
	uint64_t memory, idle_ms;
	struct teldoor_facts facts;
};

/* --- the socket --- */

static int spare_fd(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool somebody_listens(const struct sockaddr_un *at)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno == EAGAIN);
}

/* What a dead process has left; nothing else. */
static int take_over(const struct sockaddr_un *at, const char *path, struct why *w)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fail_errno(w, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return misuse(w, -EEXIST, "%s: it is there, and no socket", path);
	if (somebody_listens(at))
		return fail(w, -EADDRINUSE, "%s: another process listens there", path);
	return unlink(path) < 0 && errno != ENOENT ? fail_errno(w, "%s", path) : 0;
}

static int listen_at(struct teldoor *d, const char *path, unsigned int mode, struct why *w)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = TELDOOR_CONNECTIONS };
	int r;

	if (strlen(path) >= sizeof(at.sun_path))
		return misuse(w, -ENAMETOOLONG, "%s: too long for a socket's name", path);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	r = take_over(&at, path, w);
	if (r)
		return r;
	d->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	d->spare = spare_fd();
	if (d->listener < 0 || d->epoll < 0 || d->spare < 0)
		return fail_errno(w, "%s", path);
	if (bind(d->listener, (const struct sockaddr *)&at, sizeof(at)) < 0 || chmod(path, mode) < 0)
		return fail_errno(w, "%s", path);
	(void)snprintf(d->path, sizeof(d->path), "%s", path); /* ours from here on */
	if (listen(d->listener, 128) < 0 || epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->listener, &e) < 0)
		return fail_errno(w, "%s", path);
	return 0;
}

int teldoor_listen(const struct teldoor_want *want, struct teldoor **ret, struct why *w)
{
	struct teldoor *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return fail(w, -ENOMEM, "out of memory");
	d->listener = d->epoll = d->spare = -1;
	d->idle_ms = want->idle_ms ? want->idle_ms : TELDOOR_IDLE_S * 1000ull;
	for (size_t i = 0; i < TELDOOR_CONNECTIONS; i++)
		d->conns[i].fd = -1;
	d->scratch = malloc(TEL_FRAME_MAX);
	r = d->scratch ? listen_at(d, want->path, want->mode, w) : fail(w, -ENOMEM, "out of memory");
	if (r) {
		teldoor_close(d);
		return r;
	}
	*ret = d;
	return 0;
}

static void conn_close(struct teldoor *d, struct conn *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	d->memory -= c->in.room;
	telstream_done(&c->in);
	free(c->out);
	*c = (struct conn){ .fd = -1, .life = c->life + 1 };
}

void teldoor_close(struct teldoor *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < TELDOOR_CONNECTIONS; i++)
		conn_close(d, &d->conns[i]);
	if (d->path[0])
		(void)unlink(d->path);
	if (d->listener >= 0)
		(void)close(d->listener);
	if (d->epoll >= 0)
		(void)close(d->epoll);
	if (d->spare >= 0)
		(void)close(d->spare);
	free(d->scratch);
	free(d);
}

const struct teldoor_facts *teldoor_facts(const struct teldoor *d)
{
	return &d->facts;
}

/* --- answers --- */

/* In a tag: the connection, whose life it is, and how the answer is written. */
static uint64_t tag_of(const struct teldoor *d, const struct conn *c, bool json)
{
	return (uint64_t)(c - d->conns) << 33 | (uint64_t)c->life << 1 | json;
}

static void say(struct conn *c, const void *p, size_t n)
{
	if (ANSWERS - c->out_n < n)
		return; /* cannot be: room was kept when the frame was taken */
	memcpy(c->out + c->out_n, p, n);
	c->out_n += n;
}

static void answer(struct conn *c, bool json, uint32_t agent, uint64_t seq, enum tel_verdict v, const char *reason)
{
	static const char *const words[] = {
		[TEL_STORED] = "stored", [TEL_DUPLICATE] = "duplicate", [TEL_REFUSED] = "refused"
	};
	uint8_t ack[TEL_ACK_BYTES];
	char line[REFUSE_MAX];
	int n;

	if (!json) {
		tel_ack_write(ack, agent, seq, v);
		say(c, ack, sizeof(ack));
		return;
	}
	n = snprintf(line, sizeof(line), "{\"agent\": %" PRIu32 ", \"seq\": %" PRIu64 ", \"ack\": \"%s\"%s", agent, seq,
		     words[v], reason ? ", \"reason\": \"" : "");
	for (const char *r = reason; r && *r && n < (int)sizeof(line) - 8; r++)
		line[n++] = (char)(*r == '"' || *r == '\\' || *r < 0x20 || *r > 0x7e ? '\'' : *r);
	n += snprintf(line + n, sizeof(line) - (size_t)n, "%s}\n", reason ? "\"" : "");
	say(c, line, (size_t)n);
}

void teldoor_answer(struct teldoor *d, uint64_t tag, uint32_t agent, uint64_t seq, enum tel_verdict v)
{
	struct conn *c = &d->conns[tag >> 33];

	if (c->fd < 0 || c->life != (uint32_t)(tag >> 1))
		return; /* it is gone; the agent will ask again */
	c->waiting--;
	answer(c, tag & 1, agent, seq, v, NULL);
}

/* Send what there is. Returns false when the connection is of no further use. */
static bool send_out(struct conn *c)
{
	ssize_t n;

	while (c->out_n > 0) {
		n = send(c->fd, c->out, c->out_n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		memmove(c->out, c->out + n, c->out_n - (size_t)n);
		c->out_n -= (size_t)n;
		c->heard_ms = now_ms();
	}
	return true;
}

/* --- frames --- */

static bool room_for_answer(const struct conn *c)
{
	return c->out_n + c->waiting * ANSWER_MAX + REFUSE_MAX <= ANSWERS;
}

static void count_refusal(struct teldoor_facts *f, const struct why *w)
{
	if (f->refused++ == 0)
		f->refusal = *w;
}

/* One frame of a connection. 0; -ENODATA none; -ENOBUFS not before its answers are read; -EAGAIN not now; -EPROTO. */
static int conn_frame(struct teldoor *d, struct conn *c, struct telpipe *p, uint64_t now)
{
	struct telstream_found f;
	struct why w = { 0 };
	int r;

	if (!room_for_answer(c))
		return -ENOBUFS;
	r = telstream_next(&c->in, d->scratch, &f, &w);
	if (r == 0) {
		c->waiting++; /* before, since the answer may come at once */
		r = telpipe_take(p, &f.frame, tag_of(d, c, f.json), now);
		if (r)
			c->waiting--;
		if (r == -ENOSPC)
			r = fail(&w, -EBADMSG, "more than %u agents", TELSEQ_AGENTS_MAX);
	}
	if (r == -EBADMSG) {
		count_refusal(&d->facts, &w);
		answer(c, f.json, f.who.agent, f.who.seq, TEL_REFUSED, w.text);
		r = 0;
	}
	if (r == 0) {
		telstream_took(&c->in, &f);
		c->heard_ms = now;
	}
	if (r == -EPROTO && d->facts.broken++ == 0)
		d->facts.broken_why = w;
	return r;
}

/* Some frames of a connection. Returns false when the pipe takes no more for now. */
static bool conn_frames(struct teldoor *d, struct conn *c, struct telpipe *p, uint64_t now)
{
	int r = 0;

	if (c->waits)
		c->heard_ms = now;
	for (unsigned int i = 0; i < TURN && r == 0; i++)
		r = conn_frame(d, c, p, now);
	c->more = r == 0 || r == -EAGAIN || r == -ENOBUFS;
	if (r == -EPROTO) {
		(void)send_out(c);
		conn_close(d, c);
	}
	return r != -EAGAIN;
}

static bool is_ready(const struct conn *c)
{
	return c->fd >= 0 && c->more && room_for_answer(c);
}

/* All connections that have some, from the one on that had to wait the last time. Returns false as above. */
static bool all_frames(struct teldoor *d, struct telpipe *p, uint64_t now)
{
	size_t first = d->first;

	for (size_t i = 0; i < TELDOOR_CONNECTIONS; i++) {
		size_t at = (first + i) % TELDOOR_CONNECTIONS;

		if (is_ready(&d->conns[at]) && !conn_frames(d, &d->conns[at], p, now)) {
			d->first = at;
			return false;
		}
	}
	return true;
}

static bool any_ready(const struct teldoor *d)
{
	for (size_t i = 0; i < TELDOOR_CONNECTIONS; i++)
		if (is_ready(&d->conns[i]))
			return true;
	return false;
}

/* --- input --- */

static bool has_memory(const struct teldoor *d, const struct conn *c)
{
	return c->in.n < c->in.room || c->in.room < (size_t)2 * TELSTREAM_FIRST ||
	       d->memory + c->in.room <= TELDOOR_MEMORY;
}

/* What came before is first. */
static bool may_read(const struct teldoor *d, const struct conn *c)
{
	return !c->ended && !c->more && room_for_answer(c) && has_memory(d, c);
}

static void conn_read(struct teldoor *d, struct conn *c)
{
	size_t before = c->in.room, room = 0;
	uint8_t *to;
	ssize_t n;

	if (!may_read(d, c))
		return;
	to = telstream_room(&c->in, &room);
	d->memory += c->in.room - before;
	if (!to)
		return;
	n = recv(c->fd, to, room, MSG_DONTWAIT);
	if (n > 0) {
		telstream_came(&c->in, (size_t)n);
		c->more = true;
	} else if (n == 0) {
		c->ended = true;
	} else if (errno != EAGAIN && errno != EINTR) {
		conn_close(d, c);
	}
}

/* Whoever is left standing at the door makes epoll come back at once, for ever. */
static void turn_away(struct teldoor *d)
{
	int fd;

	(void)close(d->spare);
	fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		(void)close(fd);
	d->spare = spare_fd();
	d->facts.turned_away++;
}

static bool conn_begin(struct teldoor *d, size_t i, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
	AUTO_FREE uint8_t *out = malloc(ANSWERS);

	if (!out || epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return false;
	d->conns[i].fd = fd;
	d->conns[i].out = MOVE(out);
	d->conns[i].heard_ms = now_ms();
	d->facts.connections++;
	return true;
}

static void conn_accept(struct teldoor *d)
{
	AUTO_FD fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	size_t i = 0;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			turn_away(d);
		return;
	}
	while (i < TELDOOR_CONNECTIONS && d->conns[i].fd >= 0)
		i++;
	if (i < TELDOOR_CONNECTIONS && conn_begin(d, i, fd))
		(void)MOVE_FD(fd);
	else
		d->facts.turned_away++;
}

/* Watch a connection for input only while some can be taken, so that epoll does not come back at once for the others. */
static void conn_watch(struct teldoor *d, struct conn *c)
{
	bool asleep = !may_read(d, c);
	struct epoll_event e = { .data.u32 = (uint32_t)(c - d->conns) };

	e.events = (asleep ? 0u : (uint32_t)EPOLLIN) | (c->out_n ? (uint32_t)EPOLLOUT : 0u);
	if (asleep == c->asleep && c->out_n == 0)
		return;
	c->asleep = asleep || c->out_n > 0; /* looked at again the next time */
	IGNORE(epoll_ctl(d->epoll, EPOLL_CTL_MOD, c->fd, &e) < 0);
}

/* It owes something: the rest of a frame, or that it reads its answers. */
static bool is_idle(const struct teldoor *d, const struct conn *c, uint64_t now)
{
	return (telstream_left(&c->in) > 0 || c->out_n > 0) && c->waiting == 0 && !c->waits &&
	       now > c->heard_ms + d->idle_ms;
}

/* @now  when it was last looked at what came: what was done since then is nobody's delay but ours */
static void tend(struct teldoor *d, uint64_t now)
{
	for (size_t i = 0; i < TELDOOR_CONNECTIONS; i++) {
		struct conn *c = &d->conns[i];

		if (c->fd < 0)
			continue;
		c->waits = is_ready(c);
		if (!send_out(c) || (c->ended && !c->more && c->waiting == 0 && c->out_n == 0) || is_idle(d, c, now))
			conn_close(d, c);
		else
			conn_watch(d, c);
	}
}

/* When the other side is gone nobody reads answers any more; what it has sent is taken as far as that goes on. */
static void conn_event(struct teldoor *d, struct conn *c, uint32_t events)
{
	conn_read(d, c);
	if ((events & (EPOLLHUP | EPOLLERR)) && c->fd >= 0 && !is_ready(c))
		conn_close(d, c);
}

static void wait_for(struct teldoor *d, int ms)
{
	struct epoll_event events[64];
	int n = epoll_wait(d->epoll, events, ARRAY_SIZE(events), ms);

	for (int i = 0; i < n; i++) {
		uint32_t at = events[i].data.u32;

		if (at == TELDOOR_CONNECTIONS)
			conn_accept(d);
		else if (d->conns[at].fd >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			conn_event(d, &d->conns[at], events[i].events);
	}
}

static void rest_a_while(unsigned int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	IGNORE(nanosleep(&t, NULL));
}

static int wait_ms(const struct teldoor *d, const struct telpipe *p)
{
	unsigned int due = telpipe_due_ms(p, now_ms());

	return any_ready(d) ? 0 : due < 1000 ? (int)due : 1000;
}

int teldoor_serve(struct teldoor *d, struct telpipe *p, bool (*stop)(void), struct why *w)
{
	uint64_t end, looked;

	(void)w;
	while (!stop()) {
		bool good;

		wait_for(d, wait_ms(d, p));
		looked = now_ms();
		good = all_frames(d, p, looked);
		telpipe_step(p, now_ms());
		if (!good && !all_frames(d, p, now_ms())) /* nothing is read while nothing is taken */
			rest_a_while(telpipe_due_ms(p, now_ms()) < 50 ? 1 : 50);
		tend(d, looked);
	}
	for (end = now_ms() + FLUSH_MS; !telpipe_flush(p, now_ms()) && now_ms() < end;)
		rest_a_while(20);
	tend(d, now_ms());
	return 0;
}

/* --- one file --- */

static int file_frames(struct telstream *s, uint8_t *scratch, struct telpipe *p, struct teldoor_facts *facts, bool last,
		       struct why *w)
{
	struct telstream_found f;
	int r;

	for (;;) {
		struct why bad = { 0 };

		r = last ? telstream_last(s, scratch, &f, &bad) : telstream_next(s, scratch, &f, &bad);
		if (r == 0) {
			r = telpipe_take(p, &f.frame, 0, now_ms());
			if (r == -EAGAIN)
				return r;
			if (r == -ENOSPC)
				r = fail(&bad, -EBADMSG, "more than %u agents", TELSEQ_AGENTS_MAX);
		}
		if (r == -EBADMSG)
			count_refusal(facts, &bad);
		if (r == -EPROTO && w && !w->code)
			*w = bad;
		if (r == -ENODATA || r == -EPROTO)
			return r == -ENODATA ? 0 : r;
		telstream_took(s, &f);
	}
}

/* 1: some came; 0: the end. */
static int file_read_some(int fd, struct telstream *s, struct why *w)
{
	size_t room = 0;
	uint8_t *to = telstream_room(s, &room);
	ssize_t n;

	if (!to)
		return fail(w, -ENOMEM, "out of memory");
	n = read(fd, to, room);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return fail_errno(w, "input");
	if (n > 0)
		telstream_came(s, (size_t)n);
	return n != 0;
}

static int file_all(int fd, struct telstream *s, uint8_t *scratch, struct telpipe *p, bool (*stop)(void),
		    struct teldoor_facts *facts, struct why *w)
{
	bool more = true;
	int r = 0;

	telpipe_step(p, now_ms());
	while (more || r == -EAGAIN) {
		struct pollfd f = { .fd = fd, .events = POLLIN };
		unsigned int due = telpipe_due_ms(p, now_ms());

		if (stop())
			return fail(w, -ECANCELED, "interrupted");
		if (r == -EAGAIN)
			rest_a_while(due < 50 ? due : 50);
		else if (poll(&f, 1, due < 1000 ? (int)due : 1000) > 0)
			r = file_read_some(fd, s, w);
		else
			r = 1;
		if (r < 0 && r != -EAGAIN)
			return r;
		more = more && r != 0;
		r = file_frames(s, scratch, p, facts, !more, w);
		telpipe_step(p, now_ms());
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	return 0;
}

int teldoor_read(int fd, struct telpipe *p, bool (*stop)(void), struct teldoor_facts *ret, struct why *w)
{
	AUTO_FREE uint8_t *scratch = malloc(TEL_FRAME_MAX);
	struct telstream s = { 0 };
	int r = scratch ? file_all(fd, &s, scratch, p, stop, ret, w) : fail(w, -ENOMEM, "out of memory");

	telstream_done(&s);
	while (!telpipe_flush(p, now_ms()) && !stop())
		rest_a_while(telpipe_due_ms(p, now_ms()) < 50 ? 1 : 50);
	while (telpipe_replays(p) && !stop())
		telpipe_step(p, now_ms());
	return r;
}
