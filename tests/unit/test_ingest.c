/* How a feed is loaded on machines of several sizes (N5, N8). */
#include "bootstage/intel/ingest.h"

#include "tests/support.h"
#include "tuning/facts.h"
#include "tuning/tuneconf.h"

#define GIB (UINT64_C(1) << 30)

static void batches_and_connections_follow_the_machine(void **state)
{
	static const struct {
		size_t cores;
		uint64_t ram_gib;
		size_t rows;
		unsigned int lanes;
	} cases[] = {
		{ 1, 2, 500, 1 }, { 2, 4, 500, 2 }, { 4, 32, 2000, 2 }, { 16, 64, 2000, 2 }, { 48, 196, 5000, 4 }
	};
	static struct tuneconf c;

	(void)state;
	tuneconf_defaults(&c);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct facts f = { .usable_ram_bytes = cases[i].ram_gib * GIB, .n_cores = cases[i].cores };
		struct machine m = { .cores = cases[i].cores };
		struct load_options o = { 0 };

		sizes_make(&c, &f, &m.sizes);
		ingest_sizes(&m, &o);
		assert_int_equal(o.rows, cases[i].rows);
		assert_int_equal(o.lanes, cases[i].lanes);
		assert_true(o.bytes >= o.rows * 1024 && o.bytes <= (16u << 20));
	}
}

static void workers_and_connections_are_as_many_as_the_server_allows(void **state)
{
	static const struct {
		unsigned int allowed, workers, lanes, want_workers, want_lanes;
	} cases[] = { { 8, 4, 2, 4, 2 }, { 7, 4, 2, 4, 1 }, { 3, 4, 2, 3, 1 },
		      { 5, 1, 8, 1, 5 }, { 1, 1, 2, 1, 1 }, { 0, 2, 2, 1, 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int workers = cases[i].workers, lanes = cases[i].lanes;

		ingest_fit(cases[i].allowed, &workers, &lanes);
		assert_int_equal(workers, cases[i].want_workers);
		assert_int_equal(lanes, cases[i].want_lanes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_and_connections_follow_the_machine),
		cmocka_unit_test(workers_and_connections_are_as_many_as_the_server_allows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
