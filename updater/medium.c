#include "updater/medium.h"

#define SLICE 64u /* spans that are read and hashed together */

static size_t rounded(uint64_t n)
{
	return (size_t)((n + BLK_ALIGN - 1) / BLK_ALIGN * BLK_ALIGN);
}

/* How many spans from the front follow each other without a gap and fit into the room together. */
static size_t run_length(const struct span *s, size_t n, size_t room)
{
	size_t k = 1;

	while (k < n && k < SLICE && s[k].at == s[k - 1].at + s[k - 1].bytes &&
	       rounded(s[k].at + s[k].bytes - s[0].at) <= room)
		k++;
	return k;
}

/* The spans' bytes are in buf, one after the other. */
static void compare(struct span *s, size_t n, const uint8_t *buf)
{
	struct hash got[SLICE];
	struct bytes in[SLICE] = { { 0 } };
	size_t hashed = 0;

	for (size_t i = 0; i < n; i++) {
		in[hashed] = bytes_of(buf + (s[i].at - s[0].at), s[i].bytes);
		if (s[i].zero)
			s[i].same = bytes_all_zero(in[hashed]);
		else
			hashed++;
	}
	hash_many(in, hashed, got);
	for (size_t i = n; i-- > 0;)
		if (!s[i].zero)
			s[i].same = hash_equal(&got[--hashed], &s[i].hash);
}

/* A span that is longer than the room: part by part. */
static int check_long(struct blk *b, struct span *s, uint8_t *buf, size_t room, struct why *w)
{
	struct hasher h;
	struct hash got;
	bool same = true;

	hasher_init(&h);
	for (uint64_t at = 0; same && at < s->bytes; at += room) {
		size_t n = s->bytes - at < room ? (size_t)(s->bytes - at) : room;
		int r = blk_read(b, buf, rounded(n), s->at + at, w);

		if (r)
			return r;
		if (s->zero)
			same = bytes_all_zero(bytes_of(buf, n));
		else
			hasher_add(&h, bytes_of(buf, n));
	}
	got = hasher_end(&h);
	s->same = s->zero ? same : hash_equal(&got, &s->hash);
	return 0;
}

static int check_run(struct blk *b, struct span *s, size_t n, uint8_t *buf, size_t room, struct why *w)
{
	size_t bytes = rounded(s[n - 1].at + s[n - 1].bytes - s->at);
	int r;

	if (bytes > room)
		return check_long(b, s, buf, room, w);
	r = blk_read(b, buf, bytes, s->at, w);
	if (!r)
		compare(s, n, buf);
	return r;
}

int medium_check(struct blk *b, struct span *spans, size_t n, uint8_t *buf, size_t room, struct why *w)
{
	int r = 0;

	for (size_t i = 0, k; i < n && !r; i += k) {
		k = run_length(spans + i, n - i, room);
		r = check_run(b, spans + i, k, buf, room, w);
	}
	return r;
}
