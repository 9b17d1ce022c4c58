#include "updater/slothead.h"

#include <inttypes.h>

#define AT_MAGIC    0u
#define AT_VERSION  8u
#define AT_RESERVED 12u
#define AT_BYTES    16u
#define AT_HASH     24u
#define AT_ID       56u
#define AT_REST     88u
#define AT_SUM      4064u
_Static_assert(AT_ID - AT_HASH == HASH_BYTES && AT_REST - AT_ID == HASH_BYTES, "hashes");
_Static_assert(AT_SUM + HASH_BYTES == SLOTHEAD_BLOCK_BYTES, "the sum ends the block");
_Static_assert(SLOTHEAD_BLOCK_BYTES % BLK_ALIGN == 0 && SLOTHEAD_ROOM % BLK_ALIGN == 0, "aligned");

#define VERSION    1u
#define STEP_BYTES (1u << 20)

static const uint8_t magic[8] = { 'T', 'N', 'D', 'M', 'H', 'E', 'A', 'D' };

int slothead_parse(struct bytes in, struct slothead *ret, struct why *w)
{
	struct slothead h = { 0 };
	struct hash sum, have;
	uint32_t version = 0;

	if (in.n != SLOTHEAD_BLOCK_BYTES || bytes_le32(in, AT_VERSION, &version) ||
	    bytes_le64(in, AT_BYTES, &h.bytes) || bytes_copy(in, AT_HASH, h.hash.b, HASH_BYTES) ||
	    bytes_copy(in, AT_ID, h.id.b, HASH_BYTES) || bytes_copy(in, AT_SUM, sum.b, HASH_BYTES))
		return fail(w, -EBADMSG, "stored head: truncated");
	if (bytes_all_zero(in))
		return fail(w, -ENODATA, "no signed head is stored");
	have = hash_of(bytes_of(in.p, AT_SUM));
	if (memcmp(in.p + AT_MAGIC, magic, sizeof(magic)) != 0 || !hash_equal(&sum, &have))
		return fail(w, -EBADMSG, "stored head: its first block is damaged");
	if (version != VERSION)
		return fail(w, -EPROTONOSUPPORT, "stored head: version %" PRIu32 ", %u is known here", version,
			    VERSION);
	if (h.bytes == 0 || h.bytes > SLOTHEAD_ROOM)
		return fail(w, -EBADMSG, "stored head: %" PRIu64 " bytes are out of range", h.bytes);
	*ret = h;
	return 0;
}

void slothead_format(const struct slothead *h, uint8_t out[SLOTHEAD_BLOCK_BYTES])
{
	struct hash sum;

	memset(out, 0, SLOTHEAD_BLOCK_BYTES);
	memcpy(out + AT_MAGIC, magic, sizeof(magic));
	put_le32(out + AT_VERSION, VERSION);
	put_le64(out + AT_BYTES, h->bytes);
	memcpy(out + AT_HASH, h->hash.b, HASH_BYTES);
	memcpy(out + AT_ID, h->id.b, HASH_BYTES);
	sum = hash_of(bytes_of(out, AT_SUM));
	memcpy(out + AT_SUM, sum.b, HASH_BYTES);
}

static uint64_t head_offset(enum slot s)
{
	return STATE_HEAD_OFFSET(s) + SLOTHEAD_BLOCK_BYTES;
}

static size_t step_at(uint64_t at, uint64_t end)
{
	return end - at < STEP_BYTES ? (size_t)(end - at) : STEP_BYTES;
}

static size_t rounded(size_t n)
{
	return (n + BLK_ALIGN - 1) / BLK_ALIGN * BLK_ALIGN;
}

/* Hash of the stored bytes, as the medium has them. @buf STEP_BYTES */
static int hash_stored(struct blk *state, enum slot s, uint64_t bytes, uint8_t *buf, struct hash *ret, struct why *w)
{
	struct hasher h;
	int r = 0;

	hasher_init(&h);
	for (uint64_t at = 0; !r && at < bytes; at += STEP_BYTES) {
		size_t n = step_at(at, bytes);

		r = blk_read(state, buf, rounded(n), head_offset(s) + at, w);
		hasher_add(&h, bytes_of(buf, n));
	}
	if (!r)
		*ret = hasher_end(&h);
	return r;
}

/* Copied as it is read, and hashed on the way. */
static int copy_head(struct blk *state, enum slot s, const struct bundle *b, uint8_t *buf, struct hash *ret,
		     struct why *w)
{
	uint64_t bytes = bundle_head_bytes(b);
	struct hasher h;
	int r = 0;

	hasher_init(&h);
	for (uint64_t at = 0; !r && at < bytes; at += STEP_BYTES) {
		size_t n = step_at(at, bytes);

		memset(buf, 0, rounded(n));
		r = source_read(b->src, buf, n, at, w);
		hasher_add(&h, bytes_of(buf, n));
		r = r ? r : blk_write(state, buf, rounded(n), head_offset(s) + at, w);
	}
	if (!r)
		*ret = hasher_end(&h);
	return r;
}

/* Whether this very head is there, whole. */
static bool is_stored(struct blk *state, enum slot s, const struct slothead *want, uint8_t *buf)
{
	struct slothead have = { 0 };
	struct hash hash;

	if (blk_read(state, buf, SLOTHEAD_BLOCK_BYTES, STATE_HEAD_OFFSET(s), NULL) ||
	    slothead_parse(bytes_of(buf, SLOTHEAD_BLOCK_BYTES), &have, NULL) || have.bytes != want->bytes ||
	    !hash_equal(&have.id, &want->id) || !hash_equal(&have.hash, &want->hash))
		return false;
	return hash_stored(state, s, have.bytes, buf, &hash, NULL) == 0 && hash_equal(&hash, &have.hash);
}

/* The block that says that there is a head goes first and comes last. */
static int store(struct blk *state, enum slot s, const struct bundle *b, struct slothead *h, uint8_t *buf,
		 struct why *w)
{
	int r;

	memset(buf, 0, SLOTHEAD_BLOCK_BYTES);
	r = blk_write(state, buf, SLOTHEAD_BLOCK_BYTES, STATE_HEAD_OFFSET(s), w);
	r = r ? r : blk_flush(state, w);
	r = r ? r : copy_head(state, s, b, buf, &h->hash, w);
	r = r ? r : blk_flush(state, w);
	slothead_format(h, buf);
	r = r ? r : blk_write(state, buf, SLOTHEAD_BLOCK_BYTES, STATE_HEAD_OFFSET(s), w);
	r = r ? r : blk_flush(state, w);
	if (!r && !is_stored(state, s, h, buf))
		r = fail(w, -EIO, "reads back different from what was written");
	return r;
}

/* Every page of its tables, as the manifest has them. */
static int check_tables(const struct bundle *b)
{
	int r = 0;

	for (size_t i = 0; !r && i < b->manifest.n_payloads; i++) {
		CLEANUP(chunks_done) struct chunks t = { 0 };
		const struct payload *p = &b->manifest.payloads[i];
		struct chunk c;

		r = bundle_chunks(b, p, &t, NULL);
		for (uint64_t k = 0; !r && k < p->chunks; k += CHUNKS_PER_PAGE)
			r = chunks_get(&t, k, &c, NULL);
	}
	return r;
}

/*
 * Whether what is stored is as good as the head of b, of which only the front was read: the same bytes up to the end of
 * the manifest, which the manifest then answers for all of the tables.
 */
static bool is_kept(struct blk *state, enum slot s, const struct bundle *b, uint8_t *buf)
{
	uint64_t front = bundle_header_tables_at(&b->header);
	struct slothead have = { 0 };
	struct source src;
	struct bundle kept = *b;
	AUTO_FREE uint8_t *text = malloc((size_t)front), *want = malloc((size_t)front);

	if (!text || !want || blk_read(state, buf, SLOTHEAD_BLOCK_BYTES, STATE_HEAD_OFFSET(s), NULL) ||
	    slothead_parse(bytes_of(buf, SLOTHEAD_BLOCK_BYTES), &have, NULL) || have.bytes != bundle_head_bytes(b) ||
	    !hash_equal(&have.id, &b->id) || !is_stored(state, s, &have, buf))
		return false;
	src = source_blk(state, head_offset(s), have.bytes);
	if (source_read(&src, text, (size_t)front, 0, NULL) || source_read(b->src, want, (size_t)front, 0, NULL) ||
	    memcmp(text, want, (size_t)front) != 0)
		return false;
	bundle_move(&kept, &src);
	return check_tables(&kept) == 0;
}

int slothead_store(struct blk *state, enum slot s, const struct bundle *b, struct why *w)
{
	struct slothead h = { .bytes = bundle_head_bytes(b), .id = b->id };
	AUTO_FREE uint8_t *buf = blk_alloc(STEP_BYTES);
	int r;

	if (!buf)
		return fail(w, -ENOMEM, "out of memory");
	if (h.bytes > SLOTHEAD_ROOM)
		return fail(w, -E2BIG, "%s: the bundle's head has %" PRIu64 " bytes; there is room for %llu",
			    state->name, h.bytes, SLOTHEAD_ROOM);
	if (is_kept(state, s, b, buf))
		return 0;
	source_expect(b->src, &(struct source_range){ .bytes = h.bytes }, 1);
	r = store(state, s, b, &h, buf, w);
	return r ? why_in(w, r, "%s: signed head of slot %s", state->name, slot_name(s)) : 0;
}

static bool is_zero(const struct hash *h)
{
	return bytes_all_zero(bytes_of(h->b, HASH_BYTES));
}

/* The block and the bytes behind it are whole; which image it is remains to be verified. */
static int check_stored(struct blk *state, enum slot s, const struct hash *id, struct slothead *ret, struct why *w)
{
	AUTO_FREE uint8_t *buf = blk_alloc(STEP_BYTES);
	struct hash hash;
	int r;

	if (!buf)
		return fail(w, -ENOMEM, "out of memory");
	r = blk_read(state, buf, SLOTHEAD_BLOCK_BYTES, STATE_HEAD_OFFSET(s), w);
	r = r ? r : slothead_parse(bytes_of(buf, SLOTHEAD_BLOCK_BYTES), ret, w);
	if (!r && !is_zero(id) && !hash_equal(&ret->id, id))
		r = fail(w, -ENODATA, "the stored head belongs to another image than the boot record names");
	r = r ? r : hash_stored(state, s, ret->bytes, buf, &hash, w);
	if (!r && !hash_equal(&hash, &ret->hash))
		r = fail(w, -EBADMSG, "stored head: damaged");
	return r;
}

int slothead_load(struct blk *state, enum slot s, const struct hash *id, const struct trust *trust,
		  struct slothead_open *ret, struct why *w)
{
	struct slothead h = { 0 };
	int r;

	*ret = (struct slothead_open){ 0 };
	r = check_stored(state, s, id, &h, w);
	if (r)
		return why_in(w, r, "%s: slot %s", state->name, slot_name(s));
	ret->src = source_blk(state, head_offset(s), h.bytes);
	return is_zero(id) ? bundle_open(&ret->src, BUNDLE_HEAD, trust, &ret->bundle, w)
			   : bundle_open_id(&ret->src, BUNDLE_HEAD, id, &ret->bundle, w);
}

void slothead_close(struct slothead_open *h)
{
	bundle_close(&h->bundle);
	source_close(&h->src);
}

struct source slothead_source(struct blk *state, enum slot s, const struct bundle *b)
{
	return source_blk(state, head_offset(s), bundle_head_bytes(b));
}
