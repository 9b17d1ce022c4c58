/* related_walk() of related.h. */
#include <string.h>

#include "bootstage/intel/idset.h"
#include "bootstage/intel/related.h"

struct walk {
	struct related_server *servers;
	size_t n_servers;
	const struct relquery *q;
	struct idset met;
	int64_t *ids; /* in the order in which they were met, the start first; all of met */
	int16_t *depths;
	size_t n, room;
	size_t most; /* ids; more than the answers that are wanted */
	bool cut;
	uint64_t silent;
	struct why silent_why;
};

static void walk_done(struct walk *k)
{
	idset_free(&k->met);
	free(k->ids);
	free(k->depths);
}

/* --- what was met --- */

static int make_room(struct walk *k, struct why *w)
{
	size_t room = k->room ? 2 * k->room : 1024;
	int64_t *ids = realloc(k->ids, room * sizeof(*ids));
	int16_t *depths;

	if (!ids)
		return fail(w, -ENOMEM, "out of memory for %zu nodes", room);
	k->ids = ids;
	depths = realloc(k->depths, room * sizeof(*depths));
	if (!depths)
		return fail(w, -ENOMEM, "out of memory for %zu nodes", room);
	k->depths = depths;
	k->room = room;
	return 0;
}

static int meet(struct walk *k, int64_t id, unsigned int depth, struct why *w)
{
	int r;

	if (k->n == k->most) {
		k->cut = !idset_has(&k->met, id) || k->cut;
		return 0;
	}
	r = k->n == k->room ? make_room(k, w) : 0;
	if (r)
		return r;
	r = idset_add(&k->met, id);
	if (r < 0)
		return fail(w, r, "a node %lld", (long long)id);
	if (r > 0) {
		k->ids[k->n] = id;
		k->depths[k->n++] = (int16_t)depth;
	}
	return 0;
}

static int meet_all(struct walk *k, const PGresult *rows, unsigned int depth, struct why *w)
{
	int r = 0;

	for (int i = 0; !r && i < PQntuples(rows); i++)
		r = meet(k, pg_get_int(rows, i, 0), depth, w);
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
	relquery_level_params(k->q, part_of(k, i), k->ids + first, n, (int64_t)(k->most + k->n), &a);
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
	size_t first = 0;
	int r = meet(k, start, 0, w);

	for (unsigned int d = 1; !r && !k->cut && d <= k->q->depth && first < k->n; d++) {
		size_t n = k->n - first;

		r = level(k, first, n, d, w);
		first += n;
	}
	return r;
}

static const char names_sql[] =
	"SELECT n.node_id, n.key, n.kind, n.name, x.depth::integer "
	"FROM unnest($1::bigint[], $2::smallint[]) AS x (id, depth) JOIN nodes n ON n.node_id = x.id "
	"WHERE (n.kind = ANY ($3::smallint[]) OR $3 IS NULL) ORDER BY x.depth, x.id LIMIT $4::bigint";

/* What the nodes are called; the kinds of answers that were asked for. */
static int name_them(struct walk *k, struct answers *ret, struct why *w)
{
	AUTO_PG_PARAMS a = { 0 };
	PGresult *rows = NULL;
	int r;

	pg_param_i64s(&a, k->ids + 1, k->n - 1);
	pg_param_i16s(&a, k->depths + 1, k->n - 1);
	relquery_nodes_param(k->q, &a);
	pg_param_i64(&a, (int64_t)k->q->limit + 1);
	r = pg_query(k->servers[leader(k)].pg, names_sql, &a, &rows, w);
	return r ? r : answers_take(rows, k->q->limit, ret, w);
}

int related_walk(struct related_server *servers, size_t n, const struct relquery *q, int64_t start, struct answers *ret,
		 struct why *w)
{
	CLEANUP(walk_done)
	struct walk k = {
		.servers = servers,
		.n_servers = n,
		.q = q,
		.most = (q->nodes ? (size_t)RELQUERY_LIMIT_MAX : q->limit) + 2,
	};
	int r;

	for (size_t i = 0; i < n; i++)
		if (!servers[i].pg)
			k.silent |= bit(i);
	r = walk_levels(&k, start, w);
	r = r ? r : name_them(&k, ret, w);
	if (r)
		return r;
	ret->cut |= k.cut;
	ret->levels = true;
	ret->silent = k.silent;
	return 0;
}
