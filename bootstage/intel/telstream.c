#include "bootstage/intel/telstream.h"

#include <stdlib.h>

void telstream_done(struct telstream *s)
{
	free(s->p);
	*s = (struct telstream){ 0 };
}

/* What was not looked at yet. */
static struct bytes rest(const struct telstream *s)
{
	return s->n > s->used ? bytes_of(s->p + s->used, s->n - s->used) : (struct bytes){ 0 };
}

uint8_t *telstream_room(struct telstream *s, size_t *ret)
{
	if (s->used > 0) {
		memmove(s->p, s->p + s->used, s->n - s->used);
		s->n -= s->used;
		s->used = 0;
	}
	if (s->n == 0 && s->room > TELSTREAM_FIRST) {
		free(MOVE(s->p));
		s->room = 0;
	}
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : TELSTREAM_FIRST;
		uint8_t *p = realloc(s->p, room);

		if (!p)
			return NULL;
		s->p = p;
		s->room = room;
	}
	*ret = s->room - s->n;
	return s->p + s->n;
}

void telstream_came(struct telstream *s, size_t n)
{
	s->n += n;
}

void telstream_took(struct telstream *s, const struct telstream_found *f)
{
	s->used += f->bytes;
	s->searched = 0;
}

size_t telstream_left(const struct telstream *s)
{
	return s->n - s->used;
}

static int binary_next(struct telstream *s, struct telstream_found *ret, struct why *w)
{
	int r = tel_frame_read(rest(s), &ret->frame, w);

	ret->json = false;
	ret->bytes = ret->frame.whole.n;
	ret->who = (struct teljson_who){ .agent = ret->frame.agent, .seq = ret->frame.seq };
	if (r == 0 || r == -ENODATA || (r == -EBADMSG && ret->bytes))
		return r;
	return why_in(w, -EPROTO, "the connection cannot be read any further");
}

static int line_read(struct bytes line, uint8_t *scratch, struct telstream_found *ret, struct why *w)
{
	struct bytes frame = { 0 };
	int r = teljson_read(line, scratch, &frame, &ret->who, w);

	if (r)
		return -EBADMSG;
	return tel_frame_read(frame, &ret->frame, w) ? -EBADMSG : 0;
}

static bool is_blank(struct bytes line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r')
			return false;
	return true;
}

/* A line without an end in sight: nothing of it is kept. */
static int line_endless(struct telstream *s)
{
	s->searched = s->n - s->used;
	if (s->searched < TEL_FRAME_MAX)
		return -ENODATA;
	s->used = s->n;
	s->searched = 0;
	s->skipping = true;
	return -ENODATA;
}

static int line_next(struct telstream *s, uint8_t *scratch, struct telstream_found *ret, struct why *w)
{
	struct bytes in = rest(s);
	const uint8_t *end = in.n > s->searched ? memchr(in.p + s->searched, '\n', in.n - s->searched) : NULL;

	if (!end)
		return line_endless(s);
	*ret = (struct telstream_found){ .json = true, .bytes = (size_t)(end - in.p) + 1 };
	if (s->skipping) {
		s->skipping = false;
		return fail(w, -EBADMSG, "a line of more than %u bytes", TEL_FRAME_MAX);
	}
	return line_read(bytes_of(in.p, ret->bytes - 1), scratch, ret, w);
}

/* Empty lines say nothing. */
static void pass_blank(struct telstream *s)
{
	while (s->used < s->n && !s->skipping) {
		struct bytes in = rest(s);
		const uint8_t *end = memchr(in.p, '\n', in.n < 64 ? in.n : 64);

		if (!end || !is_blank(bytes_of(in.p, (size_t)(end - in.p))))
			return;
		s->used += (size_t)(end - in.p) + 1;
		s->searched = 0;
	}
}

int telstream_next(struct telstream *s, uint8_t *scratch, struct telstream_found *ret, struct why *w)
{
	*ret = (struct telstream_found){ 0 };
	pass_blank(s);
	if (s->used == s->n)
		return -ENODATA;
	if (s->p[s->used] == 'T' && !s->skipping)
		return binary_next(s, ret, w);
	return line_next(s, scratch, ret, w);
}

int telstream_last(struct telstream *s, uint8_t *scratch, struct telstream_found *ret, struct why *w)
{
	struct bytes in = rest(s);

	*ret = (struct telstream_found){ .json = true, .bytes = in.n };
	if (in.n == 0 || is_blank(in))
		return s->skipping ? fail(w, -EPROTO, "a line of more than %u bytes at the end", TEL_FRAME_MAX)
				   : -ENODATA;
	if (in.p[0] == 'T' || s->skipping)
		return fail(w, -EPROTO, "it ends inside of a frame");
	return line_read(in, scratch, ret, w);
}
