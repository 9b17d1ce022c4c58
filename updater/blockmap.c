#include "updater/blockmap.h"

#define SLOTS_MIN (1u << 16) /* the place of a slot stands for the 16 bits of the key that are not in it */
#define SLOTS_MAX (BLOCKMAP_BYTES_MAX / sizeof(uint64_t))

int blockmap_init(struct blockmap *ret, uint64_t n, struct why *w)
{
	size_t slots = SLOTS_MIN;

	while (slots / 4 * 3 < n && slots < SLOTS_MAX)
		slots *= 2;
	*ret = (struct blockmap){ .slots = calloc(slots, sizeof(*ret->slots)),
				  .mask = slots - 1,
				  .room = slots / 4 * 3 };
	return ret->slots ? 0 : fail(w, -ENOMEM, "out of memory");
}

void blockmap_done(struct blockmap *m)
{
	free(m->slots);
	*m = (struct blockmap){ 0 };
}

/* The slot of this key, or the free one where it would go. */
static uint64_t *slot_of(const struct blockmap *m, const uint8_t key[BLOCKMAP_KEY_BYTES], uint32_t *ret_tag)
{
	uint64_t k = 0;
	size_t i;

	for (unsigned int b = 0; b < BLOCKMAP_KEY_BYTES; b++)
		k |= (uint64_t)key[b] << (8 * b);
	*ret_tag = (uint32_t)(k >> 16);
	for (i = (size_t)k & m->mask; m->slots[i] && (uint32_t)(m->slots[i] >> 32) != *ret_tag;)
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

static uint32_t block_of(uint64_t slot)
{
	return (uint32_t)slot - 1; /* 0 is a free slot's */
}

void blockmap_add(struct blockmap *m, const uint8_t key[BLOCKMAP_KEY_BYTES], uint32_t block)
{
	uint32_t tag;
	uint64_t *slot = slot_of(m, key, &tag);

	if (block == BLOCKMAP_NONE || (*slot ? block_of(*slot) <= block : m->n == m->room))
		return;
	m->n += !*slot;
	*slot = (uint64_t)tag << 32 | (block + 1);
}

uint32_t blockmap_find(const struct blockmap *m, const uint8_t key[BLOCKMAP_KEY_BYTES])
{
	uint32_t tag;
	uint64_t slot = *slot_of(m, key, &tag);

	return slot ? block_of(slot) : BLOCKMAP_NONE;
}
