#include "bootstage/trainer/pb.h"

#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/parse.h"

#define VARINT_MAX 10u

struct pb_source pb_source_mem(struct bytes in, const char *name)
{
	static const uint8_t none[1];

	return (struct pb_source){ .mem = bytes_of(in.p ? in.p : none, in.n), .fd = -1, .name = name, .size = in.n };
}

int pb_source_file(int fd, const char *name, struct pb_source *ret, struct why *w)
{
	struct pb_source s = { .fd = fd, .name = name };
	struct stat st;

	if (fstat(fd, &st))
		return fail_errno(w, "%s", name);
	if (!S_ISREG(st.st_mode))
		return fail(w, -EBADMSG, "%s is not a file", name);
	s.window = malloc(PB_WINDOW);
	if (!s.window)
		return fail(w, -ENOMEM, "%s: no memory", name);
	s.size = (uint64_t)st.st_size;
	*ret = s;
	return 0;
}

void pb_source_done(struct pb_source *s)
{
	free(s->window);
	s->window = NULL;
}

struct pb pb_all(struct pb_source *s)
{
	return (struct pb){ .src = s, .end = s->size };
}

static int damaged(const struct pb *m, const char *what, struct why *w)
{
	return fail(w, -EBADMSG, "%s: at byte %" PRIu64 ": %s", m->src->name, m->at, what);
}

/* The next n bytes, at most a window of them, which have to be there; they stay until the next call. */
static int look(const struct pb *m, size_t n, const uint8_t **ret, struct why *w)
{
	struct pb_source *s = m->src;
	int r;

	if (pb_left(m) < n)
		return damaged(m, "it ends within a value", w);
	if (s->mem.p) {
		*ret = s->mem.p + m->at;
		return 0;
	}
	if (m->at < s->window_at || m->at - s->window_at > s->window_n || s->window_n - (m->at - s->window_at) < n) {
		size_t want = s->size - m->at < PB_WINDOW ? (size_t)(s->size - m->at) : PB_WINDOW;

		s->window_n = 0;
		r = pread_full(s->fd, s->window, want, m->at, s->name, w);
		if (r)
			return r;
		s->window_at = m->at;
		s->window_n = want;
	}
	*ret = s->window + (m->at - s->window_at);
	return 0;
}

int pb_varint(struct pb *m, uint64_t *ret, struct why *w)
{
	size_t n = pb_left(m) < VARINT_MAX ? (size_t)pb_left(m) : VARINT_MAX;
	const uint8_t *p;
	uint64_t v = 0;
	int r = look(m, n, &p, w);

	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (i == VARINT_MAX - 1 && p[i] > 1)
			return damaged(m, "a number of more than 64 bits", w);
		v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (p[i] < 0x80) {
			m->at += i + 1;
			*ret = v;
			return 0;
		}
	}
	return damaged(m, "it ends within a number", w);
}

int pb_copy(struct pb *m, void *ret, size_t n, struct why *w)
{
	uint8_t *to = ret;

	if (pb_left(m) < n)
		return damaged(m, "it ends within a value", w);
	while (n > 0) {
		size_t part = n < PB_WINDOW ? n : PB_WINDOW;
		const uint8_t *p;
		int r = look(m, part, &p, w);

		if (r)
			return r;
		memcpy(to, p, part);
		m->at += part;
		to += part;
		n -= part;
	}
	return 0;
}

static int fixed(struct pb *m, size_t n, uint64_t *ret, struct why *w)
{
	uint8_t b[8] = { 0 };
	int r = pb_copy(m, b, n, w);

	return r ? r : bytes_le64(bytes_of(b, sizeof(b)), 0, ret);
}

static int run_of_bytes(struct pb *m, struct pb *ret, struct why *w)
{
	uint64_t n;
	int r = pb_varint(m, &n, w);

	if (r)
		return r;
	if (pb_left(m) < n)
		return damaged(m, "a field is longer than what it is in", w);
	*ret = (struct pb){ .src = m->src, .at = m->at, .end = m->at + n };
	m->at += n;
	return 0;
}

int pb_next(struct pb *m, struct pb_field *ret, struct why *w)
{
	struct pb_field f = { 0 };
	uint64_t key;
	int r;

	if (pb_left(m) == 0)
		return 0;
	r = pb_varint(m, &key, w);
	if (r)
		return r;
	if (key >> 3 == 0 || key >> 3 > 0x1fffffff)
		return damaged(m, "a field without a number", w);
	f.number = (uint32_t)(key >> 3);
	f.wire = (enum pb_wire)(key & 7);
	switch (f.wire) {
	case PB_VARINT:
		r = pb_varint(m, &f.value, w);
		break;
	case PB_FIXED64:
		r = fixed(m, 8, &f.value, w);
		break;
	case PB_BYTES:
		r = run_of_bytes(m, &f.in, w);
		break;
	case PB_FIXED32:
		r = fixed(m, 4, &f.value, w);
		break;
	default:
		r = damaged(m, "a field of unknown form", w);
	}
	if (r)
		return r;
	*ret = f;
	return 1;
}

int pb_text(const struct pb *m, char *ret, size_t room, struct why *w)
{
	size_t n = (size_t)pb_left(m);
	const uint8_t *p;
	int r;

	if (pb_left(m) > PB_TEXT_MAX || n >= room)
		return fail(w, -E2BIG, "%s: at byte %" PRIu64 ": a text of %" PRIu64 " bytes", m->src->name, m->at,
			    pb_left(m));
	r = look(m, n, &p, w);
	if (r)
		return r;
	if (!text_printable(bytes_of(p, n)))
		return damaged(m, "not a text", w);
	memcpy(ret, p, n);
	ret[n] = '\0';
	return 0;
}

void pb_out_done(struct pb_out *o)
{
	free(o->p);
	*o = (struct pb_out){ 0 };
}

static void put(struct pb_out *o, const void *p, size_t n)
{
	size_t need;

	if (o->failed || __builtin_add_overflow(o->n, n, &need)) {
		o->failed = true;
		return;
	}
	if (need > o->room) {
		size_t room = need > SIZE_MAX / 2 ? need : 2 * need;
		uint8_t *more = realloc(o->p, room);

		if (!more) {
			o->failed = true;
			return;
		}
		o->p = more;
		o->room = room;
	}
	if (n > 0)
		memcpy(o->p + o->n, p, n);
	o->n = need;
}

static void put_varint(struct pb_out *o, uint64_t v)
{
	uint8_t b[VARINT_MAX];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		b[n++] = (uint8_t)(v | 0x80);
	b[n++] = (uint8_t)v;
	put(o, b, n);
}

static void put_key(struct pb_out *o, uint32_t number, enum pb_wire wire)
{
	put_varint(o, (uint64_t)number << 3 | wire);
}

void pb_put_u64(struct pb_out *o, uint32_t number, uint64_t value)
{
	put_key(o, number, PB_VARINT);
	put_varint(o, value);
}

void pb_put_f32(struct pb_out *o, uint32_t number, float value)
{
	uint32_t bits;
	uint8_t b[4];

	memcpy(&bits, &value, sizeof(bits));
	put_le32(b, bits);
	put_key(o, number, PB_FIXED32);
	put(o, b, sizeof(b));
}

void pb_put_bytes(struct pb_out *o, uint32_t number, struct bytes value)
{
	put_key(o, number, PB_BYTES);
	put_varint(o, value.n);
	put(o, value.p, value.n);
}

void pb_put_text(struct pb_out *o, uint32_t number, const char *value)
{
	pb_put_bytes(o, number, bytes_str(value));
}

void pb_put_message(struct pb_out *o, uint32_t number, struct pb_out *in)
{
	o->failed |= in->failed;
	pb_put_bytes(o, number, bytes_of(in->p, in->n));
	pb_out_done(in);
}
