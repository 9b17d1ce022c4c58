/*
 * source_http: what is announced comes in few requests, and whole, from servers of every kind (tests/cli/badweb.py). What
 * needs no scattered ranges is in tests/cli/download.t.
 */
#include "updater/source_http.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/io.h"
#include "tests/support.h"

#define FILE_BYTES 12000000u
#define PIECES     200u

static struct {
	char dir[64], port[8];
	pid_t pid;
	uint8_t *file;
} web;

static void be_server(int out)
{
	char www[80], log[80];

	(void)snprintf(www, sizeof(www), "%s", web.dir);
	(void)snprintf(log, sizeof(log), "%s/log", web.dir);
	(void)dup2(out, STDOUT_FILENO);
	(void)execlp("python3", "python3", "tests/cli/badweb.py", www, log, NULL);
	_exit(127);
}

static int setup(void **state)
{
	char path[80];
	int out[2];
	ssize_t n;

	(void)state;
	(void)snprintf(web.dir, sizeof(web.dir), "/tmp/tandem-web-XXXXXX");
	web.file = malloc(FILE_BYTES);
	if (!mkdtemp(web.dir) || !web.file || pipe(out) < 0)
		return -1;
	for (uint32_t i = 0, x = 1; i < FILE_BYTES; i++, x = x * 1664525u + 1013904223u)
		web.file[i] = (uint8_t)(x >> 24);
	(void)snprintf(path, sizeof(path), "%s/f", web.dir);
	if (file_replace(AT_FDCWD, path, web.file, FILE_BYTES, 0600, NULL))
		return -1;
	web.pid = fork();
	if (web.pid == 0)
		be_server(out[1]);
	(void)close(out[1]);
	n = read(out[0], web.port, sizeof(web.port) - 1);
	(void)close(out[0]);
	if (n > 0)
		web.port[strcspn(web.port, "\n")] = '\0';
	return 0;
}

static int teardown(void **state)
{
	char path[80];

	(void)state;
	(void)kill(web.pid, SIGKILL);
	(void)waitpid(web.pid, NULL, 0);
	(void)snprintf(path, sizeof(path), "%s/f", web.dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/log", web.dir);
	(void)unlink(path);
	(void)rmdir(web.dir);
	free(web.file);
	return 0;
}

/* Open /WAY/f; false when there is no server. */
static bool open_way(const char *way, struct source *ret)
{
	static char url[128];
	struct source_http_options o = { .net = { .proxy = "", .timeout_seconds = 60 } };
	struct why w = { 0 };

	if (!web.port[0])
		return false;
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%s/%s/f", web.port, way);
	assert_ok(source_http(url, &o, ret, &w), w);
	assert_true(ret->size_bytes == FILE_BYTES);
	return true;
}

static void read_and_compare(struct source *s, uint64_t off, size_t n)
{
	AUTO_FREE uint8_t *got = malloc(n);
	struct why w = { 0 };

	assert_non_null(got);
	assert_ok(source_read(s, got, n, off, &w), w);
	assert_memory_equal(got, web.file + off, n);
}

/* Pieces of 1 to 8000 bytes here and there, some side by side, some with small gaps. */
static void choose(struct source_range r[PIECES])
{
	uint64_t at = 100000;
	uint32_t x = 7;

	for (size_t i = 0; i < PIECES; i++) {
		x = x * 1664525u + 1013904223u;
		r[i] = (struct source_range){ .at = at, .bytes = 1 + (x >> 8) % 8000 };
		at += r[i].bytes + (i % 3 == 0 ? 0 : i % 3 == 1 ? 100 : (x >> 16) % 20000);
	}
	assert_true(at < FILE_BYTES);
}

/* Announce, then read, in pieces that do not follow the ranges' edges. */
static void fetch_pieces(struct source *s)
{
	struct source_range r[PIECES];

	choose(r);
	for (size_t i = 0; i < PIECES; i += 50)
		source_expect(s, r + i, 50);
	for (size_t i = 0; i < PIECES; i++)
		for (uint64_t done = 0; done < r[i].bytes; done += 3000)
			read_and_compare(s, r[i].at + done,
					 (size_t)(r[i].bytes - done < 3000 ? r[i].bytes - done : 3000));
}

static void announced_ranges_come_whole_from_any_server(void **state)
{
	static const struct {
		const char *way;
		uint64_t requests_max;
	} ways[] = {
		{ "good", 4 },         { "reversed", 4 },   { "merged", 4 }, { "firstpart", 200 },
		{ "several200", 200 }, { "noranges", 200 }, { "third", 40 }, { "busy", 20 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct source s = { 0 };
		struct source_stats st;

		if (!open_way(ways[i].way, &s))
			skip();
		fetch_pieces(&s);
		st = source_stats(&s);

		assert_in_range(st.requests, 1, ways[i].requests_max);
		assert_int_equal(st.twice_bytes, 0);
		source_close(&s);
	}
}

static void reads_that_nobody_announced_succeed(void **state)
{
	struct source s = { 0 };

	(void)state;
	if (!open_way("good", &s))
		skip();
	read_and_compare(&s, 0, 64);
	read_and_compare(&s, 64, 5000);
	read_and_compare(&s, FILE_BYTES - 10, 10);
	read_and_compare(&s, 2000000, 3000000);
	read_and_compare(&s, 1, 1);
	fetch_pieces(&s);
	read_and_compare(&s, 4000000, 100);
	assert_int_equal(source_read(&s, &(uint8_t){ 0 }, 1, FILE_BYTES, NULL), -EBADMSG);
	source_close(&s);
}

static void ranges_that_are_not_read_are_no_obstacle(void **state)
{
	struct source s = { 0 };
	struct source_range r[40];

	(void)state;
	if (!open_way("good", &s))
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = (struct source_range){ .at = i * 124000, .bytes = 120000 };
	source_expect(&s, r, ARRAY_SIZE(r));
	read_and_compare(&s, r[39].at, 100);
	read_and_compare(&s, r[0].at, 100);
	read_and_compare(&s, r[20].at, 120000);
	source_close(&s);
}

static void sequential_server_goes_back_twice_and_no_more(void **state)
{
	struct source s = { 0 };
	struct source_stats st;
	struct why w = { 0 };
	uint8_t byte;

	(void)state;
	if (!open_way("noranges", &s))
		skip();
	read_and_compare(&s, 0, 100);
	read_and_compare(&s, 1000000, 1000);
	read_and_compare(&s, 0, 100); /* still there: the last MiB is */
	assert_true(source_stats(&s).requests == 1);
	for (unsigned int i = 0; i < SOURCE_HTTP_RESTARTS; i++) {
		read_and_compare(&s, FILE_BYTES - 1000, 1000);
		read_and_compare(&s, 100, 1000);
	}
	st = source_stats(&s);
	assert_true(st.requests == 1 + SOURCE_HTTP_RESTARTS && st.twice_bytes >= SOURCE_HTTP_RESTARTS * FILE_BYTES);
	read_and_compare(&s, FILE_BYTES - 1000, 1000);
	assert_int_equal(source_read(&s, &byte, 1, 0, &w), -ESPIPE);
	assert_non_null(strstr(w.text, "went by already"));
	source_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(announced_ranges_come_whole_from_any_server),
		cmocka_unit_test(reads_that_nobody_announced_succeed),
		cmocka_unit_test(ranges_that_are_not_read_are_no_obstacle),
		cmocka_unit_test(sequential_server_goes_back_twice_and_no_more),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
