#include "bootstage/intel/loadids.h"

#include <sodium/crypto_shorthash_siphash24.h>
#include <sodium/randombytes.h>
#include <stdlib.h>

int load_ids_init(struct load_ids *s, struct why *w)
{
	s->at = calloc(LOAD_IDS, sizeof(*s->at));
	return s->at ? 0 : fail(w, -ENOMEM, "out of memory for the numbers of nodes");
}

void load_ids_free(struct load_ids *s)
{
	free(s->at);
	s->at = NULL;
}

void load_ids_clear(struct load_ids *s)
{
	if (s->at)
		memset(s->at, 0, LOAD_IDS * sizeof(*s->at));
}

static const uint8_t *hash_key(void)
{
	static uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
	static bool made;

	if (!made)
		randombytes_buf(key, sizeof(key));
	made = true;
	return key;
}

struct load_mark load_mark(struct bytes key)
{
	uint8_t out[crypto_shorthash_siphashx24_BYTES];
	struct load_mark m;

	(void)crypto_shorthash_siphashx24(out, key.p, key.n, hash_key());
	memcpy(&m.low, out, sizeof(m.low));
	memcpy(&m.high, out + sizeof(m.low), sizeof(m.high));
	return m;
}

bool load_mark_equal(const struct load_mark *a, const struct load_mark *b)
{
	return a->low == b->low && a->high == b->high;
}

int64_t load_ids_get(const struct load_ids *s, const struct load_mark *m)
{
	const struct load_id *at = s->at ? &s->at[m->low % LOAD_IDS] : NULL;

	return at && load_mark_equal(&at->mark, m) ? at->id : 0;
}

void load_ids_put(struct load_ids *s, const struct load_mark *m, int64_t id)
{
	if (s->at)
		s->at[m->low % LOAD_IDS] = (struct load_id){ .mark = *m, .id = id };
}
