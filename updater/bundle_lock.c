#include "updater/bundle_lock.h"

#include "updater/recipient_table.h"

void bundle_lock_begin(struct bundle_lock *l, const struct recipients *to, struct encryption *ret)
{
	*l = (struct bundle_lock){ 0 };
	*ret = (struct encryption){ 0 };
	if (!to || to->n == 0)
		return;
	l->to = to;
	content_key_generate(&l->key);
	ret->recipients = to->n;
	ret->content = l->key.id;
}

void bundle_lock_done(struct bundle_lock *l)
{
	content_key_wipe(&l->key);
	free(l->room);
	*l = (struct bundle_lock){ 0 };
}

const struct content_key *bundle_lock_key(const struct bundle_lock *l)
{
	return l->to ? &l->key : NULL;
}

int bundle_lock_chunk(struct bundle_lock *l, struct chunk *c, struct bytes *stored, struct why *w)
{
	const struct seal_place place = { .kind = SEAL_CHUNK, .at = c->stored_offset, .raw_bytes = c->raw_bytes };
	size_t n = stored->n + SEAL_TAG_BYTES;

	if (!l->to || stored->n == 0)
		return 0;
	if (n > l->room_bytes) {
		free(l->room);
		l->room = malloc(n);
		l->room_bytes = l->room ? n : 0;
	}
	if (!l->room)
		return fail(w, -ENOMEM, "out of memory");
	seal_lock(&l->key, &place, *stored, l->room);
	*stored = bytes_of(l->room, n);
	c->stored_bytes = (uint32_t)n;
	c->stored_hash = hash_of(*stored);
	return 0;
}

int bundle_lock_recipients(const struct bundle_lock *l, uint8_t *table, struct encryption *e, struct why *w)
{
	int r = 0;

	for (size_t i = 0; !r && l->to && i < l->to->n; i++)
		r = recipient_entry_seal(&l->to->at[i], &l->key, table + i * RECIPIENT_ENTRY_BYTES, w);
	if (!r && l->to)
		e->recipients_hash = hash_of(bytes_of(table, (size_t)recipient_table_bytes(l->to->n)));
	return r;
}
