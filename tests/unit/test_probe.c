/* The HTTP probe (base/net/probe.h): given up when told so. What passes and what does not is in test_health.c. */
#include "base/net/probe.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "base/proc.h"
#include "tests/support.h"

/* Takes connections and says nothing. */
static int listen_silently(char url[64])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)) | listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	(void)snprintf(url, 64, "http://127.0.0.1:%u/", ntohs(at.sin_port));
	return fd;
}

static bool second_time(void *arg)
{
	return ++*(unsigned int *)arg > 1;
}

static void waiting_ends_when_it_is_stopped(void **state)
{
	unsigned int asked = 0;
	char url[64];
	AUTO_FD fd = listen_silently(url);
	const struct probe_request p = {
		.url = url, .timeout_ms = 60000, .agent = "test", .stop = second_time, .arg = &asked
	};
	struct probe_answer a;
	uint64_t begun = now_ms();

	(void)state;
	probe_url(&p, &a);
	assert_false(a.passed);
	assert_int_equal(asked, 2);
	assert_in_range(now_ms() - begun, 0, 20000);
	assert_non_null(strstr(a.said, "abort"));
}

static void waiting_ends_with_its_time(void **state)
{
	char url[64];
	AUTO_FD fd = listen_silently(url);
	const struct probe_request p = { .url = url, .timeout_ms = 100, .agent = "test" };
	struct probe_answer a;

	(void)state;
	probe_url(&p, &a);
	assert_false(a.passed);
	assert_non_null(strstr(a.said, "timed out"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waiting_ends_when_it_is_stopped),
		cmocka_unit_test(waiting_ends_with_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
