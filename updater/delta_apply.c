#include "updater/delta_apply.h"

#include <zstd.h>

struct delta_apply {
	struct deltaops ops;
	struct base_piece pieces[DELTA_RANGES_MAX + DELTA_OPS_MAX];
	uint32_t chunk_bytes;
	uint8_t *literals; /* chunk_bytes */
	uint8_t *window;   /* DELTA_WINDOW_MAX */
};

int delta_apply_new(uint32_t chunk_bytes, struct delta_apply **ret, struct why *w)
{
	struct delta_apply *d = calloc(1, sizeof(*d));

	if (!d)
		return fail(w, -ENOMEM, "out of memory");
	d->chunk_bytes = chunk_bytes;
	d->literals = malloc(chunk_bytes);
	d->window = malloc(DELTA_WINDOW_MAX);
	if (!d->literals || !d->window) {
		delta_apply_free(d);
		return fail(w, -ENOMEM, "out of memory");
	}
	*ret = d;
	return 0;
}

void delta_apply_free(struct delta_apply *d)
{
	if (!d)
		return;
	free(d->literals);
	free(d->window);
	free(d);
}

/* Window and copies in one go, since they are often neighbours in the base. */
static int read_base(struct delta_apply *d, struct base_reader *base, uint8_t *raw, struct why *w)
{
	uint8_t *to = d->window;
	size_t n = 0;

	for (size_t i = 0; i < d->ops.n_ranges; i++) {
		const struct delta_range *r = &d->ops.ranges[i];

		d->pieces[n++] = (struct base_piece){ .at = r->at, .bytes = r->bytes, .to = to };
		to += r->bytes;
	}
	for (size_t i = 0; i < d->ops.n_ops; raw += d->ops.ops[i++].bytes) {
		const struct delta_op *op = &d->ops.ops[i];

		if (op->kind == DELTA_COPY)
			d->pieces[n++] = (struct base_piece){ .at = op->base_at, .bytes = op->bytes, .to = raw };
	}
	return base_gather(base, d->pieces, n, w);
}

static int unpack(struct delta_apply *d, struct ZSTD_DCtx_s *zstd, struct why *w)
{
	size_t r = ZSTD_DCtx_refPrefix(zstd, d->window, d->ops.window_bytes);

	if (!ZSTD_isError(r))
		r = ZSTD_decompressDCtx(zstd, d->literals, d->ops.literal_bytes, d->ops.frame.p, d->ops.frame.n);
	if (ZSTD_isError(r))
		return fail(w, -EBADMSG, "delta: %s", ZSTD_getErrorName(r));
	if (r != d->ops.literal_bytes)
		return fail(w, -EBADMSG, "delta: the frame has fewer bytes than its operations want");
	return 0;
}

/* What does not come from the base directly. */
static void fill_in(const struct delta_apply *d, uint8_t *raw)
{
	const uint8_t *literals = d->literals;

	for (size_t i = 0; i < d->ops.n_ops; raw += d->ops.ops[i++].bytes) {
		const struct delta_op *op = &d->ops.ops[i];

		if (op->kind == DELTA_ZERO)
			memset(raw, 0, op->bytes);
		if (op->kind != DELTA_LITERAL)
			continue;
		memcpy(raw, literals, op->bytes);
		literals += op->bytes;
	}
}

int delta_apply(struct delta_apply *d, struct ZSTD_DCtx_s *zstd, struct base_reader *base, struct bytes stored,
		uint8_t *raw, uint32_t raw_bytes, struct why *w)
{
	int r;

	if (raw_bytes > d->chunk_bytes)
		return fail(w, -EINVAL, "delta: a chunk of %u bytes, room for %u", raw_bytes, d->chunk_bytes);
	r = deltaops_parse(stored, raw_bytes, base->size_bytes, &d->ops, w);
	r = r ? r : read_base(d, base, raw, w);
	if (!r && d->ops.literal_bytes > 0)
		r = unpack(d, zstd, w);
	if (!r)
		fill_in(d, raw);
	return r;
}
