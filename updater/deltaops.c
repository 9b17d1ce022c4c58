#include "updater/deltaops.h"

#include <inttypes.h>

#define VARINT_MAX 10u
_Static_assert(DELTAOPS_ROOM == 2 * VARINT_MAX * (1 + DELTA_RANGES_MAX + DELTA_OPS_MAX), "two numbers each");
#define KINDS 3u

static int malformed(struct why *w, const char *what)
{
	return fail(w, -EBADMSG, "delta: %s", what);
}

/* Seven bits a byte, the lowest first; the last byte has no high bit, and is not 0 unless it is the only one. */
static int take(struct bytes *in, uint64_t *ret, struct why *w)
{
	uint64_t v = 0;

	for (size_t i = 0; i < VARINT_MAX && i < in->n; i++) {
		uint8_t b = in->p[i];

		if (i == VARINT_MAX - 1 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << (7 * i);
		if (b & 0x80)
			continue;
		if (b == 0 && i > 0)
			break;
		*in = bytes_of(in->p + i + 1, in->n - i - 1);
		*ret = v;
		return 0;
	}
	return malformed(w, "a number is cut off, too long, or not in its shortest form");
}

static uint8_t *put(uint8_t *to, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*to++ = (uint8_t)(v | 0x80);
	*to++ = (uint8_t)v;
	return to;
}

static uint64_t zigzag(uint64_t difference)
{
	return difference << 1 ^ (0 - (difference >> 63));
}

static uint64_t unzigzag(uint64_t v)
{
	return v >> 1 ^ (0 - (v & 1));
}

static int take_count(struct bytes *in, size_t max, const char *what, size_t *ret, struct why *w)
{
	uint64_t n = 0;
	int r = take(in, &n, w);

	if (r)
		return r;
	if (n > max)
		return fail(w, -E2BIG, "delta: %" PRIu64 " %s; at most %zu are allowed", n, what, max);
	*ret = (size_t)n;
	return 0;
}

static int take_ranges(struct bytes *in, uint64_t base_bytes, struct deltaops *d, struct why *w)
{
	uint64_t at = 0, gap = 0, n = 0;
	int r = take_count(in, DELTA_RANGES_MAX, "ranges", &d->n_ranges, w);

	for (size_t i = 0; !r && i < d->n_ranges; i++) {
		r = take(in, &gap, w);
		r = r ? r : take(in, &n, w);
		if (r)
			return r;
		if (n == 0 || (i > 0 && gap == 0))
			return malformed(w, "an empty range, or two that touch");
		if (gap > base_bytes - at || n > base_bytes - at - gap)
			return malformed(w, "a range outside the base");
		if (n > DELTA_WINDOW_MAX - d->window_bytes)
			return fail(w, -E2BIG, "delta: a window of more than %u bytes", DELTA_WINDOW_MAX);
		d->ranges[i] = (struct delta_range){ .at = at + gap, .bytes = (uint32_t)n };
		d->window_bytes += (uint32_t)n;
		at += gap + n;
	}
	return r;
}

/* @shift  by how much the copy before was moved: base offset less offset in the chunk */
static int take_op(struct bytes *in, uint32_t at, uint32_t raw_bytes, uint64_t base_bytes, uint64_t *shift,
		   struct delta_op *ret, struct why *w)
{
	uint64_t v = 0, moved = 0;
	int r = take(in, &v, w);

	if (r)
		return r;
	*ret = (struct delta_op){ .kind = (enum delta_kind)(v % KINDS) };
	v /= KINDS;
	if (v == 0 || v > raw_bytes - at)
		return malformed(w, "an operation of no bytes, or beyond the chunk's end");
	ret->bytes = (uint32_t)v;
	if (ret->kind != DELTA_COPY)
		return 0;
	r = take(in, &moved, w);
	if (r)
		return r;
	*shift += unzigzag(moved); /* modulo 2^64, as the builder took the difference */
	ret->base_at = *shift + at;
	if (ret->base_at > base_bytes || v > base_bytes - ret->base_at)
		return malformed(w, "a copy from outside the base");
	return 0;
}

static int take_ops(struct bytes *in, uint32_t raw_bytes, uint64_t base_bytes, struct deltaops *d, struct why *w)
{
	uint64_t shift = 0;
	uint32_t at = 0;
	int r = take_count(in, DELTA_OPS_MAX, "operations", &d->n_ops, w);

	for (size_t i = 0; !r && i < d->n_ops; i++) {
		struct delta_op *op = &d->ops[i];

		r = take_op(in, at, raw_bytes, base_bytes, &shift, op, w);
		if (r)
			return r;
		at += op->bytes;
		d->literal_bytes += op->kind == DELTA_LITERAL ? op->bytes : 0;
	}
	if (!r && at != raw_bytes)
		return malformed(w, "the operations are not as long as the chunk");
	return r;
}

int deltaops_parse(struct bytes stored, uint32_t raw_bytes, uint64_t base_bytes, struct deltaops *ret, struct why *w)
{
	struct bytes in = stored;
	int r;

	ret->window_bytes = 0;
	ret->literal_bytes = 0;
	r = take_ranges(&in, base_bytes, ret, w);
	r = r ? r : take_ops(&in, raw_bytes, base_bytes, ret, w);
	if (r)
		return r;
	if ((in.n > 0) != (ret->literal_bytes > 0))
		return malformed(w, in.n > 0 ? "a frame, but no literals" : "literals, but no frame");
	ret->frame = in;
	return 0;
}

size_t deltaops_format(const struct deltaops *d, uint8_t *out)
{
	uint64_t end = 0, at = 0, shift = 0;
	uint8_t *to = put(out, d->n_ranges);

	for (size_t i = 0; i < d->n_ranges; i++) {
		to = put(to, d->ranges[i].at - end);
		to = put(to, d->ranges[i].bytes);
		end = d->ranges[i].at + d->ranges[i].bytes;
	}
	to = put(to, d->n_ops);
	for (size_t i = 0; i < d->n_ops; i++) {
		const struct delta_op *op = &d->ops[i];

		to = put(to, (uint64_t)op->bytes * KINDS + op->kind);
		if (op->kind == DELTA_COPY) {
			to = put(to, zigzag(op->base_at - at - shift));
			shift = op->base_at - at;
		}
		at += op->bytes;
	}
	if (d->frame.n > 0)
		memmove(to, d->frame.p, d->frame.n);
	return (size_t)(to - out) + d->frame.n;
}
