/* taxii: URLs of pages, and envelopes that go by in pieces. */
#include "bootstage/intel/taxii.h"

#include "tests/support.h"

static void page_has_a_url(void **state)
{
	static const struct {
		const char *collection, *after, *next, *want;
	} urls[] = {
		{ "https://h/api/collections/x/", "", "", "https://h/api/collections/x/objects/?limit=10" },
		{ "https://h/api/collections/x/objects/?a=b", "", "", "https://h/api/collections/x/objects/?limit=10" },
		{ "https://h/c/x", "2026-01-01T00:00:00.5Z",
		  "a b/&=", "https://h/c/x/objects/?limit=10&added_after=2026-01-01T00:00:00.5Z&next=a%20b%2F%26%3D" },
	};
	char url[TAXII_URL_MAX], next[TAXII_URL_MAX] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		assert_int_equal(taxii_url(urls[i].collection, urls[i].after, urls[i].next, 10, url, NULL), 0);
		assert_string_equal(url, urls[i].want);
	}
	memset(next, ' ', 1000);
	assert_int_equal(taxii_url("https://h/c", "", next, 10, url, NULL), -E2BIG);
}

static void envelope_says_whether_there_is_more(void **state)
{
	static const struct {
		const char *text, *next;
		bool more;
	} pages[] = {
		{ "{}", "", false },
		{ "{\"more\":true,\"next\":\"abc\",\"objects\":[{\"more\":false,\"next\":\"x\"}]}", "abc", true },
		{ " { \"objects\" : [ {\"a\":\"}]\\\"\"} ] , \"next\" : \"7\" , \"more\" : true } ", "7", true },
		{ "{\"more\":false,\"next\":\"abc\"}", "abc", false },
		{ "{\"more\":\"true\"}", "", false },
		{ "{\"next\":\"a\\u0062\",\"more\":true}", "", true },
		{ "{\"next\":5,\"more\":true}", "", true },
		{ "{\"x\":\"more\",\"y\":true}", "", false },
		{ "]]]{\"more\":true}", "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct bytes in = bytes_str(pages[i].text);

		for (size_t step = 1; step <= in.n; step++) {
			struct taxii_scan s = { 0 };

			for (size_t at = 0; at < in.n; at += step)
				taxii_scan(&s, bytes_of(in.p + at, in.n - at < step ? in.n - at : step));
			assert_int_equal(s.more, pages[i].more);
			assert_string_equal(s.next, pages[i].next);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_has_a_url),
		cmocka_unit_test(envelope_says_whether_there_is_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
