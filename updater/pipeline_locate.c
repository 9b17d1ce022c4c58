/*
 * What went wrong in reading back: look again, with the bytes that should be there. When all threads have ended.
 */
#include <inttypes.h>

#include "updater/pipeline_worker.h"

static int seek(struct pipeline *p, uint64_t raw, struct why *w)
{
	p->next.chunk = 0;
	p->next.raw = raw;
	for (;; p->next.chunk++) {
		struct chunk c = { 0 };
		int r = chunks_get(&p->next.table, p->next.chunk, &c, w);

		if (r || raw - c.raw_offset < c.raw_bytes)
			return r;
	}
}

/* All of the batch that holds this byte, up to the chunk there, from the bundle. */
static int fetch_again(struct pipeline *p, struct worker *k, struct batch *b, uint64_t at, struct why *w)
{
	size_t n = 0;
	int r = seek(p, at - at % p->size.batch_bytes, w);

	p->pass = PASS_CHECK; /* so that nothing has another fate than to be fetched */
	r = r ? r : pipeline_build(p, b, w);
	while (n < b->n && b->at[n].chunk.raw_offset <= at)
		n++;
	b->n = n;
	for (size_t i = 0; i < n; i++)
		b->at[i].blank = false;
	batch_lay_out(b);
	b->stored = p->stored;
	r = r ? r : pipeline_fetch(p, b, w);
	return r ? r : worker_decode(k, b, w);
}

static int read_both(struct pipeline *p, const struct span *s, const uint8_t **want, uint8_t *have, struct why *w)
{
	struct batch *b = &p->ring[0].b;
	struct worker *k = NULL;
	int r = worker_new(p, &k, w);

	if (r)
		return r;
	r = fetch_again(p, k, b, s->at, w);
	worker_free(k);
	*want = b->raw + (s->at - b->begin);
	return r ? r : blk_read(p->job->to, have, (s->bytes + (size_t)BLK_ALIGN - 1) / BLK_ALIGN * BLK_ALIGN, s->at, w);
}

/* Say which sector of the disk it is. */
void pipeline_locate(struct pipeline *p, struct why *w)
{
	uint32_t sector = p->job->sector_bytes ? p->job->sector_bytes : 512;
	uint64_t at = p->differs.at, n = 0;
	uint8_t *have = p->ring[1].b.raw;
	const uint8_t *want = NULL;

	if (read_both(p, &p->differs, &want, have, NULL) == 0) {
		while (n < p->differs.bytes && want[n] == have[n])
			n++;
		at += n < p->differs.bytes ? n : 0;
	}
	*w = (struct why){ 0 };
	(void)fail(w, -EIO,
		   "%s: reads back different from what was written: first at LBA %" PRIu64 " (byte %" PRIu64
		   " of the slot)%s",
		   p->job->to->name, (p->job->disk_offset + at) / sector, at,
		   n == p->differs.bytes ? ", and right when read once more" : "");
	(void)why_next(w, -EIO,
		       "the medium is failing: its health should be looked at before anything else is written");
}
