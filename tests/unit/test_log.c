/* Log lines (base/log.h): where they go, which are dropped, what is kept. */
#include "base/log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/support.h"

static int saved = -1;

static void stderr_to_file(void)
{
	AUTO_FD to = open(scratch_path("log"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	saved = dup(2);
	assert_true(saved >= 0 && to >= 0 && dup2(to, 2) == 2);
}

static const char *stderr_back(void)
{
	static char text[4000];
	AUTO_FD from = open(scratch_path("log"), O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_int_equal(dup2(saved, 2), 2);
	(void)close(MOVE_FD(saved));
	n = read(from, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static void lines_carry_the_program_and_stop_at_the_level(void **state)
{
	(void)state;
	log_setup("prog", LOG_NOTE);
	stderr_to_file();
	log_error("one=%d", 1);
	log_note("two");
	log_info("three");
	assert_string_equal(stderr_back(), "prog: one=1\nprog: two\n");
	assert_non_null(strstr(log_text(), " one=1\n"));
	assert_non_null(strstr(log_text(), " two\n"));
	assert_null(strstr(log_text(), "three"));
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
	char big[3000];
	const char *text;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	stderr_to_file();
	log_warn("%s", big);
	log_warn("after");
	text = stderr_back();
	assert_int_equal(strcspn(text, "\n"), strlen("prog: ") + 699);
	assert_non_null(strstr(text, "\nprog: after\n"));
}

/* Early boot without /dev/kmsg: lines still come out. */
static void without_the_kernel_log_lines_stay_on_stderr(void **state)
{
	struct rlimit old, none;

	(void)state;
	stderr_to_file();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 3, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	log_kmsg();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	log_error("still here");
	assert_string_equal(stderr_back(), "prog: still here\n");
}

static void the_first_16_kib_are_kept_in_whole_lines_without_gaps(void **state)
{
	const char *text;
	unsigned int next = 0;
	size_t n;

	(void)state;
	stderr_to_file();
	for (unsigned int i = 0; i < 2000; i++)
		log_error("line %u%.*s", i, (int)(i % 40), "........................................");
	(void)stderr_back();
	text = log_text();
	n = strlen(text);
	assert_true(n < 16384 && n > 16384 - 100);
	assert_int_equal(text[n - 1], '\n');
	for (const char *at = strstr(text, " line "); at; at = strstr(at + 1, " line "))
		assert_int_equal(strtoul(at + 6, NULL, 10), next++);
	assert_true(next > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_carry_the_program_and_stop_at_the_level),
		cmocka_unit_test(a_long_line_is_cut_and_still_ends),
		cmocka_unit_test(without_the_kernel_log_lines_stay_on_stderr),
		cmocka_unit_test(the_first_16_kib_are_kept_in_whole_lines_without_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
