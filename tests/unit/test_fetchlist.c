/* fetchlist: which announced ranges go into a request. */
#include "updater/fetchlist.h"

#include "tests/support.h"

static struct fetchlist list;

static void add(uint64_t at, uint64_t bytes)
{
	assert_true(fetchlist_add(&list, (struct source_range){ .at = at, .bytes = bytes }));
}

static void is(const struct http_range *got, size_t n, const struct http_range *want, size_t want_n)
{
	assert_int_equal(n, want_n);
	for (size_t i = 0; i < n; i++)
		assert_true(got[i].at == want[i].at && got[i].bytes == want[i].bytes);
}

static void neighbours_and_small_gaps_are_one_range(void **state)
{
	static const struct fetch_limits limits = { .ranges = 2, .bytes = 1000, .gap_bytes = 10 };
	static const struct http_range first[] = { { 0, 35 }, { 100, 5 } }, second[] = { { 200, 5 } };
	struct http_range got[HTTP_RANGES_MAX];

	(void)state;
	list = (struct fetchlist){ 0 };
	add(0, 10);
	add(10, 10);
	add(30, 5);
	add(100, 5);
	add(200, 5);
	assert_true(list.bytes == 35);
	is(got, fetchlist_take(&list, &limits, got), first, 2);
	assert_false(fetchlist_has(&list, 104));
	assert_true(fetchlist_has(&list, 204) && !fetchlist_has(&list, 205));
	is(got, fetchlist_take(&list, &limits, got), second, 1);
	is(got, fetchlist_take(&list, &limits, got), NULL, 0);
	assert_true(list.bytes == 0);
}

static void request_holds_what_fits(void **state)
{
	static const struct fetch_limits limits = { .ranges = 8, .bytes = 100, .gap_bytes = 10 };
	static const struct http_range want[] = { { 0, 100 }, { 100, 100 }, { 200, 50 }, { 260, 40 } };
	struct http_range got[HTTP_RANGES_MAX];

	(void)state;
	list = (struct fetchlist){ 0 };
	add(0, 250);
	add(260, 40);
	is(got, fetchlist_take(&list, &limits, got), &want[0], 1);
	is(got, fetchlist_take(&list, &limits, got), &want[1], 1);
	assert_int_equal(fetchlist_take(&list, &limits, got), 1);
	assert_true(got[0].at == 200 && got[0].bytes == 100); /* with the gap */
	assert_int_equal(list.n, 0);
}

static void what_goes_back_is_a_request_of_its_own(void **state)
{
	static const struct fetch_limits limits = { .ranges = 8, .bytes = 100, .gap_bytes = 10 };
	static const struct http_range want[] = { { 500, 10 }, { 0, 10 } };
	struct http_range got[HTTP_RANGES_MAX];

	(void)state;
	list = (struct fetchlist){ 0 };
	add(500, 10);
	add(0, 10);
	is(got, fetchlist_take(&list, &limits, got), &want[0], 1);
	is(got, fetchlist_take(&list, &limits, got), &want[1], 1);
}

static void full_list_says_so_and_goes_around(void **state)
{
	static const struct fetch_limits limits = { .ranges = HTTP_RANGES_MAX, .bytes = UINT64_MAX };
	struct http_range got[HTTP_RANGES_MAX];

	(void)state;
	list = (struct fetchlist){ 0 };
	for (uint64_t i = 0; i < FETCHLIST_ROOM; i++)
		add(i * 10, 5);
	assert_false(fetchlist_add(&list, (struct source_range){ .at = 1u << 30, .bytes = 1 }));
	assert_int_equal(fetchlist_take(&list, &limits, got), HTTP_RANGES_MAX);
	for (uint64_t i = 0; i < HTTP_RANGES_MAX; i++)
		add((FETCHLIST_ROOM + i) * 10, 5);
	for (size_t i = HTTP_RANGES_MAX; i < FETCHLIST_ROOM + HTTP_RANGES_MAX; i += HTTP_RANGES_MAX) {
		assert_int_equal(fetchlist_take(&list, &limits, got), HTTP_RANGES_MAX);
		assert_true(got[0].at == i * 10);
	}
	assert_int_equal(list.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_and_small_gaps_are_one_range),
		cmocka_unit_test(request_holds_what_fits),
		cmocka_unit_test(what_goes_back_is_a_request_of_its_own),
		cmocka_unit_test(full_list_says_so_and_goes_around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
