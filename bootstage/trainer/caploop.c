#include "bootstage/trainer/caploop.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "base/proc.h"

#define MKE2FS      "/sbin/mke2fs"
#define MAKE_MS     600000u
#define TRIES       8u /* for a loop device that nobody else takes in between */
#define CONTROL     "/dev/loop-control"
#define FOLDER_MODE 0750
#define DEVICE_MAX  32u

static int image_path(const struct caploop *l, const char *end, char ret[PATH_MAX], struct why *w)
{
	if (snprintf(ret, PATH_MAX, "%s/%s.img%s", l->images, l->job, end) >= PATH_MAX)
		return fail(w, -ENAMETOOLONG, "%s: name too long", l->images);
	return 0;
}

/* --- what there is --- */

bool caploop_there(const struct caploop *l, uint64_t *ret_bytes)
{
	char path[PATH_MAX];
	struct stat st;

	if (!l->images || image_path(l, "", path, NULL) || lstat(path, &st) || !S_ISREG(st.st_mode))
		return false;
	*ret_bytes = (uint64_t)st.st_size;
	return true;
}

/* The loop device below the folder says what it is on. */
bool caploop_mounted(const struct caploop *l)
{
	char path[PATH_MAX], name[64], images[PATH_MAX];
	AUTO_FREE char *back = NULL;
	struct stat st;
	size_t n;

	if (!l->images || stat(l->folder, &st) || !realpath(l->images, images) ||
	    snprintf(path, sizeof(path), "%s/%s.img\n", images, l->job) >= (int)sizeof(path))
		return false;
	(void)snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/loop/backing_file", major(st.st_dev),
		       minor(st.st_dev));
	return file_read(AT_FDCWD, name, PATH_MAX, &back, &n, NULL) == 0 && strcmp(back, path) == 0;
}

static int must_be_empty(const char *folder, struct why *w)
{
	AUTO_DIR *dir = opendir(folder);
	const struct dirent *e;

	if (!dir)
		return errno == ENOENT ? 0 : fail_errno(w, "%s", folder);
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return fail(w, -EOPNOTSUPP, "no file system of its own: the folder is not empty");
	return 0;
}

/* The file, or room for it. */
static int must_have_room(const struct caploop *l, struct why *w)
{
	char path[PATH_MAX];
	struct stat st;
	struct statvfs fs;
	int r = image_path(l, "", path, w);

	if (r || stat(path, &st) == 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s", l->images);
	while (statvfs(path, &fs) && errno == ENOENT && strrchr(path, '/') > path)
		*strrchr(path, '/') = '\0';
	if (statvfs(path, &fs) == 0 && fs.f_bavail < l->bytes / fs.f_frsize)
		return fail(w, -EOPNOTSUPP, "no file system of its own: no room for its file");
	return 0;
}

int caploop_have(const struct caploop *l, struct why *w)
{
	int r;

	if (caploop_mounted(l))
		return 0;
	if (geteuid() != 0)
		return fail(w, -EOPNOTSUPP, "no file system of its own: only root can mount one");
	if (l->bytes < CAPLOOP_SMALLEST)
		return fail(w, -EOPNOTSUPP, "no file system of its own: the cap is too small for one");
	if (access(MKE2FS, X_OK))
		return fail(w, -EOPNOTSUPP, "no file system of its own: there is no " MKE2FS);
	if (access(CONTROL, R_OK | W_OK))
		return fail(w, -EOPNOTSUPP, "no file system of its own: there is no " CONTROL);
	r = must_be_empty(l->folder, w);
	return r ? r : must_have_room(l, w);
}

/* --- the file --- */

static int fill(const char *path, uint64_t bytes, struct why *w)
{
	AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? fail_errno(w, "%s", path) : 0;

	if (!r && fallocate(fd, 0, 0, (off_t)bytes))
		r = fail_errno(w, "%s", path);
	if (!r && fsync(fd))
		r = fail_errno(w, "%s", path);
	return r ? r : close_checked(&fd, path, w);
}

/* What it discards of a file would be holes. */
static int make_fs(const struct caploop *l, const char *path, struct why *w)
{
	char owner[64];
	const char *const argv[] = { MKE2FS, "-q",  "-F", "-t", "ext4", "-m", "0", "-O", "^quota,^project",
				     "-E",   owner, path, NULL };

	(void)snprintf(owner, sizeof(owner), "nodiscard,root_owner=%u:%u", l->uid, l->gid);
	return proc_must(argv, MAKE_MS, w);
}

static int sync_file(const char *path, struct why *w)
{
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? fail_errno(w, "%s", path) : 0;
}

/* It gets its name when it is complete. */
static int make_image(const struct caploop *l, const char *path, struct why *w)
{
	char part[PATH_MAX];
	int r = image_path(l, ".tmp", part, w);

	r = r ? r : dir_make(l->images, 0700, w);
	if (r)
		return r;
	if (unlink(part) && errno != ENOENT)
		return fail_errno(w, "%s", part);
	r = fill(part, l->bytes, w);
	r = r ? r : make_fs(l, part, w);
	r = r ? r : sync_file(part, w);
	if (!r && rename(part, path))
		r = fail_errno(w, "%s", path);
	if (r)
		(void)unlink(part);
	return r ? r : dir_sync(l->images, w);
}

static int open_image(const struct caploop *l, const char *path, struct why *w)
{
	AUTO_FD fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return fail_errno(w, "%s", path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != l->bytes) {
		(void)refuse(w, -E2BIG, "%s: %lld bytes, and the cap is %llu", path, (long long)st.st_size,
			     (unsigned long long)l->bytes);
		return why_next(w, -E2BIG, "unmount it, keep what is in it elsewhere, and remove the file");
	}
	return MOVE_FD(fd);
}

/* --- the mount --- */

/* The device goes away with the last who uses it. */
static int attach(int image, const char *path, char ret_device[DEVICE_MAX], int *ret_fd, struct why *w)
{
	AUTO_FD control = open(CONTROL, O_RDWR | O_CLOEXEC);
	struct loop_config c = { .fd = (unsigned int)image, .info.lo_flags = LO_FLAGS_AUTOCLEAR };

	for (unsigned int i = 0; control >= 0 && i < TRIES; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		AUTO_FD fd = -1;

		if (n < 0)
			break;
		(void)snprintf(ret_device, DEVICE_MAX, "/dev/loop%d", n);
		fd = open(ret_device, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &c) == 0) {
			*ret_fd = MOVE_FD(fd);
			return 0;
		}
		if (errno != EBUSY)
			break;
	}
	return fail_errno(w, "loop device for %s", path);
}

static int mount_image(const struct caploop *l, const char *path, struct why *w)
{
	AUTO_FD image = open_image(l, path, w);
	AUTO_FD device = -1;
	char name[DEVICE_MAX];
	int r = image < 0 ? image : attach(image, path, name, &device, w);

	if (r)
		return r;
	if (mount(name, l->folder, "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, ""))
		return fail_errno(w, "%s: mount at %s", path, l->folder);
	return chmod(l->folder, FOLDER_MODE) ? fail_errno(w, "%s", l->folder) : 0;
}

int caploop_mount(const struct caploop *l, struct why *w)
{
	char path[PATH_MAX];
	struct stat st;
	int r = image_path(l, "", path, w);

	if (r)
		return r;
	if (caploop_mounted(l)) {
		AUTO_FD image = open_image(l, path, w);

		return image < 0 ? image : 0;
	}
	r = caploop_have(l, w);
	if (!r && lstat(path, &st))
		r = make_image(l, path, w);
	return r ? r : mount_image(l, path, w);
}

int caploop_usage(int folder, uint64_t cap_bytes, uint64_t *ret_bytes, struct why *w)
{
	struct statvfs fs;
	uint64_t left;

	if (fstatvfs(folder, &fs))
		return fail_errno(w, "file system of its own");
	left = fs.f_bavail * fs.f_frsize;
	*ret_bytes = left < cap_bytes ? cap_bytes - left : 0;
	return 0;
}
