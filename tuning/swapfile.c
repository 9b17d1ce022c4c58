#include "tuning/swapfile.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/f2fs.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/swap.h>

#include "base/io.h"
#include "base/parse.h"
#include "tuning/procfs.h"
#include "tuning/swaphdr.h"

#define SWAPS_MAX   (1u << 20)
#define ZERO_BYTES  (1u << 20)
#define SLACK_BYTES (1u << 20)

/* --- the kernel --- */

static int kernel_statfs(int fd, struct statfs *ret)
{
	return fstatfs(fd, ret) ? -errno : 0;
}

static int kernel_fallocate(int fd, uint64_t bytes)
{
	int r;

	do
		r = fallocate(fd, 0, 0, (off_t)bytes);
	while (r && errno == EINTR);
	return r ? -errno : 0;
}

static int kernel_swapon(const char *path, int flags)
{
	return swapon(path, flags) ? -errno : 0;
}

static int kernel_swapoff(const char *path)
{
	return swapoff(path) ? -errno : 0;
}

const struct swap_ops swap_kernel = { kernel_statfs, kernel_fallocate, kernel_swapon, kernel_swapoff };

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static struct tree_path full_path(const struct tree *t, const char *path)
{
	return tree_path("%s%s", t->name, path);
}

/* --- what is there --- */

static int list_active(const struct tree *t, struct swapfiles *all, struct why *w)
{
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	struct swap_line line;
	struct lines from;
	int r = tree_text(t, "proc/swaps", SWAPS_MAX, &text, w);

	if (r)
		return r == -ENOENT ? 0 : r; /* a kernel without swap */
	from = (struct lines){ .at = text };
	while ((r = swaps_next(&from, &line, &cause)) > 0)
		for (size_t i = 0; i < all->n; i++)
			if (!line.deleted && strcmp(line.name, all->at[i].path) == 0) {
				all->at[i].active = true;
				all->at[i].active_bytes = line.bytes;
			}
	return r ? tree_bad(t, "proc/swaps", w, "%s", cause.text) : 0;
}

static int read_header(int fd, const char *path, struct swaphdr *ret, struct why *w)
{
	size_t n = page_bytes();
	AUTO_FREE uint8_t *page = malloc(n);
	int r;

	if (!page)
		return fail(w, -ENOMEM, "%s: out of memory", path);
	r = pread_full(fd, page, n, 0, path, w);
	r = r ? r : swaphdr_parse(bytes_of(page, n), ret, w);
	return r ? why_in(w, r, "%s", path) : 0;
}

/*
 * Look at one name. Returns 0 with *ret filled when it is a swap file, or was one of ours; -ENOENT nothing there;
 * another -errno with the reason: in the way.
 */
static int look_at(const struct tree *t, const char *path, struct swapfile *ret, struct why *w)
{
	const struct tree_path full = full_path(t, path);
	AUTO_FD fd = open(full.s, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct swaphdr h = { 0 };
	struct stat st;
	uint64_t size;
	int r;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 && errno == ELOOP)
		return fail(w, -EEXIST, "%s: a symlink is in its place", path);
	if (fd < 0 || fstat(fd, &st))
		return fail_errno(w, "%s", path);
	if (S_ISDIR(st.st_mode))
		return fail(w, -EEXIST, "%s: a folder is in its place", path);
	if (!S_ISREG(st.st_mode))
		return fail(w, -EEXIST, "%s: no regular file", path);
	r = read_header(fd, path, &h, w);
	if (r)
		return r;
	if (st.st_uid != geteuid())
		return fail(w, -EEXIST, "%s: belongs to user %u", path, st.st_uid);
	size = (uint64_t)st.st_size;
	*ret = (struct swapfile){ .own = strcmp(h.label, SWAPFILE_LABEL) == 0,
				  .valid = size / page_bytes() > h.pages && (uint64_t)st.st_blocks * 512 >= size };
	ret->bytes = ret->valid ? (uint64_t)h.pages * page_bytes() : 0;
	(void)snprintf(ret->path, sizeof(ret->path), "%s", path);
	return 0;
}

static int survey_name(const struct tree *t, const char *path, struct swapfiles *all)
{
	struct why cause = { 0 };
	int r = look_at(t, path, &all->at[all->n], &cause);

	if (r == 0) {
		all->n++;
	} else if (r == -ENOENT) {
		if (!all->next[0] && !all->why[0])
			(void)snprintf(all->next, sizeof(all->next), "%s", path);
	} else if (!all->next[0] && !all->why[0]) {
		(void)snprintf(all->why, sizeof(all->why), "%.159s", cause.text);
	}
	return r == -ENOENT || r == 0 ? 0 : r;
}

/* A damaged file of ours that nobody uses gives its place to the next one, before any other. */
static void reuse_place(struct swapfiles *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct swapfile *s = &all->at[i];

		if (!s->own || s->valid || s->active)
			continue;
		(void)snprintf(all->next, sizeof(all->next), "%s", s->path);
		all->why[0] = '\0';
		return;
	}
}

int swapfile_survey(const struct tree *t, const char *path, struct swapfiles *ret, struct why *w)
{
	struct swapfiles all = { .n = 0 };
	int r;

	for (unsigned int i = 0; i < SWAPFILE_MAX; i++) {
		char name[SWAPFILE_PATH];
		int n = i ? snprintf(name, sizeof(name), "%s.%u", path, i) : snprintf(name, sizeof(name), "%s", path);

		if (path[0] != '/' || n < 0 || (size_t)n >= sizeof(name))
			return fail(w, -ENAMETOOLONG, "'%s': no usable name for a swap file", path);
		if (survey_name(t, name, &all))
			break; /* nothing goes past it */
	}
	r = list_active(t, &all, w);
	if (r)
		return r;
	reuse_place(&all);
	if (!all.next[0] && !all.why[0])
		(void)snprintf(all.why, sizeof(all.why), "%.120s: all %u names are taken", path, SWAPFILE_MAX);
	*ret = all;
	return 0;
}

/* --- where one can be --- */

/* File systems that the kernel cannot swap to, or that lose the file or its memory: refused before anything is written. */
static const char *unfit(uint64_t type)
{
	static const struct {
		uint64_t magic;
		const char *name;
	} table[] = {
		{ TMPFS_MAGIC, "tmpfs" },       { RAMFS_MAGIC, "ramfs" }, { OVERLAYFS_SUPER_MAGIC, "overlay" },
		{ SQUASHFS_MAGIC, "squashfs" }, { 0xe0f5e1e2, "erofs" },  { NFS_SUPER_MAGIC, "nfs" },
		{ 0x65735546, "fuse" },         { 0x2fc12fc1, "zfs" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].magic == (type & 0xffffffff))
			return table[i].name;
	return NULL;
}

/* The folder of a path, opened. Returns a descriptor or -errno. */
static int open_folder(const char *full, struct why *w)
{
	char copy[PATH_MAX];
	const char *folder;
	int fd;

	if (snprintf(copy, sizeof(copy), "%s", full) >= (int)sizeof(copy))
		return fail(w, -ENAMETOOLONG, "%s: name too long", full);
	folder = dirname(copy);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail_errno(w, "%s", folder) : fd;
}

static int check_place(const struct swap_ops *ops, int folder, const char *path, struct statfs *ret, struct why *w)
{
	int r = ops->statfs(folder, ret);
	const char *name;

	if (r)
		return fail(w, r, "%s: file system: %s", path, strerror(-r));
	name = unfit((uint64_t)ret->f_type);
	if (name)
		return why_next(w,
				fail(w, -EOPNOTSUPP, "%s: would be on %s, which cannot hold a swap file", path, name),
				"set path= in [swap] of tuning.conf to a place on a disk");
	if (ret->f_flags & ST_RDONLY)
		return fail(w, -EROFS, "%s: its file system is read-only", path);
	return 0;
}

int swapfile_place(const struct tree *t, const struct swap_ops *ops, const char *path, uint64_t *ret_free_bytes,
		   struct why *w)
{
	const struct tree_path full = full_path(t, path);
	AUTO_FD folder = open_folder(full.s, w);
	struct statfs fs = { 0 };
	int r = folder < 0 ? folder : check_place(ops, folder, path, &fs, w);

	if (r)
		return r;
	if (__builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, ret_free_bytes))
		*ret_free_bytes = UINT64_MAX;
	return 0;
}

/* --- making one --- */

/* What must be set while the file is empty: no copy on write on btrfs, fixed blocks on f2fs. */
static int prepare(int fd, uint64_t type, const char *path, struct why *w)
{
	unsigned int flags = 0, pin = 1;

	if (type == BTRFS_SUPER_MAGIC) {
		if (ioctl(fd, FS_IOC_GETFLAGS, &flags))
			return fail_errno(w, "%s: flags", path);
		flags |= FS_NOCOW_FL;
		if (ioctl(fd, FS_IOC_SETFLAGS, &flags))
			return fail_errno(w, "%s: copy on write cannot be switched off", path);
	}
	if (type == F2FS_SUPER_MAGIC && ioctl(fd, F2FS_IOC_SET_PIN_FILE, &pin))
		return fail_errno(w, "%s: its blocks cannot be pinned", path);
	return 0;
}

static int write_zeros(int fd, uint64_t bytes, const char *path, struct why *w)
{
	AUTO_FREE void *zeros = calloc(1, ZERO_BYTES);
	int r = zeros ? 0 : fail(w, -ENOMEM, "%s: out of memory", path);

	for (uint64_t done = 0; !r && done < bytes; done += ZERO_BYTES)
		r = pwrite_full(fd, zeros, bytes - done < ZERO_BYTES ? bytes - done : ZERO_BYTES, done, path, w);
	return r;
}

static int take_room(const struct swap_ops *ops, int fd, uint64_t bytes, bool zeros, const char *path, struct why *w)
{
	char size[16];
	int r = zeros ? write_zeros(fd, bytes, path, NULL) : ops->fallocate(fd, bytes);

	if (r == -EOPNOTSUPP && !zeros)
		r = write_zeros(fd, bytes, path, NULL);
	return r ? fail(w, r, "%s: %s cannot be had: %s", path, format_size(bytes, size), strerror(-r)) : 0;
}

static int put_header(int fd, uint64_t bytes, const char *path, struct why *w)
{
	struct swaphdr h = { .pages = (uint32_t)(bytes / page_bytes()), .label = SWAPFILE_LABEL };
	AUTO_FREE uint8_t *page = malloc(page_bytes());

	if (!page || getrandom(h.uuid, sizeof(h.uuid), 0) != sizeof(h.uuid))
		return fail(w, -ENOMEM, "%s: no memory or no random number for its header", path);
	h.uuid[6] = (uint8_t)((h.uuid[6] & 0x0f) | 0x40); /* RFC 4122, random */
	h.uuid[8] = (uint8_t)((h.uuid[8] & 0x3f) | 0x80);
	swaphdr_write(&h, page, page_bytes());
	return pwrite_full(fd, page, page_bytes(), 0, path, w);
}

/* Give the file its name, which must be free, and make that durable. */
static int put_name(int fd, int folder, const char *full, const char *path, struct why *w)
{
	const struct tree_path self = tree_path("/proc/self/fd/%d", fd);

	if (linkat(AT_FDCWD, self.s, AT_FDCWD, full, AT_SYMLINK_FOLLOW))
		return fail_errno(w, "%s", path);
	if (fsync(folder)) {
		int r = fail_errno(w, "%s: fsync of its folder", path);

		(void)unlink(full);
		return r;
	}
	return 0;
}

/* A whole file, on the medium, under its name. */
static int make(const struct swap_ops *ops, const char *full, const char *path, uint64_t bytes, bool zeros,
		struct why *w)
{
	uint64_t size = bytes + page_bytes();
	struct statfs fs = { 0 };
	AUTO_FD folder = open_folder(full, w);
	int r = folder < 0 ? folder : check_place(ops, folder, path, &fs, w);

	if (r)
		return r;
	if (zeros && fs.f_type == BTRFS_SUPER_MAGIC)
		return fail(w, -EINVAL, "%s: the kernel cannot swap to this btrfs", path);
	AUTO_FD fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(w, "%s: create", path);
	r = fchmod(fd, 0600) ? fail_errno(w, "%s: mode", path) : 0;
	r = r ? r : prepare(fd, (uint64_t)fs.f_type & 0xffffffff, path, w);
	r = r ? r : take_room(ops, fd, size, zeros, path, w);
	r = r ? r : put_header(fd, bytes, path, w);
	if (!r && fsync(fd))
		r = fail_errno(w, "%s: fsync", path);
	return r ? r : put_name(fd, folder, full, path, w);
}

/* How much of it is in use as swap; 0 when it is off. */
static int active_bytes(const struct tree *t, const char *path, uint64_t *ret, struct why *w)
{
	struct swapfiles one = { .n = 1 };
	int r;

	(void)snprintf(one.at[0].path, sizeof(one.at[0].path), "%s", path);
	r = list_active(t, &one, w);
	if (!r)
		*ret = one.at[0].active_bytes;
	return r;
}

int swapfile_activate(const struct tree *t, const struct swap_ops *ops, const char *path, struct why *w)
{
	const struct tree_path full = full_path(t, path);
	AUTO_FD fd = open(full.s, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	uint64_t active = 0;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return fail_errno(w, "%s", path);
	if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600)) /* memory of every process goes there */
		return fail_errno(w, "%s: mode", path);
	r = ops->swapon(full.s, SWAP_FLAG_PREFER | SWAPFILE_PRIORITY << SWAP_FLAG_PRIO_SHIFT);
	if (r && r != -EBUSY)
		return fail(w, r, "%s: cannot be swapped to: %s", path, strerror(-r));
	r = active_bytes(t, path, &active, w);
	return r || active ? r : fail(w, -EIO, "%s: not in /proc/swaps after it was switched on", path);
}

/* Make way for a new one: remove what was ours and is of no use. */
static int clear_place(const struct tree *t, const char *path, struct why *w)
{
	const struct tree_path full = full_path(t, path);
	struct swapfile there;
	int r = look_at(t, path, &there, w);

	if (r == -ENOENT)
		return 0;
	if (r)
		return r;
	if (!there.own || there.valid)
		return fail(w, -EEXIST, "%s: a swap file is there already", path);
	return unlink(full.s) ? fail_errno(w, "%s: damaged, cannot be removed", path) : 0;
}

/* One attempt, which leaves nothing when it fails. */
static int attempt(const struct tree *t, const struct swap_ops *ops, const char *path, uint64_t bytes, bool zeros,
		   struct why *w)
{
	const struct tree_path full = full_path(t, path);
	int r = make(ops, full.s, path, bytes, zeros, w);

	if (r)
		return r;
	r = swapfile_activate(t, ops, path, w);
	if (r)
		(void)unlink(full.s);
	return r;
}

int swapfile_remove(const struct tree *t, const struct swap_ops *ops, const char *path, struct why *w)
{
	const struct tree_path full = full_path(t, path);
	struct swapfile there = { 0 };
	uint64_t active = 0;
	int r = look_at(t, path, &there, w);

	if (r)
		return r;
	if (!there.own)
		return fail(w, -EPERM, "%s: not made by us, left alone", path);
	r = active_bytes(t, path, &active, w);
	if (!r && active) {
		r = ops->swapoff(full.s);
		r = r ? fail(w, r, "%s: cannot be switched off: %s", path, strerror(-r)) : 0;
	}
	if (!r && unlink(full.s))
		r = fail_errno(w, "%s: cannot be removed", path);
	return r;
}

/* With unwritten blocks, or else with zeros. */
static int make_active(const struct tree *t, const struct swap_ops *ops, const char *path, uint64_t bytes,
		       struct why *w)
{
	struct why cause = { 0 };
	int r = attempt(t, ops, path, bytes, false, &cause);

	if (r == -EINVAL) /* the kernel asks for blocks that were written */
		return attempt(t, ops, path, bytes, true, w);
	return r ? why_next(w, fail(w, r, "%s", cause.text), "%s", cause.next) : 0;
}

int swapfile_create(const struct tree *t, const struct swap_ops *ops, const char *path, uint64_t bytes, struct why *w)
{
	uint64_t got = 0;
	int r;

	if (bytes == 0 || bytes % page_bytes() || bytes / page_bytes() > UINT32_MAX / 2)
		return fail(w, -EINVAL, "%s: no size for a swap file: %llu bytes", path, (unsigned long long)bytes);
	r = clear_place(t, path, w);
	r = r ? r : make_active(t, ops, path, bytes, w);
	r = r ? r : active_bytes(t, path, &got, w);
	if (r || got >= bytes)
		return r;
	r = swapfile_remove(t, ops, path, w);
	return r ? r : make_active(t, ops, path, bytes + 2 * (bytes - got) + SLACK_BYTES, w);
}
