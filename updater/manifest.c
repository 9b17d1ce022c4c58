#include "updater/manifest.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/ini.h"
#include "base/parse.h"
#include "updater/chunks.h"
#include "updater/recipient_table.h"
#include "updater/semver.h"

#define FIRST_LINE "# tandem manifest "
#define FORMAT     "1"

/* Which keys were there: bits of reader.given. */
enum key_bit {
	HAS_COMPATIBLE = 1 << 0,
	HAS_VERSION = 1 << 1,
	HAS_EPOCH = 1 << 2,
	HAS_TABLES = 1 << 3,
	HAS_PAYLOAD = 1 << 4,
	HAS_KIND = 1 << 5,
	HAS_SIZE = 1 << 6,
	HAS_CHUNK_SIZE = 1 << 7,
	HAS_CHUNKS = 1 << 8,
	HAS_TABLE_OFFSET = 1 << 9,
	HAS_TABLE_BYTES = 1 << 10,
	HAS_TABLE_HASH = 1 << 11,
	HAS_RAW_HASH = 1 << 12,
	HAS_GROUP_SIZE = 1 << 13,
	HAS_INDEX_BLOCKS = 1 << 14,
	HAS_BASE = 1 << 15,
	HAS_BASE_SIZE = 1 << 16,
	HAS_TREE_BYTES = 1 << 17,
	HAS_TREE_ENTRIES = 1 << 18,
	HAS_RECIPIENTS = 1 << 19,
	HAS_RECIPIENTS_HASH = 1 << 20,
	HAS_CONTENT = 1 << 21,
};

/* Name of the key behind a bit, and whether it belongs to a payload. */
static const struct {
	unsigned int bit;
	bool of_payload;
	const char *key;
} required[] = {
	{ HAS_COMPATIBLE, false, "compatible" },
	{ HAS_VERSION, false, "version" },
	{ HAS_EPOCH, false, "epoch" },
	{ HAS_TABLES, false, "tables" },
	{ HAS_PAYLOAD, false, "payload" },
	{ HAS_KIND, true, "kind" },
	{ HAS_SIZE, true, "size" },
	{ HAS_RAW_HASH, true, "raw-hash" },
	{ HAS_CHUNK_SIZE, true, "chunk-size" },
	{ HAS_GROUP_SIZE, true, "group-size" },
	{ HAS_CHUNKS, true, "chunks" },
	{ HAS_INDEX_BLOCKS, true, "index-blocks" },
	{ HAS_TABLE_OFFSET, true, "table-offset" },
	{ HAS_TABLE_BYTES, true, "table-bytes" },
	{ HAS_TABLE_HASH, true, "table-hash" },
};

struct reader {
	struct manifest m;
	unsigned int given;
	unsigned int payload_given[MANIFEST_PAYLOADS_MAX];
};

static bool is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n >= MANIFEST_NAME_MAX || !is_letter_or_digit(s[0]))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!is_letter_or_digit(s[i]) && !strchr("._-", s[i]))
			return false;
	return true;
}

static int copy_name(const char *value, char ret[MANIFEST_NAME_MAX], struct why *w)
{
	if (!is_name(value))
		return fail(w, -EBADMSG, "'%.80s' is no name: letters, digits, '.', '_', '-', at most %u of them",
			    value, MANIFEST_NAME_MAX - 1);
	memcpy(ret, value, strlen(value) + 1);
	return 0;
}

static int set_compatible(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;

	(void)sub;
	r->given |= HAS_COMPATIBLE;
	return copy_name(value, r->m.compatible, w);
}

static int set_version(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;
	struct semver v;

	(void)sub;
	r->given |= HAS_VERSION;
	if (strlen(value) >= sizeof(r->m.version))
		return fail(w, -EBADMSG, "a version of over %zu characters", sizeof(r->m.version) - 1);
	memcpy(r->m.version, value, strlen(value) + 1);
	return semver_parse(value, &v, w);
}

static int set_description(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;

	(void)sub;
	if (strlen(value) >= sizeof(r->m.description) || !text_printable(bytes_str(value)))
		return fail(w, -EBADMSG, "over %zu bytes, or not printable", sizeof(r->m.description) - 1);
	memcpy(r->m.description, value, strlen(value) + 1);
	return 0;
}

static int set_epoch(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;

	(void)sub;
	r->given |= HAS_EPOCH;
	return parse_u64(value, UINT64_MAX, &r->m.epoch, w);
}

static int set_tables(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;

	(void)sub;
	r->given |= HAS_TABLES;
	return parse_u64(value, MANIFEST_TABLES_MAX, &r->m.tables_bytes, w);
}

static int set_payload_bytes(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;

	(void)sub;
	r->given |= HAS_PAYLOAD;
	return parse_u64(value, INT64_MAX, &r->m.payload_bytes, w);
}

static int set_recipients(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;

	(void)sub;
	r->given |= HAS_RECIPIENTS;
	return parse_u64(value, RECIPIENTS_MAX, &r->m.encryption.recipients, w);
}

static int set_recipients_hash(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;

	(void)sub;
	r->given |= HAS_RECIPIENTS_HASH;
	return parse_hex(value, r->m.encryption.recipients_hash.b, HASH_BYTES, w);
}

static int set_content(void *into, const char *sub, const char *value, struct why *w)
{
	struct reader *r = into;

	(void)sub;
	r->given |= HAS_CONTENT;
	return parse_hex(value, r->m.encryption.content.b, HASH_BYTES, w);
}

/* The payload that a section [payload.NAME] is about, made when it is new; marks one of its keys as given. */
static int payload_of(struct reader *r, const char *name, unsigned int bit, struct payload **ret, struct why *w)
{
	size_t i;
	int e;

	for (i = 0; i < r->m.n_payloads; i++)
		if (strcmp(r->m.payloads[i].name, name) == 0)
			break;
	if (i == MANIFEST_PAYLOADS_MAX)
		return fail(w, -E2BIG, "more than %u payloads", MANIFEST_PAYLOADS_MAX);
	if (i == r->m.n_payloads) {
		e = copy_name(name, r->m.payloads[i].name, w);
		if (e)
			return e;
		r->m.n_payloads++;
	}
	r->payload_given[i] |= bit;
	*ret = &r->m.payloads[i];
	return 0;
}

static int set_kind(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_KIND, &p, w);

	if (e)
		return e;
	if (payload_kind_parse(value, &p->kind))
		return fail(w, -EPROTONOSUPPORT, "'%.40s' is no kind of payload that this program knows", value);
	return 0;
}

static int set_slot(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, 0, &p, w);

	if (e)
		return e;
	if (strcmp(value, "a") != 0 && strcmp(value, "b") != 0)
		return fail(w, -EBADMSG, "'%.40s' is neither a nor b", value);
	p->slot = value[0];
	return 0;
}

static int set_size(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_SIZE, &p, w);

	return e ? e : parse_u64(value, INT64_MAX, &p->size_bytes, w);
}

static int set_chunk_size(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	uint64_t n = 0;
	int e = payload_of(into, sub, HAS_CHUNK_SIZE, &p, w);

	e = e ? e : parse_u64(value, CHUNK_BYTES_MAX, &n, w);
	if (e)
		return e;
	p->chunk_bytes = (uint32_t)n;
	return 0;
}

static int set_group_size(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	uint64_t n = 0;
	int e = payload_of(into, sub, HAS_GROUP_SIZE, &p, w);

	e = e ? e : parse_u64(value, CHUNK_BYTES_MAX, &n, w);
	if (e)
		return e;
	p->group_bytes = (uint32_t)n;
	return 0;
}

static int set_index_blocks(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_INDEX_BLOCKS, &p, w);

	return e ? e : parse_u64(value, MANIFEST_TABLES_MAX / CHUNK_INDEX_BYTES, &p->index_blocks, w);
}

static int set_raw_hash(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_RAW_HASH, &p, w);

	return e ? e : parse_hex(value, p->raw_hash.b, sizeof(p->raw_hash.b), w);
}

static int set_base(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_BASE, &p, w);

	return e ? e : parse_hex(value, p->base_hash.b, sizeof(p->base_hash.b), w);
}

/* A number that is not 0, since 0 means that the key is not there. */
static int parse_some(const char *value, uint64_t *ret, struct why *w)
{
	uint64_t n = 0;
	int e = parse_u64(value, INT64_MAX, &n, w);

	if (!e && n == 0)
		e = fail(w, -EBADMSG, "is 0");
	if (!e)
		*ret = n;
	return e;
}

static int set_base_size(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_BASE_SIZE, &p, w);

	return e ? e : parse_some(value, &p->base_bytes, w);
}

static int set_tree_bytes(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_TREE_BYTES, &p, w);

	return e ? e : parse_some(value, &p->tree_bytes, w);
}

static int set_tree_entries(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_TREE_ENTRIES, &p, w);

	return e ? e : parse_some(value, &p->tree_entries, w);
}

static int set_chunks(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_CHUNKS, &p, w);

	return e ? e : parse_u64(value, MANIFEST_TABLES_MAX / CHUNKS_ENTRY_BYTES, &p->chunks, w);
}

static int set_table_offset(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_TABLE_OFFSET, &p, w);

	return e ? e : parse_u64(value, MANIFEST_TABLES_MAX, &p->table_offset, w);
}

static int set_table_bytes(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_TABLE_BYTES, &p, w);

	return e ? e : parse_u64(value, MANIFEST_TABLES_MAX, &p->table_bytes, w);
}

static int set_table_hash(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, HAS_TABLE_HASH, &p, w);

	return e ? e : parse_hex(value, p->table_hash.b, sizeof(p->table_hash.b), w);
}

static int set_file_name(void *into, const char *sub, const char *value, struct why *w)
{
	struct payload *p = NULL;
	int e = payload_of(into, sub, 0, &p, w);

	return e ? e : copy_name(value, p->file_name, w);
}

static const struct ini_key keys[] = {
	{ .section = "bundle", .key = "compatible", .set = set_compatible },
	{ .section = "bundle", .key = "version", .set = set_version },
	{ .section = "bundle", .key = "epoch", .set = set_epoch },
	{ .section = "bundle", .key = "description", .set = set_description },
	{ .section = "bundle", .key = "tables", .set = set_tables },
	{ .section = "bundle", .key = "payload", .set = set_payload_bytes },
	{ .section = "encryption", .key = "recipients", .set = set_recipients },
	{ .section = "encryption", .key = "recipients-hash", .set = set_recipients_hash },
	{ .section = "encryption", .key = "content", .set = set_content },
	{ .section = "payload.*", .key = "kind", .set = set_kind },
	{ .section = "payload.*", .key = "slot", .set = set_slot },
	{ .section = "payload.*", .key = "size", .set = set_size },
	{ .section = "payload.*", .key = "raw-hash", .set = set_raw_hash },
	{ .section = "payload.*", .key = "chunk-size", .set = set_chunk_size },
	{ .section = "payload.*", .key = "group-size", .set = set_group_size },
	{ .section = "payload.*", .key = "chunks", .set = set_chunks },
	{ .section = "payload.*", .key = "index-blocks", .set = set_index_blocks },
	{ .section = "payload.*", .key = "table-offset", .set = set_table_offset },
	{ .section = "payload.*", .key = "table-bytes", .set = set_table_bytes },
	{ .section = "payload.*", .key = "table-hash", .set = set_table_hash },
	{ .section = "payload.*", .key = "base", .set = set_base },
	{ .section = "payload.*", .key = "base-size", .set = set_base_size },
	{ .section = "payload.*", .key = "tree-bytes", .set = set_tree_bytes },
	{ .section = "payload.*", .key = "tree-entries", .set = set_tree_entries },
	{ .section = "payload.*", .key = "name", .set = set_file_name },
};

/* "# tandem manifest 1": what kind of text was signed, so that no signature serves for another kind. */
static int check_first_line(struct bytes text, struct why *w)
{
	const uint8_t *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
	size_t prefix = strlen(FIRST_LINE), n = end ? (size_t)(end - text.p) : text.n;

	if (n <= prefix || memcmp(text.p, FIRST_LINE, prefix) != 0)
		return fail(w, -EBADMSG, "manifest: its first line is not '" FIRST_LINE FORMAT "'");
	if (n - prefix != strlen(FORMAT) || memcmp(text.p + prefix, FORMAT, strlen(FORMAT)) != 0)
		return fail(w, -EPROTONOSUPPORT, "manifest: of a format that is newer than " FORMAT);
	return 0;
}

static int check_given(const struct reader *r, struct why *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
		if (!required[i].of_payload && !(r->given & required[i].bit))
			return fail(w, -EBADMSG, "manifest: [bundle] lacks %s", required[i].key);
		for (size_t p = 0; required[i].of_payload && p < r->m.n_payloads; p++)
			if (!(r->payload_given[p] & required[i].bit))
				return fail(w, -EBADMSG, "manifest: [payload.%s] lacks %s", r->m.payloads[p].name,
					    required[i].key);
	}
	return r->m.n_payloads ? 0 : fail(w, -EBADMSG, "manifest: no payload");
}

/* All of [encryption], or nothing of it. */
static int check_encryption(struct reader *r, struct why *w)
{
	unsigned int all = HAS_RECIPIENTS | HAS_RECIPIENTS_HASH | HAS_CONTENT, given = r->given & all;

	if (given && given != all)
		return fail(w, -EBADMSG, "manifest: [encryption] lacks recipients, recipients-hash or content");
	if (given && r->m.encryption.recipients == 0)
		return fail(w, -EBADMSG, "manifest: [encryption] recipients: is 0");
	for (size_t i = 0; i < r->m.n_payloads; i++) {
		r->m.payloads[i].number = (uint32_t)i;
		r->m.payloads[i].tag_bytes = given ? SEAL_TAG_BYTES : 0;
	}
	return 0;
}

/* Keys that come together, and those of a tree. */
static int check_pairs(const struct payload *p, unsigned int given, struct why *w)
{
	bool tree = p->kind == PAYLOAD_TREE;

	if (!(given & HAS_BASE) != !(given & HAS_BASE_SIZE))
		return fail(w, -EBADMSG, "base and base-size go together");
	if (!(given & HAS_TREE_BYTES) != !tree || !(given & HAS_TREE_ENTRIES) != !tree)
		return fail(w, -EBADMSG, "tree-bytes and tree-entries belong to a tree");
	if ((p->kind == PAYLOAD_FILE) != (p->file_name[0] != '\0'))
		return fail(w, -EBADMSG, p->kind == PAYLOAD_FILE ? "a file without a name" : "a name without a file");
	return 0;
}

static int check_table(const struct payload *p, struct why *w)
{
	uint64_t blocks = (p->size_bytes - 1) / CHUNK_BLOCK_BYTES + 1;

	if (p->chunks < (p->size_bytes - 1) / CHUNK_ZERO_MAX + 1 || p->chunks > blocks)
		return fail(w, -EBADMSG, "%" PRIu64 " chunks do not make %" PRIu64 " bytes", p->chunks, p->size_bytes);
	if (p->index_blocks > blocks)
		return fail(w, -EBADMSG, "%" PRIu64 " blocks in the index, %" PRIu64 " in all", p->index_blocks,
			    blocks);
	if (p->table_bytes != payload_table_bytes(p))
		return fail(w, -EBADMSG, "table-bytes is not what %" PRIu64 " chunks and %" PRIu64 " blocks take",
			    p->chunks, p->index_blocks);
	return 0;
}

static int check_payload(const struct payload *p, struct why *w)
{
	if (p->chunk_bytes == 0 || p->chunk_bytes % CHUNK_ALIGN)
		return fail(w, -EBADMSG, "chunk-size is no multiple of %u", CHUNK_ALIGN);
	if (p->group_bytes < p->chunk_bytes || p->group_bytes % CHUNK_ALIGN)
		return fail(w, -EBADMSG, "group-size is less than chunk-size, or no multiple of %u", CHUNK_ALIGN);
	if (p->size_bytes == 0)
		return fail(w, -EBADMSG, "size is 0");
	return check_table(p, w);
}

/* Each payload by itself, and their tables side by side: no gap, no overlap. */
static int check_payloads(const struct reader *r, struct why *w)
{
	const struct manifest *m = &r->m;
	uint64_t at = recipient_table_bytes(m->encryption.recipients);

	for (size_t i = 0; i < m->n_payloads; i++) {
		const struct payload *p = &m->payloads[i];
		int e = check_pairs(p, r->payload_given[i], w);

		e = e ? e : check_payload(p, w);
		if (!e && p->table_offset != at)
			e = fail(w, -EBADMSG, "table-offset is not %" PRIu64 ", where the table before ends", at);
		if (e)
			return why_in(w, e, "manifest: [payload.%s]", p->name);
		at += p->table_bytes; /* 64 tables of at most 512 MiB */
	}
	if (at != m->tables_bytes)
		return fail(w, -EBADMSG, "manifest: tables is %" PRIu64 ", they take %" PRIu64, m->tables_bytes, at);
	return 0;
}

static int parse(struct bytes text, struct reader *r, struct why *w)
{
	int e = check_first_line(text, w);

	if (e)
		return e;
	r->m.payloads = calloc(MANIFEST_PAYLOADS_MAX, sizeof(*r->m.payloads));
	if (!r->m.payloads)
		return fail(w, -ENOMEM, "manifest: out of memory");
	e = ini_read(text, "manifest", keys, ARRAY_SIZE(keys), r, w);
	e = e ? e : check_given(r, w);
	e = e ? e : check_encryption(r, w);
	return e ? e : check_payloads(r, w);
}

int manifest_parse(struct bytes text, struct manifest *ret, struct why *w)
{
	struct reader r = { 0 };
	int e = parse(text, &r, w);

	if (e) {
		manifest_done(&r.m);
		if (w && w->exit == EXIT_USAGE) /* the INI reader's answer to a user's file, which this is not */
			w->exit = EXIT_FAILED;
		return e;
	}
	*ret = r.m;
	return 0;
}

void manifest_done(struct manifest *m)
{
	free(m->payloads);
	*m = (struct manifest){ 0 };
}

static void write_payload(FILE *to, const struct payload *p)
{
	char hex[2 * HASH_BYTES + 1];

	(void)fprintf(to, "\n[payload.%s]\nkind=%s\n", p->name, payload_kind_name(p->kind));
	if (p->slot)
		(void)fprintf(to, "slot=%c\n", p->slot);
	if (p->file_name[0])
		(void)fprintf(to, "name=%s\n", p->file_name);
	(void)fprintf(to, "size=%" PRIu64 "\nraw-hash=%s\n", p->size_bytes,
		      format_hex(p->raw_hash.b, sizeof(p->raw_hash.b), hex));
	(void)fprintf(to,
		      "chunk-size=%" PRIu32 "\ngroup-size=%" PRIu32 "\nchunks=%" PRIu64 "\nindex-blocks=%" PRIu64 "\n",
		      p->chunk_bytes, p->group_bytes, p->chunks, p->index_blocks);
	(void)fprintf(to, "table-offset=%" PRIu64 "\ntable-bytes=%" PRIu64 "\ntable-hash=%s\n", p->table_offset,
		      p->table_bytes, format_hex(p->table_hash.b, sizeof(p->table_hash.b), hex));
	if (p->base_bytes)
		(void)fprintf(to, "base=%s\nbase-size=%" PRIu64 "\n",
			      format_hex(p->base_hash.b, sizeof(p->base_hash.b), hex), p->base_bytes);
	if (p->kind == PAYLOAD_TREE)
		(void)fprintf(to, "tree-bytes=%" PRIu64 "\ntree-entries=%" PRIu64 "\n", p->tree_bytes, p->tree_entries);
}

static void write_encryption(FILE *to, const struct encryption *e)
{
	char recipients[2 * HASH_BYTES + 1], content[2 * HASH_BYTES + 1];

	(void)fprintf(to, "\n[encryption]\nrecipients=%" PRIu64 "\nrecipients-hash=%s\ncontent=%s\n", e->recipients,
		      format_hex(e->recipients_hash.b, HASH_BYTES, recipients),
		      format_hex(e->content.b, HASH_BYTES, content));
}

static void write_all(FILE *to, const struct manifest *m)
{
	(void)fprintf(to, FIRST_LINE FORMAT "\n[bundle]\ncompatible=%s\nversion=%s\nepoch=%" PRIu64 "\n", m->compatible,
		      m->version, m->epoch);
	if (m->description[0])
		(void)fprintf(to, "description=%s\n", m->description);
	(void)fprintf(to, "tables=%" PRIu64 "\npayload=%" PRIu64 "\n", m->tables_bytes, m->payload_bytes);
	if (m->encryption.recipients)
		write_encryption(to, &m->encryption);
	for (size_t i = 0; i < m->n_payloads; i++)
		write_payload(to, &m->payloads[i]);
}

void manifest_mask(struct manifest *m, const struct content_key *k)
{
	for (size_t i = 0; i < m->n_payloads; i++) {
		struct payload *p = &m->payloads[i];

		p->raw_hash = seal_mask(k, 2 * i, &p->raw_hash);
		if (p->base_bytes)
			p->base_hash = seal_mask(k, 2 * i + 1, &p->base_hash);
	}
}

static bool encryption_equal(const struct encryption *a, const struct encryption *b)
{
	return a->recipients == b->recipients && hash_equal(&a->recipients_hash, &b->recipients_hash) &&
	       hash_equal(&a->content, &b->content);
}

static bool payload_equal(const struct payload *a, const struct payload *b)
{
	return strcmp(a->name, b->name) == 0 && a->kind == b->kind && a->slot == b->slot &&
	       strcmp(a->file_name, b->file_name) == 0 && a->size_bytes == b->size_bytes &&
	       hash_equal(&a->raw_hash, &b->raw_hash) && a->chunk_bytes == b->chunk_bytes &&
	       a->group_bytes == b->group_bytes && a->chunks == b->chunks && a->index_blocks == b->index_blocks &&
	       a->table_offset == b->table_offset && a->table_bytes == b->table_bytes &&
	       hash_equal(&a->table_hash, &b->table_hash) && a->base_bytes == b->base_bytes &&
	       hash_equal(&a->base_hash, &b->base_hash) && a->tree_bytes == b->tree_bytes &&
	       a->tree_entries == b->tree_entries;
}

bool manifest_equal(const struct manifest *a, const struct manifest *b)
{
	bool same = strcmp(a->compatible, b->compatible) == 0 && strcmp(a->version, b->version) == 0 &&
		    strcmp(a->description, b->description) == 0 && a->epoch == b->epoch &&
		    a->tables_bytes == b->tables_bytes && a->payload_bytes == b->payload_bytes &&
		    a->n_payloads == b->n_payloads && encryption_equal(&a->encryption, &b->encryption);

	for (size_t i = 0; same && i < a->n_payloads; i++)
		same = payload_equal(&a->payloads[i], &b->payloads[i]);
	return same;
}

/* What an INI file would read as a comment, or strip, does not survive: found by reading the text back. */
static int check_written(const struct manifest *m, struct bytes text, struct why *w)
{
	struct manifest back;
	bool same;
	int e = manifest_parse(text, &back, w);

	if (e)
		return why_in(w, e, "the manifest cannot be written");
	same = manifest_equal(m, &back);
	manifest_done(&back);
	return same ? 0 : fail(w, -EINVAL, "the manifest cannot be written: a text in it would read as a comment");
}

int manifest_format(const struct manifest *m, char **ret, size_t *ret_n, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	bool failed;
	int e;

	if (!to)
		return fail(w, -ENOMEM, "manifest: out of memory");
	write_all(to, m);
	failed = ferror(to) != 0;
	if (fclose(to) || failed)
		return fail(w, -ENOMEM, "manifest: out of memory");
	e = check_written(m, bytes_of(text, n), w);
	if (e)
		return e;
	*ret = MOVE(text);
	*ret_n = n;
	return 0;
}

const struct payload *manifest_find(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->n_payloads; i++)
		if (strcmp(m->payloads[i].name, name) == 0)
			return &m->payloads[i];
	return NULL;
}

static const char *const kinds[] = { [PAYLOAD_IMAGE] = "image", [PAYLOAD_FILE] = "file", [PAYLOAD_TREE] = "tree" };

const char *payload_kind_name(enum payload_kind kind)
{
	return kinds[kind];
}

int payload_kind_parse(const char *text, enum payload_kind *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(text, kinds[i]) == 0) {
			*ret = (enum payload_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

bool payload_suits(const struct payload *p, char slot)
{
	return p->slot == 0 || p->slot == slot;
}

int manifest_pick(const struct manifest *m, enum payload_kind kind, char slot, const struct payload **ret,
		  struct why *w)
{
	const struct payload *found = NULL;

	for (size_t i = 0; i < m->n_payloads; i++) {
		const struct payload *p = &m->payloads[i];

		if (p->kind != kind || !payload_suits(p, slot))
			continue;
		if (found)
			return fail(w, -EBADMSG, "the bundle has two payloads of kind %s for slot %c: %s and %s",
				    payload_kind_name(kind), slot, found->name, p->name);
		found = p;
	}
	if (!found)
		return fail(w, -ENODATA, "the bundle has no payload of kind %s for slot %c", payload_kind_name(kind),
			    slot);
	*ret = found;
	return 0;
}
