/* Health probes: rounds, deadline, reasons; and the real probes on programs and a server of our own (bootstage/health.h). */
#include "bootstage/health.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/proc.h"
#include "tests/support.h"

/* A system whose probes pass from a given moment on, and take their time. */
static struct {
	uint64_t now;
	struct {
		uint64_t passes_from, fails_again_from, takes;
	} probes[SYSCONF_PROBES];
	unsigned int timeouts[64], n_timeouts;
	unsigned int pauses[64], n_pauses;
} sys;

static void fake_probe(void *with, const struct sysconf_probe *p, unsigned int timeout_ms, struct health_probe *ret)
{
	size_t i = (size_t)(p->what[0] - '0');
	uint64_t takes = sys.probes[i].takes < timeout_ms ? sys.probes[i].takes : timeout_ms;

	(void)with;
	assert_int_not_equal(timeout_ms, 0);
	if (sys.n_timeouts < ARRAY_SIZE(sys.timeouts))
		sys.timeouts[sys.n_timeouts++] = timeout_ms;
	ret->passed = sys.now >= sys.probes[i].passes_from && sys.now < sys.probes[i].fails_again_from &&
		      sys.probes[i].takes <= timeout_ms;
	sys.now += takes;
	health_said(ret, ret->passed ? "fine" : "not yet");
}

static uint64_t fake_now(void *with)
{
	(void)with;
	return sys.now;
}

static void fake_pause(void *with, unsigned int ms)
{
	(void)with;
	assert_int_not_equal(ms, 0);
	sys.now += ms;
	if (sys.n_pauses < ARRAY_SIZE(sys.pauses))
		sys.pauses[sys.n_pauses++] = ms;
}

static const struct health_ops fake = { .probe = fake_probe, .now_ms = fake_now, .pause = fake_pause };

static struct sysconf conf_with(size_t n)
{
	struct sysconf c = { .n_probes = n };

	memset(&sys, 0, sizeof(sys));
	for (size_t i = 0; i < n; i++) {
		c.probes[i].kind = PROBE_UNIT;
		(void)snprintf(c.probes[i].what, sizeof(c.probes[i].what), "%zu.service", i);
		sys.probes[i].fails_again_from = UINT64_MAX;
	}
	return c;
}

static void without_probes_a_system_is_healthy(void **state)
{
	struct sysconf c = conf_with(0);
	struct health h;

	(void)state;
	health_run(&c, &fake, NULL, 1000, &h);
	assert_true(h.passed);
	assert_int_equal(h.rounds, 1);
	assert_int_equal(h.ms, 0);
}

static void probes_that_pass_at_once_need_one_round(void **state)
{
	struct sysconf c = conf_with(3);
	struct health h;

	(void)state;
	health_run(&c, &fake, NULL, 1000, &h);
	assert_true(h.passed);
	assert_int_equal(h.rounds, 1);
	assert_int_equal(h.probes[2].tries, 1);
	assert_string_equal(h.probes[2].said, "fine");
	assert_int_equal(sys.n_pauses, 0);
}

static void all_must_pass_in_the_same_round(void **state)
{
	struct sysconf c = conf_with(2);
	struct health h;

	(void)state;
	sys.probes[0].fails_again_from = 1200; /* passes at first, and is gone when the other one comes */
	sys.probes[1].passes_from = 1400;
	health_run(&c, &fake, NULL, 5000, &h);
	assert_false(h.passed);
	assert_false(h.probes[0].passed);
	assert_true(h.probes[1].passed);
}

static void pauses_grow_to_their_limit_and_never_pass_the_deadline(void **state)
{
	static const unsigned int want[] = { 500, 1000, 2000, 2000, 2000, 700 };
	struct sysconf c = conf_with(1);
	struct health h;

	(void)state;
	sys.now = 100;
	sys.probes[0].passes_from = UINT64_MAX;
	health_run(&c, &fake, NULL, 8300, &h);
	assert_false(h.passed);
	assert_int_equal(sys.n_pauses, ARRAY_SIZE(want));
	assert_memory_equal(sys.pauses, want, sizeof(want));
	assert_int_equal(sys.now, 8300);
	assert_int_equal(h.ms, 8200);
	assert_int_equal(h.rounds, 7);
}

static void a_probe_gets_the_time_that_is_left(void **state)
{
	struct sysconf c = conf_with(3);
	struct health h;

	(void)state;
	sys.probes[0].takes = 400;
	sys.probes[1].takes = 10000;
	health_run(&c, &fake, NULL, 1000, &h);
	assert_false(h.passed);
	assert_int_equal(sys.timeouts[0], 1000);
	assert_int_equal(sys.timeouts[1], 600);
	assert_int_equal(sys.timeouts[2], 1000); /* the last chance, though time is up */
	assert_true(h.probes[2].passed);
	assert_int_equal(h.rounds, 1);
}

static void after_the_deadline_the_round_before_stands(void **state)
{
	struct sysconf c = conf_with(2);
	struct health h;

	(void)state;
	sys.probes[0].takes = 300;
	sys.probes[1].passes_from = UINT64_MAX;
	health_run(&c, &fake, NULL, 900, &h); /* second round begins at 800, its first probe ends after 900 */
	assert_false(h.passed);
	assert_int_equal(h.probes[1].tries, 1);
	assert_string_equal(h.probes[1].said, "not yet");
}

static void the_reason_names_the_first_culprit(void **state)
{
	struct sysconf c = conf_with(3);
	char text[60];
	struct health h;

	(void)state;
	sys.probes[1].passes_from = UINT64_MAX;
	sys.probes[2].passes_from = UINT64_MAX;
	c.probes[1].kind = PROBE_COMMAND;
	health_run(&c, &fake, NULL, 100, &h);
	assert_string_equal(health_reason(&c, &h, text, sizeof(text)), "command 1.service: not yet");
	assert_string_equal(health_reason(&c, &h, text, 12), "command 1.s");
	h.probes[1].passed = h.probes[2].passed = true;
	assert_string_equal(health_reason(&c, &h, text, sizeof(text)), "all probes passed");
}

static void the_last_line_that_says_something_is_kept(void **state)
{
	static const struct {
		const char *text, *want;
	} table[] = {
		{ "", "" },
		{ "active\n", "active" },
		{ "one\ntwo\n\n  \n", "two" },
		{ "one\r\n", "one?" },
		{ "a\x1b[31mb\xff", "a?[31mb?" },
		{ "no newline", "no newline" },
	};
	struct health_probe p;
	char big[500];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		health_said(&p, table[i].text);
		assert_string_equal(p.said, table[i].want);
	}
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	health_said(&p, big);
	assert_int_equal(strlen(p.said), HEALTH_SAID_MAX - 1);
}

static void commands_are_split_at_blanks(void **state)
{
	char text[] = "  /bin/a  b\tc ", many[] = "1 2 3 4 5";
	const char *argv[8];

	(void)state;
	assert_int_equal(health_split(text, argv, 8), 3);
	assert_string_equal(argv[0], "/bin/a");
	assert_string_equal(argv[1], "b");
	assert_string_equal(argv[2], "c");
	assert_int_equal(health_split(many, argv, 3), 3);
	assert_string_equal(argv[2], "3");
}

static struct health_probe run_command(const char *command, unsigned int timeout_ms)
{
	struct sysconf_probe p = { .kind = PROBE_COMMAND };
	struct health_probe ret = { 0 };

	(void)snprintf(p.what, sizeof(p.what), "%s", command);
	health_real.probe(NULL, &p, timeout_ms, &ret);
	return ret;
}

static void put_script(const char *name, const char *text)
{
	struct why w = { 0 };

	assert_ok(file_replace(AT_FDCWD, scratch_path(name), text, strlen(text), 0755, &w), w);
}

static void commands_pass_by_their_exit_code(void **state)
{
	char command[600];
	struct health_probe p;

	(void)state;
	put_script("good", "#!/bin/sh\necho \"$1 $2\"\n");
	(void)snprintf(command, sizeof(command), "%.400s one  two", scratch_path("good"));
	p = run_command(command, 60000);
	assert_true(p.passed);
	assert_string_equal(p.said, "one two");

	put_script("bad", "#!/bin/sh\necho why >&2; exit 7\n");
	p = run_command(scratch_path("bad"), 60000);
	assert_false(p.passed);
	assert_string_equal(p.said, "exit code 7: why");

	put_script("killed", "#!/bin/sh\nkill -9 $$\n");
	p = run_command(scratch_path("killed"), 60000);
	assert_string_equal(p.said, "ended by signal 9: ");

	put_script("slow", "#!/bin/sh\necho still here; sleep 60\n");
	p = run_command(scratch_path("slow"), 1500);
	assert_false(p.passed);
	assert_string_equal(p.said, "not done after 1500 ms: still here");

	p = run_command("/nowhere/to/be/found", 1000);
	assert_false(p.passed);
	assert_non_null(strstr(p.said, "No such file"));
}

/* systemctl is not asked for by its path, so that a test can bring its own. */
static void units_pass_when_systemctl_says_so(void **state)
{
	struct sysconf_probe unit = { .kind = PROBE_UNIT, .what = "x.service" };
	struct health_probe p = { 0 };
	char *path = strdup(getenv("PATH"));

	(void)state;
	assert_non_null(path);
	put_script("systemctl", "#!/bin/sh\ntest \"$1 $2\" = 'is-active x.service' || exit 9\necho active\n");
	assert_int_equal(setenv("PATH", scratch(), 1), 0);
	health_real.probe(NULL, &unit, 60000, &p);
	assert_true(p.passed);
	assert_string_equal(p.said, "active");
	put_script("systemctl", "#!/bin/sh\necho activating; exit 3\n");
	health_real.probe(NULL, &unit, 60000, &p);
	assert_false(p.passed);
	assert_string_equal(p.said, "activating");
	assert_int_equal(setenv("PATH", path, 1), 0);
	free(path);
}

/* A server that gives one answer per connection, by the path that is asked for. */
static pid_t serve(uint16_t *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)) | listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	*ret_port = ntohs(at.sin_port);
	pid = fork();
	assert_true(pid >= 0);
	while (pid == 0) {
		char in[2048] = "", out[512];
		const char *answer = "204 No Content";
		char extra[128] = "";
		int c = accept(fd, NULL, NULL);

		if (c < 0 || read(c, in, sizeof(in) - 1) < 0)
			_exit(1);
		if (strncmp(in, "GET /down ", 10) == 0)
			answer = "503 Service Unavailable";
		if (strncmp(in, "GET /moved ", 11) == 0) {
			answer = "302 Found";
			(void)snprintf(extra, sizeof(extra), "Location: /fine\r\n");
		}
		if (strncmp(in, "GET /loop ", 10) == 0) {
			answer = "302 Found";
			(void)snprintf(extra, sizeof(extra), "Location: /loop\r\n");
		}
		if (strncmp(in, "GET /away ", 10) == 0) {
			answer = "301 Moved Permanently";
			(void)snprintf(extra, sizeof(extra), "Location: http://localhost:%u/fine\r\n", *ret_port);
		}
		if (strncmp(in, "GET /silent ", 12) == 0) {
			(void)sleep(90);
			_exit(0);
		}
		(void)snprintf(out, sizeof(out), "HTTP/1.1 %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n",
			       answer, extra);
		IGNORE(write(c, out, strlen(out)));
		(void)close(c);
	}
	(void)close(fd);
	return pid;
}

static void urls_pass_with_2xx_and_stay_on_their_host(void **state)
{
	static const struct {
		const char *path;
		bool passes;
		const char *says;
	} table[] = {
		{ "fine", true, "HTTP status 204" },        { "moved", true, "HTTP status 204" },
		{ "down", false, "HTTP status 503" },       { "away", false, "redirects to another host or port" },
		{ "loop", false, "redirects without end" },
	};
	struct health_probe p = { 0 };
	uint16_t port = 0;
	pid_t server = serve(&port);
	char url[128];
	uint64_t start;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/%s", port, table[i].path);
		health_url(url, 60000, &p);
		if (p.passed != table[i].passes || strcmp(p.said, table[i].says) != 0)
			fail_msg("%s: %s", table[i].path, p.said);
	}
	start = now_ms();
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/silent", port);
	health_url(url, 300, &p);
	assert_false(p.passed);
	assert_in_range(now_ms() - start, 200, 60000);
	assert_int_equal(kill(server, SIGKILL), 0);
	assert_int_equal(waitpid(server, NULL, 0), server);
	health_url(url, 2000, &p);
	assert_false(p.passed);
	assert_non_null(strstr(p.said, "onnect"));
	health_url("ftp://127.0.0.1/", 500, &p);
	assert_false(p.passed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_probes_a_system_is_healthy),
		cmocka_unit_test(probes_that_pass_at_once_need_one_round),
		cmocka_unit_test(all_must_pass_in_the_same_round),
		cmocka_unit_test(pauses_grow_to_their_limit_and_never_pass_the_deadline),
		cmocka_unit_test(a_probe_gets_the_time_that_is_left),
		cmocka_unit_test(after_the_deadline_the_round_before_stands),
		cmocka_unit_test(the_reason_names_the_first_culprit),
		cmocka_unit_test(the_last_line_that_says_something_is_kept),
		cmocka_unit_test(commands_are_split_at_blanks),
		cmocka_unit_test(commands_pass_by_their_exit_code),
		cmocka_unit_test(units_pass_when_systemctl_says_so),
		cmocka_unit_test(urls_pass_with_2xx_and_stay_on_their_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
