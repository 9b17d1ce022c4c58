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

/* A source that writes down what was announced. */
struct spy {
	struct source src;
	struct source_range said[8];
	size_t n;
	uint8_t bytes[1000];
};

static int spy_read(struct source *s, void *buf, size_t n, uint64_t off, struct why *w)
{
	struct spy *k = s->own;

	(void)w;
	memcpy(buf, k->bytes + off, n);
	return 0;
}

static void spy_expect(struct source *s, const struct source_range *r, size_t n)
{
	struct spy *k = s->own;

	for (size_t i = 0; i < n; i++)
		k->said[k->n++] = r[i];
}

static const struct source_ops spy_ops = { .read = spy_read, .expect = spy_expect };

static void spy_init(struct spy *k)
{
	memset(k, 0, sizeof(*k));
	for (size_t i = 0; i < sizeof(k->bytes); i++)
		k->bytes[i] = (uint8_t)(i * 7);
	k->src = (struct source){ .ops = &spy_ops, .name = "spy", .size_bytes = sizeof(k->bytes), .fd = -1, .own = k };
}

static void joined_sources_read_over_their_edge(void **state)
{
	static const struct {
		uint64_t at;
		size_t n;
	} table[] = { { 0, 1000 }, { 0, 300 }, { 299, 2 }, { 300, 700 }, { 999, 1 }, { 10, 0 } };
	struct source head, joined;
	struct spy spy;

	(void)state;
	spy_init(&spy);
	head = source_memory(bytes_of(spy.bytes, 300), "head");
	joined = source_joined(&head, &spy.src);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t buf[1000];
		struct why w = { 0 };

		assert_ok(source_read(&joined, buf, table[i].n, table[i].at, &w), w);
		assert_memory_equal(buf, spy.bytes + table[i].at, table[i].n);
	}
	assert_int_equal(source_read(&joined, &spy, 2, 999, NULL), -EBADMSG);
}

static void of_the_head_nothing_is_announced(void **state)
{
	const struct source_range all[] = { { 0, 10 }, { 20, 280 }, { 299, 101 }, { 400, 50 } }, whole = { 0, 1000 };
	struct source head, joined;
	struct spy spy;

	(void)state;
	spy_init(&spy);
	head = source_memory(bytes_of(spy.bytes, 300), "head");
	joined = source_joined(&head, &spy.src);
	source_expect(&joined, all, ARRAY_SIZE(all));
	assert_int_equal(spy.n, 2);
	assert_int_equal(spy.said[0].at, 300);
	assert_int_equal(spy.said[0].bytes, 100);
	assert_int_equal(spy.said[1].at, 400);
	spy.n = 0;
	source_expect(&joined, &whole, 1);
	assert_int_equal(spy.n, 1);
	assert_int_equal(spy.said[0].at, 300);
	assert_int_equal(spy.said[0].bytes, 700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source_memory_reads_inside_only),
		cmocka_unit_test(source_expect_reaches_a_source_that_can_use_it),
		cmocka_unit_test(joined_sources_read_over_their_edge),
		cmocka_unit_test(of_the_head_nothing_is_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
