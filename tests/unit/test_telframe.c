/* telframe: messages of agents, written and read, cut short, damaged and lying (N10). */
#include "bootstage/intel/telframe.h"

#include <stdlib.h>

#include "tests/support.h"

static struct tel_event event(const char *src, const char *dst)
{
	return (struct tel_event){ .time_us = 1700000000000000,
				   .count = 3,
				   .kind = EDGE_CONNECTED,
				   .src_kind = NODE_IPV4_ADDR,
				   .dst_kind = NODE_DOMAIN_NAME,
				   .src = bytes_str(src),
				   .dst = bytes_str(dst) };
}

static struct bytes frame(uint8_t *room, size_t n)
{
	const struct tel_event a = event("10.0.0.1", "example.org"), b = event("10.0.0.2", "b\xc3\xbc.example");
	struct tel_writer t;
	struct bytes ret = { 0 };
	struct why w = { 0 };

	tel_write_begin(&t, room, n, 17, 42);
	assert_ok(tel_write_event(&t, &a, &w), w);
	assert_ok(tel_write_event(&t, &b, &w), w);
	assert_ok(tel_write_end(&t, &ret, &w), w);
	return ret;
}

/* After a change that is meant: the sum is right again. */
static void seal(uint8_t *p, size_t n)
{
	put_le32(p + 28, tel_crc32(tel_crc32(0, bytes_of(p, 28)), bytes_of(p + 32, n - 32)));
}

static void crc_is_the_one_of_zlib(void **state)
{
	(void)state;
	assert_int_equal(tel_crc32(0, bytes_str("123456789")), 0xcbf43926);
	assert_int_equal(tel_crc32(tel_crc32(0, bytes_str("1234")), bytes_str("56789")), 0xcbf43926);
}

static void frame_is_read_as_it_was_written(void **state)
{
	uint8_t room[512];
	struct bytes in = frame(room, sizeof(room)), rest;
	struct tel_frame f;
	struct tel_event e;
	struct why w = { 0 };

	(void)state;
	assert_ok(tel_frame_read(in, &f, &w), w);
	assert_int_equal(f.agent, 17);
	assert_int_equal(f.seq, 42);
	assert_int_equal(f.n_events, 2);
	assert_int_equal(f.whole.n, in.n);
	rest = f.events;
	assert_true(tel_event_next(&rest, &e));
	assert_int_equal(e.time_us, 1700000000000000);
	assert_int_equal(e.count, 3);
	assert_int_equal(e.kind, EDGE_CONNECTED);
	assert_true(bytes_equal(e.src, bytes_str("10.0.0.1")) && bytes_equal(e.dst, bytes_str("example.org")));
	assert_true(tel_event_next(&rest, &e));
	assert_int_equal(e.dst_kind, NODE_DOMAIN_NAME);
	assert_false(tel_event_next(&rest, &e));
}

static void frame_cut_anywhere_wants_more(void **state)
{
	uint8_t room[512];
	struct bytes in = frame(room, sizeof(room));
	struct tel_frame f;

	(void)state;
	for (size_t n = 0; n < in.n; n++)
		assert_int_equal(tel_frame_read(bytes_of(in.p, n), &f, NULL), -ENODATA);
}

static void frame_with_a_flipped_bit_is_refused(void **state)
{
	uint8_t room[512];
	struct bytes in = frame(room, sizeof(room));
	struct tel_frame f;

	(void)state;
	for (size_t bit = 0; bit < in.n * 8; bit++) {
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(tel_frame_read(in, &f, NULL) < 0);
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void frame_that_lies_with_a_right_sum_is_refused_and_passed_over(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} lies[] = {
		{ 12, 0 },         /* agent 0 (17 before) */
		{ 15, 0x80 },      /* agent over the limit */
		{ 23, 0x80 },      /* sequence over the limit */
		{ 24, 3 },         /* events that are not there */
		{ 24, 1 },         /* one that is not counted */
		{ 24, 0 },         /* none */
		{ 32 + 7, 0xff },  /* time before 1970 */
		{ 32 + 8, 0 },     /* nothing happened */
		{ 32 + 12, 0 },    /* no kind */
		{ 32 + 13, 9 },    /* one that is not known */
		{ 32 + 15, 9 },    /* a type that is not known */
		{ 32 + 18, 0xff }, /* a length behind the end */
		{ 32 + 22, 1 },    { 32 + 24, '\n' }, { 32 + 24, 0xff }, { 32 + 24, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		uint8_t room[512];
		struct bytes in = frame(room, sizeof(room));
		struct tel_frame f;

		room[lies[i].at] = lies[i].value;
		seal(room, in.n);
		assert_int_equal(tel_frame_read(in, &f, NULL), -EBADMSG);
		assert_int_equal(f.whole.n, in.n);
	}
}

static void frame_of_a_newer_version_or_a_huge_one_is_named(void **state)
{
	uint8_t room[512];
	struct bytes in = frame(room, sizeof(room));
	struct tel_frame f;

	(void)state;
	room[4] = 2;
	assert_int_equal(tel_frame_read(in, &f, NULL), -EPROTONOSUPPORT);
	room[4] = 1;
	room[6] = 1;
	assert_int_equal(tel_frame_read(in, &f, NULL), -EPROTONOSUPPORT);
	room[6] = 0;
	put_le32(room + 8, TEL_FRAME_MAX);
	assert_int_equal(tel_frame_read(in, &f, NULL), -E2BIG);
	assert_int_equal(tel_frame_read(bytes_str("{\"agent\":1}"), &f, NULL), -EBADMSG);
}

static void writer_refuses_what_a_reader_would(void **state)
{
	uint8_t room[128];
	struct tel_event e = event("10.0.0.1", "");
	struct tel_writer t;
	struct bytes out;

	(void)state;
	tel_write_begin(&t, room, sizeof(room), 1, 1);
	assert_int_equal(tel_write_event(&t, &e, NULL), -EBADMSG);
	assert_int_equal(tel_write_end(&t, &out, NULL), -EBADMSG);
	e = event("10.0.0.1", "0123456789012345678901234567890123456789012345678901234567890123456789");
	assert_int_equal(tel_write_event(&t, &e, NULL), -E2BIG);
	e = event("10.0.0.1", "a");
	assert_int_equal(tel_write_event(&t, &e, NULL), 0);
	assert_int_equal(tel_write_end(&t, &out, NULL), 0);
	tel_write_begin(&t, room, sizeof(room), 0, 1);
	assert_int_equal(tel_write_event(&t, &e, NULL), 0);
	assert_int_equal(tel_write_end(&t, &out, NULL), -EBADMSG);
}

static void frame_holds_no_more_events_than_allowed(void **state)
{
	AUTO_FREE uint8_t *room = malloc(TEL_FRAME_MAX);
	const struct tel_event e = event("a", "b");
	struct tel_frame f;
	struct tel_writer t;
	struct bytes out = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_non_null(room);
	tel_write_begin(&t, room, TEL_FRAME_MAX, TEL_AGENT_MAX, TEL_SEQ_MAX);
	for (unsigned int i = 0; i < TEL_EVENTS_MAX; i++)
		assert_ok(tel_write_event(&t, &e, &w), w);
	assert_int_equal(tel_write_event(&t, &e, NULL), -E2BIG);
	assert_ok(tel_write_end(&t, &out, &w), w);
	assert_ok(tel_frame_read(out, &f, &w), w);
	assert_int_equal(f.n_events, TEL_EVENTS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_is_the_one_of_zlib),
		cmocka_unit_test(frame_is_read_as_it_was_written),
		cmocka_unit_test(frame_cut_anywhere_wants_more),
		cmocka_unit_test(frame_with_a_flipped_bit_is_refused),
		cmocka_unit_test(frame_that_lies_with_a_right_sum_is_refused_and_passed_over),
		cmocka_unit_test(frame_of_a_newer_version_or_a_huge_one_is_named),
		cmocka_unit_test(writer_refuses_what_a_reader_would),
		cmocka_unit_test(frame_holds_no_more_events_than_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
