#include "updater/encode.h"

#define ZSTD_STATIC_LINKING_ONLY /* frames without a magic number */
#include <zstd.h>

/* Nothing in a frame that the chunk table says already. */
static bool set_up(ZSTD_CCtx *zstd, int level)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_format, ZSTD_f_zstd1_magicless)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0));
}

int encoder_init(struct encoder *ret, int level, struct why *w)
{
	struct ZSTD_CCtx_s *zstd;

	if (level < 1 || level > ZSTD_maxCLevel())
		return misuse(w, -EINVAL, "zstd level %d is not between 1 and %d", level, ZSTD_maxCLevel());
	zstd = ZSTD_createCCtx();
	if (!zstd || !set_up(zstd, level)) {
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

int encoder_chunk(struct encoder *e, struct bytes raw, void *room, struct chunk *ret, struct bytes *ret_stored,
		  struct why *w)
{
	struct chunk c = { .raw_bytes = (uint32_t)raw.n, .raw_hash = hash_of(raw) };
	size_t n = ZSTD_compress2(e->zstd, room, encoder_room(raw.n), raw.p, raw.n);

	if (ZSTD_isError(n))
		return fail(w, -EIO, "zstd: %s", ZSTD_getErrorName(n));
	c.encoding = n < raw.n ? CHUNK_ZSTD : CHUNK_RAW;
	*ret_stored = n < raw.n ? bytes_of(room, n) : raw;
	c.stored_bytes = (uint32_t)ret_stored->n;
	c.stored_hash = n < raw.n ? hash_of(*ret_stored) : c.raw_hash;
	*ret = c;
	return 0;
}
