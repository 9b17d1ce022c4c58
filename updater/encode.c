#include "updater/encode.h"

#include <zstd.h>

int encoder_init(struct encoder *ret, int level, struct why *w)
{
	struct ZSTD_CCtx_s *zstd;
	size_t r;

	if (level < 1 || level > ZSTD_maxCLevel())
		return misuse(w, -EINVAL, "zstd level %d is not between 1 and %d", level, ZSTD_maxCLevel());
	zstd = ZSTD_createCCtx();
	r = zstd ? ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level) : 0;
	if (!zstd || ZSTD_isError(r)) {
		(void)ZSTD_freeCCtx(zstd);
		return fail(w, -ENOMEM, "no memory for a zstd encoder");
	}
	ret->zstd = zstd;
	return 0;
}

void encoder_done(struct encoder *e)
{
	(void)ZSTD_freeCCtx(e->zstd);
	e->zstd = NULL;
}

size_t encoder_room(size_t n)
{
	return ZSTD_compressBound(n);
}

struct chunk encoder_measure(struct bytes raw)
{
	return (struct chunk){ .raw_bytes = (uint32_t)raw.n,
			       .encoding = bytes_all_zero(raw) ? CHUNK_ZERO : CHUNK_RAW,
			       .raw_hash = hash_of(raw) };
}

int encoder_chunk(struct encoder *e, struct bytes raw, void *room, struct chunk *c, struct bytes *ret_stored,
		  struct why *w)
{
	size_t n;

	if (c->encoding == CHUNK_ZERO) {
		*ret_stored = bytes_of(room, 0);
		return 0;
	}
	n = ZSTD_compress2(e->zstd, room, encoder_room(raw.n), raw.p, raw.n);
	if (ZSTD_isError(n))
		return fail(w, -EIO, "zstd: %s", ZSTD_getErrorName(n));
	c->encoding = n < raw.n ? CHUNK_ZSTD : CHUNK_RAW;
	*ret_stored = n < raw.n ? bytes_of(room, n) : raw;
	c->stored_bytes = (uint32_t)ret_stored->n;
	c->stored_hash = n < raw.n ? hash_of(*ret_stored) : c->raw_hash;
	return 0;
}
