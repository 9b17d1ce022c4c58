#include "updater/fetchlist.h"

static struct source_range *item(struct fetchlist *l, size_t i)
{
	return &l->at[(l->first + i) % FETCHLIST_ROOM];
}

bool fetchlist_add(struct fetchlist *l, struct source_range r)
{
	struct source_range *last = l->n > 0 ? item(l, l->n - 1) : NULL;

	if (r.bytes == 0)
		return true;
	if (last && last->at + last->bytes == r.at) {
		last->bytes += r.bytes;
	} else {
		if (l->n == FETCHLIST_ROOM)
			return false;
		*item(l, l->n++) = r;
	}
	l->bytes += r.bytes;
	return true;
}

bool fetchlist_has(const struct fetchlist *l, uint64_t off)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct source_range *r = &l->at[(l->first + i) % FETCHLIST_ROOM];

		if (off >= r->at && off - r->at < r->bytes)
			return true;
	}
	return false;
}

/* Take up to n bytes off the first item. */
static void take_first(struct fetchlist *l, uint64_t n)
{
	struct source_range *r = item(l, 0);

	r->at += n;
	r->bytes -= n;
	l->bytes -= n;
	if (r->bytes == 0) {
		l->first = (l->first + 1) % FETCHLIST_ROOM;
		l->n--;
	}
}

size_t fetchlist_take(struct fetchlist *l, const struct fetch_limits *limits, struct http_range *ret)
{
	uint64_t left = limits->bytes;
	size_t n = 0;

	while (l->n > 0 && left > 0) {
		const struct source_range *r = item(l, 0);
		uint64_t end = n > 0 ? ret[n - 1].at + ret[n - 1].bytes : 0, gap, take;

		if (n > 0 && r->at < end)
			break; /* goes back: a request of its own */
		gap = n > 0 ? r->at - end : 0;
		if (n > 0 && gap <= limits->gap_bytes) {
			if (gap >= left)
				break;
			take = r->bytes < left - gap ? r->bytes : left - gap;
			ret[n - 1].bytes += gap + take;
			left -= gap + take;
		} else {
			if (n == limits->ranges)
				break;
			take = r->bytes < left ? r->bytes : left;
			ret[n++] = (struct http_range){ .at = r->at, .bytes = take };
			left -= take;
		}
		take_first(l, take);
	}
	return n;
}
