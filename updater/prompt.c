#include "updater/prompt.h"

#include <errno.h>
#include <fcntl.h>
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

/* Without SA_RESTART: read(2) returns, and the terminal can be put back before the program ends. */
static void catch_signals(struct sigaction before[ARRAY_SIZE(caught)])
{
	struct sigaction a = { .sa_handler = note_signal };

	interrupted = 0;
	(void)sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		(void)sigaction(caught[i], &a, &before[i]);
}

static void restore_signals(const struct sigaction before[ARRAY_SIZE(caught)])
{
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		(void)sigaction(caught[i], &before[i], NULL);
}

/* One line into buf, byte by byte so that nothing after it is taken. Returns its length or -errno. */
static ssize_t read_line(int tty, char *buf, size_t room)
{
	size_t n = 0;

	for (;;) {
		char c;
		ssize_t r = read(tty, &c, 1);

		if (interrupted || r == 0)
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
	struct sigaction before[ARRAY_SIZE(caught)];
	struct termios shown, hidden;
	char buf[1024];
	ssize_t n;
	int r;

	if (tty < 0 || tcgetattr(tty, &shown))
		return fail(w, -ENOTTY, "a password is wanted, and there is no terminal to ask on");
	if (room > sizeof(buf))
		room = sizeof(buf);
	r = write_full(tty, question, strlen(question), "terminal", w);
	if (r)
		return r;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ECHONL;
	catch_signals(before);
	n = tcsetattr(tty, TCSAFLUSH, &hidden) ? -errno : read_line(tty, buf, room);
	(void)tcsetattr(tty, TCSAFLUSH, &shown);
	restore_signals(before);
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
