/* Which CPUs units get (tuning/isolate.h), on trees of several kinds of machine; affinity of a process of our own. */
#include "tuning/isolate.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/io.h"
#include "tests/support.h"
#include "tuning/dropin.h"

#define APP    "ransomeye"
#define GROUPS "sys/fs/cgroup/"

static struct tree tree;
static char root[300];

static const char *in_root(const char *path)
{
	static char full[4][600];
	static unsigned int n;

	n = (n + 1) % 4;
	(void)snprintf(full[n], sizeof(full[n]), "%s/%s", root, path);
	return full[n];
}

static void put(const char *path, const char *text)
{
	struct why w = { 0 };
	char folder[600];

	(void)snprintf(folder, sizeof(folder), "%s", in_root(path));
	*strrchr(folder, '/') = '\0';
	assert_ok(dir_make(folder, 0755, &w), w);
	assert_ok(file_replace(AT_FDCWD, in_root(path), text, strlen(text), 0644, &w), w);
}

static int fresh(void **state)
{
	static unsigned int n;
	struct why w = { 0 };
	char name[32];

	(void)state;
	if (n)
		tree_close(&tree);
	(void)snprintf(name, sizeof(name), "root%u", n++);
	(void)snprintf(root, sizeof(root), "%s", scratch_path(name));
	assert_ok(dir_make(root, 0755, &w), w);
	assert_ok(tree_open(root, &tree, &w), w);
	return 0;
}

static void is(const char *path, const char *want)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };

	assert_ok(tree_text(&tree, path, 4096, &text, &w), w);
	assert_string_equal(text, want);
}

static struct isolate of_version_2(void)
{
	struct isolate i;

	put(GROUPS "cgroup.controllers", "cpuset cpu io memory\n");
	isolate_init(&i, &tree, APP, false);
	assert_true(i.cpuset);
	assert_false(i.manager); /* a tree has none */
	return i;
}

static bool set(const struct isolate *i, const char *unit, const char *cpus)
{
	bool changed = false;
	struct why w = { 0 };

	assert_ok(isolate_unit(i, unit, cpus, 0, &changed, &w), w);
	return changed;
}

static const char *now(const struct isolate *i, const char *unit)
{
	static char list[600];
	AUTO_FREE char *cpus = NULL;
	unsigned int weight = 1;
	struct why w = { 0 };

	assert_ok(isolate_now(i, unit, &cpus, &weight, &w), w);
	assert_int_equal(weight, 0);
	(void)snprintf(list, sizeof(list), "%s", cpus);
	return list;
}

/* --- cpusets --- */

/* T4: AllowedCPUs=, both file names; I4: the product's own slice. */
static void service_gets_its_cpus_and_slice_under_both_names(void **state)
{
	const struct isolate i = of_version_2();
	struct tree_path target;
	struct why w = { 0 };

	(void)state;
	assert_true(set(&i, APP "-dpi.service", "0-3"));
	is("run/systemd/system/" APP "-dpi.service.d/affinity.conf",
	   DROPIN_MARK "[Service]\nSlice=" APP ".slice\nAllowedCPUs=\nAllowedCPUs=0-3\n");
	assert_ok(tree_link(&tree, "run/systemd/system/" APP "-dpi.service.d/cpu-isolation.conf", &target, &w), w);
	assert_string_equal(target.s, "affinity.conf");
	assert_string_equal(now(&i, APP "-dpi.service"), "0-3");
}

static void slices_and_scope_get_theirs(void **state)
{
	const struct isolate i = of_version_2();

	(void)state;
	assert_true(set(&i, "system.slice", "4-5"));
	assert_true(set(&i, "init.scope", "5,4"));
	is("run/systemd/system/system.slice.d/affinity.conf", DROPIN_MARK "[Slice]\nAllowedCPUs=\nAllowedCPUs=4-5\n");
	is("run/systemd/system/init.scope.d/affinity.conf", DROPIN_MARK "[Scope]\nAllowedCPUs=\nAllowedCPUs=4-5\n");
}

static void same_again_changes_nothing(void **state)
{
	const struct isolate i = of_version_2();

	(void)state;
	assert_true(set(&i, "system.slice", "4-5"));
	assert_false(set(&i, "system.slice", "4,5"));
	assert_true(set(&i, "system.slice", "4-6"));
}

static void unit_without_dropin_has_nothing(void **state)
{
	const struct isolate i = of_version_2();

	(void)state;
	assert_string_equal(now(&i, "system.slice"), "");
	put(GROUPS "system.slice/cpuset.cpus.effective", "0-7\n");
	assert_string_equal(now(&i, "system.slice"), "");
}

/* What the kernel has counts for a unit that runs: a CPU that went offline shows. */
static void kernel_has_the_last_word(void **state)
{
	const struct isolate i = of_version_2();

	(void)state;
	IGNORE(set(&i, "system.slice", "4-5"));
	put(GROUPS "system.slice/cpuset.cpus.effective", "4-5\n");
	assert_string_equal(now(&i, "system.slice"), "4-5");
	put(GROUPS "system.slice/cpuset.cpus.effective", "5\n");
	assert_string_equal(now(&i, "system.slice"), "5");
}

static void running_service_is_looked_up_in_the_products_slice(void **state)
{
	struct isolate i = of_version_2();
	struct why w = { 0 };

	(void)state;
	IGNORE(set(&i, APP "-core.service", "4-5"));
	assert_ok(isolate_verify(&i, APP "-core.service", "4-5", &w), w); /* does not run */
	put(GROUPS APP ".slice/" APP "-core.service/cpuset.cpus.effective", "0-7\n");
	assert_string_equal(now(&i, APP "-core.service"), "0-7");
	assert_int_equal(isolate_verify(&i, APP "-core.service", "4-5", &w), -EIO);
	assert_non_null(strstr(w.text, "runs on CPUs 0-7, not on 4-5"));
	put(GROUPS APP ".slice/" APP "-core.service/cpuset.cpus.effective", "4-5\n");
	assert_ok(isolate_verify(&i, APP "-core.service", "4-5", &w), w);
	i.product = "acme-eye"; /* systemd nests acme-eye.slice in acme.slice */
	put(GROUPS "acme.slice/acme-eye.slice/acme-eye-core.service/cpuset.cpus.effective", "1\n");
	assert_int_equal(isolate_verify(&i, "acme-eye-core.service", "4-5", NULL), -EIO);
}

static void service_that_runs_since_before_has_to_be_restarted(void **state)
{
	const struct isolate i = of_version_2();
	struct why w = { 0 };

	(void)state;
	IGNORE(set(&i, APP "-core.service", "4-5"));
	put(GROUPS "system.slice/cpuset.cpus.effective", "0-1\n");
	put(GROUPS "system.slice/" APP "-core.service/cgroup.procs", "77\n");
	assert_string_equal(now(&i, APP "-core.service"), "0-1");
	assert_int_equal(isolate_verify(&i, APP "-core.service", "4-5", &w), -EAGAIN);
}

static void persistent_dropins_take_the_place_of_the_others(void **state)
{
	struct isolate i = of_version_2();

	(void)state;
	IGNORE(set(&i, "system.slice", "4-5"));
	i.persist = true;
	assert_true(set(&i, "system.slice", "4-5"));
	assert_false(tree_has(&tree, "run/systemd/system/system.slice.d"));
	assert_true(tree_has(&tree, "etc/systemd/system/system.slice.d/cpu-isolation.conf"));
	assert_false(set(&i, "system.slice", "4-5"));
	i.persist = false;
	assert_true(set(&i, "system.slice", "4-5"));
	assert_false(tree_has(&tree, "etc/systemd/system/system.slice.d"));
}

static void dropped_unit_has_no_files(void **state)
{
	const struct isolate i = of_version_2();
	bool changed = false;
	struct why w = { 0 };

	(void)state;
	IGNORE(set(&i, "system.slice", "4-5"));
	assert_ok(isolate_drop(&i, "system.slice", &changed, &w), w);
	assert_true(changed);
	assert_false(tree_has(&tree, "run/systemd/system/system.slice.d"));
	changed = false;
	assert_ok(isolate_drop(&i, "system.slice", &changed, &w), w);
	assert_false(changed);
}

static void unit_with_neither_cpus_nor_weight_has_no_files(void **state)
{
	const struct isolate i = of_version_2();

	(void)state;
	assert_true(set(&i, "system.slice", "4-5"));
	assert_true(set(&i, "system.slice", ""));
	assert_false(tree_has(&tree, "run/systemd/system/system.slice.d"));
	assert_false(set(&i, "system.slice", ""));
}

/* On few CPUs training shares core's, with low weight, and maybe all of them with everything. */
static void weight_is_written_and_read_again(void **state)
{
	const struct isolate i = of_version_2();
	AUTO_FREE char *cpus = NULL, *none = NULL;
	unsigned int weight = 0;
	bool changed = false;
	struct why w = { 0 };

	(void)state;
	assert_ok(isolate_unit(&i, APP "-training.service", "2-3", 20, &changed, &w), w);
	assert_true(changed);
	is("run/systemd/system/" APP "-training.service.d/affinity.conf",
	   DROPIN_MARK "[Service]\nSlice=" APP ".slice\nAllowedCPUs=\nAllowedCPUs=2-3\nCPUWeight=20\n");
	assert_ok(isolate_now(&i, APP "-training.service", &cpus, &weight, &w), w);
	assert_string_equal(cpus, "2-3");
	assert_int_equal(weight, 20);
	assert_ok(isolate_unit(&i, APP "-training.service", "", 30, &changed, &w), w);
	is("run/systemd/system/" APP "-training.service.d/affinity.conf", DROPIN_MARK "[Service]\nCPUWeight=30\n");
	assert_ok(isolate_now(&i, APP "-training.service", &none, &weight, &w), w);
	assert_string_equal(none, "");
	assert_int_equal(weight, 30);
}

static void dropin_of_somebody_else_is_left_alone(void **state)
{
	const struct isolate i = of_version_2();
	bool changed = false;

	(void)state;
	put("run/systemd/system/system.slice.d/affinity.conf", "[Slice]\nAllowedCPUs=0\n");
	assert_string_equal(now(&i, "system.slice"), "");
	assert_int_equal(isolate_unit(&i, "system.slice", "1", 0, &changed, NULL), -EEXIST);
}

static void list_that_is_none_is_refused(void **state)
{
	static const char *const lists[] = { "x", "3-1", "0,", "0-70000" };
	const struct isolate i = of_version_2();
	bool changed = false;

	(void)state;
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		struct why w = { 0 };

		assert_int_not_equal(isolate_unit(&i, "system.slice", lists[l], 0, &changed, &w), 0);
		assert_non_null(strstr(w.text, "system.slice"));
	}
	assert_false(changed);
}

static void text_of_the_kernel_that_cannot_be_is_an_error(void **state)
{
	const struct isolate i = of_version_2();
	char *list = NULL;
	unsigned int weight;

	(void)state;
	IGNORE(set(&i, "system.slice", "4-5"));
	put(GROUPS "system.slice/cpuset.cpus.effective", "all of them\n");
	assert_int_equal(isolate_now(&i, "system.slice", &list, &weight, NULL), -EBADMSG);
	assert_null(list);
}

/* --- which machines have cpusets --- */

static void machine_is_told_by_what_it_has(void **state)
{
	static const struct {
		const char *path[3], *text[3];
		bool cpuset;
	} table[] = {
		/* systemd runs: its hierarchy says */
		{ { GROUPS "cgroup.controllers" }, { "cpuset cpu\n" }, true },
		{ { GROUPS "cgroup.controllers" }, { "cpu memory cpusetx\n" }, false },
		{ { GROUPS "cpuset/tasks" }, { "" }, false },
		/* before systemd: the kernel says, and the command line */
		{ { "proc/filesystems", "proc/cgroups" },
		  { "nodev\tcgroup\nnodev\tcgroup2\n",
		    "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\n" },
		  true },
		{ { "proc/filesystems", "proc/cgroups", "proc/cmdline" },
		  { "nodev\tcgroup2\n", "#subsys_name\tx\ncpuset\t0\t1\t1\n",
		    "quiet systemd.unified_cgroup_hierarchy=0\n" },
		  false },
		{ { "proc/filesystems", "proc/cgroups" },
		  { "nodev\tcgroup2\n", "#subsys_name\tx\ncpuset\t3\t1\t1\n" },
		  false },
		{ { "proc/filesystems", "proc/cgroups" },
		  { "nodev\tcgroup2\n", "#subsys_name\tx\ncpuset\t0\t1\t0\n" },
		  false },
		{ { "proc/filesystems", "proc/cgroups" }, { "nodev\tcgroup2\n", "nonsense" }, false },
		{ { "proc/filesystems" }, { "nodev\tcgroup\n" }, false },
		{ { "proc/version" }, { "" }, false },
	};

	for (size_t m = 0; m < ARRAY_SIZE(table); m++) {
		struct isolate i;

		assert_int_equal(fresh(state), 0);
		for (size_t f = 0; f < 3 && table[m].path[f]; f++)
			put(table[m].path[f], table[m].text[f]);
		isolate_init(&i, &tree, APP, false);
		if (i.cpuset != table[m].cpuset || (i.why[0] == '\0') != i.cpuset)
			fail_msg("machine %zu: %s", m, i.why);
	}
}

/* --- without cpusets (C10) --- */

static struct isolate of_version_1(void)
{
	struct isolate i;

	put(GROUPS "cpuset/tasks", "");
	isolate_init(&i, &tree, APP, false);
	assert_false(i.cpuset);
	assert_int_equal(i.init, 0);
	return i;
}

static void service_gets_affinity_instead(void **state)
{
	const struct isolate i = of_version_1();

	(void)state;
	assert_true(set(&i, APP "-dpi.service", "0-3"));
	is("run/systemd/system/" APP "-dpi.service.d/affinity.conf",
	   DROPIN_MARK "[Service]\nSlice=" APP ".slice\nCPUAffinity=\nCPUAffinity=0-3\n");
	assert_string_equal(now(&i, APP "-dpi.service"), "0-3");
	assert_false(set(&i, APP "-dpi.service", "0-3"));
}

static void slice_without_cpuset_and_without_init_changes_nothing(void **state)
{
	const struct isolate i = of_version_1();

	(void)state;
	assert_false(set(&i, "system.slice", "0"));
	assert_false(tree_has(&tree, "run"));
}

/* A process of ours stands for PID 1: the kernel takes what we set, and says it again. */
static void init_is_set_where_slices_cannot_be(void **state)
{
	struct isolate i = of_version_1();
	AUTO_CPUSET mine = { 0 };
	AUTO_FREE char *list = NULL;
	char first[600];
	struct why w = { 0 };
	pid_t child;

	(void)state;
	assert_ok(isolate_affinity(0, &mine, &w), w);
	list = cpuset_format(&mine);
	child = fork();
	if (child == 0)
		for (;;)
			(void)pause();
	i.init = child;
	(void)snprintf(first, sizeof(first), "%s\n", list);
	put("sys/devices/system/cpu/online", first);
	(void)snprintf(first, sizeof(first), "%u", cpuset_next(&mine, 0));
	assert_string_equal(now(&i, "init.scope"), "");
	assert_int_equal(set(&i, "init.scope", first), cpuset_count(&mine) > 1);
	assert_string_equal(now(&i, "system.slice"), cpuset_count(&mine) > 1 ? first : "");
	assert_false(set(&i, "system.slice", first));
	assert_int_equal(set(&i, "user.slice", ""), cpuset_count(&mine) > 1);
	assert_string_equal(now(&i, "user.slice"), "");
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(isolate_unit(&i, "init.scope", first, 0, &(bool){ false }, NULL), -ESRCH);
}

static void lists_of_the_same_cpus_are_the_same(void **state)
{
	(void)state;
	assert_true(isolate_same("0-3,5", "5,0,1,2-3"));
	assert_false(isolate_same("0-3", "0-4"));
	assert_false(isolate_same("x", "x"));
}

#define T(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(service_gets_its_cpus_and_slice_under_both_names),
		T(slices_and_scope_get_theirs),
		T(same_again_changes_nothing),
		T(unit_without_dropin_has_nothing),
		T(kernel_has_the_last_word),
		T(running_service_is_looked_up_in_the_products_slice),
		T(service_that_runs_since_before_has_to_be_restarted),
		T(persistent_dropins_take_the_place_of_the_others),
		T(dropped_unit_has_no_files),
		T(unit_with_neither_cpus_nor_weight_has_no_files),
		T(weight_is_written_and_read_again),
		T(dropin_of_somebody_else_is_left_alone),
		T(list_that_is_none_is_refused),
		T(text_of_the_kernel_that_cannot_be_is_an_error),
		T(machine_is_told_by_what_it_has),
		T(service_gets_affinity_instead),
		T(slice_without_cpuset_and_without_init_changes_nothing),
		T(init_is_set_where_slices_cannot_be),
		T(lists_of_the_same_cpus_are_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
