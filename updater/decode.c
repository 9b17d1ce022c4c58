#include "updater/decode.h"

#include <inttypes.h>
#define ZSTD_STATIC_LINKING_ONLY /* frames without a magic number */
#include <zstd.h>

#include "updater/delta_apply.h"

#define SLICE 16u /* hashed side by side */

int decoder_init(struct decoder *ret, struct why *w)
{
	struct ZSTD_DCtx_s *zstd = ZSTD_createDCtx();

	if (!zstd || ZSTD_isError(ZSTD_DCtx_setParameter(zstd, ZSTD_d_format, ZSTD_f_zstd1_magicless))) {
		(void)ZSTD_freeDCtx(zstd);
		return fail(w, -ENOMEM, "no memory for a zstd decoder");
	}
	*ret = (struct decoder){ .zstd = zstd };
	return 0;
}

size_t decoder_base_bytes(uint32_t chunk_bytes)
{
	return BASE_READ_BYTES + DELTA_WINDOW_MAX + chunk_bytes;
}

int decoder_base(struct decoder *d, struct base_reader *base, uint32_t chunk_bytes, struct why *w)
{
	int r = delta_apply_new(chunk_bytes, &d->delta, w);

	if (!r)
		d->base = base;
	return r;
}

void decoder_done(struct decoder *d)
{
	delta_apply_free(d->delta);
	d->delta = NULL;
	(void)ZSTD_freeDCtx(d->zstd);
	free(d->clear);
	*d = (struct decoder){ 0 };
}

static int explain(const struct chunk *c, const char *what, struct why *w)
{
	return fail(w, -EBADMSG, "chunk at raw offset %" PRIu64 ": %s", c->raw_offset, what);
}

/* Whether stored bytes of this length and with this hash are the ones that the table means. */
static int check_stored(const struct chunk *c, size_t n, const struct hash *got, struct why *w)
{
	if (n != c->stored_bytes)
		return fail(w, -EINVAL, "%zu stored bytes given for a chunk of %" PRIu32, n, c->stored_bytes);
	if (n > 0 && !hash_equal(got, &c->stored_hash))
		return explain(c, "its stored bytes are damaged", w);
	return 0;
}

/* ZSTD_decompress_usingDict() takes a prefix that begins like a dictionary for one. */
static bool is_like_dictionary(struct bytes prefix)
{
	uint32_t magic = 0;

	return bytes_le32(prefix, 0, &magic) == 0 && magic == ZSTD_MAGIC_DICTIONARY;
}

/* The quick way for all but a few: a referenced prefix is taken for a dictionary that is new to the processor's caches. */
static size_t decompress(struct ZSTD_DCtx_s *z, struct bytes prefix, struct bytes stored, uint8_t *raw, size_t n)
{
	size_t r;

	if (!is_like_dictionary(prefix))
		return ZSTD_decompress_usingDict(z, raw, n, stored.p, stored.n, prefix.p, prefix.n);
	r = ZSTD_DCtx_refPrefix(z, prefix.p, prefix.n);
	return ZSTD_isError(r) ? r : ZSTD_decompressDCtx(z, raw, n, stored.p, stored.n);
}

static int unpack_zstd(struct decoder *d, const struct chunk *c, struct bytes stored, uint8_t *raw, struct why *w)
{
	struct bytes prefix = bytes_of(c->prefix_bytes ? raw - c->prefix_bytes : NULL, c->prefix_bytes);
	size_t n = decompress(d->zstd, prefix, stored, raw, c->raw_bytes);

	if (ZSTD_isError(n))
		return explain(c, ZSTD_getErrorName(n), w);
	return n == c->raw_bytes ? 0 : explain(c, "decodes to fewer bytes than its table says", w);
}

/* Room for n bytes in clear: where they end up when they are stored as they are, else the decoder's own. */
static uint8_t *clear_room(struct decoder *d, const struct decode_job *j, size_t n)
{
	if (j->c->encoding == CHUNK_RAW && n == j->c->raw_bytes)
		return j->raw;
	if (n > d->clear_room) {
		free(d->clear);
		d->clear = malloc(n);
		d->clear_room = d->clear ? n : 0;
	}
	return d->clear;
}

/* In an encrypted bundle: *stored becomes what was encrypted. */
static int decrypt(struct decoder *d, const struct decode_job *j, struct bytes *stored, struct why *w)
{
	const struct chunk *c = j->c;
	const struct seal_place place = { .kind = SEAL_CHUNK, .at = c->stored_offset, .raw_bytes = c->raw_bytes };
	uint8_t *clear;
	int r;

	if (!d->key || stored->n == 0)
		return 0;
	if (stored->n <= SEAL_TAG_BYTES)
		return explain(c, "is not stored as its table says", w);
	clear = clear_room(d, j, stored->n - SEAL_TAG_BYTES);
	if (!clear)
		return fail(w, -ENOMEM, "out of memory");
	r = seal_unlock(d->key, &place, *stored, clear, w);
	if (r)
		return why_in(w, r, "chunk at raw offset %" PRIu64, c->raw_offset);
	*stored = bytes_of(clear, stored->n - SEAL_TAG_BYTES);
	return 0;
}

/* What lies where its raw bytes go is moved out of their way. */
static int set_aside(struct decoder *d, const struct decode_job *j, struct bytes *stored, struct why *w)
{
	const uint8_t *raw = j->raw;
	uint8_t *clear;

	if (j->c->encoding == CHUNK_RAW || stored->n == 0 || stored->p < raw || stored->p >= raw + j->c->raw_bytes)
		return 0;
	clear = clear_room(d, j, stored->n);
	if (!clear)
		return fail(w, -ENOMEM, "out of memory");
	memcpy(clear, stored->p, stored->n);
	*stored = bytes_of(clear, stored->n);
	return 0;
}

static bool needs_base(const struct chunk *c)
{
	return c->encoding == CHUNK_COPY || c->encoding == CHUNK_ZSTD_REF;
}

static int unpack_delta(struct decoder *d, const struct chunk *c, struct bytes stored, uint8_t *raw, struct why *w)
{
	int r;

	if (!d->base)
		return fail(w, -EOPNOTSUPP,
			    "chunk at raw offset %" PRIu64 ": made from another image, which is not at hand",
			    c->raw_offset);
	if (c->encoding == CHUNK_COPY)
		r = base_read(d->base, raw, c->raw_bytes, c->stored_offset, w);
	else
		r = delta_apply(d->delta, d->zstd, d->base, stored, raw, c->raw_bytes, w);
	return r ? why_in(w, r, "chunk at raw offset %" PRIu64, c->raw_offset) : 0;
}

/* The stored bytes have passed check_stored() and decrypt(). */
static int unpack(struct decoder *d, const struct chunk *c, struct bytes stored, void *raw, struct why *w)
{
	switch (c->encoding) {
	case CHUNK_ZERO:
		memset(raw, 0, c->raw_bytes);
		return 0;
	case CHUNK_RAW:
		if (stored.n != c->raw_bytes)
			return explain(c, "is not stored as its table says", w);
		if (raw != stored.p)
			memcpy(raw, stored.p, stored.n);
		return 0;
	case CHUNK_ZSTD:
		return unpack_zstd(d, c, stored, raw, w);
	case CHUNK_COPY:
	case CHUNK_ZSTD_REF:
		return unpack_delta(d, c, stored, raw, w);
	}
	return explain(c, "is encoded in an unknown way", w);
}

int decoder_chunk(struct decoder *d, const struct chunk *c, struct bytes stored, void *raw, struct why *w)
{
	return decoder_many(d, &(struct decode_job){ .c = c, .stored = stored, .raw = raw }, 1, w);
}

static int bad_base(const struct decoder *d, const struct chunk *c, struct why *w)
{
	(void)fail(w, -EBADMSG,
		   "chunk at raw offset %" PRIu64 ": %s is damaged, or is not the image that the delta was made for",
		   c->raw_offset, d->base->name);
	return why_next(w, -EBADMSG, "the full bundle needs no such image");
}

/* What was made from the base, which nobody has authenticated, is what was meant. */
static int check_made(const struct decoder *d, const struct decode_job *jobs, size_t n, struct why *w)
{
	const struct chunk *made[SLICE];
	struct bytes raw[SLICE];
	struct hash got[SLICE];
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		if (!needs_base(jobs[i].c))
			continue;
		made[found] = jobs[i].c;
		raw[found++] = bytes_of(jobs[i].raw, jobs[i].c->raw_bytes);
	}
	hash_many(raw, found, got);
	for (size_t i = 0; i < found; i++)
		if (!hash_equal(&got[i], &made[i]->raw_hash))
			return bad_base(d, made[i], w);
	return 0;
}

static int decode_slice(struct decoder *d, const struct decode_job *jobs, size_t n, struct why *w)
{
	struct bytes stored[SLICE] = { { 0 } };
	struct hash got[SLICE];
	int r = 0;

	for (size_t i = 0; i < n; i++)
		stored[i] = jobs[i].stored;
	hash_many(stored, n, got);
	for (size_t i = 0; !r && i < n; i++)
		r = check_stored(jobs[i].c, jobs[i].stored.n, &got[i], w);
	for (size_t i = 0; !r && i < n; i++) {
		r = decrypt(d, &jobs[i], &stored[i], w);
		r = r ? r : set_aside(d, &jobs[i], &stored[i], w);
		r = r ? r : unpack(d, jobs[i].c, stored[i], jobs[i].raw, w);
	}
	return r ? r : check_made(d, jobs, n, w);
}

int decoder_many(struct decoder *d, const struct decode_job *jobs, size_t n, struct why *w)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i += SLICE)
		r = decode_slice(d, jobs + i, n - i < SLICE ? n - i : SLICE, w);
	return r;
}

bool chunk_raw_matches(const struct chunk *c, const void *raw)
{
	struct bytes in = bytes_of(raw, c->raw_bytes);
	struct hash got;

	if (c->encoding == CHUNK_ZERO)
		return bytes_all_zero(in);
	got = hash_of(in);
	return hash_equal(&got, &c->raw_hash);
}
