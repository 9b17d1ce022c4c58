#include "updater/install_base.h"

#include "updater/pipeline.h"

static bool is_known(const struct hash *id)
{
	return !bytes_all_zero(bytes_of(id->b, HASH_BYTES));
}

/* The image in the running slot's stored head, when it has an index. */
static const struct payload *read_head(const struct install_parts *parts, struct slothead_open *ret)
{
	const struct hash *id = &parts->boot->rec.slots[parts->running->slot].image_id;
	const struct payload *p = NULL;

	if (!parts->has_record || !is_known(id) ||
	    slothead_load(parts->state, parts->running->slot, id, NULL, ret, NULL) ||
	    (parts->unlock && parts->unlock(parts->arg, &ret->bundle, NULL)) || !ret->bundle.unlocked ||
	    manifest_pick(&ret->bundle.manifest, PAYLOAD_IMAGE, parts->running->slot == SLOT_A ? 'a' : 'b', &p, NULL))
		return NULL;
	return p->index_blocks ? p : NULL;
}

int install_base_open(const struct install_parts *parts, bool by_reading, bool (*cancelled)(void *arg), void *arg,
		      struct install_base *ret, struct why *w)
{
	struct basemap_job job = { .workers = pipeline_processors(), .cancelled = cancelled, .arg = arg };
	int r;

	*ret = (struct install_base){ 0 };
	if (!parts->open_base || parts->running->slot == SLOT_NONE)
		return 0;
	job.payload = read_head(parts, &ret->head);
	job.head = job.payload ? &ret->head.bundle : NULL;
	if ((!job.head && !by_reading) || parts->open_base(parts->arg, &job.base, NULL))
		return 0;
	r = basemap_open(&job, &ret->map, w);
	if (r == -ECANCELED)
		return r;
	if (!r)
		ret->blk = job.base;
	else if (w)
		*w = (struct why){ 0 };
	return 0;
}

void install_base_close(struct install_base *b)
{
	basemap_done(&b->map);
	slothead_close(&b->head);
}
