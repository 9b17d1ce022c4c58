/* Trees into bundles: a folder gives the same tar stream each time, and what may not be in a tree is found while building. */
#include "updater/tree_tar.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/hash.h"
#include "base/io.h"
#include "tests/support.h"
#include "updater/tree_unpack.h"

#define CLOCK 1500000000

struct file {
	int fd;
	uint8_t buf[5000];
};

static int next(void *arg, const void **ret, size_t *ret_n, struct why *w)
{
	struct file *f = arg;
	ssize_t n = read(f->fd, f->buf, sizeof(f->buf));

	(void)w;
	assert_true(n >= 0);
	*ret = f->buf;
	*ret_n = (size_t)n;
	return 0;
}

static struct hash hash_file(int fd)
{
	struct hasher h;
	uint8_t buf[4096];
	ssize_t n;

	hasher_init(&h);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		hasher_add(&h, bytes_of(buf, (size_t)n));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return hasher_end(&h);
}

static void put_mode(const char *name, const char *text, mode_t mode)
{
	scratch_put(name, text);
	assert_int_equal(chmod(scratch_path(name), mode), 0);
}

static void make_tree(const char *top)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s/bin/core", top);
	put_mode(name, "#!/bin/sh\n", 0755);
	(void)snprintf(name, sizeof(name), "%s/b", top);
	put_mode(name, "b", 0640);
	(void)snprintf(name, sizeof(name), "%s/\xc3\xa4", top);
	put_mode(name, "", 0644);
}

static char *at(const char *top, const char *name)
{
	static char both[4][64];
	static unsigned int turn;
	char *b = both[turn++ % 4];

	(void)snprintf(b, 64, "%s/%s", top, name);
	return b;
}

static int open_tree(const char *top, int *ret, struct tree_limits *limits, struct why *w)
{
	char beside[256];

	(void)snprintf(beside, sizeof(beside), "%s", scratch_path("out.reup"));
	return tree_tar_open(scratch_path(top), beside, CLOCK, ret, limits, w);
}

/* Made in another order, at another time, by another user. */
static void a_folder_gives_the_same_bytes_each_time(void **state)
{
	struct tree_limits limits[2];
	struct hash h[2];
	struct why w = { 0 };
	int fd = -1;

	(void)state;
	make_tree("one");
	assert_int_equal(link(scratch_path("one/b"), scratch_path("one/c")), 0);
	assert_int_equal(symlink("bin/core", scratch_path("one/run")), 0);
	assert_int_equal(symlink("bin/core", scratch_path("symlink")), 0);
	make_tree("two");
	assert_int_equal(rename(scratch_path("symlink"), scratch_path("two/run")), 0);
	assert_int_equal(rename(scratch_path("two/b"), scratch_path("two/c")), 0);
	assert_int_equal(link(scratch_path("two/c"), scratch_path("two/b")), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(scratch_path("two/c"), 12, 34), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_ok(open_tree(i ? "two" : "one", &fd, &limits[i], &w), w);
		h[i] = hash_file(fd);
		(void)close(fd);
	}
	assert_true(hash_equal(&h[0], &h[1]));
	assert_int_equal(limits[0].entries, 7);
	assert_int_equal(limits[0].bytes, 11);
	assert_memory_equal(&limits[0], &limits[1], sizeof(limits[0]));
}

static void what_was_packed_is_unpacked(void **state)
{
	const struct timespec old[] = { { .tv_sec = 1234567890 }, { .tv_sec = 1234567890 } };
	char value[8] = "";
	struct tree_limits limits, sum;
	bool xattrs;
	struct why w = { 0 };
	struct file f = { .fd = -1 };
	const struct tree_input in = { .next = next, .arg = &f };
	struct stat st, other;
	AUTO_FD hole = -1;
	int to;

	(void)state;
	make_tree("in");
	assert_int_equal(chmod(scratch_path("in/bin"), 01775), 0);
	assert_int_equal(utimensat(AT_FDCWD, scratch_path("in/b"), old, 0), 0);
	assert_int_equal(link(scratch_path("in/b"), scratch_path("in/z")), 0);
	xattrs = setxattr(scratch_path("in/b"), "user.a", "1", 1, 0) == 0;
	hole = open(scratch_path("in/hole"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(pwrite(hole, "end", 3, 64 << 20) == 3);
	assert_int_equal(fsync(hole), 0);
	assert_ok(open_tree("in", &f.fd, &limits, &w), w);
	assert_true(limits.bytes > 64 << 20);
	assert_int_equal(fstat(f.fd, &st), 0);
	assert_true(st.st_size < 1 << 20); /* the hole is none of it */
	assert_int_equal(lseek(f.fd, 0, SEEK_SET), 0);
	assert_int_equal(mkdir(scratch_path("out"), 0700), 0);
	to = open(scratch_path("out"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_ok(tree_unpack(to, &in, &limits, &sum, &w), w);
	assert_int_equal(sum.entries, limits.entries);
	assert_int_equal(stat(scratch_path("out/bin"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 01775);
	assert_int_equal(stat(scratch_path("out/b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_mtime, 1234567890);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(stat(scratch_path("out/z"), &other), 0);
	assert_true(other.st_ino == st.st_ino);
	assert_int_equal(stat(scratch_path("out/bin/core"), &st), 0);
	assert_int_equal(st.st_mtime, CLOCK);
	assert_int_equal(stat(scratch_path("out/\xc3\xa4"), &st), 0);
	assert_int_equal(stat(scratch_path("out/hole"), &st), 0);
	assert_true(st.st_size == (64 << 20) + 3 && st.st_blocks < 4096);
	if (xattrs)
		assert_int_equal(getxattr(scratch_path("out/b"), "user.a", value, sizeof(value)), 1);
	(void)close(to);
	(void)close(f.fd);
}

static void refuses(const char *top, const char *why)
{
	struct tree_limits limits;
	struct why w = { 0 };
	int fd = -1, r = open_tree(top, &fd, &limits, &w);

	if (r >= 0 || fd >= 0 || !strstr(w.text, why))
		fail_msg("%s: want '%s', got %d: %s", top, why, r, w.text);
}

static void what_may_not_be_in_a_tree_is_found_while_building(void **state)
{
	(void)state;
	refuses("nowhere", "No such file");
	make_tree("bad");
	assert_int_equal(mkfifo(scratch_path("bad/fifo"), 0600), 0);
	refuses("bad", "fifo: is neither file, folder nor link");
	assert_int_equal(unlink(scratch_path("bad/fifo")), 0);
	assert_int_equal(chmod(scratch_path(at("bad", "bin/core")), 04755), 0);
	refuses("bad", "setuid");
	scratch_put("text", "no tar at all, whatever its name says");
	refuses("text", "tar:");
	refuses("text/x", "Not a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_gives_the_same_bytes_each_time),
		cmocka_unit_test(what_was_packed_is_unpacked),
		cmocka_unit_test(what_may_not_be_in_a_tree_is_found_while_building),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
