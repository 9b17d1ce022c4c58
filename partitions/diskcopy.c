#include "partitions/diskcopy.h"

#include <fcntl.h>
#include <inttypes.h>

#include "base/io.h"
#include "base/parse.h"

#define STEP_BYTES  (1u << 20)
#define PIECE_BYTES (64u << 10) /* zeros are looked for in pieces of this size */

struct copy {
	int fd;
	const char *image;
	uint64_t from;        /* where the part to be copied begins; offsets below count from here */
	uint64_t image_bytes; /* of the part */
	struct blk *to;
	bool zeroed;
	uint8_t *buf; /* STEP_BYTES, aligned */
	const struct diskcopy_watch *watch;
	struct why *w;
};

static uint64_t align_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

/* Up to the next border between data and hole from off on. Where a file knows no holes all of it is data. */
static uint64_t next_border(const struct copy *c, uint64_t off, bool *ret_hole)
{
	off_t at = (off_t)(c->from + off), end = (off_t)(c->from + c->image_bytes);
	off_t data = lseek(c->fd, at, SEEK_DATA), border;

	*ret_hole = (data < 0 && errno == ENXIO) || data > at;
	if (data < 0)
		return c->image_bytes;
	border = *ret_hole ? data : lseek(c->fd, at, SEEK_HOLE);
	return border > at && border < end ? (uint64_t)border - c->from : c->image_bytes;
}

static int tell(const struct copy *c, uint64_t done)
{
	const struct diskcopy_watch *t = c->watch;

	if (t && t->step)
		t->step(t->arg, done, c->image_bytes);
	if (t && t->stop && t->stop(t->arg))
		return fail(c->w, -ECANCELED, "%s: interrupted after %" PRIu64 " of %" PRIu64 " bytes", c->image, done,
			    c->image_bytes);
	return 0;
}

/* Write n bytes of the buffer; runs of pieces that are all zero are left out where they need not be written. */
static int write_step(const struct copy *c, size_t n, uint64_t off)
{
	size_t from = 0, at = 0;
	int r = 0;

	while (!r && c->zeroed && at < n) {
		size_t piece = n - at < PIECE_BYTES ? n - at : PIECE_BYTES;

		if (bytes_all_zero(bytes_of(c->buf + at, piece))) {
			r = at > from ? blk_write(c->to, c->buf + from, at - from, off + from, c->w) : 0;
			from = at + piece;
		}
		at += piece;
	}
	return r || from == n ? r : blk_write(c->to, c->buf + from, n - from, off + from, c->w);
}

static int copy_data(const struct copy *c, uint64_t off, uint64_t end)
{
	int r = 0;

	while (!r && off < end) {
		size_t n = end - off < STEP_BYTES ? (size_t)(end - off) : STEP_BYTES, whole;

		r = pread_full(c->fd, c->buf, n, c->from + off, c->image, c->w);
		if (r)
			return r;
		whole = (size_t)align_up(n, c->to->align);
		memset(c->buf + n, 0, whole - n);
		r = write_step(c, whole, off);
		off += n;
		r = r ? r : tell(c, off);
	}
	return r;
}

static int copy_hole(const struct copy *c, uint64_t off, uint64_t end)
{
	int r = c->zeroed ? 0 : blk_zero(c->to, align_up(end, c->to->align) - off, off, c->w);

	return r ? r : tell(c, end);
}

/* Borders are moved to blocks of the target: data takes the whole block that a hole begins or ends in. */
static int copy_all(const struct copy *c)
{
	uint64_t off = 0, end;
	bool hole;
	int r = 0;

	while (!r && off < c->image_bytes) {
		end = next_border(c, off, &hole);
		if (end < c->image_bytes)
			end = hole ? end / c->to->align * c->to->align : align_up(end, c->to->align);
		if (end > c->image_bytes)
			end = c->image_bytes;
		if (end == off) { /* the rest of a hole that ends inside this block: copy it as data */
			hole = false;
			end = c->image_bytes - off < c->to->align ? c->image_bytes : off + c->to->align;
		}
		r = hole ? copy_hole(c, off, end) : copy_data(c, off, end);
		off = end;
	}
	return r;
}

static int copy(struct copy *c, struct why *w)
{
	AUTO_FREE uint8_t *buf = blk_alloc(STEP_BYTES);
	char has[16], room[16];

	if (!buf)
		return fail(w, -ENOMEM, "%s: out of memory", c->image);
	if (c->image_bytes > c->to->size_bytes)
		return fail(w, -EFBIG, "%s: %s do not fit into the %s of %s", c->image,
			    format_size(c->image_bytes, has), format_size(c->to->size_bytes, room), c->to->name);
	c->buf = buf;
	return copy_all(c);
}

int diskcopy_part(const char *image, uint64_t from, uint64_t bytes, struct blk *to, bool zeroed,
		  const struct diskcopy_watch *watch, struct why *w)
{
	AUTO_FD fd = open(image, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct copy c = { .fd = fd,
			  .image = image,
			  .from = from,
			  .image_bytes = bytes,
			  .to = to,
			  .zeroed = zeroed,
			  .watch = watch,
			  .w = w };
	uint64_t all = 0;
	int r;

	if (fd < 0)
		return fail_errno(w, "%s", image);
	r = fd_size(fd, image, &all, w);
	if (!r && (from > all || all - from < bytes))
		r = fail(w, -EINVAL, "%s: it has no %" PRIu64 " bytes at %" PRIu64, image, bytes, from);
	return r ? r : copy(&c, w);
}

int diskcopy(const char *image, struct blk *to, bool zeroed, const struct diskcopy_watch *watch, struct why *w)
{
	AUTO_FD fd = open(image, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct copy c = { .fd = fd, .image = image, .to = to, .zeroed = zeroed, .watch = watch, .w = w };
	int r;

	if (fd < 0)
		return fail_errno(w, "%s", image);
	r = fd_size(fd, image, &c.image_bytes, w);
	return r ? r : copy(&c, w);
}
