#include "bootstage/intel/reach.h"

#define ROOM_FIRST 1024u

void reach_free(struct reach *k)
{
	idset_free(&k->met);
	free(k->ids);
	free(k->depths);
	free(k->via);
	*k = (struct reach){ 0 };
}

static int make_room(struct reach *k, struct why *w)
{
	size_t room = k->room ? 2 * k->room : ROOM_FIRST;
	int64_t *ids = realloc(k->ids, room * sizeof(*ids));
	int16_t *depths;

	if (ids)
		k->ids = ids;
	depths = ids ? realloc(k->depths, room * sizeof(*depths)) : NULL;
	if (!depths)
		return fail(w, -ENOMEM, "out of memory for %zu nodes", room);
	k->depths = depths;
	if (k->paths) {
		struct reach_via *via = realloc(k->via, room * sizeof(*via));

		if (!via)
			return fail(w, -ENOMEM, "out of memory for %zu nodes", room);
		k->via = via;
	}
	k->room = room;
	return 0;
}

int reach_add(struct reach *k, int64_t id, int depth, struct why *w)
{
	int r;

	if (k->n == k->most) {
		k->cut |= !idset_has(&k->met, id);
		return 0;
	}
	r = k->n == k->room ? make_room(k, w) : 0;
	if (r)
		return r;
	r = idset_add(&k->met, id);
	if (r < 0)
		return fail(w, r, r == -EINVAL ? "PostgreSQL: a node without a number" : "out of memory");
	if (r > 0) {
		k->ids[k->n] = id;
		if (k->paths)
			k->via[k->n] = (struct reach_via){ 0 };
		k->depths[k->n++] = (int16_t)depth;
	}
	return 0;
}
