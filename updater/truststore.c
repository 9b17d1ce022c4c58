#include "updater/truststore.h"

#include <fcntl.h>
#include <inttypes.h>

#include "base/io.h"

#define AT_MAGIC    0u
#define AT_VERSION  8u
#define AT_RESERVED 12u
#define AT_EPOCH    16u
#define AT_BYTES    24u
#define AT_HASH     32u
#define AT_REST     64u
#define AT_SUM      4064u
_Static_assert(AT_REST - AT_HASH == HASH_BYTES, "hash");
_Static_assert(AT_SUM + HASH_BYTES == TRUSTSTORE_BLOCK_BYTES, "the sum ends the block");
_Static_assert(TRUSTSTORE_COPY_BYTES <= STATE_TRUST_BYTES / 2 && TRUSTSTORE_COPY_BYTES % BLK_ALIGN == 0, "room");

#define VERSION 1u

static const uint8_t magic[8] = { 'T', 'N', 'D', 'M', 'T', 'R', 'S', 'T' };

int truststore_block_parse(struct bytes in, struct truststore_block *ret, struct why *w)
{
	struct truststore_block b = { 0 };
	struct hash sum, have;
	uint32_t version = 0;

	if (in.n != TRUSTSTORE_BLOCK_BYTES || bytes_le32(in, AT_VERSION, &version) ||
	    bytes_le64(in, AT_EPOCH, &b.epoch) || bytes_le64(in, AT_BYTES, &b.bytes) ||
	    bytes_copy(in, AT_HASH, b.hash.b, HASH_BYTES) || bytes_copy(in, AT_SUM, sum.b, HASH_BYTES))
		return fail(w, -EBADMSG, "truncated");
	if (bytes_all_zero(in))
		return fail(w, -ENODATA, "never written");
	have = hash_of(bytes_of(in.p, AT_SUM));
	if (memcmp(in.p + AT_MAGIC, magic, sizeof(magic)) != 0 || !hash_equal(&sum, &have))
		return fail(w, -EBADMSG, "its first block is damaged");
	if (version != VERSION)
		return fail(w, -EPROTONOSUPPORT, "version %" PRIu32 "; %u is known here", version, VERSION);
	if (b.bytes == 0 || b.bytes > TRUSTSET_STATEMENT_MAX)
		return fail(w, -EBADMSG, "a statement of %" PRIu64 " bytes", b.bytes);
	*ret = b;
	return 0;
}

void truststore_block_format(const struct truststore_block *b, uint8_t out[TRUSTSTORE_BLOCK_BYTES])
{
	struct hash sum;

	memset(out, 0, TRUSTSTORE_BLOCK_BYTES);
	memcpy(out + AT_MAGIC, magic, sizeof(magic));
	put_le32(out + AT_VERSION, VERSION);
	put_le64(out + AT_EPOCH, b->epoch);
	put_le64(out + AT_BYTES, b->bytes);
	memcpy(out + AT_HASH, b->hash.b, HASH_BYTES);
	sum = hash_of(bytes_of(out, AT_SUM));
	memcpy(out + AT_SUM, sum.b, HASH_BYTES);
}

static uint64_t copy_at(const struct truststore *st, unsigned int i)
{
	return st->at + i * (STATE_TRUST_BYTES / 2);
}

/* A whole copy: its hash, then the statement as if it had just come, by its own roots. */
static int parse_copy(struct bytes in, struct trustset *ret, size_t *ret_n, struct why *w)
{
	struct truststore_block b = { 0 };
	struct statement s = { 0 };
	struct bytes rest;
	struct hash have;
	int r = truststore_block_parse(bytes_of(in.p, TRUSTSTORE_BLOCK_BYTES), &b, w);

	if (r)
		return r;
	rest = bytes_of(in.p + TRUSTSTORE_BLOCK_BYTES, (size_t)b.bytes);
	have = hash_of(rest);
	if (!hash_equal(&have, &b.hash))
		return fail(w, -EBADMSG, "damaged, or torn by a power cut");
	r = statement_next(&rest, &s, w);
	if (!r && (rest.n > 0 || s.epoch != b.epoch))
		r = fail(w, -EBADMSG, "its first block belongs to another statement");
	r = r ? r : trust_own(&s, ret, w);
	if (!r)
		*ret_n = (size_t)b.bytes;
	return r;
}

/* Keep a copy when it is the best so far. */
static int take_copy(struct truststore *st, unsigned int i, const uint8_t *buf, const struct trustset *set, size_t n,
		     struct why *w)
{
	uint8_t *statement;

	if (st->state == STORED_VALID && set->epoch <= st->set.epoch)
		return 0;
	statement = malloc(n);
	if (!statement)
		return fail(w, -ENOMEM, "out of memory");
	memcpy(statement, buf + TRUSTSTORE_BLOCK_BYTES, n);
	free(st->statement);
	st->statement = statement;
	st->statement_n = n;
	st->set = *set;
	st->winner = i;
	st->state = STORED_VALID;
	return 0;
}

static int read_copy(struct truststore *st, unsigned int i, uint8_t *buf, bool *newer, struct why *w)
{
	struct trustset set;
	struct why one = { 0 };
	size_t n = 0;
	int r = blk_read(st->blk, buf, TRUSTSTORE_COPY_BYTES, copy_at(st, i), &one);

	r = r ? r : parse_copy(bytes_of(buf, TRUSTSTORE_COPY_BYTES), &set, &n, &one);
	if (!r)
		return take_copy(st, i, buf, &set, n, w);
	*newer = *newer || r == -EPROTONOSUPPORT;
	if (r == -ENODATA)
		return 0;
	(void)snprintf(st->damage[i], sizeof(st->damage[i]), "copy %u: %.140s", i, one.text);
	if (st->state == STORED_NEVER)
		st->state = STORED_DAMAGED;
	return 0;
}

int truststore_read(struct blk *blk, uint64_t at, struct truststore *ret, struct why *w)
{
	AUTO_FREE uint8_t *buf = blk_alloc(TRUSTSTORE_COPY_BYTES);
	bool newer = false;
	int r = 0;

	*ret = (struct truststore){ .blk = blk, .at = at, .state = STORED_NEVER };
	if (!buf)
		return fail(w, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < 2 && !r; i++)
		r = read_copy(ret, i, buf, &newer, w);
	if (!r && newer)
		ret->state = STORED_NEWER;
	return r;
}

void truststore_done(struct truststore *st)
{
	free(st->statement);
	*st = (struct truststore){ 0 };
}

static int put_copy(struct truststore *st, unsigned int i, const uint8_t *want, uint8_t *have, struct why *w)
{
	int r = blk_write(st->blk, want, TRUSTSTORE_COPY_BYTES, copy_at(st, i), w);

	r = r ? r : blk_flush(st->blk, w);
	r = r ? r : blk_read(st->blk, have, TRUSTSTORE_COPY_BYTES, copy_at(st, i), w);
	if (!r && memcmp(want, have, TRUSTSTORE_COPY_BYTES) != 0)
		r = fail(w, -EIO, "%s: the trust set reads back different from what was written", st->blk->name);
	return r;
}

static void fill(const struct statement *s, uint8_t *out)
{
	struct truststore_block b = { .epoch = s->epoch, .bytes = s->text.n + s->signatures.n };

	memset(out, 0, TRUSTSTORE_COPY_BYTES);
	memcpy(out + TRUSTSTORE_BLOCK_BYTES, s->text.p, s->text.n);
	memcpy(out + TRUSTSTORE_BLOCK_BYTES + s->text.n, s->signatures.p, s->signatures.n);
	b.hash = hash_of(bytes_of(out + TRUSTSTORE_BLOCK_BYTES, (size_t)b.bytes));
	truststore_block_format(&b, out);
}

int truststore_file(const char *path, bool create, struct blk *ret, struct why *w)
{
	AUTO_FREE uint8_t *zeros = NULL;
	int r;

	if (create && access(path, F_OK) && errno == ENOENT) {
		zeros = calloc(1, STATE_TRUST_BYTES);
		r = zeros ? file_replace(AT_FDCWD, path, zeros, STATE_TRUST_BYTES, 0600, w)
			  : fail(w, -ENOMEM, "out of memory");
		if (r)
			return why_in(w, r, "trust set");
	}
	return blk_open(path, create ? BLK_WRITE : BLK_READ, ret, w);
}

int truststore_write(struct truststore *st, const struct statement *s, struct why *w)
{
	AUTO_FREE uint8_t *want = blk_alloc(TRUSTSTORE_COPY_BYTES), *have = blk_alloc(TRUSTSTORE_COPY_BYTES);
	unsigned int first;
	int r;

	if (!want || !have)
		return fail(w, -ENOMEM, "out of memory");
	if (st->state == STORED_NEWER)
		return fail(w, -EPROTONOSUPPORT, "%s: a newer program's trust set is not overwritten", st->blk->name);
	if (s->text.n + s->signatures.n > TRUSTSET_STATEMENT_MAX)
		return fail(w, -E2BIG, "trust statement: too long to be stored");
	first = st->state == STORED_VALID ? 1 - st->winner : 0;
	fill(s, want);
	r = put_copy(st, first, want, have, w);
	if (!r)
		IGNORE(put_copy(st, 1 - first, want, have,
				NULL)); /* stored it is; the next reading tells of the damage */
	return r;
}
