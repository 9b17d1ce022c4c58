/* related_walk() of related.h. */
#include "bootstage/intel/related.h"

struct walk {
	struct related_server *servers;
	size_t n_servers;
	const struct relquery *q;
	struct reach met;
	uint64_t silent;
	struct why silent_why;
};

static int meet_all(struct walk *k, const PGresult *rows, unsigned int depth, struct why *w)
{
	int r = 0;

	for (int i = 0; !r && i < PQntuples(rows); i++) {
		size_t n = k->met.n;

		r = reach_add(&k->met, pg_get_int(rows, i, 0), (int)depth, w);
		if (k->q->paths && k->met.n > n)
			k->met.via[n] = (struct reach_via){
				.near = pg_get_int(rows, i, 1),
				.kind = (int16_t)pg_get_int(rows, i, 2),
				.forward = pg_get_bool(rows, i, 3),
			};
	}
	return r;
}

/* --- servers --- */

static uint64_t bit(size_t i)
{
	return UINT64_C(1) << i;
}

/* What a server cannot say now it will not say at a later level: the answer would look whole. */
static void lose(struct walk *k, size_t i, const struct why *w)
{
	k->silent |= bit(i);
	if (!k->silent_why.code)
		k->silent_why = *w;
}

/* Any of them has the intel graph. SERVERS_MAX when none is left. */
static size_t leader(const struct walk *k)
{
	size_t i = 0;

	while (i < k->n_servers && (k->silent & bit(i)))
		i++;
	return i;
}

/* 0: nothing of what it has is asked for. */
static enum level_part part_of(const struct walk *k, size_t i)
{
	unsigned int part = i == leader(k) ? LEVEL_INTEL : 0;

	return (enum level_part)(relquery_has_telemetry(k->q) ? part | LEVEL_TELEMETRY : part);
}

static int begin_level(struct walk *k, size_t i, size_t first, size_t n, struct why *w)
{
	struct related_server *s = &k->servers[i];
	AUTO_PG_PARAMS a = { 0 };
	struct relsql sql;
	int r;

	relquery_level_sql(k->q, part_of(k, i), &sql);
	relquery_level_params(k->q, part_of(k, i), k->met.ids + first, n, (int64_t)(k->met.most + k->met.n), &a);
	r = related_prepare(s, &sql, w);
	return r ? r : pg_query_begin(s->pg, sql.name, &a, w);
}

/*
 * One question to each server, then their answers. A leader that is lost takes its part of the level with it: the next one
 * is asked again, which `ret_again` says.
 */
static int ask_all(struct walk *k, size_t first, size_t n, unsigned int depth, bool *ret_again, struct why *w)
{
	size_t lead = leader(k);
	uint64_t begun = 0;
	int r = 0;

	for (size_t i = 0; i < k->n_servers; i++) {
		struct why one = { 0 };

		if ((k->silent & bit(i)) || part_of(k, i) == 0)
			continue;
		if (begin_level(k, i, first, n, &one))
			lose(k, i, &one);
		else
			begun |= bit(i);
	}
	for (size_t i = 0; i < k->n_servers; i++) {
		AUTO_PG_RESULT *rows = NULL;
		struct why one = { 0 };

		if (!(begun & bit(i)))
			continue;
		if (pg_query_end(k->servers[i].pg, &rows, &one))
			lose(k, i, &one);
		else
			r = r ? r : meet_all(k, rows, depth, w);
	}
	*ret_again = leader(k) != lead;
	return r;
}

static int level(struct walk *k, size_t first, size_t n, unsigned int depth, struct why *w)
{
	bool again = true;
	int r = 0;

	while (!r && again) {
		if (leader(k) == k->n_servers) {
			if (w && !w->code)
				*w = k->silent_why;
			return k->silent_why.code ? k->silent_why.code : -ENOTCONN;
		}
		r = ask_all(k, first, n, depth, &again, w);
	}
	return r;
}

/* --- the walk --- */

static int walk_levels(struct walk *k, int64_t start, struct why *w)
{
	int r = reach_add(&k->met, start, 0, w);
	size_t first = 0;

	for (unsigned int d = 1; !r && !k->met.cut && d <= k->q->depth && first < k->met.n; d++) {
		size_t n = k->met.n - first;

		r = level(k, first, n, d, w);
		first += n;
	}
	return r;
}

/* Each has all names: that one is lost now takes nothing from the answer. */
static int names(struct walk *k, struct answers *ret, struct why *w)
{
	struct why first = { 0 };
	int r = -ENOTCONN;

	for (size_t i = 0; r && i < k->n_servers; i++)
		if (!(k->silent & bit(i)))
			r = related_names(&k->servers[i], k->q, &k->met, ret, &first);
	if (r && w && !w->code)
		*w = first;
	return r;
}

int related_walk(struct related_server *servers, size_t n, const struct relquery *q, int64_t start, struct answers *ret,
		 struct why *w)
{
	struct walk k = {
		.servers = servers, .n_servers = n, .q = q, .met = { .most = relquery_most(q), .paths = q->paths }
	};
	int r;

	for (size_t i = 0; i < n; i++)
		if (!servers[i].pg)
			k.silent |= bit(i);
	r = walk_levels(&k, start, w);
	r = r ? r : names(&k, ret, w);
	reach_free(&k.met);
	if (r)
		return r;
	ret->levels = true;
	ret->silent = k.silent;
	return 0;
}

int related_any(struct related_server *servers, size_t n, const struct relquery *q, int64_t start, struct answers *ret,
		struct why *w)
{
	size_t first = 0;

	if (n > 1 && relquery_has_telemetry(q))
		return related_walk(servers, n, q, start, ret, w);
	while (first + 1 < n && !servers[first].pg)
		first++;
	return related_find(&servers[first], q, start, ret, w);
}
