#include "partitions/esp.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/blk.h"
#include "base/io.h"

#define STEP_BYTES (1u << 20)

/* mkdir -p of the folders of path, below the root. */
static int make_folders(int root, const char *path, struct why *w)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - path);

		if (n >= sizeof(part))
			return fail(w, -ENAMETOOLONG, "%s: name too long", path);
		memcpy(part, path, n);
		part[n] = '\0';
		if (mkdirat(root, part, 0755) && errno != EEXIST)
			return fail_errno(w, "ESP: %s: mkdir", part);
	}
	return 0;
}

static int fs_create(struct esp *e, const char *path, int *ret_file, struct why *w)
{
	int r = make_folders(e->root, path, w), fd;

	if (r)
		return r;
	fd = openat(e->root, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail_errno(w, "ESP: %s: create", path);
	*ret_file = fd;
	return 0;
}

static int fs_append(struct esp *e, int file, const void *buf, size_t n, struct why *w)
{
	(void)e;
	return write_full(file, buf, n, "ESP", w);
}

static int fs_finish(struct esp *e, int file, struct why *w)
{
	int r = fsync(file) ? fail_errno(w, "ESP: fsync") : 0;
	int c = close_checked(&file, "ESP", w);

	(void)e;
	return r ? r : c;
}

static int fs_rename(struct esp *e, const char *from, const char *to, struct why *w)
{
	return renameat(e->root, from, e->root, to) ? fail_errno(w, "ESP: %s: rename", to) : 0;
}

static int fs_remove(struct esp *e, const char *path, struct why *w)
{
	if (unlinkat(e->root, path, 0) == 0)
		return 0;
	return errno == ENOENT || errno == ENOTDIR ? -ENOENT : fail_errno(w, "ESP: %s: remove", path);
}

/*
 * vfat's part in syncfs() ends at the page cache: the sectors are written, and may stay in the disk's volatile cache. Its
 * fsync() flushes that cache too (Linux fs/fat/file.c, fat_file_fsync).
 */
static int fs_sync(struct esp *e, struct why *w)
{
	return syncfs(e->root) || fsync(e->root) ? fail_errno(w, "ESP: flush") : 0;
}

static int fs_open_read(struct esp *e, const char *path, int *ret_file, uint64_t *ret_bytes, struct why *w)
{
	struct stat st;
	AUTO_FD fd = openat(e->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_DIRECT);

	if (fd < 0 && errno == EINVAL)
		fd = openat(e->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR ? fail(w, -ENOENT, "ESP: %s: not there", path) : fail_errno(w, "ESP: %s", path);
	if (fstat(fd, &st))
		return fail_errno(w, "ESP: %s", path);
	*ret_bytes = (uint64_t)st.st_size;
	*ret_file = MOVE_FD(fd);
	return 0;
}

static int fs_read_at(struct esp *e, int file, void *buf, size_t n, uint64_t off, size_t *ret_n, struct why *w)
{
	ssize_t r;

	(void)e;
	do
		r = pread(file, buf, n, (off_t)off);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return fail_errno(w, "ESP: read back");
	*ret_n = (size_t)r;
	return 0;
}

static void fs_close_read(struct esp *e, int file)
{
	(void)e;
	(void)close(file);
}

static int fs_free_bytes(struct esp *e, uint64_t *ret, struct why *w)
{
	struct statvfs st;

	if (fstatvfs(e->root, &st))
		return fail_errno(w, "ESP: free space");
	*ret = (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}

static const struct esp_ops fs_ops = {
	.create = fs_create,
	.append = fs_append,
	.finish = fs_finish,
	.rename = fs_rename,
	.remove = fs_remove,
	.sync = fs_sync,
	.open_read = fs_open_read,
	.read_at = fs_read_at,
	.close_read = fs_close_read,
	.free_bytes = fs_free_bytes,
};

int esp_open_folder(const char *path, struct esp *ret, struct why *w)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(w, "%s", path);
	*ret = (struct esp){ .ops = &fs_ops, .root = fd };
	return 0;
}

int esp_open(const char *device, struct esp *ret, struct why *w)
{
	char at[] = "/run/tandem/esp-XXXXXX";
	int r = dir_make("/run/tandem", 0755, w);

	if (r)
		return r;
	if (!mkdtemp(at))
		return fail_errno(w, "%s", at);
	if (mount(device, at, "vfat", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, "umask=0077")) {
		r = fail_errno(w, "%s: mount of the ESP (vfat)", device);
		(void)rmdir(at);
		return r;
	}
	r = esp_open_folder(at, ret, w);
	if (r) {
		(void)umount2(at, MNT_DETACH);
		(void)rmdir(at);
		return r;
	}
	(void)snprintf(ret->mounted_at, sizeof(ret->mounted_at), "%s", at);
	return 0;
}

int esp_close(struct esp *e, struct why *w)
{
	int r = 0;

	if (e->ops != &fs_ops)
		return 0;
	r = fs_sync(e, w);
	(void)close(MOVE_FD(e->root));
	if (e->mounted_at[0] && umount2(e->mounted_at, 0))
		r = r ? r : fail_errno(w, "%s: unmount", e->mounted_at);
	if (e->mounted_at[0])
		(void)rmdir(e->mounted_at);
	e->ops = NULL;
	return r;
}

int esp_hash(struct esp *e, const char *path, struct hash *ret, uint64_t *ret_bytes, struct why *w)
{
	AUTO_FREE uint8_t *buf = blk_alloc(STEP_BYTES);
	uint64_t size = 0, off = 0;
	struct hasher h;
	int file = -1, r;

	if (!buf)
		return fail(w, -ENOMEM, "ESP: out of memory");
	r = e->ops->open_read(e, path, &file, &size, w);
	if (r)
		return r;
	if (size > ESP_BOOT_FILE_MAX)
		r = fail(w, -E2BIG, "ESP: %s: %llu bytes are over the limit", path, (unsigned long long)size);
	hasher_init(&h);
	while (!r && off < size) {
		size_t n = 0;

		r = e->ops->read_at(e, file, buf, STEP_BYTES, off, &n, w);
		if (!r && n == 0)
			r = fail(w, -EIO, "ESP: %s: ends before its size", path);
		hasher_add(&h, bytes_of(buf, n));
		off += n;
	}
	e->ops->close_read(e, file);
	if (r)
		return r;
	*ret = hasher_end(&h);
	if (ret_bytes)
		*ret_bytes = size;
	return 0;
}

int esp_put_begin(struct esp *e, const char *path, struct esp_put *ret, struct why *w)
{
	struct esp_put p = { .esp = e, .path = path, .file = -1 };
	int r;

	if (snprintf(p.temp, sizeof(p.temp), "%s" ESP_TEMP_SUFFIX, path) >= (int)sizeof(p.temp))
		return fail(w, -ENAMETOOLONG, "ESP: %s: name too long", path);
	hasher_init(&p.hasher);
	r = e->ops->create(e, p.temp, &p.file, w);
	if (!r)
		*ret = p;
	return r;
}

int esp_put_add(struct esp_put *p, struct bytes data, struct why *w)
{
	int r;

	if (data.n > ESP_BOOT_FILE_MAX - p->bytes)
		return fail(w, -E2BIG, "ESP: %s: over %llu bytes", p->path, ESP_BOOT_FILE_MAX);
	hasher_add(&p->hasher, data);
	p->bytes += data.n;
	r = p->esp->ops->append(p->esp, p->file, data.p, data.n, w);
	if (r)
		(void)why_in(w, r, "%s", p->temp);
	if (r == -ENOSPC)
		(void)why_next(w, r,
			       "remove files that do not belong on the ESP; it needs room for one more boot file");
	return r;
}

int esp_put_end(struct esp_put *p, struct why *w)
{
	const struct esp_ops *ops = p->esp->ops;
	struct hash want = hasher_end(&p->hasher), have;
	struct esp *e = p->esp;
	uint64_t size = 0;
	int r = ops->finish(e, p->file, w);

	p->file = -1;
	r = r ? r : esp_hash(e, p->temp, &have, &size, w);
	if (!r && (size != p->bytes || !hash_equal(&want, &have)))
		r = fail(w, -EIO, "ESP: %s: reads back different from what was written", p->temp);
	r = r ? r : ops->rename(e, p->temp, p->path, w);
	if (r) {
		esp_put_cancel(p);
		return r;
	}
	p->esp = NULL;
	return ops->sync(e, w);
}

void esp_put_cancel(struct esp_put *p)
{
	if (!p->esp)
		return;
	if (p->file >= 0)
		(void)p->esp->ops->finish(p->esp, p->file, NULL);
	(void)p->esp->ops->remove(p->esp, p->temp, NULL);
	p->file = -1;
	p->esp = NULL;
}

/* One that is not there is flushed too: its removal may have been the call before, which failed in its flush. */
int esp_remove(struct esp *e, const char *path, struct why *w)
{
	int r = e->ops->remove(e, path, w);

	return r && r != -ENOENT ? r : e->ops->sync(e, w);
}

static bool same_file(struct esp *e, const char *a, const char *b)
{
	uint64_t na = 0, nb = 0;
	struct hash ha, hb;

	return !esp_hash(e, a, &ha, &na, NULL) && !esp_hash(e, b, &hb, &nb, NULL) && na == nb && hash_equal(&ha, &hb);
}

int esp_copy(struct esp *e, const char *from, const char *to, struct why *w)
{
	AUTO_FREE uint8_t *buf = blk_alloc(STEP_BYTES);
	uint64_t size = 0, off = 0;
	struct esp_put put = { 0 };
	int file = -1, r;

	if (!buf)
		return fail(w, -ENOMEM, "ESP: out of memory");
	if (same_file(e, from, to))
		return 0;
	r = e->ops->open_read(e, from, &file, &size, w);
	if (r)
		return r;
	r = esp_put_begin(e, to, &put, w);
	while (!r && off < size) {
		size_t n = 0;

		r = e->ops->read_at(e, file, buf, STEP_BYTES, off, &n, w);
		if (!r && n == 0)
			r = fail(w, -EIO, "ESP: %s: ends before its size", from);
		r = r ? r : esp_put_add(&put, bytes_of(buf, n), w);
		off += n;
	}
	e->ops->close_read(e, file);
	if (r) {
		esp_put_cancel(&put);
		return r;
	}
	return esp_put_end(&put, w);
}

int esp_size(struct esp *e, const char *path, uint64_t *ret_bytes, struct why *w)
{
	int file = -1, r = e->ops->open_read(e, path, &file, ret_bytes, w);

	if (!r)
		e->ops->close_read(e, file);
	return r;
}

int esp_free(struct esp *e, uint64_t *ret_bytes, struct why *w)
{
	return e->ops->free_bytes(e, ret_bytes, w);
}
