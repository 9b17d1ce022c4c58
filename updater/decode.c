#include "updater/decode.h"

#include <inttypes.h>
#include <zstd.h>

#define SLICE 16u /* hashed side by side */

int decoder_init(struct decoder *ret, struct why *w)
{
	struct ZSTD_DCtx_s *zstd = ZSTD_createDCtx();

	if (!zstd)
		return fail(w, -ENOMEM, "no memory for a zstd decoder");
	ret->zstd = zstd;
	return 0;
}

void decoder_done(struct decoder *d)
{
	(void)ZSTD_freeDCtx(d->zstd);
	d->zstd = NULL;
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
	if (c->encoding != CHUNK_ZERO && !hash_equal(got, &c->stored_hash))
		return explain(c, "its stored bytes are damaged", w);
	return 0;
}

/* The stored bytes have passed check_stored(). */
static int unpack(struct decoder *d, const struct chunk *c, struct bytes stored, void *raw, struct why *w)
{
	size_t n;

	if (c->encoding == CHUNK_ZERO) {
		memset(raw, 0, c->raw_bytes);
		return 0;
	}
	if (c->encoding == CHUNK_RAW) {
		memcpy(raw, stored.p, stored.n);
		return 0;
	}
	n = ZSTD_decompressDCtx(d->zstd, raw, c->raw_bytes, stored.p, stored.n);
	if (ZSTD_isError(n))
		return explain(c, ZSTD_getErrorName(n), w);
	return n == c->raw_bytes ? 0 : explain(c, "decodes to fewer bytes than its table says", w);
}

int decoder_chunk(struct decoder *d, const struct chunk *c, struct bytes stored, void *raw, struct why *w)
{
	return decoder_many(d, &(struct decode_job){ .c = c, .stored = stored, .raw = raw }, 1, w);
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
	for (size_t i = 0; !r && i < n; i++)
		r = unpack(d, jobs[i].c, jobs[i].stored, jobs[i].raw, w);
	return r;
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
	struct hash got = hash_of(bytes_of(raw, c->raw_bytes));

	return hash_equal(&got, &c->raw_hash);
}
