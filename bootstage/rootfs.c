#include "bootstage/rootfs.h"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/log.h"

#define CLEAR_DEPTH_MAX  32u
#define VOLATILE_OPTIONS "mode=0755,size=50%"

static const struct rootfs_kind kinds[3] = {
	{ "erofs", NULL },
	{ "squashfs", NULL },
	/* Mounting read-only replays the journal all the same, which would change a verified slot. */
	{ "ext4", "noload" },
};

const struct rootfs_kind *rootfs_kind(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return &kinds[i];
	return NULL;
}

static void auto_probe(blkid_probe *p)
{
	if (*p)
		blkid_free_probe(*p);
}

/*
 * One pass of libblkid. Asking for few kinds costs one read instead of a dozen all over the device.
 * Returns 0; -ENODATA when none of them is there.
 */
static int probe(int fd, const char *device, const char *const *only, char ret[ROOTFS_TYPE_MAX], struct why *w)
{
	CLEANUP(auto_probe) blkid_probe pr = blkid_new_probe();
	const char *type = NULL;
	int r;

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0) || blkid_probe_enable_superblocks(pr, 1) ||
	    blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE) ||
	    (only && blkid_probe_filter_superblocks_type(pr, BLKID_FLTR_ONLYIN, (char **)(uintptr_t)only)))
		return fail(w, -EIO, "%s: cannot be probed", device);
	errno = 0;
	r = blkid_do_safeprobe(pr);
	if (r == -2)
		return fail(w, -ENOTUNIQ, "%s: holds signatures of several file systems", device);
	if (r < 0)
		return fail_errno(w, "%s: cannot be probed", device);
	if (r > 0 || blkid_probe_lookup_value(pr, "TYPE", &type, NULL) || strlen(type) >= ROOTFS_TYPE_MAX)
		return fail(w, -ENODATA, "%s: holds no file system", device);
	memcpy(ret, type, strlen(type) + 1);
	return 0;
}

int rootfs_probe(const char *device, char ret[ROOTFS_TYPE_MAX], struct why *w)
{
	const char *const usual[] = { kinds[0].type, kinds[1].type, kinds[2].type, NULL };
	AUTO_FD fd = open(device, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return fail_errno(w, "%s", device);
	r = probe(fd, device, usual, ret, NULL);
	return r ? probe(fd, device, NULL, ret, w) : 0;
}

int rootfs_mount(const char *device, const char *at, struct why *w)
{
	char type[ROOTFS_TYPE_MAX];
	const struct rootfs_kind *kind;
	int r = rootfs_probe(device, type, w);

	if (r)
		return r;
	kind = rootfs_kind(type);
	if (!kind)
		return fail(w, -EPROTONOSUPPORT, "%s: holds %s; a slot can hold erofs, squashfs or ext4", device, type);
	r = dir_make(at, 0755, w);
	if (!r && mount(device, at, type, MS_RDONLY, kind->options))
		r = fail_errno(w, "%s: mount as %s", device, type);
	return r;
}

void rootfs_unmount(const char *at)
{
	/* Lazy, with all below it: nobody has anything open there. */
	(void)umount2(at, MNT_DETACH);
}

/* Open a path below `root`; "/" and links mean what they mean once `root` is the root. */
static int open_inside(int root, const char *path, uint64_t flags, uint64_t resolve)
{
	const struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static int open_root(const char *at, struct why *w)
{
	int fd = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? fail_errno(w, "%s", at) : fd;
}

/* What is moved into the new root, in this order: /proc last, since the others are named through it. */
static const char *const moved[] = { "dev", "sys", "run", "proc" };

int rootfs_check(const char *at, const char *init, struct why *w)
{
	AUTO_FD root = open_root(at, w);
	struct stat st;

	if (root < 0)
		return root;
	for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
		AUTO_FD folder = open_inside(root, moved[i], O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);

		if (folder < 0)
			return fail_errno(w, "its root has no folder /%s", moved[i]);
	}
	AUTO_FD program = open_inside(root, init, O_PATH, RESOLVE_IN_ROOT);
	if (program < 0 || fstat(program, &st))
		return fail_errno(w, "its init %s", init);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return fail(w, -EACCES, "its init %s is not a program that can be executed", init);
	return 0;
}

/* The name under which mount(2) takes an open file; it follows no link any more. */
static const char *fd_path(int fd, char ret[32])
{
	(void)snprintf(ret, 32, "/proc/self/fd/%d", fd);
	return ret;
}

/* Mount a new file system on a folder below `root`. */
static int mount_inside(int root, const char *source, const char *type, unsigned long flags, const char *options,
			const char *on, struct why *w)
{
	AUTO_FD folder = open_inside(root, on, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
	char path[32];

	if (folder < 0)
		return fail_errno(w, "no folder %s in the root", on);
	if (mount(source, fd_path(folder, path), type, flags, options))
		return fail_errno(w, "%s on %s (%s)", source, on, type);
	return 0;
}

/* mkdir below `root`, whose folders above the last one are there. */
static int make_inside(int root, const char *path, mode_t mode, struct why *w)
{
	char above[256];
	const char *slash = strrchr(path, '/');

	(void)snprintf(above, sizeof(above), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	AUTO_FD folder = open_inside(root, above, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
	if (folder < 0 || (mkdirat(folder, slash ? slash + 1 : path, mode) && errno != EEXIST))
		return fail_errno(w, "folder %s", path);
	return 0;
}

int rootfs_volatile(const char *at, const char *product, struct why *w)
{
	AUTO_FD root = open_root(at, w);
	char path[128];
	int r;

	if (root < 0)
		return root;
	r = mount_inside(root, "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV, VOLATILE_OPTIONS, "var", w);
	r = r ? r : make_inside(root, "var/lib", 0755, w);
	r = r ? r : make_inside(root, "var/log", 0755, w);
	(void)snprintf(path, sizeof(path), "var/lib/%s", product);
	return r ? r : make_inside(root, path, 0755, w);
}

bool ext4_has_project_quota(struct bytes sb)
{
	/* fs/ext4/ext4.h: s_magic at 0x38, s_feature_ro_compat at 0x64 */
	const uint32_t quota = 0x100, project = 0x2000;
	uint16_t magic = 0;
	uint32_t features = 0;

	if (bytes_le16(sb, 0x38, &magic) || bytes_le32(sb, 0x64, &features))
		return false;
	return magic == 0xEF53 && (features & quota) && (features & project);
}

static bool wants_project_quota(const char *device)
{
	AUTO_FD fd = open(device, O_RDONLY | O_CLOEXEC);
	uint8_t sb[1024];

	return fd >= 0 && !pread_full(fd, sb, sizeof(sb), 1024, device, NULL) &&
	       ext4_has_project_quota(bytes_of(sb, sizeof(sb)));
}

static int mount_data(int root, const char *device, struct why *w)
{
	char type[ROOTFS_TYPE_MAX];
	int r;

	if (!device[0])
		return fail(w, -ENODATA, "the disk has no data partition");
	r = rootfs_probe(device, type, w);
	if (!r && strcmp(type, "ext4") != 0)
		r = fail(w, -EPROTONOSUPPORT, "%s: holds %s, not ext4", device, type);
	return r ? r
		 : mount_inside(root, device, type, MS_NOSUID | MS_NODEV | MS_NOATIME,
				wants_project_quota(device) ? "prjquota" : NULL, "data", w);
}

/* One folder of /data, made when it is not there, and bound to where the product looks for it ("": it stays). */
static int bind_folder(int root, const char *name, mode_t mode, const char *to, struct why *w)
{
	AUTO_FD data = open_inside(root, "data", O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
	char path[32];

	if (data < 0 || (mkdirat(data, name, mode) && errno != EEXIST))
		return fail_errno(w, "/data/%s", name);
	AUTO_FD from = open_inside(data, name, O_PATH | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (from < 0)
		return fail_errno(w, "/data/%s", name);
	return to[0] ? mount_inside(root, fd_path(from, path), NULL, MS_BIND, NULL, to, w) : 0;
}

static void bind_all(int root, const char *product, struct why *w)
{
	char lib[128], opt[128];
	const struct {
		const char *name;
		mode_t mode;
		const char *to;
	} folders[] = {
		{ "lib", 0755, lib },
		{ "opt", 0755, opt },
		{ "log", 0755, "var/log" },
		{ "swap", 0700, "" },
	};

	(void)snprintf(lib, sizeof(lib), "var/lib/%s", product);
	(void)snprintf(opt, sizeof(opt), "opt/%s", product);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		IGNORE(bind_folder(root, folders[i].name, folders[i].mode, folders[i].to,
				   w)); /* the first reason stays */
}

#define MACHINE_ID_BYTES 33u /* 32 hex digits and a newline */

static bool is_file(int fd, off_t size_bytes)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == size_bytes;
}

/* A random UUID without its dashes; durable, since what was once seen on the network should not change. */
static int make_machine_id(int data, struct why *w)
{
	AUTO_FREE char *uuid = NULL;
	char id[MACHINE_ID_BYTES + 1];
	size_t n = 0;
	int r = file_read(AT_FDCWD, "/proc/sys/kernel/random/uuid", 64, &uuid, NULL, w);

	if (r)
		return r;
	for (const char *at = uuid; *at && n < MACHINE_ID_BYTES; at++)
		if (*at != '-')
			id[n++] = *at;
	return n == MACHINE_ID_BYTES ? file_replace(data, "machine-id", id, n, 0444, w)
				     : fail(w, -EIO, "/proc/sys/kernel/random/uuid: no UUID");
}

int rootfs_machine_id(const char *at, struct why *w)
{
	static const char place[] = "etc/machine-id";
	AUTO_FD root = open_root(at, NULL);
	AUTO_FD on = open_inside(root, place, O_PATH, RESOLVE_IN_ROOT);
	AUTO_FD data = open_inside(root, "data", O_RDONLY | O_DIRECTORY, RESOLVE_IN_ROOT);
	AUTO_FD kept = open_inside(data, "machine-id", O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	char path[32], to[32];
	int r = 0;

	if (!is_file(on, 0))
		return 0;
	if (!is_file(kept, MACHINE_ID_BYTES))
		r = make_machine_id(data, w);
	if (r)
		return why_in(w, r, "/data/machine-id");
	AUTO_FD from = open_inside(data, "machine-id", O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (from < 0 || mount(fd_path(from, path), fd_path(on, to), NULL, MS_BIND, NULL))
		return fail_errno(w, "/data/machine-id on /%s", place);
	AUTO_FD bound = open_inside(root, place, O_PATH, RESOLVE_IN_ROOT);
	if (bound < 0 || mount(NULL, fd_path(bound, path), NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
		return fail_errno(w, "/%s: read-only", place);
	return 0;
}

static void describe_data(const char *device, const struct why *no_data, const struct why *no_bind,
			  char ret[ROOTFS_STATE_MAX])
{
	if (no_data->code)
		(void)snprintf(ret, ROOTFS_STATE_MAX, "volatile: %.140s", no_data->text);
	else if (no_bind->code)
		(void)snprintf(ret, ROOTFS_STATE_MAX, "%s, but not all of it is used: %.110s",
			       device ? "mounted" : "volatile", no_bind->text);
	else
		(void)snprintf(ret, ROOTFS_STATE_MAX, "%s",
			       device ? "mounted" : "volatile: system.conf names no data partition");
}

void rootfs_data(const char *at, const char *product, const char *device, char ret[ROOTFS_STATE_MAX])
{
	AUTO_FD root = open_root(at, NULL);
	struct why no_data = { 0 }, no_bind = { 0 };
	int r = device ? mount_data(root, device, &no_data) : -ENODATA;

	if (r)
		r = mount_inside(root, "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV, VOLATILE_OPTIONS, "data", &no_bind);
	if (!r)
		bind_all(root, product, &no_bind);
	if (device && !no_data.code)
		IGNORE(rootfs_machine_id(at, &no_bind));
	describe_data(device, &no_data, &no_bind, ret);
	if (no_data.code)
		log_error("data: %s; what is written there will be gone after the next boot", no_data.text);
	if (no_bind.code)
		log_error("data: %s", no_bind.text);
}

bool rootfs_in_initramfs(void)
{
	struct statfs fs;

	return statfs("/", &fs) == 0 && (fs.f_type == RAMFS_MAGIC || fs.f_type == TMPFS_MAGIC);
}

static void clear(int dir, dev_t device, unsigned int depth)
{
	const struct dirent *e;
	struct stat st;
	AUTO_DIR *d = fdopendir(dir);

	if (!d) {
		(void)close(dir);
		return;
	}
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || st.st_dev != device)
			continue;
		if (S_ISDIR(st.st_mode) && depth < CLEAR_DEPTH_MAX) {
			int sub = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (sub >= 0)
				clear(sub, device, depth + 1);
		}
		(void)unlinkat(dirfd(d), e->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	}
}

void rootfs_clear(int dir)
{
	struct stat st;

	if (fstat(dir, &st))
		(void)close(dir);
	else
		clear(dir, st.st_dev, 0);
}

static int move_mounts(const char *at, struct why *w)
{
	AUTO_FD root = open_root(at, w);

	if (root < 0)
		return root;
	for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
		AUTO_FD to = open_inside(root, moved[i], O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
		char from[8], path[32];

		(void)snprintf(from, sizeof(from), "/%s", moved[i]);
		if (to < 0 || mount(from, fd_path(to, path), NULL, MS_MOVE, NULL))
			return fail_errno(w, "moving %s to the new root", from);
	}
	return 0;
}

int rootfs_switch(const char *at, struct why *w)
{
	int old, r;

	if (getpid() != 1 || !rootfs_in_initramfs())
		return fail(w, -EPERM, "only PID 1 of an initramfs may switch the root");
	old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (old < 0)
		return fail_errno(w, "/");
	r = move_mounts(at, w);
	if (!r && (chdir(at) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")))
		r = fail_errno(w, "%s: cannot be made the root", at);
	if (r)
		(void)close(old);
	else
		rootfs_clear(old);
	return r;
}
