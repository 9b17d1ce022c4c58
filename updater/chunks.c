#include "updater/chunks.h"

#include <inttypes.h>

#define AT_STORED_OFFSET 0u
#define AT_STORED_BYTES  8u
#define AT_RAW_BYTES     12u
#define AT_ENCODING      16u
#define AT_RESERVED      17u
#define AT_RAW_HASH      24u
#define AT_STORED_HASH   56u
#define AT_RAW_OFFSET    88u
_Static_assert(AT_RAW_OFFSET + 8 == CHUNKS_ENTRY_BYTES, "an entry is full");
_Static_assert(AT_STORED_HASH - AT_RAW_HASH == HASH_BYTES && AT_RAW_OFFSET - AT_STORED_HASH == HASH_BYTES, "hashes");

#define UNKNOWN UINT64_MAX

uint64_t chunks_table_bytes(uint64_t n)
{
	return (n + CHUNKS_PER_PAGE - 1) / CHUNKS_PER_PAGE * HASH_BYTES + n * CHUNKS_ENTRY_BYTES;
}

void chunks_entry_format(const struct chunk *c, uint8_t out[CHUNKS_ENTRY_BYTES])
{
	memset(out, 0, CHUNKS_ENTRY_BYTES);
	put_le64(out + AT_STORED_OFFSET, c->stored_offset);
	put_le32(out + AT_STORED_BYTES, c->stored_bytes);
	put_le32(out + AT_RAW_BYTES, c->raw_bytes);
	out[AT_ENCODING] = (uint8_t)c->encoding;
	memcpy(out + AT_RAW_HASH, c->raw_hash.b, HASH_BYTES);
	memcpy(out + AT_STORED_HASH, c->stored_hash.b, HASH_BYTES);
	put_le64(out + AT_RAW_OFFSET, c->raw_offset);
}

/* One entry's fields; 0, or -EBADMSG for what no entry can say. */
static int entry_parse(struct bytes in, struct chunk *ret, struct why *w)
{
	struct chunk c = { 0 };
	uint8_t encoding = 0;

	if (in.n != CHUNKS_ENTRY_BYTES || bytes_le64(in, AT_STORED_OFFSET, &c.stored_offset) ||
	    bytes_le32(in, AT_STORED_BYTES, &c.stored_bytes) || bytes_le32(in, AT_RAW_BYTES, &c.raw_bytes) ||
	    bytes_u8(in, AT_ENCODING, &encoding) || bytes_copy(in, AT_RAW_HASH, c.raw_hash.b, HASH_BYTES) ||
	    bytes_copy(in, AT_STORED_HASH, c.stored_hash.b, HASH_BYTES) || bytes_le64(in, AT_RAW_OFFSET, &c.raw_offset))
		return fail(w, -EBADMSG, "truncated");
	if (!bytes_all_zero(bytes_of(in.p + AT_RESERVED, AT_RAW_HASH - AT_RESERVED)))
		return fail(w, -EBADMSG, "reserved bytes are not zero");
	if (encoding > CHUNK_ZSTD)
		return fail(w, -EBADMSG, "encoding %u is not known here", encoding);
	c.encoding = (enum chunk_encoding)encoding;
	*ret = c;
	return 0;
}

/* Whether what is stored fits the encoding and lies inside the payload area. */
static int check_stored(const struct chunk *c, const struct chunks_limits *l, struct why *w)
{
	bool fits = false;

	switch (c->encoding) {
	case CHUNK_ZERO:
		fits = c->stored_bytes == 0 && c->stored_offset == 0 &&
		       bytes_all_zero(bytes_of(c->stored_hash.b, HASH_BYTES));
		break;
	case CHUNK_RAW:
		fits = c->stored_bytes == c->raw_bytes && hash_equal(&c->stored_hash, &c->raw_hash);
		break;
	case CHUNK_ZSTD:
		fits = c->stored_bytes > 0 && c->stored_bytes < c->raw_bytes;
		break;
	}
	if (!fits)
		return fail(w, -EBADMSG, "%" PRIu32 " stored bytes do not fit encoding %d of %" PRIu32 " bytes",
			    c->stored_bytes, (int)c->encoding, c->raw_bytes);
	if (c->stored_offset > l->payload_bytes || l->payload_bytes - c->stored_offset < c->stored_bytes)
		return fail(w, -EBADMSG, "stored bytes are outside the payload");
	return 0;
}

/* `at` is where the entry before ended. */
static int check_raw(const struct chunk *c, uint64_t at, const struct chunks_limits *l, struct why *w)
{
	if (c->raw_offset != at || at % CHUNK_ALIGN)
		return fail(w, -EBADMSG, "raw offset %" PRIu64 ", the chunk before ends at %" PRIu64, c->raw_offset,
			    at);
	if (c->raw_bytes == 0 || c->raw_bytes > l->chunk_bytes)
		return fail(w, -EBADMSG, "%" PRIu32 " raw bytes, want 1 to %" PRIu32, c->raw_bytes, l->chunk_bytes);
	if (at > l->size_bytes || l->size_bytes - at < c->raw_bytes)
		return fail(w, -EBADMSG, "raw bytes are outside the %" PRIu64 " bytes of the payload", l->size_bytes);
	return 0;
}

int chunks_page_check(struct bytes entries, uint64_t first, const struct chunks_limits *l, uint64_t *ret_begin,
		      uint64_t *ret_end, struct why *w)
{
	uint64_t begin = 0, at = 0;
	size_t n = entries.n / CHUNKS_ENTRY_BYTES;

	if (n == 0 || entries.n % CHUNKS_ENTRY_BYTES)
		return fail(w, -EBADMSG, "%zu bytes are no chunk table entries", entries.n);
	for (size_t i = 0; i < n; i++) {
		struct chunk c = { 0 };
		int r = entry_parse(bytes_of(entries.p + i * CHUNKS_ENTRY_BYTES, CHUNKS_ENTRY_BYTES), &c, w);

		if (!r && i == 0)
			begin = at = c.raw_offset;
		r = r ? r : check_raw(&c, at, l, w);
		r = r ? r : check_stored(&c, l, w);
		if (r)
			return why_in(w, r, "chunk %" PRIu64, first + i);
		at += c.raw_bytes;
	}
	*ret_begin = begin;
	*ret_end = at;
	return 0;
}

struct chunk chunks_entry(struct bytes entries, size_t i)
{
	struct chunk c = { 0 };

	/* A page that was checked has no entry that fails here; a caller's wrong index gives an all-zero chunk. */
	if (bytes_has(entries, i * CHUNKS_ENTRY_BYTES, CHUNKS_ENTRY_BYTES))
		(void)!entry_parse(bytes_of(entries.p + i * CHUNKS_ENTRY_BYTES, CHUNKS_ENTRY_BYTES), &c, NULL);
	return c;
}

static int read_list(struct chunks *t, struct why *w)
{
	size_t n = (size_t)t->pages * sizeof(*t->list);
	struct hash got;
	int r;

	r = source_read(t->src, t->list, n, t->at, w);
	if (r)
		return r;
	got = hash_of(bytes_of(t->list, n));
	if (!hash_equal(&got, &t->payload->table_hash))
		return fail(w, -EBADMSG, "its list of pages is not the signed one: the bundle is damaged");
	return 0;
}

int chunks_open(struct source *src, uint64_t at, uint64_t payload_bytes, const struct payload *p, struct chunks *ret,
		struct why *w)
{
	struct chunks t = {
		.src = src,
		.payload = p,
		.limits = { .size_bytes = p->size_bytes,
			    .chunk_bytes = p->chunk_bytes,
			    .payload_bytes = payload_bytes },
		.at = at,
		.pages = (p->chunks + CHUNKS_PER_PAGE - 1) / CHUNKS_PER_PAGE,
		.loaded = UNKNOWN,
	};
	int r = 0;

	t.edges = malloc(((size_t)t.pages + 1) * sizeof(*t.edges));
	t.list = malloc((size_t)t.pages * sizeof(*t.list));
	t.page = malloc(p->chunks < CHUNKS_PER_PAGE ? (size_t)p->chunks * CHUNKS_ENTRY_BYTES : CHUNKS_PAGE_BYTES);
	if (!t.edges || !t.list || !t.page)
		r = fail(w, -ENOMEM, "out of memory");
	r = r ? r : read_list(&t, w);
	if (r) {
		chunks_done(&t);
		return why_in(w, r, "chunk table of %s", p->name);
	}
	for (size_t i = 0; i <= t.pages; i++)
		t.edges[i] = UNKNOWN;
	t.edges[0] = 0;
	t.edges[t.pages] = p->size_bytes;
	*ret = t;
	return 0;
}

void chunks_done(struct chunks *t)
{
	free(t->edges);
	free(t->list);
	free(t->page);
	*t = (struct chunks){ 0 };
}

static struct bytes page_bytes(const struct chunks *t, uint64_t page)
{
	uint64_t left = t->payload->chunks - page * CHUNKS_PER_PAGE;

	return bytes_of(t->page, (size_t)(left < CHUNKS_PER_PAGE ? left : CHUNKS_PER_PAGE) * CHUNKS_ENTRY_BYTES);
}

static int check_edge(const struct chunks *t, uint64_t page, uint64_t at, struct why *w)
{
	if (t->edges[page] == UNKNOWN || t->edges[page] == at)
		return 0;
	return fail(w, -EBADMSG, "raw offset %" PRIu64 " at an edge where its neighbour has %" PRIu64, at,
		    t->edges[page]);
}

static int read_page(struct chunks *t, uint64_t page, struct why *w)
{
	struct bytes entries = page_bytes(t, page);
	uint64_t begin = 0, end = 0;
	struct hash got;
	int r;

	t->loaded = UNKNOWN;
	r = source_read(t->src, t->page, entries.n, t->at + t->pages * HASH_BYTES + page * CHUNKS_PAGE_BYTES, w);
	if (r)
		return r;
	got = hash_of(entries);
	if (!hash_equal(&got, &t->list[page]))
		return fail(w, -EBADMSG, "not the signed one: the bundle is damaged");
	r = chunks_page_check(entries, page * CHUNKS_PER_PAGE, &t->limits, &begin, &end, w);
	r = r ? r : check_edge(t, page, begin, w);
	r = r ? r : check_edge(t, page + 1, end, w);
	if (r)
		return r;
	t->edges[page] = begin;
	t->edges[page + 1] = end;
	t->loaded = page;
	return 0;
}

int chunks_get(struct chunks *t, uint64_t i, struct chunk *ret, struct why *w)
{
	uint64_t page = i / CHUNKS_PER_PAGE;
	int r = 0;

	if (i >= t->payload->chunks)
		return fail(w, -EINVAL, "chunk table of %s: no chunk %" PRIu64, t->payload->name, i);
	if (t->loaded != page)
		r = read_page(t, page, w);
	if (r)
		return why_in(w, r, "chunk table of %s, page %" PRIu64, t->payload->name, page);
	*ret = chunks_entry(page_bytes(t, page), (size_t)(i % CHUNKS_PER_PAGE));
	return 0;
}
