#include "updater/bundle.h"

#include <inttypes.h>

static int read_header(struct source *src, enum bundle_part part, struct bundle_header *ret, struct why *w)
{
	uint8_t raw[BUNDLE_HEADER_BYTES];
	struct bundle_header h = { 0 };
	uint64_t end;
	int r;

	r = source_read(src, raw, sizeof(raw), 0, w);
	if (r)
		return r;
	r = bundle_header_parse(bytes_of(raw, sizeof(raw)), &h, w);
	if (r)
		return why_in(w, r, "%s", src->name);
	end = h.payload_offset + (part == BUNDLE_WHOLE ? h.payload_bytes : 0);
	if (src->size_bytes < end)
		return fail(w, -EBADMSG, "%s: truncated: %" PRIu64 " of %" PRIu64 " bytes are there", src->name,
			    src->size_bytes, end);
	*ret = h;
	return 0;
}

/* n bytes at off in memory of their own; nothing for none. */
static int read_text(struct source *src, uint64_t off, uint64_t n, struct bytes *ret, struct why *w)
{
	AUTO_FREE uint8_t *p = NULL;
	int r;

	if (n == 0)
		return 0;
	p = malloc((size_t)n);
	if (!p)
		return fail(w, -ENOMEM, "out of memory");
	r = source_read(src, p, (size_t)n, off, w);
	if (r)
		return r;
	*ret = bytes_of(MOVE(p), (size_t)n);
	return 0;
}

/* The manifest, verified already, against the sizes in the header, which nobody signed. */
static int check_sizes(const struct bundle *b, struct why *w)
{
	if (b->manifest.tables_bytes != b->header.tables_bytes || b->manifest.payload_bytes != b->header.payload_bytes)
		return fail(w, -EBADMSG, "its header and its manifest do not agree about sizes");
	return 0;
}

/* Why the manifest is believed. */
enum belief_kind { BY_NOTHING, BY_SIGNATURES, BY_JUDGE, BY_ID };
struct belief {
	enum belief_kind kind;
	const struct trust *trust;
	const struct bundle_judge *judge;
	const struct hash *id;
};

static int verify_signatures(struct bundle *b, const struct trust *trust, struct why *w)
{
	if (b->signatures_text.n == 0) {
		(void)refuse(w, -EKEYREJECTED, "it is not signed yet");
		return why_next(w, -EKEYREJECTED, "'tandem bundle attach' adds signatures to a prepared bundle");
	}
	return signatures_verify(trust, b->manifest_text, b->signatures_text, &b->signers, w);
}

static int verify_by_judge(struct bundle *b, const struct bundle_judge *judge, struct why *w)
{
	struct trust trust = { 0 };
	int r = judge->keys(judge->arg, b->trust_text, &trust, w);

	return r ? r : verify_signatures(b, &trust, w);
}

static int verify(struct bundle *b, const struct belief *by, struct why *w)
{
	if (by->kind == BY_SIGNATURES)
		return verify_signatures(b, by->trust, w);
	if (by->kind == BY_JUDGE)
		return verify_by_judge(b, by->judge, w);
	if (by->kind == BY_ID && !hash_equal(by->id, &b->id))
		return refuse(w, -EKEYREJECTED, "its manifest is not the one that is recorded");
	return signatures_list(b->signatures_text, &b->signers, w);
}

static int read_head(struct bundle *b, enum bundle_part part, struct why *w)
{
	int r = read_header(b->src, part, &b->header, w);

	r = r ? r : read_text(b->src, BUNDLE_HEADER_BYTES, b->header.trust_bytes, &b->trust_text, w);
	r = r ? r
	      : read_text(b->src, bundle_header_signatures_at(&b->header), b->header.signatures_bytes,
			  &b->signatures_text, w);
	return r ? r
		 : read_text(b->src, bundle_header_manifest_at(&b->header), b->header.manifest_bytes, &b->manifest_text,
			     w);
}

/* Nothing of the manifest is looked at before verify() has passed. */
static int check_head(struct bundle *b, const struct belief *by, struct why *w)
{
	int r;

	b->id = hash_of(b->manifest_text);
	r = verify(b, by, w);
	r = r ? r : manifest_parse(b->manifest_text, &b->manifest, w);
	r = r ? r : check_sizes(b, w);
	b->unlocked = !b->manifest.encryption.recipients;
	return r ? why_in(w, r, "%s", b->src->name) : 0;
}

static int open_any(struct source *src, enum bundle_part part, const struct belief *by, struct bundle *ret,
		    struct why *w)
{
	struct bundle b = { .src = src, .verified = by->kind != BY_NOTHING };
	int r;

	r = read_head(&b, part, w);
	r = r ? r : check_head(&b, by, w);
	if (r) {
		bundle_close(&b);
		return r;
	}
	*ret = b;
	return 0;
}

int bundle_open(struct source *src, enum bundle_part part, const struct trust *trust, struct bundle *ret, struct why *w)
{
	return open_any(src, part, &(struct belief){ .kind = BY_SIGNATURES, .trust = trust }, ret, w);
}

int bundle_open_by(struct source *src, enum bundle_part part, const struct bundle_judge *judge, struct bundle *ret,
		   struct why *w)
{
	return open_any(src, part, &(struct belief){ .kind = BY_JUDGE, .judge = judge }, ret, w);
}

int bundle_open_id(struct source *src, enum bundle_part part, const struct hash *id, struct bundle *ret, struct why *w)
{
	return open_any(src, part, &(struct belief){ .kind = BY_ID, .id = id }, ret, w);
}

int bundle_open_unverified(struct source *src, enum bundle_part part, struct bundle *ret, struct why *w)
{
	return open_any(src, part, &(struct belief){ .kind = BY_NOTHING }, ret, w);
}

void bundle_move(struct bundle *b, struct source *src)
{
	b->src = src;
}

static int find_key(struct bundle *b, const struct decrypt_keys *keys, struct why *w)
{
	struct content_key *key;
	int r;

	if (!keys || keys->n == 0)
		return refuse(w, -ENOKEY, "encrypted, and there is no key that decrypts");
	key = calloc(1, sizeof(*key));
	if (!key)
		return fail(w, -ENOMEM, "out of memory");
	r = recipient_table_unlock(b->src, bundle_header_tables_at(&b->header), &b->manifest.encryption, keys, key, w);
	if (r)
		free(key);
	else
		b->key = key;
	return r;
}

int bundle_unlock(struct bundle *b, const struct decrypt_keys *keys, struct why *w)
{
	int r = b->unlocked ? 0 : find_key(b, keys, w);

	if (r)
		return why_in(w, r, "%s", b->src->name);
	if (!b->unlocked)
		manifest_mask(&b->manifest, b->key);
	b->unlocked = true;
	return 0;
}

void bundle_close(struct bundle *b)
{
	if (b->key)
		content_key_wipe(b->key);
	free(b->key);
	manifest_done(&b->manifest);
	free((void *)(uintptr_t)b->manifest_text.p);
	free((void *)(uintptr_t)b->signatures_text.p);
	free((void *)(uintptr_t)b->trust_text.p);
	*b = (struct bundle){ 0 };
}

uint64_t bundle_head_bytes(const struct bundle *b)
{
	return b->header.payload_offset;
}

uint64_t bundle_bytes(const struct bundle *b)
{
	return b->header.payload_offset + b->header.payload_bytes;
}

int bundle_chunks(const struct bundle *b, const struct payload *p, struct chunks *ret, struct why *w)
{
	int r = chunks_open(b->src, bundle_header_tables_at(&b->header) + p->table_offset, b->header.payload_bytes, p,
			    ret, w);

	if (r)
		return why_in(w, r, "%s", b->src->name);
	chunks_unlock(ret, b->key);
	return 0;
}

int bundle_read_stored(const struct bundle *b, const struct chunk *c, void *buf, struct why *w)
{
	if (c->stored_bytes == 0)
		return 0;
	return source_read(b->src, buf, c->stored_bytes, b->header.payload_offset + c->stored_offset, w);
}
