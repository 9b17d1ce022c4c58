#include "bootstage/intel/teldoor.h"

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
};

struct teldoor {
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listener, epoll;
	struct conn conns[TELDOOR_CONNECTIONS];
	uint8_t *scratch;
	uint64_t memory;
	uint64_t tended_ms;
	struct teldoor_facts facts;
};

/* --- the socket --- */

static bool somebody_listens(const struct sockaddr_un *at)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno == EAGAIN);
}

static int listen_at(struct teldoor *d, const char *path, unsigned int mode, struct why *w)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = TELDOOR_CONNECTIONS };

	if (strlen(path) >= sizeof(at.sun_path))
		return misuse(w, -ENAMETOOLONG, "%s: too long for a socket's name", path);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (somebody_listens(&at))
		return fail(w, -EADDRINUSE, "%s: another process listens there", path);
	d->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d->listener < 0 || d->epoll < 0)
		return fail_errno(w, "%s", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return fail_errno(w, "%s", path);
	if (bind(d->listener, (const struct sockaddr *)&at, sizeof(at)) < 0 || chmod(path, mode) < 0)
		return fail_errno(w, "%s", path);
	(void)snprintf(d->path, sizeof(d->path), "%s", path); /* ours from here on */
	if (listen(d->listener, 128) < 0 || epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->listener, &e) < 0)
		return fail_errno(w, "%s", path);
	return 0;
}

int teldoor_listen(const char *path, unsigned int mode, struct teldoor **ret, struct why *w)
{
	struct teldoor *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return fail(w, -ENOMEM, "out of memory");
	d->listener = d->epoll = -1;
	for (size_t i = 0; i < TELDOOR_CONNECTIONS; i++)
		d->conns[i].fd = -1;
	d->scratch = malloc(TEL_FRAME_MAX);
	r = d->scratch ? listen_at(d, path, mode, w) : fail(w, -ENOMEM, "out of memory");
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

/* One frame of a connection. 0; -ENODATA none; -EAGAIN not now; -EPROTO. */
static int conn_frame(struct teldoor *d, struct conn *c, struct telpipe *p, uint64_t now)
{
	struct telstream_found f;
	struct why w = { 0 };
	int r;

	if (!room_for_answer(c))
		return -ENODATA; /* until the other side reads */
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

	for (unsigned int i = 0; i < TURN && r == 0; i++)
		r = conn_frame(d, c, p, now);
	c->more = r == 0 || r == -EAGAIN;
	if (r == -EPROTO) {
		(void)send_out(c);
		conn_close(d, c);
	}
	return r != -EAGAIN;
}

/* All connections that have some. Returns false as above. */
static bool all_frames(struct teldoor *d, struct telpipe *p, uint64_t now)
{
	bool good = true;

	for (size_t i = 0; i < TELDOOR_CONNECTIONS && good; i++)
		if (d->conns[i].fd >= 0 && d->conns[i].more)
			good = conn_frames(d, &d->conns[i], p, now);
	return good;
}

static bool any_more(const struct teldoor *d)
{
	for (size_t i = 0; i < TELDOOR_CONNECTIONS; i++)
		if (d->conns[i].fd >= 0 && d->conns[i].more)
			return true;
	return false;
}

/* --- input --- */

static void conn_read(struct teldoor *d, struct conn *c)
{
	size_t before = c->in.room, room = 0;
	uint8_t *to = NULL;
	ssize_t n;

	if (!room_for_answer(c) || c->more)
		return; /* what came before is first; it wakes up again */
	if (c->in.n < c->in.room || before < (size_t)2 * TELSTREAM_FIRST || d->memory + before <= TELDOOR_MEMORY)
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

static void conn_accept(struct teldoor *d)
{
	AUTO_FD fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct epoll_event e = { .events = EPOLLIN };
	size_t i = 0;

	if (fd < 0)
		return;
	while (i < TELDOOR_CONNECTIONS && d->conns[i].fd >= 0)
		i++;
	e.data.u32 = (uint32_t)i;
	if (i == TELDOOR_CONNECTIONS || !(d->conns[i].out = malloc(ANSWERS)) ||
	    epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		d->facts.turned_away++;
		return;
	}
	d->conns[i].fd = MOVE_FD(fd);
	d->conns[i].heard_ms = now_ms();
	d->facts.connections++;
}

/* Watch a connection for input only while some can be taken, so that epoll does not come back at once for the others. */
static void conn_watch(struct teldoor *d, struct conn *c)
{
	bool asleep = c->ended || c->more || !room_for_answer(c);
	struct epoll_event e = { .data.u32 = (uint32_t)(c - d->conns) };

	e.events = (asleep ? 0u : (uint32_t)EPOLLIN) | (c->out_n ? (uint32_t)EPOLLOUT : 0u);
	if (asleep == c->asleep && c->out_n == 0)
		return;
	c->asleep = asleep || c->out_n > 0; /* looked at again the next time */
	IGNORE(epoll_ctl(d->epoll, EPOLL_CTL_MOD, c->fd, &e) < 0);
}

static void tend(struct teldoor *d, uint64_t now)
{
	for (size_t i = 0; i < TELDOOR_CONNECTIONS; i++) {
		struct conn *c = &d->conns[i];
		bool partial = c->in.n > 0 || c->out_n > 0;

		if (c->fd < 0)
			continue;
		if (!send_out(c) || (c->ended && !c->more && c->waiting == 0 && c->out_n == 0) ||
		    (partial && c->waiting == 0 && now > c->heard_ms + TELDOOR_IDLE_S * 1000ull))
			conn_close(d, c);
		else
			conn_watch(d, c);
	}
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
			conn_read(d, &d->conns[at]);
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

	return any_more(d) ? 0 : due < 1000 ? (int)due : 1000;
}

int teldoor_serve(struct teldoor *d, struct telpipe *p, bool (*stop)(void), struct why *w)
{
	uint64_t end;

	(void)w;
	while (!stop()) {
		bool good;

		wait_for(d, wait_ms(d, p));
		good = all_frames(d, p, now_ms());
		telpipe_step(p, now_ms());
		if (!good && !all_frames(d, p, now_ms())) /* nothing is read while nothing is taken */
			rest_a_while(telpipe_due_ms(p, now_ms()) < 50 ? 1 : 50);
		tend(d, now_ms());
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
	while (p->up && !telspool_empty(p->spool) && !stop())
		telpipe_step(p, now_ms());
	return r;
}
