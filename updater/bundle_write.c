#include "updater/bundle_write.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/io.h"
#include "updater/bundle.h"
#include "updater/bundle_lock.h"
#include "updater/bundle_plan.h"
#include "updater/chunks_build.h"
#include "updater/cut.h"
#include "updater/dedupe.h"
#include "updater/delta_pack.h"
#include "updater/packer.h"
#include "updater/tree_tar.h"

#define READ_BYTES (1u << 20)
#define ZERO_BYTES (64u << 10) /* shorter runs of zeros are packed with what is around them */

/* One payload under way. Groups are put into the packer and taken out in order; zeros between them need no packing. */
struct part {
	struct cutter cuts;
	struct chunks_build table;
	struct hasher hasher;
	uint64_t put_at;   /* raw bytes that were put */
	size_t put, taken; /* chunks */
};

struct writer {
	const struct bundle_job *job;
	struct manifest manifest; /* the recipe's, with sizes; its payloads are owned */
	struct bundle_plan plan;
	struct packer *packer;
	struct delta_pack *delta; /* of the payload under way, when it is a delta */
	struct dedupe seen;
	struct bundle_lock lock;
	uint8_t *tables;
	char temp[PATH_MAX];
	bool has_temp;                 /* there is a file of that name, ours */
	int in[MANIFEST_PAYLOADS_MAX]; /* -1: not open */
	struct part parts[MANIFEST_PAYLOADS_MAX];
	int out;
	uint64_t done;   /* raw bytes of all payloads so far */
	uint64_t stored; /* bytes in the payload area so far */
	struct bundle_written result;
};

static int step(const struct writer *wr, struct why *w)
{
	int r = wr->job->step ? wr->job->step(wr->job->arg, wr->done, wr->result.raw_bytes) : 0;

	return r ? fail(w, r, "%s: not written: interrupted", wr->job->path) : 0;
}

static int open_tree(const struct writer *wr, const char *path, struct payload *p, int *ret, struct why *w)
{
	struct tree_limits limits = { 0 };
	int r = tree_tar_open(path, wr->job->path, wr->job->clock, ret, &limits, w);

	p->tree_bytes = limits.bytes;
	p->tree_entries = limits.entries;
	return r;
}

static int open_input(struct writer *wr, size_t i, struct why *w)
{
	const char *path = wr->job->recipe->files[i];
	struct payload *p = &wr->manifest.payloads[i];
	int r = 0;

	*p = wr->job->recipe->manifest.payloads[i];
	if (p->kind == PAYLOAD_TREE && !wr->job->bases)
		r = open_tree(wr, path, p, &wr->in[i], w);
	else if ((wr->in[i] = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)) < 0)
		r = fail_errno(w, "%s", path);
	r = r ? r : fd_size(wr->in[i], path, &p->size_bytes, w);
	if (!r && p->size_bytes == 0)
		r = misuse(w, -ENODATA, "%s is empty", path);
	wr->result.raw_bytes += p->size_bytes;
	return r ? why_in(w, r, "payload %s", p->name) : 0;
}

static int open_inputs(struct writer *wr, struct why *w)
{
	const struct recipe *recipe = wr->job->recipe;
	int r = 0;

	wr->manifest = recipe->manifest;
	wr->manifest.payloads = calloc(recipe->manifest.n_payloads, sizeof(*wr->manifest.payloads));
	if (!wr->manifest.payloads)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; !r && i < recipe->manifest.n_payloads; i++)
		r = open_input(wr, i, w);
	return r;
}

/* Files that are shorter than this share a chunk. */
static uint32_t file_bytes(uint32_t chunk_bytes)
{
	return (chunk_bytes / 4 + CHUNK_ALIGN - 1) / CHUNK_ALIGN * CHUNK_ALIGN;
}

/* Read a payload's input once to see where it is cut: how many chunks there are decides where they go. */
static int cut_input(struct writer *wr, size_t i, struct why *w)
{
	struct payload *p = &wr->manifest.payloads[i];
	const struct cut_rules rules = { .chunk_bytes = p->chunk_bytes,
					 .group_bytes = p->group_bytes,
					 .zero_bytes = p->chunk_bytes < ZERO_BYTES ? p->chunk_bytes : ZERO_BYTES,
					 .file_bytes = file_bytes(p->chunk_bytes) };
	struct cutter *cuts = &wr->parts[i].cuts;
	AUTO_FREE uint8_t *buf = malloc(READ_BYTES);
	int r = buf ? 0 : fail(w, -ENOMEM, "out of memory");

	cutter_begin(cuts, &rules);
	for (uint64_t at = 0; !r && at < p->size_bytes; at += READ_BYTES) {
		size_t n = p->size_bytes - at < READ_BYTES ? (size_t)(p->size_bytes - at) : READ_BYTES;

		r = pread_full(wr->in[i], buf, n, at, wr->job->recipe->files[i], w);
		r = r ? r : cutter_add(cuts, bytes_of(buf, n), w);
		r = r ? r : step(wr, w);
	}
	r = r ? r : cutter_end(cuts, w);
	p->chunks = cuts->n;
	p->index_blocks = p->base_bytes || wr->job->recipe->no_index ? 0 : cutter_index_blocks(cuts);
	return r;
}

/* What the manifest would not take back is a mistake in the recipe. */
static int plan(struct writer *wr, struct why *w)
{
	struct why own = { 0 };
	int r = bundle_plan(&wr->manifest, wr->job->keys, wr->job->n_keys, wr->job->clock, wr->job->statements,
			    &wr->plan, &own);

	if (r == -ENOMEM)
		return fail(w, r, "%s", own.text);
	if (r)
		(void)misuse(w, r, "%s", own.text);
	return r && own.next[0] ? why_next(w, r, "%s", own.next) : r;
}

static int make_room(struct writer *wr, struct why *w)
{
	uint64_t chunks = 0;
	uint32_t longest = 0;
	int r;

	for (size_t i = 0; i < wr->plan.manifest.n_payloads; i++) {
		const struct payload *p = &wr->plan.manifest.payloads[i];

		chunks += p->chunks;
		longest = p->group_bytes > longest ? p->group_bytes : longest;
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

/*
 * By what another chunk that can be decoded from the same stored bytes is found: its content, and with a prefix all that
 * is before it in the group, which is in `chain`.
 */
static struct hash key_of(const struct chunk *c, const struct hash *chain)
{
	return c->prefix_bytes ? *chain : c->raw_hash;
}

/* What is in a group up to this chunk and with it, by what was there before it. */
static struct hash chain_on(const struct hash *before, const struct chunk *c)
{
	uint8_t bytes[8];
	struct hasher h;

	put_le64(bytes, c->raw_bytes);
	hasher_init(&h);
	hasher_add(&h, bytes_of(before->b, HASH_BYTES));
	hasher_add(&h, bytes_of(c->raw_hash.b, HASH_BYTES));
	hasher_add(&h, bytes_of(bytes, sizeof(bytes)));
	return hasher_end(&h);
}

static int store(struct writer *wr, struct encoded *x, struct why *w)
{
	int r;

	x->chunk.stored_offset = wr->stored;
	r = bundle_lock_chunk(&wr->lock, &x->chunk, &x->stored, w);
	if (r)
		return r;
	r = pwrite_full(wr->out, x->stored.p, x->stored.n, wr->plan.header.payload_offset + wr->stored, wr->temp, w);
	wr->stored += x->stored.n;
	wr->result.raw_chunks += x->chunk.encoding == CHUNK_RAW;
	return r;
}

/* Give the chunk its place in the payload area, storing it unless its content is there already, and its entry. */
static int place(struct writer *wr, struct part *part, struct encoded *x, const struct hash *chain,
		 const uint8_t *index, struct why *w)
{
	const uint8_t *before = dedupe_find(&wr->seen, &x->chunk.raw_hash), *entry;
	int r = 0;

	before = before ? before : dedupe_find(&wr->seen, chain);
	if (before) {
		x->chunk = chunks_entry(bytes_of(before, CHUNKS_ENTRY_BYTES), 0);
		wr->result.equal_chunks++;
	} else {
		r = store(wr, x, w);
	}
	entry = chunks_build_add(&part->table, &x->chunk, index);
	if (!before) {
		struct hash key = key_of(&x->chunk, chain);

		dedupe_add(&wr->seen, &key, entry);
	}
	return r;
}

static void add_zeros(struct writer *wr, struct part *part, const struct chunk *c)
{
	(void)chunks_build_add(&part->table, c, NULL);
	wr->result.zero_chunks++;
}

static int take_group(struct writer *wr, struct part *part, struct why *w)
{
	struct hash chain = { 0 };
	struct packed done = { 0 };
	int r = 0;

	if (!packer_take(wr->packer, &done))
		return fail(w, -EINVAL, "the packer is empty");
	if (done.error)
		return fail(w, done.error, "%s: %s", part->table.payload->name, done.why.text);
	for (size_t i = 0; !r && i < done.n; i++) {
		struct chunk *c = &done.at[i].chunk;

		wr->done += c->raw_bytes;
		chain = chain_on(&chain, c);
		if (c->encoding == CHUNK_ZERO)
			add_zeros(wr, part, c);
		else
			r = place(wr, part, &done.at[i], &chain, done.index, w);
		done.index += chunk_index_blocks(c) * CHUNK_INDEX_BYTES;
	}
	part->taken += done.n;
	packer_release(wr->packer);
	return r;
}

/* Chunks of a delta serve no other payload, which may have no base. */
static int take_delta(struct writer *wr, struct part *part, struct why *w)
{
	struct delta_packed done = { 0 };
	const struct chunk *c = &done.x.chunk;
	int r = 0;

	delta_pack_take(wr->delta, &done);
	if (done.error)
		return fail(w, done.error, "%s: %s", part->table.payload->name, done.why.text);
	if (c->encoding != CHUNK_COPY)
		r = store(wr, &done.x, w);
	if (r)
		return r;
	wr->result.copy_chunks += c->encoding == CHUNK_COPY;
	wr->result.ref_chunks += c->encoding == CHUNK_ZSTD_REF;
	(void)chunks_build_add(&part->table, c, NULL);
	wr->done += c->raw_bytes;
	part->taken++;
	delta_pack_release(wr->delta);
	return 0;
}

static int take_one(struct writer *wr, struct part *part, struct why *w)
{
	const struct cut *cut = &part->cuts.at[part->taken];
	int r = 0;

	if (cut->zero) {
		add_zeros(wr, part, &(struct chunk){ .raw_bytes = cut->bytes });
		wr->done += cut->bytes;
		part->taken++;
	} else {
		r = wr->delta ? take_delta(wr, part, w) : take_group(wr, part, w);
	}
	return r ? r : step(wr, w);
}

/*
 * How many cuts from the next one on, which is not of zeros, are one group: to its last one that is not of zeros. Where a
 * group is as long as a chunk, chunks stand by themselves, zeros between them or not.
 */
static size_t group_length(const struct part *part, size_t *ret_bytes)
{
	uint32_t group_bytes = part->cuts.rules.group_bytes;
	uint64_t left = group_bytes - part->put_at % group_bytes, at = 0;
	size_t n = 0;

	if (group_bytes == part->cuts.rules.chunk_bytes)
		left = 1;
	for (size_t i = part->put; i < part->cuts.n && at < left; i++) {
		at += part->cuts.at[i].bytes;
		if (part->cuts.at[i].zero)
			continue;
		n = i + 1 - part->put;
		*ret_bytes = (size_t)at;
	}
	return n;
}

/* Whether zeros are where the cuts say, as when they were made. */
static bool zeros_are_there(const struct cut *cuts, size_t n, const uint8_t *raw)
{
	for (size_t i = 0; i < n; i++) {
		if (cuts[i].zero && !bytes_all_zero(bytes_of(raw, cuts[i].bytes)))
			return false;
		raw += cuts[i].bytes;
	}
	return true;
}

static int put_group(struct writer *wr, size_t i, struct why *w)
{
	const char *name = wr->job->recipe->files[i];
	uint8_t *raw = packer_room(wr->packer);
	struct part *part = &wr->parts[i];
	const struct cut *cuts = &part->cuts.at[part->put];
	size_t bytes = 0, n = group_length(part, &bytes);
	int r = pread_full(wr->in[i], raw, bytes, part->put_at, name, w);

	if (!r && !zeros_are_there(cuts, n, raw))
		r = fail(w, -EIO, "%s: was changed while it was read", name);
	if (r)
		return r;
	hasher_add(&part->hasher, bytes_of(raw, bytes));
	packer_put(wr->packer, cuts, n);
	part->put += n;
	part->put_at += bytes;
	return 0;
}

static int put_one(struct writer *wr, size_t i, struct why *w)
{
	struct part *part = &wr->parts[i];
	const struct cut *cut = &part->cuts.at[part->put];

	if (!cut->zero)
		return put_group(wr, i, w);
	hasher_add_zeros(&part->hasher, cut->bytes);
	part->put_at += cut->bytes;
	part->put++;
	return 0;
}

static int pack_delta(struct writer *wr, size_t i, struct why *w)
{
	struct part *part = &wr->parts[i];
	const struct bundle_base *base = &wr->job->bases[i];
	const struct delta_job job = { .index = base->index,
				       .image = base->image,
				       .cuts = &part->cuts,
				       .chunk_bytes = part->table.payload->chunk_bytes,
				       .level = wr->job->recipe->level,
				       .threads = wr->job->threads };
	int r = delta_pack_new(&job, &wr->delta, w);

	for (uint64_t at = 0; !r && part->taken < part->cuts.n; at += part->cuts.at[part->taken - 1].bytes) {
		hasher_add(&part->hasher, bytes_of(base->image.p + at, part->cuts.at[part->taken].bytes));
		r = take_one(wr, part, w);
	}
	delta_pack_free(wr->delta);
	wr->delta = NULL;
	return r;
}

static int pack_full(struct writer *wr, size_t i, struct why *w)
{
	struct part *part = &wr->parts[i];
	int r = 0;

	while (!r && part->put < part->cuts.n) {
		while (!r && packer_full(wr->packer))
			r = take_one(wr, part, w);
		r = r ? r : put_one(wr, i, w);
	}
	while (!r && part->taken < part->cuts.n)
		r = take_one(wr, part, w);
	return r;
}

static int pack_payload(struct writer *wr, size_t i, struct why *w)
{
	struct payload *p = &wr->plan.manifest.payloads[i];
	struct part *part = &wr->parts[i];
	int r;

	chunks_build_begin(&part->table, p, wr->tables + p->table_offset);
	hasher_init(&part->hasher);
	r = p->base_bytes ? pack_delta(wr, i, w) : pack_full(wr, i, w);
	if (r)
		return r;
	wr->result.chunks += part->cuts.n;
	p->raw_hash = hasher_end(&part->hasher);
	return 0;
}

/* Not before all payloads are packed: until then equal chunks are found by the entries in clear. */
static int seal_tables(struct writer *wr, struct why *w)
{
	struct manifest *m = &wr->plan.manifest;
	const struct content_key *key = bundle_lock_key(&wr->lock);

	for (size_t i = 0; i < m->n_payloads; i++) {
		wr->parts[i].table.key = key;
		chunks_build_seal(&wr->parts[i].table);
	}
	if (key)
		manifest_mask(m, key);
	return bundle_lock_recipients(&wr->lock, wr->tables, &m->encryption, w);
}

static int write_head(struct writer *wr, struct why *w)
{
	struct manifest *m = &wr->plan.manifest;
	AUTO_FREE uint8_t *head = NULL;
	uint64_t at = bundle_header_tables_at(&wr->plan.header);
	int r;

	m->payload_bytes = wr->stored;
	r = seal_tables(wr, w);
	r = r ? r : bundle_plan_head(&wr->plan, &head, &wr->result.id, w);
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
	if (!r)
		r = wr->job->n_keys ? bundle_open(&src, BUNDLE_WHOLE, &trust, &b, w)
				    : bundle_open_unverified(&src, BUNDLE_WHOLE, &b, w);
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

	bundle_lock_begin(&wr->lock, wr->job->to, &wr->manifest.encryption);
	for (size_t i = 0; !r && i < wr->manifest.n_payloads; i++)
		r = cut_input(wr, i, w);
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
	for (size_t i = 0; i < ARRAY_SIZE(wr->in); i++) {
		auto_close(&wr->in[i]);
		cutter_done(&wr->parts[i].cuts);
	}
	if (wr->has_temp)
		(void)unlink(wr->temp);
	auto_close(&wr->out);
	packer_free(wr->packer);
	bundle_lock_done(&wr->lock);
	delta_pack_free(wr->delta);
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
