/* source: what it reads, and that knowing ahead may be ignored. */
#include "updater/source.h"

#include "tests/support.h"

static void source_memory_reads_inside_only(void **state)
{
	static const char text[] = "0123456789";
	struct source s = source_memory(bytes_of(text, 10), "memory");
	struct why w = { 0 };
	char got[4];

	(void)state;
	assert_int_equal(source_read(&s, got, 4, 6, &w), 0);
	assert_memory_equal(got, "6789", 4);
	assert_int_equal(source_read(&s, got, 0, 10, &w), 0);
	assert_int_equal(source_read(&s, got, 4, 7, &w), -EBADMSG);
	assert_non_null(strstr(w.text, "truncated"));
	assert_int_equal(source_read(&s, got, 1, UINT64_MAX, NULL), -EBADMSG);
}

static struct source_range told[2];
static size_t told_n;

static void note(struct source *s, const struct source_range *r, size_t n)
{
	(void)s;
	memcpy(told, r, n * sizeof(*r));
	told_n += n;
}

static void source_expect_reaches_a_source_that_can_use_it(void **state)
{
	static const struct source_ops deaf = { 0 }, keen = { .expect = note };
	static const struct source_range r[] = { { 0, 64 }, { 4096, 10 } };
	struct source s = { .ops = &deaf };

	(void)state;
	source_expect(&s, r, 2);
	assert_int_equal(told_n, 0);
	s.ops = &keen;
	source_expect(&s, r, 0);
	assert_int_equal(told_n, 0);
	source_expect(&s, r, 2);
	assert_int_equal(told_n, 2);
	assert_memory_equal(told, r, sizeof(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source_memory_reads_inside_only),
		cmocka_unit_test(source_expect_reaches_a_source_that_can_use_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
