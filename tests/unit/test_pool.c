/* Connections by machine and server (bootstage/intel/pool.h): N1, N11, C24. */
#include "bootstage/intel/pool.h"

#include <string.h>

#include "tests/support.h"
#include "tuning/facts.h"
#include "tuning/tuneconf.h"

#define GIB (UINT64_C(1) << 30)

static struct pool_plan pool_of(uint64_t ram_bytes, size_t cores, size_t n_disks, const struct pool_server *server)
{
	static struct tuneconf conf;
	static struct disk_fact disks[16];
	static struct sizes sizes;
	struct facts f = { .usable_ram_bytes = ram_bytes, .n_cores = cores, .disks = disks, .n_disks = n_disks };

	for (size_t i = 0; i < n_disks; i++)
		disks[i].physical = true;
	tuneconf_defaults(&conf);
	sizes_make(&conf, &f, &sizes);
	return pool_make(&sizes.db_connections, server);
}

/* N1, N11, C24: 2 * cores + disks, 4 to 50 below 16 GiB, to 100 up to 100 GiB, 100 to 400 above. */
static void pool_is_by_the_machine(void **state)
{
	static const struct {
		uint64_t ram_gib;
		size_t cores, disks;
		unsigned int want;
	} cases[] = {
		{ 4, 2, 1, 5 },      { 4, 1, 0, 4 },      { 15, 64, 2, 50 },     { 16, 64, 2, 100 },
		{ 100, 40, 3, 83 },  { 100, 96, 0, 100 }, { 101, 48, 1, 100 },   { 196, 48, 1, 100 },
		{ 196, 48, 8, 104 }, { 196, 64, 4, 132 }, { 1024, 256, 8, 400 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pool_plan p = pool_of(cases[i].ram_gib * GIB, cases[i].cores, cases[i].disks, NULL);

		assert_int_equal(p.size, cases[i].want);
		assert_int_equal(p.wanted, p.size);
		assert_string_equal(p.lowered, "");
	}
}

static void pool_is_lowered_to_what_the_server_allows(void **state)
{
	static const struct {
		struct pool_server server;
		unsigned int want;
		const char *lowered;
	} cases[] = {
		{ { 110, 3, -1, -1 }, 100, "" },
		{ { 105, 3, -1, -1 }, 100, "" },
		{ { 104, 3, -1, -1 },
		  99,
		  "the server has max_connections = 104, 3 of them reserved, and 2 are left to others" },
		{ { 5, 3, -1, -1 },
		  1,
		  "the server has max_connections = 5, 3 of them reserved, and 2 are left to others" },
		{ { 110, 3, 20, -1 }, 20, "the role has a connection limit of 20" },
		{ { 110, 3, 20, 10 }, 10, "the database has a connection limit of 10" },
		{ { 110, 3, 20, 30 }, 20, "the role has a connection limit of 20" },
		{ { 110, 3, 0, -1 }, 1, "the role has a connection limit of 0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pool_plan p = pool_of(196 * GIB, 48, 1, &cases[i].server);

		assert_int_equal(p.wanted, 100);
		assert_int_equal(p.size, cases[i].want);
		assert_string_equal(p.lowered, cases[i].lowered);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_is_by_the_machine),
		cmocka_unit_test(pool_is_lowered_to_what_the_server_allows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
