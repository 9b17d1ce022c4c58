/* Connections that threads share (bootstage/intel/connpool.h), with a real server. */
#include "bootstage/intel/connpool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/pgkit.h"
#include "tests/support.h"

static struct connpool *pool_of(unsigned int size)
{
	const struct connpool_want want = { .options = { .conninfo = pgkit.conninfo }, .size = size };
	struct connpool *p = NULL;

	assert_int_equal(connpool_new(&want, &p, NULL), 0);
	return p;
}

static struct pg *get(struct connpool *p)
{
	struct pg *c = NULL;
	struct why w = { 0 };

	if (connpool_get(p, 5000, &c, &w))
		fail_msg("%s", w.text);
	return c;
}

static int64_t backend(struct pg *c)
{
	AUTO_PG_RESULT *rows = NULL;
	struct why w = { 0 };

	if (pg_query(c, "SELECT pg_backend_pid()", NULL, &rows, &w))
		fail_msg("%s", w.text);
	return pg_get_int(rows, 0, 0);
}

static void no_more_than_its_size_are_open(void **state)
{
	AUTO_CONNPOOL *p = NULL;
	struct pg *a, *b, *c = NULL;
	struct why w = { 0 };
	int64_t first;

	(void)state;
	if (!pgkit.there)
		skip();
	p = pool_of(2);
	assert_int_equal(connpool_look(p).open, 0);
	a = get(p);
	b = get(p);
	first = backend(a);
	assert_int_not_equal(first, backend(b));
	assert_int_equal(connpool_get(p, 50, &c, &w), -EBUSY);
	assert_null(c);
	connpool_put(p, a);
	c = get(p);
	assert_int_equal(backend(c), first);
	connpool_put(p, b);
	connpool_put(p, c);
	assert_int_equal(connpool_look(p).open, 2);
	assert_int_equal(connpool_look(p).busy, 0);
}

static void a_transaction_does_not_outlive_its_user(void **state)
{
	AUTO_CONNPOOL *p = NULL;
	struct pg *a;

	(void)state;
	if (!pgkit.there)
		skip();
	p = pool_of(1);
	a = get(p);
	assert_int_equal(pg_run(a, "BEGIN; CREATE TABLE never (a int)", NULL), 0);
	connpool_put(p, a);
	a = get(p);
	assert_int_equal(PQtransactionStatus(a->conn), PQTRANS_IDLE);
	assert_int_equal(pg_run(a, "SELECT * FROM never", NULL), -ENODATA);
	assert_int_equal(pg_run(a, "BEGIN; SELECT * FROM never", NULL), -ENODATA); /* and a failed one */
	connpool_put(p, a);
	a = get(p);
	assert_int_equal(PQtransactionStatus(a->conn), PQTRANS_IDLE);
	connpool_put(p, a);
	assert_int_equal(connpool_look(p).replaced, 0);
}

/* Backend ended by an administrator; server killed and started again: the next one who asks has a good connection. */
static void dead_connections_are_replaced(void **state)
{
	AUTO_CONNPOOL *p = NULL;
	struct pg *a, *b;
	int64_t first;

	(void)state;
	if (!pgkit.there)
		skip();
	p = pool_of(2);
	a = get(p);
	first = backend(a);
	connpool_put(p, a);
	pgkit_run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'intel'");
	a = get(p);
	assert_int_not_equal(backend(a), first);
	assert_int_equal(connpool_look(p).replaced, 1);
	b = get(p);
	pgkit_kill();
	assert_int_equal(pg_run(a, "SELECT 1", NULL), -ENOTCONN);
	assert_false(pg_alive(a));
	connpool_put(p, a);
	connpool_put(p, b); /* nobody knows yet */
	a = NULL;
	assert_int_equal(connpool_get(p, 100, &a, NULL), -ENOTCONN);
	assert_int_equal(connpool_look(p).busy, 0);
	pgkit_again();
	a = get(p);
	b = get(p);
	assert_int_not_equal(backend(a), backend(b));
	assert_int_equal(connpool_look(p).replaced, 3);
	connpool_put(p, a);
	connpool_put(p, b);
}

static void a_server_that_takes_no_more_lowers_it(void **state)
{
	AUTO_CONNPOOL *p = NULL;
	struct pg *a, *b, *c = NULL;
	struct why w = { 0 };

	(void)state;
	if (!pgkit.there)
		skip();
	pgkit_run("ALTER ROLE intel CONNECTION LIMIT 2");
	p = pool_of(4);
	a = get(p);
	b = get(p);
	assert_int_equal(connpool_get(p, 50, &c, &w), -EBUSY);
	assert_int_equal(connpool_look(p).size, 2);
	assert_non_null(strstr(connpool_look(p).lowered, "(53300)"));
	connpool_put(p, b);
	b = get(p); /* those that there are go round */
	connpool_put(p, a);
	connpool_put(p, b);
	pgkit_run("ALTER ROLE intel CONNECTION LIMIT 0");
	connpool_free(&p);
	p = pool_of(4);
	assert_int_equal(connpool_get(p, 50, &c, NULL), -EAGAIN); /* none at all is a failure */
	assert_int_equal(connpool_look(p).busy, 0);
	pgkit_run("ALTER ROLE intel CONNECTION LIMIT -1");
}

static int set_up(struct pg *p, void *arg, struct why *w)
{
	atomic_fetch_add((atomic_int *)arg, 1);
	return pg_prepare(p, "double", "SELECT $1::bigint * 2", w);
}

struct work {
	struct connpool *p;
	atomic_int good;
};

static void *worker(void *arg)
{
	struct work *k = arg;

	for (int64_t i = 0; i < 50; i++) {
		AUTO_PG_RESULT *rows = NULL;
		AUTO_PG_PARAMS params = { 0 };
		struct pg *c = NULL;

		if (connpool_get(k->p, 10000, &c, NULL))
			continue;
		pg_param_i64(&params, i);
		if (pg_query_prepared(c, "double", &params, &rows, NULL) == 0 && pg_get_int(rows, 0, 0) == 2 * i)
			atomic_fetch_add(&k->good, 1);
		connpool_put(k->p, c);
	}
	return NULL;
}

static void threads_take_turns(void **state)
{
	AUTO_CONNPOOL *p = NULL;
	atomic_int connected = 0;
	const struct connpool_want want = {
		.options = { .conninfo = pgkit.conninfo }, .size = 3, .setup = set_up, .arg = &connected
	};
	struct work k = { 0 };
	pthread_t t[8];

	(void)state;
	if (!pgkit.there)
		skip();
	assert_int_equal(connpool_new(&want, &p, NULL), 0);
	k.p = p;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, worker, &k), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(atomic_load(&k.good), 8 * 50);
	assert_in_range(atomic_load(&connected), 1, 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_than_its_size_are_open),
		cmocka_unit_test(a_transaction_does_not_outlive_its_user),
		cmocka_unit_test(dead_connections_are_replaced),
		cmocka_unit_test(a_server_that_takes_no_more_lowers_it),
		cmocka_unit_test(threads_take_turns),
	};

	return cmocka_run_group_tests(tests, pgkit_start, pgkit_end);
}
