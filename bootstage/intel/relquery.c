#include "bootstage/intel/relquery.h"

#include <stdio.h>
#include <string.h>

#define DAY_US        INT64_C(86400000000)
#define DEPTH_DEFAULT 3u

static const char *const directions[] = {
	[DIRECTION_OUT] = "out",
	[DIRECTION_IN] = "in",
	[DIRECTION_BOTH] = "both",
};

const char *direction_name(enum direction d)
{
	return directions[d];
}

/* --- what is asked --- */

struct relquery relquery_default(int64_t now_us)
{
	return (struct relquery){
		.depth = DEPTH_DEFAULT,
		.direction = DIRECTION_BOTH,
		.from_us = now_us - RELQUERY_DAYS_DEFAULT * DAY_US,
		.to_us = now_us,
		.limit = RELQUERY_LIMIT_DEFAULT,
	};
}

int relquery_check(const struct relquery *q, struct why *w)
{
	if (q->depth < 1 || q->depth > RELQUERY_DEPTH_MAX)
		return misuse(w, -EINVAL, "a depth of %u: 1 to %u", q->depth, RELQUERY_DEPTH_MAX);
	if (q->limit < 1 || q->limit > RELQUERY_LIMIT_MAX)
		return misuse(w, -EINVAL, "a limit of %u: 1 to %u", q->limit, RELQUERY_LIMIT_MAX);
	if ((q->from_us == TIME_NONE) != (q->to_us == TIME_NONE))
		return misuse(w, -EINVAL, "a window of time has two ends");
	if (q->from_us != TIME_NONE && q->from_us >= q->to_us)
		return misuse(w, -EINVAL, "a window of time ends after it begins");
	return 0;
}

int relquery_kind(struct relquery *q, const char *name, struct why *w)
{
	enum edge_kind e = edge_kind_of(bytes_str(name));
	enum node_kind n = node_kind_of(bytes_str(name));

	if (e != EDGE_OTHER)
		q->edges |= KIND_BIT(e);
	if (n != NODE_OTHER)
		q->nodes |= KIND_BIT(n);
	if (e == EDGE_OTHER && n == NODE_OTHER)
		return misuse(w, -EINVAL, "'%.60s' is no kind of edges or of nodes", name);
	return 0;
}

int relquery_direction(struct relquery *q, const char *name, struct why *w)
{
	for (enum direction d = DIRECTION_OUT; d <= DIRECTION_BOTH; d++)
		if (strcmp(name, directions[d]) == 0) {
			q->direction = d;
			return 0;
		}
	return misuse(w, -EINVAL, "direction '%.60s': out, in or both", name);
}

/* Which kinds the walk goes over: these only, or, for the sake of kinds that a newer program has stored, all but these. */
struct kind_filter {
	const char *op; /* NULL: all */
	kind_bits kinds;
};

static struct kind_filter edges_walked(const struct relquery *q)
{
	if (q->edges)
		return (struct kind_filter){ "= ANY", q->hubs ? q->edges | HUB_EDGES : q->edges };
	return q->hubs ? (struct kind_filter){ NULL, 0 } : (struct kind_filter){ "<> ALL", HUB_EDGES };
}

bool relquery_has_telemetry(const struct relquery *q)
{
	return q->from_us != TIME_NONE && (!q->edges || (q->edges & TELEMETRY_EDGES));
}

/* --- parameters, numbered as they are named in the text --- */

static void put_kinds(struct pg_params *p, kind_bits kinds)
{
	int16_t at[64];
	size_t n = 0;

	for (int16_t k = 0; k < 64; k++)
		if (kinds & KIND_BIT(k))
			at[n++] = k;
	pg_param_i16s(p, at, n);
}

static void put_edges_and_time(const struct relquery *q, bool telemetry, struct pg_params *p)
{
	struct kind_filter f = edges_walked(q);

	if (f.op)
		put_kinds(p, f.kinds);
	if (telemetry) {
		pg_param_time(p, q->from_us);
		pg_param_time(p, q->to_us);
	}
}

size_t relquery_most(const struct relquery *q)
{
	return (q->nodes ? RELQUERY_LIMIT_MAX : q->limit) + 2;
}

int64_t relquery_rows(const struct relquery *q)
{
	return (int64_t)relquery_most(q) * (q->nodes ? 1 : q->depth + 1);
}

void relquery_params(const struct relquery *q, bool telemetry, int64_t start, struct pg_params *ret)
{
	pg_param_i64(ret, start);
	pg_param_i32(ret, (int32_t)q->depth);
	pg_param_i64(ret, relquery_rows(q));
	put_edges_and_time(q, telemetry, ret);
}

void relquery_nodes_param(const struct relquery *q, struct pg_params *ret)
{
	if (q->nodes)
		put_kinds(ret, q->nodes);
	else
		pg_param_null(ret);
}

void relquery_level_params(const struct relquery *q, enum level_part part, const int64_t *nodes, size_t n, int64_t most,
			   struct pg_params *ret)
{
	pg_param_i64s(ret, nodes, n);
	pg_param_i64(ret, most);
	put_edges_and_time(q, part & LEVEL_TELEMETRY, ret);
}

/* --- text --- */

/* What an arm of a step reads: edges in one direction. */
struct arm {
	const char *table, *near, *far;
	bool telemetry;
};

static const struct arm arms[] = {
	{ "intel_edges", "src", "dst", false },
	{ "intel_edges", "dst", "src", false },
	{ "telemetry_edges", "src", "dst", true },
	{ "telemetry_edges", "dst", "src", true },
};

/* Where the text of the step's arms differs between the walk and one of its levels. */
struct step {
	const struct relquery *q;
	unsigned int parts; /* enum level_part */
	const char *match;  /* what the near end of an edge is compared with */
	bool paths;
	int first; /* the number of the first parameter of put_edges_and_time() */
	FILE *to;
};

static int arms_of(const struct step *s, const struct arm **ret)
{
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(arms); i++) {
		enum direction d = i & 1 ? DIRECTION_IN : DIRECTION_OUT;

		if ((s->parts & (arms[i].telemetry ? LEVEL_TELEMETRY : LEVEL_INTEL)) && (s->q->direction & d))
			ret[n++] = &arms[i];
	}
	return n;
}

static void put_conditions(const struct step *s, const struct arm *a)
{
	struct kind_filter f = edges_walked(s->q);
	int next = s->first;

	(void)fprintf(s->to, "e.%s = %s", a->near, s->match);
	if (f.op)
		(void)fprintf(s->to, " AND e.kind %s ($%d::smallint[])", f.op, next++);
	if (a->telemetry)
		(void)fprintf(s->to, " AND e.ts >= $%d::timestamptz AND e.ts < $%d::timestamptz", next, next + 1);
}

static void put_arms(const struct step *s, const struct arm *const *at, int n)
{
	for (int i = 0; i < n; i++) {
		(void)fprintf(s->to, "%sSELECT e.%s AS id", i ? " UNION ALL " : "", at[i]->far);
		if (s->paths)
			(void)fprintf(s->to, ", e.%s AS near, e.kind, %s AS forward", at[i]->near,
				      at[i]->near[0] == 's' ? "true" : "false");
		(void)fprintf(s->to, " FROM %s e WHERE ", at[i]->table);
		put_conditions(s, at[i]);
	}
}

/* One arm is a plain join, which the planner knows best. */
static void put_step(const struct step *s)
{
	const struct arm *at[ARRAY_SIZE(arms)];
	int n = arms_of(s, at);

	if (n == 1) {
		(void)fprintf(s->to, "SELECT e.%s, r.depth + 1 FROM r JOIN %s e ON ", at[0]->far, at[0]->table);
		put_conditions(s, at[0]);
		(void)fprintf(s->to, " WHERE r.depth < $2::integer");
		return;
	}
	(void)fprintf(s->to, "SELECT x.id, r.depth + 1 FROM r CROSS JOIN LATERAL (");
	put_arms(s, at, n);
	(void)fprintf(s->to, ") x WHERE r.depth < $2::integer");
}

/* "related-both-some-time": all that the text depends on. */
static void put_name(const char *what, const struct relquery *q, bool telemetry, struct relsql *ret)
{
	struct kind_filter f = edges_walked(q);

	(void)snprintf(ret->name, sizeof(ret->name), "%s-%s-%s%s%s", what, directions[q->direction],
		       !f.op      ? "all"
		       : q->edges ? "some"
				  : "most",
		       telemetry ? "-time" : "", q->paths ? "-paths" : "");
}

static FILE *open_text(struct relsql *ret)
{
	ret->text[0] = '\0';
	return fmemopen(ret->text, sizeof(ret->text), "w");
}

void relquery_sql(const struct relquery *q, bool telemetry, struct relsql *ret)
{
	AUTO_FILE *to = open_text(ret);
	struct step s = {
		.q = q,
		.parts = telemetry ? LEVEL_BOTH : LEVEL_INTEL,
		.match = "r.id",
		.first = 4,
		.to = to,
	};

	put_name("related", q, telemetry, ret);
	if (!to)
		return;
	(void)fprintf(to, "WITH RECURSIVE r (id, depth) AS (SELECT $1::bigint, 0 UNION ");
	put_step(&s);
	(void)fprintf(to, ") SELECT id, depth FROM r LIMIT $3::bigint");
}

void relquery_level_sql(const struct relquery *q, enum level_part part, struct relsql *ret)
{
	const struct arm *at[ARRAY_SIZE(arms)];
	AUTO_FILE *to = open_text(ret);
	struct step s = {
		.q = q, .parts = part, .match = "ANY ($1::bigint[])", .paths = q->paths, .first = 3, .to = to
	};
	int n;

	put_name(part == LEVEL_INTEL  ? "level-intel"
		 : part == LEVEL_BOTH ? "level-both"
				      : "level-only",
		 q, part & LEVEL_TELEMETRY, ret);
	if (!to)
		return;
	n = arms_of(&s, at);
	(void)fprintf(to, q->paths ? "SELECT DISTINCT ON (id) id, near, kind, forward FROM ("
				   : "SELECT DISTINCT id FROM (");
	put_arms(&s, at, n);
	(void)fprintf(to, ") x%s LIMIT $2::bigint", q->paths ? " ORDER BY id, kind, near" : "");
}
