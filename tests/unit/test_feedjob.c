/* feedjob: what a process that loads a feed says to its parent, also with its last breath. */
#include "bootstage/intel/feedjob.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tests/support.h"

static void say(int fd, uint32_t word)
{
	const struct feedjob_message m = { .word = word, .code = -EALREADY };

	assert_int_equal(send(fd, &m, sizeof(m), 0), sizeof(m));
}

static void words_are_heard_until_the_process_is_gone(void **state)
{
	struct feedjob_message m;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	assert_int_equal(feedjob_hear(fds[0], &m), -EAGAIN);
	say(fds[1], JOB_WANT);
	assert_int_equal(feedjob_hear(fds[0], &m), 0);
	assert_int_equal(m.word, JOB_WANT);
	assert_int_equal(feedjob_hear(fds[0], &m), -EAGAIN);
	(void)close(fds[1]);
	assert_int_equal(feedjob_hear(fds[0], &m), -EPIPE);
	(void)close(fds[0]);
}

/* It was asked for its turn when it was done: the question lies unread when its end closes. */
static void last_word_is_heard_though_ours_was_not(void **state)
{
	const uint32_t back = JOB_BACK;
	struct feedjob_message m;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	say(fds[1], JOB_DONE);
	assert_int_equal(send(fds[0], &back, sizeof(back), 0), sizeof(back));
	(void)close(fds[1]);
	assert_int_equal(feedjob_hear(fds[0], &m), 0);
	assert_int_equal(m.word, JOB_DONE);
	assert_int_equal(m.code, -EALREADY);
	assert_int_equal(feedjob_hear(fds[0], &m), -EPIPE);
	(void)close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_heard_until_the_process_is_gone),
		cmocka_unit_test(last_word_is_heard_though_ours_was_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
