/*
 * Swap files (tuning/swapfile.h) below a scratch folder; the kernel's part is played by a fake that keeps /proc/swaps.
 * What the kernel itself says to such files is in tests/root/tune.t.
 */
#include "tuning/swapfile.h"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "tests/support.h"
#include "tuning/swaphdr.h"

#define MIB  (UINT64_C(1) << 20)
#define HEAD "Filename\tType\tSize\tUsed\tPriority\n"

/* --- the kernel, as the cases want it --- */

static struct {
	const char *root;
	long type; /* of the file system */
	bool read_only;
	int fallocate; /* what it answers; 0: does it */
	int swapon[3]; /* what it answers, one after the other */
	unsigned int n_swapon, n_swapoff;
	bool die;        /* by SIGKILL, where it would take room */
	off_t leave_out; /* so much, of the first file that is switched on */
	bool forget;     /* says yes, and does nothing */
	off_t size_seen; /* of the file that was switched on */
} kernel;

static int fake_statfs(int fd, struct statfs *ret)
{
	int r = fstatfs(fd, ret);

	ret->f_type = kernel.type;
	ret->f_flags = kernel.read_only ? 1 : 0; /* ST_RDONLY */
	return r ? -errno : 0;
}

static int fake_fallocate(int fd, uint64_t bytes)
{
	if (kernel.die)
		IGNORE(raise(SIGKILL));
	if (kernel.fallocate) {
		IGNORE(ftruncate(fd, (off_t)bytes / 2)); /* ext4 leaves what it had */
		return kernel.fallocate;
	}
	return posix_fallocate(fd, 0, (off_t)bytes) ? -errno : 0;
}

static const char *swaps(void)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/proc/swaps", kernel.root);
	return path;
}

static int fake_swapon(const char *path, int flags)
{
	int answer = kernel.swapon[kernel.n_swapon < 3 ? kernel.n_swapon : 2];
	struct stat st;
	FILE *f;

	kernel.n_swapon++;
	assert_int_equal(flags, 0x8000 | SWAPFILE_PRIORITY);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	kernel.size_seen = st.st_size;
	if (answer || kernel.forget)
		return answer;
	f = fopen(swaps(), "ae");
	assert_non_null(f);
	(void)fprintf(f, "%s file %lld 0 10\n", path + strlen(kernel.root),
		      (long long)(st.st_size - 4096 - kernel.leave_out) / 1024);
	kernel.leave_out = 0;
	assert_int_equal(fclose(f), 0);
	return 0;
}

static int fake_swapoff(const char *path)
{
	struct why w = { 0 };

	(void)path;
	kernel.n_swapoff++;
	assert_ok(file_replace(AT_FDCWD, swaps(), HEAD, strlen(HEAD), 0644, &w), w);
	return 0;
}

static const struct swap_ops ops = { fake_statfs, fake_fallocate, fake_swapon, fake_swapoff };

/* --- the folder --- */

static struct tree tree;

static int fresh(void **state)
{
	static unsigned int n;
	static char root[400];
	char name[32];
	struct why w = { 0 };

	(void)state;
	if (n)
		tree_close(&tree);
	(void)snprintf(name, sizeof(name), "root%u", n++);
	(void)snprintf(root, sizeof(root), "%s", scratch_path(name));
	kernel = (__typeof__(kernel)){ .root = root, .type = EXT4_SUPER_MAGIC };
	(void)snprintf(name, sizeof(name), "root%u/proc", n - 1);
	assert_ok(dir_make(scratch_path(name), 0755, &w), w);
	assert_ok(file_replace(AT_FDCWD, swaps(), HEAD, strlen(HEAD), 0644, &w), w);
	assert_ok(tree_open(root, &tree, &w), w);
	return 0;
}

static const char *in_root(const char *path)
{
	static char full[4][512];
	static unsigned int n;

	n = (n + 1) % 4;
	(void)snprintf(full[n], sizeof(full[n]), "%s%s", kernel.root, path);
	return full[n];
}

static void put(const char *path, const void *bytes, size_t n)
{
	struct why w = { 0 };

	assert_ok(file_replace(AT_FDCWD, in_root(path), bytes, n, 0600, &w), w);
}

/* Number of entries in the folder besides proc. */
static unsigned int entries(void)
{
	AUTO_NAMES names = { 0 };
	struct why w = { 0 };

	assert_ok(tree_list(&tree, ".", 100, &names, &w), w);
	return (unsigned int)names.n - 1;
}

static struct swapfiles survey(void)
{
	struct swapfiles all;
	struct why w = { 0 };

	assert_ok(swapfile_survey(&tree, "/swapfile", &all, &w), w);
	return all;
}

static void create(const char *path, uint64_t bytes)
{
	struct why w = { 0 };

	assert_ok(swapfile_create(&tree, &ops, path, bytes, &w), w);
}

static void refuses_to_create(int code, const char *what)
{
	unsigned int before = entries();
	struct why w = { 0 };

	assert_int_equal(swapfile_create(&tree, &ops, "/swapfile", 4 * MIB, &w), code);
	if (!strstr(w.text, what))
		fail_msg("'%s' does not say '%s'", w.text, what);
	assert_int_equal(entries(), before);
}

/* --- the cases --- */

/* T2, I7: made whole, mode 600, switched on; blkid knows it, and it is what /proc/swaps counts. */
static void created_file_is_a_swap_area_to_blkid(void **state)
{
	const char *type = NULL, *label = NULL, *uuid = NULL, *version = NULL;
	blkid_probe probe;

	(void)state;
	create("/swapfile", 16 * MIB);
	probe = blkid_new_probe_from_filename(in_root("/swapfile"));
	assert_non_null(probe);
	assert_int_equal(blkid_probe_enable_superblocks(probe, 1), 0);
	assert_int_equal(blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_DEFAULT | BLKID_SUBLKS_VERSION), 0);
	assert_int_equal(blkid_do_safeprobe(probe), 0);
	assert_int_equal(blkid_probe_lookup_value(probe, "TYPE", &type, NULL), 0);
	assert_int_equal(blkid_probe_lookup_value(probe, "LABEL", &label, NULL), 0);
	assert_int_equal(blkid_probe_lookup_value(probe, "UUID", &uuid, NULL), 0);
	assert_int_equal(blkid_probe_lookup_value(probe, "VERSION", &version, NULL), 0);
	assert_string_equal(type, "swap");
	assert_string_equal(label, SWAPFILE_LABEL);
	assert_int_equal(strlen(uuid), 36);
	assert_string_equal(version, "1");
	blkid_free_probe(probe);
	assert_int_equal(kernel.size_seen, 16 * MIB + (uint64_t)getpagesize());
	assert_int_equal(kernel.n_swapon, 1);
	assert_int_equal(entries(), 1);
}

static void created_file_is_found_by_the_survey(void **state)
{
	struct swapfiles all;

	(void)state;
	create("/swapfile", 4 * MIB);
	create("/swapfile.1", 8 * MIB);
	all = survey();
	assert_int_equal(all.n, 2);
	assert_string_equal(all.at[1].path, "/swapfile.1");
	assert_int_equal(all.at[1].bytes, 8 * MIB);
	assert_true(all.at[0].valid && all.at[0].own && all.at[0].active);
	assert_string_equal(all.next, "/swapfile.2");
}

static void survey_of_nothing_names_the_first_place(void **state)
{
	struct swapfiles all = survey();

	(void)state;
	assert_int_equal(all.n, 0);
	assert_string_equal(all.next, "/swapfile");
}

static void survey_goes_past_a_gap(void **state)
{
	struct swapfiles all;

	(void)state;
	create("/swapfile.2", 4 * MIB);
	all = survey();
	assert_int_equal(all.n, 1);
	assert_string_equal(all.next, "/swapfile");
}

static void survey_with_all_names_taken_has_no_place(void **state)
{
	struct swapfiles all;
	char name[40];

	(void)state;
	create("/swapfile", MIB);
	for (unsigned int i = 1; i < SWAPFILE_MAX; i++) {
		(void)snprintf(name, sizeof(name), "/swapfile.%u", i);
		create(name, MIB);
	}
	all = survey();
	assert_int_equal(all.n, SWAPFILE_MAX);
	assert_string_equal(all.next, "");
	assert_non_null(strstr(all.why, "taken"));
}

/* What is in the place and is none of ours is told, and left alone. */
static void place_taken_is_refused_and_left_alone(void **state)
{
	static const char *const what[] = { "a folder", "a symlink", "no regular file", "no swap area", "byte" };
	struct swapfiles all;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(what); i++) {
		static const char zeros[8192];

		switch (i) {
		case 0:
			assert_int_equal(mkdir(in_root("/swapfile"), 0755), 0);
			break;
		case 1:
			assert_int_equal(symlink("/etc/passwd", in_root("/swapfile")), 0);
			break;
		case 2:
			assert_int_equal(mkfifo(in_root("/swapfile"), 0600), 0);
			break;
		case 3:
			put("/swapfile", zeros, sizeof(zeros));
			break;
		default:
			put("/swapfile", "precious", 8);
		}
		all = survey();
		assert_int_equal(all.n, 0);
		assert_string_equal(all.next, "");
		if (!strstr(all.why, what[i]))
			fail_msg("'%s' does not say '%s'", all.why, what[i]);
		assert_int_equal(entries(), 1);
		assert_int_equal(remove(in_root("/swapfile")), 0);
	}
}

static void folder_in_the_place_stops_creation(void **state)
{
	(void)state;
	assert_int_equal(mkdir(in_root("/swapfile"), 0755), 0);
	refuses_to_create(-EEXIST, "a folder");
	assert_int_equal(rmdir(in_root("/swapfile")), 0);
	assert_int_equal(symlink("elsewhere", in_root("/swapfile")), 0);
	refuses_to_create(-EEXIST, "a symlink");
	assert_int_equal(kernel.n_swapon, 0);
}

static void swap_file_of_somebody_else_counts_but_is_never_removed(void **state)
{
	const struct swaphdr h = { .pages = 255, .label = "hers" };
	static uint8_t area[MIB];
	struct swapfiles all;
	struct why w = { 0 };

	(void)state;
	memset(area, 1, sizeof(area));
	swaphdr_write(&h, area, (size_t)getpagesize());
	put("/swapfile", area, sizeof(area));
	all = survey();
	assert_int_equal(all.n, 1);
	assert_true(all.at[0].valid && !all.at[0].own);
	assert_string_equal(all.next, "/swapfile.1");
	assert_ok(swapfile_activate(&tree, &ops, "/swapfile", &w), w);
	assert_int_equal(swapfile_remove(&tree, &ops, "/swapfile", &w), -EPERM);
	assert_int_equal(entries(), 1);
}

/* A file of ours that was cut short, or restored with holes, makes way for a new one. */
static void damaged_file_of_ours_is_replaced(void **state)
{
	struct swapfiles all;

	(void)state;
	for (int holes = 0; holes <= 1; holes++) {
		create("/swapfile", 4 * MIB);
		IGNORE(fake_swapoff(""));
		assert_int_equal(truncate(in_root("/swapfile"), holes ? 2 * MIB : 3 * MIB), 0);
		if (holes)
			assert_int_equal(truncate(in_root("/swapfile"), 5 * MIB), 0);
		all = survey();
		assert_int_equal(all.n, 1);
		assert_true(all.at[0].own && !all.at[0].valid);
		assert_int_equal(all.at[0].bytes, 0);
		assert_string_equal(all.next, "/swapfile");
		create("/swapfile", 4 * MIB);
		assert_true(survey().at[0].valid);
		IGNORE(fake_swapoff(""));
		assert_int_equal(unlink(in_root("/swapfile")), 0);
	}
}

static void whole_file_is_not_made_again(void **state)
{
	(void)state;
	create("/swapfile", 4 * MIB);
	refuses_to_create(-EEXIST, "already");
	assert_int_equal(kernel.n_swapon, 1);
}

static void file_open_to_others_is_closed_before_it_is_used(void **state)
{
	struct why w = { 0 };

	(void)state;
	create("/swapfile", 4 * MIB);
	IGNORE(fake_swapoff(""));
	assert_int_equal(chmod(in_root("/swapfile"), 0644), 0);
	assert_ok(swapfile_activate(&tree, &ops, "/swapfile", &w), w); /* the fake looks at the mode */
}

/* fstab's swap unit was first: the kernel says busy, /proc/swaps has it. */
static void busy_file_that_is_on_is_fine(void **state)
{
	struct why w = { 0 };

	(void)state;
	create("/swapfile", 4 * MIB);
	kernel.swapon[1] = -EBUSY;
	assert_ok(swapfile_activate(&tree, &ops, "/swapfile", &w), w);
	assert_int_equal(kernel.n_swapon, 2);
}

static void busy_file_that_is_not_on_is_an_error(void **state)
{
	struct why w = { 0 };

	(void)state;
	create("/swapfile", 4 * MIB);
	IGNORE(fake_swapoff(""));
	kernel.swapon[1] = -EBUSY;
	assert_int_equal(swapfile_activate(&tree, &ops, "/swapfile", &w), -EIO);
}

/* What the kernel says is read back. */
static void success_without_effect_is_an_error(void **state)
{
	(void)state;
	kernel.forget = true;
	refuses_to_create(-EIO, "not in /proc/swaps");
}

static void full_disk_leaves_nothing(void **state)
{
	(void)state;
	kernel.fallocate = -ENOSPC;
	refuses_to_create(-ENOSPC, "No space left");
}

static void filesystem_without_fallocate_gets_zeros(void **state)
{
	(void)state;
	kernel.fallocate = -EOPNOTSUPP;
	create("/swapfile", 4 * MIB);
	assert_int_equal(kernel.size_seen, 4 * MIB + (uint64_t)getpagesize());
}

static void kernel_that_refuses_unwritten_blocks_gets_zeros_once(void **state)
{
	(void)state;
	kernel.swapon[0] = -EINVAL;
	create("/swapfile", 4 * MIB);
	assert_int_equal(kernel.n_swapon, 2);
	assert_true(survey().at[0].valid);
}

static void kernel_that_refuses_zeros_as_well_gets_no_file(void **state)
{
	(void)state;
	kernel.swapon[0] = kernel.swapon[1] = -EINVAL;
	refuses_to_create(-EINVAL, "cannot be swapped to");
	assert_int_equal(kernel.n_swapon, 2);
}

/* ext4 with blocks of 1 KiB: the kernel leaves out what does not fill a page. Seen: 5 pages of 64 MiB. */
static void kernel_that_leaves_out_blocks_gets_a_longer_file(void **state)
{
	struct swapfiles all;

	(void)state;
	kernel.leave_out = 20480;
	create("/swapfile", 4 * MIB);
	assert_int_equal(kernel.n_swapon, 2);
	assert_int_equal(kernel.n_swapoff, 1);
	all = survey();
	assert_int_equal(all.n, 1);
	assert_true(all.at[0].active_bytes >= 4 * MIB && all.at[0].active_bytes < 6 * MIB);
}

static void refusal_without_privilege_leaves_no_file(void **state)
{
	(void)state;
	kernel.swapon[0] = -EPERM;
	refuses_to_create(-EPERM, "cannot be swapped to");
	assert_int_equal(kernel.n_swapon, 1);
}

static void place_that_cannot_hold_swap_is_refused(void **state)
{
	static const struct {
		long type;
		const char *name;
	} table[] = { { TMPFS_MAGIC, "tmpfs" }, { OVERLAYFS_SUPER_MAGIC, "overlay" }, { SQUASHFS_MAGIC, "squashfs" } };
	uint64_t left = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct why w = { 0 };

		kernel.type = table[i].type;
		refuses_to_create(-EOPNOTSUPP, table[i].name);
		assert_int_equal(swapfile_place(&tree, &ops, "/swapfile", &left, &w), -EOPNOTSUPP);
		assert_true(w.next[0]);
	}
}

static void read_only_place_is_refused(void **state)
{
	struct why w = { 0 };
	uint64_t left = 0;

	(void)state;
	kernel.read_only = true;
	refuses_to_create(-EROFS, "read-only");
	assert_int_equal(swapfile_place(&tree, &ops, "/swapfile", &left, &w), -EROFS);
}

static void place_tells_what_is_free(void **state)
{
	struct why w = { 0 };
	uint64_t left = 0;

	(void)state;
	assert_ok(swapfile_place(&tree, &ops, "/swapfile", &left, &w), w);
	assert_true(left > 0);
	assert_int_equal(swapfile_place(&tree, &ops, "/nowhere/swapfile", &left, &w), -ENOENT);
}

static void death_while_it_is_made_leaves_nothing(void **state)
{
	pid_t child = fork();
	int status = 0;

	(void)state;
	if (child == 0) {
		kernel.die = true;
		_exit(swapfile_create(&tree, &ops, "/swapfile", 4 * MIB, NULL) ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(entries(), 0);
}

static void removed_file_is_off_and_gone(void **state)
{
	struct why w = { 0 };

	(void)state;
	create("/swapfile", 4 * MIB);
	assert_ok(swapfile_remove(&tree, &ops, "/swapfile", &w), w);
	assert_int_equal(kernel.n_swapoff, 1);
	assert_int_equal(entries(), 0);
}

static void corrupt_list_of_areas_is_an_error(void **state)
{
	static const char text[] = "Filename\n/swapfile file many 0 1\n";
	struct swapfiles all;
	struct why w = { 0 };

	(void)state;
	put("/proc/swaps", text, strlen(text));
	assert_int_equal(swapfile_survey(&tree, "/swapfile", &all, &w), -EBADMSG);
	assert_non_null(strstr(w.text, "/proc/swaps: line 2"));
}

static void name_that_is_no_path_is_an_error(void **state)
{
	static char name[200];
	struct swapfiles all;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	assert_int_equal(swapfile_survey(&tree, name, &all, NULL), -ENAMETOOLONG);
	assert_int_equal(swapfile_survey(&tree, "relative", &all, NULL), -ENAMETOOLONG);
}

static void size_that_cannot_be_is_an_error(void **state)
{
	static const uint64_t sizes[] = { 0, 5000, UINT64_MAX / 4096 * 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(swapfile_create(&tree, &ops, "/swapfile", sizes[i], NULL), -EINVAL);
}

#define T(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(created_file_is_a_swap_area_to_blkid),
		T(created_file_is_found_by_the_survey),
		T(survey_of_nothing_names_the_first_place),
		T(survey_goes_past_a_gap),
		T(survey_with_all_names_taken_has_no_place),
		T(place_taken_is_refused_and_left_alone),
		T(folder_in_the_place_stops_creation),
		T(swap_file_of_somebody_else_counts_but_is_never_removed),
		T(damaged_file_of_ours_is_replaced),
		T(whole_file_is_not_made_again),
		T(file_open_to_others_is_closed_before_it_is_used),
		T(busy_file_that_is_on_is_fine),
		T(busy_file_that_is_not_on_is_an_error),
		T(success_without_effect_is_an_error),
		T(full_disk_leaves_nothing),
		T(filesystem_without_fallocate_gets_zeros),
		T(kernel_that_refuses_unwritten_blocks_gets_zeros_once),
		T(kernel_that_refuses_zeros_as_well_gets_no_file),
		T(kernel_that_leaves_out_blocks_gets_a_longer_file),
		T(refusal_without_privilege_leaves_no_file),
		T(place_that_cannot_hold_swap_is_refused),
		T(read_only_place_is_refused),
		T(place_tells_what_is_free),
		T(death_while_it_is_made_leaves_nothing),
		T(removed_file_is_off_and_gone),
		T(corrupt_list_of_areas_is_an_error),
		T(name_that_is_no_path_is_an_error),
		T(size_that_cannot_be_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
