#include "base/blk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/io.h"

#define ZERO_STEP (1u << 20)

void *blk_alloc(size_t n)
{
	return aligned_alloc(BLK_ALIGN, n);
}

static int fd_read(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	return pread_full(b->fd, buf, n, off, b->name, w);
}

static int fd_write(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w)
{
	return pwrite_full(b->fd, buf, n, off, b->name, w);
}

static int write_zeros(struct blk *b, uint64_t n, uint64_t off, struct why *w)
{
	AUTO_FREE uint8_t *zeros = blk_alloc(ZERO_STEP);
	int r = 0;

	if (!zeros)
		return fail(w, -ENOMEM, "%s: out of memory", b->name);
	memset(zeros, 0, ZERO_STEP);
	while (!r && n > 0) {
		size_t step = n < ZERO_STEP ? (size_t)n : ZERO_STEP;

		r = fd_write(b, zeros, step, off, w);
		off += step;
		n -= step;
	}
	return r;
}

static int fd_zero(struct blk *b, uint64_t n, uint64_t off, struct why *w)
{
	uint64_t range[2] = { off, n };
	int r;

	r = b->block_device ? ioctl(b->fd, BLKZEROOUT, range)
			    : fallocate(b->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)n);
	if (r == 0)
		return 0;
	if (errno == EIO || errno == ENOSPC || errno == ENODEV || errno == ENXIO)
		return fail_errno(w, "%s: zeroing %llu bytes at %llu", b->name, (unsigned long long)n,
				  (unsigned long long)off);
	return write_zeros(b, n, off, w);
}

static int fd_flush(struct blk *b, struct why *w)
{
	return fdatasync(b->fd) ? fail_errno(w, "%s: flush", b->name) : 0;
}

static const struct blk_ops fd_ops = { .read = fd_read, .write = fd_write, .zero = fd_zero, .flush = fd_flush };

int blk_open(const char *path, enum blk_mode mode, struct blk *ret, struct why *w)
{
	int flags = (mode == BLK_READ ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY;
	struct blk b = { .ops = &fd_ops, .name = path, .align = BLK_ALIGN, .direct = true };
	int sector = 0, r;
	struct stat st;

	if (stat(path, &st))
		return fail_errno(w, "%s", path);
	b.block_device = S_ISBLK(st.st_mode);
	if (mode == BLK_WRITE_EXCLUSIVE && b.block_device)
		flags |= O_EXCL;
	AUTO_FD fd = open(path, flags | O_DIRECT);
	if (fd < 0 && errno == EINVAL) { /* tmpfs and others know no O_DIRECT */
		b.direct = false;
		fd = open(path, flags);
	}
	if (fd < 0)
		return errno == EBUSY ? fail(w, -EBUSY, "%s: in use (mounted, or held by another driver)", path)
				      : fail_errno(w, "%s", path);
	if (b.block_device && ioctl(fd, BLKSSZGET, &sector) == 0 && sector > (int)b.align)
		return fail(w, -ENOTSUP, "%s: sectors of %d bytes; up to %u are supported", path, sector, BLK_ALIGN);
	r = fd_size(fd, path, &b.size_bytes, w);
	if (r)
		return r;
	b.fd = MOVE_FD(fd);
	*ret = b;
	return 0;
}

int blk_close(struct blk *b, struct why *w)
{
	if (b->ops != &fd_ops)
		return 0;
	b->ops = NULL;
	return close_checked(&b->fd, b->name, w);
}

static int check(const struct blk *b, uint64_t n, uint64_t off, const void *buf, struct why *w)
{
	if ((off | n | (uintptr_t)buf) % b->align)
		return fail(w, -EINVAL, "%s: %llu bytes at %llu are not aligned to %u", b->name, (unsigned long long)n,
			    (unsigned long long)off, b->align);
	if (off > b->size_bytes || b->size_bytes - off < n)
		return fail(w, -EINVAL, "%s: %llu bytes at %llu are outside its %llu bytes", b->name,
			    (unsigned long long)n, (unsigned long long)off, (unsigned long long)b->size_bytes);
	return 0;
}

int blk_read(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	int r = check(b, n, off, buf, w);

	return r ? r : b->ops->read(b, buf, n, off, w);
}

int blk_write(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w)
{
	int r = check(b, n, off, buf, w);

	return r ? r : b->ops->write(b, buf, n, off, w);
}

int blk_zero(struct blk *b, uint64_t n, uint64_t off, struct why *w)
{
	int r = check(b, n, off, NULL, w);

	return r || n == 0 ? r : b->ops->zero(b, n, off, w);
}

int blk_flush(struct blk *b, struct why *w)
{
	return b->ops->flush(b, w);
}
