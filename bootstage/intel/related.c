#include "bootstage/intel/related.h"

#include <stdio.h>
#include <string.h>

void answers_free(struct answers *a)
{
	free(a->at);
	PQclear(a->held);
	*a = (struct answers){ 0 };
}

int answers_take(PGresult *rows, uint32_t limit, struct answers *ret, struct why *w)
{
	AUTO_ANSWERS a = { .held = rows };
	size_t n = (size_t)PQntuples(rows);

	a.cut = n > limit;
	a.n = a.cut ? limit : n;
	a.at = calloc(a.n + 1, sizeof(*a.at));
	if (!a.at)
		return fail(w, -ENOMEM, "out of memory for %zu answers", a.n);
	for (size_t i = 0; i < a.n; i++)
		a.at[i] = (struct answer){
			.id = pg_get_int(rows, (int)i, 0),
			.key = pg_get_text(rows, (int)i, 1),
			.kind = (enum node_kind)pg_get_int(rows, (int)i, 2),
			.name = pg_get_text(rows, (int)i, 3),
			.depth = (unsigned int)pg_get_int(rows, (int)i, 4),
		};
	*ret = a;
	a.at = NULL;
	a.held = NULL;
	return 0;
}

/* --- what there is of telemetry --- */

enum telemetry {
	TELEMETRY_NONE,    /* no rows in the window */
	TELEMETRY_INDEXED, /* both directions */
	TELEMETRY_OPEN,    /* a day with rows lacks the index of the second */
};

/* Days by their names (N3): a window has few, the table may have hundreds. */
static const char days_sql[] =
	"SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM pg_index x JOIN pg_attribute a "
	"ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0] WHERE x.indrelid = c.oid AND x.indisvalid AND a.attname = 'dst')) "
	"FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass('telemetry_edges') "
	"AND c.relname BETWEEN 'telemetry_edges_' || to_char($1::timestamptz, 'YYYY_MM_DD') "
	"AND 'telemetry_edges_' || to_char($2::timestamptz, 'YYYY_MM_DD') AND pg_relation_size(c.oid) > 0";

static int look_at_days(struct pg *p, const struct relquery *q, enum telemetry *ret, struct why *w)
{
	AUTO_PG_PARAMS a = { 0 };
	AUTO_PG_RESULT *rows = NULL;
	int r;

	*ret = TELEMETRY_NONE;
	if (!relquery_has_telemetry(q))
		return 0;
	pg_param_time(&a, q->from_us);
	pg_param_time(&a, q->to_us);
	r = pg_query(p, days_sql, &a, &rows, w);
	if (!r && pg_get_int(rows, 0, 0) > 0)
		*ret = pg_get_int(rows, 0, 1) > 0 ? TELEMETRY_OPEN : TELEMETRY_INDEXED;
	return r;
}

/* --- names --- */

#define NAMES                                                                                                              \
	"SELECT x.id, n.key, n.kind, n.name, x.depth::integer FROM unnest($1::bigint[], $2::smallint[]) AS x (id, depth) " \
	"JOIN nodes n ON n.node_id = x.id"

static int compare(const void *a, const void *b)
{
	const struct answer *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

#define PATHS                                                                                                             \
	"SELECT x.id, n.key, n.kind, n.name, x.depth::integer, v.key, x.place FROM unnest($1::bigint[], $2::smallint[], " \
	"$3::bigint[]) WITH ORDINALITY AS x (id, depth, near, place) JOIN nodes n ON n.node_id = x.id "                   \
	"LEFT JOIN nodes v ON v.node_id = x.near"
#define ONLY(kinds, limit) " WHERE n.kind = ANY ($" kinds ") ORDER BY x.depth, x.id LIMIT $" limit

static const char *names_sql(const struct relquery *q, const struct reach *k)
{
	if (k->paths)
		return q->nodes ? PATHS ONLY("4", "5") : PATHS;
	return q->nodes ? NAMES ONLY("3", "4") : NAMES;
}

static int put_near(const struct reach *k, struct pg_params *p, struct why *w)
{
	AUTO_FREE int64_t *near = calloc(k->n, sizeof(*near));

	if (!near)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 1; i < k->n; i++)
		near[i - 1] = k->via[i].near;
	pg_param_i64s(p, near, k->n - 1);
	return 0;
}

/* The start is the walk's first, and not among the rows. */
static void take_paths(const struct reach *k, struct answers *a)
{
	for (size_t i = 0; i < a->n; i++) {
		int64_t place = pg_get_int(a->held, (int)i, 6);

		a->at[i].near = pg_get_text(a->held, (int)i, 5);
		a->at[i].via = (enum edge_kind)k->via[place].kind;
		a->at[i].forward = k->via[place].forward;
	}
}

/* A walk has few more than are wanted, which are sorted here; unless it is the kind that says which are wanted. */
int related_names(struct related_server *s, const struct relquery *q, const struct reach *k, struct answers *ret,
		  struct why *w)
{
	AUTO_ANSWERS a = { 0 };
	AUTO_PG_PARAMS p = { 0 };
	PGresult *rows = NULL;
	int r = 0;

	pg_param_i64s(&p, k->ids + 1, k->n - 1);
	pg_param_i16s(&p, k->depths + 1, k->n - 1);
	if (k->paths)
		r = put_near(k, &p, w);
	if (q->nodes) {
		relquery_nodes_param(q, &p);
		pg_param_i64(&p, (int64_t)q->limit + 1);
	}
	r = r ? r : pg_query(s->pg, names_sql(q, k), &p, &rows, w);
	r = r ? r : answers_take(rows, UINT32_MAX, &a, w);
	if (r)
		return r;
	if (k->paths)
		take_paths(k, &a);
	qsort(a.at, a.n, sizeof(*a.at), compare);
	a.cut = k->cut || a.n > q->limit;
	a.n = a.n > q->limit ? q->limit : a.n;
	*ret = a;
	a = (struct answers){ 0 };
	return 0;
}

/* --- one server --- */

int related_prepare(struct related_server *s, const struct relsql *sql, struct why *w)
{
	int r;

	for (unsigned int i = 0; i < s->n_prepared; i++)
		if (strcmp(s->prepared[i], sql->name) == 0)
			return 0;
	if (s->n_prepared == RELATED_PREPARED_MAX) {
		r = pg_run(s->pg, "DEALLOCATE ALL", w);
		if (r)
			return r;
		s->n_prepared = 0;
	}
	r = pg_prepare(s->pg, sql->name, sql->text, w);
	if (!r)
		(void)snprintf(s->prepared[s->n_prepared++], sizeof(s->prepared[0]), "%s", sql->name);
	return r;
}

static int ask(struct related_server *s, const struct relquery *q, bool telemetry, int64_t start, struct answers *ret,
	       struct why *w)
{
	AUTO_REACH k = { .most = relquery_most(q) };
	AUTO_PG_PARAMS a = { 0 };
	AUTO_PG_RESULT *rows = NULL;
	struct relsql sql;
	int r;

	relquery_sql(q, telemetry, &sql);
	relquery_params(q, telemetry, start, &a);
	r = related_prepare(s, &sql, w);
	r = r ? r : pg_query_prepared(s->pg, sql.name, &a, &rows, w);
	for (int i = 0; !r && i < PQntuples(rows); i++)
		r = reach_add(&k, pg_get_int(rows, i, 0), (int)pg_get_int(rows, i, 1), w);
	k.cut |= !r && PQntuples(rows) >= relquery_rows(q);
	return r ? r : related_names(s, q, &k, ret, w);
}

int related_find(struct related_server *s, const struct relquery *q, int64_t start, struct answers *ret, struct why *w)
{
	enum telemetry t;
	int r = look_at_days(s->pg, q, &t, w);

	if (r)
		return r;
	if (q->paths)
		return related_walk(s, 1, q, start, ret, w);
	if (t == TELEMETRY_OPEN && (q->direction & DIRECTION_IN))
		return related_walk(s, 1, q, start, ret, w);
	return ask(s, q, t != TELEMETRY_NONE, start, ret, w);
}
