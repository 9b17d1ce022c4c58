/* Connections to PostgreSQL (bootstage/intel/pg.h), with a real server. */
#include "bootstage/intel/pg.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/io.h"
#include "base/proc.h"
#include "bootstage/intel/graph.h"
#include "tests/pgkit.h"
#include "tests/support.h"

static void connect_to(struct pg *p, unsigned int timeout_ms)
{
	const struct pg_options o = { .conninfo = pgkit.conninfo, .statement_timeout_ms = timeout_ms };
	struct why w = { 0 };

	if (pg_open(&o, p, &w))
		fail_msg("%s", w.text);
}

static void run(struct pg *p, const char *sql)
{
	struct why w = { 0 };

	if (pg_run(p, sql, &w))
		fail_msg("%s: %s", sql, w.text);
}

static void parameters_come_back_as_they_went(void **state)
{
	static const int64_t numbers[] = { INT64_MIN, 0, INT64_MAX };
	static const int16_t small[] = { -1, 2 };
	const struct bytes texts[] = { bytes_str("a"), bytes_str(""), bytes_str("\xc3\xa4,{}\"") };
	AUTO_PG_RESULT *r = NULL;
	AUTO_PG_PARAMS a = { 0 };
	AUTO_PG p = { 0 };
	struct why w = { 0 };

	(void)state;
	if (!pgkit.there)
		skip();
	connect_to(&p, 0);
	pg_param_text(&a, bytes_str("x'y"));
	pg_param_bool(&a, true);
	pg_param_i16(&a, -2);
	pg_param_i32(&a, -3);
	pg_param_i64(&a, INT64_MIN);
	pg_param_f64(&a, 1.5);
	pg_param_time(&a, INT64_C(1763712000123456));
	pg_param_time(&a, TIME_NONE);
	pg_param_i64s(&a, numbers, 3);
	pg_param_i16s(&a, small, 2);
	pg_param_texts(&a, texts, 3);
	pg_param_null(&a);
	if (pg_query(&p,
		     "SELECT $1, $2, $3, $4, $5, $6, $7, $8::timestamptz, ($9)[3], ($10)[1], ($11)[3], $12::text, "
		     "cardinality($11), ($11)[2] = '', $7::text, '{\"a\": 1}'::jsonb",
		     &a, &r, &w))
		fail_msg("%s", w.text);
	assert_true(bytes_equal(pg_get_text(r, 0, 0), bytes_str("x'y")));
	assert_true(pg_get_bool(r, 0, 1));
	assert_int_equal(pg_get_int(r, 0, 2), -2);
	assert_int_equal(pg_get_int(r, 0, 3), -3);
	assert_int_equal(pg_get_int(r, 0, 4), INT64_MIN);
	assert_true(pg_get_float(r, 0, 5) == 1.5);
	assert_int_equal(pg_get_time(r, 0, 6), INT64_C(1763712000123456));
	assert_int_equal(pg_get_time(r, 0, 7), TIME_NONE);
	assert_int_equal(pg_get_int(r, 0, 8), INT64_MAX);
	assert_int_equal(pg_get_int(r, 0, 9), -1);
	assert_true(bytes_equal(pg_get_text(r, 0, 10), texts[2]));
	assert_true(PQgetisnull(r, 0, 11));
	assert_int_equal(pg_get_int(r, 0, 12), 3);
	assert_true(pg_get_bool(r, 0, 13));
	assert_true(bytes_equal(pg_get_text(r, 0, 14), bytes_str("2025-11-21 08:00:00.123456+00"))); /* N14: UTC */
	assert_true(bytes_equal(pg_get_jsonb(r, 0, 15), bytes_str("{\"a\": 1}")));
}

#define COPY "COPY t (a, b, c, d, e, f, g) FROM STDIN (FORMAT binary)"

static void put(struct pg_rows *rows, int64_t i, const char *json)
{
	pg_row(rows, 7);
	pg_put_i64(rows, i);
	pg_put_bytes(rows, bytes_str("text"));
	pg_put_time(rows, i * 1000000);
	pg_put_f32(rows, 0.5f);
	pg_put_bool(rows, i % 2 == 0);
	pg_put_jsonb(rows, bytes_str(json));
	pg_put_null(rows);
}

/* What a loader does: a whole batch, parts of it, and one bad row that takes its part with it and nothing else. */
static void rows_are_copied_whole_or_not_at_all(void **state)
{
	AUTO_PG_ROWS rows = { 0 };
	AUTO_PG_RESULT *r = NULL;
	AUTO_PG p = { 0 };
	struct why w = { 0 };
	uint64_t n = 0;

	(void)state;
	if (!pgkit.there)
		skip();
	connect_to(&p, 0);
	run(&p, "CREATE TEMP TABLE t (a bigint, b text, c timestamptz, d real, e boolean, f jsonb, g smallint)");
	for (int64_t i = 0; i < 5000; i++)
		put(&rows, i, i == 4000 ? "{\"a\":}" : "{\"a\":1}");
	assert_int_equal(pg_copy(&p, COPY, &rows, 0, 5000, &w), -EBADMSG);
	assert_string_equal(p.sqlstate, "22P02");
	assert_non_null(strstr(w.text, "(22P02)"));
	assert_int_equal(pg_copy(&p, COPY, &rows, 0, 4000, NULL), 0);
	assert_int_equal(pg_copy(&p, COPY, &rows, 4000, 1, NULL), -EBADMSG);
	assert_int_equal(pg_copy_begin(&p, COPY, NULL), 0);
	assert_int_equal(pg_copy_send(&p, &rows, 4001, 500, NULL), 0);
	assert_int_equal(pg_copy_send(&p, &rows, 4501, 499, NULL), 0);
	assert_int_equal(pg_copy_send(&p, &rows, 0, 0, NULL), 0);
	assert_int_equal(pg_copy_end(&p, &n, NULL), 0);
	assert_int_equal(n, 999);
	assert_int_equal(pg_copy_begin(&p, COPY, NULL), 0);
	assert_int_equal(pg_copy_send(&p, &rows, 0, 10, NULL), 0);
	pg_copy_give_up(&p);
	if (pg_query(&p, "SELECT count(*), sum(a), count(g), max(c), bool_or(e), min(d) FROM t", NULL, &r, &w))
		fail_msg("%s", w.text);
	assert_int_equal(pg_get_int(r, 0, 0), 4999);
	assert_int_equal(pg_get_int(r, 0, 2), 0);
	assert_int_equal(pg_get_time(r, 0, 3), INT64_C(4999000000));
	assert_true(pg_get_bool(r, 0, 4));
	assert_true(pg_get_float(r, 0, 5) == 0.5);
}

/* More than any buffer on the way holds, to a server that says no early. */
static void a_long_copy_that_fails_comes_to_an_end(void **state)
{
	AUTO_PG_ROWS rows = { 0 };
	AUTO_PG p = { 0 };
	char *big = malloc(1 << 20);

	(void)state;
	assert_non_null(big);
	if (!pgkit.there) {
		free(big);
		skip();
	}
	connect_to(&p, 0);
	run(&p, "CREATE TEMP TABLE t (a integer)");
	for (int i = 0; i < 32; i++) {
		memset(big, 'x', 1 << 20);
		pg_row(&rows, 1);
		pg_put_bytes(&rows, bytes_of(big, 1 << 20));
	}
	free(big);
	assert_int_equal(pg_copy(&p, "COPY t FROM STDIN (FORMAT binary)", &rows, 0, rows.n_rows, NULL), -EBADMSG);
	run(&p, "SELECT 1");
	assert_int_equal(pg_copy_begin(&p, "SELECT 1", NULL), -EINVAL);
	run(&p, "SELECT 1");
}

static void failures_have_their_codes(void **state)
{
	static const struct {
		const char *sql;
		int code;
		const char *sqlstate;
	} cases[] = {
		{ "SELECT 1/0", -EBADMSG, "22012" },
		{ "SELECT * FROM nowhere", -ENODATA, "42P01" },
		{ "CREATE TEMP TABLE u (a int PRIMARY KEY); INSERT INTO u VALUES (1), (1)", -EBADMSG, "23505" },
		{ "SELECT pg_sleep(5)", -ETIMEDOUT, "57014" },
		{ "SELEKT", -EIO, "42601" },
		{ "SELECT pg_read_file('/etc/hostname')", -EACCES, "42501" },
		{ "BEGIN READ ONLY; CREATE TABLE x (a int)", -EROFS, "25006" },
		{ "SET LOCAL lock_timeout = 1; SELECT repeat('a', 1 << 30)", -EBADMSG, "54000" },
	};
	AUTO_PG p = { 0 };

	(void)state;
	if (!pgkit.there)
		skip();
	connect_to(&p, 200);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct why w = { 0 };
		int r = pg_run(&p, cases[i].sql, &w);

		if (r != cases[i].code || strcmp(p.sqlstate, cases[i].sqlstate) != 0)
			fail_msg("%s: %d, %s: %s", cases[i].sql, r, p.sqlstate, w.text);
		assert_true(pg_alive(&p));
		run(&p, "ROLLBACK");
	}
	run(&p, "SELECT 1");
}

static void words_of_the_server_are_one_line(void **state)
{
	AUTO_PG p = { 0 };
	struct why w = { 0 };

	(void)state;
	if (!pgkit.there)
		skip();
	connect_to(&p, 0);
	assert_true(pg_run(&p, "DO $$ BEGIN RAISE EXCEPTION E'a\\x1b[31mb'; END $$", &w) < 0);
	assert_string_equal(w.text, "PostgreSQL: a [31mb (P0001)");
	w = (struct why){ 0 };
	assert_true(pg_run(&p, "DO $$ BEGIN RAISE EXCEPTION E'first\\nsecond'; END $$", &w) < 0);
	assert_string_equal(w.text, "PostgreSQL: first (P0001)");
}

static void what_cannot_be_connected_to_says_why(void **state)
{
	static const struct {
		const char *conninfo;
		int code;
		const char *says;
	} cases[] = {
		{ "host=%s dbname=none user=intel", -ENODATA, "database \"none\" does not exist (3D000)" },
		{ "host=%s dbname=intel user=nobody", -EACCES, "(28000)" },
		{ "host=%s/none dbname=intel", -ENOTCONN, "No such file or directory" },
		{ "host=%s nonsense", -ENOTCONN, "missing \"=\"" },
		{ "host=%s nonsense=1", -ENOTCONN, "invalid connection option \"nonsense\"" },
	};

	(void)state;
	if (!pgkit.there)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[200];
		struct pg_options o = { .conninfo = text };
		struct why w = { 0 };
		struct pg p = { .timeout_ms = 77 };
		const char *at = strstr(cases[i].conninfo, "%s");
		int r;

		(void)snprintf(text, sizeof(text), "host=%s%s", pgkit.cluster.socket, at + 2);
		r = pg_open(&o, &p, &w);
		if (r != cases[i].code || !strstr(w.text, cases[i].says))
			fail_msg("%s: %d: %s", text, r, w.text);
		assert_int_equal(p.timeout_ms, 77);
	}
}

static pid_t server_pid(void)
{
	AUTO_FREE char *text = NULL;
	char path[256];
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/postmaster.pid", pgkit.cluster.folder);
	assert_int_equal(file_read(AT_FDCWD, path, 4096, &text, &n, NULL), 0);
	return (pid_t)strtol(text, NULL, 10);
}

/* A server that is stopped, not dead: the kernel takes the connection, and nobody ever answers. */
static void a_server_that_is_silent_is_given_up(void **state)
{
	const struct pg_options o = { .conninfo = pgkit.conninfo, .connect_timeout_s = 1 };
	AUTO_PG_RESULT *r = NULL;
	AUTO_PG p = { 0 }, other = { 0 };
	struct why w = { 0 };
	uint64_t start;
	pid_t backend;

	(void)state;
	if (!pgkit.there)
		skip();
	connect_to(&p, 100);
	assert_int_equal(pg_query(&p, "SELECT pg_backend_pid()", NULL, &r, &w), 0);
	backend = (pid_t)pg_get_int(r, 0, 0);
	assert_int_equal(kill(server_pid(), SIGSTOP), 0);
	assert_int_equal(kill(backend, SIGSTOP), 0);
	start = now_ms();
	assert_int_equal(pg_open(&o, &other, &w), -ENOTCONN);
	assert_string_equal(w.text, "PostgreSQL: no connection within 1 s");
	assert_in_range(now_ms() - start, 900, 5000);
	w = (struct why){ 0 };
	start = now_ms();
	assert_int_equal(pg_run(&p, "SELECT 1", &w), -ETIMEDOUT);
	assert_string_equal(w.text, "PostgreSQL: no answer for 5 s");
	assert_in_range(now_ms() - start, 5000, 15000);
	assert_false(pg_alive(&p));
	assert_int_equal(kill(backend, SIGCONT), 0);
	assert_int_equal(kill(server_pid(), SIGCONT), 0);
}

static void a_server_that_dies_is_said(void **state)
{
	AUTO_PG p = { 0 };

	(void)state;
	if (!pgkit.there)
		skip();
	connect_to(&p, 0);
	pgkit_kill();
	assert_int_equal(pg_run(&p, "SELECT 1", NULL), -ENOTCONN);
	assert_false(pg_alive(&p));
	pgkit_again();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_come_back_as_they_went),
		cmocka_unit_test(rows_are_copied_whole_or_not_at_all),
		cmocka_unit_test(a_long_copy_that_fails_comes_to_an_end),
		cmocka_unit_test(failures_have_their_codes),
		cmocka_unit_test(words_of_the_server_are_one_line),
		cmocka_unit_test(what_cannot_be_connected_to_says_why),
		cmocka_unit_test(a_server_that_is_silent_is_given_up),
		cmocka_unit_test(a_server_that_dies_is_said),
	};

	return cmocka_run_group_tests(tests, pgkit_start, pgkit_end);
}
