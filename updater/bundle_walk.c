#include "updater/bundle_walk.h"

#include <inttypes.h>

#include "updater/chunks_build.h"
#include "updater/decode.h"

struct bundle_stream {
	const struct bundle *b;
	const struct payload *p;
	struct chunks table;
	struct decoder decoder;
	uint64_t next; /* chunk */
	uint8_t *stored;
	uint8_t *group; /* the group that is being decoded: what a chunk may need is before it */
};

void bundle_stream_close(struct bundle_stream *s)
{
	if (!s)
		return;
	chunks_done(&s->table);
	decoder_done(&s->decoder);
	free(s->stored);
	free(s->group);
	free(s);
}

static int open_stream(struct bundle_stream *s, struct why *w)
{
	int r;

	s->stored = malloc(s->p->chunk_bytes + s->p->tag_bytes);
	s->group = malloc(s->p->group_bytes);
	if (!s->stored || !s->group)
		return fail(w, -ENOMEM, "out of memory");
	r = bundle_chunks(s->b, s->p, &s->table, w);
	r = r ? r : decoder_init(&s->decoder, w);
	s->decoder.key = s->b->key;
	return r;
}

static void expect_run(const struct bundle *b, struct source_range stored)
{
	stored.at += b->header.payload_offset;
	source_expect(b->src, &stored, stored.bytes > 0);
}

/* Tell a source that pays for each read what is stored of this payload. */
static int expect(struct bundle_stream *s, struct why *w)
{
	struct source_range run = { 0 };
	struct chunk c = { 0 };
	int r = 0;

	if (!source_pays(s->b->src))
		return 0;
	for (uint64_t i = 0; i < s->p->chunks && !r; i++) {
		r = chunks_get(&s->table, i, &c, w);
		if (r || c.stored_bytes == 0 || c.stored_offset < run.at + run.bytes)
			continue; /* what is stored once for several chunks is announced for the first of them */
		if (run.bytes > 0 && c.stored_offset == run.at + run.bytes) {
			run.bytes += c.stored_bytes;
			continue;
		}
		expect_run(s->b, run);
		run = (struct source_range){ .at = c.stored_offset, .bytes = c.stored_bytes };
	}
	expect_run(s->b, run);
	return r;
}

int bundle_stream_open(const struct bundle *b, const struct payload *p, struct bundle_stream **ret, struct why *w)
{
	struct bundle_stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return fail(w, -ENOMEM, "out of memory");
	s->b = b;
	s->p = p;
	r = open_stream(s, w);
	r = r ? r : expect(s, w);
	if (r) {
		bundle_stream_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

int bundle_stream_base(struct bundle_stream *s, struct base_reader *base, struct why *w)
{
	return decoder_base(&s->decoder, base, s->p->chunk_bytes, w);
}

/* What of these zeros lies in the group that they end in may be a chunk's prefix. */
static void zero_chunk(struct bundle_stream *k, const struct chunk *c, uint32_t group_bytes)
{
	uint64_t end = c->raw_offset + c->raw_bytes, begin = end - end % group_bytes;

	begin = begin > c->raw_offset ? begin : c->raw_offset;
	memset(k->group + begin % group_bytes, 0, (size_t)(end - begin));
}

static int data_chunk(struct bundle_stream *k, const struct chunk *c, uint8_t *raw, struct why *w)
{
	int r = bundle_read_stored(k->b, c, k->stored, w);

	r = r ? r : decoder_chunk(&k->decoder, c, bytes_of(k->stored, c->stored_bytes), raw, w);
	if (!r && !chunk_raw_matches(c, raw))
		r = fail(w, -EBADMSG, "chunk at raw offset %" PRIu64 ": decodes to other bytes than its table says",
			 c->raw_offset);
	return r;
}

int bundle_stream_next(struct bundle_stream *s, struct chunk *ret_c, const void **ret, struct why *w)
{
	struct chunk c = { 0 };
	uint8_t *raw;
	int r;

	if (s->next == s->p->chunks)
		return -ENODATA;
	r = chunks_get(&s->table, s->next, &c, w);
	raw = s->group + c.raw_offset % s->p->group_bytes;
	if (!r && c.encoding == CHUNK_ZERO) {
		zero_chunk(s, &c, s->p->group_bytes);
		raw = NULL;
	} else if (!r) {
		r = data_chunk(s, &c, raw, w);
	}
	if (r)
		return why_in(w, r, "%s: payload %s", s->b->src->name, s->p->name);
	s->next++;
	*ret_c = c;
	*ret = raw;
	return 0;
}

int bundle_walk(const struct bundle *b, const struct payload *p, const struct bundle_sink *sink, struct why *w)
{
	struct bundle_stream *s = NULL;
	const void *raw = NULL;
	struct chunk c = { 0 };
	int r = bundle_stream_open(b, p, &s, w);

	if (!r && sink->base)
		r = bundle_stream_base(s, sink->base, w);
	while (!r) {
		r = bundle_stream_next(s, &c, &raw, w);
		if (r)
			break;
		r = sink->put(sink->arg, &c, raw, w);
		r = r ? why_in(w, r, "%s: payload %s", b->src->name, p->name) : 0;
	}
	bundle_stream_close(s);
	return r == -ENODATA ? 0 : r;
}

/* A sink between a walk and the one that was asked for. */
struct checked {
	const struct bundle_sink *sink;
	struct chunks table; /* for its index */
	struct hasher hasher;
	uint8_t *want, *have; /* short hashes of the longest chunk */
};

static void checked_done(struct checked *k)
{
	chunks_done(&k->table);
	free(k->want);
	free(k->have);
}

static int check_index(struct checked *k, const struct chunk *c, const void *raw, struct why *w)
{
	size_t n = (size_t)chunk_index_blocks(c);
	int r = chunks_index(&k->table, c->index_at, n, k->have, w);

	if (r)
		return r;
	chunks_index_make(bytes_of(raw, c->raw_bytes), k->want);
	if (memcmp(k->want, k->have, n * CHUNK_INDEX_BYTES) != 0)
		return fail(w, -EBADMSG, "chunk at raw offset %" PRIu64 ": its blocks are not those of the index",
			    c->raw_offset);
	return 0;
}

static int put_checked(void *arg, const struct chunk *c, const void *raw, struct why *w)
{
	struct checked *k = arg;
	int r = 0;

	if (raw)
		hasher_add(&k->hasher, bytes_of(raw, c->raw_bytes));
	else
		hasher_add_zeros(&k->hasher, c->raw_bytes);
	if (raw && k->table.payload->index_blocks)
		r = check_index(k, c, raw, w);
	return r ? r : k->sink->put(k->sink->arg, c, raw, w);
}

int bundle_check(const struct bundle *b, const struct payload *p, const struct bundle_sink *sink, struct why *w)
{
	size_t index_bytes = p->chunk_bytes / CHUNK_BLOCK_BYTES * CHUNK_INDEX_BYTES;
	CLEANUP(checked_done) struct checked k = { .sink = sink };
	const struct bundle_sink through = { .put = put_checked, .arg = &k, .base = sink->base };
	struct hash got;
	int r;

	hasher_init(&k.hasher);
	k.want = malloc(index_bytes);
	k.have = malloc(index_bytes);
	if (!k.want || !k.have)
		return fail(w, -ENOMEM, "out of memory");
	r = bundle_chunks(b, p, &k.table, w);
	r = r ? r : bundle_walk(b, p, &through, w);
	if (r)
		return r;
	got = hasher_end(&k.hasher);
	if (!hash_equal(&got, &p->raw_hash))
		return fail(w, -EBADMSG, "%s: payload %s: not the content that its raw-hash names", b->src->name,
			    p->name);
	return 0;
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
		if (r || c.stored_bytes == 0)
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
