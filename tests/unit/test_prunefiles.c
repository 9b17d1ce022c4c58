/* A job's folder is kept below its cap (bootstage/trainer/prunefiles.h): R2, R3, R6, R7, C21. */
#include "bootstage/trainer/prunefiles.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/io.h"
#include "bootstage/trainer/checkpoint.h"
#include "tests/support.h"

#define KIB 1024u
#define MIB (1024u * KIB)

/* The smallest model that is one: ir_version, opset 13, a graph of an Identity from x to y. */
static const uint8_t model[] = {
	0x08, 0x07,                                                            /* ir_version 7 */
	0x3a, 0x37,                                                            /* graph, 55 bytes */
	0x0a, 0x10, 0x0a, 0x01, 'x',  0x12, 0x01, 'y',  0x22, 0x08, 'I',  'd', /* node: input, output, op_type */
	'e',  'n',  't',  'i',  't',  'y',                                     /* */
	0x12, 0x01, 'g',                                                       /* name */
	0x5a, 0x0f, 0x0a, 0x01, 'x',  0x12, 0x0a, 0x0a, 0x08, 0x08, 0x01,      /* input: float, one dimension of 1 */
	0x12, 0x04, 0x0a, 0x02, 0x08, 0x01,                                    /* */
	0x62, 0x0f, 0x0a, 0x01, 'y',  0x12, 0x0a, 0x0a, 0x08, 0x08, 0x01,      /* output */
	0x12, 0x04, 0x0a, 0x02, 0x08, 0x01,                                    /* */
	0x42, 0x04, 0x0a, 0x00, 0x10, 0x0d,                                    /* opset_import: "", 13 */
};

/* A file of n bytes in the job's folder, that many seconds old at the epoch's count. */
static void put_bytes(const char *name, const void *p, size_t n, time_t mtime)
{
	AUTO_FD fd = -1;
	const struct timespec times[] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	scratch_put(name, "");
	fd = open(scratch_path(name), O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_true(write(fd, p, n) == (ssize_t)n);
	assert_int_equal(futimens(fd, times), 0);
}

static void put(const char *name, size_t n, time_t mtime)
{
	AUTO_FREE char *bytes = malloc(n + 1);

	memset(bytes, 'x', n + 1);
	put_bytes(name, bytes, n, mtime);
}

static void put_ours(const char *folder, const char *name, size_t n, time_t mtime, uint64_t generation)
{
	AUTO_FREE uint8_t *bytes = calloc(1, n);
	AUTO_FD at = open(scratch_path(folder), O_RDONLY | O_DIRECTORY);
	const struct timespec times[] = { { .tv_sec = mtime }, { .tv_sec = mtime } };
	struct why w = { 0 };

	assert_ok(checkpoint_write(at, name, generation, bytes_of(bytes, n), &w), w);
	assert_int_equal(utimensat(at, name, times, 0), 0);
}

static bool there(const char *name)
{
	return faccessat(AT_FDCWD, scratch_path(name), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct prunefiles_want want(const char *folder, uint64_t cap)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", scratch(), folder);
	return (struct prunefiles_want){ .folder = path, .cap_bytes = cap, .prune_at = 80, .keep_last = 2 };
}

static void enforce_within_the_goal_touches_nothing(void **state)
{
	struct prunefiles_want it = want("within", MIB);
	AUTO_PRUNEFILES p = { 0 };
	struct why w = { 0 };

	(void)state;
	put("within/a.tmp", 100 * KIB, 1);
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_int_equal(p.plan.outcome, PRUNE_WITHIN);
	assert_true(p.n_files == 0 && p.removed == 0 && there("within/a.tmp"));
	assert_int_equal(p.before.allocated_bytes, p.after_bytes);
	assert_non_null(strstr(p.said, "of 1.0 MiB used"));
}

static void enforce_no_folder_is_an_empty_one(void **state)
{
	struct prunefiles_want it = want("nowhere", MIB);
	AUTO_PRUNEFILES p = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_int_equal(p.plan.outcome, PRUNE_WITHIN);
	assert_int_equal(p.after_bytes, 0);
}

static void enforce_the_oldest_go_down_to_the_goal(void **state) /* R2 */
{
	struct prunefiles_want it = want("oldest", MIB);
	AUTO_PRUNEFILES p = { 0 };
	struct why w = { 0 };

	(void)state;
	put("oldest/3.checkpoint", 256 * KIB, 30);
	put("oldest/sub/1.tmp", 256 * KIB, 10);
	put("oldest/2.tmp", 256 * KIB, 20);
	put("oldest/4.checkpoint", 256 * KIB, 40);
	it.dry_run = true;
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_int_equal(p.plan.remove, 1);
	assert_string_equal(p.files[0].path, "sub/1.tmp");
	assert_true(there("oldest/sub/1.tmp"));
	assert_non_null(strstr(p.said, "1 file would be removed"));
	prunefiles_free(&p);
	it.dry_run = false;
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_int_equal(p.removed, 1);
	assert_false(there("oldest/sub/1.tmp"));
	assert_true(there("oldest/2.tmp") && there("oldest/3.checkpoint") && there("oldest/4.checkpoint"));
	assert_int_equal(p.plan.outcome, PRUNE_WITHIN);
	assert_true(p.after_bytes <= MIB / 100 * 80);
}

static void enforce_the_newest_by_its_number_stays(void **state) /* R7: the clock went back */
{
	struct prunefiles_want it = want("numbers", 300 * KIB);
	AUTO_PRUNEFILES p = { 0 };
	struct why w = { 0 };

	(void)state;
	put("numbers/torn.checkpoint", 64 * KIB, 900);
	put_ours("numbers", "a.checkpoint", 128 * KIB, 1000, 7);
	put_ours("numbers", "b.checkpoint", 128 * KIB, 10, 8);
	put_ours("numbers", "c.checkpoint", 128 * KIB, 20, 9);
	put_bytes("numbers/torn.checkpoint", "", 0, 2000);
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_false(there("numbers/a.checkpoint"));
	assert_true(there("numbers/c.checkpoint"));
}

static void enforce_the_mock_file_goes_and_the_model_stays(void **state) /* R7, C21 */
{
	struct prunefiles_want it = want("mock", MIB);
	AUTO_PRUNEFILES p = { 0 };
	struct why w = { 0 };

	(void)state;
	put_bytes("mock/core.onnx", model, sizeof(model), 1);
	put("mock/damaged.onnx", 4 * KIB, 1);
	put("mock/mock", 4 * MIB, 99);
	put("mock/notes", 4 * KIB, 1);
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_int_equal(p.plan.outcome, PRUNE_WITHIN);
	assert_false(there("mock/mock"));
	assert_true(there("mock/core.onnx") && there("mock/notes") && there("mock/damaged.onnx"));
	prunefiles_free(&p);
	it.cap_bytes = 10 * KIB; /* the model and the folder take 8 */
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_true(there("mock/core.onnx"));
	assert_false(there("mock/damaged.onnx"));
}

static void enforce_a_model_over_the_cap_is_said(void **state) /* R3 */
{
	struct prunefiles_want it = want("large", 2 * KIB);
	AUTO_PRUNEFILES p = { 0 };
	struct why w = { 0 };

	(void)state;
	put_bytes("large/core.onnx", model, sizeof(model), 1);
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_int_equal(p.plan.outcome, PRUNE_TOO_LARGE);
	assert_non_null(strstr(p.said, "Model too large for quota"));
	assert_true(there("large/core.onnx"));
}

static void enforce_symlinks_lead_nowhere(void **state) /* R7 */
{
	struct prunefiles_want it = want("tricks", 100 * KIB);
	AUTO_PRUNEFILES p = { 0 };
	struct why w = { 0 };

	(void)state;
	put("victim/a.checkpoint", 64 * KIB, 1);
	put("victim/b.tmp", 64 * KIB, 1);
	put("tricks/real.tmp", 128 * KIB, 5);
	assert_int_equal(symlink(scratch_path("victim"), scratch_path("tricks/folder")), 0);
	assert_int_equal(symlink(scratch_path("victim/b.tmp"), scratch_path("tricks/link.tmp")), 0);
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_false(there("tricks/real.tmp"));
	assert_true(there("tricks/link.tmp") && there("victim/a.checkpoint") && there("victim/b.tmp"));
	prunefiles_free(&p);
	it = want("tricks/folder", 100 * KIB);
	assert_int_equal(prunefiles_enforce(&it, &p, &w), -ENOTDIR);
	assert_true(there("victim/a.checkpoint"));
}

static void enforce_a_second_name_elsewhere_keeps_its_file(void **state) /* R7 */
{
	struct prunefiles_want it = want("links", 100 * KIB);
	AUTO_PRUNEFILES p = { 0 };
	struct why w = { 0 };

	(void)state;
	put("precious/file", 128 * KIB, 1);
	scratch_put("links/x", "x");
	assert_int_equal(link(scratch_path("precious/file"), scratch_path("links/trick.checkpoint")), 0);
	assert_int_equal(link(scratch_path("precious/file"), scratch_path("links/trick.tmp")), 0);
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_false(there("links/trick.tmp"));
	assert_true(there("precious/file"));
}

/* --- a job that works meanwhile --- */

static atomic_bool stop;

/* Replaces its checkpoint all the time by a new file, by a symlink, by a file with two names. */
static void *replace(void *arg)
{
	AUTO_FD at = open(arg, O_RDONLY | O_DIRECTORY);

	while (!stop) {
		AUTO_FD fd = openat(at, "new", O_CREAT | O_WRONLY | O_TRUNC, 0600);

		(void)!write(fd, "precious", 8);
		(void)renameat(at, "new", at, "a.tmp");
		(void)symlinkat("../victim2/kept", at, "new");
		(void)renameat(at, "new", at, "a.tmp");
		(void)linkat(at, "../victim2/kept", at, "new", 0);
		(void)renameat(at, "new", at, "a.tmp");
	}
	return NULL;
}

static void enforce_files_replaced_meanwhile_hurt_nobody(void **state)
{
	struct prunefiles_want it = want("race", 8 * KIB);
	AUTO_FREE char *folder = strdup(it.folder);
	pthread_t t;

	(void)state;
	put("victim2/kept", 100, 1);
	put("race/b.tmp", 32 * KIB, 1);
	stop = false;
	assert_int_equal(pthread_create(&t, NULL, replace, folder), 0);
	for (int i = 0; i < 300; i++) {
		AUTO_PRUNEFILES p = { 0 };
		struct why w = { 0 };

		it.cap_bytes = i % 2 ? 8 * KIB : 1;
		assert_ok(prunefiles_enforce(&it, &p, &w), w);
	}
	stop = true;
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_true(there("victim2/kept"));
	assert_false(there("race/b.tmp"));
}

static void enforce_of_many_others_the_largest_go(void **state)
{
	struct prunefiles_want it = want("many", 100 * MIB);
	AUTO_FD at = -1;
	AUTO_PRUNEFILES p = { 0 };
	struct why w = { 0 };

	(void)state;
	put("many/large", MIB, 1);
	at = open(scratch_path("many"), O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 3 * (int)PRUNEFILES_OTHERS; i++) {
		char name[16];
		AUTO_FD fd = -1;

		(void)snprintf(name, sizeof(name), "%d", i);
		fd = openat(at, name, O_CREAT | O_WRONLY, 0600);
		assert_true(write(fd, "x", 1) == 1);
	}
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	it.cap_bytes = p.after_bytes - 512 * KIB;
	prunefiles_free(&p);
	assert_ok(prunefiles_enforce(&it, &p, &w), w);
	assert_int_equal(p.removed, 1);
	assert_false(there("many/large"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enforce_within_the_goal_touches_nothing),
		cmocka_unit_test(enforce_no_folder_is_an_empty_one),
		cmocka_unit_test(enforce_the_oldest_go_down_to_the_goal),
		cmocka_unit_test(enforce_the_newest_by_its_number_stays),
		cmocka_unit_test(enforce_the_mock_file_goes_and_the_model_stays),
		cmocka_unit_test(enforce_a_model_over_the_cap_is_said),
		cmocka_unit_test(enforce_symlinks_lead_nowhere),
		cmocka_unit_test(enforce_a_second_name_elsewhere_keeps_its_file),
		cmocka_unit_test(enforce_files_replaced_meanwhile_hurt_nobody),
		cmocka_unit_test(enforce_of_many_others_the_largest_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
