/* How big a machine is, and the sizes that follow (tuning/profile.h). */
#include "tuning/profile.h"

#include <string.h>

#include "tests/support.h"
#include "tuning/facts.h"
#include "tuning/tuneconf.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct tuneconf conf;
static struct sizes sizes;
static struct disk_fact disks[16];

static const struct sizes *sizes_of(uint64_t ram_bytes, size_t n_cores, size_t n_disks)
{
	struct facts f = { .usable_ram_bytes = ram_bytes, .n_cores = n_cores, .disks = disks, .n_disks = n_disks };

	for (size_t i = 0; i < n_disks; i++)
		disks[i].physical = true;
	sizes_make(&conf, &f, &sizes);
	return &sizes;
}

/* I1, C12: edges. */
static void profiles_begin_and_end_at_their_edges(void **state)
{
	static const struct {
		uint64_t ram_bytes;
		enum profile want;
	} cases[] = {
		{ 0, PROFILE_SMALL },           { 4 * GIB, PROFILE_SMALL },      { 16 * GIB - 1, PROFILE_SMALL },
		{ 16 * GIB, PROFILE_MEDIUM },   { 64 * GIB, PROFILE_MEDIUM },    { 64 * GIB + 1, PROFILE_MASSIVE },
		{ 196 * GIB, PROFILE_MASSIVE }, { UINT64_MAX, PROFILE_MASSIVE },
	};

	(void)state;
	tuneconf_defaults(&conf);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(profile_name(profile_of(&conf, cases[i].ram_bytes)), profile_name(cases[i].want));
	conf.medium_from_bytes = 2 * GIB;
	conf.massive_above_bytes = 2 * GIB;
	assert_int_equal(profile_of(&conf, 2 * GIB), PROFILE_MEDIUM);
	assert_int_equal(profile_of(&conf, 2 * GIB + 1), PROFILE_MASSIVE);
}

/* I2, I3, I11, I12, N5, C27 */
static void buffers_and_batches_are_the_profiles(void **state)
{
	(void)state;
	tuneconf_defaults(&conf);
	assert_int_equal(sizes_of(4 * GIB, 2, 1)->network_buffer_bytes.value, 4 * MIB);
	assert_int_equal(sizes.batch_records.value, 500);
	assert_int_equal(sizes_of(16 * GIB, 2, 1)->network_buffer_bytes.value, 16 * MIB);
	assert_int_equal(sizes.batch_records.value, 2000);
	assert_int_equal(sizes_of(196 * GIB, 48, 1)->network_buffer_bytes.value, 33554432);
	assert_int_equal(sizes.batch_records.value, 5000);
	assert_string_equal(sizes.network_buffer_bytes.formula, "profile massive: 32.0 MiB");
}

/* N1, N11, C24 */
static void pool_is_by_cores_and_disks_within_the_rams_limits(void **state)
{
	static const struct {
		uint64_t ram_bytes;
		size_t cores, disks, want;
	} cases[] = {
		{ 4 * GIB, 2, 1, 5 },                                     /* N11: below 50 */
		{ 4 * GIB, 1, 0, 4 },                                     /* the least */
		{ 16 * GIB - 1, 40, 2, 50 },                              /* cap below 16 GiB */
		{ 16 * GIB, 40, 2, 82 },                                  /* */
		{ 100 * GIB, 60, 2, 100 },                                /* cap up to 100 GiB */
		{ 100 * GIB + 1, 60, 2, 122 }, { 196 * GIB, 48, 1, 100 }, /* N11: 2 * 48 + 1 is less than 100 */
		{ 196 * GIB, 48, 8, 104 },                                /* N11: 100 to 400 */
		{ 2048 * GIB, 256, 16, 400 },                             /* cap */
	};

	(void)state;
	tuneconf_defaults(&conf);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (sizes_of(cases[i].ram_bytes, cases[i].cores, cases[i].disks)->db_connections.value != cases[i].want)
			fail_msg("%zu: %s", i, sizes.db_connections.formula);
	(void)sizes_of(196 * GIB, 48, 1);
	assert_string_equal(sizes.db_connections.formula, "clamp(2 * 48 cores + 1 * 1 disk, 100, 400) = 100");
}

static void only_real_disks_count(void **state)
{
	(void)state;
	tuneconf_defaults(&conf);
	memset(disks, 0, sizeof(disks));
	for (size_t i = 0; i < 4; i++)
		disks[i].physical = i > 0;
	disks[1].removable = true;
	disks[2].read_only = true;
	sizes_make(&conf, &(struct facts){ .usable_ram_bytes = GIB, .n_cores = 8, .disks = disks, .n_disks = 4 },
		   &sizes);
	assert_int_equal(sizes.db_connections.value, 17);
	memset(disks, 0, sizeof(disks));
}

/* I2 */
static void shared_buffers_are_a_quarter_within_limits(void **state)
{
	(void)state;
	tuneconf_defaults(&conf);
	assert_int_equal(sizes_of(4 * GIB, 2, 1)->shared_buffers_bytes.value, GIB);
	assert_int_equal(sizes_of(256 * MIB, 2, 1)->shared_buffers_bytes.value, 128 * MIB);
	assert_int_equal(sizes_of(196 * GIB, 2, 1)->shared_buffers_bytes.value, 16 * GIB);
	assert_int_equal(sizes_of(GIB + 12345, 2, 1)->shared_buffers_bytes.value, 256 * MIB);
	conf.shared_buffers.percent = 100;
	conf.shared_buffers.max_bytes = UINT64_MAX;
	assert_int_equal(sizes_of(UINT64_MAX, 2, 1)->shared_buffers_bytes.value, UINT64_MAX / MIB * MIB);
}

/* N8: more than 16 cores: 4; 4 or less: 1; between: 2, which is ours. */
static void workers_are_by_cores(void **state)
{
	static const size_t cases[][2] = { { 1, 1 }, { 4, 1 }, { 5, 2 }, { 16, 2 }, { 17, 4 }, { 256, 4 } };

	(void)state;
	tuneconf_defaults(&conf);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(sizes_of(GIB, cases[i][0], 1)->workers.value, cases[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles_begin_and_end_at_their_edges),
		cmocka_unit_test(buffers_and_batches_are_the_profiles),
		cmocka_unit_test(pool_is_by_cores_and_disks_within_the_rams_limits),
		cmocka_unit_test(only_real_disks_count),
		cmocka_unit_test(shared_buffers_are_a_quarter_within_limits),
		cmocka_unit_test(workers_are_by_cores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
