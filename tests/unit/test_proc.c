/* Running other programs (base/proc.h): bounded in time and output, nothing left behind, each end told apart. */
#include "base/proc.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/support.h"

static struct proc_result sh(const char *script, unsigned int timeout_ms)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct proc_result ret;
	struct why w = { 0 };

	assert_ok(proc_run(argv, timeout_ms, &ret, &w), w);
	return ret;
}

static void an_end_by_itself_gives_its_exit_code_and_output(void **state)
{
	struct proc_result r = sh("echo out; echo err >&2; exit 3", 10000);

	(void)state;
	assert_int_equal(r.exit_code, 3);
	assert_int_equal(r.signal, 0);
	assert_false(r.timed_out);
	assert_string_equal(r.output, "out\nerr\n");
	r = sh("", 0);
	assert_int_equal(r.exit_code, 0);
	assert_string_equal(r.output, "");
}

static void an_end_by_signal_is_told_apart(void **state)
{
	struct proc_result r = sh("kill -SEGV $$", 10000);

	(void)state;
	assert_int_equal(r.exit_code, -1);
	assert_int_equal(r.signal, SIGSEGV);
	assert_false(r.timed_out);
}

static void a_missing_program_is_an_error_with_its_name(void **state)
{
	const char *const argv[] = { "no-such-program-here", NULL };
	struct proc_result ret = { .exit_code = 77 };
	struct why w = { 0 };

	(void)state;
	assert_int_equal(proc_run(argv, 0, &ret, &w), -ENOENT);
	assert_string_equal(w.text, "no-such-program-here: cannot be started: No such file or directory");
	assert_int_equal(ret.exit_code, 77);
}

static void stdin_is_empty(void **state)
{
	struct proc_result r = sh("cat; readlink /proc/self/fd/0", 10000);

	(void)state;
	assert_string_equal(r.output, "/dev/null\n");
}

static void descriptors_of_ours_stay_here(void **state)
{
	AUTO_FD kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct proc_result r;
	char script[100];

	(void)state;
	assert_true(kept >= 0);
	(void)snprintf(script, sizeof(script), "test -e /proc/$$/fd/2 && ! test -e /proc/$$/fd/%d", kept);
	r = sh(script, 10000);
	assert_int_equal(r.exit_code, 0);
}

static void the_deadline_ends_it_and_its_children(void **state)
{
	uint64_t start = now_ms();
	struct proc_result r = sh("trap '' TERM; sleep 1000 & echo $!; sleep 1000", 1000);
	char path[64];

	(void)state;
	assert_true(now_ms() - start >= 1000);
	assert_true(now_ms() - start < 60000);
	assert_int_not_equal(r.output[0], '\0');
	assert_true(r.timed_out);
	assert_int_equal(r.exit_code, -1);
	assert_int_equal(r.signal, SIGKILL);
	(void)snprintf(path, sizeof(path), "/proc/%.*s/cmdline", (int)strcspn(r.output, "\n"), r.output);
	for (unsigned int i = 0; i < 1000; i++) { /* killed, but perhaps still on its way out */
		const struct timespec tick = { .tv_nsec = 10000000 };
		AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
		char c;

		if (fd < 0 || read(fd, &c, 1) <= 0)
			return;
		(void)nanosleep(&tick, NULL);
	}
	fail_msg("a child outlived the deadline: %s", path);
}

static void output_beyond_the_limit_is_read_and_dropped(void **state)
{
	struct proc_result r = sh("yes tandem | head -c 3000000; exit 5", 60000);

	(void)state;
	assert_int_equal(r.exit_code, 5);
	assert_int_equal(strlen(r.output), PROC_OUTPUT_MAX);
	assert_memory_equal(r.output, "tandem\ntandem\n", 14);
}

static void endless_output_ends_at_the_deadline(void **state)
{
	struct proc_result r = sh("yes", 1000);

	(void)state;
	assert_true(r.timed_out);
	assert_int_equal(strlen(r.output), PROC_OUTPUT_MAX);
}

/* `script` runs in a session of its own and says its number; the shell ends with `code` when it has said it. */
static struct proc_result with_own_session(const char *script, int code, unsigned int timeout_ms, pid_t *ret)
{
	const char *said = scratch_path("said");
	char all[1024];
	struct proc_result r;

	(void)unlink(said);
	(void)snprintf(all, sizeof(all),
		       "setsid sh -c 'echo $$; : >%s; exec %s' & while [ ! -e %s ]; do sleep 0.01; done; exit %d", said,
		       script, said, code);
	r = sh(all, timeout_ms);
	*ret = (pid_t)strtol(r.output, NULL, 10);
	assert_true(*ret > 1);
	return r;
}

static void a_child_that_keeps_the_output_open_is_not_waited_for(void **state)
{
	uint64_t start = now_ms();
	struct proc_result r = sh("echo started; sleep 1000 & exit 0", 0), s;
	pid_t child = 0;

	(void)state;
	assert_int_equal(r.exit_code, 0);
	assert_false(r.timed_out);
	assert_string_equal(r.output, "started\n");
	s = with_own_session("sleep 90", 4, 60000, &child);
	assert_int_equal(s.exit_code, 4);
	assert_false(s.timed_out);
	(void)kill(child, SIGKILL);
	assert_true(now_ms() - start < 60000);
}

static void a_child_in_its_own_session_cannot_flood_for_ever(void **state)
{
	pid_t child = 0;
	struct proc_result r = with_own_session("yes", 0, 0, &child);

	(void)state;
	assert_int_equal(r.exit_code, 0);
	(void)kill(child, SIGKILL); /* ended by SIGPIPE already */
}

static void closing_its_output_is_not_an_end(void **state)
{
	struct proc_result r = sh("exec >&- 2>&-; sleep 0.2; exit 6", 10000);
	struct proc_result late = sh("exec >&- 2>&-; sleep 1000", 200);

	(void)state;
	assert_int_equal(r.exit_code, 6);
	assert_true(late.timed_out);
}

/* The mask after `name` in the child's /proc/self/status. */
static uint64_t mask_in(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	assert_non_null(at);
	return strtoull(at + strlen(name), NULL, 16);
}

static void signals_ignored_or_blocked_here_are_not_there(void **state)
{
	const uint64_t pipe_bit = 1u << (SIGPIPE - 1), term_bit = 1u << (SIGTERM - 1);
	struct proc_result r;
	sigset_t term;

	(void)state;
	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &term, NULL), 0);
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	r = sh("grep -E 'Sig(Blk|Ign)' /proc/self/status", 10000);
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &term, NULL), 0);
	assert_int_equal(mask_in(r.output, "SigBlk:") & term_bit, 0);
	assert_int_equal(mask_in(r.output, "SigIgn:") & pipe_bit, 0);
}

/* With SIGCHLD ignored the kernel reaps for us: no status is known, and none must be made up. */
static void an_unknown_status_is_an_error(void **state)
{
	const char *const argv[] = { "true", NULL };
	struct proc_result ret;
	struct why w = { 0 };
	int r;

	(void)state;
	assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	r = proc_run(argv, 10000, &ret, &w);
	assert_true(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
	assert_int_equal(r, -ECHILD);
	assert_non_null(strstr(w.text, "true: cannot be waited for: "));
}

static void no_descriptors_left_is_an_error(void **state)
{
	const char *const argv[] = { "true", NULL };
	struct rlimit old, none;
	struct proc_result ret;
	struct why w = { 0 };
	int r;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 3, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = proc_run(argv, 0, &ret, &w);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(r, -EMFILE);
}

static int must(const char *script, unsigned int timeout_ms, struct why *w)
{
	const char *const argv[] = { "sh", "-c", script, NULL };

	*w = (struct why){ 0 };
	return proc_must(argv, timeout_ms, w);
}

static void must_turns_every_bad_end_into_a_reason(void **state)
{
	struct why w;

	(void)state;
	assert_ok(must("echo fine", 10000, &w), w);
	assert_int_equal(must("echo first; echo last; echo; exit 2", 10000, &w), -EIO);
	assert_string_equal(w.text, "sh: exit code 2 (last)");
	assert_int_equal(must("echo only; kill -KILL $$", 10000, &w), -EIO);
	assert_string_equal(w.text, "sh: ended by signal 9 (only)");
	assert_int_equal(must("exit 1", 10000, &w), -EIO);
	assert_string_equal(w.text, "sh: exit code 1 ()");
	assert_int_equal(must("sleep 1000", 100, &w), -ETIMEDOUT);
	assert_string_equal(w.text, "sh: not done after 100 ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_end_by_itself_gives_its_exit_code_and_output),
		cmocka_unit_test(an_end_by_signal_is_told_apart),
		cmocka_unit_test(a_missing_program_is_an_error_with_its_name),
		cmocka_unit_test(stdin_is_empty),
		cmocka_unit_test(descriptors_of_ours_stay_here),
		cmocka_unit_test(the_deadline_ends_it_and_its_children),
		cmocka_unit_test(output_beyond_the_limit_is_read_and_dropped),
		cmocka_unit_test(endless_output_ends_at_the_deadline),
		cmocka_unit_test(a_child_that_keeps_the_output_open_is_not_waited_for),
		cmocka_unit_test(a_child_in_its_own_session_cannot_flood_for_ever),
		cmocka_unit_test(closing_its_output_is_not_an_end),
		cmocka_unit_test(signals_ignored_or_blocked_here_are_not_there),
		cmocka_unit_test(an_unknown_status_is_an_error),
		cmocka_unit_test(no_descriptors_left_is_an_error),
		cmocka_unit_test(must_turns_every_bad_end_into_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
