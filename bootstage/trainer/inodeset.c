#include "bootstage/trainer/inodeset.h"

#include <errno.h>

#define FIRST_ROOM 64u /* a power of two, as every room */

void inodeset_free(struct inodeset *s)
{
	free(s->slots);
	*s = (struct inodeset){ 0 };
}

/* Its slot, or the empty one where it goes. */
static struct inodeset_slot *find(struct inodeset_slot *slots, size_t room, uint64_t device, uint64_t inode)
{
	uint64_t mixed = (inode ^ device << 40) * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (size_t)(mixed >> 32) & (room - 1);

	while (slots[at].times && (slots[at].inode != inode || slots[at].device != device))
		at = (at + 1) & (room - 1);
	return &slots[at];
}

static int grow(struct inodeset *s)
{
	size_t room = s->room ? 2 * s->room : FIRST_ROOM;
	struct inodeset_slot *slots = calloc(room, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->room; i++)
		if (s->slots[i].times)
			*find(slots, room, s->slots[i].device, s->slots[i].inode) = s->slots[i];
	free(s->slots);
	s->slots = slots;
	s->room = room;
	return 0;
}

int64_t inodeset_add(struct inodeset *s, uint64_t device, uint64_t inode)
{
	struct inodeset_slot *slot;

	if (3 * (s->n + 1) > 2 * s->room && grow(s))
		return -ENOMEM;
	slot = find(s->slots, s->room, device, inode);
	s->n += slot->times == 0;
	*slot = (struct inodeset_slot){ .device = device, .inode = inode, .times = slot->times + 1 };
	return (int64_t)slot->times;
}

uint64_t inodeset_times(const struct inodeset *s, uint64_t device, uint64_t inode)
{
	return s->room ? find(s->slots, s->room, device, inode)->times : 0;
}
