/* One trainer at a time (bootstage/trainer/trainlock.h). R4. */
#include "bootstage/trainer/trainlock.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support.h"

static void second_trainer_is_told_who_works(void **state)
{
	const char *path = scratch_path("run/train.lock");
	char who[TRAINLOCK_TEXT];
	struct why w = { 0 };
	struct stat st;
	int fd, status = 0;
	pid_t pid;

	(void)state;
	assert_false(trainlock_held(path, who));
	fd = trainlock_take(path, &w);
	assert_true(fd >= 0);
	trainlock_say(fd, "a rather long thing that is being done");
	trainlock_say(fd, "training 'core'");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* nobody else can hold a lock for reading */
	assert_int_equal(trainlock_take(path, &w), -EWOULDBLOCK);
	assert_non_null(strstr(w.text, "training 'core'"));
	assert_null(strstr(w.text, "long"));
	assert_true(trainlock_held(path, who));
	pid = fork();
	if (pid == 0) { /* what it starts does not keep the lock */
		(void)execl("/bin/sleep", "sleep", "60", NULL);
		_exit(1);
	}
	while (waitpid(pid, &status, WNOHANG) == 0 && kill(pid, 0) == 0) {
		char exe[64], link[64];
		ssize_t n;

		(void)snprintf(link, sizeof(link), "/proc/%d/exe", pid);
		n = readlink(link, exe, sizeof(exe) - 1);
		if (n > 0 && memmem(exe, (size_t)n, "sleep", 5))
			break;
	}
	assert_int_equal(close(fd), 0);
	assert_false(trainlock_held(path, who));
	assert_string_equal(who, "");
	fd = trainlock_take(path, &w);
	assert_true(fd >= 0);
	(void)close(fd);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
}

static void looking_does_not_take_it(void **state)
{
	const char *path = scratch_path("run2/train.lock");
	char who[TRAINLOCK_TEXT];
	struct why w = { 0 };
	int fd = trainlock_take(path, &w);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	for (int i = 0; i < 100; i++) {
		assert_false(trainlock_held(path, who));
		fd = trainlock_take(path, &w);
		assert_true(fd >= 0);
		assert_true(trainlock_held(path, who));
		(void)close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(second_trainer_is_told_who_works),
		cmocka_unit_test(looking_does_not_take_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
