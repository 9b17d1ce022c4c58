#include "updater/base_reader.h"

#include <inttypes.h>

#include "base/io.h"

static uint64_t round_up(uint64_t n)
{
	return (n + BLK_ALIGN - 1) / BLK_ALIGN * BLK_ALIGN;
}

static int read_blk(struct base_reader *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	return blk_read(b->blk, buf, n, off, w);
}

/* What of an aligned read lies inside the base. */
static size_t inside(const struct base_reader *b, size_t n, uint64_t off)
{
	return b->size_bytes - off < n ? (size_t)(b->size_bytes - off) : n;
}

static int read_fd(struct base_reader *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	return pread_full(b->fd, buf, inside(b, n, off), off, b->name, w);
}

static int read_memory(struct base_reader *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	(void)w;
	memcpy(buf, b->memory.p + off, inside(b, n, off));
	return 0;
}

static int finish(struct base_reader *b, struct base_reader *ret, struct why *w)
{
	b->buf = blk_alloc(BASE_READ_BYTES);
	if (!b->buf)
		return fail(w, -ENOMEM, "out of memory");
	*ret = *b;
	return 0;
}

int base_reader_blk(struct blk *b, uint64_t size_bytes, struct base_reader *ret, struct why *w)
{
	struct base_reader r = { .read = read_blk, .size_bytes = size_bytes, .name = b->name, .blk = b, .fd = -1 };

	if (size_bytes > UINT64_MAX - BLK_ALIGN || round_up(size_bytes) > b->size_bytes)
		return fail(w, -E2BIG, "%s: the base has %" PRIu64 " bytes, the device %" PRIu64, b->name, size_bytes,
			    b->size_bytes);
	return finish(&r, ret, w);
}

int base_reader_fd(int fd, uint64_t size_bytes, const char *name, struct base_reader *ret, struct why *w)
{
	struct base_reader r = { .read = read_fd, .size_bytes = size_bytes, .name = name, .fd = fd };

	return finish(&r, ret, w);
}

int base_reader_memory(struct bytes b, struct base_reader *ret, struct why *w)
{
	struct base_reader r = { .read = read_memory, .size_bytes = b.n, .name = "base", .memory = b, .fd = -1 };

	return finish(&r, ret, w);
}

void base_reader_done(struct base_reader *b)
{
	free(b->buf);
	b->buf = NULL;
}

static int read_counted(struct base_reader *b, void *buf, size_t n, uint64_t off, struct why *w)
{
	b->reads++;
	b->read_bytes += n;
	return b->read(b, buf, n, off, w);
}

static int compare(const void *a, const void *b)
{
	const struct base_piece *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int check(const struct base_reader *b, const struct base_piece *p, struct why *w)
{
	if (p->at > b->size_bytes || p->bytes > b->size_bytes - p->at)
		return fail(w, -EBADMSG, "%s: %" PRIu32 " bytes at %" PRIu64 " are outside its %" PRIu64, b->name,
			    p->bytes, p->at, b->size_bytes);
	return 0;
}

/* What of a piece lies in [from, from+n), which is in b->buf. */
static void scatter(const struct base_reader *b, const struct base_piece *p, uint64_t from, size_t n)
{
	uint64_t begin = p->at > from ? p->at : from, end = p->at + p->bytes;

	end = end < from + n ? end : from + n;
	if (begin < end)
		memcpy(p->to + (begin - p->at), b->buf + (begin - from), (size_t)(end - begin));
}

/*
 * Where the read that begins at `from` ends: it takes in the pieces from i on that overlap it or begin within a hole of
 * its end, as far as the buffer reaches.
 */
static uint64_t extent(const struct base_piece *pieces, size_t n, size_t i, uint64_t from)
{
	uint64_t limit = from + BASE_READ_BYTES, end = pieces[i].at + pieces[i].bytes;

	for (i++; i < n && end < limit && pieces[i].at <= end + BASE_HOLE_BYTES; i++)
		if (pieces[i].at < limit && pieces[i].at + pieces[i].bytes > end)
			end = pieces[i].at + pieces[i].bytes;
	return end < limit ? round_up(end) : limit;
}

int base_gather(struct base_reader *b, struct base_piece *pieces, size_t n, struct why *w)
{
	uint64_t done = 0; /* all wanted bytes before here were read */
	size_t first = 0;
	int r = 0;

	qsort(pieces, n, sizeof(*pieces), compare);
	for (size_t i = 0; !r && i < n; i++)
		r = check(b, &pieces[i], w);
	while (!r && first < n) {
		uint64_t begin = pieces[first].at > done ? pieces[first].at : done, from, end;

		if (pieces[first].at + pieces[first].bytes <= begin) {
			first++;
			continue;
		}
		from = begin / BLK_ALIGN * BLK_ALIGN;
		end = extent(pieces, n, first, from);
		r = read_counted(b, b->buf, (size_t)(end - from), from, w);
		for (size_t i = first; !r && i < n && pieces[i].at < end; i++)
			scatter(b, &pieces[i], from, (size_t)(end - from));
		done = end;
	}
	return r;
}

int base_read(struct base_reader *b, void *to, size_t n, uint64_t at, struct why *w)
{
	struct base_piece piece = { .at = at, .bytes = (uint32_t)n, .to = to };
	int r = check(b, &piece, w);

	if (!r && (((uintptr_t)to | n | at) % BLK_ALIGN) == 0)
		return read_counted(b, to, n, at, w);
	return r ? r : base_gather(b, &piece, 1, w);
}
