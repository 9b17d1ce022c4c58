/* tuning.conf: every key, every bad value, defaults, lists, and what does not fit together (tuning/tuneconf.h). */
#include "tuning/tuneconf.h"

#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "tests/support.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct tuneconf c; /* too large for a frame of its own in each test */

static void takes(const char *text)
{
	struct why w = { 0 };

	if (tuneconf_parse(bytes_str(text), "t.conf", &c, &w))
		fail_msg("'%s': %s", text, w.text);
}

static void refuses(const char *text, const char *why)
{
	static struct tuneconf before;
	struct why w = { 0 };
	int r;

	memset(&c, 0x5a, sizeof(c));
	memcpy(&before, &c, sizeof(c));
	r = tuneconf_parse(bytes_str(text), "t.conf", &c, &w);
	if (r != -EBADMSG || w.code != -EBADMSG || w.exit != EXIT_USAGE || !strstr(w.text, why) ||
	    strncmp(w.text, "t.conf:", 7) != 0)
		fail_msg("'%s': %d, exit %d: '%s', want '%s'", text, r, w.exit, w.text, why);
	assert_memory_equal(&c, &before, sizeof(c));
}

/* I2: nothing but the file's figures; and the file that is shipped says all of them, as they are. */
static void shipped_file_is_the_defaults_and_an_empty_one_too(void **state)
{
	static struct tuneconf defaults;
	struct why w = { 0 };

	(void)state;
	tuneconf_defaults(&defaults);
	takes("");
	assert_memory_equal(&c, &defaults, sizeof(c));
	memset(&c, 0, sizeof(c));
	assert_ok(tuneconf_read("scripts/config/tuning.conf", &c, &w), w);
	assert_memory_equal(&c, &defaults, sizeof(c));
	assert_int_equal(tuneconf_read(scratch_path("none.conf"), &c, &w), -ENOENT);
	assert_non_null(strstr(w.text, "none.conf"));
}

/* I1, I3, I5, N5, C27: the tables. T6, I8, C8: the rules. */
static void defaults_are_the_required_figures(void **state)
{
	(void)state;
	tuneconf_defaults(&c);
	assert_int_equal(c.medium_from_bytes, 16 * GIB);
	assert_int_equal(c.massive_above_bytes, 64 * GIB);
	assert_int_equal(c.profile[PROFILE_SMALL].swap_bytes, 8 * GIB);
	assert_int_equal(c.profile[PROFILE_MEDIUM].swap_bytes, 16 * GIB);
	assert_int_equal(c.profile[PROFILE_MASSIVE].swap_bytes, 32 * GIB);
	assert_int_equal(c.profile[PROFILE_SMALL].network_buffer_bytes, 4 * MIB);
	assert_int_equal(c.profile[PROFILE_MEDIUM].network_buffer_bytes, 16 * MIB);
	assert_int_equal(c.profile[PROFILE_MASSIVE].network_buffer_bytes, 33554432);
	assert_int_equal(c.profile[PROFILE_SMALL].batch_records, 500);
	assert_int_equal(c.profile[PROFILE_MEDIUM].batch_records, 2000);
	assert_int_equal(c.profile[PROFILE_MASSIVE].batch_records, 5000);
	assert_int_equal(c.swap_policy, SWAP_STRICT);
	assert_int_equal(c.swap_reserve_bytes, 5 * GIB);
	assert_int_equal(c.cpu_policy, CPU_HALVES);
	assert_int_equal(c.n_sysctls, 4);
	assert_string_equal(c.sysctl[0].key, "vm.swappiness");
	assert_string_equal(c.sysctl[0].value, "10");
	assert_string_equal(c.sysctl[1].key, "vm.vfs_cache_pressure");
	assert_string_equal(c.sysctl[1].value, "50");
	assert_string_equal(c.sysctl[2].key, "net.core.rmem_max");
	assert_string_equal(c.sysctl[2].value, TUNECONF_SYMBOL);
	assert_string_equal(c.sysctl[3].key, "fs.file-max");
	assert_string_equal(c.sysctl[3].value, "1000000");
	assert_int_equal(c.sysctl[3].profile, PROFILE_MASSIVE);
	assert_true(c.sysctl[2].raise && c.sysctl[3].raise);
	assert_false(c.sysctl[0].raise || c.sysctl[0].required);
}

static void extreme_values_are_taken(void **state)
{
	(void)state;
	takes("[profile]\nmedium-from=1G\nmassive-above=2G\n[profile.small]\nswap=0\nnetwork-buffer=1\nbatch=1\n"
	      "[profile.massive]\nswap=1T\nnetwork-buffer=2147483647\nbatch=1000000\n"
	      "[swap]\npolicy=guarantee\nguarantee=1G\nreserve=0\nsmallest=1M\ncount-existing=no\npath=/a/b-1\n"
	      "[cpu]\npolicy=reserve\nnumbering=linear\ndpi=no\ndpi-cpus=4\nnic=enp1s0f0\ntraining-cpus=0\n"
	      "training-from=16\ntraining-weight=0\nirq=no\npersist=yes\n"
	      "[database]\nper-core=3\nper-disk=0\nconnections=any 1-1\nshared-buffers-percent=100\n"
	      "shared-buffers-min=0\nshared-buffers-max=1024T\n");
}

static void every_value_arrives(void **state)
{
	(void)state;
	takes("[profile]\nmedium-from=1G\nmassive-above=2G\n[profile.medium]\nswap=3G\nnetwork-buffer=5K\nbatch=6\n"
	      "[swap]\npolicy=guarantee\nguarantee=1G\nreserve=7\nsmallest=8\ncount-existing=no\npath=/a/b-1\n"
	      "[cpu]\npolicy=reserve\nnumbering=linear\ndpi=no\ndpi-cpus=4\nnic=enp1s0f0\ntraining-cpus=0\n"
	      "training-from=16\ntraining-weight=9\nirq=no\npersist=yes\n"
	      "[database]\nper-core=3\nper-disk=4\nconnections=<=8G 1-2\nconnections=any 3-5\n"
	      "shared-buffers-percent=10\nshared-buffers-min=11\nshared-buffers-max=12\n"
	      "[feeds]\nworkers=<3 2\nworkers=any 7\n[disk]\nclaim=models 1G\n");
	assert_true(c.medium_from_bytes == GIB && c.massive_above_bytes == 2 * GIB);
	assert_int_equal(c.profile[PROFILE_MEDIUM].swap_bytes, 3 * GIB);
	assert_int_equal(c.profile[PROFILE_MEDIUM].network_buffer_bytes, 5 << 10);
	assert_int_equal(c.profile[PROFILE_MEDIUM].batch_records, 6);
	assert_int_equal(c.profile[PROFILE_SMALL].batch_records, 500);
	assert_int_equal(c.swap_policy, SWAP_GUARANTEE);
	assert_true(c.swap_guarantee_bytes == GIB && c.swap_reserve_bytes == 7 && c.swap_smallest_bytes == 8);
	assert_false(c.swap_count_existing);
	assert_int_equal(c.n_swap_paths, 1);
	assert_string_equal(c.swap_path[0], "/a/b-1");
	assert_true(c.cpu_policy == CPU_RESERVE && c.cpu_numbering == NUMBERING_LINEAR);
	assert_true(!c.dpi && c.dpi_cpus == 4 && c.training_cpus == 0 && c.training_from == 16);
	assert_true(c.training_weight == 9 && !c.irq && c.persist);
	assert_string_equal(c.nic, "enp1s0f0");
	assert_true(c.connections.per_core == 3 && c.connections.per_disk == 4 && c.connections.n_rows == 2);
	assert_true(c.connections.row[0].ram.inclusive && c.connections.row[0].ram.value == 8 * GIB);
	assert_true(c.connections.row[0].min == 1 && c.connections.row[0].max == 2);
	assert_true(c.connections.row[1].ram.any && c.connections.row[1].max == 5);
	assert_true(c.shared_buffers.percent == 10 && c.shared_buffers.min_bytes == 11);
	assert_int_equal(c.shared_buffers.max_bytes, 12);
	assert_true(c.workers.n_rows == 2 && c.workers.row[0].cores.value == 3 && c.workers.row[1].n == 7);
	assert_false(c.workers.row[0].cores.inclusive);
	assert_true(c.n_claims == 1 && c.claim[0].bytes == GIB);
	assert_string_equal(c.claim[0].name, "models");
}

/* A list that is given is the whole list; of rules, that of one section. */
static void lists_replace_the_default_ones(void **state)
{
	(void)state;
	takes("[disk]\nclaim=\n[sysctl]\nset=\n");
	assert_int_equal(c.n_claims, 0);
	assert_int_equal(c.n_sysctls, 1);
	assert_string_equal(c.sysctl[0].key, "fs.file-max");
	takes("[sysctl.massive]\nset=\n");
	assert_int_equal(c.n_sysctls, 3);
	takes("[sysctl]\nset=vm.swappiness = 1\nrequire=kernel.pid_max  >=  4194304\n[sysctl.small]\n"
	      "require=net.ipv4.tcp_rmem = 4096\t131072  $network-buffer\n");
	assert_int_equal(c.n_sysctls, 4);
	assert_string_equal(c.sysctl[0].key, "fs.file-max");
	assert_string_equal(c.sysctl[1].value, "1");
	assert_true(c.sysctl[2].required && c.sysctl[2].raise && c.sysctl[2].profile == PROFILE_COUNT);
	assert_string_equal(c.sysctl[2].value, "4194304");
	assert_true(c.sysctl[3].required && !c.sysctl[3].raise && c.sysctl[3].profile == PROFILE_SMALL);
	assert_string_equal(c.sysctl[3].value, "4096 131072 $network-buffer");
	takes("[database]\nconnections=<1G 1-2\nconnections=<=1G 1-3\nconnections=any 1-4\n");
	assert_int_equal(c.connections.n_rows, 3);
	takes("[swap]\npath=/1\npath=/2\npath=/3\npath=/4\n");
	assert_int_equal(c.n_swap_paths, 4);
}

static void every_bad_value_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "[profile]\nmedium-from=big\n", "t.conf:2: [profile] medium-from: 'big' is no size from" },
		{ "[profile]\nmedium-from=-1\n", "is no size" },
		{ "[profile]\nmedium-from=1025T\n", "is no size" },
		{ "[profile]\nmedium-from=99999999999999999999\n", "is no size" },
		{ "[profile]\nmedium-from=65G\n", "t.conf: [profile] medium-from is above massive-above" },
		{ "[profile.large]\nswap=1G\n", "profiles are small, medium and massive" },
		{ "[sysctl.large]\nset=a.b = 1\n", "profiles are small, medium and massive" },
		{ "[profile.small]\nnetwork-buffer=0\n", "is no size" },
		{ "[profile.small]\nnetwork-buffer=2G\n", "is no size" },
		{ "[profile.small]\nbatch=0\n", "'0' is no whole number from 1 to 1000000" },
		{ "[swap]\npolicy=Strict\n", "'Strict' is none of: strict, guarantee, profile" },
		{ "[swap]\npolicy=\n", "'' is none of" },
		{ "[swap]\ncount-existing=maybe\n", "'maybe' is neither yes nor no" },
		{ "[swap]\npath=\n", "is no absolute path" },
		{ "[swap]\npath=swapfile\n", "is no absolute path" },
		{ "[swap]\npath=/\n", "is no absolute path" },
		{ "[swap]\npath=/a/\n", "is no absolute path" },
		{ "[swap]\npath=/a//b\n", "is no absolute path" },
		{ "[swap]\npath=/a/../b\n", "is no absolute path" },
		{ "[swap]\npath=/a/..\n", "is no absolute path" },
		{ "[swap]\npath=/a b\n", "is no absolute path" },
		{ "[swap]\npath=/a\npath=/a\n", "t.conf:3: [swap] path: '/a' is given twice" },
		{ "[swap]\npath=/1\npath=/2\npath=/3\npath=/4\npath=/5\n", "t.conf:6: [swap] path: more than 4" },
		{ "[cpu]\npolicy=thirds\n", "none of: halves, reserve" },
		{ "[cpu]\nnumbering=bios\n", "none of: topology, linear" },
		{ "[cpu]\ndpi-cpus=0\n", "from 1 to 65536" },
		{ "[cpu]\ntraining-cpus=65537\n", "from 0 to 65536" },
		{ "[cpu]\ntraining-from=0\n", "from 1 to 65536" },
		{ "[cpu]\ntraining-weight=10001\n", "from 0 to 10000" },
		{ "[cpu]\nnic=a/b\n", "is no name of a network card" },
		{ "[cpu]\nnic=0123456789abcdef\n", "is no name of a network card" },
		{ "[database]\nconnections=any\n", "'any' is not RAM MIN-MAX" },
		{ "[database]\nconnections=16G 1-2\n", "'16G' is neither <NUMBER, <=NUMBER nor any" },
		{ "[database]\nconnections=<x 1-2\n", "is no size" },
		{ "[database]\nconnections=any 5\n", "'5' is no range MIN-MAX" },
		{ "[database]\nconnections=any 5-4\n", "'5-4' runs backwards" },
		{ "[database]\nconnections=any 0-4\n", "is no whole number" },
		{ "[database]\nconnections=any 1-2-3\n", "is no whole number" },
		{ "[database]\nconnections=<1G 1-2\n",
		  "t.conf: [database] the last of connections is not for any RAM" },
		{ "[database]\nconnections=any 1-2\nconnections=<1G 1-2\n", "'<1G' is within a row above" },
		{ "[database]\nconnections=<=1G 1-2\nconnections=<1G 1-2\n", "is within a row above" },
		{ "[database]\nconnections=<=1G 1-2\nconnections=<=1G 1-2\n", "is within a row above" },
		{ "[database]\nconnections=<1G 1-2\nconnections=<1G 1-2\n", "is within a row above" },
		{ "[database]\nconnections=<2G 1-2\nconnections=<=1G 1-2\n", "is within a row above" },
		{ "[database]\nconnections=any 1-2\nconnections=any 1-2\n", "is within a row above" },
		{ "[database]\nshared-buffers-percent=101\n", "from 0 to 100" },
		{ "[database]\nshared-buffers-min=17G\n", "shared-buffers-min is above shared-buffers-max" },
		{ "[feeds]\nworkers=any\n", "'any' is not CORES WORKERS" },
		{ "[feeds]\nworkers=any 0\n", "is no whole number" },
		{ "[feeds]\nworkers=<4 1\n", "the last of workers is not for any number of cores" },
		{ "[disk]\nclaim=x\n", "'x' is not NAME SIZE" },
		{ "[disk]\nclaim=X 1\n", "'X 1' is not NAME SIZE" },
		{ "[disk]\nclaim=x y\n", "is no size" },
		{ "[disk]\nclaim=x 1\nclaim=x 2\n", "'x' is given twice" },
		{ "[disk]\nclaim=0123456789abcdef0123456789abcdef 1\n", "is not NAME SIZE" },
		{ "[sysctl]\nset=vm.swappiness\n", "is neither KEY = VALUE nor KEY >= NUMBER" },
		{ "[sysctl]\nset=vm.swappiness=10\n", "is neither KEY = VALUE nor KEY >= NUMBER" },
		{ "[sysctl]\nset=vm.swappiness => 10\n", "is neither KEY = VALUE nor KEY >= NUMBER" },
		{ "[sysctl]\nset=vm.swappiness =\n", "is neither KEY = VALUE nor KEY >= NUMBER" },
		{ "[sysctl]\nset=swappiness = 10\n", "'swappiness' is no name of a kernel parameter" },
		{ "[sysctl]\nset=../x.y = 10\n", "is no name of a kernel parameter" },
		{ "[sysctl]\nset=vm/../x = 10\n", "is no name of a kernel parameter" },
		{ "[sysctl]\nset=vm..x = 10\n", "is no name of a kernel parameter" },
		{ "[sysctl]\nset=vm.x. = 10\n", "is no name of a kernel parameter" },
		{ "[sysctl]\nset=vm.x >= -1\n", "is no whole number" },
		{ "[sysctl]\nset=vm.x >= 1 2\n", "'1 2' is not one value" },
		{ "[sysctl]\nset=vm.x >= $ram\n", "'$ram' is unknown; $network-buffer is there" },
		{ "[sysctl]\nset=vm.x = 1 $network-buffers\n", "is unknown" },
		{ "[sysctl]\nset=vm.x = 1\xff\n", "is no plain text" },
		{ "[sysctl]\nset=vm.x = 012345678901234567890123456789012345678901234567\n",
		  "over the limit of 47 bytes" },
		{ "[sysctl]\nset=vm.x = 1\nrequire=vm.x = 2\n", "t.conf:3: [sysctl] require: vm.x is given twice" },
		{ "[swap]\nsize=16G\n", "unknown key 'size' in [swap]" },
		{ "[swap]\nreserve=1G\nreserve=2G\n", "[swap] reserve is given twice" },
		{ "[network]\nx=1\n", "unknown section [network]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuses(bad[i].text, bad[i].why);
}

static void fixtures_are_what_their_names_say(void **state)
{
	static const char *const files[] = { "ok-policies", "ok-rules", "bad-edges", "bad-row-within-another",
					     "bad-symbol" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[128];
		struct why w = { 0 };
		int r;

		(void)snprintf(path, sizeof(path), "tests/data/tuneconf/%s.conf", files[i]);
		r = tuneconf_read(path, &c, &w);
		if (r != (files[i][0] == 'o' ? 0 : -EBADMSG))
			fail_msg("%s: %d %s", path, r, w.text);
	}
}

static void tables_and_rules_have_limits(void **state)
{
	char text[8192];
	size_t n;

	(void)state;
	n = (size_t)snprintf(text, sizeof(text), "[sysctl]\nset=\n[sysctl.massive]\nset=\n[sysctl]\n");
	for (unsigned int i = 0; i < TUNECONF_SYSCTLS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "set=a.b%u = 1\n", i);
	takes(text);
	assert_int_equal(c.n_sysctls, TUNECONF_SYSCTLS);
	(void)snprintf(text + n, sizeof(text) - n, "set=a.c = 1\n");
	refuses(text, "more than 32 rules");

	n = (size_t)snprintf(text, sizeof(text), "[feeds]\n");
	for (unsigned int i = 1; i < TUNECONF_ROWS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "workers=<%u 1\n", i);
	(void)snprintf(text + n, sizeof(text) - n, "workers=any 2\n");
	takes(text);
	(void)snprintf(text + n, sizeof(text) - n, "workers=<98 1\nworkers=any 2\n");
	refuses(text, "more than 8");

	n = (size_t)snprintf(text, sizeof(text), "[database]\n");
	for (unsigned int i = 1; i <= TUNECONF_ROWS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "connections=<%u 1-2\n", i);
	(void)snprintf(text + n, sizeof(text) - n, "connections=any 1-2\n");
	refuses(text, "more than 8");

	n = (size_t)snprintf(text, sizeof(text), "[disk]\n");
	for (unsigned int i = 0; i <= TUNECONF_CLAIMS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "claim=c%u 1G\n", i);
	refuses(text, "more than 8");
}

static void product_is_read_from_the_system_conf(void **state)
{
	static const struct {
		const char *text, *why;
		int want;
	} bad[] = {
		{ "[system]\ncompatible=c\n", "[system] product is missing", -ENODATA },
		{ "[system]\nproduct=\n", "lower-case letters", -EBADMSG },
		{ "[system]\nproduct=-x\n", "lower-case letters", -EBADMSG },
		{ "[system]\nproduct=../x\n", "lower-case letters", -EBADMSG },
		{ "[system]\nproduct\n", ":2: neither", -EBADMSG },
	};
	const char *path = scratch_path("system.conf");
	char product[TUNECONF_PRODUCT] = "as it was";
	struct why w = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		w = (struct why){ 0 };
		assert_ok(file_replace(AT_FDCWD, path, bad[i].text, strlen(bad[i].text), 0600, &w), w);
		assert_int_equal(tuneconf_product(path, product, &w), bad[i].want);
		if (!strstr(w.text, bad[i].why) || w.exit != EXIT_USAGE)
			fail_msg("'%s': exit %d", w.text, w.exit);
		assert_string_equal(product, "as it was");
	}
	w = (struct why){ 0 };
	assert_ok(tuneconf_product("docs/examples/system.conf", product, &w), w);
	assert_string_equal(product, "example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_file_is_the_defaults_and_an_empty_one_too),
		cmocka_unit_test(defaults_are_the_required_figures),
		cmocka_unit_test(extreme_values_are_taken),
		cmocka_unit_test(every_value_arrives),
		cmocka_unit_test(lists_replace_the_default_ones),
		cmocka_unit_test(every_bad_value_is_refused_with_its_line),
		cmocka_unit_test(fixtures_are_what_their_names_say),
		cmocka_unit_test(tables_and_rules_have_limits),
		cmocka_unit_test(product_is_read_from_the_system_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
