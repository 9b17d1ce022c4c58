/* What a batch keeps of the records that come: copies, of each object the newest, of what is revoked only that it is there. */
#include "bootstage/intel/loadbatch.h"

#include "base/hash.h"
#include "tests/support.h"

static const struct node one_node[] = {
	{ NODE_MALWARE, { (const uint8_t *)"malware--1", 10 }, { (const uint8_t *)"Cutlet", 6 } }
};
static const struct edge one_edge[] = {
	{ EDGE_CREATED_BY,
	  { (const uint8_t *)"malware--1", 10 },
	  { (const uint8_t *)"identity--1", 11 },
	  TIME_NONE,
	  TIME_NONE },
};

static struct record record_of(const char *key, int64_t modified, const char *text)
{
	return (struct record){ .key = bytes_str(key),
				.modified_us = modified,
				.text = bytes_str(text),
				.is_node = true,
				.nodes = one_node,
				.n_nodes = 1,
				.edges = one_edge,
				.n_edges = 1 };
}

static void add(struct load_batch *b, const struct record *r)
{
	struct pg_uuid rec = record_number(r, bytes_str("feed"));

	assert_int_equal(load_batch_add(b, &rec, r, NULL), 0);
}

static void records_are_copied(void **state)
{
	char key[] = "malware--1", text[] = "{}";
	struct load_batch b;
	struct record r = record_of(key, 5, text);

	(void)state;
	assert_int_equal(load_batch_init(&b, 10, 1 << 20, NULL), 0);
	add(&b, &r);
	memset(key, 'x', sizeof(key) - 1);
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(b.n, 1);
	assert_true(bytes_equal(b.at[0].r.key, bytes_str("malware--1")));
	assert_true(bytes_equal(b.at[0].r.text, bytes_str("{}")));
	assert_true(bytes_equal(b.at[0].r.nodes[0].name, bytes_str("Cutlet")));
	assert_true(bytes_equal(b.at[0].r.edges[0].dst, bytes_str("identity--1")));
	load_batch_done(&b);
}

static void of_an_object_the_newest_stays(void **state)
{
	static const struct {
		int64_t first, second;
		const char *stays;
	} cases[] = { { 5, 6, "second" }, { 6, 5, "first" }, { 5, 5, "second" }, { TIME_NONE, TIME_NONE, "second" } };
	struct load_batch b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record first = record_of("malware--1", cases[i].first, "first");
		struct record second = record_of("malware--1", cases[i].second, "second");

		assert_int_equal(load_batch_init(&b, 10, 1 << 20, NULL), 0);
		add(&b, &first);
		add(&b, &second);
		assert_int_equal(b.n, 1);
		assert_int_equal(b.doubles, 1);
		assert_true(bytes_equal(b.at[0].r.text, bytes_str(cases[i].stays)));
		load_batch_done(&b);
	}
}

static void what_is_revoked_says_nothing(void **state)
{
	static const struct node nodes[] = { { NODE_INDICATOR, { (const uint8_t *)"indicator--1", 12 }, { NULL, 0 } },
					     { NODE_HASH, { (const uint8_t *)"x-hash--1", 9 }, { NULL, 0 } } };
	struct record r = record_of("indicator--1", 5, "{}");
	struct load_batch b;

	(void)state;
	r.revoked = true;
	r.nodes = nodes;
	r.n_nodes = 2;
	assert_int_equal(load_batch_init(&b, 10, 1 << 20, NULL), 0);
	add(&b, &r);
	assert_int_equal(b.at[0].r.n_nodes, 1);
	assert_int_equal(b.at[0].r.n_edges, 0);
	r.key = bytes_str("relationship--1");
	r.is_node = false;
	add(&b, &r);
	assert_int_equal(b.at[1].r.n_nodes, 0);
	load_batch_done(&b);
}

static void it_is_full_by_records_or_bytes_and_empty_again(void **state)
{
	static char big[300000];
	struct load_batch b;
	struct record r;
	char key[20];

	(void)state;
	memset(big, ' ', sizeof(big) - 1);
	assert_int_equal(load_batch_init(&b, 3, 1 << 20, NULL), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++) {
			assert_false(load_batch_full(&b));
			(void)snprintf(key, sizeof(key), "tool--%d", i);
			r = record_of(key, 1, "{}");
			add(&b, &r);
		}
		assert_true(load_batch_full(&b));
		load_batch_reset(&b);
	}
	load_batch_done(&b);
	assert_int_equal(load_batch_init(&b, 100, 1 << 20, NULL), 0);
	for (int i = 0; i < 4; i++) {
		assert_false(load_batch_full(&b));
		(void)snprintf(key, sizeof(key), "tool--%d", i);
		r = record_of(key, 1, big);
		add(&b, &r);
	}
	assert_true(load_batch_full(&b));
	load_batch_reset(&b);
	assert_false(load_batch_full(&b));
	load_batch_done(&b);
}

/* Of a record that waits in a batch, and another of the same number that is stored first. */
static void what_came_later_and_is_stored_is_not_stored_before(void **state)
{
	static const struct {
		int64_t waits, stored;
		size_t stay;
	} cases[] = { { 5, 6, 0 }, { 6, 5, 1 }, { 5, 5, 0 }, { TIME_NONE, TIME_NONE, 0 } };
	struct load_batch b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record r = record_of("malware--1", cases[i].waits, "{}"), other = record_of("tool--1", 1, "{}");
		struct load_entry later = { .r = { .modified_us = cases[i].stored } };

		later.rec = record_number(&r, bytes_str("feed"));
		assert_int_equal(load_batch_init(&b, 10, 1 << 20, NULL), 0);
		load_batch_forget(&b, &later);
		add(&b, &r);
		add(&b, &other);
		load_batch_forget(&b, &later);
		load_batch_close(&b);
		assert_int_equal(b.n, cases[i].stay + 1);
		assert_int_equal(b.doubles, 1 - cases[i].stay);
		assert_true(bytes_equal(b.at[cases[i].stay].r.key, bytes_str("tool--1")));
		load_batch_done(&b);
	}
}

/* One that is put in again after it was forgotten is wanted. */
static void records_go_from_one_batch_to_another(void **state)
{
	struct record r = record_of("malware--1", 5, "{}");
	struct load_batch a, b;

	(void)state;
	assert_int_equal(load_batch_init(&a, 10, 1 << 20, NULL), 0);
	assert_int_equal(load_batch_init(&b, 2, 1 << 20, NULL), 0);
	add(&a, &r);
	assert_int_equal(a.at[0].bytes, a.bytes);
	a.at[0].state = LOAD_ASIDE;
	assert_true(load_batch_room(&b, 1, 0));
	assert_false(load_batch_room(&b, 2, 0));
	assert_false(load_batch_room(&b, 0, 1 << 20));
	assert_int_equal(load_batch_put(&b, &a.at[0], NULL), 0);
	load_batch_forget(&b, &a.at[0]);
	assert_int_equal(load_batch_put(&b, &a.at[0], NULL), 0);
	load_batch_done(&a);
	load_batch_close(&b);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.at[0].state, LOAD_ASK);
	assert_true(bytes_equal(b.at[0].r.nodes[0].name, bytes_str("Cutlet")));
	load_batch_done(&b);
}

static void every_text_has_its_hash(void **state)
{
	char key[20], text[400];
	struct load_batch b;
	struct record r;
	struct hash want;

	(void)state;
	assert_int_equal(load_batch_init(&b, 200, 1 << 20, NULL), 0);
	for (int i = 0; i < 150; i++) {
		(void)snprintf(key, sizeof(key), "tool--%d", i);
		(void)snprintf(text, sizeof(text), "%*d", 2 * i + 5, i);
		r = record_of(key, 1, text);
		add(&b, &r);
	}
	load_batch_close(&b);
	for (size_t i = 0; i < b.n; i++) {
		want = hash_of(b.at[i].r.text);
		assert_memory_equal(b.at[i].hash.b, want.b, sizeof(b.at[i].hash.b));
	}
	load_batch_done(&b);
}

/* As MISP's events, whose texts are only what is left of them without their members. */
static void edges_are_part_of_the_hash_where_the_text_does_not_tell(void **state)
{
	struct edge other = one_edge[0];
	struct load_batch b;
	struct pg_uuid hash[4];

	(void)state;
	other.dst = bytes_str("identity--2");
	for (int i = 0; i < 4; i++) {
		struct record r = record_of("malware--1", 5, "{}");

		r.edges_tell = i & 1;
		r.edges = i & 2 ? &other : one_edge;
		assert_int_equal(load_batch_init(&b, 10, 1 << 20, NULL), 0);
		add(&b, &r);
		load_batch_close(&b);
		hash[i] = b.at[0].hash;
		load_batch_done(&b);
	}
	assert_memory_equal(hash[0].b, hash[2].b, sizeof(hash[0].b));
	assert_memory_not_equal(hash[1].b, hash[3].b, sizeof(hash[0].b));
}

/* As record_of() of the schema says: printf 'malware--x' | sha256sum. */
static void numbers_are_those_of_the_schema(void **state)
{
	static const uint8_t want[16] = { 0x83, 0xe1, 0x85, 0x57, 0x78, 0x86, 0xf3, 0xf0,
					  0x21, 0x37, 0xa4, 0xe6, 0xea, 0xa0, 0x5a, 0xff };
	struct record r = record_of("malware--x", 5, "{}");
	struct pg_uuid a = record_number(&r, bytes_str("a")), b = record_number(&r, bytes_str("b"));

	(void)state;
	assert_memory_equal(a.b, want, sizeof(want));
	assert_memory_equal(b.b, want, sizeof(want));
	r.modified_us = TIME_NONE; /* what a feed says of a thing without versions is its own */
	a = record_number(&r, bytes_str("a"));
	b = record_number(&r, bytes_str("b"));
	assert_memory_not_equal(a.b, b.b, sizeof(a.b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_copied),
		cmocka_unit_test(of_an_object_the_newest_stays),
		cmocka_unit_test(what_is_revoked_says_nothing),
		cmocka_unit_test(it_is_full_by_records_or_bytes_and_empty_again),
		cmocka_unit_test(what_came_later_and_is_stored_is_not_stored_before),
		cmocka_unit_test(records_go_from_one_batch_to_another),
		cmocka_unit_test(every_text_has_its_hash),
		cmocka_unit_test(edges_are_part_of_the_hash_where_the_text_does_not_tell),
		cmocka_unit_test(numbers_are_those_of_the_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
