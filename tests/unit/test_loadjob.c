/* From records to rows: what is asked, what the answers make of it, which edges can be stored. */
#include "bootstage/intel/loadjob.h"

#include "tests/support.h"

#define INT8OID 20
#define INT4OID 23
#define BOOLOID 16

/* A result in the binary form; bigints, and booleans where a column is 'b'. */
static PGresult *answer(const char *columns, const int64_t *values, int rows)
{
	PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	int n = (int)strlen(columns);
	PGresAttDesc d[4] = { { .name = (char[]){ "a" } },
			      { .name = (char[]){ "b" } },
			      { .name = (char[]){ "c" } },
			      { .name = (char[]){ "d" } } };

	for (int i = 0; i < n; i++)
		d[i].format = 1;
	assert_int_equal(PQsetResultAttrs(r, n, d), 1);
	for (int i = 0; i < rows * n; i++) {
		uint8_t be[8];

		for (int k = 0; k < 8; k++)
			be[k] = (uint8_t)((uint64_t)values[i] >> (56 - 8 * k));
		assert_int_equal(columns[i % n] == 'b' ? PQsetvalue(r, i / n, i % n, (char *)be + 7, 1)
						       : PQsetvalue(r, i / n, i % n, (char *)be, 8),
				 1);
	}
	return r;
}

static struct bytes str(const char *s)
{
	return bytes_str(s);
}

static void add(struct load_batch *b, const char *key, const struct node *nodes, size_t n_nodes,
		const struct edge *edges, size_t n_edges)
{
	struct record r = { .key = str(key), .modified_us = 5, .text = str("{ \"a\": 1 }") };
	struct pg_uuid rec = record_number(&r, str("f"));

	r.is_node = n_nodes > 0;
	r.nodes = nodes;
	r.n_nodes = n_nodes;
	r.edges = edges;
	r.n_edges = n_edges;
	assert_int_equal(load_batch_add(b, &rec, &r, NULL), 0);
}

/* An indicator with a hash, twice related to a malware, once to what is not there. */
static void fill(struct load_batch *b)
{
	struct node indicator[] = { { NODE_INDICATOR, str("indicator--1"), str("") },
				    { NODE_HASH, str("x-hash--1"), str("aa") } };
	struct node malware[] = { { NODE_MALWARE, str("malware--1"), str("Cutlet") } };
	struct edge pattern[] = { { EDGE_PATTERN, str("indicator--1"), str("x-hash--1"), TIME_NONE, TIME_NONE } };
	struct edge first[] = { { EDGE_INDICATES, str("indicator--1"), str("malware--1"), 10, 20 } };
	struct edge second[] = { { EDGE_INDICATES, str("indicator--1"), str("malware--1"), 5, TIME_NONE } };
	struct edge dangling[] = { { EDGE_USES, str("intrusion-set--9"), str("malware--1"), TIME_NONE, TIME_NONE } };

	assert_int_equal(load_batch_init(b, 10, 1 << 20, NULL), 0);
	add(b, "indicator--1", indicator, 2, pattern, 1);
	add(b, "malware--1", malware, 1, NULL, 0);
	add(b, "relationship--1", NULL, 0, first, 1);
	add(b, "relationship--2", NULL, 0, second, 1);
	add(b, "relationship--3", NULL, 0, dangling, 1);
}

static void tell(struct load_job *j, const char *columns, const int64_t *values, int rows,
		 int (*to)(struct load_job *, const PGresult *, struct why *), int want)
{
	PGresult *r = answer(columns, values, rows);

	assert_int_equal(to(j, r, NULL), want);
	PQclear(r);
}

/* Keys of nodes that were made, with the numbers 100, 101... */
static void tell_keys(struct load_job *j, const char *const *keys, int n, int want)
{
	PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc d[2] = { { .name = (char[]){ "key" }, .format = 1 },
			      { .name = (char[]){ "node_id" }, .format = 1 } };
	char copy[20], id[8] = { 0 };

	assert_int_equal(PQsetResultAttrs(r, 2, d), 1);
	for (int i = 0; i < n; i++) {
		(void)snprintf(copy, sizeof(copy), "%s", keys[i]);
		id[7] = (char)(100 + i);
		assert_int_equal(PQsetvalue(r, i, 0, copy, (int)strlen(copy)), 1);
		assert_int_equal(PQsetvalue(r, i, 1, id, sizeof(id)), 1);
	}
	assert_int_equal(load_job_fresh(j, r, NULL), want);
	PQclear(r);
}

static void all_new_becomes_nodes_edges_and_what_dangles(void **state)
{
	static const int64_t told[] = { 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0, 5, 0, 0 };
	struct load_batch b;
	struct load_job j = { .batch = &b, .n = 5, .feed = 1 };
	static const int64_t ids[] = { 1, 200, 2,
				       0 }; /* the indicator, which was there, and the intrusion set, which is not */

	(void)state;
	fill(&b);
	tell(&j, "ibb", told, 5, load_job_told, 0);
	assert_int_equal(j.n_wanted, 5);
	assert_int_equal(j.n_newer, 0);
	assert_int_equal(load_job_names(&j, NULL), 0);
	assert_int_equal(j.n_keys, 4); /* indicator, hash, malware, intrusion set */
	assert_int_equal(j.n_made, 3);
	tell_keys(&j, (const char *const[]){ "malware--1", "x-hash--1" }, 2, 0);
	tell_keys(&j, (const char *const[]){ "malware--2" }, 1, -EPROTO);
	assert_int_equal(j.n_fresh, 1); /* of those that are records */
	tell(&j, "ii", ids, 1, load_job_ids, -EPROTO);
	j.keys[0].id = 0;
	tell(&j, "ii", ids, 2, load_job_ids, 0);
	assert_int_equal(load_job_edges(&j, NULL), 0);
	assert_int_equal(j.n_edges, 2);
	assert_int_equal(j.n_dangling, 1);
	for (size_t i = 0; i < j.n_edges; i++)
		if (j.edges[i].kind == EDGE_INDICATES) { /* said by two records */
			assert_int_equal(j.edges[i].n, 2);
			assert_int_equal(j.edges[i].first_us, 5);
			assert_int_equal(j.edges[i].last_us, 20);
		}
	load_job_free(&j);
	load_batch_done(&b);
}

/* What an earlier batch met is neither made nor asked for. */
static void numbers_that_are_known_are_kept(void **state)
{
	static const int64_t told[] = { 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0, 5, 0, 0 };
	static const int64_t ids[] = { 1, 7, 2, 8, 3, 9, 4, 0 }, rest[] = { 1, 10 };
	struct load_ids known = { 0 };

	(void)state;
	assert_int_equal(load_ids_init(&known, NULL), 0);
	for (int i = 0; i < 2; i++) {
		struct load_batch b;
		struct load_job j = { .batch = &b, .n = 5, .feed = 1, .known_ids = &known };
		AUTO_PG_PARAMS p = { 0 };

		fill(&b);
		tell(&j, "ibb", told, 5, load_job_told, 0);
		assert_int_equal(load_job_names(&j, NULL), 0);
		assert_int_equal(j.n_made, i ? 0 : 3);
		load_job_keys(&j, &p);
		assert_int_equal(((const uint8_t *)p.values[0])[15], i ? 1 : 4); /* elements */
		tell(&j, "ii", i ? rest : ids, i ? 1 : 4, load_job_ids, 0);
		assert_int_equal(load_job_edges(&j, NULL), 0);
		assert_int_equal(j.n_dangling, i ? 0 : 1);
		assert_int_equal(j.n_known, 2);
		load_job_keep_ids(&j, &known);
		load_job_free(&j);
		load_batch_done(&b);
	}
	load_ids_clear(&known);
	assert_int_equal(load_ids_get(&known, &(struct load_mark){ 0 }), 0);
	load_ids_free(&known);
}

/* The relationship that dangles, as long as there is room; what it names is still asked for with the others. */
static void what_dangles_is_put_aside_where_there_is_room(void **state)
{
	static const int64_t told[] = { 2, 0, 0, 4, 0, 0, 5, 1, 0 };
	int64_t ids[] = { 1, 7, 2, 0, 3, 0 }; /* malware, indicator, intrusion set */
	static const size_t room[] = { 0, 1, 10 };
	struct load_batch b, aside;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(room); i++) {
		struct load_job j = { .batch = &b, .n = 5, .feed = 1, .aside = &aside };

		fill(&b);
		assert_int_equal(load_batch_init(&aside, room[i] + 1, 1 << 20, NULL), 0);
		aside.n = 1; /* as if there were one */
		tell(&j, "ibb", told, 3, load_job_told, 0);
		assert_int_equal(load_job_names(&j, NULL), 0);
		tell(&j, "ii", ids, 3, load_job_ids, 0);
		assert_int_equal(load_job_edges(&j, NULL), 0);
		assert_int_equal(j.n_aside, room[i] < 2 ? room[i] : 2);
		assert_int_equal(j.n_wanted, 3 - j.n_aside);
		assert_int_equal(j.n_dangling, 2 - j.n_aside);
		assert_int_equal(j.n_newer, room[i] < 2);
		assert_int_equal(b.at[3].state, room[i] < 1 ? LOAD_NEW : LOAD_ASIDE);
		assert_int_equal(b.at[4].state, room[i] < 2 ? LOAD_NEWER : LOAD_ASIDE);
		load_job_free(&j);
		load_batch_done(&aside);
		load_batch_done(&b);
	}
}

/* The node of a record that follows later is left as it is. */
static void a_node_is_changed_with_its_record(void **state)
{
	static const int64_t told[] = { 1, 1, 0 };
	int64_t ids[] = { 1, 7, 2, 0 }; /* indicator, hash */
	struct load_batch b, aside;

	(void)state;
	for (int later = 0; later < 2; later++) {
		struct load_job j = { .batch = &b, .n = 5, .feed = 1, .aside = later ? &aside : NULL };

		fill(&b);
		assert_int_equal(load_batch_init(&aside, 1, 1 << 20, NULL), 0);
		tell(&j, "ibb", told, 1, load_job_told, 0);
		assert_int_equal(load_job_names(&j, NULL), 0);
		tell(&j, "ii", ids, 2, load_job_ids, 0);
		assert_int_equal(load_job_edges(&j, NULL), 0);
		assert_int_equal(j.n_known, !later);
		assert_int_equal(j.n_wanted, !later);
		load_job_free(&j);
		load_batch_done(&aside);
		load_batch_done(&b);
	}
}

static void what_is_known_or_in_quarantine_is_left_out(void **state)
{
	static const int64_t told[] = { 2, 1, 0, 3, 0, 1 };
	struct load_batch b;
	struct load_job j = { .batch = &b, .n = 5, .feed = 1 };

	(void)state;
	fill(&b);
	tell(&j, "ibb", told, 2, load_job_told, 0);
	assert_int_equal(j.n_wanted, 1);
	assert_int_equal(j.n_newer, 1);
	assert_int_equal(j.n_refused, 1);
	assert_int_equal(b.at[0].state, LOAD_KNOWN);
	assert_int_equal(b.at[1].state, LOAD_NEWER);
	assert_int_equal(b.at[2].state, LOAD_REFUSED);
	load_job_free(&j);
	load_batch_done(&b);
}

static void answers_that_were_not_asked_for_are_refused(void **state)
{
	static const int64_t too_far[] = { 6, 0, 0 }, none[] = { 0, 0, 0 };
	struct load_batch b;
	struct load_job j = { .batch = &b, .n = 5, .feed = 1 };

	(void)state;
	fill(&b);
	tell(&j, "ibb", too_far, 1, load_job_told, -EPROTO);
	tell(&j, "ibb", none, 1, load_job_told, -EPROTO);
	load_job_free(&j);
	load_batch_done(&b);
}

static void rows_have_the_columns_of_the_tables(void **state)
{
	static const int64_t told[] = { 1, 0, 0, 5, 0, 0 };
	struct load_batch b;
	struct load_job j = { .batch = &b, .n = 5, .feed = 1 };
	int64_t ids[] = { 1, 7, 2, 8, 3, 0, 4, 9 };
	AUTO_PG_ROWS rows = { 0 };
	static const uint8_t doc[] = "\0\0\0\7{\"a\":1}";

	(void)state;
	fill(&b);
	tell(&j, "ibb", told, 2, load_job_told, 0);
	assert_int_equal(load_job_names(&j, NULL), 0);
	assert_int_equal(j.n_keys, 4);
	tell(&j, "ii", ids, 4, load_job_ids, 0);
	assert_int_equal(load_job_edges(&j, NULL), 0);
	load_job_record_row(&j, 0, &rows);
	assert_int_equal(rows.p[1], 8);
	assert_memory_equal(rows.p + rows.n - 11, doc, 11); /* without its blanks */
	pg_rows_reset(&rows);
	assert_int_equal(j.n_dangling, 1);
	load_job_pending_row(&j, 0, &rows);
	assert_int_equal(rows.p[1], 6);
	load_job_free(&j);
	load_batch_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_new_becomes_nodes_edges_and_what_dangles),
		cmocka_unit_test(numbers_that_are_known_are_kept),
		cmocka_unit_test(what_dangles_is_put_aside_where_there_is_room),
		cmocka_unit_test(a_node_is_changed_with_its_record),
		cmocka_unit_test(what_is_known_or_in_quarantine_is_left_out),
		cmocka_unit_test(answers_that_were_not_asked_for_are_refused),
		cmocka_unit_test(rows_have_the_columns_of_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
