/* taxii: URLs of pages, and envelopes that go by in pieces. */
#include "bootstage/intel/taxii.h"

#include <stdio.h>

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

#define DAY(n) "2026-01-0" #n "T00:00:00Z"

/* What another run would leave out is not read yet: more may have been added at the moment that a page ends with. */
static void place_is_kept_where_nothing_is_lost(void **state)
{
	static const struct {
		bool more;
		const char *next, *last, *want_next, *want_from, *want_read;
	} pages[] = {
		{ true, "1", DAY(1), "1", "", "" },       /* more of the first day may come */
		{ true, "2", DAY(1), "2", "", "" },       /* as it did */
		{ true, "3", DAY(2), "3", "", DAY(1) },   /* now that day is over */
		{ true, "4", "", "4", "", DAY(1) },       /* not given: as if it ended with the same */
		{ true, "", DAY(3), "", DAY(3), DAY(2) }, /* from here on by dates */
		{ true, "", DAY(4), "", DAY(4), DAY(3) }, { false, "", DAY(4), "", DAY(4), DAY(4) },
	};
	struct taxii_way way = { .is = TAXII_MORE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct taxii_scan page = { .more = pages[i].more };

		assert_int_equal(way.is, TAXII_MORE);
		(void)snprintf(page.next, sizeof(page.next), "%s", pages[i].next);
		taxii_go_on(&way, &page, pages[i].last);
		assert_string_equal(way.next, pages[i].want_next);
		assert_string_equal(way.from, pages[i].want_from);
		assert_string_equal(way.read, pages[i].want_read);
	}
	assert_int_equal(way.is, TAXII_END);
}

static void server_that_does_not_say_where_is_left(void **state)
{
	struct taxii_way way = { .is = TAXII_MORE }, by_date = way;
	struct taxii_scan same = { .more = true, .next = "7" }, none = { .more = true };

	(void)state;
	taxii_go_on(&way, &same, "");
	assert_int_equal(way.is, TAXII_MORE);
	taxii_go_on(&way, &same, "");
	assert_int_equal(way.is, TAXII_LOST);
	taxii_go_on(&by_date, &none, DAY(1));
	assert_int_equal(by_date.is, TAXII_MORE);
	taxii_go_on(&by_date, &none, DAY(1));
	assert_int_equal(by_date.is, TAXII_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_has_a_url),
		cmocka_unit_test(envelope_says_whether_there_is_more),
		cmocka_unit_test(place_is_kept_where_nothing_is_lost),
		cmocka_unit_test(server_that_does_not_say_where_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
