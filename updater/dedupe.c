#include "updater/dedupe.h"

int dedupe_init(struct dedupe *ret, uint64_t n, struct why *w)
{
	size_t slots = 16;

	while (slots / 2 < n) /* at most half full */
		slots *= 2;
	ret->slots = calloc(slots, sizeof(*ret->slots));
	if (!ret->slots)
		return fail(w, -ENOMEM, "out of memory");
	ret->mask = slots - 1;
	return 0;
}

void dedupe_done(struct dedupe *d)
{
	free(d->slots);
	*d = (struct dedupe){ 0 };
}

/* The slot that holds this hash, or the free one where it would go. */
static struct dedupe_slot *slot_of(const struct dedupe *d, const struct hash *raw_hash)
{
	size_t i;

	memcpy(&i, raw_hash->b, sizeof(i));
	while (d->slots[i & d->mask].entry && !hash_equal(&d->slots[i & d->mask].raw_hash, raw_hash))
		i++;
	return &d->slots[i & d->mask];
}

const uint8_t *dedupe_find(const struct dedupe *d, const struct hash *raw_hash)
{
	return slot_of(d, raw_hash)->entry;
}

void dedupe_add(struct dedupe *d, const struct hash *raw_hash, const uint8_t *entry)
{
	*slot_of(d, raw_hash) = (struct dedupe_slot){ .entry = entry, .raw_hash = *raw_hash };
}
