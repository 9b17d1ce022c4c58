#include "partitions/bootstore.h"

#define NEWER_FORMAT (-2) /* winner: the partition belongs to a newer program */

static uint64_t region(int i)
{
	return i == 0 ? 0 : STATE_REGION_BYTES;
}

static int check_size(const struct blk *blk, struct why *w)
{
	if (blk->size_bytes < STATE_PARTITION_BYTES)
		return fail(w, -EINVAL, "%s: %llu bytes are too few for the boot record and the slots' tables (%llu)",
			    blk->name, (unsigned long long)blk->size_bytes, STATE_PARTITION_BYTES);
	return 0;
}

int bootstore_read(struct bootstore *st, struct blk *blk, struct bootrec *ret, struct why *w)
{
	AUTO_FREE uint8_t *buf = blk_alloc(BOOTREC_BYTES);
	struct bootrec found[2];
	bool newer = false;
	int r = check_size(blk, w);

	if (r)
		return r;
	if (!buf)
		return fail(w, -ENOMEM, "%s: out of memory", blk->name);
	*st = (struct bootstore){ .blk = blk, .winner = -1 };
	for (int i = 0; i < 2; i++) {
		struct why one = { 0 };

		r = blk_read(blk, buf, BOOTREC_BYTES, region(i), &one);
		r = r ? r : bootrec_parse(bytes_of(buf, BOOTREC_BYTES), &found[i], &one);
		newer = newer || r == -EPROTONOSUPPORT;
		if (r && r != -ENODATA)
			(void)snprintf(st->damage[i], sizeof(st->damage[i]), "region %d: %.140s", i & 1, one.text);
		if (!r && (st->winner < 0 || found[i].sequence > found[st->winner].sequence))
			st->winner = i;
	}
	if (newer) {
		st->winner = NEWER_FORMAT;
		(void)fail(w, -EPROTONOSUPPORT, "%s: %s%s%s", blk->name, st->damage[0],
			   st->damage[0][0] && st->damage[1][0] ? "; " : "", st->damage[1]);
		return why_next(w, -EPROTONOSUPPORT, "start the image whose program wrote it, and update from there");
	}
	if (st->winner < 0)
		return fail(w, -ENODATA, "%s: no valid boot record (%s; %s)", blk->name,
			    st->damage[0][0] ? st->damage[0] : "region 0: never written",
			    st->damage[1][0] ? st->damage[1] : "region 1: never written");
	*ret = found[st->winner];
	st->sequence = ret->sequence;
	return 0;
}

/* Write one region, flush, and read it back from the device. */
static int put_region(struct blk *blk, int i, const struct bootrec *rec, struct why *w)
{
	AUTO_FREE uint8_t *buf = blk_alloc(2 * (size_t)BOOTREC_BYTES);
	int r;

	if (!buf)
		return fail(w, -ENOMEM, "%s: out of memory", blk->name);
	bootrec_format(rec, buf);
	r = blk_write(blk, buf, BOOTREC_BYTES, region(i), w);
	r = r ? r : blk_flush(blk, w);
	r = r ? r : blk_read(blk, buf + BOOTREC_BYTES, BOOTREC_BYTES, region(i), w);
	if (!r && memcmp(buf, buf + BOOTREC_BYTES, BOOTREC_BYTES) != 0)
		r = fail(w, -EIO, "%s: the boot record reads back different from what was written", blk->name);
	return r;
}

/* There is nothing to lose: both regions are written. One that takes the record is enough. */
static int put_both(struct bootstore *st, const struct bootrec *rec, struct why *w)
{
	struct why one = { 0 };

	st->winner = put_region(st->blk, 1, rec, NULL) == 0 ? 1 : -1;
	if (put_region(st->blk, 0, rec, &one) == 0)
		st->winner = 0;
	return st->winner < 0 ? fail(w, one.code, "%s", one.text) : 0;
}

/* To the region that does not hold the record in force. */
static int put_other(struct bootstore *st, const struct bootrec *rec, struct why *w)
{
	int to = st->winner == 0 ? 1 : 0;
	int r = put_region(st->blk, to, rec, w);

	if (!r)
		st->winner = to;
	return r;
}

int bootstore_write(struct bootstore *st, struct bootrec *rec, struct why *w)
{
	struct bootrec next = *rec;
	int r;

	if (st->winner == NEWER_FORMAT)
		return fail(w, -EPROTONOSUPPORT, "%s: a newer program's boot record is not overwritten", st->blk->name);
	next.sequence = st->sequence + 1;
	r = st->winner < 0 ? put_both(st, &next, w) : put_other(st, &next, w);
	if (r)
		return r;
	st->sequence = next.sequence;
	*rec = next;
	return 0;
}

int bootstore_create(struct blk *blk, struct bootrec *rec, struct why *w)
{
	struct bootrec first = *rec;
	int r = check_size(blk, w);

	first.sequence = 1;
	r = r ? r : blk_zero(blk, STATE_REGION_BYTES, region(1), w);
	r = r ? r : put_region(blk, 0, &first, w);
	if (!r)
		*rec = first;
	return r;
}
