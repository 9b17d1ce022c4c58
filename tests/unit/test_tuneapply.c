/*
 * Carrying out a plan, checking it, taking it back (tuning/tuneapply.h, tunelook.h, tunefiles.h): whole runs on a machine
 * below a scratch folder, with 8 CPUs, of which the kernel's part in swapping is played by a fake.
 */
#include "tuning/tuneapply.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "tests/support.h"
#include "tuning/dropin.h"
#include "tuning/tunefiles.h"

#define APP  "ransomeye"
#define MIB  (UINT64_C(1) << 20)
#define HEAD "Filename\tType\tSize\tUsed\tPriority\n"
#define UNIT "run/systemd/system/"

static struct tree tree;
static struct tuneconf conf;
static char root[300];

/* --- the machine --- */

static const char *in_root(const char *path)
{
	static char full[8][600];
	static unsigned int n;

	n = (n + 1) % 8;
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

static void is(const char *path, const char *want)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };

	assert_ok(tree_text(&tree, path, 65536, &text, &w), w);
	assert_string_equal(text, want);
}

static bool has(const char *path)
{
	return tree_has(&tree, path);
}

static struct {
	int fallocate; /* what it answers; 0: does it */
	bool die;
	unsigned int n_swapon;
} kernel;

static int fake_statfs(int fd, struct statfs *ret)
{
	int r = fstatfs(fd, ret);

	ret->f_type = EXT4_SUPER_MAGIC;
	ret->f_flags = 0;
	return r ? -errno : 0;
}

static int fake_fallocate(int fd, uint64_t bytes)
{
	if (kernel.die)
		IGNORE(raise(SIGKILL));
	return kernel.fallocate ? kernel.fallocate : -posix_fallocate(fd, 0, (off_t)bytes);
}

static int fake_swapon(const char *path, int flags)
{
	struct stat st;
	FILE *f = fopen(in_root("proc/swaps"), "ae");

	(void)flags;
	kernel.n_swapon++;
	assert_non_null(f);
	assert_int_equal(stat(path, &st), 0);
	(void)fprintf(f, "%s file %lld 0 10\n", path + strlen(root), (long long)(st.st_size - getpagesize()) / 1024);
	return fclose(f) ? -EIO : 0;
}

static int fake_swapoff(const char *path)
{
	(void)path;
	put("proc/swaps", HEAD);
	return 0;
}

static const struct swap_ops ops = { fake_statfs, fake_fallocate, fake_swapon, fake_swapoff };

static void put_cpus(void)
{
	put("sys/devices/system/cpu/online", "0-7\n");
	put("sys/devices/system/cpu/present", "0-7\n");
	put("proc/meminfo", "MemTotal: 4005620 kB\n");
	put("proc/self/cgroup", "0::/system.slice/tandem-early.service\n");
	put("proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				   "30 20 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
	put("sys/fs/cgroup/cpuset.cpus.effective", "0-7\n");
	put("sys/block/sda/size", "100000000\n");
	put("sys/block/sda/removable", "0\n");
	put("sys/block/sda/ro", "0\n");
	put("sys/block/sda/queue/rotational", "0\n");
	put("sys/class/block/sda1/partition", "1\n");
	assert_int_equal(mkdir(in_root("sys/dev"), 0755) | mkdir(in_root("sys/dev/block"), 0755), 0);
	assert_int_equal(mkdir(in_root("sys/block/sda/sda1"), 0755), 0);
	put("sys/block/sda/sda1/partition", "1\n");
	assert_int_equal(symlink("../../block/sda/sda1", in_root("sys/dev/block/8:1")), 0);
	put("tandem/statfs", "/ 4096 12000000 12000000\n");
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
	memset(&kernel, 0, sizeof(kernel));
	put_cpus();
	put("proc/swaps", HEAD);
	put("proc/sys/vm/swappiness", "60\n");
	put("proc/sys/vm/vfs_cache_pressure", "100\n");
	put("proc/sys/net/core/rmem_max", "212992\n");
	put("proc/irq/default_smp_affinity", "ff\n");
	put("proc/irq/9/smp_affinity_list", "0-7\n");
	put("etc/fstab", "UUID=1 / ext4 defaults 0 1\n");
	put("etc/sysctl.d/README", "x\n");
	assert_ok(tree_open(root, &tree, &w), w);
	tuneconf_defaults(&conf);
	conf.swap_policy = SWAP_PROFILE;
	conf.profile[PROFILE_SMALL].swap_bytes = 4 * MIB;
	conf.n_swap_paths = 1;
	return 0;
}

/* --- runs --- */

enum run { APPLY, CHECK };

struct outcome {
	int r;
	bool changed, refused;
	size_t same, done, warned, later, failed, left, notes;
	char why[400];
};

static void count(struct outcome *o, const struct tune_report *report)
{
	size_t *const to[] = { &o->same, &o->done, &o->warned, &o->later, &o->failed, &o->left };

	for (size_t i = 0; i < report->n_actions; i++)
		++*to[report->action[i].outcome];
	o->notes = report->n_notes;
	o->changed = report->changed;
}

static struct outcome carry_out(enum run what)
{
	AUTO_UNDOLOG kept = { 0 };
	AUTO_FACTS facts = { 0 };
	AUTO_TUNE_INPUT in = { 0 };
	AUTO_TUNEPLAN plan = { 0 };
	AUTO_TUNE_REPORT report = { 0 };
	struct outcome o = { 0 };
	struct why w = { 0 };
	struct tune_job job = {
		.tree = &tree, .ops = &ops, .facts = &facts, .conf = &conf, .plan = &plan, .product = APP, .kept = &kept
	};

	assert_ok(tune_undo_read(&tree, &kept, &w), w);
	assert_ok(tune_facts(&tree, &kept, &facts, &w), w);
	assert_ok(tune_look(&tree, &ops, &facts, &conf, APP, &in, &w), w);
	assert_ok(tuneplan_make(&facts, &conf, &in, APP, &plan, &w), w);
	o.r = what == APPLY ? tune_apply(&job, &report, &w) : tune_check(&job, &report, &w);
	o.refused = plan.refused;
	count(&o, &report);
	(void)snprintf(o.why, sizeof(o.why), "%s", w.text);
	return o;
}

static bool undo(void)
{
	AUTO_UNDOLOG kept = { 0 };
	struct tune_job job = { .tree = &tree, .ops = &ops, .conf = &conf, .product = APP, .kept = &kept };
	bool changed = false;
	struct why w = { 0 };

	assert_ok(tune_undo_read(&tree, &kept, &w), w);
	assert_ok(tune_undo(&job, &changed, &w), w);
	return changed;
}

/* --- apply --- */

/* T1, T2, T4, T6, I4, I7, I8: everything is made as planned. */
static void apply_makes_the_machine_as_planned(void **state)
{
	struct outcome o = carry_out(APPLY);

	(void)state;
	assert_int_equal(o.r, 0);
	assert_true(o.changed);
	assert_int_equal(o.failed + o.warned + o.left, 0);
	is("proc/swaps", HEAD "/swapfile file 4096 0 10\n");
	is("proc/sys/vm/swappiness", "10");
	is("proc/sys/vm/vfs_cache_pressure", "50");
	is("etc/fstab", "UUID=1 / ext4 defaults 0 1\n/swapfile none swap sw,pri=10,nofail 0 0\n");
	is(UNIT APP "-dpi.service.d/affinity.conf",
	   DROPIN_MARK "[Service]\nSlice=" APP ".slice\nAllowedCPUs=\nAllowedCPUs=0-3\n");
	is(UNIT APP "-training.service.d/cpu-isolation.conf",
	   DROPIN_MARK "[Service]\nSlice=" APP ".slice\nAllowedCPUs=\nAllowedCPUs=6-7\n");
	is(UNIT "init.scope.d/affinity.conf", DROPIN_MARK "[Scope]\nAllowedCPUs=\nAllowedCPUs=4-5\n");
	is("proc/irq/default_smp_affinity", "00000030");
	is("proc/irq/9/smp_affinity_list", "4-5");
	is(UNIT "irqbalance.service.d/" APP ".conf",
	   DROPIN_MARK "[Service]\nEnvironment=IRQBALANCE_BANNED_CPULIST=0-3,6-7\n");
}

static void apply_again_changes_nothing(void **state)
{
	struct outcome o;

	(void)state;
	assert_int_equal(carry_out(APPLY).r, 0);
	o = carry_out(APPLY);
	assert_int_equal(o.r, 0);
	assert_false(o.changed);
	assert_int_equal(o.done + o.warned + o.failed + o.left + o.notes, 0);
	assert_int_equal(kernel.n_swapon, 1);
}

/* What the first run does confines the second one; the plan is for the machine all the same. */
static void run_in_a_confined_group_still_plans_for_the_whole_machine(void **state)
{
	(void)state;
	assert_int_equal(carry_out(APPLY).r, 0);
	put("sys/fs/cgroup/system.slice/cpuset.cpus.effective", "4-5\n");
	assert_false(carry_out(APPLY).changed);
	assert_int_equal(carry_out(CHECK).done, 0);
}

/* The record of the first run is gone after a reboot, the drop-ins in /etc hold from its start. */
static void run_confined_since_boot_still_plans_for_the_whole_machine(void **state)
{

	(void)state;
	conf.persist = true;
	assert_int_equal(carry_out(APPLY).r, 0);
	put("sys/fs/cgroup/system.slice/cpuset.cpus.effective", "4-5\n");
	assert_int_equal(unlink(in_root("run/tandem/tune.undo")), 0);
	assert_false(carry_out(APPLY).changed);
	assert_true(has("etc/systemd/system/system.slice.d/affinity.conf"));
}

static void run_without_its_record_goes_by_the_dropins(void **state)
{
	(void)state;
	assert_int_equal(carry_out(APPLY).r, 0);
	put("sys/fs/cgroup/system.slice/cpuset.cpus.effective", "4-5\n");
	assert_int_equal(unlink(in_root("run/tandem/tune.undo")), 0);
	assert_false(carry_out(APPLY).changed);
}

/* irqbalance keeps off the product's CPUs also when one of them comes back later. */
static void cpu_that_is_off_is_banned_for_irqbalance(void **state)
{
	(void)state;
	put("sys/devices/system/cpu/present", "0-8\n");
	assert_int_equal(carry_out(APPLY).r, 0);
	is(UNIT "irqbalance.service.d/" APP ".conf",
	   DROPIN_MARK "[Service]\nEnvironment=IRQBALANCE_BANNED_CPULIST=0-3,6-8\n");
}

static void cpu_that_was_not_ours_stays_out_of_later_plans(void **state)
{
	AUTO_CPUSET excluded = { 0 };
	AUTO_UNDOLOG kept = { 0 };
	AUTO_FACTS facts = { 0 };
	AUTO_FREE char *usable = NULL;
	struct why w = { 0 };

	(void)state;
	put("sys/fs/cgroup/cpuset.cpus.effective", "0-3,6-7\n");
	put("sys/fs/cgroup/system.slice/cpuset.cpus.effective", "0-3,6-7\n");
	assert_int_equal(carry_out(APPLY).r, 0);
	put("sys/fs/cgroup/system.slice/cpuset.cpus.effective", "6\n");
	assert_ok(tune_undo_read(&tree, &kept, &w), w);
	assert_ok(tune_facts(&tree, &kept, &facts, &w), w);
	usable = cpuset_format(&facts.usable);
	assert_string_equal(usable, "0-3,6-7");
}

static void key_that_comes_later_is_set_then(void **state)
{
	struct outcome o;

	(void)state;
	conf.sysctl[conf.n_sysctls] = (struct sysctl_rule){ .profile = PROFILE_COUNT,
							    .key = "net.netfilter.nf_conntrack_max",
							    .value = "65536" };
	conf.n_sysctls++;
	assert_int_equal(carry_out(APPLY).r, 0);
	o = carry_out(APPLY);
	assert_true(o.later > 0);
	assert_false(o.changed);
	put("proc/sys/net/netfilter/nf_conntrack_max", "1\n");
	o = carry_out(APPLY);
	assert_int_equal(o.done, 1);
	is("proc/sys/net/netfilter/nf_conntrack_max", "65536");
}

/* C8: systemd-sysctl would lower what was raised meanwhile. */
static void file_for_systemd_sysctl_leaves_out_what_is_only_raised(void **state)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(carry_out(APPLY).r, 0);
	assert_ok(tree_text(&tree, "etc/sysctl.d/99-" APP ".conf", 4096, &text, &w), w);
	assert_non_null(strstr(text, "\nvm.swappiness = 10\n"));
	assert_null(strstr(text, "\nnet.core.rmem_max"));
	assert_non_null(strstr(text, "\n# net.core.rmem_max: only ever raised"));
}

static void machine_without_a_writable_etc_gets_its_file_in_run(void **state)
{
	const char *const drop[] = { "etc/sysctl.d/README", "etc/sysctl.d", "etc/fstab", "etc" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(drop); i++)
		assert_int_equal(remove(in_root(drop[i])), 0);
	assert_int_equal(carry_out(APPLY).r, 0);
	assert_true(has("run/sysctl.d/99-" APP ".conf"));
	assert_false(carry_out(APPLY).changed);
}

/* The root of an appliance is an image: what is written there does not stay. */
static void appliance_gets_no_line_in_fstab(void **state)
{
	(void)state;
	put("run/tandem/boot", "[boot]\n");
	assert_int_equal(carry_out(APPLY).r, 0);
	is("etc/fstab", "UUID=1 / ext4 defaults 0 1\n");
}

static void line_that_is_in_fstab_is_not_added_again(void **state)
{
	static const char text[] = "UUID=1 / ext4 defaults 0 1\n/swapfile swap swap defaults 0 0\n";

	(void)state;
	put("etc/fstab", text);
	assert_int_equal(carry_out(APPLY).r, 0);
	is("etc/fstab", text);
}

/* --- failures --- */

static void plan_that_is_refused_is_not_carried_out(void **state)
{
	struct outcome o;

	(void)state;
	conf.swap_policy = SWAP_STRICT;
	put("tandem/statfs", "/ 4096 12000000 1000\n");
	o = carry_out(APPLY);
	assert_true(o.refused);
	assert_int_equal(o.r, -ENOSPC);
	assert_true(o.why[0]);
	assert_int_equal(o.failed, 1);
	assert_int_equal(o.done + o.same, 0);
	assert_false(has("swapfile") || has("run/systemd") || has("run/tandem/tune.undo"));
	is("proc/sys/vm/swappiness", "60\n");
	assert_int_equal(carry_out(CHECK).failed, 1);
}

/* T5: what is required and fails ends it. */
static void required_swap_that_fails_ends_the_run(void **state)
{
	struct outcome o;

	(void)state;
	conf.swap_policy = SWAP_GUARANTEE;
	conf.swap_guarantee_bytes = 4 * (UINT64_C(1) << 30);
	kernel.fallocate = -ENOSPC;
	o = carry_out(APPLY);
	assert_int_equal(o.r, -ENOSPC);
	assert_int_equal(o.failed, 1);
	assert_true(o.left > 0);
	assert_false(has("swapfile") || has("run/systemd"));
}

/* I6: by the profile alone, it is a warning, and the rest is done. */
static void swap_that_is_not_required_and_fails_is_a_warning(void **state)
{
	struct outcome o;

	(void)state;
	kernel.fallocate = -ENOSPC;
	o = carry_out(APPLY);
	assert_int_equal(o.r, 0);
	assert_int_equal(o.warned, 1);
	assert_false(has("swapfile"));
	is("proc/sys/vm/swappiness", "10");
}

static void dropin_of_somebody_else_is_a_warning(void **state)
{
	(void)state;
	put(UNIT "user.slice.d/affinity.conf", "[Slice]\n");
	assert_int_equal(carry_out(APPLY).warned, 1);
	is(UNIT "user.slice.d/affinity.conf", "[Slice]\n");
}

/* C13: killed in the middle: nothing is half-made, what was is kept, the next run goes on. */
static void killed_run_leaves_nothing_half_made(void **state)
{
	pid_t child = fork();
	int status = 0;

	(void)state;
	if (child == 0) {
		kernel.die = true;
		IGNORE(carry_out(APPLY).r);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_false(has("swapfile"));
	assert_true(has("run/tandem/tune.undo"));
	assert_int_equal(carry_out(APPLY).r, 0);
	assert_true(has("swapfile"));
	assert_true(undo());
	is("proc/sys/vm/swappiness", "60");
}

static void damaged_record_is_an_error_that_names_it(void **state)
{
	AUTO_UNDOLOG kept = { 0 };
	struct why w = { 0 };

	(void)state;
	put("run/tandem/tune.undo", "sysctl\n");
	assert_int_equal(tune_undo_read(&tree, &kept, &w), -EBADMSG);
	assert_non_null(strstr(w.text, "run/tandem/tune.undo: line 1"));
}

/* --- C10 --- */

static void machine_without_cpuset_gets_affinity_and_a_warning(void **state)
{
	struct outcome o;

	(void)state;
	assert_int_equal(unlink(in_root("sys/fs/cgroup/cgroup.controllers")), 0);
	put("sys/fs/cgroup/cpuset/tasks", "");
	put("proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	o = carry_out(APPLY);
	assert_int_equal(o.r, 0);
	assert_true(o.warned > 0);
	is(UNIT APP "-core.service.d/affinity.conf",
	   DROPIN_MARK "[Service]\nSlice=" APP ".slice\nCPUAffinity=\nCPUAffinity=4-5\n");
	assert_false(has(UNIT "system.slice.d"));
	o = carry_out(APPLY);
	assert_false(o.changed);
}

/* --- check --- */

static void check_before_says_what_there_is_to_do_and_does_nothing(void **state)
{
	struct outcome o = carry_out(CHECK);

	(void)state;
	assert_int_equal(o.r, 0);
	assert_true(o.done >= 9);
	assert_true(o.changed);
	assert_false(has("swapfile") || has("run") || has("etc/sysctl.d/99-" APP ".conf"));
	is("proc/sys/vm/swappiness", "60\n");
	is("proc/irq/default_smp_affinity", "ff\n");
}

static void check_finds_each_drift(void **state)
{
	static const struct {
		const char *path, *text;
	} drift[] = {
		{ "proc/sys/vm/swappiness", "60\n" },
		{ "proc/swaps", HEAD },
		{ "etc/fstab", "" },
		{ "etc/sysctl.d/99-" APP ".conf", DROPIN_MARK },
		{ UNIT APP "-core.service.d/affinity.conf", DROPIN_MARK "[Service]\nAllowedCPUs=1\n" },
		{ UNIT "irqbalance.service.d/" APP ".conf", DROPIN_MARK },
		{ "proc/irq/default_smp_affinity", "ff\n" },
		{ "sys/fs/cgroup/init.scope/cpuset.cpus.effective", "0-7\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(drift); i++) {
		assert_int_equal(fresh(state), 0);
		assert_int_equal(carry_out(APPLY).r, 0);
		assert_false(carry_out(CHECK).changed);
		put(drift[i].path, drift[i].text);
		if (!carry_out(CHECK).changed)
			fail_msg("%s: not found", drift[i].path);
	}
}

/* --- undo --- */

static void undo_puts_everything_back(void **state)
{
	(void)state;
	assert_int_equal(carry_out(APPLY).r, 0);
	put("sys/fs/cgroup/system.slice/cpuset.cpus", "4-5\n"); /* systemd leaves it there */
	put("sys/fs/cgroup/user.slice/cpuset.cpus", "\n");
	put("proc/sys/vm/swappiness", "20\n"); /* somebody's since; undo goes to what was before */
	assert_true(undo());
	is("proc/swaps", HEAD);
	is("proc/sys/vm/swappiness", "60");
	is("proc/sys/vm/vfs_cache_pressure", "100");
	is("proc/irq/default_smp_affinity", "000000ff");
	is("proc/irq/9/smp_affinity_list", "0-7");
	is("sys/fs/cgroup/system.slice/cpuset.cpus", "0-7");
	is("sys/fs/cgroup/user.slice/cpuset.cpus", "\n");
	is("etc/fstab", "UUID=1 / ext4 defaults 0 1\n");
	assert_false(has("swapfile") || has("etc/sysctl.d/99-" APP ".conf") || has("run/tandem/tune.undo"));
	assert_false(has(UNIT "system.slice.d") || has(UNIT APP "-dpi.service.d") || has(UNIT "irqbalance.service.d"));
	assert_false(undo());
}

static void undo_of_two_runs_goes_to_before_the_first(void **state)
{
	(void)state;
	assert_int_equal(carry_out(APPLY).r, 0);
	conf.sysctl[0].value[0] = '5'; /* 50 */
	assert_int_equal(carry_out(APPLY).done, 1);
	is("proc/sys/vm/swappiness", "50");
	assert_true(undo());
	is("proc/sys/vm/swappiness", "60");
}

static void undo_leaves_what_is_not_ours(void **state)
{
	(void)state;
	put("swapfile", "precious");
	put("etc/sysctl.d/99-" APP ".conf", "vm.swappiness = 1\n");
	put(UNIT "user.slice.d/affinity.conf", "[Slice]\n");
	assert_false(undo());
	is("swapfile", "precious");
	is("etc/sysctl.d/99-" APP ".conf", "vm.swappiness = 1\n");
}

#define T(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(apply_makes_the_machine_as_planned),
		T(apply_again_changes_nothing),
		T(run_in_a_confined_group_still_plans_for_the_whole_machine),
		T(run_confined_since_boot_still_plans_for_the_whole_machine),
		T(run_without_its_record_goes_by_the_dropins),
		T(cpu_that_is_off_is_banned_for_irqbalance),
		T(cpu_that_was_not_ours_stays_out_of_later_plans),
		T(key_that_comes_later_is_set_then),
		T(file_for_systemd_sysctl_leaves_out_what_is_only_raised),
		T(machine_without_a_writable_etc_gets_its_file_in_run),
		T(appliance_gets_no_line_in_fstab),
		T(line_that_is_in_fstab_is_not_added_again),
		T(plan_that_is_refused_is_not_carried_out),
		T(required_swap_that_fails_ends_the_run),
		T(swap_that_is_not_required_and_fails_is_a_warning),
		T(dropin_of_somebody_else_is_a_warning),
		T(killed_run_leaves_nothing_half_made),
		T(damaged_record_is_an_error_that_names_it),
		T(machine_without_cpuset_gets_affinity_and_a_warning),
		T(check_before_says_what_there_is_to_do_and_does_nothing),
		T(check_finds_each_drift),
		T(undo_puts_everything_back),
		T(undo_of_two_runs_goes_to_before_the_first),
		T(undo_leaves_what_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
