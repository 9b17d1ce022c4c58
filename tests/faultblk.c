#include "tests/faultblk.h"

#include <string.h>

#include "base/bytes.h"

static struct faultblk *lock(struct blk *b)
{
	struct faultblk *f = (struct faultblk *)b;

	(void)pthread_mutex_lock(&f->lock);
	return f;
}

static int unlock(struct faultblk *f, int r)
{
	(void)pthread_mutex_unlock(&f->lock);
	return r;
}

/* Count one operation; an error when it is the one that fails. With the lock held. */
static int count(struct faultblk *f, uint64_t *kind, struct why *w)
{
	uint64_t number = f->ops++;

	(*kind)++;
	if (number == f->fail_at || (f->vanish && number > f->fail_at))
		return fail(w, f->error, "%s: operation %llu fails on order", f->blk.name, (unsigned long long)number);
	return 0;
}

static void note_write(struct faultblk *f, uint64_t n, uint64_t off)
{
	f->descended = f->descended || off < f->last_end;
	f->last_end = off + n;
	f->unflushed = true;
}

static int do_read(struct blk *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	struct faultblk *f = lock(b);
	int r = count(f, &f->reads, w);

	f->read_bytes += r ? 0 : n;
	return unlock(f, r ? r : blk_read(f->to, buf, n, off, w));
}

static int do_write(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *w)
{
	struct faultblk *f = lock(b);
	AUTO_FREE uint8_t *copy = NULL;
	int r = count(f, &f->writes, w);

	if (r)
		return unlock(f, r);
	(void)usleep(f->delay_us);
	note_write(f, n, off);
	f->written_bytes += n;
	if (f->lie_at >= off && f->lie_at - off < n) {
		copy = blk_alloc(n);
		if (!copy)
			return unlock(f, fail(w, -ENOMEM, "out of memory"));
		memcpy(copy, buf, n);
		copy[f->lie_at - off] ^= 0x40;
	}
	return unlock(f, blk_write(f->to, copy ? copy : buf, n, off, w));
}

static int do_zero(struct blk *b, uint64_t n, uint64_t off, struct why *w)
{
	struct faultblk *f = lock(b);
	AUTO_FREE uint8_t *one = NULL;
	int r = count(f, &f->zeros, w);

	if (r)
		return unlock(f, r);
	note_write(f, n, off);
	f->zeroed_bytes += n;
	r = blk_zero(f->to, n, off, w);
	if (!r && f->lie_at >= off && f->lie_at - off < n) {
		one = blk_alloc(BLK_ALIGN);
		if (!one)
			return unlock(f, fail(w, -ENOMEM, "out of memory"));
		memset(one, 0, BLK_ALIGN);
		one[f->lie_at % BLK_ALIGN] = 0x40;
		r = blk_write(f->to, one, BLK_ALIGN, f->lie_at - f->lie_at % BLK_ALIGN, w);
	}
	return unlock(f, r);
}

static int do_flush(struct blk *b, struct why *w)
{
	struct faultblk *f = lock(b);
	int r = count(f, &f->flushes, w);

	f->unflushed = f->unflushed && r;
	return unlock(f, r ? r : blk_flush(f->to, w));
}

void faultblk_init(struct faultblk *f, struct blk *to)
{
	static const struct blk_ops ops = { .read = do_read, .write = do_write, .zero = do_zero, .flush = do_flush };

	*f = (struct faultblk){ .to = to, .fail_at = FAULT_NEVER, .error = -EIO, .lie_at = FAULT_NEVER };
	f->blk = *to;
	f->blk.ops = &ops;
	(void)pthread_mutex_init(&f->lock, NULL);
}
