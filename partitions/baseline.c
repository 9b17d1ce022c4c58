#include "partitions/baseline.h"

#define AT_VERSION 8u
#define AT_SIZE    12u
#define AT_SLOT    16u
#define AT_COUNT   17u
#define AT_NAMES   64u
#define AT_HASH    (BASELINE_BYTES - HASH_BYTES)

static const uint8_t magic[8] = { 'T', 'N', 'D', 'M', 'B', 'A', 'S', 'E' };

_Static_assert(AT_NAMES + BASELINE_NAMES * BASELINE_NAME_BYTES <= AT_HASH, "the names and the hash share bytes");

/* A stage's name, and zeros behind it. */
static bool name_valid(const uint8_t *p)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	const uint8_t *end = memchr(p, 0, BASELINE_NAME_BYTES);

	return end && end > p && strspn((const char *)p, set) == (size_t)(end - p) &&
	       bytes_all_zero(bytes_of(end, (size_t)(p + BASELINE_NAME_BYTES - end)));
}

int baseline_parse(struct bytes in, struct baseline *ret, struct why *w)
{
	struct baseline b = { 0 };
	struct hash have;
	uint32_t version = 0, size = 0;
	struct hash want;

	if (in.n == BASELINE_BYTES && bytes_all_zero(in))
		return fail(w, -ENODATA, "baseline: never written");
	if (in.n != BASELINE_BYTES || memcmp(in.p, magic, sizeof(magic)) != 0)
		return fail(w, -EBADMSG, "baseline: not one");
	memcpy(have.b, in.p + AT_HASH, HASH_BYTES);
	want = hash_of(bytes_of(in.p, AT_HASH));
	if (!hash_equal(&have, &want))
		return fail(w, -EBADMSG, "baseline: damaged");
	if (bytes_le32(in, AT_VERSION, &version) || bytes_le32(in, AT_SIZE, &size) || version < BASELINE_VERSION)
		return fail(w, -EBADMSG, "baseline: version %u", version);
	if (version > BASELINE_VERSION)
		return fail(w, -EPROTONOSUPPORT, "baseline: of a newer format, version %u", version);
	b.slot = (enum slot)in.p[AT_SLOT];
	b.n = in.p[AT_COUNT];
	if (size != BASELINE_BYTES || b.slot > SLOT_B || b.n > BASELINE_NAMES)
		return fail(w, -EBADMSG, "baseline: size %u, slot %d, %zu names", size, (int)b.slot, b.n);
	for (size_t i = 0; i < b.n; i++) {
		const uint8_t *p = in.p + AT_NAMES + i * BASELINE_NAME_BYTES;

		if (!name_valid(p))
			return fail(w, -EBADMSG, "baseline: name %zu", i);
		memcpy(b.names[i], p, BASELINE_NAME_BYTES);
	}
	*ret = b;
	return 0;
}

void baseline_format(const struct baseline *b, uint8_t out[BASELINE_BYTES])
{
	struct hash h;

	memset(out, 0, BASELINE_BYTES);
	memcpy(out, magic, sizeof(magic));
	put_le32(out + AT_VERSION, BASELINE_VERSION);
	put_le32(out + AT_SIZE, BASELINE_BYTES);
	out[AT_SLOT] = (uint8_t)b->slot;
	out[AT_COUNT] = (uint8_t)b->n;
	for (size_t i = 0; i < b->n; i++)
		memcpy(out + AT_NAMES + i * BASELINE_NAME_BYTES, b->names[i],
		       strnlen(b->names[i], BASELINE_NAME_BYTES - 1));
	h = hash_of(bytes_of(out, AT_HASH));
	memcpy(out + AT_HASH, h.b, HASH_BYTES);
}

int baseline_read(struct blk *state, struct baseline *ret, struct why *w)
{
	AUTO_FREE uint8_t *buf = blk_alloc(BASELINE_BYTES);
	int r = buf ? blk_read(state, buf, BASELINE_BYTES, BASELINE_OFFSET, w) : fail(w, -ENOMEM, "out of memory");

	return r ? r : baseline_parse(bytes_of(buf, BASELINE_BYTES), ret, w);
}

int baseline_write(struct blk *state, const struct baseline *b, struct why *w)
{
	AUTO_FREE uint8_t *want = blk_alloc(BASELINE_BYTES), *have = blk_alloc(BASELINE_BYTES);
	struct baseline there;
	int r;

	if (!want || !have)
		return fail(w, -ENOMEM, "out of memory");
	baseline_format(b, want);
	if (blk_read(state, have, BASELINE_BYTES, BASELINE_OFFSET, NULL) == 0) {
		if (memcmp(want, have, BASELINE_BYTES) == 0)
			return 0;
		r = baseline_parse(bytes_of(have, BASELINE_BYTES), &there, NULL);
		if (r == -EPROTONOSUPPORT)
			return fail(w, r, "baseline: a newer one is there, and stays");
	}
	r = blk_write(state, want, BASELINE_BYTES, BASELINE_OFFSET, w);
	r = r ? r : blk_flush(state, w);
	r = r ? r : blk_read(state, have, BASELINE_BYTES, BASELINE_OFFSET, w);
	if (!r && memcmp(want, have, BASELINE_BYTES) != 0)
		r = fail(w, -EIO, "%s: the baseline reads back as something else", state->name);
	return r;
}

bool baseline_excuses(const struct baseline *b, enum slot slot, const char *name)
{
	for (size_t i = 0; b->slot == slot && i < b->n; i++)
		if (strcmp(b->names[i], name) == 0)
			return true;
	return false;
}

void baseline_add(struct baseline *b, const char *name)
{
	if (b->n < BASELINE_NAMES)
		(void)snprintf(b->names[b->n++], BASELINE_NAME_BYTES, "%s", name);
}
