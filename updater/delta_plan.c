#include "updater/delta_plan.h"

#define BESIDE_MAX (64u << 10) /* bytes of the base that are taken along on a side of a copy */

int delta_plan_init(struct delta_plan *ret, size_t chunk_bytes, struct why *w)
{
	ret->wanted = calloc(2 * delta_match_max(chunk_bytes), sizeof(*ret->wanted));
	return ret->wanted ? 0 : fail(w, -ENOMEM, "out of memory");
}

void delta_plan_done(struct delta_plan *p)
{
	free(p->wanted);
	p->wanted = NULL;
}

static bool is_fill(const struct delta_match *m)
{
	return m->base_at == DELTA_ZEROS;
}

/* Whether the match becomes an operation when the shortest ones are `scale` times as long as usual. */
static bool is_op(const struct delta_match *m, uint32_t scale)
{
	return m->bytes >= scale * (is_fill(m) ? DELTA_FILL_MIN : DELTA_COPY_MIN);
}

static void add_op(struct deltaops *d, enum delta_kind kind, uint32_t bytes, uint64_t base_at)
{
	if (bytes == 0)
		return;
	d->ops[d->n_ops++] = (struct delta_op){ .kind = kind, .bytes = bytes, .base_at = base_at };
	d->literal_bytes += kind == DELTA_LITERAL ? bytes : 0;
}

/* Returns false when there would be too many. */
static bool make_ops(struct deltaops *d, const struct delta_match *m, size_t n, uint32_t raw_bytes, uint32_t scale)
{
	uint32_t at = 0;

	d->n_ops = 0;
	d->literal_bytes = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_op(&m[i], scale))
			continue;
		if (d->n_ops + 3 > DELTA_OPS_MAX) /* these two, and the last literals */
			return false;
		add_op(d, DELTA_LITERAL, m[i].at - at, 0);
		add_op(d, is_fill(&m[i]) ? DELTA_ZERO : DELTA_COPY, m[i].bytes, is_fill(&m[i]) ? 0 : m[i].base_at);
		at = m[i].at + m[i].bytes;
	}
	add_op(d, DELTA_LITERAL, raw_bytes - at, 0);
	return true;
}

static void want(struct delta_plan *p, uint64_t begin, uint64_t end, uint64_t base_bytes)
{
	end = end < base_bytes ? end : base_bytes;
	if (begin < end)
		p->wanted[p->n_wanted++] = (struct delta_range){ .at = begin, .bytes = (uint32_t)(end - begin) };
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint32_t beside(uint32_t literals, uint32_t pad)
{
	return literals < BESIDE_MAX - pad ? literals + pad : BESIDE_MAX;
}

/* What lies in the base before and behind each copy that has literals beside it, as much as there are literals. */
static void want_beside(struct delta_plan *p, uint64_t base_bytes, uint32_t pad)
{
	const struct deltaops *d = &p->ops;

	for (size_t i = 0; i < d->n_ops; i++) {
		const struct delta_op *op = &d->ops[i];
		uint64_t end = op->base_at + op->bytes;

		if (op->kind != DELTA_COPY)
			continue;
		if (i > 0 && op[-1].kind == DELTA_LITERAL)
			want(p, less(op->base_at, beside(op[-1].bytes, pad)), op->base_at, base_bytes);
		if (i + 1 < d->n_ops && op[1].kind == DELTA_LITERAL)
			want(p, end, end + beside(op[1].bytes, pad), base_bytes);
	}
}

static int compare(const void *a, const void *b)
{
	const struct delta_range *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* Join those that overlap or are near each other. */
static void join(struct delta_plan *p, uint32_t gap)
{
	size_t n = 0;

	qsort(p->wanted, p->n_wanted, sizeof(*p->wanted), compare);
	for (size_t i = 0; i < p->n_wanted; i++) {
		struct delta_range *last = n ? &p->wanted[n - 1] : NULL, *r = &p->wanted[i];
		uint64_t end = r->at + r->bytes;

		if (last && r->at <= last->at + last->bytes + gap) {
			if (end > last->at + last->bytes)
				last->bytes = (uint32_t)(end - last->at);
		} else {
			p->wanted[n++] = *r;
		}
	}
	p->n_wanted = n;
}

static bool fits(const struct delta_plan *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->n_wanted; i++)
		sum += p->wanted[i].bytes;
	return sum <= DELTA_WINDOW_MAX && p->n_wanted <= DELTA_RANGES_MAX;
}

static void gather(struct delta_plan *p, const struct delta_match *m, size_t n, uint64_t base_bytes,
		   const struct delta_taste *taste, uint32_t scale)
{
	p->n_wanted = 0;
	for (size_t i = 0; i < n; i++)
		if (!is_fill(&m[i]) && !is_op(&m[i], scale) && m[i].bytes >= taste->vote_bytes)
			want(p, less(m[i].base_at, taste->pad_bytes), m[i].base_at + m[i].bytes + taste->pad_bytes,
			     base_bytes);
	want_beside(p, base_bytes, taste->pad_bytes);
	join(p, taste->gap_bytes);
}

/* What fits, in ascending order. */
static void take_ranges(struct delta_plan *p)
{
	struct deltaops *d = &p->ops;

	d->n_ranges = 0;
	d->window_bytes = 0;
	for (size_t i = 0; i < p->n_wanted && d->n_ranges < DELTA_RANGES_MAX; i++) {
		struct delta_range *r = &d->ranges[d->n_ranges];
		uint32_t room = DELTA_WINDOW_MAX - d->window_bytes;

		*r = p->wanted[i];
		r->bytes = r->bytes < room ? r->bytes : room;
		if (r->bytes == 0)
			break;
		d->window_bytes += r->bytes;
		d->n_ranges++;
	}
}

void delta_plan(struct delta_plan *p, const struct delta_match *matches, size_t n, uint32_t raw_bytes,
		uint64_t base_bytes, const struct delta_taste *taste)
{
	struct delta_taste t = *taste;
	uint32_t scale = 1;

	while (!make_ops(&p->ops, matches, n, raw_bytes, scale))
		scale *= 2;
	p->ops.frame = bytes_of(NULL, 0);
	gather(p, matches, n, base_bytes, &t, scale);
	while (!fits(p) && t.vote_bytes < DELTA_COPY_MIN) {
		t.pad_bytes /= 4;
		t.gap_bytes /= 2;
		t.vote_bytes += t.vote_bytes / 2;
		gather(p, matches, n, base_bytes, &t, scale);
	}
	take_ranges(p);
}
