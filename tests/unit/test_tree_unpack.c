/*
 * Trees out of tar streams (I9): what is kept, and every kind of member that is refused, also the clever ones
 * (updater/tree_read.h, tree_unpack.h, tree_check.h).
 */
#include "updater/tree_unpack.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/io.h"
#include "tests/support.h"

/* A tar stream, made by hand so that it can be as wrong as it likes. */
struct tar {
	uint8_t *p;
	size_t n, room;
	size_t given, piece; /* as input: how far, and how much at a time */
};

static void add(struct tar *t, const void *p, size_t n)
{
	if (t->n + n > t->room) {
		t->room = 2 * (t->n + n);
		t->p = realloc(t->p, t->room);
		assert_non_null(t->p);
	}
	if (n > 0)
		memcpy(t->p + t->n, p, n);
	t->n += n;
}

static void pad(struct tar *t)
{
	static const uint8_t zeros[512];

	add(t, zeros, (512 - t->n % 512) % 512);
}

struct head {
	const char *name, *link;
	char type;
	unsigned int mode;
	uint64_t size;
};

static void put_octal(uint8_t *at, size_t n, uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%0*llo", (int)n - 1, (unsigned long long)v);
	memcpy(at, text, n);
}

static void add_head(struct tar *t, const struct head *h)
{
	uint8_t b[512] = { 0 };
	unsigned int sum = 0;

	memcpy(b, h->name, strnlen(h->name, 100));
	put_octal(b + 100, 8, h->mode);
	put_octal(b + 108, 8, geteuid());
	put_octal(b + 116, 8, getegid());
	put_octal(b + 124, 12, h->size);
	put_octal(b + 136, 12, 1000000000);
	memset(b + 148, ' ', 8);
	b[156] = (uint8_t)h->type;
	if (h->link)
		memcpy(b + 157, h->link, strnlen(h->link, 100));
	memcpy(b + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(b); i++)
		sum += b[i];
	put_octal(b + 148, 7, sum);
	add(t, b, sizeof(b));
}

static void add_folder(struct tar *t, const char *name)
{
	add_head(t, &(struct head){ .name = name, .type = '5', .mode = 0755 });
}

static void add_file(struct tar *t, const char *name, unsigned int mode, const char *text)
{
	add_head(t, &(struct head){ .name = name, .type = '0', .mode = mode, .size = strlen(text) });
	add(t, text, strlen(text));
	pad(t);
}

static void add_link(struct tar *t, char type, const char *name, const char *to)
{
	add_head(t, &(struct head){ .name = name, .link = to, .type = type, .mode = 0777 });
}

/* Records "LENGTH KEY=VALUE\n" in front of the next member. */
static void add_pax_bytes(struct tar *t, char type, const char *text, size_t n)
{
	add_head(t, &(struct head){ .name = "pax", .type = type, .mode = 0644, .size = n });
	add(t, text, n);
	pad(t);
}

static void add_pax(struct tar *t, const char *key, const char *value)
{
	size_t n = strlen(key) + strlen(value) + 3, digits = 1;
	char text[8192];

	while (snprintf(text, sizeof(text), "%zu", n + digits) != (int)digits)
		digits++;
	n = (size_t)snprintf(text, sizeof(text), "%zu %s=%s\n", n + digits, key, value);
	add_pax_bytes(t, 'x', text, n);
}

static void end(struct tar *t)
{
	static const uint8_t zeros[1024];

	add(t, zeros, sizeof(zeros));
}

static int next(void *arg, const void **ret, size_t *ret_n, struct why *w)
{
	struct tar *t = arg;
	size_t left = t->n - t->given;

	(void)w;
	*ret_n = t->piece && t->piece < left ? t->piece : left;
	*ret = t->p + t->given;
	t->given += *ret_n;
	return 0;
}

static const struct tree_limits wide = { .bytes = 1u << 30, .entries = 10000 };
static unsigned int folders;

/* Into a fresh folder, whose name is in `name`. */
static int unpack_within(struct tar *t, const struct tree_limits *limits, char name[32], struct why *w)
{
	const struct tree_input in = { .next = next, .arg = t };
	struct tree_limits sum = { 0 };
	int fd, r;

	(void)snprintf(name, 32, "t%u", folders++);
	assert_int_equal(mkdir(scratch_path(name), 0700), 0);
	fd = open(scratch_path(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	r = tree_unpack(fd, &in, limits, &sum, w);
	(void)close(fd);
	free(t->p);
	*t = (struct tar){ 0 };
	return r;
}

static const char *in_folder(const char *folder, const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return scratch_path(path);
}

static struct stat stat_of(const char *folder, const char *name)
{
	struct stat st = { 0 };

	if (lstat(in_folder(folder, name), &st))
		fail_msg("%s is not there", name);
	return st;
}

static void holds(const char *folder, const char *name, const char *want)
{
	AUTO_FREE char *text = NULL;
	struct why w = { 0 };

	assert_ok(file_read(AT_FDCWD, in_folder(folder, name), 1u << 20, &text, NULL, &w), w);
	assert_string_equal(text, want);
}

static void members_keep_mode_time_and_links(void **state)
{
	struct tar t = { .piece = 100 };
	char f[32], to[32] = "";
	struct why w = { 0 };
	struct stat st;

	(void)state;
	add_head(&t, &(struct head){ .name = "./", .type = '5', .mode = 0750 });
	add_head(&t, &(struct head){ .name = "./bin/", .type = '5', .mode = 0555 });
	add_file(&t, "./bin/core", 0755, "#!/bin/sh\n");
	add_link(&t, '1', "./bin/again", "./bin/core");
	add_link(&t, '2', "./run", "bin/core");
	add_link(&t, '2', "etc", "/etc");
	add_file(&t, "secret", 0600, "x");
	add_file(&t, "empty", 0644, "");
	end(&t);
	assert_ok(unpack_within(&t, &wide, f, &w), w);
	assert_int_equal(stat_of(f, ".").st_mode & 07777, 0750);
	st = stat_of(f, "bin");
	assert_int_equal(st.st_mode & 07777, 0555);
	assert_int_equal(st.st_mtime, 1000000000);
	st = stat_of(f, "bin/core");
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(st.st_mtime, 1000000000);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_uid, geteuid());
	assert_true(stat_of(f, "bin/again").st_ino == st.st_ino);
	assert_true(readlink(in_folder(f, "run"), to, sizeof(to) - 1) == 8);
	assert_string_equal(to, "bin/core");
	assert_true(S_ISLNK(stat_of(f, "etc").st_mode));
	assert_int_equal(stat_of(f, "secret").st_mode & 07777, 0600);
	assert_int_equal(stat_of(f, "empty").st_size, 0);
	holds(f, "bin/core", "#!/bin/sh\n");
	(void)chmod(in_folder(f, "bin"), 0755); /* so that the scratch folder can be removed */
}

static void owners_are_kept_by_root(void **state)
{
	struct tar t = { 0 };
	char f[32];
	struct why w = { 0 };
	size_t at;

	(void)state;
	if (geteuid() != 0)
		skip();
	at = t.n;
	add_file(&t, "x", 0644, "x");
	put_octal(t.p + at + 108, 8, 12345);
	put_octal(t.p + at + 116, 8, 54321);
	memset(t.p + at + 148, ' ', 8);
	{
		unsigned int sum = 0;

		for (size_t i = 0; i < 512; i++)
			sum += t.p[at + i];
		put_octal(t.p + at + 148, 7, sum);
	}
	end(&t);
	assert_ok(unpack_within(&t, &wide, f, &w), w);
	assert_int_equal(stat_of(f, "x").st_uid, 12345);
	assert_int_equal(stat_of(f, "x").st_gid, 54321);
}

static void names_are_utf8_and_long(void **state)
{
	static const char name[] =
		"\xc3\xa4\xe2\x82\xac/0123456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567890123456789012345678901234567890123456789";
	struct tar t = { 0 };
	char f[32];
	struct why w = { 0 };

	(void)state;
	add_pax(&t, "path", "\xc3\xa4\xe2\x82\xac");
	add_folder(&t, "x");
	add_pax(&t, "path", name);
	add_file(&t, "y", 0644, "long");
	end(&t);
	assert_ok(unpack_within(&t, &wide, f, &w), w);
	holds(f, name, "long");
}

static void attributes_and_acls_are_kept(void **state)
{
	struct tar t = { 0 };
	char f[32], value[16] = "";
	struct why w = { 0 };

	(void)state;
	scratch_put("probe", "x");
	if (setxattr(scratch_path("probe"), "user.a", "b", 1, 0))
		skip();
	add_pax(&t, "SCHILY.xattr.user.colour", "blue");
	add_file(&t, "x", 0644, "x");
	add_pax(&t, "SCHILY.acl.access", "user::rw-,user:daemon:r--:1,group::r--,mask::r--,other::---");
	add_file(&t, "acl", 0640, "x");
	end(&t);
	assert_ok(unpack_within(&t, &wide, f, &w), w);
	assert_int_equal(getxattr(in_folder(f, "x"), "user.colour", value, sizeof(value)), 4);
	assert_memory_equal(value, "blue", 4);
	assert_true(getxattr(in_folder(f, "acl"), "system.posix_acl_access", NULL, 0) > 0);
}

static void holes_stay_holes(void **state)
{
	struct tar t = { 0 };
	char f[32];
	struct why w = { 0 };
	struct stat st;

	(void)state;
	{
		static const char text[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.name=holes\n"
					   "34 GNU.sparse.realsize=1073741824\n";
		static const char map[] = "2\n536870912\n4\n1073741824\n0\n";

		add_pax_bytes(&t, 'x', text, sizeof(text) - 1);
		add_head(&t, &(struct head){ .name = "GNUSparseFile.0/holes", .type = '0', .mode = 0644, .size = 516 });
		add(&t, map, sizeof(map) - 1);
		pad(&t);
		add(&t, "data", 4);
		pad(&t);
	}
	end(&t);
	assert_ok(unpack_within(&t, &wide, f, &w), w);
	st = stat_of(f, "holes");
	assert_true(st.st_size == 1ll << 30);
	assert_in_range(st.st_blocks, 1, 2048);
}

/* --- what is refused --- */

static void refuses(struct tar *t, const char *why)
{
	struct why w = { 0 };
	char f[32];
	int r;

	end(t);
	r = unpack_within(t, &wide, f, &w);
	if (r >= 0 || !strstr(w.text, why))
		fail_msg("want '%s', got %d: %s", why, r, w.text);
}

static void traversal_is_refused(void **state)
{
	static const char *const names[] = { "../x", "a/../../x", "..", "a/..", "./../x" };
	struct tar t = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		add_folder(&t, "a");
		add_file(&t, names[i], 0644, "x");
		refuses(&t, "has '..' in its name");
	}
	add_file(&t, "/etc/x", 0644, "x");
	refuses(&t, "absolute name");
	add_file(&t, "//x", 0644, "x");
	refuses(&t, "absolute name");
	add_pax(&t, "path", "/etc/x");
	add_file(&t, "x", 0644, "x");
	refuses(&t, "absolute name");
	assert_int_equal(access(scratch_path("x"), F_OK), -1);
}

static void links_lead_nowhere(void **state)
{
	struct tar t = { 0 };

	(void)state;
	add_link(&t, '2', "a", scratch());
	add_file(&t, "a/evil", 0644, "x");
	refuses(&t, "below something that is no folder");
	add_link(&t, '2', "b", "..");
	add_link(&t, '2', "a", "b");
	add_folder(&t, "a/evil");
	refuses(&t, "below something that is no folder");
	add_link(&t, '2', "a", "..");
	add_folder(&t, "a");
	refuses(&t, "is there twice");
	add_folder(&t, "a");
	add_link(&t, '2', "a", "..");
	refuses(&t, "is there twice");
	add_link(&t, '2', "a", scratch_path("target"));
	add_file(&t, "a", 0644, "x");
	refuses(&t, "is there twice");
	add_file(&t, "f", 0644, "x");
	add_file(&t, "f/x", 0644, "x");
	refuses(&t, "below something that is no folder");
	add_link(&t, '2', ".", "/etc");
	refuses(&t, "is no folder, at the top");
	assert_int_equal(access(scratch_path("evil"), F_OK), -1);
	assert_int_equal(access(scratch_path("target"), F_OK), -1);
}

static void hard_links_stay_inside(void **state)
{
	static const char *const targets[] = { "/etc/passwd", "../t0/x", "later", "d", "s", "h" };
	static const char *const reasons[] = { "absolute",          "'..'",
					       "no file before it", "no file before it",
					       "no file before it", "no file before it" };
	struct tar t = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		add_folder(&t, "d");
		add_link(&t, '2', "s", "/etc/passwd");
		add_link(&t, '1', "h", targets[i]);
		add_file(&t, "later", 0644, "x");
		refuses(&t, reasons[i]);
	}
	add_file(&t, "a", 0644, "x");
	add_head(&t, &(struct head){ .name = "b", .link = "a", .type = '1', .mode = 0644, .size = 3 });
	add(&t, "abc", 3);
	pad(&t);
	refuses(&t, ""); /* by libarchive, or by us */
}

static void only_files_folders_and_links(void **state)
{
	struct tar t = { 0 };

	(void)state;
	for (const char *type = "346"; *type; type++) {
		add_head(&t, &(struct head){ .name = "dev", .type = *type, .mode = 0666 });
		refuses(&t, "neither file, folder nor link");
	}
	add_head(&t, &(struct head){ .name = "s", .type = '0', .mode = 04755 });
	refuses(&t, "setuid");
	add_head(&t, &(struct head){ .name = "s", .type = '0', .mode = 02755 });
	refuses(&t, "setgid");
	add_pax(&t, "SCHILY.xattr.security.selinux", "x");
	add_file(&t, "x", 0644, "x");
	refuses(&t, "security.selinux is not allowed");
	add_pax(&t, "SCHILY.xattr.trusted.overlay.redirect", "/etc");
	add_file(&t, "x", 0644, "x");
	refuses(&t, "is not allowed");
}

static void missing_folders_and_odd_names_are_refused(void **state)
{
	char deep[2 * TREE_DEPTH_MAX + 4] = "", part[TREE_NAME_BYTES + 2], *longest = calloc(1, TREE_PATH_MAX + 300);
	struct tar t = { 0 };

	(void)state;
	add_file(&t, "a/b", 0644, "x");
	refuses(&t, "comes before the folder");
	memset(part, 'p', sizeof(part) - 1);
	part[sizeof(part) - 1] = '\0';
	add_pax(&t, "path", part);
	add_file(&t, "x", 0644, "x");
	refuses(&t, "a part of its name");
	for (unsigned int i = 0; i <= TREE_DEPTH_MAX; i++)
		memcpy(deep + 2 * (size_t)i, "a/", 2);
	add_pax(&t, "path", deep);
	add_folder(&t, "x");
	refuses(&t, "folders deep");
	assert_non_null(longest);
	part[200] = '/';
	part[201] = '\0';
	for (size_t n = 0; n < TREE_PATH_MAX; n += 201)
		memcpy(longest + n, part, 202);
	add_pax(&t, "path", longest);
	add_folder(&t, "x");
	refuses(&t, "bytes");
	free(longest);
	add_pax(&t, "path", "");
	add_file(&t, "", 0644, "x");
	refuses(&t, "");
}

/* --- bombs --- */

static void limits_of_the_manifest_hold(void **state)
{
	struct tree_limits limits = { .bytes = 10, .entries = 3 };
	struct why w = { 0 };
	struct tar t = { 0 };
	char f[32];

	(void)state;
	add_file(&t, "a", 0644, "12345");
	add_file(&t, "b", 0644, "12345");
	add_link(&t, '1', "c", "a");
	end(&t);
	assert_ok(unpack_within(&t, &limits, f, &w), w);
	add_file(&t, "a", 0644, "12345");
	add_file(&t, "b", 0644, "123456");
	end(&t);
	assert_int_equal(unpack_within(&t, &limits, f, &w), -E2BIG);
	assert_non_null(strstr(w.text, "allows 10 bytes"));
	w = (struct why){ 0 };
	for (char c = 'a'; c < 'e'; c++)
		add_folder(&t, (char[]){ c, '\0' });
	end(&t);
	assert_int_equal(unpack_within(&t, &limits, f, &w), -E2BIG);
	assert_non_null(strstr(w.text, "allows 3"));
}

/* A hole counts as what it would read. */
static void sparse_bombs_are_refused(void **state)
{
	static const char text[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.name=holes\n"
				   "43 GNU.sparse.realsize=4611686018427387904\n";
	static const char map[] = "1\n4611686018427387904\n0\n";
	struct tar t = { 0 };

	(void)state;
	add_pax_bytes(&t, 'x', text, sizeof(text) - 1);
	add_head(&t, &(struct head){ .name = "GNUSparseFile.0/x", .type = '0', .mode = 0644, .size = 512 });
	add(&t, map, sizeof(map) - 1);
	pad(&t);
	refuses(&t, "allows 1073741824 bytes");
}

static void big_headers_are_refused(void **state)
{
	struct tar t = { .piece = 65536 };
	AUTO_FREE char *big = calloc(1, 8u << 20);

	(void)state;
	assert_non_null(big);
	memset(big, '1', 8u << 20);
	add_pax_bytes(&t, 'x', big, 8u << 20);
	add_file(&t, "x", 0644, "x");
	refuses(&t, "");
	for (int i = 0; i < 100; i++) /* headers upon headers */
		add_pax_bytes(&t, 'g', "11 path=ab\n", 11);
	add_file(&t, "x", 0644, "x");
	refuses(&t, "");
	add_pax_bytes(&t, 'x', "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n20 GNU.sparse.name=x\n", 64);
	add_head(&t, &(struct head){ .name = "x", .type = '0', .mode = 0644, .size = 8u << 20 });
	add(&t, "1000000\n", 8);
	for (size_t i = 0; i + 2 <= 8u << 20; i += 2) /* a map without end */
		memcpy(big + i, "1\n", 2);
	add(&t, big, (8u << 20) - 8);
	pad(&t);
	refuses(&t, "");
}

static void damage_is_refused(void **state)
{
	struct why w = { 0 };
	struct tar t = { 0 };
	char f[32];

	(void)state;
	add(&t, "\x1f\x8b\x08 nothing that is compressed is opened", 40);
	refuses(&t, "tar:");
	refuses(&t, ""); /* only zeros: no members */
	add_head(&t, &(struct head){ .name = "x", .type = '0', .mode = 0644, .size = 5000 });
	add(&t, "cut off", 7);
	assert_true(unpack_within(&t, &wide, f, &w) < 0);
	assert_non_null(strstr(w.text, "runcated"));
	add_folder(&t, "a");
	add(&t, "no header at all, but some text in its place", 44);
	pad(&t);
	refuses(&t, "tar:");
}

/* On a small file system of its own. */
static int fill_up(void)
{
	struct tar t = { .piece = 65536 };
	AUTO_FREE char *big = calloc(1, 2u << 20);
	const struct tree_input in = { .next = next, .arg = &t };
	struct tree_limits sum;
	struct why w = { 0 };
	int fd, r;

	if (!big || unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mkdir(scratch_path("small"), 0700) || mount("none", scratch_path("small"), "tmpfs", 0, "size=1M"))
		return 77;
	memset(big, 'x', 2u << 20);
	add_head(&t, &(struct head){ .name = "big", .type = '0', .mode = 0644, .size = 2u << 20 });
	add(&t, big, 2u << 20);
	end(&t);
	fd = open(scratch_path("small"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = tree_unpack(fd, &in, &wide, &sum, &w);
	return r == -ENOSPC && strstr(w.text, "big: no space left") ? 0 : 1;
}

static void no_space_is_told_as_that(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	(void)scratch();
	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fill_up());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static int break_down(void *arg, const void **ret, size_t *ret_n, struct why *w)
{
	(void)arg, (void)ret, (void)ret_n;
	return fail(w, -EKEYREJECTED, "as it happens");
}

static void errors_of_the_input_are_passed_on(void **state)
{
	const struct tree_input in = { .next = break_down };
	const struct tree_sink none = { 0 };
	struct tree_limits sum;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(tree_read(&in, &wide, &none, &sum, &w), -EKEYREJECTED);
	assert_string_equal(w.text, "as it happens");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_keep_mode_time_and_links),
		cmocka_unit_test(owners_are_kept_by_root),
		cmocka_unit_test(names_are_utf8_and_long),
		cmocka_unit_test(attributes_and_acls_are_kept),
		cmocka_unit_test(holes_stay_holes),
		cmocka_unit_test(traversal_is_refused),
		cmocka_unit_test(links_lead_nowhere),
		cmocka_unit_test(hard_links_stay_inside),
		cmocka_unit_test(only_files_folders_and_links),
		cmocka_unit_test(missing_folders_and_odd_names_are_refused),
		cmocka_unit_test(limits_of_the_manifest_hold),
		cmocka_unit_test(sparse_bombs_are_refused),
		cmocka_unit_test(big_headers_are_refused),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(no_space_is_told_as_that),
		cmocka_unit_test(errors_of_the_input_are_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
