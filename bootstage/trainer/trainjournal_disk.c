#include <fcntl.h>
#include <libgen.h>

#include "base/io.h"
#include "bootstage/trainer/trainjournal.h"

static int disk_read(void *arg, char **ret, size_t *ret_n, struct why *w)
{
	const struct trainjournal_disk *d = arg;
	struct why none = { 0 };
	int r = file_read(AT_FDCWD, d->path, TRAINJOURNAL_MAX, ret, ret_n, &none);

	return r == -ENOENT ? 0 : r ? fail(w, r, "%s", none.text) : 0;
}

/* Made with its folder; both names are durable before anything is in it. */
static int make(struct trainjournal_disk *d, struct why *w)
{
	char folder[PATH_MAX];
	int r;

	(void)snprintf(folder, sizeof(folder), "%s", d->path);
	(void)dirname(folder);
	r = dir_make(folder, 0755, w);
	if (r)
		return r;
	d->fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	return d->fd < 0 ? fail_errno(w, "%s", d->path) : dir_sync(folder, w);
}

static int disk_append(void *arg, uint64_t at, const void *buf, size_t n, struct why *w)
{
	struct trainjournal_disk *d = arg;
	int r = d->fd < 0 ? make(d, w) : 0;

	return r ? r : pwrite_full(d->fd, buf, n, at, d->path, w);
}

static int disk_sync(void *arg, struct why *w)
{
	const struct trainjournal_disk *d = arg;

	return fdatasync(d->fd) ? fail_errno(w, "%s", d->path) : 0;
}

static int disk_cut(void *arg, uint64_t at, struct why *w)
{
	struct trainjournal_disk *d = arg;
	int r = d->fd < 0 ? make(d, w) : 0;

	if (r)
		return r;
	return ftruncate(d->fd, (off_t)at) || fsync(d->fd) ? fail_errno(w, "%s", d->path) : 0;
}

static int disk_replace(void *arg, const void *buf, size_t n, struct why *w)
{
	struct trainjournal_disk *d = arg;
	int r = file_replace(AT_FDCWD, d->path, buf, n, 0644, w);

	trainjournal_disk_close(d); /* the old file's */
	return r ? r : make(d, w);
}

const struct trainjournal_file trainjournal_disk = {
	.read = disk_read,
	.append = disk_append,
	.sync = disk_sync,
	.cut = disk_cut,
	.replace = disk_replace,
};

void trainjournal_disk_open(struct trainjournal_disk *d, const char *path)
{
	*d = (struct trainjournal_disk){ .fd = -1 };
	(void)snprintf(d->path, sizeof(d->path), "%s", path);
}

void trainjournal_disk_close(struct trainjournal_disk *d)
{
	auto_close(&d->fd);
	d->fd = -1;
}
