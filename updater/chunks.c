#include "updater/chunks.h"

#include <inttypes.h>

#define AT_STORED_OFFSET 0u
#define AT_STORED_BYTES  8u
#define AT_RAW_BYTES     12u
#define AT_PREFIX_BYTES  16u
#define AT_ENCODING      20u
#define AT_RESERVED      21u
#define AT_RAW_HASH      24u
#define AT_STORED_HASH   56u
_Static_assert(AT_STORED_HASH + HASH_BYTES == CHUNKS_ENTRY_BYTES, "an entry is full");
_Static_assert(AT_STORED_HASH - AT_RAW_HASH == HASH_BYTES, "hashes");

/* A page of entries, in the list. */
#define LIST_AT_HASH  0u
#define LIST_AT_RAW   32u
#define LIST_AT_INDEX 40u
_Static_assert(LIST_AT_INDEX + 8 == CHUNKS_LIST_BYTES, "an entry of the list is full");

#define UNKNOWN UINT64_MAX

static uint64_t divide_up(uint64_t n, uint64_t by)
{
	return (n + by - 1) / by;
}

uint64_t chunk_index_blocks(const struct chunk *c)
{
	return c->encoding == CHUNK_ZERO ? 0 : divide_up(c->raw_bytes, CHUNK_BLOCK_BYTES);
}

uint64_t chunks_list_bytes(uint64_t chunks, uint64_t index_blocks)
{
	return divide_up(chunks, CHUNKS_PER_PAGE) * CHUNKS_LIST_BYTES +
	       divide_up(index_blocks, CHUNKS_INDEX_PER_PAGE) * HASH_BYTES;
}

uint64_t chunks_table_bytes(uint64_t chunks, uint64_t index_blocks)
{
	return chunks_list_bytes(chunks, index_blocks) + chunks * CHUNKS_ENTRY_BYTES + index_blocks * CHUNK_INDEX_BYTES;
}

/* Each page has a tag of its own. */
uint64_t payload_table_bytes(const struct payload *p)
{
	uint64_t pages = divide_up(p->chunks, CHUNKS_PER_PAGE) + divide_up(p->index_blocks, CHUNKS_INDEX_PER_PAGE);

	return chunks_table_bytes(p->chunks, p->index_blocks) + pages * p->tag_bytes;
}

/* Entries */

void chunks_entry_format(const struct chunk *c, uint8_t out[CHUNKS_ENTRY_BYTES])
{
	memset(out, 0, CHUNKS_ENTRY_BYTES);
	put_le64(out + AT_STORED_OFFSET, c->stored_offset);
	put_le32(out + AT_STORED_BYTES, c->stored_bytes);
	put_le32(out + AT_RAW_BYTES, c->raw_bytes);
	put_le32(out + AT_PREFIX_BYTES, c->prefix_bytes);
	out[AT_ENCODING] = (uint8_t)c->encoding;
	memcpy(out + AT_RAW_HASH, c->raw_hash.b, HASH_BYTES);
	memcpy(out + AT_STORED_HASH, c->stored_hash.b, HASH_BYTES);
}

/* One entry's fields; 0, or -EBADMSG for what no entry can say. */
static int entry_parse(struct bytes in, struct chunk *ret, struct why *w)
{
	struct chunk c = { 0 };
	uint8_t encoding = 0;

	if (in.n != CHUNKS_ENTRY_BYTES || bytes_le64(in, AT_STORED_OFFSET, &c.stored_offset) ||
	    bytes_le32(in, AT_STORED_BYTES, &c.stored_bytes) || bytes_le32(in, AT_RAW_BYTES, &c.raw_bytes) ||
	    bytes_le32(in, AT_PREFIX_BYTES, &c.prefix_bytes) || bytes_u8(in, AT_ENCODING, &encoding) ||
	    bytes_copy(in, AT_RAW_HASH, c.raw_hash.b, HASH_BYTES) ||
	    bytes_copy(in, AT_STORED_HASH, c.stored_hash.b, HASH_BYTES))
		return fail(w, -EBADMSG, "truncated");
	if (!bytes_all_zero(bytes_of(in.p + AT_RESERVED, AT_RAW_HASH - AT_RESERVED)))
		return fail(w, -EBADMSG, "reserved bytes are not zero");
	if (encoding > CHUNK_ZSTD_REF)
		return fail(w, -EBADMSG, "encoding %u is not known here", encoding);
	c.encoding = (enum chunk_encoding)encoding;
	*ret = c;
	return 0;
}

static bool hash_is_zero(const struct hash *h)
{
	return bytes_all_zero(bytes_of(h->b, HASH_BYTES));
}

/* Whether n bytes at `at` are inside of `size`. */
static bool is_inside(uint64_t at, uint64_t n, uint64_t size)
{
	return at <= size && size - at >= n;
}

/* Whether the fields about what is stored fit the encoding. */
static bool stored_fits(const struct chunk *c, const struct chunks_limits *l)
{
	switch (c->encoding) {
	case CHUNK_ZERO:
		return c->stored_bytes == 0 && c->stored_offset == 0 && hash_is_zero(&c->stored_hash) &&
		       hash_is_zero(&c->raw_hash);
	case CHUNK_RAW:
		return c->stored_bytes == c->raw_bytes + l->tag_bytes &&
		       (l->tag_bytes > 0 || hash_equal(&c->stored_hash, &c->raw_hash));
	case CHUNK_ZSTD:
		return c->stored_bytes > l->tag_bytes && c->stored_bytes - l->tag_bytes < c->raw_bytes;
	case CHUNK_COPY:
		return l->base_bytes > 0 && c->stored_bytes == 0 && hash_is_zero(&c->stored_hash);
	case CHUNK_ZSTD_REF:
		return l->base_bytes > 0 && c->stored_bytes > l->tag_bytes &&
		       c->stored_bytes - l->tag_bytes < c->raw_bytes;
	}
	return false;
}

static int check_stored(const struct chunk *c, const struct chunks_limits *l, struct why *w)
{
	if (!stored_fits(c, l))
		return fail(w, -EBADMSG, "%" PRIu32 " stored bytes do not fit encoding %d of %" PRIu32 " bytes",
			    c->stored_bytes, (int)c->encoding, c->raw_bytes);
	if (c->encoding == CHUNK_COPY && !is_inside(c->stored_offset, c->raw_bytes, l->base_bytes))
		return fail(w, -EBADMSG, "copied from outside the %" PRIu64 " bytes of the base", l->base_bytes);
	if (c->encoding != CHUNK_COPY && !is_inside(c->stored_offset, c->stored_bytes, l->payload_bytes))
		return fail(w, -EBADMSG, "stored bytes are outside the payload");
	return 0;
}

/* c->raw_offset is where the entry before ended: below size_bytes, or this is not asked. */
static int check_raw(const struct chunk *c, const struct chunks_limits *l, struct why *w)
{
	uint32_t max = c->encoding == CHUNK_ZERO ? CHUNK_ZERO_MAX : l->chunk_bytes;

	if (c->raw_bytes == 0 || c->raw_bytes > max)
		return fail(w, -EBADMSG, "%" PRIu32 " raw bytes, want 1 to %" PRIu32, c->raw_bytes, max);
	if (!is_inside(c->raw_offset, c->raw_bytes, l->size_bytes))
		return fail(w, -EBADMSG, "raw bytes are outside the %" PRIu64 " bytes of the payload", l->size_bytes);
	if (c->raw_bytes % CHUNK_ALIGN && c->raw_offset + c->raw_bytes != l->size_bytes)
		return fail(w, -EBADMSG, "%" PRIu32 " raw bytes are no multiple of %u", c->raw_bytes, CHUNK_ALIGN);
	return 0;
}

static int check_group(const struct chunk *c, const struct chunks_limits *l, struct why *w)
{
	uint64_t in_group = c->raw_offset % l->group_bytes;

	if (c->encoding != CHUNK_ZERO && in_group + c->raw_bytes > l->group_bytes)
		return fail(w, -EBADMSG, "goes over the end of its group of %" PRIu32 " bytes", l->group_bytes);
	if (c->prefix_bytes > (c->encoding == CHUNK_ZSTD ? in_group : 0))
		return fail(w, -EBADMSG, "a prefix of %" PRIu32 " bytes, %" PRIu64 " are before it in its group",
			    c->prefix_bytes, in_group);
	return 0;
}

static int check_entry(struct bytes in, const struct chunk_place *at, const struct chunks_limits *l,
		       struct chunk_place *ret_end, struct why *w)
{
	struct chunk c = { 0 };
	struct chunk_place end;
	int r = entry_parse(in, &c, w);

	c.raw_offset = at->raw_offset;
	r = r ? r : check_raw(&c, l, w);
	r = r ? r : check_group(&c, l, w);
	r = r ? r : check_stored(&c, l, w);
	if (r)
		return r;
	end = (struct chunk_place){ .raw_offset = at->raw_offset + c.raw_bytes,
				    .index_at = at->index_at + (l->index_blocks ? chunk_index_blocks(&c) : 0) };
	if (end.index_at > l->index_blocks)
		return fail(w, -EBADMSG, "its blocks are outside the %" PRIu64 " of the index", l->index_blocks);
	*ret_end = end;
	return 0;
}

static struct bytes entry_bytes(struct bytes entries, size_t i)
{
	return bytes_of(entries.p + i * CHUNKS_ENTRY_BYTES, CHUNKS_ENTRY_BYTES);
}

int chunks_page_check(struct bytes entries, uint64_t first, const struct chunks_limits *l, struct chunk_place *places,
		      struct why *w)
{
	size_t n = entries.n / CHUNKS_ENTRY_BYTES;

	if (n == 0 || entries.n % CHUNKS_ENTRY_BYTES)
		return fail(w, -EBADMSG, "%zu bytes are no chunk table entries", entries.n);
	for (size_t i = 0; i < n; i++) {
		int r = check_entry(entry_bytes(entries, i), &places[i], l, &places[i + 1], w);

		if (r)
			return why_in(w, r, "chunk %" PRIu64, first + i);
	}
	return 0;
}

struct chunk chunks_entry(struct bytes entries, size_t i)
{
	struct chunk c = { 0 };

	/* A page that was checked has no entry that fails here; a caller's wrong index gives an all-zero chunk. */
	if (bytes_has(entries, i * CHUNKS_ENTRY_BYTES, CHUNKS_ENTRY_BYTES))
		(void)!entry_parse(entry_bytes(entries, i), &c, NULL);
	return c;
}

/* The list */

/* Where page number `page` begins; the one behind the last: where the payload ends. */
static struct chunk_place page_place(const struct chunks *t, uint64_t page)
{
	struct bytes in = bytes_of(t->list, (size_t)t->pages * CHUNKS_LIST_BYTES);
	struct chunk_place at = { .raw_offset = t->limits.size_bytes, .index_at = t->limits.index_blocks };

	if (page < t->pages)
		(void)!(bytes_le64(in, (size_t)page * CHUNKS_LIST_BYTES + LIST_AT_RAW, &at.raw_offset) ||
			bytes_le64(in, (size_t)page * CHUNKS_LIST_BYTES + LIST_AT_INDEX, &at.index_at));
	return at;
}

/* Pages begin in ascending order, the first one at the start. */
static int check_list(const struct chunks *t, struct why *w)
{
	struct chunk_place at = page_place(t, 0);

	if (at.raw_offset != 0 || at.index_at != 0)
		return fail(w, -EBADMSG, "its first page does not begin at 0");
	for (uint64_t page = 1; page <= t->pages; page++) {
		struct chunk_place next = page_place(t, page);

		if (next.raw_offset <= at.raw_offset || next.index_at < at.index_at ||
		    (next.raw_offset % CHUNK_ALIGN && page < t->pages))
			return fail(w, -EBADMSG, "page %" PRIu64 " does not begin behind the one before it", page);
		at = next;
	}
	return 0;
}

static int read_list(struct chunks *t, struct why *w)
{
	size_t n = (size_t)chunks_list_bytes(t->payload->chunks, t->payload->index_blocks);
	struct hash got;
	int r;

	r = source_read(t->src, t->list, n, t->at, w);
	if (r)
		return r;
	got = hash_of(bytes_of(t->list, n));
	if (!hash_equal(&got, &t->payload->table_hash))
		return fail(w, -EBADMSG, "its list of pages is not the signed one: the bundle is damaged");
	return check_list(t, w);
}

static struct chunks_limits limits_of(const struct payload *p, uint64_t payload_bytes)
{
	return (struct chunks_limits){ .size_bytes = p->size_bytes,
				       .chunk_bytes = p->chunk_bytes,
				       .group_bytes = p->group_bytes,
				       .payload_bytes = payload_bytes,
				       .base_bytes = p->base_bytes,
				       .index_blocks = p->index_blocks,
				       .tag_bytes = p->tag_bytes };
}

int chunks_open(struct source *src, uint64_t at, uint64_t payload_bytes, const struct payload *p, struct chunks *ret,
		struct why *w)
{
	size_t per_page = p->chunks < CHUNKS_PER_PAGE ? (size_t)p->chunks : CHUNKS_PER_PAGE;
	struct chunks t = {
		.src = src,
		.payload = p,
		.limits = limits_of(p, payload_bytes),
		.at = at,
		.pages = divide_up(p->chunks, CHUNKS_PER_PAGE),
		.index_pages = divide_up(p->index_blocks, CHUNKS_INDEX_PER_PAGE),
		.loaded = UNKNOWN,
		.index_loaded = UNKNOWN,
	};
	int r = 0;

	t.list = malloc((size_t)chunks_list_bytes(p->chunks, p->index_blocks));
	t.page = malloc(per_page * CHUNKS_ENTRY_BYTES + p->tag_bytes);
	t.places = malloc((per_page + 1) * sizeof(*t.places));
	if (!t.list || !t.page || !t.places)
		r = fail(w, -ENOMEM, "out of memory");
	r = r ? r : read_list(&t, w);
	if (r) {
		chunks_done(&t);
		return why_in(w, r, "chunk table of %s", p->name);
	}
	*ret = t;
	return 0;
}

void chunks_unlock(struct chunks *t, const struct content_key *key)
{
	t->key = key;
}

void chunks_done(struct chunks *t)
{
	free(t->list);
	free(t->page);
	free(t->places);
	free(t->index);
	*t = (struct chunks){ 0 };
}

/* Pages */

/* How many of n things, per_page to a page, are on this page. */
static size_t on_page(uint64_t n, uint64_t page, uint64_t per_page)
{
	uint64_t left = n - page * per_page;

	return (size_t)(left < per_page ? left : per_page);
}

static struct bytes page_bytes(const struct chunks *t, uint64_t page)
{
	return bytes_of(t->page, on_page(t->payload->chunks, page, CHUNKS_PER_PAGE) * CHUNKS_ENTRY_BYTES);
}

/* A page of either sort. */
struct page {
	enum seal_kind kind;
	uint64_t number;
	size_t bytes;     /* in clear */
	uint64_t at;      /* in the table, if pages had no tags */
	uint64_t hash_at; /* in the list */
	uint8_t *ret;     /* room for it, and for its tag */
};

/* Read it, check its hash, and only then decrypt it. */
static int load_page(const struct chunks *t, const struct page *p, struct why *w)
{
	uint32_t tag = t->limits.tag_bytes;
	uint64_t before = p->number + (p->kind == SEAL_INDEX ? t->pages : 0); /* pages, with a tag each */
	const struct seal_place place = {
		.kind = p->kind, .payload = t->payload->number, .at = p->number, .raw_bytes = (uint32_t)p->bytes
	};
	struct hash got;
	int r;

	if (tag && !t->key)
		return refuse(w, -ENOKEY, "encrypted, and there is no key for it");
	r = source_read(t->src, p->ret, p->bytes + tag, t->at + p->at + before * tag, w);
	if (r)
		return r;
	got = hash_of(bytes_of(p->ret, p->bytes + tag));
	if (memcmp(got.b, t->list + p->hash_at, HASH_BYTES) != 0)
		return fail(w, -EBADMSG, "not the signed one: the bundle is damaged");
	return tag ? seal_unlock(t->key, &place, bytes_of(p->ret, p->bytes + tag), p->ret, w) : 0;
}

/* That the page is what the list says of it was checked; that it fits between its neighbours is here. */
static int check_page(struct chunks *t, uint64_t page, struct bytes entries, struct why *w)
{
	struct chunk_place want = page_place(t, page + 1), *end = &t->places[entries.n / CHUNKS_ENTRY_BYTES];
	int r;

	t->places[0] = page_place(t, page);
	r = chunks_page_check(entries, page * CHUNKS_PER_PAGE, &t->limits, t->places, w);
	if (!r && (end->raw_offset != want.raw_offset || end->index_at != want.index_at))
		r = fail(w, -EBADMSG,
			 "ends at byte %" PRIu64 " and block %" PRIu64 ", the next begins at %" PRIu64 " and %" PRIu64,
			 end->raw_offset, end->index_at, want.raw_offset, want.index_at);
	return r;
}

static int read_page(struct chunks *t, uint64_t page, struct why *w)
{
	struct bytes entries = page_bytes(t, page);
	const struct page p = {
		.kind = SEAL_ENTRIES,
		.number = page,
		.bytes = entries.n,
		.at = chunks_list_bytes(t->payload->chunks, t->payload->index_blocks) + page * CHUNKS_PAGE_BYTES,
		.hash_at = page * CHUNKS_LIST_BYTES + LIST_AT_HASH,
		.ret = t->page,
	};
	int r;

	t->loaded = UNKNOWN;
	r = load_page(t, &p, w);
	r = r ? r : check_page(t, page, entries, w);
	if (!r)
		t->loaded = page;
	return r;
}

int chunks_get(struct chunks *t, uint64_t i, struct chunk *ret, struct why *w)
{
	uint64_t page = i / CHUNKS_PER_PAGE;
	size_t k = (size_t)(i % CHUNKS_PER_PAGE);
	int r = 0;

	if (i >= t->payload->chunks)
		return fail(w, -EINVAL, "chunk table of %s: no chunk %" PRIu64, t->payload->name, i);
	if (t->loaded != page)
		r = read_page(t, page, w);
	if (r)
		return why_in(w, r, "chunk table of %s, page %" PRIu64, t->payload->name, page);
	*ret = chunks_entry(page_bytes(t, page), k);
	ret->raw_offset = t->places[k].raw_offset;
	ret->index_at = t->places[k].index_at;
	return 0;
}

/* The index */

static int read_index(struct chunks *t, uint64_t page, struct why *w)
{
	uint64_t chunks = t->payload->chunks, blocks = t->payload->index_blocks;
	struct page p = {
		.kind = SEAL_INDEX,
		.number = page,
		.bytes = on_page(blocks, page, CHUNKS_INDEX_PER_PAGE) * CHUNK_INDEX_BYTES,
		.at = chunks_list_bytes(chunks, blocks) + chunks * CHUNKS_ENTRY_BYTES + page * CHUNKS_INDEX_PAGE_BYTES,
		.hash_at = t->pages * CHUNKS_LIST_BYTES + page * HASH_BYTES,
	};
	int r;

	if (!t->index)
		t->index = malloc(CHUNKS_INDEX_PAGE_BYTES + t->limits.tag_bytes);
	if (!t->index)
		return fail(w, -ENOMEM, "out of memory");
	t->index_loaded = UNKNOWN;
	p.ret = t->index;
	r = load_page(t, &p, w);
	if (!r)
		t->index_loaded = page;
	return r;
}

int chunks_index(struct chunks *t, uint64_t at, size_t n, uint8_t *ret, struct why *w)
{
	if (!is_inside(at, n, t->payload->index_blocks))
		return fail(w, -EINVAL, "chunk table of %s: no block %" PRIu64 " in its index", t->payload->name,
			    at + n);
	while (n > 0) {
		uint64_t page = at / CHUNKS_INDEX_PER_PAGE;
		size_t k = (size_t)(at % CHUNKS_INDEX_PER_PAGE), part = CHUNKS_INDEX_PER_PAGE - k;
		int r = t->index_loaded == page ? 0 : read_index(t, page, w);

		if (r)
			return why_in(w, r, "chunk table of %s, page %" PRIu64 " of the index", t->payload->name, page);
		part = part < n ? part : n;
		memcpy(ret, t->index + k * CHUNK_INDEX_BYTES, part * CHUNK_INDEX_BYTES);
		ret += part * CHUNK_INDEX_BYTES;
		at += part;
		n -= part;
	}
	return 0;
}
