#include "updater/delta_encode.h"

#define ZSTD_STATIC_LINKING_ONLY /* frames without a magic number */
#include <zstd.h>

#define TRIAL_LEVEL 3    /* says enough about which ranges are better */
#define READ_COST   256u /* bytes of a delta that one more range is worth: 0.1 ms of a disk, or of a network */

/* Compressed file systems have short matches that are worth a range; elsewhere they cost reads and save little. */
static const struct delta_taste tastes[] = {
	{ .vote_bytes = 48, .pad_bytes = 512, .gap_bytes = 4096 },
	{ .vote_bytes = 32, .pad_bytes = 1024, .gap_bytes = 512 },
};

struct delta_encoder {
	const struct delta_index *index;
	struct ZSTD_CCtx_s *zstd, *trial;
	uint32_t chunk_bytes;
	struct delta_match *matches;
	struct delta_plan plan;
	uint8_t *window, *literals, *frame;
};

static struct ZSTD_CCtx_s *compressor(int level)
{
	struct ZSTD_CCtx_s *zstd = ZSTD_createCCtx();

	if (zstd && !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)) &&
	    !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0)) &&
	    !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_format, ZSTD_f_zstd1_magicless)))
		return zstd;
	(void)ZSTD_freeCCtx(zstd);
	return NULL;
}

static int make_room(struct delta_encoder *e, int level, struct why *w)
{
	e->zstd = compressor(level);
	e->trial = compressor(TRIAL_LEVEL);
	e->matches = calloc(delta_match_max(e->chunk_bytes), sizeof(*e->matches));
	e->window = malloc(DELTA_WINDOW_MAX);
	e->literals = malloc(e->chunk_bytes);
	e->frame = malloc(ZSTD_compressBound(e->chunk_bytes));
	if (!e->zstd || !e->trial || !e->matches || !e->window || !e->literals || !e->frame)
		return fail(w, -ENOMEM, "out of memory");
	return delta_plan_init(&e->plan, e->chunk_bytes, w);
}

int delta_encoder_new(const struct delta_index *x, uint32_t chunk_bytes, int level, struct delta_encoder **ret,
		      struct why *w)
{
	struct delta_encoder *e;
	int r;

	if (level < 1 || level > ZSTD_maxCLevel())
		return misuse(w, -EINVAL, "zstd level %d is not between 1 and %d", level, ZSTD_maxCLevel());
	e = calloc(1, sizeof(*e));
	if (!e)
		return fail(w, -ENOMEM, "out of memory");
	e->index = x;
	e->chunk_bytes = chunk_bytes;
	r = make_room(e, level, w);
	if (r) {
		delta_encoder_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void delta_encoder_free(struct delta_encoder *e)
{
	if (!e)
		return;
	(void)ZSTD_freeCCtx(e->zstd);
	(void)ZSTD_freeCCtx(e->trial);
	free(e->matches);
	delta_plan_done(&e->plan);
	free(e->window);
	free(e->literals);
	free(e->frame);
	free(e);
}

size_t delta_encoder_room(const struct delta_encoder *e)
{
	return DELTAOPS_ROOM + ZSTD_compressBound(e->chunk_bytes);
}

/* The bytes that ranges and literals stand for, one after the other. */
static void gather(struct delta_encoder *e, struct bytes raw)
{
	const struct deltaops *d = &e->plan.ops;
	uint8_t *window = e->window, *literals = e->literals;
	const uint8_t *from = raw.p;

	for (size_t i = 0; i < d->n_ranges; window += d->ranges[i++].bytes)
		memcpy(window, e->index->base.p + d->ranges[i].at, d->ranges[i].bytes);
	for (size_t i = 0; i < d->n_ops; from += d->ops[i++].bytes) {
		if (d->ops[i].kind != DELTA_LITERAL)
			continue;
		memcpy(literals, from, d->ops[i].bytes);
		literals += d->ops[i].bytes;
	}
}

/* The literals as a frame behind the window; they are 1 byte or more. */
static int compress(struct delta_encoder *e, struct ZSTD_CCtx_s *zstd, struct bytes *ret, struct why *w)
{
	const struct deltaops *d = &e->plan.ops;
	size_t n = ZSTD_CCtx_refPrefix(zstd, e->window, d->window_bytes);

	if (!ZSTD_isError(n))
		n = ZSTD_compress2(zstd, e->frame, ZSTD_compressBound(e->chunk_bytes), e->literals, d->literal_bytes);
	if (ZSTD_isError(n))
		return fail(w, -EIO, "zstd: %s", ZSTD_getErrorName(n));
	*ret = bytes_of(e->frame, n);
	return 0;
}

/* Nothing of the base is of use. */
static bool is_plain(const struct deltaops *d)
{
	return d->n_ranges == 0 && d->n_ops == 1 && d->ops[0].kind == DELTA_LITERAL;
}

static void store(struct delta_encoder *e, struct bytes raw, struct chunk *c, uint8_t *room, struct bytes *ret)
{
	struct deltaops *d = &e->plan.ops;

	c->encoding = is_plain(d) ? CHUNK_ZSTD : CHUNK_ZSTD_REF;
	if (c->encoding == CHUNK_ZSTD) {
		memcpy(room, d->frame.p, d->frame.n);
		*ret = bytes_of(room, d->frame.n);
	} else {
		*ret = bytes_of(room, deltaops_format(d, room));
	}
	if (ret->n >= raw.n) {
		c->encoding = CHUNK_RAW;
		*ret = raw;
	}
	c->stored_bytes = (uint32_t)ret->n;
	c->stored_hash = c->encoding == CHUNK_RAW ? c->raw_hash : hash_of(*ret);
}

static uint64_t count_reads(const struct deltaops *d)
{
	uint64_t n = d->n_ranges;

	for (size_t i = 0; i < d->n_ops; i++)
		n += d->ops[i].kind == DELTA_COPY;
	return n;
}

static void plan(struct delta_encoder *e, struct bytes raw, size_t n_matches, const struct delta_taste *taste)
{
	delta_plan(&e->plan, e->matches, n_matches, (uint32_t)raw.n, e->index->base.n, taste);
	gather(e, raw);
}

/* Plan the chunk in the taste that costs least, as far as a quick trial can say. */
static int choose(struct delta_encoder *e, struct bytes raw, size_t n_matches, struct why *w)
{
	uint64_t best = UINT64_MAX, last = 0;
	struct bytes frame;
	size_t chosen = 0;
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(tastes); i++) {
		plan(e, raw, n_matches, &tastes[i]);
		last = READ_COST * count_reads(&e->plan.ops);
		if (e->plan.ops.literal_bytes == 0)
			return 0;
		r = compress(e, e->trial, &frame, w);
		if (r)
			return r;
		last += frame.n;
		if (last < best) {
			best = last;
			chosen = i;
		}
	}
	if (chosen + 1 < ARRAY_SIZE(tastes))
		plan(e, raw, n_matches, &tastes[chosen]);
	return 0;
}

int delta_encode(struct delta_encoder *e, struct bytes raw, struct chunk *c, uint8_t *room, struct bytes *ret,
		 struct why *w)
{
	size_t n = delta_match(e->index, raw, c->raw_offset, e->matches);
	int r;

	c->raw_hash = hash_of(raw);
	if (n == 1 && e->matches[0].bytes == raw.n && e->matches[0].base_at != DELTA_ZEROS) {
		c->encoding = CHUNK_COPY;
		c->stored_offset = e->matches[0].base_at;
		*ret = bytes_of(room, 0);
		return 0;
	}
	r = choose(e, raw, n, w);
	if (!r && e->plan.ops.literal_bytes > 0)
		r = compress(e, e->zstd, &e->plan.ops.frame, w);
	if (!r)
		store(e, raw, c, room, ret);
	return r;
}
