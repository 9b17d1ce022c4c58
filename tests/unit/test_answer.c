/* answer: headers of HTTP answers, which file they speak of, and what a status means. */
#include "base/net/answer.h"

#include "tests/support.h"

static struct answer header(const char *const *lines)
{
	struct answer a = { 0 };

	for (; *lines; lines++)
		answer_line(&a, bytes_str(*lines));
	return a;
}

static void fields_that_matter_are_kept(void **state)
{
	static const char *const lines[] = { "HTTP/1.1 206 Partial Content\r\n",
					     "content-RANGE: bytes 0-9/100\r\n",
					     "Content-Length:10\r\n",
					     "ETag: \"a b\"\r\n",
					     "Last-Modified:   Sat, 21 Nov 2026 15:00:00 GMT  \r\n",
					     "Content-Type: text/plain\r\n",
					     "Retry-After: 7\r\n",
					     "X-Range: bytes 0-1/2\r\n",
					     "\r\n",
					     NULL };
	struct answer a = header(lines);

	(void)state;
	assert_int_equal(a.status, 206);
	assert_true(a.has_range && !a.bad_range && a.range.bytes == 10 && a.range.total_bytes == 100);
	assert_true(a.has_length && a.length == 10);
	assert_string_equal(a.etag, "\"a b\"");
	assert_string_equal(a.modified, "Sat, 21 Nov 2026 15:00:00 GMT");
	assert_string_equal(a.type, "text/plain");
	assert_int_equal(a.retry_after_s, 7);
	assert_false(a.encoded);
}

static void a_field_that_is_asked_for_is_kept(void **state)
{
	struct answer a = { .note = "X-TAXII-Date-Added-Last" };

	(void)state;
	answer_line(&a, bytes_str("HTTP/1.1 302 Found"));
	answer_line(&a, bytes_str("x-taxii-date-added-last: before"));
	answer_line(&a, bytes_str("HTTP/1.1 200 OK"));
	assert_string_equal(a.noted, "");
	answer_line(&a, bytes_str("x-taxii-date-added-last: 2026-01-01T00:00:00Z\r\n"));
	answer_line(&a, bytes_str("X-TAXII-Date-Added-First: x"));
	assert_string_equal(a.noted, "2026-01-01T00:00:00Z");
}

static void status_line_begins_anew(void **state)
{
	static const char *const lines[] = {
		"HTTP/1.1 302 Found",         "ETag: \"x\"", "Content-Encoding: gzip", "", "HTTP/2 200 ",
		"Content-Encoding: identity", NULL
	};
	struct answer a = header(lines);

	(void)state;
	assert_int_equal(a.status, 200);
	assert_string_equal(a.etag, "");
	assert_false(a.encoded);
}

static void nonsense_counts_as_not_given(void **state)
{
	char longest[ANSWER_FIELD_MAX + 16] = "ETag: ";
	const char *lines[] = {
		"HTTP/1.1 200 OK", "Content-Length: 1x",   "Retry-After: tomorrow", "Content-Range: lines 1",
		longest,           "Content-Type: a\001b", "Content-Encoding: br",  NULL
	};
	struct answer a;

	(void)state;
	memset(longest + 6, 'x', sizeof(longest) - 7);
	a = header(lines);
	assert_false(a.has_length);
	assert_int_equal(a.retry_after_s, 0);
	assert_true(a.bad_range && a.encoded);
	assert_string_equal(a.etag, "");
	assert_string_equal(a.type, "");
	answer_line(&a, bytes_str("Retry-After: 86400"));
	assert_int_equal(a.retry_after_s, RETRY_AFTER_MAX_S);
}

static struct answer part(const char *etag, const char *modified, uint64_t total)
{
	struct answer a = { .status = 206, .has_range = true, .range = { 0, 10, total } };

	(void)snprintf(a.etag, sizeof(a.etag), "%s", etag);
	(void)snprintf(a.modified, sizeof(a.modified), "%s", modified);
	return a;
}

static void another_file_is_noticed(void **state)
{
	static const struct {
		const char *etag, *modified;
		uint64_t total;
		int want;
	} second[] = {
		{ "\"1\"", "monday", 100, 0 },
		{ "", "", 100, 0 },
		{ "\"1\"", "monday", BYTERANGE_UNKNOWN, 0 },
		{ "\"2\"", "monday", 100, -EREMCHG },
		{ "\"1\"", "tuesday", 100, -EREMCHG },
		{ "\"1\"", "monday", 101, -EREMCHG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(second); i++) {
		struct answer first = part("\"1\"", "monday", 100);
		struct answer next = part(second[i].etag, second[i].modified, second[i].total);
		struct identity id = { 0 };

		assert_int_equal(identity_check(&id, &first, NULL), 0);
		assert_int_equal(identity_check(&id, &next, NULL), second[i].want);
	}
}

static void weak_tags_are_no_condition(void **state)
{
	static const struct {
		const char *etag, *modified, *want;
	} rows[] = {
		{ "\"1\"", "monday", "\"1\"" },
		{ "", "monday", "monday" },
		{ "W/\"1\"", "monday", NULL },
		{ "", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct answer a = part(rows[i].etag, rows[i].modified, 100);
		struct identity id = { 0 };

		assert_null(identity_condition(&id));
		assert_int_equal(identity_check(&id, &a, NULL), 0);
		if (rows[i].want)
			assert_string_equal(identity_condition(&id), rows[i].want);
		else
			assert_null(identity_condition(&id));
	}
}

static void status_says_whether_to_ask_again(void **state)
{
	static const struct {
		unsigned int status;
		int want;
		bool again;
	} rows[] = {
		{ 200, 0, false },        { 206, 0, false },   { 403, -EACCES, false }, { 404, -ENOENT, false },
		{ 416, -EBADMSG, false }, { 429, -EIO, true }, { 500, -EIO, true },     { 503, -EIO, true },
		{ 501, -EIO, false },     { 0, -EIO, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct answer a = { .status = rows[i].status };
		bool again = true;

		assert_int_equal(answer_status(&a, &again, NULL), rows[i].want);
		assert_int_equal(again, rows[i].again);
	}
}

static void backoff_doubles_up_to_its_limit(void **state)
{
	(void)state;
	assert_int_equal(backoff_ms(1, 0), 100);
	assert_int_equal(backoff_ms(1, 100), 200);
	assert_int_equal(backoff_ms(3, 0), 400);
	for (unsigned int n = 1; n < 100; n++)
		for (uint32_t chance = 0; chance < 20000; chance += 777)
			assert_in_range(backoff_ms(n, chance), 100, 10000);
	assert_int_equal(backoff_ms(1000000, 5000), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_that_matter_are_kept),      cmocka_unit_test(a_field_that_is_asked_for_is_kept),
		cmocka_unit_test(status_line_begins_anew),          cmocka_unit_test(nonsense_counts_as_not_given),
		cmocka_unit_test(another_file_is_noticed),          cmocka_unit_test(weak_tags_are_no_condition),
		cmocka_unit_test(status_says_whether_to_ask_again), cmocka_unit_test(backoff_doubles_up_to_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
