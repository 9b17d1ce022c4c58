/* Which steps of a schema are taken when (bootstage/intel/migrate.h), with steps of our own on a real server. */
#include "bootstage/intel/migrate.h"

#include "tests/pgkit.h"
#include "tests/support.h"

/* In place of those that are part of the program. */
const struct migration migrations[] = {
	{ 1, "0001-one", false, "CREATE TABLE one ()" },
	{ 2, "0002-two", true, "CREATE TABLE two ()" },
	{ 3, "0003-three", true, "CREATE TABLE three ()" },
	{ 4, "0004-four", false, "CREATE TABLE four ()" },
};
const size_t n_migrations = ARRAY_SIZE(migrations);

static void step(struct pg *p, bool committed, unsigned int want_taken, unsigned int want_pending)
{
	struct schema_state s;
	unsigned int taken = 99;
	struct why w = { 0 };

	if (migrate(p, committed, &s, &taken, &w))
		fail_msg("%s", w.text);
	assert_int_equal(taken, want_taken);
	assert_int_equal(s.pending, want_pending);
	assert_null(s.missing);
	assert_int_equal(schema_check(p, NULL), 0);
}

static void breaking_steps_wait_for_the_commit(void **state)
{
	const struct pg_options o = { .conninfo = pgkit.conninfo };
	struct why w = { 0 };
	AUTO_PG p = { 0 };

	(void)state;
	if (!pgkit.there)
		skip();
	if (pg_open(&o, &p, &w))
		fail_msg("%s", w.text);
	assert_int_equal(schema_check(&p, &w), -ENODATA);
	assert_non_null(strstr(w.text, "0001-one"));
	step(&p, false, 2, 2);
	step(&p, false, 0, 2);
	/* as a program that has the first two steps only leaves it, committed */
	pgkit_run("DROP TABLE four; CREATE TABLE two (); DELETE FROM tandem_schema WHERE number = 4; "
		  "INSERT INTO tandem_schema (number, name, breaking, program) VALUES (2, '0002-two', true, 'x')");
	w = (struct why){ 0 };
	assert_int_equal(schema_check(&p, &w), -ENODATA);
	assert_non_null(strstr(w.text, "0004-four"));
	step(&p, false, 1, 1);
	step(&p, true, 1, 0);
	step(&p, true, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(breaking_steps_wait_for_the_commit) };

	return cmocka_run_group_tests(tests, pgkit_start, pgkit_end);
}
