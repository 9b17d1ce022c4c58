#include "bootstage/intel/idset.h"

#include <errno.h>

#define ROOM_FIRST 1024u

void idset_free(struct idset *s)
{
	free(s->slots);
	*s = (struct idset){ 0 };
}

/* Ids follow one another: the upper half of a product spreads them (Knuth, 6.4). */
static size_t slot_of(const struct idset *s, int64_t id)
{
	size_t at = (size_t)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (s->room - 1);

	while (s->slots[at] && s->slots[at] != id)
		at = (at + 1) & (s->room - 1);
	return at;
}

static int grow(struct idset *s)
{
	struct idset wide = { .room = s->room ? 2 * s->room : ROOM_FIRST, .n = s->n };

	wide.slots = calloc(wide.room, sizeof(*wide.slots));
	if (!wide.slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->room; i++)
		if (s->slots[i])
			wide.slots[slot_of(&wide, s->slots[i])] = s->slots[i];
	free(s->slots);
	*s = wide;
	return 0;
}

int idset_add(struct idset *s, int64_t id)
{
	size_t at;

	if (id <= 0)
		return -EINVAL;
	if (3 * (s->n + 1) > 2 * s->room) {
		int r = grow(s);

		if (r)
			return r;
	}
	at = slot_of(s, id);
	if (s->slots[at])
		return 0;
	s->slots[at] = id;
	s->n++;
	return 1;
}

bool idset_has(const struct idset *s, int64_t id)
{
	return id > 0 && s->room > 0 && s->slots[slot_of(s, id)] == id;
}
