/* Telemetry over several servers (bootstage/intel/shard.h; N10): who goes where, and quoting. */
#include "bootstage/intel/shard.h"

#include <string.h>

#include "tests/support.h"

#define AGENTS 50000u

/* N10: each of n servers gets its share, to 5 %, of agents that are numbered in a row. */
static void shard_of_fifty_thousand_agents_is_even(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= SHARDS_MAX; n++) {
		unsigned int count[SHARDS_MAX] = { 0 };

		for (uint32_t a = 1; a <= AGENTS; a++) {
			assert_true(shard_of(a, n) < n);
			count[shard_of(a, n)]++;
		}
		for (unsigned int i = 0; i < n; i++)
			if (count[i] * n < AGENTS * 19 / 20 || count[i] * n > AGENTS * 21 / 20)
				fail_msg("%u of %u: %u agents", i, n, count[i]);
	}
}

static void shard_of_with_one_more_server_moves_only_what_it_takes(void **state)
{
	(void)state;
	for (unsigned int n = 1; n < SHARDS_MAX; n++)
		for (uint32_t a = 1; a <= AGENTS; a++)
			assert_true(shard_of(a, n) == shard_of(a, n + 1) || shard_of(a, n + 1) == n);
}

/* What is stored is found by these numbers. */
static void shard_of_never_changes(void **state)
{
	const unsigned int want[] = { 3, 0, 1, 1, 2, 3, 1, 1, 1, 2, 3, 0, 2, 1, 2, 3 };

	(void)state;
	for (uint32_t a = 0; a < ARRAY_SIZE(want); a++)
		if (shard_of(a, 4) != want[a])
			fail_msg("agent %u: %u", a, shard_of(a, 4));
	assert_int_equal(shard_of(5, 0), 0);
}

static void other_sql_quotes_what_the_string_has(void **state)
{
	char sql[SHARD_SQL_MAX];
	struct why w = { 0 };

	(void)state;
	assert_ok(shard_other_sql(2, "host='/run/a b' dbname=intel user=o\\'neil password='x\\\\y'", sql, &w), w);
	if (!strstr(sql, "fetch_size '10000', dbname 'intel', host '/run/a b');") ||
	    !strstr(sql, "SERVER tandem_shard_2 OPTIONS (user 'o''neil', password E'x\\\\y');") ||
	    !strstr(sql, "telemetry_shard_2 PARTITION OF telemetry_all FOR VALUES IN (2)"))
		fail_msg("%s", sql);
	assert_ok(shard_other_sql(2, "host=b", sql, &w), w);
	assert_true(strstr(sql, "SERVER tandem_shard_2;") != NULL);
	assert_int_equal(shard_other_sql(2, "host", sql, &w), -EINVAL);
	assert_int_equal(w.exit, EXIT_USAGE);
}

static void follow_sql_quotes_the_string(void **state)
{
	char sql[SHARD_SQL_MAX];
	struct why w = { 0 };

	(void)state;
	assert_ok(shard_follow_sql(3, "host=a password='it\\'s'", sql, &w), w);
	assert_string_equal(sql, "CREATE SUBSCRIPTION tandem_intel CONNECTION E'host=a password=''it\\\\''s''' "
				 "PUBLICATION tandem_intel WITH (slot_name = 'tandem_intel_3')");
}

static void sql_of_a_string_that_is_too_long_is_refused(void **state)
{
	char text[5000] = "host=", sql[SHARD_SQL_MAX];

	(void)state;
	memset(text + 5, 'a', sizeof(text) - 6);
	assert_int_equal(shard_other_sql(1, text, sql, NULL), -EINVAL);
	assert_int_equal(shard_follow_sql(1, text, sql, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shard_of_fifty_thousand_agents_is_even),
		cmocka_unit_test(shard_of_with_one_more_server_moves_only_what_it_takes),
		cmocka_unit_test(shard_of_never_changes),
		cmocka_unit_test(other_sql_quotes_what_the_string_has),
		cmocka_unit_test(follow_sql_quotes_the_string),
		cmocka_unit_test(sql_of_a_string_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
