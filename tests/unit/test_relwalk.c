/* The walk over several servers (bootstage/intel/related.h), with connections to a real one. */
#include "bootstage/intel/related.h"

#include "tests/pgkit.h"
#include "tests/support.h"

/* One that can say what is related, and not what that is called: as if it were lost in between. */
static void a_server_that_is_lost_before_the_names_takes_nothing_from_the_answer(void **state)
{
	const struct pg_options few = { .conninfo = pgkit.conninfo }, all = { .conninfo = pgkit.super };
	struct relquery q = relquery_default(0);
	AUTO_PG a = { 0 };
	AUTO_PG b = { 0 };
	AUTO_ANSWERS found = { 0 };
	struct why w = { 0 };
	struct related_server servers[2] = { { .pg = &a }, { .pg = &b } };

	(void)state;
	if (!pgkit.there)
		skip();
	pgkit_run("CREATE TABLE nodes (node_id bigint, key text, kind smallint, name text);"
		  "CREATE TABLE intel_edges (src bigint, kind smallint, dst bigint);"
		  "GRANT SELECT ON intel_edges TO intel;"
		  "INSERT INTO nodes VALUES (1, 'malware--1', 10, 'one'), (2, 'malware--2', 10, 'two');"
		  "INSERT INTO intel_edges VALUES (1, 36, 2)");
	assert_ok(pg_open(&few, &a, &w), w);
	assert_ok(pg_open(&all, &b, &w), w);
	q.from_us = q.to_us = TIME_NONE;
	assert_ok(related_walk(servers, 2, &q, 1, &found, &w), w);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.at[0].id, 2);
	assert_int_equal(found.silent, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_is_lost_before_the_names_takes_nothing_from_the_answer),
	};

	return cmocka_run_group_tests(tests, pgkit_start, pgkit_end);
}
