/* What uses a disk, and block devices as /sys shows them: over a tree made here, and over the real one. */
#include "partitions/mounts.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "tests/support.h"

static void link_to(const char *path, const char *target)
{
	char full[PATH_MAX];
	struct why w = { 0 };

	(void)snprintf(full, sizeof(full), "%s/%s", scratch(), path);
	*strrchr(full, '/') = '\0';
	assert_ok(dir_make(full, 0700, &w), w);
	(void)snprintf(full, sizeof(full), "%s/%s", scratch(), path);
	(void)unlink(full);
	assert_int_equal(symlink(target, full), 0);
}

/* A device of the tree: its folder under sys/devices, and the links that lead there. */
static void device(const char *name, const char *folder, const char *number, const char *node)
{
	char path[512], text[256];

	(void)snprintf(path, sizeof(path), "sys/devices/%s/dev", folder);
	(void)snprintf(text, sizeof(text), "%s\n", number);
	scratch_put(path, text);
	(void)snprintf(path, sizeof(path), "sys/devices/%s/uevent", folder);
	(void)snprintf(text, sizeof(text), "MAJOR=1\nDEVNAME=%s\nDEVTYPE=disk\n", node);
	scratch_put(path, text);
	(void)snprintf(text, sizeof(text), "../../devices/%s", folder);
	(void)snprintf(path, sizeof(path), "sys/class/block/%s", name);
	link_to(path, text);
	(void)snprintf(path, sizeof(path), "sys/dev/block/%s", number);
	link_to(path, text);
}

static struct sysblock blocks;
static struct mounts_env env;

/* Disk sda with two partitions, the first mounted, the second held; cciss!c0d0 with one; dm-0; loop0 on a file. */
static int make_tree(void **state)
{
	static char sys[PATH_MAX], mountinfo[PATH_MAX], swaps[PATH_MAX];
	char text[PATH_MAX];

	(void)state;
	device("sda", "pci/block/sda", "8:0", "sda");
	scratch_put("sys/devices/pci/block/sda/size", "8192\n");
	device("sda1", "pci/block/sda/sda1", "8:1", "sda1");
	scratch_put("sys/devices/pci/block/sda/sda1/partition", "1\n");
	device("sda2", "pci/block/sda/sda2", "8:2", "sda2");
	scratch_put("sys/devices/pci/block/sda/sda2/partition", "2\n");
	link_to("sys/devices/pci/block/sda/sda2/holders/dm-0", "../../../../../virtual/block/dm-0");
	device("dm-0", "virtual/block/dm-0", "253:0", "dm-0");
	scratch_put("sys/devices/virtual/block/dm-0/dm/name", "vg-root\n");
	device("sdb", "pci/block/sdb", "8:16", "sdb");
	link_to("sys/devices/pci/block/sdb/holders/md0", "../../../../virtual/block/md0");
	device("cciss!c0d0", "pci/block/cciss!c0d0", "104:0", "cciss/c0d0");
	device("cciss!c0d0p1", "pci/block/cciss!c0d0/cciss!c0d0p1", "104:1", "cciss/c0d0p1");
	scratch_put("sys/devices/pci/block/cciss!c0d0/cciss!c0d0p1/partition", "1\n");
	device("loop0", "virtual/block/loop0", "7:0", "loop0");
	(void)snprintf(text, sizeof(text), "%s\n", scratch_path("backing.img"));
	scratch_put("sys/devices/virtual/block/loop0/loop/backing_file", text);
	scratch_put("backing.img", "x");
	scratch_put("swapfile", "x");
	scratch_put("mountinfo", "20 1 8:1 / /boot/with\\040blank rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
				 "21 20 8:1 /sub /mnt rw - ext4 /dev/sda1 rw\n"
				 "22 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n"
				 "23 1 0:40 / /proc rw - proc proc rw\n"
				 "24 1 0:41 / /btrfs rw - btrfs /dev/nowhere rw\n");
	(void)snprintf(text, sizeof(text), "Filename Type Size Used Priority\n%s file 1024 0 -2\n",
		       scratch_path("swapfile"));
	scratch_put("swaps", text);
	(void)snprintf(sys, sizeof(sys), "%s/sys", scratch());
	(void)snprintf(mountinfo, sizeof(mountinfo), "%s/mountinfo", scratch());
	(void)snprintf(swaps, sizeof(swaps), "%s/swaps", scratch());
	blocks = (struct sysblock){ .sys = sys, .dev = "/dev" };
	env = (struct mounts_env){ .sysblock = &blocks, .mountinfo = mountinfo, .swaps = swaps };
	return 0;
}

/* All uses in one text, for comparing. */
static const char *uses_of(dev_t dev)
{
	static char all[2048];
	struct mounts m = { 0 };
	struct why w = { 0 };
	size_t n = 0;

	all[0] = '\0';
	assert_ok(mounts_of_device(&env, dev, &m, &w), w);
	for (size_t i = 0; i < m.n; i++) {
		char one[512];

		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? "; " : "",
				      mounts_describe(&m.at[i], "disk", one));
	}
	mounts_done(&m);
	return all;
}

static void disk_shows_the_uses_of_its_partitions(void **state)
{
	(void)state;
	assert_string_equal(uses_of(makedev(8, 0)), "sda1 is mounted on /boot/with blank; sda1 is mounted on /mnt; "
						    "sda2 is held by dm-0 (vg-root)");
	assert_string_equal(uses_of(makedev(8, 2)), "sda2 is held by dm-0 (vg-root)");
	assert_string_equal(uses_of(makedev(8, 1)), "sda1 is mounted on /boot/with blank; sda1 is mounted on /mnt");
	assert_string_equal(uses_of(makedev(8, 16)), "sdb is held by md0");
	assert_string_equal(uses_of(makedev(253, 0)), "dm-0 is mounted on /");
	assert_string_equal(uses_of(makedev(104, 0)), "");
}

static void file_shows_loop_devices_and_swap(void **state)
{
	struct mounts m = { 0 };
	struct why w = { 0 };
	char text[512];

	(void)state;
	assert_ok(mounts_of_file(&env, scratch_path("backing.img"), &m, &w), w);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.at[0].kind, MOUNTS_LOOP);
	assert_string_equal(mounts_describe(&m.at[0], "b.img", text), "b.img is behind the loop device loop0");
	mounts_done(&m);
	assert_ok(mounts_of_file(&env, scratch_path("swapfile"), &m, &w), w);
	assert_int_equal(m.n, 1);
	assert_string_equal(mounts_describe(&m.at[0], "s", text), "s is used as swap");
	mounts_done(&m);
	assert_ok(mounts_of_file(&env, scratch_path("mountinfo"), &m, &w), w);
	assert_int_equal(m.n, 0);
	mounts_done(&m);
}

static void missing_devices_and_tables_are_errors_with_a_name(void **state)
{
	struct mounts_env bad = env;
	struct mounts m = { 0 };
	struct why w = { 0 }, v = { 0 };

	(void)state;
	assert_int_equal(mounts_of_device(&env, makedev(9, 9), &m, &w), -ENODEV);
	assert_non_null(strstr(w.text, "no block device 9:9"));
	assert_int_equal(mounts_of_file(&env, "/nonexistent", &m, NULL), -ENOENT);
	bad.mountinfo = "/nonexistent";
	assert_true(mounts_of_device(&bad, makedev(8, 0), &m, &v) < 0);
	assert_string_equal(v.text, "/nonexistent: cannot be read");
	bad = env;
	bad.swaps = "/nonexistent"; /* a kernel without swap */
	assert_int_equal(mounts_of_device(&bad, makedev(8, 0), &m, NULL), 0);
	mounts_done(&m);
}

static void sysblock_knows_names_nodes_and_parents(void **state)
{
	char name[SYSBLOCK_NAME_BYTES], node[SYSBLOCK_NODE_BYTES];
	struct sysblock_names names = { 0 };
	struct why w = { 0 };
	uint64_t v = 0;
	dev_t dev = 0;

	(void)state;
	assert_ok(sysblock_name(&blocks, makedev(104, 1), name, &w), w);
	assert_string_equal(name, "cciss!c0d0p1");
	assert_ok(sysblock_node(&blocks, name, node, &w), w);
	assert_string_equal(node, "/dev/cciss/c0d0p1");
	assert_int_equal(sysblock_partition(&blocks, name), 1);
	assert_ok(sysblock_disk(&blocks, name, name, &w), w);
	assert_string_equal(name, "cciss!c0d0");
	assert_int_equal(sysblock_partition(&blocks, name), 0);
	assert_ok(sysblock_disk(&blocks, "sda", name, &w), w);
	assert_string_equal(name, "sda");
	assert_ok(sysblock_u64(&blocks, "sda", "size", &v, &w), w);
	assert_int_equal(v, 8192);
	assert_int_equal(sysblock_u64(&blocks, "sda", "nothing", &v, NULL), -ENOENT);
	assert_ok(sysblock_devno(&blocks, "sda2", &dev, &w), w);
	assert_int_equal(dev, makedev(8, 2));
	assert_ok(sysblock_partitions(&blocks, "sda", &names, &w), w);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.at[0], "sda1");
	assert_string_equal(names.at[1], "sda2");
	sysblock_names_done(&names);
	assert_ok(sysblock_all(&blocks, &names, &w), w);
	assert_int_equal(names.n, 8);
	assert_string_equal(names.at[0], "cciss!c0d0");
	sysblock_names_done(&names);
	assert_ok(sysblock_holders(&blocks, "sda", &names, &w), w);
	assert_int_equal(names.n, 0);
}

static void sysblock_bad_attributes_are_refused(void **state)
{
	char text[8];
	uint64_t v = 0;
	dev_t dev = 0;

	(void)state;
	scratch_put("sys/devices/pci/block/sdb/size", "many\n");
	assert_int_equal(sysblock_u64(&blocks, "sdb", "size", &v, NULL), -EINVAL);
	scratch_put("sys/devices/pci/block/sdb/dev", "8-16\n");
	assert_int_equal(sysblock_devno(&blocks, "sdb", &dev, NULL), -EBADMSG);
	scratch_put("sys/devices/pci/block/sdb/long", "0123456789\n");
	assert_int_equal(sysblock_text(&blocks, "sdb", "long", text, sizeof(text), NULL), -E2BIG);
	scratch_put("sys/devices/pci/block/sdb/uevent", "MAJOR=8\nXDEVNAME=sdb\n");
	assert_int_equal(sysblock_node(&blocks, "sdb", (char[SYSBLOCK_NODE_BYTES]){ 0 }, NULL), -ENODATA);
}

/* On the machine that runs this: whatever is mounted on / from a disk is found to be in use. */
static void real_root_is_in_use(void **state)
{
	struct mounts m = { 0 };
	struct stat st;
	struct why w = { 0 };
	bool found = false;

	(void)state;
	assert_int_equal(stat("/", &st), 0);
	if (major(st.st_dev) == 0)
		skip();
	assert_ok(mounts_of_device(&mounts_real, st.st_dev, &m, &w), w);
	for (size_t i = 0; i < m.n; i++)
		found = found || (m.at[i].kind == MOUNTS_MOUNTED && strcmp(m.at[i].where, "/") == 0);
	mounts_done(&m);
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disk_shows_the_uses_of_its_partitions),
		cmocka_unit_test(file_shows_loop_devices_and_swap),
		cmocka_unit_test(missing_devices_and_tables_are_errors_with_a_name),
		cmocka_unit_test(sysblock_knows_names_nodes_and_parents),
		cmocka_unit_test(sysblock_bad_attributes_are_refused),
		cmocka_unit_test(real_root_is_in_use),
	};

	return cmocka_run_group_tests_name("mounts", tests, make_tree, NULL);
}
