#include "updater/install_base.h"

#include "updater/base_reader.h"
#include "updater/pipeline.h"

#define HASH_READ_BYTES (1u << 20)

static bool is_known(const struct hash *id)
{
	return !bytes_all_zero(bytes_of(id->b, HASH_BYTES));
}

const struct payload *install_base_image(const struct install_parts *parts, struct slothead_open *ret)
{
	const struct hash *id = &parts->boot->rec.slots[parts->running->slot].image_id;
	const struct payload *p = NULL;

	if (!parts->has_record || !is_known(id) ||
	    slothead_load(parts->state, parts->running->slot, id, NULL, ret, NULL) ||
	    (parts->unlock && parts->unlock(parts->arg, &ret->bundle, NULL)) || !ret->bundle.unlocked ||
	    manifest_pick(&ret->bundle.manifest, PAYLOAD_IMAGE, parts->running->slot == SLOT_A ? 'a' : 'b', &p, NULL))
		return NULL;
	return p;
}

int install_base_hash(struct blk *b, uint64_t bytes, struct hash *ret, struct why *w)
{
	CLEANUP(base_reader_done) struct base_reader reader = { 0 };
	AUTO_FREE uint8_t *buf = blk_alloc(HASH_READ_BYTES);
	struct hasher h;
	int r = buf ? base_reader_blk(b, bytes, &reader, w) : fail(w, -ENOMEM, "out of memory");

	hasher_init(&h);
	for (uint64_t at = 0; !r && at < bytes; at += HASH_READ_BYTES) {
		size_t n = bytes - at < HASH_READ_BYTES ? (size_t)(bytes - at) : HASH_READ_BYTES;

		r = base_read(&reader, buf, n, at, w);
		if (!r)
			hasher_add(&h, bytes_of(buf, n));
	}
	if (!r)
		*ret = hasher_end(&h);
	return r;
}

int install_base_open(const struct install_parts *parts, bool by_reading, bool (*cancelled)(void *arg), void *arg,
		      struct install_base *ret, struct why *w)
{
	struct basemap_job job = { .workers = pipeline_processors(), .cancelled = cancelled, .arg = arg };
	int r;

	*ret = (struct install_base){ 0 };
	if (!parts->open_base || parts->running->slot == SLOT_NONE)
		return 0;
	job.payload = install_base_image(parts, &ret->head);
	job.head = job.payload && job.payload->index_blocks ? &ret->head.bundle : NULL;
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
