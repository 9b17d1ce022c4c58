#include "updater/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium/utils.h>
#include <string.h>
#include <termios.h>

#include "base/io.h"

static volatile sig_atomic_t interrupted;

static void note_signal(int number)
{
	(void)number;
	interrupted = 1;
}

static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

struct signals_before {
	struct sigaction actions[ARRAY_SIZE(caught)];
	sigset_t mask;
};

/* They are let through only while ppoll waits, so that none falls between a question and its read. */
static void catch_signals(struct signals_before *ret)
{
	struct sigaction a = { .sa_handler = note_signal };
	sigset_t held;

	interrupted = 0;
	(void)sigemptyset(&a.sa_mask);
	(void)sigemptyset(&held);
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		(void)sigaddset(&held, caught[i]);
	(void)sigprocmask(SIG_BLOCK, &held, &ret->mask);
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		(void)sigaction(caught[i], &a, &ret->actions[i]);
}

/* The mask first: what is still held belongs to the question. */
static void restore_signals(const struct signals_before *before)
{
	(void)sigprocmask(SIG_SETMASK, &before->mask, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		(void)sigaction(caught[i], &before->actions[i], NULL);
}

/* One line into buf, byte by byte so that nothing after it is taken. Returns its length or -errno. */
static ssize_t read_line(int tty, const sigset_t *open_mask, char *buf, size_t room)
{
	size_t n = 0;

	for (;;) {
		struct pollfd p = { .fd = tty, .events = POLLIN };
		char c;
		ssize_t r = ppoll(&p, 1, NULL, open_mask) < 0 ? -1 : read(tty, &c, 1);

		if (r == 0)
			return -ECANCELED;
		if (r < 0)
			return errno == EINTR ? -ECANCELED : -errno;
		if (c == '\n')
			return (ssize_t)n;
		if (n + 1 == room)
			return -E2BIG;
		buf[n++] = c;
	}
}

/* The question comes once the terminal hides what is typed: whoever sees it can answer. */
static ssize_t ask(int tty, const char *question, const struct termios *shown, char *buf, size_t room)
{
	struct termios hidden = *shown;
	struct signals_before before;
	ssize_t n;

	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ECHONL;
	catch_signals(&before);
	n = tcsetattr(tty, TCSAFLUSH, &hidden) ? -errno : write_full(tty, question, strlen(question), "terminal", NULL);
	n = n ? n : read_line(tty, &before.mask, buf, room);
	(void)tcsetattr(tty, TCSAFLUSH, shown);
	restore_signals(&before);
	return interrupted ? -ECANCELED : n;
}

static int explain(ssize_t n, struct why *w)
{
	if (n == -ECANCELED)
		return fail(w, -ECANCELED, "no password was given");
	if (n == -E2BIG)
		return fail(w, -E2BIG, "that password is too long");
	if (n < 0)
		return fail(w, (int)n, "password: %s", strerror((int)-n));
	return n == 0 ? fail(w, -EINVAL, "an empty password protects nothing") : 0;
}

int prompt_password(const char *question, char *ret, size_t room, struct why *w)
{
	AUTO_FD tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios shown;
	char buf[1024];
	ssize_t n;
	int r;

	if (tty < 0 || tcgetattr(tty, &shown))
		return fail(w, -ENOTTY, "a password is wanted, and there is no terminal to ask on");
	n = ask(tty, question, &shown, buf, room < sizeof(buf) ? room : sizeof(buf));
	if (n < 0)
		(void)!write(tty, "\n", 1);
	r = explain(n, w);
	if (!r) {
		memcpy(ret, buf, (size_t)n);
		ret[n] = '\0';
	}
	sodium_memzero(buf, sizeof(buf));
	return r;
}
