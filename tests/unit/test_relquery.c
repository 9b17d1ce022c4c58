/* Query builders (bootstage/intel/relquery.h; N14, N6): statements, their parameters, and what people write. */
#include "bootstage/intel/relquery.h"

#include <string.h>

#include "tests/support.h"

#define DAY INT64_C(86400000000)

static struct relquery plain(void)
{
	struct relquery q = relquery_default(10 * DAY);

	q.from_us = TIME_NONE;
	q.to_us = TIME_NONE;
	return q;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in: %s", part, text);
}

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' is in: %s", part, text);
}

/* The highest $N of a text is the number of its parameters, and each below it is there. */
static int numbers_in(const char *text)
{
	int most = 0;

	for (const char *at = strchr(text, '$'); at; at = strchr(at + 1, '$')) {
		int n = (int)strtol(at + 1, NULL, 10);

		most = n > most ? n : most;
	}
	for (int n = 1; n <= most; n++) {
		char one[16];

		(void)snprintf(one, sizeof(one), "$%d", n);
		has(text, one);
	}
	return most;
}

/* N6: one recursive query, which counts nodes and not ways. */
static void sql_out_is_one_join_that_unites_node_and_depth(void **state)
{
	struct relquery q = plain();
	struct relsql sql;

	(void)state;
	q.direction = DIRECTION_OUT;
	q.hubs = true;
	relquery_sql(&q, false, &sql);
	assert_string_equal(sql.name, "related-out-all");
	assert_string_equal(
		sql.text,
		"WITH RECURSIVE r (id, depth) AS (SELECT $1::bigint, 0 UNION "
		"SELECT e.dst, r.depth + 1 FROM r JOIN intel_edges e ON e.src = r.id WHERE r.depth < $2::integer) "
		"SELECT id, depth FROM r LIMIT $3::bigint");
}

static void sql_in_follows_edges_backwards(void **state)
{
	struct relquery q = plain();
	struct relsql sql;

	(void)state;
	q.direction = DIRECTION_IN;
	relquery_sql(&q, false, &sql);
	has(sql.text, "SELECT e.src, r.depth + 1 FROM r JOIN intel_edges e ON e.dst = r.id");
	has(sql.text, "e.kind <> ALL ($4::smallint[])");
	has_not(sql.text, "LATERAL");
}

static void sql_both_with_telemetry_has_four_arms_within_the_window(void **state)
{
	struct relquery q = relquery_default(10 * DAY);
	struct relsql sql;

	(void)state;
	relquery_sql(&q, true, &sql);
	has(sql.text, "SELECT e.dst AS id FROM intel_edges e WHERE e.src = r.id");
	has(sql.text, "SELECT e.src AS id FROM intel_edges e WHERE e.dst = r.id");
	has(sql.text, "SELECT e.dst AS id FROM telemetry_edges e WHERE e.src = r.id");
	has(sql.text, "SELECT e.src AS id FROM telemetry_edges e WHERE e.dst = r.id");
	has(sql.text, "e.ts >= $5::timestamptz AND e.ts < $6::timestamptz");
	assert_string_equal(sql.name, "related-both-most-time");
}

/* Every shape: its parameters are those that its text names, its name is its own, and it fits. */
static void sql_every_shape_has_its_parameters_and_a_name_of_its_own(void **state)
{
	char names[256][40];
	size_t n = 0;

	(void)state;
	for (unsigned int i = 0; i < 3 * 2 * 2 * 2; i++) {
		struct relquery q = relquery_default(10 * DAY);
		bool telemetry = i / 3 & 1;
		AUTO_PG_PARAMS p = { 0 };
		struct relsql sql;

		q.direction = (enum direction)(i % 3 + 1);
		q.hubs = i / 6 & 1;
		q.edges = i / 12 & 1 ? KIND_BIT(EDGE_USES) : 0;
		relquery_sql(&q, telemetry, &sql);
		relquery_params(&q, telemetry, 5, &p);
		assert_int_equal(numbers_in(sql.text), p.n);
		assert_true(strlen(sql.text) < RELQUERY_SQL_MAX - 1);
		for (size_t k = 0; k < n; k++)
			assert_true(strcmp(names[k], sql.name) != 0 ||
				    (i / 6 & 1)); /* with kinds named, hubs are one more */
		(void)snprintf(names[n++], sizeof(names[0]), "%s", sql.name);
	}
}

static void level_sql_asks_for_an_array_and_each_node_once(void **state)
{
	const int64_t nodes[] = { 1, 2 };
	const enum level_part parts[] = { LEVEL_INTEL, LEVEL_TELEMETRY, LEVEL_BOTH };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct relquery q = relquery_default(10 * DAY);
		AUTO_PG_PARAMS p = { 0 };
		struct relsql sql;

		relquery_level_sql(&q, parts[i], &sql);
		relquery_level_params(&q, parts[i], nodes, 2, 10, &p);
		has(sql.text, "SELECT DISTINCT id FROM (SELECT e.dst AS id FROM ");
		has(sql.text, "e.src = ANY ($1::bigint[])");
		assert_int_equal(strstr(sql.text, "telemetry_edges") != NULL, (parts[i] & LEVEL_TELEMETRY) != 0);
		assert_int_equal(strstr(sql.text, "intel_edges") != NULL, (parts[i] & LEVEL_INTEL) != 0);
		assert_int_equal(numbers_in(sql.text), p.n);
	}
}

/* A node has a row for each depth: so many rows hold one node more than is wanted. */
static void rows_are_enough_for_the_answers(void **state)
{
	struct relquery q = plain();

	(void)state;
	q.limit = 10;
	q.depth = 3;
	assert_int_equal(relquery_most(&q), 12);
	assert_int_equal(relquery_rows(&q), 48);
	q.nodes = KIND_BIT(NODE_MALWARE);
	assert_int_equal(relquery_most(&q), RELQUERY_LIMIT_MAX + 2);
}

static void level_sql_with_paths_has_one_edge_a_node(void **state)
{
	struct relquery q = relquery_default(10 * DAY);
	struct relsql sql, plainly;

	(void)state;
	relquery_level_sql(&q, LEVEL_BOTH, &plainly);
	q.paths = true;
	relquery_level_sql(&q, LEVEL_BOTH, &sql);
	has(sql.text,
	    "SELECT DISTINCT ON (id) id, near, kind, forward FROM (SELECT e.dst AS id, e.src AS near, e.kind, true AS forward");
	has(sql.text, "SELECT e.src AS id, e.dst AS near, e.kind, false AS forward");
	assert_true(strcmp(sql.name, plainly.name) != 0);
	assert_true(strlen(sql.name) < sizeof(sql.name) - 1);
	assert_true(strlen(sql.text) < RELQUERY_SQL_MAX - 1);
}

static void kind_is_of_edges_or_of_nodes(void **state)
{
	struct relquery q = plain();
	struct why w = { 0 };

	(void)state;
	assert_ok(relquery_kind(&q, "uses", &w), w);
	assert_ok(relquery_kind(&q, "hashed-as", &w), w);
	assert_ok(relquery_kind(&q, "intrusion-set", &w), w);
	assert_true(q.edges == (KIND_BIT(EDGE_USES) | KIND_BIT(EDGE_HASHED_AS)));
	assert_true(q.nodes == KIND_BIT(NODE_INTRUSION_SET));
	assert_int_equal(relquery_kind(&q, "elephant", &w), -EINVAL);
	assert_int_equal(w.exit, EXIT_USAGE);
	assert_true(strstr(w.text, "elephant") != NULL);
}

static void direction_of_another_name_is_refused(void **state)
{
	struct relquery q = plain();
	struct why w = { 0 };

	(void)state;
	assert_ok(relquery_direction(&q, "in", &w), w);
	assert_int_equal(q.direction, DIRECTION_IN);
	assert_int_equal(relquery_direction(&q, "up", &w), -EINVAL);
	assert_int_equal(q.direction, DIRECTION_IN);
}

static void check_out_of_bounds_is_refused(void **state)
{
	const struct relquery good = relquery_default(10 * DAY);
	struct relquery bad[7];

	(void)state;
	assert_int_equal(relquery_check(&good, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].depth = 0;
	bad[1].depth = RELQUERY_DEPTH_MAX + 1;
	bad[2].limit = 0;
	bad[3].limit = RELQUERY_LIMIT_MAX + 1;
	bad[4].to_us = bad[4].from_us;
	bad[5].to_us = TIME_NONE;
	bad[6].from_us = TIME_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct why w = { 0 };

		assert_int_equal(relquery_check(&bad[i], &w), -EINVAL);
		assert_int_equal(w.exit, EXIT_USAGE);
	}
}

static void telemetry_is_part_where_its_kinds_and_a_window_are(void **state)
{
	struct relquery q = relquery_default(10 * DAY);

	(void)state;
	assert_true(q.to_us - q.from_us == RELQUERY_DAYS_DEFAULT * DAY);
	assert_true(relquery_has_telemetry(&q));
	q.edges = KIND_BIT(EDGE_USES);
	assert_false(relquery_has_telemetry(&q));
	q.edges |= KIND_BIT(EDGE_CONNECTED);
	assert_true(relquery_has_telemetry(&q));
	q = plain();
	assert_false(relquery_has_telemetry(&q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sql_out_is_one_join_that_unites_node_and_depth),
		cmocka_unit_test(sql_in_follows_edges_backwards),
		cmocka_unit_test(sql_both_with_telemetry_has_four_arms_within_the_window),
		cmocka_unit_test(sql_every_shape_has_its_parameters_and_a_name_of_its_own),
		cmocka_unit_test(level_sql_asks_for_an_array_and_each_node_once),
		cmocka_unit_test(rows_are_enough_for_the_answers),
		cmocka_unit_test(level_sql_with_paths_has_one_edge_a_node),
		cmocka_unit_test(kind_is_of_edges_or_of_nodes),
		cmocka_unit_test(direction_of_another_name_is_refused),
		cmocka_unit_test(check_out_of_bounds_is_refused),
		cmocka_unit_test(telemetry_is_part_where_its_kinds_and_a_window_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
