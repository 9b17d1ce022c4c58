#include "bootstage/intel/telagg.h"

#include <sodium/crypto_shorthash.h>
#include <stdlib.h>
#include <sys/random.h>

#define NAMES_MIN (TEL_EVENTS_MAX * (size_t)2)

static uint64_t hash_bytes(const struct telagg *a, const void *p, size_t n)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t v;

	(void)crypto_shorthash(out, p, n, a->key);
	memcpy(&v, out, sizeof(v));
	return v;
}

/* Slots for n entries, at most half full. */
static size_t slots_for(size_t n)
{
	size_t slots = 16;

	while (slots < n * 2)
		slots *= 2;
	return slots;
}

int telagg_init(struct telagg *a, size_t batch, size_t names, struct why *w)
{
	*a = (struct telagg){ .rows_max = batch + TEL_EVENTS_MAX, .names_max = names < NAMES_MIN ? NAMES_MIN : names };
	a->arena_max = TEL_FRAME_MAX + a->names_max * 64;
	a->row_mask = slots_for(a->rows_max) - 1;
	a->name_mask = slots_for(a->names_max) - 1;
	a->rows = calloc(a->rows_max, sizeof(*a->rows));
	a->names = calloc(a->names_max, sizeof(*a->names));
	a->row_slots = calloc(a->row_mask + 1, sizeof(*a->row_slots));
	a->name_slots = calloc(a->name_mask + 1, sizeof(*a->name_slots));
	a->arena = malloc(a->arena_max);
	if (a->rows && a->names && a->row_slots && a->name_slots && a->arena &&
	    getrandom(a->key, sizeof(a->key), 0) == (ssize_t)sizeof(a->key))
		return 0;
	telagg_done(a);
	return fail(w, -ENOMEM, "out of memory");
}

void telagg_done(struct telagg *a)
{
	free(a->rows);
	free(a->names);
	free(a->row_slots);
	free(a->name_slots);
	free(a->arena);
	*a = (struct telagg){ 0 };
}

bool telagg_fits(const struct telagg *a, const struct tel_frame *f)
{
	return a->rows_max - a->n_rows >= f->n_events && a->names_max - a->n_names >= 2 * (size_t)f->n_events &&
	       a->arena_max - a->arena_n >= f->events.n;
}

static uint32_t name_of(struct telagg *a, enum node_kind kind, struct bytes value)
{
	uint64_t at = hash_bytes(a, value.p, value.n) + (uint64_t)kind;

	for (;; at++) {
		uint32_t i = a->name_slots[at & a->name_mask];

		if (i == 0)
			break;
		if (a->names[i - 1].kind == kind && bytes_equal(a->names[i - 1].value, value))
			return i - 1;
	}
	memcpy(a->arena + a->arena_n, value.p, value.n);
	a->names[a->n_names] = (struct telagg_name){ .kind = kind, .value = bytes_of(a->arena + a->arena_n, value.n) };
	a->arena_n += value.n;
	a->name_slots[at & a->name_mask] = (uint32_t)++a->n_names;
	return (uint32_t)a->n_names - 1;
}

static bool same_row(const struct telagg_row *x, const struct telagg_row *y)
{
	return x->src == y->src && x->dst == y->dst && x->agent == y->agent && x->kind == y->kind &&
	       x->minute_us == y->minute_us;
}

static uint64_t hash_row(const struct telagg *a, const struct telagg_row *r)
{
	uint8_t p[24];

	put_le32(p, r->src);
	put_le32(p + 4, r->dst);
	put_le32(p + 8, r->agent);
	put_le32(p + 12, (uint32_t)r->kind);
	put_le64(p + 16, (uint64_t)r->minute_us);
	return hash_bytes(a, p, sizeof(p));
}

static void row_add(struct telagg *a, const struct telagg_row *r)
{
	for (uint64_t at = hash_row(a, r);; at++) {
		uint32_t *slot = &a->row_slots[at & a->row_mask];

		if (*slot == 0) {
			a->rows[a->n_rows] = *r;
			*slot = (uint32_t)++a->n_rows;
			return;
		}
		if (same_row(&a->rows[*slot - 1], r)) {
			a->rows[*slot - 1].count += r->count;
			return;
		}
	}
}

void telagg_add(struct telagg *a, const struct tel_frame *f)
{
	struct bytes rest = f->events;
	struct tel_event e;

	while (tel_event_next(&rest, &e)) {
		const struct telagg_row r = { .src = name_of(a, e.src_kind, e.src),
					      .dst = name_of(a, e.dst_kind, e.dst),
					      .agent = f->agent,
					      .kind = e.kind,
					      .minute_us = e.time_us - e.time_us % TEL_MINUTE_US,
					      .count = e.count };

		row_add(a, &r);
	}
}

void telagg_reset(struct telagg *a)
{
	a->n_rows = 0;
	memset(a->row_slots, 0, (a->row_mask + 1) * sizeof(*a->row_slots));
	if (a->names_max - a->n_names < NAMES_MIN || a->arena_max - a->arena_n < TEL_FRAME_MAX)
		telagg_forget(a);
}

void telagg_forget(struct telagg *a)
{
	a->n_rows = 0;
	a->n_names = 0;
	a->arena_n = 0;
	memset(a->row_slots, 0, (a->row_mask + 1) * sizeof(*a->row_slots));
	memset(a->name_slots, 0, (a->name_mask + 1) * sizeof(*a->name_slots));
}

static int by_minute(const void *x, const void *y)
{
	const struct telagg_row *a = x, *b = y;

	return a->minute_us < b->minute_us ? -1 : a->minute_us > b->minute_us;
}

/* Slots lead nowhere afterwards; a batch is sorted when it is complete. */
void telagg_sort(struct telagg *a)
{
	if (a->n_rows > 0)
		qsort(a->rows, a->n_rows, sizeof(*a->rows), by_minute);
	memset(a->row_slots, 0, (a->row_mask + 1) * sizeof(*a->row_slots));
}
