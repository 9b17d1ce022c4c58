/*
 * fuzz_delta - chunks of a delta (updater/delta_apply.h) on a hostile base, which is the one thing zstd is given that nobody
 * has authenticated.
 *
 * Input: u8 what, u16 size of the base in it, base; the rest. `what` is even: the rest is what is stored of a chunk of 64
 * KiB. Odd: the rest is a chunk; what the builder makes of it decodes to it, and on a base that was damaged at places that
 * the chunk names, to anything at all, but nowhere outside.
 */
#include <stdlib.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "updater/delta_apply.h"
#include "updater/delta_encode.h"

#define CHUNK (64u << 10)

static struct ZSTD_DCtx_s *zstd;
static struct delta_apply *room;

static void must(bool promise)
{
	if (!promise)
		abort();
}

/* Into memory of exactly that size, so that a byte outside is noticed. */
static int apply(struct bytes base, struct bytes stored, uint32_t raw_bytes, const uint8_t *want)
{
	uint8_t *raw = malloc(raw_bytes);
	struct base_reader reader = { 0 };
	int r;

	must(raw && base_reader_memory(base, &reader, NULL) == 0);
	r = delta_apply(room, zstd, &reader, stored, raw, raw_bytes, NULL);
	must(r == 0 || r == -EBADMSG || r == -E2BIG);
	must(!want || (r == 0 && memcmp(raw, want, raw_bytes) == 0));
	base_reader_done(&reader);
	free(raw);
	return r;
}

static void damage(uint8_t *base, size_t n, struct bytes by)
{
	for (size_t i = 0; i + 3 <= by.n && n > 0; i += 3)
		base[(size_t)(by.p[i] | by.p[i + 1] << 8) % n] = by.p[i + 2];
}

static void there_and_back(struct bytes base, struct bytes raw)
{
	struct chunk c = { .raw_bytes = (uint32_t)raw.n };
	struct delta_encoder *e = NULL;
	struct delta_index x = { 0 };
	struct bytes stored;
	uint8_t *out, *copy = malloc(base.n + 1);

	must(copy && delta_index_new(base, 1, &x, NULL) == 0);
	must(delta_encoder_new(&x, CHUNK, 1, &e, NULL) == 0);
	out = malloc(delta_encoder_room(e));
	must(out && delta_encode(e, raw, &c, out, &stored, NULL) == 0);
	if (c.encoding == CHUNK_COPY)
		must(c.stored_offset <= base.n && raw.n <= base.n - c.stored_offset &&
		     memcmp(base.p + c.stored_offset, raw.p, raw.n) == 0);
	if (c.encoding == CHUNK_ZSTD_REF) {
		must(stored.n < raw.n);
		(void)apply(base, stored, c.raw_bytes, raw.p);
		memcpy(copy, base.p, base.n);
		damage(copy, base.n, raw);
		(void)apply(bytes_of(copy, base.n), stored, c.raw_bytes, NULL);
	}
	free(copy);
	free(out);
	delta_encoder_free(e);
	delta_index_done(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes in = bytes_of(data, n), base, rest;
	uint16_t base_bytes = 0;
	uint8_t what = 0;

	if (!zstd) {
		zstd = ZSTD_createDCtx();
		must(zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(zstd, ZSTD_d_format, ZSTD_f_zstd1_magicless)));
		must(delta_apply_new(CHUNK, &room, NULL) == 0);
	}
	if (bytes_u8(in, 0, &what) || bytes_le16(in, 1, &base_bytes) || bytes_sub(in, 3, base_bytes, &base) ||
	    bytes_sub(in, 3u + base_bytes, n - 3 - base_bytes, &rest))
		return 0;
	if (what % 2 == 0)
		(void)apply(base, rest, CHUNK, NULL);
	else if (rest.n > 0 && rest.n <= CHUNK)
		there_and_back(base, rest);
	return 0;
}
