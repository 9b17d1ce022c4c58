#include "updater/encode.h"

#include "updater/sequences.h"

#define USEFUL_PART 4u /* of a chunk: with less of it from the prefix, it is tried without */

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
	return 2 * n + ZSTD_compressBound(n); /* frames that are kept are smaller than their chunks; and two more */
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

/* Take n bytes at `frame`, in the room, as the chunk's stored form, if that is shorter than what it has and decodes. */
static bool take(const struct group *g, struct encoded *x, const uint8_t *frame, size_t n, uint32_t prefix_bytes)
{
	struct chunk c = x->chunk;

	if (n == 0 || n >= c.stored_bytes)
		return false;
	c.encoding = CHUNK_ZSTD;
	c.stored_bytes = (uint32_t)n;
	c.prefix_bytes = prefix_bytes;
	c.stored_hash = hash_of(bytes_of(frame, n));
	if (decoder_chunk(&g->e->decoder, &c, bytes_of(frame, n), g->e->proof + g->at, NULL) ||
	    memcmp(g->e->proof + g->at, g->raw.p + g->at, c.raw_bytes) != 0)
		return false;
	memmove(g->room, frame, n);
	*x = (struct encoded){ .chunk = c, .stored = bytes_of(g->room, n) };
	return true;
}

static void take_raw(const struct group *g, size_t bytes, struct encoded *x)
{
	x->stored = bytes_of(g->raw.p + g->at, bytes);
	x->chunk = (struct chunk){ .encoding = CHUNK_RAW,
				   .raw_bytes = (uint32_t)bytes,
				   .stored_bytes = (uint32_t)bytes,
				   .raw_hash = hash_of(x->stored) };
	x->chunk.stored_hash = x->chunk.raw_hash;
}

/* Against what is before it in the group. Returns whether that was of so much use that nothing else needs to be tried. */
static bool encode_sequences(const struct group *g, struct encoded *x)
{
	struct reach reach = { 0 };
	size_t n = sequences_frame(g->e->sequences, x->chunk.raw_bytes, g->room, g->room_n, &reach);

	return take(g, x, g->room, n, (uint32_t)reach.prefix_bytes) &&
	       reach.from_prefix >= x->chunk.raw_bytes / USEFUL_PART;
}

/* By itself, behind what is in the room already. */
static int encode_plain(const struct group *g, struct encoded *x, struct why *w)
{
	size_t kept = x->chunk.encoding == CHUNK_ZSTD ? x->chunk.stored_bytes : 0;
	uint8_t *frame = g->room + kept;
	size_t n = ZSTD_compress2(g->e->plain, frame, g->room_n - kept, g->raw.p + g->at, x->chunk.raw_bytes);

	if (ZSTD_isError(n))
		return fail(w, -EIO, "zstd: %s", ZSTD_getErrorName(n));
	(void)take(g, x, frame, n, 0);
	return 0;
}

/* As it is; against what is before it; by itself: the smallest counts. */
static int encode_data(const struct group *g, size_t bytes, struct encoded *x, struct why *w)
{
	int r = 0;

	take_raw(g, bytes, x);
	if (g->is_alone || !encode_sequences(g, x))
		r = encode_plain(g, x, w);
	memcpy(g->e->proof + g->at, g->raw.p + g->at, bytes); /* what was tried in vain may have left something else */
	return r;
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
