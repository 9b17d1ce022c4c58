#include "updater/bundle_write.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/io.h"
#include "updater/bundle.h"
#include "updater/bundle_plan.h"
#include "updater/dedupe.h"
#include "updater/packer.h"

struct writer {
	const struct bundle_job *job;
	struct manifest manifest; /* the recipe's, with sizes; its payloads are owned */
	struct bundle_plan plan;
	struct packer *packer;
	struct dedupe seen;
	uint8_t *tables;
	char temp[PATH_MAX];
	bool has_temp;                 /* there is a file of that name, ours */
	int in[MANIFEST_PAYLOADS_MAX]; /* -1: not open */
	int out;
	uint8_t *entry; /* where the next chunk's entry goes, of payload `at` */
	size_t at;
	uint64_t raw_at; /* raw offset of the next chunk that is taken, in its payload */
	uint64_t done;   /* raw bytes of all payloads so far */
	uint64_t stored; /* bytes in the payload area so far */
	struct bundle_written result;
};

static int open_inputs(struct writer *wr, struct why *w)
{
	const struct recipe *recipe = wr->job->recipe;

	wr->manifest = recipe->manifest;
	wr->manifest.payloads = calloc(recipe->manifest.n_payloads, sizeof(*wr->manifest.payloads));
	if (!wr->manifest.payloads)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; i < recipe->manifest.n_payloads; i++) {
		struct payload *p = &wr->manifest.payloads[i];
		int r;

		*p = recipe->manifest.payloads[i];
		wr->in[i] = open(recipe->files[i], O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (wr->in[i] < 0)
			return why_in(w, fail_errno(w, "%s", recipe->files[i]), "payload %s", p->name);
		r = fd_size(wr->in[i], recipe->files[i], &p->size_bytes, w);
		if (!r && p->size_bytes == 0)
			r = misuse(w, -ENODATA, "%s is empty", recipe->files[i]);
		if (r)
			return why_in(w, r, "payload %s", p->name);
		wr->result.raw_bytes += p->size_bytes;
	}
	return 0;
}

/* What the manifest would not take back is a mistake in the recipe. */
static int plan(struct writer *wr, struct why *w)
{
	struct why own = { 0 };
	int r = bundle_plan(&wr->manifest, wr->job->keys, wr->job->n_keys, wr->job->clock, &wr->plan, &own);

	if (r == -ENOMEM)
		return fail(w, r, "%s", own.text);
	return r ? misuse(w, r, "%s", own.text) : 0;
}

static int make_room(struct writer *wr, struct why *w)
{
	uint64_t chunks = 0;
	uint32_t longest = 0;
	int r;

	for (size_t i = 0; i < wr->plan.manifest.n_payloads; i++) {
		const struct payload *p = &wr->plan.manifest.payloads[i];

		chunks += p->chunks;
		longest = p->chunk_bytes > longest ? p->chunk_bytes : longest;
	}
	wr->tables = malloc((size_t)wr->plan.manifest.tables_bytes);
	if (!wr->tables)
		return fail(w, -ENOMEM, "out of memory");
	r = dedupe_init(&wr->seen, chunks, w);
	return r ? r : packer_new(wr->job->threads, longest, wr->job->recipe->level, &wr->packer, w);
}

static int create_temp(struct writer *wr, struct why *w)
{
	const char *path = wr->job->path;
	struct stat st;

	if (snprintf(wr->temp, sizeof(wr->temp), "%s.tmp", path) >= (int)sizeof(wr->temp))
		return misuse(w, -ENAMETOOLONG, "%s: name too long", path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return misuse(w, -EEXIST, "%s: is there, and is not a regular file", path);
	if (unlink(wr->temp) && errno != ENOENT)
		return fail_errno(w, "%s: left over, cannot be removed", wr->temp);
	wr->out = open(wr->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (wr->out < 0)
		return fail_errno(w, "%s: create", wr->temp);
	wr->has_temp = true;
	return 0;
}

/* Where the entries of a payload begin, after its list of pages. */
static uint8_t *entries_of(const struct writer *wr, const struct payload *p)
{
	return wr->tables + p->table_offset + (p->table_bytes - p->chunks * CHUNKS_ENTRY_BYTES);
}

/* Give the chunk its place in the payload area, storing it unless its content is there already. */
static int place(struct writer *wr, struct packed *done, struct why *w)
{
	struct chunk *c = &done->chunk;
	const uint8_t *before;
	int r;

	if (c->encoding == CHUNK_ZERO) {
		wr->result.zero_chunks++;
		return 0;
	}
	before = dedupe_find(&wr->seen, &c->raw_hash);
	if (before) {
		uint64_t raw_offset = c->raw_offset;

		*c = chunks_entry(bytes_of(before, CHUNKS_ENTRY_BYTES), 0);
		c->raw_offset = raw_offset;
		wr->result.equal_chunks++;
		return 0;
	}
	c->stored_offset = wr->stored;
	r = pwrite_full(wr->out, done->stored.p, done->stored.n, wr->plan.header.payload_offset + wr->stored, wr->temp,
			w);
	if (r)
		return r;
	wr->stored += done->stored.n;
	wr->result.raw_chunks += c->encoding == CHUNK_RAW;
	dedupe_add(&wr->seen, &c->raw_hash, wr->entry);
	return 0;
}

static int take_one(struct writer *wr, struct why *w)
{
	const struct payload *p = &wr->plan.manifest.payloads[wr->at];
	struct packed done;
	int r;

	if (!packer_take(wr->packer, &done))
		return 0;
	if (done.error)
		return fail(w, done.error, "%s: %s", p->name, done.why.text);
	done.chunk.raw_offset = wr->raw_at;
	r = place(wr, &done, w);
	if (r)
		return r;
	packer_release(wr->packer);
	chunks_entry_format(&done.chunk, wr->entry);
	wr->entry += CHUNKS_ENTRY_BYTES;
	wr->raw_at += done.chunk.raw_bytes;
	wr->done += done.chunk.raw_bytes;
	wr->result.chunks++;
	r = wr->job->step ? wr->job->step(wr->job->arg, wr->done, wr->result.raw_bytes) : 0;
	return r ? fail(w, r, "%s: not written: interrupted", wr->job->path) : 0;
}

static int pack_payload(struct writer *wr, size_t i, struct why *w)
{
	const struct payload *p = &wr->plan.manifest.payloads[i];
	const char *name = wr->job->recipe->files[i];
	uint64_t at = 0;
	int r = 0;

	wr->at = i;
	wr->raw_at = 0;
	wr->entry = entries_of(wr, p);
	while (!r && at < p->size_bytes) {
		uint64_t left = p->size_bytes - at;
		size_t n = left < p->chunk_bytes ? (size_t)left : p->chunk_bytes;

		if (packer_full(wr->packer))
			r = take_one(wr, w);
		r = r ? r : pread_full(wr->in[i], packer_room(wr->packer), n, at, name, w);
		if (!r)
			packer_put(wr->packer, n);
		at += n;
	}
	while (!r && wr->raw_at < p->size_bytes)
		r = take_one(wr, w);
	return r;
}

/* The hash of each page into the payload's list, and the list's hash into the manifest. */
static void seal_table(const struct writer *wr, struct payload *p)
{
	uint8_t *list = wr->tables + p->table_offset, *entries = entries_of(wr, p);
	uint64_t left = p->chunks * CHUNKS_ENTRY_BYTES;
	uint8_t *to = list;

	while (left > 0) {
		size_t n = left < CHUNKS_PAGE_BYTES ? (size_t)left : CHUNKS_PAGE_BYTES;
		struct hash h = hash_of(bytes_of(entries, n));

		memcpy(to, h.b, sizeof(h.b));
		to += sizeof(h.b);
		entries += n;
		left -= n;
	}
	p->table_hash = hash_of(bytes_of(list, (size_t)(to - list)));
}

static int write_head(struct writer *wr, struct why *w)
{
	struct manifest *m = &wr->plan.manifest;
	AUTO_FREE uint8_t *head = NULL;
	uint64_t at = bundle_header_tables_at(&wr->plan.header);
	int r;

	for (size_t i = 0; i < m->n_payloads; i++)
		seal_table(wr, &m->payloads[i]);
	m->payload_bytes = wr->stored;
	r = bundle_plan_head(&wr->plan, &head, &wr->result.id, w);
	r = r ? r : pwrite_full(wr->out, head, (size_t)at, 0, wr->temp, w);
	r = r ? r : pwrite_full(wr->out, wr->tables, (size_t)m->tables_bytes, at, wr->temp, w);
	wr->result.bundle_bytes = wr->plan.header.payload_offset + wr->stored;
	if (!r && ftruncate(wr->out, (off_t)wr->result.bundle_bytes)) /* with nothing stored, the padding is missing */
		r = fail_errno(w, "%s: size", wr->temp);
	return r;
}

/* Read back as a device would, before anybody sees it. */
static int check_head(const struct writer *wr, struct why *w)
{
	struct trust trust = { .threshold = (unsigned int)wr->job->n_keys };
	struct source src = { 0 };
	struct bundle b = { 0 };
	int r = 0;

	for (size_t i = 0; i < wr->job->n_keys && !r; i++) {
		struct minisig_key key = keys_public(&wr->job->keys[i]);

		r = trust_add(&trust, &key, "signing keys", w);
	}
	r = r ? r : source_file(wr->temp, &src, w);
	r = r ? r : bundle_open(&src, BUNDLE_WHOLE, &trust, &b, w);
	bundle_close(&b);
	source_close(&src);
	return r;
}

static int publish(struct writer *wr, struct why *w)
{
	char folder[PATH_MAX];
	int r;

	if (fsync(wr->out))
		return fail_errno(w, "%s: fsync", wr->temp);
	r = close_checked(&wr->out, wr->temp, w);
	if (!r && rename(wr->temp, wr->job->path))
		r = fail_errno(w, "%s: rename", wr->job->path);
	if (r)
		return r;
	wr->has_temp = false;
	memcpy(folder, wr->temp, sizeof(folder));
	return dir_sync(dirname(folder), w);
}

static int build(struct writer *wr, struct why *w)
{
	int r = open_inputs(wr, w);

	r = r ? r : plan(wr, w);
	r = r ? r : make_room(wr, w);
	r = r ? r : create_temp(wr, w);
	for (size_t i = 0; !r && i < wr->plan.manifest.n_payloads; i++)
		r = pack_payload(wr, i, w);
	r = r ? r : write_head(wr, w);
	r = r ? r : check_head(wr, w);
	return r ? r : publish(wr, w);
}

static void close_all(struct writer *wr)
{
	for (size_t i = 0; i < ARRAY_SIZE(wr->in); i++)
		auto_close(&wr->in[i]);
	if (wr->has_temp)
		(void)unlink(wr->temp);
	auto_close(&wr->out);
	packer_free(wr->packer);
	dedupe_done(&wr->seen);
	bundle_plan_done(&wr->plan);
	manifest_done(&wr->manifest);
	free(wr->tables);
}

int bundle_write(const struct bundle_job *job, struct bundle_written *ret, struct why *w)
{
	AUTO_FREE struct writer *wr = calloc(1, sizeof(*wr));
	int r;

	if (!wr)
		return fail(w, -ENOMEM, "out of memory");
	wr->job = job;
	wr->out = -1;
	memset(wr->in, 0xff, sizeof(wr->in)); /* -1 */
	r = build(wr, w);
	close_all(wr);
	if (r)
		return r;
	*ret = wr->result;
	return 0;
}
