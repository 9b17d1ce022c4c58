/* telstream: frames and lines in any mixture, however the bytes are cut; what is wrong costs itself (N9). */
#include "bootstage/intel/telstream.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support.h"

static uint8_t made[TEL_FRAME_MAX];

static size_t binary(uint8_t *p, uint64_t seq)
{
	const struct tel_event e = {
		.time_us = 1, .count = 1, .kind = EDGE_CONNECTED, .src = bytes_str("a"), .dst = bytes_str("b")
	};
	struct tel_writer t;
	struct bytes out = { 0 };

	tel_write_begin(&t, p, 4096, 7, seq);
	assert_int_equal(tel_write_event(&t, &e, NULL), 0);
	assert_int_equal(tel_write_end(&t, &out, NULL), 0);
	return out.n;
}

static size_t line(char *p, uint64_t seq, const char *kind)
{
	return (size_t)snprintf(
		p, 400,
		"{\"agent\":7,\"seq\":%u,\"events\":[{\"time\":\"2026-11-20T10:00:00Z\",\"src\":\"url:a\","
		"\"kind\":\"%s\",\"dst\":\"url:b\"}]}\n",
		(unsigned int)seq, kind);
}

/* Frames 1 to 6, of which 3 and 4 are wrong, with empty lines between. */
static size_t mixture(uint8_t *p)
{
	size_t n = binary(p, 1);

	n += line((char *)p + n, 2, "connected");
	n += line((char *)p + n, 3, "eats");
	n += binary(p + n, 4);
	put_le16(p + n - 2 - TEL_EVENT_HEAD + 12, 999); /* a kind that is not known, with a right sum */
	put_le32(p + n - 2 - TEL_EVENT_HEAD - 4,
		 tel_crc32(tel_crc32(0, bytes_of(p + n - 2 - TEL_EVENT_HEAD - TEL_HEADER, 28)),
			   bytes_of(p + n - 2 - TEL_EVENT_HEAD, TEL_EVENT_HEAD + 2)));
	memcpy(p + n, "\n \r\n", 4);
	n += 4;
	n += binary(p + n, 5);
	n += line((char *)p + n, 6, "opened");
	return n;
}

static void feed(struct telstream *s, const uint8_t *p, size_t n)
{
	while (n > 0) {
		size_t room = 0;
		uint8_t *to = telstream_room(s, &room);
		size_t some = room < n ? room : n;

		assert_non_null(to);
		memcpy(to, p, some);
		telstream_came(s, some);
		p += some;
		n -= some;
	}
}

static void frames_come_whole_however_the_bytes_are_cut(void **state)
{
	uint8_t p[4096];
	size_t n = mixture(p);

	(void)state;
	for (size_t step = 1; step <= n; step++) {
		struct telstream s = { 0 };
		uint64_t next = 1;

		for (size_t at = 0; at < n; at += step) {
			struct telstream_found f;
			int r;

			feed(&s, p + at, n - at < step ? n - at : step);
			while ((r = telstream_next(&s, made, &f, NULL)) != -ENODATA) {
				assert_int_equal(r, next == 3 || next == 4 ? -EBADMSG : 0);
				assert_true(f.who.agent == 7 && f.who.seq == next);
				assert_int_equal(f.json, next == 2 || next == 3 || next == 6);
				assert_true(r || f.frame.seq == next);
				telstream_took(&s, &f);
				next++;
			}
		}
		assert_int_equal(next, 7);
		telstream_done(&s);
	}
}

static void a_frame_that_is_not_taken_comes_again(void **state)
{
	struct telstream s = { 0 };
	struct telstream_found f;
	uint8_t p[4096];

	(void)state;
	feed(&s, p, binary(p, 1));
	assert_int_equal(telstream_next(&s, made, &f, NULL), 0);
	assert_int_equal(telstream_next(&s, made, &f, NULL), 0);
	assert_int_equal(f.frame.seq, 1);
	telstream_took(&s, &f);
	assert_int_equal(telstream_next(&s, made, &f, NULL), -ENODATA);
	telstream_done(&s);
}

static void a_line_without_end_is_refused_in_bounded_memory(void **state)
{
	struct telstream s = { 0 };
	struct telstream_found f;
	char p[4096];
	int r = -ENODATA;

	(void)state;
	memset(p, 'x', sizeof(p));
	for (unsigned int i = 0; i < 2000; i++) {
		feed(&s, (const uint8_t *)p, sizeof(p));
		assert_int_equal(telstream_next(&s, made, &f, NULL), -ENODATA);
		assert_true(s.room <= 2 * TEL_FRAME_MAX);
	}
	feed(&s, (const uint8_t *)"x\n", 2);
	r = telstream_next(&s, made, &f, NULL);
	assert_int_equal(r, -EBADMSG);
	telstream_took(&s, &f);
	feed(&s, (const uint8_t *)p, line(p, 1, "connected"));
	assert_int_equal(telstream_next(&s, made, &f, NULL), 0);
	telstream_done(&s);
}

static void a_broken_frame_ends_the_stream(void **state)
{
	struct telstream s = { 0 };
	struct telstream_found f;
	uint8_t p[4096];
	size_t n = binary(p, 1);

	(void)state;
	p[n - 1] ^= 1;
	feed(&s, p, n);
	assert_int_equal(telstream_next(&s, made, &f, NULL), -EPROTO);
	telstream_done(&s);
}

static void the_last_line_needs_no_end(void **state)
{
	struct telstream s = { 0 };
	struct telstream_found f;
	char p[4096];
	size_t n = line(p, 9, "connected");

	(void)state;
	feed(&s, (const uint8_t *)p, n - 1);
	assert_int_equal(telstream_next(&s, made, &f, NULL), -ENODATA);
	assert_int_equal(telstream_last(&s, made, &f, NULL), 0);
	assert_int_equal(f.frame.seq, 9);
	telstream_took(&s, &f);
	assert_int_equal(telstream_last(&s, made, &f, NULL), -ENODATA);
	feed(&s, (const uint8_t *)"TTEL", 4);
	assert_int_equal(telstream_last(&s, made, &f, NULL), -EPROTO);
	telstream_done(&s);
}

static void a_stream_that_nothing_came_of_has_nothing_left(void **state)
{
	struct telstream s = { 0 };
	struct telstream_found f;

	(void)state;
	assert_int_equal(telstream_next(&s, made, &f, NULL), -ENODATA);
	assert_int_equal(telstream_last(&s, made, &f, NULL), -ENODATA);
	assert_int_equal(telstream_left(&s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_that_nothing_came_of_has_nothing_left),
		cmocka_unit_test(frames_come_whole_however_the_bytes_are_cut),
		cmocka_unit_test(a_frame_that_is_not_taken_comes_again),
		cmocka_unit_test(a_line_without_end_is_refused_in_bounded_memory),
		cmocka_unit_test(a_broken_frame_ends_the_stream),
		cmocka_unit_test(the_last_line_needs_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
