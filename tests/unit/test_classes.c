/* classes.conf (tuning/classes.h): the shipped values by requirement, every key's bounds, and what goes over what. */
#include "tuning/classes.h"

#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "tests/support.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static const char *const columns[] = { "critical", "high", "normal", "low", "scavenger" };

static void takes(const char *text, struct classes *ret)
{
	struct why w = { 0 };

	if (classes_parse(bytes_str(text), "t.conf", &classes_default, ret, &w))
		fail_msg("'%s': %s", text, w.text);
}

static void refuses(const char *text, const char *why)
{
	struct classes c, before;
	struct why w = { 0 };
	int r;

	memset(&c, 0x5a, sizeof(c));
	memcpy(&before, &c, sizeof(c));
	r = classes_parse(bytes_str(text), "t.conf", &classes_default, &c, &w);
	if (r != -EBADMSG || w.code != -EBADMSG || w.exit != EXIT_USAGE || !strstr(w.text, why))
		fail_msg("'%s': %d, exit %d: '%s', want '%s'", text, r, w.exit, w.text, why);
	assert_memory_equal(&c, &before, sizeof(c));
}

static void refuses_value(const char *key, const char *value, const char *why)
{
	char text[200];

	(void)snprintf(text, sizeof(text), "\n[low]\n%s=%s\n", key, value);
	refuses(text, why);
	refuses(text, "t.conf:3: [low] ");
}

/* The file is found from the folder that `make check` runs in. */
static void shipped_file_has_every_key_and_is_what_is_built_in(void **state)
{
	const struct classes nothing = { 0 };
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };
	struct classes c;
	size_t n = 0;

	(void)state;
	assert_ok(file_read(AT_FDCWD, "scripts/config/classes.conf", 65536, &text, &n, &w), w);
	assert_ok(classes_parse(bytes_of(text, n), "shipped", &nothing, &c, &w), w);
	assert_memory_equal(&c, &classes_default, sizeof(c));
}

/* P1 with C5: 2x, 1.5x, 1x, 0.5x, minimal, and the same ratios as weights. */
static void shares_and_weights_are_the_required_ones(void **state)
{
	static const unsigned int shares[] = { 2048, 1536, 1024, 512, 128 }, weights[] = { 200, 150, 100, 50, 13 };

	(void)state;
	for (size_t i = 0; i < CLASS_COUNT; i++) {
		assert_int_equal(classes_default.at[i].cpu_shares, shares[i]);
		assert_int_equal(class_weight(classes_default.at[i].cpu_shares), weights[i]);
	}
	assert_int_equal(class_weight(0), 1);
	assert_int_equal(class_weight(5), 1);
	assert_int_equal(class_weight(CLASS_SHARES_MAX), 10000);
	assert_int_equal(class_weight(UINT64_MAX), 10000);
}

/* P2. */
static void quotas_are_the_required_ones(void **state)
{
	static const unsigned int percent[] = { 200, 150, 100, 50, 25 };

	(void)state;
	for (size_t i = 0; i < CLASS_COUNT; i++)
		assert_int_equal(classes_default.at[i].cpu_quota_percent, percent[i]);
}

/* P5, and P8 with C4. */
static void memory_and_swap_are_the_required_ones(void **state)
{
	static const uint64_t limits[] = { 4 * GIB, 2 * GIB, 1 * GIB, 512 * MIB, 256 * MIB };
	static const uint64_t guarantees[] = { 2 * GIB, 1 * GIB, 256 * MIB, 0, 0 };

	(void)state;
	for (size_t i = 0; i < CLASS_COUNT; i++) {
		assert_int_equal(classes_default.at[i].memory_limit_bytes, limits[i]);
		assert_int_equal(classes_default.at[i].memory_guarantee_bytes, guarantees[i]);
		assert_int_equal(classes_default.at[i].swap_limit_bytes, 0);
	}
}

/* P9 with C6: "never kill" is -999. */
static void oom_scores_are_the_required_ones_but_minus_1000(void **state)
{
	static const int scores[] = { -999, -500, 0, 500, 1000 };

	(void)state;
	for (size_t i = 0; i < CLASS_COUNT; i++)
		assert_int_equal(classes_default.at[i].oom_score_adj, scores[i]);
}

/* P9, C6. */
static void score_of_minus_1000_is_refused_with_the_reason(void **state)
{
	(void)state;
	refuses_value("oom-score-adj", "-1000", "-1000 is refused: a process that nothing may kill spins for ever");
}

static void every_key_is_taken(void **state)
{
	struct classes c;

	(void)state;
	takes("[high]\ncpu-shares=2\ncpu-quota=1%\nmemory-limit=1M\nmemory-guarantee=4K\nswap-limit=8M\n"
	      "oom-score-adj=-7\npids-limit=1\n",
	      &c);
	assert_int_equal(c.at[CLASS_HIGH].cpu_shares, 2);
	assert_int_equal(c.at[CLASS_HIGH].cpu_quota_percent, 1);
	assert_int_equal(c.at[CLASS_HIGH].memory_limit_bytes, MIB);
	assert_int_equal(c.at[CLASS_HIGH].memory_guarantee_bytes, 4096);
	assert_int_equal(c.at[CLASS_HIGH].swap_limit_bytes, 8 * MIB);
	assert_int_equal(c.at[CLASS_HIGH].oom_score_adj, -7);
	assert_int_equal(c.at[CLASS_HIGH].pids_limit, 1);
	assert_memory_equal(&c.at[CLASS_LOW], &classes_default.at[CLASS_LOW], sizeof(c.at[0]));
}

static void max_is_no_limit(void **state)
{
	struct classes c;

	(void)state;
	takes("[low]\ncpu-quota=max\nmemory-limit=max\nswap-limit=max\npids-limit=max\n", &c);
	assert_true(c.at[CLASS_LOW].cpu_quota_percent == CLASS_UNLIMITED);
	assert_true(c.at[CLASS_LOW].memory_limit_bytes == CLASS_UNLIMITED);
	assert_true(c.at[CLASS_LOW].swap_limit_bytes == CLASS_UNLIMITED);
	assert_true(c.at[CLASS_LOW].pids_limit == CLASS_UNLIMITED);
	refuses_value("memory-guarantee", "max", "is not a size");
	refuses_value("cpu-shares", "max", "no whole number");
}

static void value_that_cannot_be_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *key, *value, *why;
	} bad[] = {
		{ "cpu-shares", "1", "from 2 to 262144" },
		{ "cpu-shares", "262145", "from 2 to 262144" },
		{ "cpu-shares", "", "no whole number" },
		{ "cpu-quota", "0%", "from 1 to 100000" },
		{ "cpu-quota", "50", "neither max nor per cent" },
		{ "cpu-quota", "%", "neither max nor per cent" },
		{ "cpu-quota", "100001%", "from 1 to 100000" },
		{ "cpu-quota", "1.5%", "no whole number" },
		{ "cpu-quota", "00000000000000000000000050%", "neither max nor per cent" },
		{ "memory-limit", "1023K", "is not within" },
		{ "memory-limit", "8388608T", "is not within" },
		{ "memory-limit", "lots", "is not a size" },
		{ "memory-guarantee", "-1", "is not a size" },
		{ "swap-limit", "1X", "is not a size" },
		{ "oom-score-adj", "1001", "from -999 to 1000" },
		{ "oom-score-adj", "--1", "from -999 to 1000" },
		{ "oom-score-adj", "-", "from -999 to 1000" },
		{ "oom-score-adj", "-1001", "from -999 to 1000" },
		{ "pids-limit", "0", "from 1 to 4194304" },
		{ "pids-limit", "4194305", "from 1 to 4194304" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuses_value(bad[i].key, bad[i].value, bad[i].why);
}

static void unknown_key_or_class_is_refused_with_its_line(void **state)
{
	(void)state;
	refuses("[low]\nio-weight=1\n", "t.conf:2: unknown key 'io-weight' in [low]");
	refuses("[lowest]\ncpu-shares=512\n",
		"t.conf:2: [lowest] cpu-shares: 'lowest' is no class; there are critical");
	refuses("[low]\ncpu-shares=512\ncpu-shares=512\n", "t.conf:3: [low] cpu-shares is given twice");
}

static void guarantee_over_the_limit_is_refused(void **state)
{
	(void)state;
	refuses("[normal]\nmemory-limit=128M\n", "t.conf: [normal] memory-guarantee is more than memory-limit");
	refuses("[low]\nmemory-guarantee=1G\n", "t.conf: [low] memory-guarantee is more than memory-limit");
}

static void class_is_found_by_name(void **state)
{
	enum class_id id = CLASS_COUNT;
	struct why w = { 0 };

	(void)state;
	for (enum class_id want = 0; want < CLASS_COUNT; want++) {
		assert_ok(class_find(columns[want], &id, &w), w);
		assert_int_equal(id, want);
		assert_string_equal(class_name(want), columns[want]);
	}
	assert_int_equal(class_find("Low", &id, &w), -EINVAL);
	assert_string_equal(w.text, "'Low' is no class; there are critical, high, normal, low, scavenger");
}

static void owners_file_goes_over_the_shipped_one(void **state)
{
	struct tree t = { .fd = -1 };
	struct why w = { 0 };
	struct classes c;

	(void)state;
	assert_ok(dir_make(scratch_path("usr/lib/tandem"), 0755, &w), w);
	assert_ok(dir_make(scratch_path("etc/tandem"), 0755, &w), w);
	assert_ok(tree_open(scratch(), &t, &w), w);
	assert_ok(classes_load(&t, &c, &w), w);
	assert_memory_equal(&c, &classes_default, sizeof(c));
	scratch_put(CLASSES_SHIPPED, "[low]\ncpu-shares=100\npids-limit=7\n");
	scratch_put(CLASSES_CONF, "[low]\npids-limit=8\n");
	assert_ok(classes_load(&t, &c, &w), w);
	assert_int_equal(c.at[CLASS_LOW].cpu_shares, 100);
	assert_int_equal(c.at[CLASS_LOW].pids_limit, 8);
	scratch_put(CLASSES_CONF, "[low]\npids=8\n");
	assert_int_equal(classes_load(&t, &c, &w), -EBADMSG);
	assert_non_null(strstr(w.text, "/etc/tandem/classes.conf:2: unknown key 'pids'"));
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_file_has_every_key_and_is_what_is_built_in),
		cmocka_unit_test(shares_and_weights_are_the_required_ones),
		cmocka_unit_test(quotas_are_the_required_ones),
		cmocka_unit_test(memory_and_swap_are_the_required_ones),
		cmocka_unit_test(oom_scores_are_the_required_ones_but_minus_1000),
		cmocka_unit_test(score_of_minus_1000_is_refused_with_the_reason),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(max_is_no_limit),
		cmocka_unit_test(value_that_cannot_be_is_refused_with_its_line),
		cmocka_unit_test(unknown_key_or_class_is_refused_with_its_line),
		cmocka_unit_test(guarantee_over_the_limit_is_refused),
		cmocka_unit_test(class_is_found_by_name),
		cmocka_unit_test(owners_file_goes_over_the_shipped_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
