#include "updater/source.h"

#include <fcntl.h>

#include "base/io.h"

#define BOUNCE_BYTES (256u << 10)

static int file_pread(struct source *s, void *buf, size_t n, uint64_t off, struct why *w)
{
	return pread_full(s->fd, buf, n, off, s->name, w);
}

static void file_end(struct source *s)
{
	(void)close(MOVE_FD(s->fd));
}

static const struct source_ops file_ops = { .read = file_pread, .close = file_end };

int source_file(const char *path, struct source *ret, struct why *w)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct source s = { .ops = &file_ops, .name = path, .manner = "a file" };
	int r;

	if (fd < 0)
		return fail_errno(w, "%s", path);
	r = fd_size(fd, path, &s.size_bytes, w);
	if (r)
		return r;
	s.fd = MOVE_FD(fd);
	*ret = s;
	return 0;
}

static int memory_read(struct source *s, void *buf, size_t n, uint64_t off, struct why *w)
{
	return bytes_copy(s->memory, (size_t)off, buf, n) ? fail(w, -EBADMSG, "%s: ends early", s->name) : 0;
}

static const struct source_ops memory_ops = { .read = memory_read };

struct source source_memory(struct bytes b, const char *name)
{
	return (struct source){ .ops = &memory_ops, .name = name, .size_bytes = b.n, .fd = -1, .memory = b };
}

/* Through an aligned buffer, because the device may be open with O_DIRECT. */
static int region_read(struct source *s, void *buf, size_t n, uint64_t off, struct why *w)
{
	uint64_t at = s->blk_offset + off, begin = at - at % s->blk->align;
	AUTO_FREE uint8_t *bounce = blk_alloc(BOUNCE_BYTES);
	uint8_t *to = buf;

	if (!bounce)
		return fail(w, -ENOMEM, "%s: out of memory", s->name);
	while (n > 0) {
		uint64_t skip = at - begin, want = skip + n;
		size_t step, use;
		int r;

		want = want + (s->blk->align - want % s->blk->align) % s->blk->align;
		step = want < BOUNCE_BYTES ? (size_t)want : BOUNCE_BYTES;
		r = blk_read(s->blk, bounce, step, begin, w);
		if (r)
			return r;
		use = step - (size_t)skip < n ? step - (size_t)skip : n;
		memcpy(to, bounce + skip, use);
		to += use;
		n -= use;
		at += use;
		begin += step;
	}
	return 0;
}

static const struct source_ops region_ops = { .read = region_read };

struct source source_blk(struct blk *b, uint64_t offset, uint64_t size_bytes)
{
	uint64_t room = offset < b->size_bytes ? b->size_bytes - offset : 0;

	return (struct source){ .ops = &region_ops,
				.name = b->name,
				.size_bytes = size_bytes < room ? size_bytes : room,
				.fd = -1,
				.blk = b,
				.blk_offset = offset };
}

void source_close(struct source *s)
{
	if (s->ops && s->ops->close)
		s->ops->close(s);
	s->ops = NULL;
}

int source_read(struct source *s, void *buf, size_t n, uint64_t off, struct why *w)
{
	if (off > s->size_bytes || s->size_bytes - off < n)
		return fail(w, -EBADMSG, "%s: truncated: %zu bytes wanted at %llu, it ends at %llu", s->name, n,
			    (unsigned long long)off, (unsigned long long)s->size_bytes);
	return n == 0 ? 0 : s->ops->read(s, buf, n, off, w);
}

void source_expect(struct source *s, const struct source_range *r, size_t n)
{
	if (s->ops->expect && n > 0)
		s->ops->expect(s, r, n);
}

bool source_pays(const struct source *s)
{
	return s->rest ? source_pays(s->rest) : s->ops->stats != NULL;
}

struct source_stats source_stats(struct source *s)
{
	return s->ops && s->ops->stats ? s->ops->stats(s) : (struct source_stats){ 0 };
}

static int joined_read(struct source *s, void *buf, size_t n, uint64_t off, struct why *w)
{
	uint64_t edge = s->head->size_bytes, left = off < edge ? edge - off : 0;
	size_t first = left < n ? (size_t)left : n;
	int r = 0;

	if (first > 0)
		r = source_read(s->head, buf, first, off, w);
	if (!r && first < n)
		r = source_read(s->rest, (uint8_t *)buf + first, n - first, off + first, w);
	return r;
}

/* Nothing is announced of the head, which costs nothing. */
static void joined_expect(struct source *s, const struct source_range *r, size_t n)
{
	uint64_t edge = s->head->size_bytes;

	for (; n > 0 && r->at < edge; r++, n--)
		if (r->bytes > edge - r->at)
			source_expect(s->rest, &(struct source_range){ edge, r->bytes - (edge - r->at) }, 1);
	source_expect(s->rest, r, n);
}

static struct source_stats joined_stats(struct source *s)
{
	return source_stats(s->rest);
}

static const struct source_ops joined_ops = { .read = joined_read, .expect = joined_expect, .stats = joined_stats };

struct source source_joined(struct source *head, struct source *rest)
{
	return (struct source){ .ops = &joined_ops,
				.name = rest->name,
				.manner = rest->manner,
				.size_bytes = rest->size_bytes,
				.fd = -1,
				.head = head,
				.rest = rest };
}
