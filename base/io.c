#include "base/io.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

int close_checked(int *fd, const char *name, struct why *w)
{
	int r = close(MOVE_FD(*fd));

	return r ? fail_errno(w, "%s: close", name) : 0;
}

int pread_full(int fd, void *buf, size_t n, uint64_t off, const char *name, struct why *w)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(fd, (char *)buf + done, n - done, (off_t)(off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return fail_errno(w, "%s: read of %zu bytes at %llu", name, n, (unsigned long long)off);
		if (r == 0)
			return fail(w, -EIO, "%s: ends at byte %llu, wanted %zu bytes at %llu", name,
				    (unsigned long long)(off + done), n, (unsigned long long)off);
		done += (size_t)r;
	}
	return 0;
}

int pwrite_full(int fd, const void *buf, size_t n, uint64_t off, const char *name, struct why *w)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pwrite(fd, (const char *)buf + done, n - done, (off_t)(off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return fail_errno(w, "%s: write of %zu bytes at %llu", name, n, (unsigned long long)off);
		if (r == 0)
			return fail(w, -EIO, "%s: nothing written at %llu", name, (unsigned long long)off);
		done += (size_t)r;
	}
	return 0;
}

int write_full(int fd, const void *buf, size_t n, const char *name, struct why *w)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = write(fd, (const char *)buf + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return fail_errno(w, "%s: write", name);
		if (r == 0)
			return fail(w, -EIO, "%s: nothing written", name);
		done += (size_t)r;
	}
	return 0;
}

int file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_n, struct why *w)
{
	AUTO_FD fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t n = 0, room = 4096;
	AUTO_FREE char *buf = NULL;

	if (fd < 0)
		return fail_errno(w, "%s", path);
	for (;;) {
		char *more = realloc(buf, room + 1);
		ssize_t r;

		if (!more)
			return fail(w, -ENOMEM, "%s: out of memory", path);
		buf = more;
		r = read(fd, buf + n, room - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return fail_errno(w, "%s: read", path);
		n += (size_t)r;
		if (n > max)
			return fail(w, -E2BIG, "%s: over the limit of %zu bytes", path, max);
		if (r == 0)
			break;
		if (n == room)
			room *= 2;
	}
	buf[n] = '\0';
	*ret = MOVE(buf);
	if (ret_n)
		*ret_n = n;
	return 0;
}

int file_replace(int dirfd, const char *path, const void *buf, size_t n, mode_t mode, struct why *w)
{
	char temp[PATH_MAX], folder[PATH_MAX];
	int r;

	if (snprintf(temp, sizeof(temp), "%s.tmp", path) >= (int)sizeof(temp))
		return fail(w, -ENAMETOOLONG, "%s: name too long", path);
	memcpy(folder, path, strlen(path) + 1);
	AUTO_FD dir = openat(dirfd, dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail_errno(w, "%s: folder", path);
	if (unlinkat(dirfd, temp, 0) && errno != ENOENT)
		return fail_errno(w, "%s: left over, cannot be removed", temp);
	AUTO_FD fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return fail_errno(w, "%s: create", temp);
	r = write_full(fd, buf, n, temp, w);
	if (!r && fsync(fd))
		r = fail_errno(w, "%s: fsync", temp);
	if (!r)
		r = close_checked(&fd, temp, w);
	if (!r && renameat(dirfd, temp, dirfd, path))
		r = fail_errno(w, "%s: rename", path);
	if (r) {
		(void)unlinkat(dirfd, temp, 0);
		return r;
	}
	if (fsync(dir))
		return fail_errno(w, "%s: fsync of its folder", path);
	return 0;
}

static int is_folder(const char *path, struct why *w)
{
	struct stat st;

	if (stat(path, &st))
		return fail_errno(w, "%s", path);
	return S_ISDIR(st.st_mode) ? 0 : fail(w, -ENOTDIR, "%s: in the way of a folder of that name", path);
}

int dir_make(const char *path, mode_t mode, struct why *w)
{
	char buf[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(buf))
		return fail(w, -ENAMETOOLONG, "'%s': no usable folder name", path);
	memcpy(buf, path, n + 1);
	for (char *p = buf + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(buf, mode) && errno != EEXIST)
			return fail_errno(w, "%s: mkdir", buf);
		*p = c;
		if (c == '\0')
			return is_folder(buf, w);
	}
}

int dir_sync(const char *path, struct why *w)
{
	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		return fail_errno(w, "%s: fsync of the folder", path);
	return 0;
}

int fd_size(int fd, const char *name, uint64_t *ret_bytes, struct why *w)
{
	struct stat st;
	uint64_t bytes;

	if (fstat(fd, &st))
		return fail_errno(w, "%s", name);
	if (S_ISREG(st.st_mode)) {
		*ret_bytes = (uint64_t)st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return fail(w, -ENOTBLK, "%s: neither a regular file nor a block device", name);
	if (ioctl(fd, BLKGETSIZE64, &bytes))
		return fail_errno(w, "%s: size", name);
	*ret_bytes = bytes;
	return 0;
}
