#include "updater/encode.h"

#include "updater/sequences.h"

int encoder_init(struct encoder *ret, int level, uint32_t group_bytes, struct why *w)
{
	struct encoder e = { 0 };
	int r;

	if (level < 1 || level > ZSTD_maxCLevel())
		return misuse(w, -EINVAL, "zstd level %d is not between 1 and %d", level, ZSTD_maxCLevel());
	e.plain = sequences_context(level);
	e.proof = malloc(group_bytes);
	r = e.plain && e.proof ? 0 : fail(w, -ENOMEM, "no memory for a zstd encoder");
	r = r ? r : decoder_init(&e.decoder, w);
	r = r ? r : sequences_new(level, group_bytes, &e.sequences, w);
	if (r) {
		encoder_done(&e);
		return r;
	}
	*ret = e;
	return 0;
}

void encoder_done(struct encoder *e)
{
	(void)ZSTD_freeCCtx(e->plain);
	sequences_free(e->sequences);
	decoder_done(&e->decoder);
	free(e->proof);
	*e = (struct encoder){ 0 };
}

size_t encoder_room(size_t n)
{
	return n + ZSTD_compressBound(n); /* frames that are kept are smaller than their chunks; and one more */
}

/* A group under way. */
struct group {
	struct encoder *e;
	struct bytes raw;
	uint8_t *room; /* what is left of it */
	size_t room_n;
	size_t at;     /* of the chunk, in the raw bytes */
	bool is_alone; /* there is nothing else in the group */
};

/* Take n bytes in the room as the chunk's stored form, if that is shorter and decodes. */
static bool take(const struct group *g, struct encoded *x, size_t n, uint32_t prefix_bytes)
{
	struct chunk c = x->chunk;

	if (n == 0 || n >= c.raw_bytes)
		return false;
	c.encoding = CHUNK_ZSTD;
	c.stored_bytes = (uint32_t)n;
	c.prefix_bytes = prefix_bytes;
	c.stored_hash = hash_of(bytes_of(g->room, n));
	if (decoder_chunk(&g->e->decoder, &c, bytes_of(g->room, n), g->e->proof + g->at, NULL) ||
	    memcmp(g->e->proof + g->at, g->raw.p + g->at, c.raw_bytes) != 0)
		return false;
	*x = (struct encoded){ .chunk = c, .stored = bytes_of(g->room, n) };
	return true;
}

static void take_raw(const struct group *g, struct encoded *x)
{
	x->stored = bytes_of(g->raw.p + g->at, x->chunk.raw_bytes);
	x->chunk.encoding = CHUNK_RAW;
	x->chunk.stored_bytes = x->chunk.raw_bytes;
	x->chunk.stored_hash = x->chunk.raw_hash;
	memcpy(g->e->proof + g->at, x->stored.p, x->stored.n);
}

/* Against what is before it; or by itself, where that is all there is, or where it fails; or as it is. */
static int encode_data(struct group *g, size_t bytes, struct encoded *x, struct why *w)
{
	struct bytes raw = bytes_of(g->raw.p + g->at, bytes);
	uint32_t prefix_bytes = 0;
	size_t n;

	x->chunk = (struct chunk){ .raw_bytes = (uint32_t)bytes, .raw_hash = hash_of(raw) };
	if (!g->is_alone) {
		n = sequences_frame(g->e->sequences, bytes, g->room, g->room_n, &prefix_bytes);
		if (take(g, x, n, prefix_bytes))
			return 0;
	}
	n = ZSTD_compress2(g->e->plain, g->room, g->room_n, raw.p, raw.n);
	if (ZSTD_isError(n))
		return fail(w, -EIO, "zstd: %s", ZSTD_getErrorName(n));
	if (!take(g, x, n, 0))
		take_raw(g, x);
	return 0;
}

static void encode_zeros(struct group *g, size_t bytes, struct encoded *x)
{
	*x = (struct encoded){ .chunk = { .raw_bytes = (uint32_t)bytes } };
	memset(g->e->proof + g->at, 0, bytes);
	sequences_skip(g->e->sequences, bytes);
}

int encoder_group(struct encoder *e, struct bytes raw, const struct cut *cuts, size_t n, uint8_t *room,
		  struct encoded *ret, struct why *w)
{
	struct group g = { .e = e, .raw = raw, .room = room, .room_n = encoder_room(raw.n), .is_alone = n == 1 };
	int r = n == 1 ? 0 : sequences_find(e->sequences, raw, w);

	for (size_t i = 0; !r && i < n; i++) {
		if (cuts[i].zero)
			encode_zeros(&g, cuts[i].bytes, &ret[i]);
		else
			r = encode_data(&g, cuts[i].bytes, &ret[i], w);
		if (!r && ret[i].chunk.encoding == CHUNK_ZSTD) {
			g.room += ret[i].stored.n;
			g.room_n -= ret[i].stored.n;
		}
		g.at += cuts[i].bytes;
	}
	return r;
}
