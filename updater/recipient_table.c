#include "updater/recipient_table.h"

#include <inttypes.h>
#include <sodium.h>

#define PIECE_ENTRIES 512u /* 44 KiB */
#define SEALED_AT     sizeof(struct recipient_id)
#define SEALED_BYTES  (RECIPIENT_ENTRY_BYTES - SEALED_AT)
_Static_assert(SEALED_BYTES == crypto_box_SEALBYTES + SEAL_KEY_BYTES, "an entry is full");

uint64_t recipient_table_bytes(uint64_t n)
{
	return n * RECIPIENT_ENTRY_BYTES;
}

int recipient_entry_seal(const struct recipient *r, const struct content_key *k, uint8_t out[RECIPIENT_ENTRY_BYTES],
			 struct why *w)
{
	char id[RECIPIENT_ID_HEX];

	memcpy(out, r->id.b, sizeof(r->id.b));
	if (crypto_box_seal(out + SEALED_AT, k->key, sizeof(k->key), r->key))
		return misuse(w, -EINVAL, "encryption key %s: not a key that anything can be encrypted for",
			      recipient_id_format(&r->id, id));
	return 0;
}

/* Gets each entry in turn. */
struct visitor {
	int (*entry)(void *arg, const uint8_t *entry, struct why *w);
	void *arg;
};

/* All of the table once, a piece at a time. What visitors saw counts for nothing when this fails. */
static int read_table(struct source *src, uint64_t at, const struct encryption *e, const struct visitor *v,
		      struct why *w)
{
	AUTO_FREE uint8_t *piece = malloc((size_t)PIECE_ENTRIES * RECIPIENT_ENTRY_BYTES);
	struct hasher h;
	struct hash got;
	int r = 0;

	if (!piece)
		return fail(w, -ENOMEM, "out of memory");
	source_expect(src, &(struct source_range){ .at = at, .bytes = recipient_table_bytes(e->recipients) }, 1);
	hasher_init(&h);
	for (uint64_t i = 0; !r && i < e->recipients; i += PIECE_ENTRIES) {
		size_t n = e->recipients - i < PIECE_ENTRIES ? (size_t)(e->recipients - i) : PIECE_ENTRIES;

		r = source_read(src, piece, n * RECIPIENT_ENTRY_BYTES, at + i * RECIPIENT_ENTRY_BYTES, w);
		if (!r)
			hasher_add(&h, bytes_of(piece, n * RECIPIENT_ENTRY_BYTES));
		for (size_t k = 0; !r && k < n; k++)
			r = v->entry(v->arg, piece + k * RECIPIENT_ENTRY_BYTES, w);
	}
	if (r)
		return r;
	got = hasher_end(&h);
	return hash_equal(&got, &e->recipients_hash) ? 0
						     : fail(w, -EBADMSG, "not the signed one: the bundle is damaged");
}

/* Entries that one of the keys may open. */
struct found {
	const struct decrypt_keys *keys;
	uint8_t entries[RECIPIENT_EQUAL_MAX][RECIPIENT_ENTRY_BYTES];
	size_t n;
};

static bool id_equal(const uint8_t *entry, const struct decrypt_key *k)
{
	return memcmp(entry, k->recipient.id.b, sizeof(k->recipient.id.b)) == 0;
}

static int keep_ours(void *arg, const uint8_t *entry, struct why *w)
{
	struct found *f = arg;

	for (size_t i = 0; i < f->keys->n; i++) {
		if (!id_equal(entry, &f->keys->at[i]))
			continue;
		if (f->n == RECIPIENT_EQUAL_MAX)
			return fail(w, -E2BIG, "over %u entries for this device", RECIPIENT_EQUAL_MAX);
		memcpy(f->entries[f->n++], entry, RECIPIENT_ENTRY_BYTES);
		break;
	}
	return 0;
}

/* Whether the key opens the entry and what it holds is this bundle's. */
static bool open_entry(const uint8_t *entry, const struct decrypt_key *k, const struct hash *content,
		       struct content_key *ret)
{
	struct content_key found = { 0 };
	bool good = id_equal(entry, k) &&
		    crypto_box_seal_open(found.key, entry + SEALED_AT, SEALED_BYTES, k->recipient.key, k->secret) == 0;

	if (good) {
		found.id = content_key_id(found.key);
		good = hash_equal(&found.id, content);
	}
	if (good)
		*ret = found;
	content_key_wipe(&found);
	return good;
}

static int explain_none(const struct found *f, const struct encryption *e, struct why *w)
{
	char id[RECIPIENT_ID_HEX];

	if (f->n > 0)
		return refuse(w, -EKEYREJECTED, "encrypted for this device's key, but its entry does not open with it");
	if (f->keys->n == 1)
		return refuse(w, -ENOKEY, "encrypted for %" PRIu64 " recipient%s, and not for the key %s",
			      e->recipients, e->recipients == 1 ? "" : "s",
			      recipient_id_format(&f->keys->at[0].recipient.id, id));
	return refuse(w, -ENOKEY, "encrypted for %" PRIu64 " recipient%s, and for none of the %zu keys here",
		      e->recipients, e->recipients == 1 ? "" : "s", f->keys->n);
}

int recipient_table_unlock(struct source *src, uint64_t at, const struct encryption *e, const struct decrypt_keys *keys,
			   struct content_key *ret, struct why *w)
{
	struct found f = { .keys = keys };
	const struct visitor v = { .entry = keep_ours, .arg = &f };
	int r = read_table(src, at, e, &v, w);

	if (r)
		return why_in(w, r, "recipient table");
	for (size_t i = 0; i < f.n; i++)
		for (size_t k = 0; k < keys->n; k++)
			if (open_entry(f.entries[i], &keys->at[k], &e->content, ret))
				return 0;
	return explain_none(&f, e, w);
}

/* Ids for display. */
struct listed {
	struct recipient_id *ids;
	size_t n, max;
};

static int keep_id(void *arg, const uint8_t *entry, struct why *w)
{
	struct listed *l = arg;

	(void)w;
	if (l->n < l->max)
		memcpy(l->ids[l->n++].b, entry, sizeof(l->ids->b));
	return 0;
}

int recipient_table_ids(struct source *src, uint64_t at, const struct encryption *e, size_t max,
			struct recipient_id *ret, size_t *ret_n, struct why *w)
{
	struct listed l = { .ids = ret, .max = max };
	const struct visitor v = { .entry = keep_id, .arg = &l };
	int r = read_table(src, at, e, &v, w);

	if (r)
		return why_in(w, r, "recipient table");
	*ret_n = l.n;
	return 0;
}
