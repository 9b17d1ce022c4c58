/* The error convention of base/why.h. */
#include "base/why.h"

#include <fcntl.h>
#include <string.h>

#include "tests/support.h"

static void fail_first_cause_wins(void **state)
{
	struct why w = { 0 };

	(void)state;
	assert_int_equal(fail(&w, -EIO, "disk %s at %d", "vda", 7), -EIO);
	assert_int_equal(refuse(&w, -EPERM, "second"), -EPERM);
	assert_int_equal(w.code, -EIO);
	assert_int_equal(w.exit, EXIT_FAILED);
	assert_string_equal(w.text, "disk vda at 7");
}

static void fail_without_a_place_for_the_reason_returns_the_code(void **state)
{
	(void)state;
	assert_int_equal(fail(NULL, -EIO, "x"), -EIO);
	assert_int_equal(refuse(NULL, -EPERM, "x"), -EPERM);
	assert_int_equal(misuse(NULL, -EINVAL, "x"), -EINVAL);
	assert_int_equal(why_in(NULL, -EIO, "x"), -EIO);
	assert_int_equal(why_next(NULL, -EIO, "x"), -EIO);
	errno = ENOENT;
	assert_int_equal(fail_errno(NULL, "x"), -ENOENT);
}

static void refuse_and_misuse_set_the_exit_code(void **state)
{
	struct why r = { 0 }, m = { 0 };

	(void)state;
	(void)refuse(&r, -EKEYREJECTED, "no");
	(void)misuse(&m, -EINVAL, "what");
	assert_int_equal(r.exit, EXIT_REFUSED);
	assert_int_equal(m.exit, EXIT_USAGE);
}

static void fail_errno_appends_the_text_and_never_returns_zero(void **state)
{
	struct why w = { 0 }, zero = { 0 };

	(void)state;
	errno = ENOENT;
	assert_int_equal(fail_errno(&w, "file %s", "x"), -ENOENT);
	assert_string_equal(w.text, "file x: No such file or directory");
	errno = 0;
	assert_int_equal(fail_errno(&zero, "x"), -EIO);
}

static void why_in_puts_context_in_front_and_keeps_the_cause(void **state)
{
	struct why w = { 0 }, empty = { 0 };

	(void)state;
	(void)misuse(&w, -EINVAL, "not a number");
	assert_int_equal(why_in(&w, -EINVAL, "%s:%d", "a.conf", 3), -EINVAL);
	assert_int_equal(why_in(&w, -EINVAL, "load"), -EINVAL);
	assert_string_equal(w.text, "load: a.conf:3: not a number");
	assert_int_equal(w.exit, EXIT_USAGE);
	assert_int_equal(why_in(&empty, -ENOSPC, "data"), -ENOSPC);
	assert_string_equal(empty.text, "data: No space left on device");
}

static void texts_longer_than_their_room_are_cut_not_overrun(void **state)
{
	struct why w = { 0 };
	char big[2000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	(void)fail(&w, -EIO, "%s", big);
	(void)why_next(&w, -EIO, "%s", big);
	assert_int_equal(strlen(w.text), sizeof(w.text) - 1);
	assert_int_equal(strlen(w.next), sizeof(w.next) - 1);
	(void)why_in(&w, -EIO, "front");
	assert_int_equal(strlen(w.text), sizeof(w.text) - 1);
	assert_memory_equal(w.text, "front: xxx", 10);
	(void)why_in(&w, -EIO, "%s", big);
	assert_int_equal(strlen(w.text), sizeof(w.text) - 1);
}

static void why_next_keeps_the_first_advice(void **state)
{
	struct why w = { 0 };

	(void)state;
	(void)fail(&w, -ENOSPC, "full");
	assert_int_equal(why_next(&w, -ENOSPC, "remove %s", "logs"), -ENOSPC);
	(void)why_next(&w, -ENOSPC, "other");
	assert_string_equal(w.next, "remove logs");
}

/* What why_report() prints for w, and its exit code. */
static int reported(const struct why *w, char *text, size_t room)
{
	AUTO_FD saved = dup(2), to = open(scratch_path("err"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;
	int code;

	assert_true(saved >= 0 && to >= 0);
	(void)dup2(to, 2);
	code = why_report(w, "prog");
	(void)dup2(saved, 2);
	n = pread(to, text, room - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	return code;
}

static void why_report_prints_cause_and_next_step(void **state)
{
	struct why w = { 0 }, empty = { 0 };
	char text[800];

	(void)state;
	(void)refuse(&w, -EKEYREJECTED, "wrong key");
	assert_int_equal(reported(&w, text, sizeof(text)), EXIT_REFUSED);
	assert_string_equal(text, "prog: wrong key\n");
	(void)why_next(&w, -EKEYREJECTED, "add the key");
	assert_int_equal(reported(&w, text, sizeof(text)), EXIT_REFUSED);
	assert_string_equal(text, "prog: wrong key\nprog: next: add the key\n");
	assert_int_equal(reported(&empty, text, sizeof(text)), EXIT_FAILED);
	assert_string_equal(text, "prog: failed\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_first_cause_wins),
		cmocka_unit_test(fail_without_a_place_for_the_reason_returns_the_code),
		cmocka_unit_test(refuse_and_misuse_set_the_exit_code),
		cmocka_unit_test(fail_errno_appends_the_text_and_never_returns_zero),
		cmocka_unit_test(why_in_puts_context_in_front_and_keeps_the_cause),
		cmocka_unit_test(texts_longer_than_their_room_are_cut_not_overrun),
		cmocka_unit_test(why_next_keeps_the_first_advice),
		cmocka_unit_test(why_report_prints_cause_and_next_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
