/*
 * The spool's file. A second process is kept away by a lock that ends with the process.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/io.h"
#include "bootstage/intel/telspool.h"

static int disk_size(void *arg, uint64_t *ret, struct why *w)
{
	const struct telspool_disk *d = arg;

	return fd_size(d->fd, d->path, ret, w);
}

static int disk_read(void *arg, uint64_t at, void *buf, size_t n, struct why *w)
{
	const struct telspool_disk *d = arg;

	return pread_full(d->fd, buf, n, at, d->path, w);
}

static int disk_write(void *arg, uint64_t at, const void *buf, size_t n, struct why *w)
{
	const struct telspool_disk *d = arg;

	return pwrite_full(d->fd, buf, n, at, d->path, w);
}

static int disk_sync(void *arg, struct why *w)
{
	const struct telspool_disk *d = arg;

	return fdatasync(d->fd) < 0 ? fail_errno(w, "%s", d->path) : 0;
}

static int disk_cut(void *arg, uint64_t at, struct why *w)
{
	const struct telspool_disk *d = arg;

	return ftruncate(d->fd, (off_t)at) < 0 ? fail_errno(w, "%s", d->path) : 0;
}

const struct telspool_file telspool_disk = {
	.size = disk_size,
	.read = disk_read,
	.write = disk_write,
	.sync = disk_sync,
	.cut = disk_cut,
};

static int sync_folder(const char *path, struct why *w)
{
	char folder[sizeof(((struct telspool_disk *)NULL)->path)];
	char *slash;

	(void)snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash)
		return dir_sync(".", w);
	slash[slash == folder] = '\0';
	return dir_sync(folder, w);
}

int telspool_disk_open(struct telspool_disk *d, const char *path, struct why *w)
{
	AUTO_FD fd = -1;
	int r;

	if (strlen(path) >= sizeof(d->path))
		return misuse(w, -ENAMETOOLONG, "%s: too long for a spool's name", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_errno(w, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return fail(w, -EBUSY, "%s: another process takes telemetry with this spool", path);
	r = sync_folder(path, w);
	if (r)
		return r;
	(void)snprintf(d->path, sizeof(d->path), "%s", path);
	d->fd = MOVE_FD(fd);
	return 0;
}

void telspool_disk_close(struct telspool_disk *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
}
