#include "updater/verify_slot.h"

#include <inttypes.h>

/* A file of the ESP that is being compared with a chunk table. */
struct compared {
	struct esp *esp;
	const char *path;
	int file;
	uint64_t bytes;
	struct chunks table;
	uint8_t *buf; /* the longest chunk, rounded up: the file may be open with O_DIRECT */
	size_t room;
};

static void compared_done(struct compared *c)
{
	if (c->file >= 0)
		c->esp->ops->close_read(c->esp, c->file);
	chunks_done(&c->table);
	free(c->buf);
}

/* A long run of zeros is looked at in pieces. */
static int compare_chunk(struct compared *k, struct chunk c, struct why *w)
{
	uint32_t left = c.raw_bytes;
	int r = 0;

	for (; !r && left > 0; left -= c.raw_bytes, c.raw_offset += c.raw_bytes) {
		size_t n = 0;

		c.raw_bytes = left < k->room ? left : (uint32_t)k->room;
		r = k->esp->ops->read_at(k->esp, k->file, k->buf, k->room, c.raw_offset, &n, w);
		if (!r && (n < c.raw_bytes || !chunk_raw_matches(&c, k->buf)))
			r = fail(w, -EBADMSG, "differs from byte %" PRIu64 " on", c.raw_offset);
	}
	return r;
}

static int compare_boot_file(const struct verify_job *job, const struct payload *p, struct why *w)
{
	CLEANUP(compared_done)
	struct compared k = { .esp = job->esp, .file = -1, .room = p->chunk_bytes };
	int r;

	k.buf = blk_alloc(k.room);
	if (!k.buf)
		return fail(w, -ENOMEM, "out of memory");
	r = bundle_chunks(job->bundle, p, &k.table, w);
	r = r ? r : job->esp->ops->open_read(job->esp, job->boot_file, &k.file, &k.bytes, w);
	if (!r && k.bytes != p->size_bytes)
		r = fail(w, -EBADMSG, "has %" PRIu64 " bytes, not %" PRIu64, k.bytes, p->size_bytes);
	for (uint64_t i = 0; !r && i < p->chunks; i++) {
		struct chunk c = { 0 };

		r = chunks_get(&k.table, i, &c, w);
		r = r ? r : compare_chunk(&k, c, w);
	}
	return r;
}

static void check_boot_file(const struct verify_job *job, struct verify_result *ret)
{
	const struct payload *p = NULL;
	struct why w = { 0 };
	int r = manifest_pick(&job->bundle->manifest, PAYLOAD_FILE, job->slot == SLOT_A ? 'a' : 'b', &p, &w);

	r = r ? r : compare_boot_file(job, p, &w);
	ret->boot_file_checked = true;
	ret->boot_file_bad = r != 0;
	if (r)
		(void)snprintf(ret->text, sizeof(ret->text), "%s: %.*s", job->boot_file, 120, w.text);
}

int verify_slot(const struct verify_job *job, struct verify_result *ret, struct why *w)
{
	struct pipeline_job pipeline = {
		.bundle = job->bundle,
		.to = job->root,
		.check_only = true,
		.workers = job->workers,
		.step = job->step,
		.cancelled = job->cancelled,
		.arg = job->arg,
	};
	struct verify_result v = { .verdict = SLOT_GOOD };
	int r = manifest_pick(&job->bundle->manifest, PAYLOAD_IMAGE, job->slot == SLOT_A ? 'a' : 'b', &pipeline.payload,
			      w);

	r = r ? r : pipeline_run(&pipeline, &v.image, w);
	if (r)
		return r;
	if (job->esp)
		check_boot_file(job, &v);
	if (v.image.bad_chunks || v.boot_file_bad)
		v.verdict = SLOT_DAMAGED;
	*ret = v;
	return 0;
}

const char *slot_verdict_name(enum slot_verdict v)
{
	static const char *const words[] = { "good", "damaged", "unknown" };

	return words[v];
}
