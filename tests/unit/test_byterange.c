/* byterange: what servers say about ranges, whole, in pieces and damaged. */
#include "base/net/byterange.h"

#include "tests/support.h"

static void byterange_takes_what_rfc_9110_has(void **state)
{
	static const struct {
		const char *text;
		struct byterange want;
	} good[] = {
		{ "bytes 0-9/100", { 0, 10, 100 } },
		{ " Bytes  99-99/100 ", { 99, 1, 100 } },
		{ "bytes 5-9/*", { 5, 5, BYTERANGE_UNKNOWN } },
		{ "bytes */100", { 0, 0, 100 } },
		{ "bytes 0-18446744073709551613/18446744073709551614", { 0, UINT64_MAX - 1, UINT64_MAX - 1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct byterange got = { 0 };
		struct why w = { 0 };

		assert_ok(byterange_parse(bytes_str(good[i].text), &got, &w), w);
		assert_true(got.at == good[i].want.at && got.bytes == good[i].want.bytes);
		assert_true(got.total_bytes == good[i].want.total_bytes);
	}
}

static void byterange_refuses_the_rest(void **state)
{
	static const char *const bad[] = {
		"",
		"bytes",
		"bytes0-9/100",
		"bytes 0-9",
		"bytes 9-0/100",
		"bytes 0-100/100",
		"bytes -5/100",
		"bytes 0-/100",
		"bytes 0-9/100 x",
		"bytes */*",
		"bytes 0-18446744073709551616/18446744073709551617",
		"bytes 0-9/18446744073709551615",
		"lines 0-9/100",
		"bytes 0-9/100, 10-19/100",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct byterange got = { .at = 77 };

		assert_int_equal(byterange_parse(bytes_str(bad[i]), &got, NULL), -EBADMSG);
		assert_true(got.at == 77);
	}
}

static void multipart_type_is_recognised_with_its_boundary(void **state)
{
	static const struct {
		const char *type, *boundary; /* NULL: none that is usable */
	} types[] = {
		{ "multipart/byteranges; boundary=abc", "abc" },
		{ "Multipart/ByteRanges;charset=x; Boundary=\"a b;c\" ; y=z", "a b;c" },
		{ "multipart/byteranges", NULL },
		{ "multipart/byteranges; boundary=", NULL },
		{ "multipart/byteranges; boundary=\"abc", NULL },
		{ "multipart/byteranges; boundary="
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct multipart m = { 0 };

		assert_true(multipart_is(bytes_str(types[i].type)));
		assert_int_equal(multipart_begin(bytes_str(types[i].type), &m, NULL), types[i].boundary ? 0 : -EBADMSG);
		if (types[i].boundary)
			assert_string_equal(m.boundary, types[i].boundary);
	}
	assert_false(multipart_is(bytes_str("multipart/byterangesx; boundary=a")));
	assert_false(multipart_is(bytes_str("application/octet-stream")));
}

/* Read a body in pieces of `step` bytes; the bytes go to where they belong in `whole`. Returns the last event or error. */
static int read_body(const char *body, size_t step, char whole[32])
{
	size_t n = strlen(body);
	struct multipart m;
	int r = multipart_begin(bytes_str("multipart/byteranges; boundary=b"), &m, NULL);

	memset(whole, '.', 31);
	whole[31] = '\0';
	for (size_t at = 0; r >= 0 && at < n; at += step) {
		struct bytes in = bytes_of(body + at, n - at < step ? n - at : step), data;
		uint64_t to = 0;

		while ((r = multipart_next(&m, &in, &to, &data, NULL)) == MULTIPART_BYTES) {
			assert_true(data.n > 0 && to + data.n <= 31);
			memcpy(whole + to, data.p, data.n);
		}
		assert_true(r < 0 || r == MULTIPART_END || in.n == 0);
	}
	return r;
}

static const char two_parts[] = "\r\n--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 20-23/31\r\n\r\nwxyz"
				"\r\n--b  \r\ncontent-range:bytes 2-9/31\r\n\r\n--b--\r\nx\r\n--b--\r\nafter";

static void multipart_gives_the_same_whatever_the_pieces(void **state)
{
	char whole[32];

	(void)state;
	for (size_t step = 1; step <= sizeof(two_parts); step++) {
		assert_int_equal(read_body(two_parts, step, whole), MULTIPART_END);
		assert_string_equal(whole, "..--b--\r\nx..........wxyz.......");
	}
}

static void multipart_that_ends_early_wants_more(void **state)
{
	char part[sizeof(two_parts)], whole[32];

	(void)state;
	for (size_t n = 1; n < sizeof(two_parts) - 8; n++) {
		memcpy(part, two_parts, n);
		part[n] = '\0';
		assert_int_equal(read_body(part, 5, whole), MULTIPART_MORE);
	}
}

static void multipart_damage_is_refused(void **state)
{
	static const char *const bad[] = {
		"--b\r\n\r\nxx",
		"--b\r\nContent-Range: bytes 0-1/31\r\nContent-Range: bytes 0-1/31\r\n\r\nxx",
		"--b\r\nContent-Range: bytes */31\r\n\r\nxx",
		"--b\r\nContent-Range: bytes 0-1/31\r\n\r\nxxx\r\n--b--\r\n",
		"--b\r\nContent-Range: bytes 5-1/31\r\n\r\nxx",
	};
	char whole[32], many[4 * MULTIPART_LINES_MAX], longest[MULTIPART_LINE_MAX + 3];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(read_body(bad[i], 3, whole), -EBADMSG);
	memset(many, '\n', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	assert_int_equal(read_body(many, 7, whole), -EBADMSG);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(read_body(longest, 7, whole), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(byterange_takes_what_rfc_9110_has),
		cmocka_unit_test(byterange_refuses_the_rest),
		cmocka_unit_test(multipart_type_is_recognised_with_its_boundary),
		cmocka_unit_test(multipart_gives_the_same_whatever_the_pieces),
		cmocka_unit_test(multipart_that_ends_early_wants_more),
		cmocka_unit_test(multipart_damage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
