#include "bootstage/intel/telspool.h"

#include <inttypes.h>

#define CHUNK ((size_t)2 * TEL_FRAME_MAX) /* holds a whole frame wherever it begins */
#define MARK  16u                         /* "TMRK", where it lies (le64), CRC-32 of both */

static const uint8_t mark_magic[4] = { 'T', 'M', 'R', 'K' };

enum piece { PIECE_FRAME, PIECE_MARK, PIECE_BAD, PIECE_SHORT, PIECE_NEWER };

static void mark_write(uint8_t p[MARK], uint64_t at)
{
	memcpy(p, mark_magic, sizeof(mark_magic));
	put_le64(p + 4, at);
	put_le32(p + 12, tel_crc32(0, bytes_of(p, 12)));
}

/* All of one, or as much as there is. */
static bool is_mark(struct bytes in, uint64_t at)
{
	uint8_t want[MARK];

	mark_write(want, at);
	return memcmp(in.p, want, in.n < MARK ? in.n : MARK) == 0;
}

/* To where a frame or a mark may begin. */
static size_t pass_over(struct bytes in)
{
	for (size_t i = 1; i + 4 <= in.n; i++)
		if (in.p[i] == 'T' && (memcmp(in.p + i, "TTEL", 4) == 0 || memcmp(in.p + i, "TMRK", 4) == 0))
			return i;
	return in.n > 4 ? in.n - 3 : in.n;
}

/* What `in` begins with, which lies at `at`, and how long it is. */
static enum piece piece_at(struct bytes in, uint64_t at, size_t *ret_n)
{
	struct tel_frame f;
	int r;

	*ret_n = in.n < MARK ? in.n : MARK;
	if (is_mark(in, at))
		return in.n < MARK ? PIECE_SHORT : PIECE_MARK;
	r = tel_frame_read(in, &f, NULL);
	*ret_n = f.whole.n ? f.whole.n : pass_over(in);
	return r == 0 ? PIECE_FRAME : r == -ENODATA ? PIECE_SHORT : r == -EPROTONOSUPPORT ? PIECE_NEWER : PIECE_BAD;
}

static int fill(struct telspool *s, uint64_t at, uint64_t end, struct bytes *ret, struct why *w)
{
	size_t n = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
	int r = n ? s->file->read(s->arg, at, s->buf, n, w) : 0;

	*ret = bytes_of(s->buf, r ? 0 : n);
	return r;
}

/*
 * Where what counts ends. A mark says that all before it was durable when it was written: what is bad there has rotted.
 * What is bad behind the last one is torn, and so is all that follows it: a frame there must not count when one before it,
 * of the same agent, is gone.
 */
static int find_end(struct telspool *s, uint64_t size, uint64_t *ret, struct why *w)
{
	uint64_t at = 0, good = 0;
	bool torn = false;

	while (at < size) {
		struct bytes in = { 0 };
		size_t used = 0, n = 0;
		int r = fill(s, at, size, &in, w);

		while (!r && used < in.n) {
			enum piece p = piece_at(bytes_of(in.p + used, in.n - used), at + used, &n);

			if (p == PIECE_NEWER && !torn)
				return fail(w, -EPROTONOSUPPORT, "the spool holds frames of a newer version");
			if (p == PIECE_SHORT && used > 0 && at + in.n < size)
				break; /* the buffer ends, not the file */
			torn = p != PIECE_MARK && (torn || p != PIECE_FRAME);
			used += n;
			good = torn ? good : at + used;
		}
		if (r)
			return r;
		at += used;
	}
	*ret = good;
	return 0;
}

/* Nothing of an older file may lie behind what is written next: its marks would speak for what was torn. */
static int cut(struct telspool *s, uint64_t at, struct why *w)
{
	int r = s->file->cut(s->arg, at, w);

	r = r ? r : s->file->sync(s->arg, w);
	s->uncut = r != 0;
	return r;
}

int telspool_open(struct telspool *s, const struct telspool_file *file, void *arg, uint64_t max_bytes, struct why *w)
{
	uint64_t size = 0;
	int r;

	*s = (struct telspool){ .file = file, .arg = arg, .max_bytes = max_bytes, .buf = malloc(CHUNK) };
	if (!s->buf)
		return fail(w, -ENOMEM, "out of memory");
	r = file->size(arg, &size, w);
	r = r ? r : find_end(s, size, &s->end_bytes, w);
	if (!r && s->end_bytes < size)
		r = cut(s, s->end_bytes, w);
	if (r)
		telspool_close(s);
	return r;
}

void telspool_close(struct telspool *s)
{
	free(s->buf);
	*s = (struct telspool){ 0 };
}

int telspool_append(struct telspool *s, struct bytes frames, struct why *w)
{
	uint8_t mark[MARK];
	int r = 0;

	if (frames.n + MARK > s->max_bytes || s->end_bytes > s->max_bytes - frames.n - MARK)
		return fail(w, -ENOSPC, "the spool is full: %" PRIu64 " bytes", s->end_bytes);
	if (s->uncut)
		r = cut(s, s->end_bytes, w);
	if (r)
		return r;
	mark_write(mark, s->end_bytes);
	r = s->file->write(s->arg, s->end_bytes, mark, MARK, w);
	r = r ? r : s->file->write(s->arg, s->end_bytes + MARK, frames.p, frames.n, w);
	r = r ? r : s->file->sync(s->arg, w);
	if (r) {
		IGNORE(cut(s, s->end_bytes, NULL)); /* else before the next one */
		return r;
	}
	s->end_bytes += MARK + frames.n;
	return 0;
}

/* How many bytes of whole frames `in` begins with; marks and damage at its front are passed over first. */
static size_t whole_frames(struct telspool *s, struct bytes in)
{
	size_t used = 0;

	while (used < in.n) {
		size_t n = 0;
		enum piece p = piece_at(bytes_of(in.p + used, in.n - used), s->next_bytes + used, &n);

		if (p != PIECE_FRAME && used > 0)
			break;
		if (p != PIECE_FRAME) {
			s->lost_bytes += p == PIECE_MARK ? 0 : n;
			s->next_bytes += n;
			return 0;
		}
		used += n;
	}
	return used;
}

int telspool_next(struct telspool *s, struct bytes *ret, struct why *w)
{
	*ret = (struct bytes){ 0 };
	while (s->next_bytes < s->end_bytes) {
		struct bytes in = { 0 };
		int r = fill(s, s->next_bytes, s->end_bytes, &in, w);

		if (r)
			return r;
		ret->p = in.p;
		ret->n = whole_frames(s, in);
		if (ret->n)
			return 0;
	}
	return 0;
}

int telspool_replayed(struct telspool *s, size_t n, struct why *w)
{
	int r;

	s->next_bytes += n;
	if (!telspool_empty(s) || s->end_bytes == 0)
		return 0;
	r = cut(s, 0, w);
	if (r)
		return r;
	s->next_bytes = s->end_bytes = 0;
	return 0;
}

bool telspool_empty(const struct telspool *s)
{
	return s->next_bytes == s->end_bytes;
}
