/*
 * What the machine is (tuning/facts.h), on captured and on synthetic trees.
 *
 * Captures under tests/data/facts are of real kernels (scripts/capture-facts); each names its machine in its first line.
 * What no machine here has (256 CPUs, Intel and Arm hybrids, several dies) is laid out by the generator below; those are
 * synthetic, after the way hwloc describes machines: packages, nodes, cores, threads, and how they are numbered.
 */
#include "tuning/facts.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/proc.h"
#include "tests/support.h"

#define GIB      (UINT64_C(1) << 30)
#define NO_LIMIT UINT64_MAX

/* --- trees --- */

static const char *fresh_tree(void)
{
	static unsigned int n;
	char name[32];

	(void)snprintf(name, sizeof(name), "tree%u", n++);
	return scratch_path(name);
}

/* Write one file of a tree; folders are made. */
static void PRINTF(3, 4) put(const char *root, const char *path, const char *fmt, ...)
{
	char full[PATH_MAX], folder[PATH_MAX];
	struct why w = { 0 };
	va_list ap;
	FILE *f;

	assert_true(snprintf(full, sizeof(full), "%s/%s", root, path) < PATH_MAX);
	memcpy(folder, full, sizeof(folder));
	*strrchr(folder, '/') = '\0';
	f = fopen(full, "we");
	if (!f) {
		assert_ok(dir_make(folder, 0755, &w), w);
		f = fopen(full, "we");
	}
	assert_non_null(f);
	va_start(ap, fmt);
	(void)vfprintf(f, fmt, ap);
	va_end(ap);
	assert_int_equal(fclose(f), 0);
}

static void put_link(const char *root, const char *path, const char *target)
{
	char full[PATH_MAX];

	put(root, path, "x"); /* makes the folders */
	assert_true(snprintf(full, sizeof(full), "%s/%s", root, path) < PATH_MAX);
	assert_int_equal(unlink(full) | symlink(target, full), 0);
}

static void drop(const char *root, const char *path)
{
	char full[PATH_MAX];
	const char *const argv[] = { "rm", "-r", full, NULL };
	struct why w = { 0 };

	assert_true(snprintf(full, sizeof(full), "%s/%s", root, path) < PATH_MAX);
	assert_ok(proc_must(argv, 0, &w), w);
}

/* Take a file or folder out of a tree, and put it back. */
static void move(const char *root, const char *path, bool away)
{
	char here[PATH_MAX], there[PATH_MAX];

	assert_true(snprintf(here, sizeof(here), "%s/%s", root, path) < PATH_MAX);
	assert_true(snprintf(there, sizeof(there), "%s/away", scratch()) < PATH_MAX);
	assert_int_equal(rename(away ? here : there, away ? there : here), 0);
}

static const char *unpack(const char *name)
{
	const char *root = fresh_tree();
	char file[PATH_MAX];
	const char *const argv[] = { "scripts/capture-facts", "--unpack", file, root, NULL };
	struct why w = { 0 };

	(void)snprintf(file, sizeof(file), "tests/data/facts/%s.txt", name);
	assert_ok(proc_must(argv, 60000, &w), w);
	return root;
}

/* A machine to be laid out. */
struct shape {
	unsigned int packages, nodes, cores, threads; /* nodes and cores of each package, threads of each core */
	bool by_thread;      /* Linux' usual numbering: all first threads, then all second ones */
	unsigned int blocks; /* of memory */
	uint64_t block_bytes;
	uint64_t kernel_kib; /* MemTotal */
};

static unsigned int cpu_number(const struct shape *s, unsigned int core, unsigned int thread)
{
	return s->by_thread ? thread * s->packages * s->cores + core : core * s->threads + thread;
}

static void put_core(const char *root, const struct shape *s, unsigned int core)
{
	char siblings[200] = "", path[200];

	for (unsigned int t = 0; t < s->threads; t++)
		(void)snprintf(siblings + strlen(siblings), sizeof(siblings) - strlen(siblings), "%s%u", t ? "," : "",
			       cpu_number(s, core, t));
	for (unsigned int t = 0; t < s->threads; t++) {
		unsigned int cpu = cpu_number(s, core, t);

		(void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/topology/physical_package_id", cpu);
		put(root, path, "%u\n", core / s->cores);
		(void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
		put(root, path, "%s\n", siblings);
	}
}

static void put_nodes(const char *root, const struct shape *s)
{
	unsigned int n = s->packages * s->nodes, cores = s->cores / s->nodes;

	put(root, "sys/devices/system/node/online", n > 1 ? "0-%u\n" : "%u\n", n - 1);
	for (unsigned int node = 0; node < n; node++) {
		char list[4096] = "", path[100];

		for (unsigned int c = node * cores; c < (node + 1) * cores; c++)
			for (unsigned int t = 0; t < s->threads; t++)
				(void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%u",
					       list[0] ? "," : "", cpu_number(s, c, t));
		(void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/cpulist", node);
		put(root, path, "%s\n", list);
	}
}

static const char *lay_out(const struct shape *s)
{
	unsigned int n = s->packages * s->cores * s->threads;
	const char *root = fresh_tree();

	put(root, "sys/devices/system/cpu/online", "0-%u\n", n - 1);
	put(root, "sys/devices/system/cpu/present", "0-%u\n", n - 1);
	for (unsigned int core = 0; core < s->packages * s->cores; core++)
		put_core(root, s, core);
	put_nodes(root, s);
	put(root, "sys/devices/system/memory/block_size_bytes", "%llx\n", (unsigned long long)s->block_bytes);
	for (unsigned int b = 0; b < s->blocks; b++) {
		char path[100];

		(void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%u/online", b);
		put(root, path, "1\n");
	}
	put(root, "proc/meminfo", "MemTotal: %llu kB\n", (unsigned long long)s->kernel_kib);
	put(root, "proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n");
	put(root, "proc/self/mountinfo", "30 1 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put(root, "proc/self/cgroup", "0::/\n");
	put(root, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
	put(root, "sys/fs/cgroup/cpuset.cpus.effective", "0-%u\n", n - 1);
	put(root, "sys/block/x", "\n");
	put(root, "sys/class/net/x", "\n");
	drop(root, "sys/block/x");
	drop(root, "sys/class/net/x");
	return root;
}

/* 8 CPUs in 4 cores, 16 GiB: what the cases about damage start from. */
static const struct shape plain = {
	.packages = 1,
	.nodes = 1,
	.cores = 4,
	.threads = 2,
	.blocks = 4,
	.block_bytes = 4 * GIB,
	.kernel_kib = 16000000,
};

/* --- what is asserted --- */

static void read_facts(const char *root, struct facts *f)
{
	struct why w = { 0 };

	assert_ok(facts_read(root, f, &w), w);
}

static void assert_set(const struct cpuset *s, const char *want)
{
	AUTO_FREE char *list = cpuset_format(s);

	assert_string_equal(list, want);
}

/* CPUs in order, siblings joined by ',', cores by ' ', nodes by '|', packages by '/'. */
static void assert_order(const struct facts *f, const char *want)
{
	char text[4096] = "";

	for (size_t i = 0; i < f->n_cpus; i++) {
		const struct cpu_fact *c = &f->cpus[i], *b = i ? c - 1 : NULL;
		const char *join = !b                         ? ""
				   : b->package != c->package ? "/"
				   : b->node != c->node       ? "|"
				   : b->core != c->core       ? " "
							      : ",";

		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", join, c->cpu);
	}
	assert_string_equal(text, want);
}

static void assert_sound(const struct facts *f)
{
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (f->degraded[i][0])
			fail_msg("%s is degraded: %s", fact_name((enum fact)i), f->degraded[i]);
}

static void assert_degraded(const struct facts *f, enum fact which, const char *why)
{
	for (size_t i = 0; i < FACT_COUNT; i++)
		assert_int_equal(f->degraded[i][0] != '\0', i == which);
	if (!strstr(f->degraded[which], why))
		fail_msg("'%s' does not say '%s'", f->degraded[which], why);
}

/* --- captures --- */

/* Input of I11 and T7: the 4 GB machine has 4 GiB (C12), although MemTotal says 3.8. */
static void a_4_gib_machine_has_4_gib(void **state)
{
	AUTO_FACTS f = { 0 };

	(void)state;
	read_facts(unpack("small-4g"), &f);
	assert_sound(&f);
	assert_false(f.live);
	assert_true(f.ram_bytes == 4 * GIB);
	assert_true(f.usable_ram_bytes == 4 * GIB);
	assert_true(f.ram_limit_bytes == NO_LIMIT);
	assert_true(f.kernel_ram_bytes < 4 * GIB - 100 * 1024 * 1024);
	assert_true(f.memory_block_bytes == 128 * 1024 * 1024);
	assert_order(&f, "0 1");
	assert_int_equal(f.n_swaps, 0);
	assert_true(f.swap_bytes == 0);
}

/* Input of T7 and I13, and of C12's edge: "16 GB" is not less than 16. */
static void an_8_cpu_machine_with_16_gib_is_read_whole(void **state)
{
	AUTO_FACTS f = { 0 };

	(void)state;
	read_facts(unpack("eight-16g"), &f);
	assert_sound(&f);
	assert_true(f.ram_bytes == 16 * GIB);
	assert_true(f.kernel_ram_bytes < 16 * GIB);
	assert_int_equal(f.n_cpus, 8);
	assert_int_equal(f.n_cores, 8);
	assert_false(f.smt);
	assert_set(&f.usable, "0-7");

	assert_int_equal(f.n_swaps, 3);
	assert_string_equal(f.swaps[0].name, "/swap file");
	assert_true(f.swaps[0].file && !f.swaps[0].zram);
	assert_int_equal(f.swaps[0].priority, 10);
	assert_string_equal(f.swaps[1].name, "/dev/sda1");
	assert_true(!f.swaps[1].file && !f.swaps[1].zram);
	assert_int_equal(f.swaps[1].priority, -2);
	assert_true(f.swaps[2].zram);
	assert_true(f.swap_bytes == f.swaps[0].bytes + f.swaps[1].bytes + f.swaps[2].bytes);
	assert_true(f.swaps[0].bytes == (64u << 20) - 4096); /* the header's page does not count */

	assert_int_equal(f.n_disks, 5);
	assert_string_equal(f.disks[0].name, "dm-0");
	assert_false(f.disks[0].physical);
	assert_string_equal(f.disks[1].name, "nvme0n1");
	assert_true(f.disks[1].physical && !f.disks[1].rotational);
	assert_true(f.disks[1].size_bytes == 8 * GIB);
	assert_string_equal(f.disks[2].name, "sda");
	assert_true(f.disks[2].physical && f.disks[2].rotational);

	assert_int_equal(f.n_filesystems, 2); /* one of them is mounted twice */
	assert_string_equal(f.filesystems[0].point, "/");
	assert_string_equal(f.filesystems[0].device, "vda2");
	assert_string_equal(f.filesystems[0].disk, "vda");
	assert_true(f.filesystems[0].measured);
	assert_true(f.filesystems[0].size_bytes == UINT64_C(249195) * 4096);
	assert_true(f.filesystems[0].free_bytes < f.filesystems[0].size_bytes);
	assert_string_equal(f.filesystems[1].point, "/data");
	assert_string_equal(f.filesystems[1].device, "dm-0");
	assert_string_equal(f.filesystems[1].disk, "dm-0");
}

/* QEMU numbers threads of a core side by side; CPU 5 is off, so that CPU 4 is a core of its own. */
static void sockets_nodes_threads_and_what_is_off_are_told_apart(void **state)
{
	AUTO_FACTS f = { 0 };

	(void)state;
	read_facts(unpack("smt-numa"), &f);
	assert_sound(&f);
	assert_order(&f, "0,1 2,3 4 6,7/8,9 10,11 12,13 14,15");
	assert_set(&f.offline, "5");
	assert_set(&f.usable, "0-4,6-15");
	assert_int_equal(f.n_packages, 2);
	assert_int_equal(f.n_nodes, 2);
	assert_int_equal(f.n_cores, 8);
	assert_true(f.smt);
	assert_false(f.hybrid);
	assert_int_equal(f.cpus[f.n_cpus - 1].node, 1);
	assert_int_equal(f.cpus[f.n_cpus - 1].thread, 1);
	assert_true(f.ram_bytes == 8 * GIB - 128 * 1024 * 1024); /* one block was switched off */
	assert_int_equal(f.n_nics, 1);
	assert_string_equal(f.nics[0].name, "eth0");
	assert_int_equal(f.nics[0].node, 1); /* of the PCI function above the virtio device */
}

/* Input of I12: 196 GB in blocks that the kernel makes larger on machines of this size. */
static void a_196_gib_machine_with_48_cpus_is_read_whole(void **state)
{
	AUTO_FACTS f = { 0 };

	(void)state;
	read_facts(unpack("massive-196g"), &f);
	assert_sound(&f);
	assert_true(f.ram_bytes == 196 * GIB);
	assert_true(f.memory_block_bytes == 2 * GIB);
	assert_set(&f.usable, "0-47");
	assert_int_equal(f.n_cores, 48);
	assert_int_equal(f.n_packages, 2);
	assert_int_equal(f.n_nodes, 2);
	assert_int_equal(f.cpus[24].node, 1);
}

/* The nearest cpuset and the lowest memory.max on the way up hold (C12: min with the container's). */
static void a_container_has_its_groups_limits(void **state)
{
	AUTO_FACTS f = { 0 };

	(void)state;
	read_facts(unpack("container"), &f);
	assert_sound(&f);
	assert_set(&f.online, "0-3");
	assert_set(&f.allowed, "1-2");
	assert_set(&f.usable, "1-2");
	assert_order(&f, "1 2"); /* I13 speaks of the CPUs that are available, which need not start at 0 */
	assert_true(f.ram_bytes == 2 * GIB);
	assert_true(f.ram_limit_bytes == 768 * 1024 * 1024);
	assert_true(f.usable_ram_bytes == 768 * 1024 * 1024);
}

/* Version 1 holds the controllers, version 2 is mounted beside it (C10). */
static void a_host_with_version_1_groups_is_degraded(void **state)
{
	AUTO_FACTS f = { 0 };

	(void)state;
	read_facts(unpack("firecracker-v1-groups"), &f);
	assert_degraded(&f, FACT_CGROUP, "version 2 without the controllers");
	assert_set(&f.usable, "0-1");
	assert_int_equal(f.cpus[0].capacity, 1024);
	assert_int_equal(f.n_filesystems, 1);
	assert_string_equal(f.filesystems[0].device, "vda"); /* no partition */
	assert_string_equal(f.filesystems[0].disk, "vda");
	assert_int_equal(f.n_disks, 2); /* of ten: loop and zram devices without a medium are none */
	assert_string_equal(f.disks[0].name, "loop0");
	assert_false(f.disks[0].physical);
	assert_true(f.disks[1].physical);
	assert_int_equal(f.n_nics, 1);
	assert_int_equal(f.nics[0].node, -1);
}

/* --- synthetic machines --- */

/* hwloc: "pack:2 core:2 pu:2(indexes=core:pu)". Halves of this order share no core; 0-3 and 4-7 share every one. */
static void siblings_stay_together_under_linux_usual_numbering(void **state)
{
	struct shape s = plain;
	AUTO_FACTS f = { 0 };

	(void)state;
	s.packages = 2;
	s.cores = 2;
	s.by_thread = true;
	read_facts(lay_out(&s), &f);
	assert_sound(&f);
	assert_order(&f, "0,4 1,5/2,6 3,7");
}

static void nodes_within_a_package_are_told_apart(void **state)
{
	struct shape s = plain;
	AUTO_FACTS f = { 0 };

	(void)state;
	s.nodes = 2;
	s.threads = 1;
	read_facts(lay_out(&s), &f);
	assert_order(&f, "0 1|2 3");
	assert_int_equal(f.n_packages, 1);
	assert_int_equal(f.n_nodes, 2);
}

/* More CPUs than a word of any size has bits, in a list that starts and ends anywhere. */
static void a_256_cpu_machine_is_read_whole(void **state)
{
	const struct shape s = { .packages = 2,
				 .nodes = 4,
				 .cores = 64,
				 .threads = 2,
				 .by_thread = true,
				 .blocks = 512,
				 .block_bytes = 2 * GIB,
				 .kernel_kib = 1050000000 };
	const char *root = lay_out(&s);
	AUTO_FACTS f = { 0 };

	(void)state;
	put(root, "sys/devices/system/cpu/online", "0-99,101-255\n");
	put(root, "sys/fs/cgroup/cpuset.cpus.effective", "3-250\n");
	read_facts(root, &f);
	assert_sound(&f);
	assert_set(&f.usable, "3-99,101-250");
	assert_set(&f.offline, "100");
	assert_int_equal(f.n_cpus, 247);
	assert_int_equal(f.n_packages, 2);
	assert_int_equal(f.n_nodes, 8);
	assert_true(f.ram_bytes == 1024 * GIB);
	assert_int_equal(f.cpus[0].cpu, 128); /* its sibling 0 is not allowed, but names the core */
	assert_int_equal(f.cpus[0].core, 0);
	assert_int_equal(f.cpus[0].thread, 1);
	assert_int_equal(f.cpus[3].cpu, 3);
	assert_int_equal(f.cpus[4].cpu, 131);
	for (size_t i = 0; i < f.n_cpus; i++)
		assert_int_equal(f.cpus[i].core, f.cpus[i].cpu == 228 ? 228 : f.cpus[i].cpu % 128); /* 100 is off */
}

static void units_name_the_kinds_of_an_intel_hybrid(void **state)
{
	struct shape s = plain;
	const char *root;
	AUTO_FACTS f = { 0 };

	(void)state;
	s.cores = 6;
	s.threads = 1;
	root = lay_out(&s);
	put(root, "sys/devices/cpu_core/cpus", "0-1\n");
	put(root, "sys/devices/cpu_atom/cpus", "2-4\n");
	put(root, "sys/devices/cpu_lowpower/cpus", "5\n");
	read_facts(root, &f);
	assert_sound(&f);
	assert_true(f.hybrid);
	for (size_t i = 0; i < f.n_cpus; i++)
		assert_int_equal(f.cpus[i].kind, f.cpus[i].cpu < 2 ? CPU_PERFORMANCE : CPU_EFFICIENCY);
}

static void capacities_tell_the_kinds_of_an_arm_hybrid(void **state)
{
	static const unsigned int capacity[] = { 250, 250, 250, 250, 870, 870, 870, 1024 };
	struct shape s = plain;
	const char *root;
	AUTO_FACTS f = { 0 }, little = { 0 };

	(void)state;
	s.cores = 8;
	s.threads = 1;
	root = lay_out(&s);
	for (unsigned int i = 0; i < 8; i++) {
		char path[100];

		(void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/cpu_capacity", i);
		put(root, path, "%u\n", capacity[i]);
		(void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/topology/physical_package_id", i);
		put(root, path, "-1\n");
	}
	read_facts(root, &f);
	assert_true(f.hybrid);
	for (size_t i = 0; i < f.n_cpus; i++) {
		assert_int_equal(f.cpus[i].capacity, capacity[i]);
		assert_int_equal(f.cpus[i].kind, i < 4 ? CPU_EFFICIENCY : CPU_PERFORMANCE);
		assert_int_equal(f.cpus[i].package, 0); /* the firmware does not say */
	}
	/* Where only one kind may be used there is nothing to choose from. */
	put(root, "sys/fs/cgroup/cpuset.cpus.effective", "0-3\n");
	read_facts(root, &little);
	assert_false(little.hybrid);
	assert_int_equal(little.cpus[0].kind, CPU_PERFORMANCE);
}

/* A file system with a device number of its own (btrfs), on a partition and on a dm volume; one that is hidden. */
static void file_systems_are_found_by_the_device_they_name(void **state)
{
	const char *root = lay_out(&plain);
	AUTO_FACTS f = { 0 };

	(void)state;
	put(root, "sys/devices/pci/nvme/nvme0/nvme0n1/size", "4096\n");
	put(root, "sys/devices/pci/nvme/nvme0/nvme0n1/nvme0n1p2/partition", "2\n");
	put(root, "sys/devices/virtual/block/dm-3/size", "8192\n");
	put(root, "sys/devices/virtual/block/dm-3/dm/name", "vg-data\n");
	put_link(root, "sys/block/nvme0n1", "../devices/pci/nvme/nvme0/nvme0n1");
	put_link(root, "sys/block/dm-3", "../devices/virtual/block/dm-3");
	put_link(root, "sys/class/block/nvme0n1p2", "../../devices/pci/nvme/nvme0/nvme0n1/nvme0n1p2");
	put_link(root, "sys/dev/block/259:2", "../../devices/pci/nvme/nvme0/nvme0n1/nvme0n1p2");
	put(root, "proc/self/mountinfo",
	    "20 1 0:20 / / rw - overlay overlay rw\n"
	    "21 1 0:21 /@ /hidden rw - btrfs /dev/nvme0n1p2 rw\n"
	    "22 1 0:21 /@home /home rw - btrfs /dev/nvme0n1p2 rw\n"
	    "23 1 0:22 / /data ro - btrfs /dev/mapper/vg-data rw\n"
	    "24 1 0:23 / /net rw - nfs4 server:/x rw\n"
	    "25 1 0:24 / /other rw - btrfs /dev/mapper/vg rw\n"
	    "26 1 0:25 / /odd rw - fuse /dev/fuse rw\n");
	put(root, "tandem/statfs", "/home 4096 100 50\n/data 4096 10 5\n");
	read_facts(root, &f);
	assert_degraded(&f, FACT_CGROUP, "no version 2");
	assert_int_equal(f.n_filesystems, 2);
	assert_string_equal(f.filesystems[0].point, "/home");
	assert_string_equal(f.filesystems[0].device, "nvme0n1p2");
	assert_string_equal(f.filesystems[0].disk, "nvme0n1");
	assert_true(f.filesystems[0].free_bytes == 204800);
	assert_string_equal(f.filesystems[1].device, "dm-3");
	assert_string_equal(f.filesystems[1].disk, "dm-3");
	assert_true(f.filesystems[1].read_only);
}

static void network_cards_are_those_with_hardware(void **state)
{
	const char *root = lay_out(&plain);
	AUTO_FACTS f = { 0 };

	(void)state;
	put(root, "sys/class/net/eno1/device/numa_node", "1\n");
	put(root, "sys/class/net/eno2/device/numa_node", "-1\n");
	put(root, "sys/class/net/usb0/device/x", "\n");
	put(root, "sys/class/net/lo/mtu", "65536\n");
	put(root, "sys/class/net/bonding_masters", "\n");
	read_facts(root, &f);
	assert_sound(&f);
	assert_int_equal(f.n_nics, 3);
	assert_int_equal(f.nics[0].node, 1);
	assert_int_equal(f.nics[1].node, -1);
	assert_int_equal(f.nics[2].node, -1);
}

/* --- groups --- */

static void a_group_is_found_from_wherever_the_hierarchy_is_mounted(void **state)
{
	static const struct {
		const char *root, *path, *folder; /* what is mounted, the own path, the own folder */
		bool sound;
	} cases[] = {
		{ "/", "/", "sys/fs/cgroup", true },
		{ "/", "/a/b", "sys/fs/cgroup/a/b", true },
		{ "/docker/1", "/docker/1", "sys/fs/cgroup", true },
		{ "/docker/1", "/docker/1/b", "sys/fs/cgroup/b", true },
		{ "/docker/1", "/docker/12", "sys/fs/cgroup", false },
		{ "/docker/1", "/other", "sys/fs/cgroup", false },
		{ "/", "/../x", "sys/fs/cgroup", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *root = lay_out(&plain);
		char path[200];
		AUTO_FACTS f = { 0 };

		put(root, "proc/self/mountinfo", "30 1 0:30 %s /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		    cases[i].root);
		put(root, "proc/self/cgroup", "0::%s\n", cases[i].path);
		(void)snprintf(path, sizeof(path), "%s/cpuset.cpus.effective", cases[i].folder);
		put(root, path, "2-3\n");
		(void)snprintf(path, sizeof(path), "%s/memory.max", cases[i].folder);
		put(root, path, "1048576\n");
		read_facts(root, &f);
		if (cases[i].sound)
			assert_sound(&f);
		else
			assert_degraded(&f, FACT_CGROUP, "is not below the mounted one");
		assert_set(&f.allowed, "2-3");
		assert_true(f.usable_ram_bytes == 1048576);
	}
}

/* Only a group with the cpuset controller has the file; without it, that of the next one up holds. */
static void limits_of_groups_further_up_hold_too(void **state)
{
	const char *root = lay_out(&plain);
	AUTO_FACTS f = { 0 };

	(void)state;
	put(root, "proc/self/cgroup", "0::/a/b/c\n");
	put(root, "sys/fs/cgroup/a/cpuset.cpus.effective", "4-5\n");
	put(root, "sys/fs/cgroup/a/memory.max", "2147483648\n");
	put(root, "sys/fs/cgroup/a/b/c/memory.max", "max\n");
	read_facts(root, &f);
	assert_sound(&f);
	assert_set(&f.usable, "4-5");
	assert_true(f.usable_ram_bytes == 2 * GIB);
}

static void a_limit_above_the_ram_is_none(void **state)
{
	const char *root = lay_out(&plain);
	AUTO_FACTS f = { 0 };

	(void)state;
	put(root, "proc/self/cgroup", "0::/a\n");
	put(root, "sys/fs/cgroup/a/memory.max", "9223372036854771712\n");
	read_facts(root, &f);
	assert_true(f.usable_ram_bytes == 16 * GIB);
}

static void no_cpu_in_common_is_an_error_that_shows_the_sets(void **state)
{
	const char *root = lay_out(&plain);
	struct facts f = { .n_cpus = 77 };
	struct why w = { 0 };

	(void)state;
	put(root, "sys/fs/cgroup/cpuset.cpus.effective", "\n");
	assert_int_equal(facts_read(root, &f, &w), -EBADMSG);
	assert_non_null(strstr(w.text, "no usable CPU: online 0-7; of them the control group allows ''"));
	assert_int_equal(f.n_cpus, 77);
}

/* --- what a good machine may lack --- */

static void what_may_be_missing_degrades_one_fact_and_no_other(void **state)
{
	static const struct {
		const char *path;
		enum fact fact;
		const char *why;
	} cases[] = {
		{ "sys/devices/system/node", FACT_NUMA, "one node is assumed" },
		{ "sys/devices/system/memory", FACT_MEMORY, "no blocks; MemTotal rounded up" },
		{ "sys/devices/system/cpu/cpu3/topology", FACT_TOPOLOGY, "physical_package_id: not there" },
		{ "sys/devices/system/cpu/cpu3/topology/thread_siblings_list", FACT_TOPOLOGY, "taken for a core" },
		{ "proc/swaps", FACT_SWAP, "knows no swap" },
		{ "sys/block", FACT_DISKS, "no disk is known" },
		{ "sys/class/net", FACT_NICS, "no network card is known" },
		{ "sys/fs/cgroup/cgroup.controllers", FACT_CGROUP, "without the controllers" },
		{ "proc/self/cgroup", FACT_CGROUP, "no version 2 hierarchy" },
	};
	const char *root = lay_out(&plain);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FACTS f = { 0 };

		move(root, cases[i].path, true);
		read_facts(root, &f);
		assert_degraded(&f, cases[i].fact, cases[i].why);
		assert_int_equal(f.n_cpus, 8);
		move(root, cases[i].path, false);
	}
}

static void files_that_tell_nothing_here_may_be_missing_without_a_word(void **state)
{
	const char *root = lay_out(&plain);
	AUTO_FACTS f = { 0 };

	(void)state;
	drop(root, "sys/devices/system/cpu/present");
	read_facts(root, &f);
	assert_sound(&f);
	assert_set(&f.offline, "");
}

/* C11, C12: MemTotal's kB times 1024, once, rounded up to whole GiB. */
static void without_blocks_ram_is_mem_total_in_whole_gib(void **state)
{
	static const struct {
		uint64_t kib, want;
	} cases[] = {
		{ 4005620, 4 * GIB }, { 4194304, 4 * GIB }, { 4194305, 5 * GIB }, { 16318480, 16 * GIB }, { 1, GIB },
	};
	const char *root = lay_out(&plain);

	(void)state;
	drop(root, "sys/devices/system/memory");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FACTS f = { 0 };

		put(root, "proc/meminfo", "MemTotal: %llu kB\n", (unsigned long long)cases[i].kib);
		read_facts(root, &f);
		assert_true(f.ram_bytes == cases[i].want);
		assert_true(f.kernel_ram_bytes == cases[i].kib * 1024);
		assert_true(f.memory_block_bytes == 0);
	}
}

/* Some hypervisors and test systems show only a part of the blocks. */
static void blocks_that_hold_less_than_mem_total_are_not_believed(void **state)
{
	const char *root = lay_out(&plain);
	AUTO_FACTS f = { 0 };

	(void)state;
	put(root, "proc/meminfo", "MemTotal: 20000000 kB\n");
	read_facts(root, &f);
	assert_degraded(&f, FACT_MEMORY, "less than MemTotal");
	assert_true(f.ram_bytes == 20 * GIB);
}

static void a_file_system_without_a_record_is_degraded(void **state)
{
	const char *root = unpack("small-4g");
	AUTO_FACTS f = { 0 };

	(void)state;
	drop(root, "tandem");
	read_facts(root, &f);
	assert_degraded(&f, FACT_FREE_SPACE, "/ on vda2: not reached, and not recorded in tandem/statfs");
	assert_int_equal(f.n_filesystems, 1);
	assert_false(f.filesystems[0].measured);
}

static void a_cpu_outside_every_node_is_degraded(void **state)
{
	const char *root = lay_out(&plain);
	AUTO_FACTS f = { 0 };

	(void)state;
	put(root, "sys/devices/system/node/node0/cpulist", "0-6\n");
	read_facts(root, &f);
	assert_degraded(&f, FACT_NUMA, "CPU 7 is in no node");
}

/* --- what cannot be --- */

static void what_nothing_can_do_without_is_missed_with_advice(void **state)
{
	static const char *const paths[] = { "sys/devices/system/cpu/online", "proc/meminfo" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const char *root = lay_out(&plain);
		struct facts f;
		struct why w = { 0 };
		char want[PATH_MAX + 64];

		drop(root, paths[i]);
		assert_int_equal(facts_read(root, &f, &w), -ENODATA);
		(void)snprintf(want, sizeof(want), "%s/%s: not there", root, paths[i]);
		assert_string_equal(w.text, want);
		assert_non_null(strstr(w.next, "mount"));
	}
}

static void text_that_cannot_be_is_an_error_with_the_files_name(void **state)
{
#define CPU "sys/devices/system/cpu/"
	static const struct {
		const char *path, *text, *why;
	} cases[] = {
		{ CPU "online", "0-\n", "'' where a CPU number" },
		{ CPU "online", "", "no CPU is online" },
		{ CPU "online", "0-70000\n", "over the limit" },
		{ CPU "present", "x\n", "'x' where a CPU number" },
		{ CPU "cpu2/topology/physical_package_id", "zero\n", "'zero' is not a whole number" },
		{ CPU "cpu2/topology/physical_package_id", "-2\n", "-2 is not within" },
		{ CPU "cpu2/topology/physical_package_id", "", "an empty string" },
		{ CPU "cpu2/topology/physical_package_id", "99999999999999999999\n", "over the limit" },
		{ CPU "cpu2/topology/thread_siblings_list", "ffffffff\n", "where a CPU number" },
		{ CPU "cpu2/topology/thread_siblings_list", "0-1\n", "not among its own siblings" },
		{ CPU "cpu2/cpu_capacity", "1025\n", "not within 0 to 1024" },
		{ "sys/devices/cpu_atom/cpus", "4-\n", "where a CPU number" },
		{ "sys/devices/system/node/online", "0-1\n", "node 1 is online, but" },
		{ "sys/devices/system/node/node0/cpulist", "all\n", "where a CPU number" },
		{ "sys/devices/system/memory/block_size_bytes", "0x8000000\n", "not a size in hex" },
		{ "sys/devices/system/memory/block_size_bytes", "0\n", "not a size in hex" },
		{ "sys/devices/system/memory/block_size_bytes", "\n", "not a size in hex" },
		{ "sys/devices/system/memory/block_size_bytes", "10000000000000000\n", "not a size in hex" },
		{ "sys/devices/system/memory/memory3/online", "2\n", "2 is not within 0 to 1" },
		{ "sys/devices/system/memory/memory3/online", "offline\n", "not a whole number" },
		{ "proc/meminfo", "MemFree: 1 kB\n", "no line MemTotal" },
		{ "proc/meminfo", "MemTotal: lots\n", "line 1: MemTotal" },
		{ "proc/swaps", "Filename\n/swapfile file\n", "line 2: 2 fields" },
		{ "proc/self/mountinfo", "1 2 3\n", "line 1: not a mount" },
		{ "proc/self/cgroup", "0::nowhere\n", "not followed by a path" },
		{ "sys/fs/cgroup/cpuset.cpus.effective", "0;1\n", "';1' where ','" },
		{ "sys/fs/cgroup/memory.max", "plenty\n", "'plenty' is not" },
		{ "sys/block/vda/size", "big\n", "'big' is not" },
		{ "sys/block/vda/size", "-1\n", "-1 is not within" },
		{ "sys/block/vda/queue/rotational", "2\n", "2 is not within 0 to 1" },
		{ "sys/class/net/eth0/device/numa_node", "-2\n", "-2 is not within" },
	};
	const char *root = lay_out(&plain);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct facts f = { .n_cpus = 77 };
		struct why w = { 0 };
		char want[PATH_MAX + 64];
		bool there;
		int r;

		(void)snprintf(want, sizeof(want), "%s/%s", root, cases[i].path);
		there = access(want, F_OK) == 0;
		if (there)
			move(root, cases[i].path, true);
		put(root, cases[i].path, "%s", cases[i].text);
		r = facts_read(root, &f, &w);
		(void)snprintf(want, sizeof(want), "%s/%s: ", root, cases[i].path);
		if (r != -EBADMSG || !strstr(w.text, want) || !strstr(w.text, cases[i].why))
			fail_msg("%s '%s': %d %s", cases[i].path, cases[i].text, r, w.text);
		assert_int_equal(f.n_cpus, 77);
		if (there)
			move(root, cases[i].path, false);
		else
			drop(root, cases[i].path);
	}
}

static void nul_bytes_and_endless_files_are_refused(void **state)
{
	const char *root = lay_out(&plain), *big = lay_out(&plain);
	struct facts f;
	struct why w = { 0 }, v = { 0 };
	char full[PATH_MAX];

	(void)state;
	put(root, "sys/devices/system/cpu/online", "0-7%c\n", 0);
	assert_int_equal(facts_read(root, &f, &w), -EBADMSG);
	assert_non_null(strstr(w.text, "cpu/online: a NUL byte"));
	(void)snprintf(full, sizeof(full), "%s/proc/meminfo", big);
	assert_int_equal(truncate(full, (off_t)1 << 40), 0);
	assert_int_equal(facts_read(big, &f, &v), -E2BIG);
	assert_non_null(strstr(v.text, "proc/meminfo: over the limit"));
}

static void a_root_that_is_none_is_named(void **state)
{
	struct facts f;
	struct why missing = { 0 }, file = { 0 };
	const char *path = scratch_path("file");

	(void)state;
	put(scratch(), "file", "x");
	assert_int_equal(facts_read("/no/such", &f, &missing), -ENOENT);
	assert_string_equal(missing.text, "/no/such: No such file or directory");
	assert_int_equal(facts_read(path, &f, &file), -ENOTDIR);
}

/* Each file of a capture taken away: an answer each time, and nothing leaks or crashes. */
static void a_capture_without_any_one_file_is_answered(void **state)
{
	const char *root = unpack("container");
	const char *const find[] = { "sh", "-c",
				     "cd \"$0\" && find . -type f | grep -v 'memory/memory' | sort >../files", root,
				     NULL };
	AUTO_FREE char *list = NULL;
	struct why w = { 0 };
	size_t n = 0;

	(void)state;
	assert_ok(proc_must(find, 0, &w), w);
	assert_ok(file_read(AT_FDCWD, scratch_path("files"), 1 << 20, &list, NULL, &w), w);
	for (char *rest = list, *path = strsep(&rest, "\n"); path && *path; path = strsep(&rest, "\n"), n++) {
		struct why why = { 0 };
		AUTO_FACTS f = { 0 };
		int r;

		move(root, path, true);
		r = facts_read(root, &f, &why);
		assert_true(r == 0 || why.text[0]);
		move(root, path, false);
	}
	assert_true(n > 20);
}

/* --- this machine --- */

static void this_machine_can_be_read(void **state)
{
	AUTO_FACTS f = { 0 };

	(void)state;
	read_facts(NULL, &f);
	assert_true(f.live);
	assert_true(f.n_cpus > 0);
	assert_true(f.ram_bytes >= f.kernel_ram_bytes);
}

static void affinity_counts_on_this_machine_only(void **state)
{
	AUTO_FACTS before = { 0 }, f = { 0 }, captured = { 0 };
	cpu_set_t old, one;

	(void)state;
	read_facts(NULL, &before);
	assert_int_equal(sched_getaffinity(0, sizeof(old), &old), 0);
	CPU_ZERO(&one);
	CPU_SET(before.cpus[before.n_cpus - 1].cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	read_facts(NULL, &f);
	read_facts(unpack("eight-16g"), &captured);
	assert_int_equal(sched_setaffinity(0, sizeof(old), &old), 0);
	assert_int_equal(f.n_cpus, 1);
	assert_int_equal(f.cpus[0].cpu, before.cpus[before.n_cpus - 1].cpu);
	assert_int_equal(captured.n_cpus, 8);
}

int main(void)
{
	/* Thousands of small files: memory is faster than a disk, where there is one to be had. */
	const int shm = access("/dev/shm", W_OK) == 0 ? setenv("TMPDIR", "/dev/shm", 0) : 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_4_gib_machine_has_4_gib),
		cmocka_unit_test(an_8_cpu_machine_with_16_gib_is_read_whole),
		cmocka_unit_test(sockets_nodes_threads_and_what_is_off_are_told_apart),
		cmocka_unit_test(a_196_gib_machine_with_48_cpus_is_read_whole),
		cmocka_unit_test(a_container_has_its_groups_limits),
		cmocka_unit_test(a_host_with_version_1_groups_is_degraded),
		cmocka_unit_test(siblings_stay_together_under_linux_usual_numbering),
		cmocka_unit_test(nodes_within_a_package_are_told_apart),
		cmocka_unit_test(a_256_cpu_machine_is_read_whole),
		cmocka_unit_test(units_name_the_kinds_of_an_intel_hybrid),
		cmocka_unit_test(capacities_tell_the_kinds_of_an_arm_hybrid),
		cmocka_unit_test(file_systems_are_found_by_the_device_they_name),
		cmocka_unit_test(network_cards_are_those_with_hardware),
		cmocka_unit_test(a_group_is_found_from_wherever_the_hierarchy_is_mounted),
		cmocka_unit_test(limits_of_groups_further_up_hold_too),
		cmocka_unit_test(a_limit_above_the_ram_is_none),
		cmocka_unit_test(no_cpu_in_common_is_an_error_that_shows_the_sets),
		cmocka_unit_test(what_may_be_missing_degrades_one_fact_and_no_other),
		cmocka_unit_test(files_that_tell_nothing_here_may_be_missing_without_a_word),
		cmocka_unit_test(without_blocks_ram_is_mem_total_in_whole_gib),
		cmocka_unit_test(blocks_that_hold_less_than_mem_total_are_not_believed),
		cmocka_unit_test(a_file_system_without_a_record_is_degraded),
		cmocka_unit_test(a_cpu_outside_every_node_is_degraded),
		cmocka_unit_test(what_nothing_can_do_without_is_missed_with_advice),
		cmocka_unit_test(text_that_cannot_be_is_an_error_with_the_files_name),
		cmocka_unit_test(nul_bytes_and_endless_files_are_refused),
		cmocka_unit_test(a_root_that_is_none_is_named),
		cmocka_unit_test(a_capture_without_any_one_file_is_answered),
		cmocka_unit_test(this_machine_can_be_read),
		cmocka_unit_test(affinity_counts_on_this_machine_only),
	};

	return shm ? shm : cmocka_run_group_tests(tests, NULL, NULL);
}
