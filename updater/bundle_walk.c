#include "updater/bundle_walk.h"

#include <inttypes.h>

#include "updater/decode.h"

/* What a walk through one payload owns. */
struct walk {
	const struct bundle *b;
	struct chunks table;
	struct decoder decoder;
	uint8_t *stored;
	uint8_t *raw;
};

static void walk_done(struct walk *k)
{
	chunks_done(&k->table);
	decoder_done(&k->decoder);
	free(k->stored);
	free(k->raw);
}

static int one_chunk(struct walk *k, uint64_t i, const struct bundle_sink *sink, struct why *w)
{
	struct chunk c = { 0 };
	int r;

	r = chunks_get(&k->table, i, &c, w);
	if (!r && c.encoding == CHUNK_ZERO)
		return sink->put(sink->arg, &c, NULL, w);
	r = r ? r : bundle_read_stored(k->b, &c, k->stored, w);
	r = r ? r : decoder_chunk(&k->decoder, &c, bytes_of(k->stored, c.stored_bytes), k->raw, w);
	if (!r && !chunk_raw_matches(&c, k->raw))
		r = fail(w, -EBADMSG, "chunk at raw offset %" PRIu64 ": decodes to other bytes than its table says",
			 c.raw_offset);
	return r ? r : sink->put(sink->arg, &c, k->raw, w);
}

int bundle_walk(const struct bundle *b, const struct payload *p, const struct bundle_sink *sink, struct why *w)
{
	CLEANUP(walk_done) struct walk k = { .b = b };
	int r;

	k.stored = malloc(p->chunk_bytes);
	k.raw = malloc(p->chunk_bytes);
	if (!k.stored || !k.raw)
		return fail(w, -ENOMEM, "out of memory");
	r = bundle_chunks(b, p, &k.table, w);
	r = r ? r : decoder_init(&k.decoder, w);
	for (uint64_t i = 0; !r && i < p->chunks; i++) {
		r = one_chunk(&k, i, sink, w);
		if (r)
			return why_in(w, r, "%s: payload %s", b->src->name, p->name);
	}
	return r;
}

static int check_padding(const struct bundle *b, struct why *w)
{
	uint64_t at = bundle_header_tables_at(&b->header) + b->header.tables_bytes;
	uint8_t padding[BUNDLE_PAYLOAD_ALIGN];
	size_t n = (size_t)(b->header.payload_offset - at);
	int r = source_read(b->src, padding, n, at, w);

	if (r || bytes_all_zero(bytes_of(padding, n)))
		return r;
	return fail(w, -EBADMSG, "%s: padding before the payload is not zero", b->src->name);
}

/* Each chunk begins where the stored bytes so far end, or lies inside them (an equal chunk). */
static int check_order(const struct bundle *b, const struct payload *p, uint64_t *end, struct why *w)
{
	CLEANUP(chunks_done) struct chunks t = { 0 };
	int r = bundle_chunks(b, p, &t, w);

	for (uint64_t i = 0; !r && i < p->chunks; i++) {
		struct chunk c = { 0 };

		r = chunks_get(&t, i, &c, w);
		if (r || c.encoding == CHUNK_ZERO)
			continue;
		if (c.stored_offset == *end)
			*end += c.stored_bytes;
		else if (c.stored_offset + c.stored_bytes > *end)
			r = fail(w, -EBADMSG, "%s: payload %s: chunk %" PRIu64 " is stored out of order", b->src->name,
				 p->name, i);
	}
	return r;
}

int bundle_check_layout(const struct bundle *b, struct why *w)
{
	uint64_t end = 0;
	int r = check_padding(b, w);

	for (size_t i = 0; !r && i < b->manifest.n_payloads; i++)
		r = check_order(b, &b->manifest.payloads[i], &end, w);
	if (!r && end != b->header.payload_bytes)
		r = fail(w, -EBADMSG, "%s: %" PRIu64 " bytes of its payload are used by no chunk", b->src->name,
			 b->header.payload_bytes - end);
	return r;
}
