/* A slot's root: what it may be, and what is looked for in it (bootstage/rootfs.h). Mounting itself is tests/vm's. */
#include "bootstage/rootfs.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/log.h"
#include "tests/support.h"

static void put(const char *path, const char *text, mode_t mode)
{
	struct why w = { 0 };

	assert_ok(file_replace(AT_FDCWD, path, text, strlen(text), mode, &w), w);
}

static void a_slot_holds_one_of_three_file_systems(void **state)
{
	(void)state;
	assert_non_null(rootfs_kind("erofs"));
	assert_non_null(rootfs_kind("squashfs"));
	assert_string_equal(rootfs_kind("ext4")->options, "noload");
	assert_null(rootfs_kind("ext3"));
	assert_null(rootfs_kind("xfs"));
	assert_null(rootfs_kind(""));
}

/* Just enough of an erofs superblock for libblkid: magic at 1024, no checksum asked for. */
static void make_erofs(const char *path)
{
	static const uint8_t magic[4] = { 0xe2, 0xe1, 0xf5, 0xe0 };
	struct why w = { 0 };
	AUTO_FREE uint8_t *image = calloc(1, 1 << 20);

	assert_non_null(image);
	memcpy(image + 1024, magic, sizeof(magic));
	image[1024 + 12] = 12; /* blkszbits */
	assert_ok(file_replace(AT_FDCWD, path, image, 1 << 20, 0644, &w), w);
}

static void a_superblock_is_recognised(void **state)
{
	char type[ROOTFS_TYPE_MAX] = "";
	struct why w = { 0 };

	(void)state;
	make_erofs(scratch_path("erofs"));
	assert_ok(rootfs_probe(scratch_path("erofs"), type, &w), w);
	assert_string_equal(type, "erofs");
}

static void a_slot_without_a_file_system_is_reported(void **state)
{
	char type[ROOTFS_TYPE_MAX] = "unset";
	struct why none = { 0 }, gone = { 0 }, other = { 0 };
	AUTO_FREE char *zeros = calloc(1, 1 << 20);

	(void)state;
	assert_non_null(zeros);
	assert_ok(file_replace(AT_FDCWD, scratch_path("zeros"), zeros, 1 << 20, 0644, &none), none);
	assert_int_equal(rootfs_probe(scratch_path("zeros"), type, &none), -ENODATA);
	assert_non_null(strstr(none.text, "holds no file system"));
	assert_int_equal(rootfs_mount(scratch_path("absent"), scratch_path("at"), &gone), -ENOENT);
	assert_string_equal(type, "unset");

	memcpy(zeros + 4096 - 10, "SWAPSPACE2", 10); /* something else that libblkid knows */
	zeros[1024] = 1;                             /* its version */
	zeros[1028] = 100;                           /* its last page */
	put(scratch_path("swap"), "", 0644);
	assert_ok(file_replace(AT_FDCWD, scratch_path("swap"), zeros, 1 << 20, 0644, &other), other);
	assert_int_equal(rootfs_mount(scratch_path("swap"), scratch_path("at"), &other), -EPROTONOSUPPORT);
	assert_non_null(strstr(other.text, "holds swap; a slot can hold erofs"));
}

/* A root with the mount points, and /sbin/init -> /lib/init/real, absolute inside the root. */
static const char *make_root(const char *name)
{
	static const char *const folders[] = { "dev", "proc", "sys", "run", "sbin", "lib/init" };
	char root[512], path[600];
	struct why w = { 0 };

	(void)snprintf(root, sizeof(root), "%s", scratch_path(name));
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", root, folders[i]);
		assert_ok(dir_make(path, 0755, &w), w);
	}
	(void)snprintf(path, sizeof(path), "%s/lib/init/real", root);
	put(path, "#!/bin/sh\n", 0755);
	(void)snprintf(path, sizeof(path), "%s/sbin/init", root);
	assert_int_equal(symlink("/lib/init/real", path), 0);
	return scratch_path(name);
}

static void init_is_looked_for_inside_the_root(void **state)
{
	const char *root = make_root("root");
	struct why w = { 0 }, outside = { 0 }, up = { 0 };
	char path[600];

	(void)state;
	assert_ok(rootfs_check(root, "/sbin/init", &w), w);
	assert_ok(rootfs_check(root, "/lib/init/../init/real", &w), w);
	/* /bin/true exists here, but not in the root. */
	assert_int_equal(rootfs_check(root, "/bin/true", &outside), -ENOENT);
	assert_string_equal(outside.text, "its init /bin/true: No such file or directory");
	(void)snprintf(path, sizeof(path), "%s/sbin/up", root);
	assert_int_equal(symlink("../../../../../../bin/true", path), 0);
	assert_int_equal(rootfs_check(root, "/sbin/up", &up), -ENOENT);
}

static void an_init_that_cannot_be_executed_is_refused(void **state)
{
	const char *root = make_root("noexec");
	struct why plain = { 0 }, folder = { 0 };
	char path[600];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/lib/init/real", root);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(rootfs_check(root, "/sbin/init", &plain), -EACCES);
	assert_int_equal(rootfs_check(root, "/sbin", &folder), -EACCES);
}

static void a_root_without_its_mount_points_is_refused(void **state)
{
	static const char *const folders[] = { "dev", "proc", "sys", "run" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char name[32], path[600];
		struct why w = { 0 };
		const char *root;

		(void)snprintf(name, sizeof(name), "without-%s", folders[i]);
		root = make_root(name);
		(void)snprintf(path, sizeof(path), "%s/%s", root, folders[i]);
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(rootfs_check(root, "/sbin/init", &w), -ENOENT);
		assert_non_null(strstr(w.text, folders[i]));
	}
}

static void project_quota_needs_both_features(void **state)
{
	static const struct {
		uint16_t magic;
		uint32_t features;
		bool want;
	} table[] = {
		{ 0xEF53, 0x2100, true },  { 0xEF53, 0xFFFFFFFF, true }, { 0xEF53, 0x0100, false },
		{ 0xEF53, 0x2000, false }, { 0xEF53, 0, false },         { 0xEF54, 0x2100, false },
	};
	uint8_t sb[1024] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		put_le16(sb + 0x38, table[i].magic);
		put_le32(sb + 0x64, table[i].features);
		assert_int_equal(ext4_has_project_quota(bytes_of(sb, sizeof(sb))), table[i].want);
	}
	put_le16(sb + 0x38, 0xEF53);
	put_le32(sb + 0x64, 0x2100);
	assert_false(ext4_has_project_quota(bytes_of(sb, 0x67)));
	assert_true(ext4_has_project_quota(bytes_of(sb, 0x68)));
}

static void clearing_removes_everything_but_the_folder_itself(void **state)
{
	const char *root = make_root("cleared");
	struct why w = { 0 };
	const char *kept = scratch_path("kept");
	char path[600];

	(void)state;
	put(kept, "x", 0644);
	(void)snprintf(path, sizeof(path), "%s/run/link", root);
	assert_int_equal(symlink(kept, path), 0);
	(void)snprintf(path, sizeof(path), "%s/run/up", root);
	assert_int_equal(symlink("..", path), 0);
	rootfs_clear(open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	assert_int_equal(rmdir(root), 0); /* empty now */
	assert_int_equal(access(kept, F_OK), 0);
	assert_ok(dir_make(root, 0755, &w), w);
}

static void only_pid_1_of_an_initramfs_may_switch(void **state)
{
	struct why w = { 0 };

	(void)state;
	assert_int_equal(rootfs_switch(scratch(), &w), -EPERM);
	assert_int_equal(access("/", F_OK), 0);
}

static bool tell(const char *path, const char *text)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) > 0;
}

/* Root in a namespace of our own, whose mounts nobody else sees. */
static bool enter_namespace(const char *root)
{
	char uid[32], gid[32];

	(void)snprintf(uid, sizeof(uid), "0 %u 1\n", geteuid());
	(void)snprintf(gid, sizeof(gid), "0 %u 1\n", getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && tell("/proc/self/setgroups", "deny") &&
	       tell("/proc/self/uid_map", uid) && tell("/proc/self/gid_map", gid) &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount(root, root, NULL, MS_BIND, NULL) == 0;
}

/* Run in a mount namespace of its own, where it is allowed; returns what `test` returned, or 99 when it is not. */
static int in_namespace(int (*test)(const char *), const char *root)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		_exit(enter_namespace(root) ? test(root) : 99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static bool there(const char *root, const char *path)
{
	char full[600];

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	return access(full, F_OK) == 0;
}

static int volatile_folders(const char *root)
{
	char state[ROOTFS_STATE_MAX], path[600];
	struct why w = { 0 };

	if (rootfs_volatile(root, "prod", &w))
		return 1;
	if (!there(root, "var/lib/prod") || !there(root, "var/log") || there(root, "var/old"))
		return 2;
	rootfs_data(root, "prod", "", state);
	if (strcmp(state, "volatile: the disk has no data partition") != 0)
		return 3;
	(void)snprintf(path, sizeof(path), "%s/var/lib/prod/file", root);
	if (file_replace(AT_FDCWD, path, "x", 1, 0644, &w))
		return 4;
	if (!there(root, "data/lib/file") || !there(root, "data/opt") || !there(root, "data/log") ||
	    !there(root, "data/swap"))
		return 5;
	rootfs_unmount(root);
	return 0;
}

static int no_data_wanted(const char *root)
{
	char state[ROOTFS_STATE_MAX];
	struct why w = { 0 };
	size_t logged;

	if (rootfs_volatile(root, "prod", &w))
		return 1;
	logged = strlen(log_text());
	rootfs_data(root, "prod", NULL, state);
	if (strcmp(state, "volatile: system.conf names no data partition") != 0)
		return 2;
	if (!there(root, "data/lib") || !there(root, "data/log"))
		return 3;
	return strlen(log_text()) == logged ? 0 : 4;
}

/* What /etc/machine-id below the root says; "" when it cannot be read. */
static const char *machine_id(const char *root, char ret[64])
{
	AUTO_FREE char *text = NULL;
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/etc/machine-id", root);
	if (file_read(AT_FDCWD, path, 63, &text, NULL, NULL))
		return "";
	(void)snprintf(ret, 64, "%s", text);
	return ret;
}

static int machine_id_is_kept(const char *root)
{
	char first[64], second[64], path[600];
	struct why w = { 0 };

	(void)snprintf(path, sizeof(path), "%s/etc/machine-id", root);
	if (rootfs_machine_id(root, &w))
		return 1;
	if (strlen(machine_id(root, first)) != 33 || strspn(first, "0123456789abcdef") != 32)
		return 2;
	if (open(path, O_WRONLY | O_CLOEXEC) >= 0 || errno != EROFS)
		return 3;
	if (umount2(path, MNT_DETACH) || rootfs_machine_id(root, &w))
		return 4;
	return strcmp(machine_id(root, second), first) == 0 ? 0 : 5;
}

static int machine_id_of_the_image_stays(const char *root)
{
	char id[64], path[600];
	struct why w = { 0 };

	(void)snprintf(path, sizeof(path), "%s/etc/machine-id", root);
	if (rootfs_machine_id(root, &w) || there(root, "etc/machine-id"))
		return 1;
	if (file_replace(AT_FDCWD, path, "its own\n", 8, 0644, &w) || rootfs_machine_id(root, &w))
		return 2;
	return strcmp(machine_id(root, id), "its own\n") == 0 && !there(root, "data/machine-id") ? 0 : 3;
}

static int machine_id_by_a_link_is_not_followed(const char *root)
{
	char id[64], path[600];
	struct why w = { 0 };

	(void)snprintf(path, sizeof(path), "%s/data/machine-id", root);
	if (symlink("../secret", path) || rootfs_machine_id(root, &w))
		return 1;
	return strspn(machine_id(root, id), "0123456789abcdef") == 32 ? 0 : 2;
}

static void make_var_data_opt(const char *root, const char *opt)
{
	const char *const folders[] = { "var/old", "data", opt };
	char path[600];
	struct why w = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", root, folders[i]);
		assert_ok(dir_make(path, 0755, &w), w);
	}
}

static void volatile_folders_stand_in_for_a_missing_data_partition(void **state)
{
	const char *root = make_root("volatile");
	int r;

	(void)state;
	make_var_data_opt(root, "opt/prod");
	r = in_namespace(volatile_folders, root);
	if (r == 99)
		skip();
	assert_int_equal(r, 0);
	assert_false(there(root, "data/lib"));
}

static void no_data_partition_in_the_configuration_is_no_error(void **state)
{
	const char *root = make_root("nodata");
	int r;

	(void)state;
	make_var_data_opt(root, "opt/prod");
	r = in_namespace(no_data_wanted, root);
	if (r == 99)
		skip();
	assert_int_equal(r, 0);
}

static void machine_ids_are_made_once_and_only_where_the_image_wants_one(void **state)
{
	static const struct {
		const char *name;
		bool empty_file; /* /etc/machine-id is there */
		int (*test)(const char *root);
	} table[] = {
		{ "id-kept", true, machine_id_is_kept },
		{ "id-own", false, machine_id_of_the_image_stays },
		{ "id-link", true, machine_id_by_a_link_is_not_followed },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *root = make_root(table[i].name);
		char path[600];
		struct why w = { 0 };
		int r;

		make_var_data_opt(root, "etc");
		(void)snprintf(path, sizeof(path), "%s/secret", root);
		assert_ok(file_replace(AT_FDCWD, path, "ssssssssssssssssssssssssssssssss\n", 33, 0600, &w), w);
		(void)snprintf(path, sizeof(path), "%s/etc/machine-id", root);
		if (table[i].empty_file)
			assert_ok(file_replace(AT_FDCWD, path, "", 0, 0444, &w), w);
		r = in_namespace(table[i].test, root);
		if (r == 99)
			skip();
		if (r)
			fail_msg("%s: %d", table[i].name, r);
	}
}

static int opt_missing(const char *root)
{
	char state[ROOTFS_STATE_MAX];
	struct why w = { 0 };

	if (rootfs_volatile(root, "prod", &w))
		return 1;
	rootfs_data(root, "prod", "", state);
	return there(root, "var/lib/prod") && there(root, "data/opt") ? 0 : 2;
}

static void a_missing_mount_point_of_the_product_costs_only_that(void **state)
{
	const char *root = make_root("noopt");
	int r;

	(void)state;
	make_var_data_opt(root, "opt");
	r = in_namespace(opt_missing, root);
	if (r == 99)
		skip();
	assert_int_equal(r, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_holds_one_of_three_file_systems),
		cmocka_unit_test(a_superblock_is_recognised),
		cmocka_unit_test(a_slot_without_a_file_system_is_reported),
		cmocka_unit_test(init_is_looked_for_inside_the_root),
		cmocka_unit_test(an_init_that_cannot_be_executed_is_refused),
		cmocka_unit_test(a_root_without_its_mount_points_is_refused),
		cmocka_unit_test(project_quota_needs_both_features),
		cmocka_unit_test(clearing_removes_everything_but_the_folder_itself),
		cmocka_unit_test(only_pid_1_of_an_initramfs_may_switch),
		cmocka_unit_test(volatile_folders_stand_in_for_a_missing_data_partition),
		cmocka_unit_test(no_data_partition_in_the_configuration_is_no_error),
		cmocka_unit_test(machine_ids_are_made_once_and_only_where_the_image_wants_one),
		cmocka_unit_test(a_missing_mount_point_of_the_product_costs_only_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
