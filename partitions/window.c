#include "partitions/window.h"

#include <stddef.h>

static struct window *around(struct blk *b)
{
	return (struct window *)(void *)b; /* blk is the first member */
}
_Static_assert(offsetof(struct window, blk) == 0, "ops find the window by its blk");

static int window_read(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	return blk_read(around(b)->disk, buf, n, around(b)->start_bytes + off, w);
}

static int window_write(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w)
{
	return blk_write(around(b)->disk, buf, n, around(b)->start_bytes + off, w);
}

static int window_zero(struct blk *b, uint64_t n, uint64_t off, struct why *w)
{
	return blk_zero(around(b)->disk, n, around(b)->start_bytes + off, w);
}

static int window_flush(struct blk *b, struct why *w)
{
	return blk_flush(around(b)->disk, w);
}

static const struct blk_ops ops = {
	.read = window_read, .write = window_write, .zero = window_zero, .flush = window_flush
};

int window_open(struct blk *disk, const char *name, uint64_t start_bytes, uint64_t size_bytes, struct window *ret,
		struct why *w)
{
	if (start_bytes > disk->size_bytes || disk->size_bytes - start_bytes < size_bytes ||
	    start_bytes % disk->align || size_bytes % disk->align)
		return fail(w, -EINVAL, "%s: %llu bytes at %llu are not a part of %s", name,
			    (unsigned long long)size_bytes, (unsigned long long)start_bytes, disk->name);
	*ret = (struct window){ .blk = { .ops = &ops,
					 .name = name,
					 .size_bytes = size_bytes,
					 .align = disk->align,
					 .fd = -1,
					 .direct = disk->direct },
				.disk = disk,
				.start_bytes = start_bytes };
	return 0;
}
