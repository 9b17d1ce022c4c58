#include "bootstage/intel/loadjob_inside.h"

void load_job_free(struct load_job *j)
{
	free(j->wanted);
	free(j->keys);
	free(j->slots);
	free(j->ends);
	free(j->edges);
	free(j->dangling);
	free(j->claims);
	free(j->gone);
	*j = (struct load_job){ 0 };
}

static int no_memory(struct why *w)
{
	return fail(w, -ENOMEM, "out of memory for a batch");
}

/* --- what is new --- */

static int odd(struct why *w)
{
	return fail(w, -EPROTO, "PostgreSQL: an answer that was not asked for");
}

int load_job_told(struct load_job *j, const PGresult *rows, struct why *w)
{
	int n = PQntuples(rows);
	struct load_wanted *wanted = array((size_t)n, sizeof(*wanted));

	free(j->wanted);
	j->wanted = wanted;
	j->n_wanted = j->n_newer = j->n_refused = 0;
	if (!wanted)
		return no_memory(w);
	for (size_t i = 0; i < j->n; i++)
		j->batch->at[j->first + i].state = LOAD_KNOWN;
	for (int i = 0; i < n; i++) {
		int64_t at = pg_get_int(rows, i, 0);
		bool newer = pg_get_bool(rows, i, 1);
		struct load_entry *e;

		if (at < 1 || (uint64_t)at > j->n)
			return odd(w);
		e = &j->batch->at[j->first + (size_t)at - 1];
		if (pg_get_bool(rows, i, 2)) {
			e->state = LOAD_REFUSED;
			j->n_refused++;
			continue;
		}
		e->state = newer ? LOAD_NEWER : LOAD_NEW;
		j->n_newer += newer;
		j->wanted[j->n_wanted++].e = e;
	}
	return 0;
}

/* --- nodes --- */

static uint32_t *slot_of(const struct load_job *j, const struct load_mark *m)
{
	uint64_t at = m->high & (j->n_slots - 1);

	while (j->slots[at] && !load_mark_equal(&j->keys[j->slots[at] - 1].mark, m))
		at = (at + 1) & (j->n_slots - 1);
	return &j->slots[at];
}

/* The place of a key in the table; there is room. */
static uint32_t name(struct load_job *j, struct bytes key)
{
	struct load_mark m = load_mark(key);
	uint32_t *slot = slot_of(j, &m);

	if (!*slot) {
		j->keys[j->n_keys] = (struct load_key){
			.key = key,
			.mark = m,
			.id = j->known_ids ? load_ids_get(j->known_ids, &m) : 0,
		};
		*slot = (uint32_t)++j->n_keys;
	}
	return *slot - 1;
}

static int names_room(struct load_job *j, struct why *w)
{
	size_t keys = 0, ends = 0, most = 0;

	for (size_t i = 0; i < j->n_wanted; i++) {
		const struct record *r = &j->wanted[i].e->r;

		keys += r->n_nodes + 2 * r->n_edges;
		ends += 2 * r->n_edges;
		most = r->n_edges > most ? r->n_edges : most;
	}
	for (j->n_slots = 64; j->n_slots < 2 * keys;)
		j->n_slots *= 2;
	j->keys = array(keys, sizeof(*j->keys));
	j->slots = array(j->n_slots, sizeof(*j->slots));
	j->ends = array(ends, sizeof(*j->ends));
	j->claims = array(3 * most, sizeof(*j->claims));
	return j->keys && j->slots && j->ends && j->claims ? 0 : no_memory(w);
}

static void name_node(struct load_job *j, struct load_wanted *wanted, size_t i)
{
	const struct load_entry *e = wanted->e;
	const struct node *n = &e->r.nodes[i];
	uint32_t at = name(j, n->key);
	struct load_key *k = &j->keys[at];
	enum load_want want = i == 0 && e->r.is_node ? WANT_NODE : WANT_OBSERVABLE;

	if (i == 0)
		wanted->node = at;
	if (k->want > want || (k->want == want && want == WANT_OBSERVABLE))
		return;
	k->want = want;
	k->kind = n->kind;
	k->name = n->name;
	k->owner = want == WANT_NODE ? e : NULL;
}

int load_job_names(struct load_job *j, struct why *w)
{
	int r = names_room(j, w);

	for (size_t i = 0; !r && i < j->n_wanted; i++) {
		const struct load_entry *e = j->wanted[i].e;

		j->wanted[i].ends_at = j->n_ends;
		for (size_t k = 0; k < e->r.n_nodes; k++)
			name_node(j, &j->wanted[i], k);
		for (size_t k = 0; k < e->r.n_edges; k++) {
			j->ends[j->n_ends++] = name(j, e->r.edges[k].src);
			j->ends[j->n_ends++] = name(j, e->r.edges[k].dst);
		}
	}
	for (size_t i = 0; !r && i < j->n_keys; i++)
		j->n_made += is_made(&j->keys[i]);
	return r;
}

int load_job_fresh(struct load_job *j, const PGresult *rows, struct why *w)
{
	for (int i = 0; i < PQntuples(rows); i++) {
		struct load_mark m = load_mark(pg_get_text(rows, i, 0));
		uint32_t at = *slot_of(j, &m);

		if (at == 0)
			return odd(w);
		j->keys[at - 1].fresh = true;
		j->keys[at - 1].id = pg_get_int(rows, i, 1);
		j->n_fresh += j->keys[at - 1].want == WANT_NODE;
	}
	return 0;
}

int load_job_ids(struct load_job *j, const PGresult *rows, struct why *w)
{
	int n = PQntuples(rows), i = 0;

	for (size_t k = 0; k < j->n_keys; k++) {
		if (j->keys[k].id)
			continue;
		if (i >= n || pg_get_int(rows, i, 0) != i + 1)
			return odd(w);
		j->keys[k].id = pg_get_int(rows, i++, 1);
	}
	return i == n ? 0 : odd(w);
}

void load_job_keep_ids(const struct load_job *j, struct load_ids *ids)
{
	for (size_t i = 0; i < j->n_keys; i++)
		if (j->keys[i].id)
			load_ids_put(ids, &j->keys[i].mark, j->keys[i].id);
}

/* --- edges --- */

static int by_ends(const void *a, const void *b)
{
	const struct load_edge *x = a, *y = b;

	if (x->src != y->src)
		return x->src < y->src ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->dst > y->dst) - (x->dst < y->dst);
}

/* NULL is smaller than any time in `first`, TIME_NONE: what is known counts. */
static int64_t earlier(int64_t a, int64_t b)
{
	return a == TIME_NONE || (b != TIME_NONE && b < a) ? b : a;
}

/* Equal ones together, in the order of the table's key. */
static size_t sum_up(struct load_edge *e, size_t n)
{
	size_t at = 0;

	qsort(e, n, sizeof(*e), by_ends);
	for (size_t i = 1; i < n; i++) {
		if (by_ends(&e[at], &e[i]) != 0) {
			e[++at] = e[i];
			continue;
		}
		e[at].n += e[i].n;
		e[at].first_us = earlier(e[at].first_us, e[i].first_us);
		e[at].last_us = e[at].last_us > e[i].last_us ? e[at].last_us : e[i].last_us;
	}
	return n ? at + 1 : 0;
}

static void edge_add(struct load_job *j, const struct load_wanted *wanted, size_t k)
{
	const struct edge *e = &wanted->e->r.edges[k];
	int64_t src = j->keys[j->ends[wanted->ends_at + 2 * k]].id;
	int64_t dst = j->keys[j->ends[wanted->ends_at + 2 * k + 1]].id;

	if (src == 0 || dst == 0)
		j->dangling[j->n_dangling++] = (struct load_dangling){ wanted->e, e };
	else
		j->edges[j->n_edges++] = (struct load_edge){ .src = src,
							     .dst = dst,
							     .kind = (int16_t)e->kind,
							     .n = 1,
							     .first_us = e->first_us,
							     .last_us = e->last_us };
}

static bool dangles(const struct load_job *j, const struct load_wanted *wanted)
{
	for (size_t k = 0; k < 2 * wanted->e->r.n_edges; k++)
		if (j->keys[j->ends[wanted->ends_at + k]].id == 0)
			return true;
	return false;
}

/* Whether it was; then it is not wanted now. */
static bool put_aside(struct load_job *j, const struct load_wanted *wanted)
{
	if (!j->aside || !load_batch_room(j->aside, j->n_aside, j->aside_bytes) || !dangles(j, wanted))
		return false;
	j->n_newer -= wanted->e->state == LOAD_NEWER;
	j->n_aside++;
	j->aside_bytes += wanted->e->bytes;
	wanted->e->state = LOAD_ASIDE;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct load_wanted *x = a, *y = b;

	return memcmp(x->e->rec.b, y->e->rec.b, sizeof(x->e->rec.b));
}

int load_job_edges(struct load_job *j, struct why *w)
{
	size_t n = 0;

	j->edges = array(j->n_ends / 2, sizeof(*j->edges));
	j->dangling = array(j->n_ends / 2, sizeof(*j->dangling));
	if (!j->edges || !j->dangling)
		return no_memory(w);
	for (size_t i = 0; i < j->n_wanted; i++) {
		if (put_aside(j, &j->wanted[i]))
			continue;
		for (size_t k = 0; k < j->wanted[i].e->r.n_edges; k++)
			edge_add(j, &j->wanted[i], k);
		j->wanted[n++] = j->wanted[i];
	}
	j->n_wanted = n;
	qsort(j->wanted, n, sizeof(*j->wanted), by_number);
	j->n_edges = sum_up(j->edges, j->n_edges);
	for (size_t i = 0; i < j->n_keys; i++)
		j->n_known += is_known(&j->keys[i]);
	return 0;
}

static struct load_edge edge_of(const PGresult *rows, int row)
{
	return (struct load_edge){ .src = pg_get_int(rows, row, 0),
				   .kind = (int16_t)pg_get_int(rows, row, 1),
				   .dst = pg_get_int(rows, row, 2) };
}

int load_job_there(struct load_job *j, const PGresult *rows, struct why *w)
{
	j->n_there = 0;
	for (int i = 0; i < PQntuples(rows); i++) {
		struct load_edge e = edge_of(rows, i), *mine;

		mine = bsearch(&e, j->edges, j->n_edges, sizeof(e), by_ends);
		if (!mine || mine->there)
			return odd(w);
		mine->there = true;
		j->n_there++;
	}
	return 0;
}

/* --- old versions --- */

int load_job_gone(struct load_job *j, const PGresult *rows, struct why *w)
{
	int n = PQntuples(rows);

	free(j->gone);
	j->n_gone = 0;
	j->gone = array((size_t)n, sizeof(*j->gone));
	if (!j->gone)
		return no_memory(w);
	for (int i = 0; i < n; i++)
		j->gone[j->n_gone++] = edge_of(rows, i);
	qsort(j->gone, j->n_gone, sizeof(*j->gone), by_ends);
	return 0;
}
