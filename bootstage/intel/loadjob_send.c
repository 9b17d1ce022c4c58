#include "bootstage/intel/loadjob_inside.h"

/* Memory for the arrays of parameters, which copy. */
#define SCRATCH(type, name, count) AUTO_FREE type *name = array(count, sizeof(type))

/* --- what is new --- */

void load_job_ask(const struct load_job *j, struct pg_params *p)
{
	SCRATCH(struct pg_uuid, recs, j->n);
	SCRATCH(struct pg_uuid, hashes, j->n);
	SCRATCH(int64_t, times, j->n);

	if (!recs || !hashes || !times) {
		p->no_memory = true;
		return;
	}
	for (size_t i = 0; i < j->n; i++) {
		const struct load_entry *e = &j->batch->at[j->first + i];

		recs[i] = e->rec;
		hashes[i] = e->hash;
		times[i] = e->r.modified_us;
	}
	pg_param_uuids(p, recs, j->n);
	pg_param_uuids(p, hashes, j->n);
	pg_param_times(p, times, j->n);
}

/* --- nodes --- */

static int by_key(const void *a, const void *b)
{
	const struct bytes *x = &(*(const struct load_key *const *)a)->key,
			   *y = &(*(const struct load_key *const *)b)->key;
	int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

	return c ? c : (x->n > y->n) - (x->n < y->n);
}

static void node_texts(const struct load_key *const *order, size_t n, struct pg_params *p)
{
	SCRATCH(int16_t, kinds, n);
	SCRATCH(struct bytes, texts, n);

	if (!kinds || !texts) {
		p->no_memory = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		kinds[i] = (int16_t)order[i]->kind;
		texts[i] = order[i]->key;
	}
	pg_param_i16s(p, kinds, n);
	pg_param_texts(p, texts, n);
	for (size_t i = 0; i < n; i++)
		texts[i] = order[i]->name;
	pg_param_texts(p, texts, n);
}

static void node_versions(const struct load_key *const *order, size_t n, struct pg_params *p)
{
	SCRATCH(int64_t, times, n);
	SCRATCH(int16_t, revoked, n);
	SCRATCH(int16_t, records, n);

	if (!times || !revoked || !records) {
		p->no_memory = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct load_entry *e = order[i]->owner;

		times[i] = e ? e->r.modified_us : TIME_NONE;
		revoked[i] = e && e->r.revoked ? 1 : 0;
		records[i] = e ? 1 : 0;
	}
	pg_param_times(p, times, n);
	pg_param_i16s(p, revoked, n);
	pg_param_i16s(p, records, n);
}

void load_job_made(const struct load_job *j, struct pg_params *p)
{
	SCRATCH(const struct load_key *, order, j->n_made);
	size_t n = 0;

	if (!order) {
		p->no_memory = true;
		return;
	}
	for (size_t i = 0; i < j->n_keys; i++)
		if (is_made(&j->keys[i]))
			order[n++] = &j->keys[i];
	qsort(order, n, sizeof(order[0]), by_key); /* NOLINT(bugprone-sizeof-expression): of pointers */
	node_texts(order, n, p);
	node_versions(order, n, p);
}

void load_job_keys(const struct load_job *j, struct pg_params *p)
{
	SCRATCH(struct bytes, texts, j->n_keys);
	size_t n = 0;

	if (!texts) {
		p->no_memory = true;
		return;
	}
	for (size_t i = 0; i < j->n_keys; i++)
		if (j->keys[i].id == 0)
			texts[n++] = j->keys[i].key;
	pg_param_texts(p, texts, n);
}

static int by_id(const void *a, const void *b)
{
	int64_t x = (*(const struct load_key *const *)a)->id, y = (*(const struct load_key *const *)b)->id;

	return (x > y) - (x < y);
}

static void known_arrays(const struct load_key *const *order, size_t n, struct pg_params *p)
{
	SCRATCH(int64_t, numbers, n);
	SCRATCH(int16_t, smalls, n);
	SCRATCH(struct bytes, names, n);

	if (!numbers || !smalls || !names) {
		p->no_memory = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		numbers[i] = order[i]->id;
		smalls[i] = (int16_t)order[i]->kind;
		names[i] = order[i]->name;
	}
	pg_param_i64s(p, numbers, n);
	pg_param_i16s(p, smalls, n);
	pg_param_texts(p, names, n);
	for (size_t i = 0; i < n; i++) {
		numbers[i] = order[i]->owner->r.modified_us;
		smalls[i] = order[i]->owner->r.revoked;
	}
	pg_param_times(p, numbers, n);
	pg_param_i16s(p, smalls, n);
}

void load_job_known_nodes(const struct load_job *j, struct pg_params *p)
{
	SCRATCH(const struct load_key *, order, j->n_known);
	size_t n = 0;

	if (!order) {
		p->no_memory = true;
		return;
	}
	for (size_t i = 0; i < j->n_keys; i++)
		if (is_known(&j->keys[i]))
			order[n++] = &j->keys[i];
	qsort(order, n, sizeof(order[0]), by_id); /* NOLINT(bugprone-sizeof-expression): of pointers */
	known_arrays(order, n, p);
}

/* --- edges --- */

static void edge_ends(const struct load_edge *e, size_t n, struct pg_params *p)
{
	SCRATCH(int64_t, ids, n);
	SCRATCH(int16_t, kinds, n);

	if (!ids || !kinds) {
		p->no_memory = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		ids[i] = e[i].src;
		kinds[i] = e[i].kind;
	}
	pg_param_i64s(p, ids, n);
	pg_param_i16s(p, kinds, n);
	for (size_t i = 0; i < n; i++)
		ids[i] = e[i].dst;
	pg_param_i64s(p, ids, n);
}

void load_job_edge_arrays(const struct load_job *j, struct pg_params *p)
{
	SCRATCH(int64_t, times, j->n_edges);
	SCRATCH(int32_t, counts, j->n_edges);

	if (!times || !counts) {
		p->no_memory = true;
		return;
	}
	edge_ends(j->edges, j->n_edges, p);
	for (size_t i = 0; i < j->n_edges; i++)
		times[i] = j->edges[i].first_us;
	pg_param_times(p, times, j->n_edges);
	for (size_t i = 0; i < j->n_edges; i++) {
		times[i] = j->edges[i].last_us;
		counts[i] = j->edges[i].n;
	}
	pg_param_times(p, times, j->n_edges);
	pg_param_i32s(p, counts, j->n_edges);
}

/* --- old versions --- */

void load_job_newer(const struct load_job *j, struct pg_params *p)
{
	SCRATCH(struct pg_uuid, recs, j->n_newer);
	SCRATCH(int64_t, times, j->n_newer);
	size_t n = 0;

	if (!recs || !times) {
		p->no_memory = true;
		return;
	}
	for (size_t i = 0; i < j->n_wanted; i++) {
		const struct load_entry *e = j->wanted[i].e;

		if (e->state != LOAD_NEWER)
			continue;
		times[n] = e->r.modified_us;
		recs[n++] = e->rec;
	}
	pg_param_uuids(p, recs, n);
	pg_param_times(p, times, n);
}

void load_job_gone_again(const struct load_job *j, struct pg_params *p)
{
	edge_ends(j->gone, j->n_gone, p);
}

/* --- rows --- */

/* What a record says that is stored: src, kind, dst. */
static size_t claims_of(const struct load_job *j, const struct load_wanted *wanted)
{
	size_t n = 0;

	for (size_t k = 0; k < wanted->e->r.n_edges; k++) {
		const uint32_t *end = &j->ends[wanted->ends_at + 2 * k];

		if (j->keys[end[0]].id == 0 || j->keys[end[1]].id == 0)
			continue;
		j->claims[n++] = j->keys[end[0]].id;
		j->claims[n++] = (int64_t)wanted->e->r.edges[k].kind;
		j->claims[n++] = j->keys[end[1]].id;
	}
	return n;
}

/* records (rec, feed_id, modified, hash, revoked, node_id, claims, doc) */
void load_job_record_row(const struct load_job *j, size_t i, struct pg_rows *rows)
{
	const struct load_entry *e = j->wanted[i].e;
	size_t claims = claims_of(j, &j->wanted[i]);

	pg_row(rows, 8);
	pg_put_uuid(rows, &e->rec);
	pg_put_i32(rows, j->feed);
	pg_put_time(rows, e->r.modified_us);
	pg_put_uuid(rows, &e->hash);
	pg_put_bool(rows, e->r.revoked);
	if (e->r.is_node && e->r.n_nodes)
		pg_put_i64(rows, j->keys[j->wanted[i].node].id);
	else
		pg_put_null(rows);
	if (claims)
		pg_put_i64s(rows, j->claims, claims);
	else
		pg_put_null(rows);
	pg_put_json(rows, e->r.text);
}

/* intel_edges (src, kind, dst, first_seen, last_seen, n) */
void load_job_edge_row(const struct load_job *j, size_t i, struct pg_rows *rows)
{
	const struct load_edge *e = &j->edges[i];

	if (e->there)
		return;
	pg_row(rows, 6);
	pg_put_i64(rows, e->src);
	pg_put_i16(rows, e->kind);
	pg_put_i64(rows, e->dst);
	pg_put_time(rows, e->first_us);
	pg_put_time(rows, e->last_us);
	pg_put_i32(rows, e->n);
}

/* pending_edges (rec, src, kind, dst, first_seen, last_seen) */
void load_job_pending_row(const struct load_job *j, size_t i, struct pg_rows *rows)
{
	const struct load_dangling *d = &j->dangling[i];

	pg_row(rows, 6);
	pg_put_uuid(rows, &d->e->rec);
	pg_put_bytes(rows, d->edge->src);
	pg_put_i16(rows, (int16_t)d->edge->kind);
	pg_put_bytes(rows, d->edge->dst);
	pg_put_time(rows, d->edge->first_us);
	pg_put_time(rows, d->edge->last_us);
}
