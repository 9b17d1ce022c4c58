#include "updater/byte_ring.h"

/* Room behind the newest, or at the front again. One byte stays free before the oldest, so that full is not empty. */
static size_t place(const struct byte_ring *r, size_t n)
{
	if (r->to < r->from)
		return r->from - r->to > n ? r->to : BYTE_RING_FULL;
	if (r->size - r->to >= n)
		return r->to;
	return r->from > n ? 0 : BYTE_RING_FULL;
}

size_t byte_ring_take(struct byte_ring *r, size_t n)
{
	size_t at;

	if (r->pieces == 0)
		r->from = r->to = 0;
	at = place(r, n);
	if (at == BYTE_RING_FULL)
		return at;
	r->to = at + n;
	r->pieces++;
	return at;
}

void byte_ring_give(struct byte_ring *r, size_t at, size_t n)
{
	r->from = at + n;
	r->pieces--;
}
