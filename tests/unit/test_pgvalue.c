/* PostgreSQL's binary form (bootstage/intel/pgvalue.h); with a server: test_pg.c. */
#include "bootstage/intel/pgvalue.h"

#include "bootstage/intel/graph.h"
#include "tests/support.h"

static void rows_are_fields_with_their_lengths(void **state)
{
	static const uint8_t want[] = {
		0,   4,   0,   0,   0,   2,   0x12, 0x34,      /* smallint */
		0,   0,   0,   8,   255, 255, 255,  255,       /* bigint, negative */
		255, 255, 255, 254,                            /* */
		255, 255, 255, 255,                            /* NULL */
		0,   0,   0,   3,   'a', 'b', 'c',             /* text */
		0,   1,                                        /* the next row */
		0,   0,   0,   5,   1,   '{', '"',  '"',  '}', /* jsonb, not checked here */
	};
	AUTO_PG_ROWS r = { 0 };

	(void)state;
	pg_row(&r, 4);
	pg_put_i16(&r, 0x1234);
	pg_put_i64(&r, -2);
	pg_put_null(&r);
	pg_put_bytes(&r, bytes_str("abc"));
	pg_row(&r, 1);
	pg_put_jsonb(&r, bytes_str("{\"\"}"));
	assert_int_equal(r.n, sizeof(want));
	assert_memory_equal(r.p, want, sizeof(want));
	assert_int_equal(r.n_rows, 2);
	assert_int_equal(r.at[0], 0);
	assert_int_equal(r.at[1], 31);
	pg_rows_reset(&r);
	assert_int_equal(r.n_rows, 0);
	assert_int_equal(r.n, 0);
}

static void times_count_from_2000(void **state)
{
	static const uint8_t want[] = { 0, 3, 0, 0,   0,   8,   0,   0,   0,   0,  0, 0,   0,   1,   0,
					0, 0, 8, 255, 252, 162, 254, 196, 200, 32, 0, 255, 255, 255, 255 };
	AUTO_PG_ROWS r = { 0 };

	(void)state;
	pg_row(&r, 3);
	pg_put_time(&r, INT64_C(946684800000001));
	pg_put_time(&r, 0);
	pg_put_time(&r, TIME_NONE);
	assert_int_equal(r.n, sizeof(want));
	assert_memory_equal(r.p, want, sizeof(want));
}

static void many_rows_keep_their_beginnings(void **state)
{
	AUTO_PG_ROWS r = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		pg_row(&r, 1);
		pg_put_i32(&r, i);
	}
	assert_false(r.no_memory);
	assert_int_equal(r.n_rows, 100000);
	for (size_t i = 0; i < r.n_rows; i++)
		assert_int_equal(r.at[i], i * 10);
}

static void what_is_too_big_for_a_field_is_no_memory(void **state)
{
	struct bytes huge = bytes_of("x", (size_t)INT32_MAX + 1);
	AUTO_PG_PARAMS p = { 0 };
	AUTO_PG_ROWS r = { 0 };

	(void)state;
	pg_row(&r, 1);
	pg_put_bytes(&r, huge);
	assert_true(r.no_memory);
	pg_rows_reset(&r);
	pg_put_jsonb(&r, huge);
	assert_true(r.no_memory);
	pg_param_texts(&p, &huge, 1);
	assert_true(p.no_memory);
	assert_int_equal(p.n, 1);
}

static void values_that_are_not_there_are_nothing(void **state)
{
	(void)state;
	assert_int_equal(pg_get_int(NULL, 0, 0), 0);
	assert_false(pg_get_bool(NULL, 0, 0));
	assert_int_equal(pg_get_time(NULL, 0, 0), TIME_NONE);
	assert_int_equal(pg_get_text(NULL, 0, 0).n, 0);
	assert_int_equal(pg_get_jsonb(NULL, 0, 0).n, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_fields_with_their_lengths),
		cmocka_unit_test(times_count_from_2000),
		cmocka_unit_test(many_rows_keep_their_beginnings),
		cmocka_unit_test(what_is_too_big_for_a_field_is_no_memory),
		cmocka_unit_test(values_that_are_not_there_are_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
