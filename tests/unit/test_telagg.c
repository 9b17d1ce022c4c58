/* telagg: telemetry comes to one row for an agent, an edge and a minute, in bounded memory (N5, N10). */
#include "bootstage/intel/telagg.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support.h"

#define MINUTE(n) (INT64_C(1700000040000000) + (n)*TEL_MINUTE_US)

static uint8_t room[TEL_FRAME_MAX];

struct said {
	int64_t time_us;
	const char *src, *dst;
	uint32_t count;
};

static struct tel_frame frame(uint32_t agent, uint64_t seq, const struct said *s, size_t n)
{
	struct tel_writer t;
	struct tel_frame f = { 0 };
	struct bytes out = { 0 };
	struct why w = { 0 };

	tel_write_begin(&t, room, sizeof(room), agent, seq);
	for (size_t i = 0; i < n; i++) {
		const struct tel_event e = { .time_us = s[i].time_us,
					     .count = s[i].count,
					     .kind = EDGE_CONNECTED,
					     .src_kind = NODE_HOST,
					     .dst_kind = NODE_DOMAIN_NAME,
					     .src = bytes_str(s[i].src),
					     .dst = bytes_str(s[i].dst) };

		assert_ok(tel_write_event(&t, &e, &w), w);
	}
	assert_ok(tel_write_end(&t, &out, &w), w);
	assert_ok(tel_frame_read(out, &f, &w), w);
	return f;
}

static void one_minute_of_one_edge_is_one_row(void **state)
{
	const struct said s[] = {
		{ MINUTE(0), "h", "a", 1 },
		{ MINUTE(0) + 59999999, "h", "a", 2 },
		{ MINUTE(1), "h", "a", 4 },
		{ MINUTE(0), "h", "b", 8 },
	};
	struct telagg a;
	struct tel_frame f;
	struct why w = { 0 };

	(void)state;
	assert_ok(telagg_init(&a, 500, 1000, &w), w);
	f = frame(1, 1, s, ARRAY_SIZE(s));
	telagg_add(&a, &f);
	f = frame(2, 1, s, 1);
	telagg_add(&a, &f);
	f = frame(1, 2, s, 1);
	telagg_add(&a, &f);
	assert_int_equal(a.n_rows, 4);
	assert_int_equal(a.n_names, 3);
	assert_int_equal(a.rows[0].count, 4);
	assert_int_equal(a.rows[0].minute_us, MINUTE(0));
	assert_int_equal(a.rows[1].count, 4);
	assert_int_equal(a.rows[1].minute_us, MINUTE(1));
	assert_int_equal(a.rows[2].count, 8);
	assert_int_equal(a.rows[3].agent, 2);
	telagg_done(&a);
}

static void a_name_of_two_types_is_two_nodes(void **state)
{
	const struct said s = { MINUTE(0), "same", "same", 1 };
	struct telagg a;
	struct tel_frame f = frame(1, 1, &s, 1);
	struct why w = { 0 };

	(void)state;
	assert_ok(telagg_init(&a, 500, 1000, &w), w);
	telagg_add(&a, &f);
	assert_int_equal(a.n_names, 2);
	assert_int_equal(a.names[a.rows[0].src].kind, NODE_HOST);
	assert_int_equal(a.names[a.rows[0].dst].kind, NODE_DOMAIN_NAME);
	telagg_done(&a);
}

static void nodes_stay_known_when_a_batch_begins(void **state)
{
	const struct said s = { MINUTE(0), "h", "a", 1 };
	struct telagg a;
	struct tel_frame f = frame(1, 1, &s, 1);
	struct why w = { 0 };

	(void)state;
	assert_ok(telagg_init(&a, 500, 20000, &w), w);
	telagg_add(&a, &f);
	a.names[a.rows[0].src].id = 77;
	telagg_reset(&a);
	assert_int_equal(a.n_rows, 0);
	telagg_add(&a, &f);
	assert_int_equal(a.n_rows, 1);
	assert_int_equal(a.rows[0].count, 1);
	assert_int_equal(a.names[a.rows[0].src].id, 77);
	telagg_forget(&a);
	telagg_add(&a, &f);
	assert_int_equal(a.names[a.rows[0].src].id, 0);
	telagg_done(&a);
}

static void a_frame_fits_or_is_left_for_the_next_batch(void **state)
{
	AUTO_FREE char *text = malloc((size_t)TEL_EVENTS_MAX * 12);
	AUTO_FREE struct said *s = calloc(TEL_EVENTS_MAX, sizeof(*s));
	struct telagg a;
	struct why w = { 0 };
	unsigned int added = 0;

	(void)state;
	assert_true(text && s);
	assert_ok(telagg_init(&a, 500, 1, &w), w);
	for (unsigned int round = 0; round < 50; round++) {
		struct tel_frame f;

		for (unsigned int i = 0; i < TEL_EVENTS_MAX; i++) {
			(void)snprintf(text + (size_t)i * 12, 12, "%u", round * TEL_EVENTS_MAX + i);
			s[i] = (struct said){ MINUTE(0), text + (size_t)i * 12, "d", 1 };
		}
		f = frame(1, round + 1, s, TEL_EVENTS_MAX);
		if (!telagg_fits(&a, &f))
			telagg_reset(&a);
		assert_true(telagg_fits(&a, &f));
		telagg_add(&a, &f);
		added += telagg_fits(&a, &f);
	}
	assert_int_equal(added, 0);
	telagg_done(&a);
}

static void rows_are_sorted_by_their_minutes(void **state)
{
	const struct said s[] = { { MINUTE(5), "h", "a", 1 }, { MINUTE(-3), "h", "a", 2 }, { MINUTE(1), "h", "a", 4 } };
	struct telagg a;
	struct tel_frame f = frame(1, 1, s, ARRAY_SIZE(s));
	struct why w = { 0 };

	(void)state;
	assert_ok(telagg_init(&a, 500, 1000, &w), w);
	telagg_add(&a, &f);
	telagg_sort(&a);
	assert_int_equal(a.rows[0].count, 2);
	assert_int_equal(a.rows[1].count, 4);
	assert_int_equal(a.rows[2].count, 1);
	telagg_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_minute_of_one_edge_is_one_row),
		cmocka_unit_test(a_name_of_two_types_is_two_nodes),
		cmocka_unit_test(nodes_stay_known_when_a_batch_begins),
		cmocka_unit_test(a_frame_fits_or_is_left_for_the_next_batch),
		cmocka_unit_test(rows_are_sorted_by_their_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
