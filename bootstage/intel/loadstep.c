#include "bootstage/intel/loadstep.h"

#include <stddef.h>

/* The plans are made for arrays of any length, on tables that may be empty yet: by the indexes, always. */
const char *const load_session_sql = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; "
				     "SET enable_hashjoin = off; SET enable_mergejoin = off; "
				     "SET synchronous_commit = off";

#define UPSERT                                                                                                         \
	"ON CONFLICT (src, kind, dst) DO UPDATE SET n = e.n + excluded.n, "                                            \
	"first_seen = CASE WHEN e.n > 0 THEN least(e.first_seen, excluded.first_seen) ELSE excluded.first_seen END, "  \
	"last_seen = CASE WHEN e.n > 0 THEN greatest(e.last_seen, excluded.last_seen) ELSE excluded.last_seen END"

/* What comes, a, takes the place of what is there, r. */
#define TAKES_PLACE(feed)                                                                                              \
	"(a.modified > r.modified OR (r.feed_id = " feed "::int4 AND a.modified IS NOT DISTINCT FROM r.modified))"

/* What is known, which nearly all is when a feed is loaded again, is not looked for in quarantine. */
static const char *const ASK =
	"SELECT w.i::int4, w.there, q.rec IS NOT NULL FROM (SELECT a.rec, a.hash, a.i, r.rec IS NOT NULL AS there "
	"FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) WITH ORDINALITY a (rec, hash, modified, i) "
	"LEFT JOIN records r ON r.rec = a.rec "
	"WHERE r.rec IS NULL OR (r.hash <> a.hash AND " TAKES_PLACE(
		"$4") ")) w "
		      "LEFT JOIN quarantine q ON q.rec = w.rec AND q.hash = w.hash";

/*
 * For themselves, so that another connection sees them at once: or the edges between what is under way on two of them would
 * all have to wait. A node whose record does not follow is as an observable; the record finds it when it comes.
 */
static const char *const MADE =
	"INSERT INTO nodes (kind, key, name, modified, revoked, feed_id) SELECT k.kind, k.key, nullif(k.name, ''), "
	"k.modified, k.revoked <> 0, CASE WHEN k.record <> 0 THEN $7::int4 END "
	"FROM unnest($1::int2[], $2::text[], $3::text[], $4::timestamptz[], $5::int2[], $6::int2[]) "
	"k (kind, key, name, modified, revoked, record) "
	"WHERE NOT EXISTS (SELECT FROM nodes n WHERE n.key = k.key) ON CONFLICT (key) DO NOTHING RETURNING key, node_id";

static const char *const IDS = "SELECT k.i::int4, coalesce(n.node_id, 0) FROM unnest($1::text[]) "
			       "WITH ORDINALITY k (key, i) LEFT JOIN nodes n ON n.key = k.key ORDER BY k.i";

/*
 * n goes down first, and what is still at 0 goes at the end: most of it is said again by the newer version. What another
 * loader has put there meanwhile, and is newer yet, stays: then the number is taken, and all of the batch is asked again.
 */
static const char *const TAKE_BACK =
	"WITH old AS (DELETE FROM records r USING unnest($1::uuid[], $2::timestamptz[]) a (rec, modified) "
	"WHERE r.rec = a.rec AND " TAKES_PLACE(
		"$3") " RETURNING r.claims), "
		      "pend AS (DELETE FROM pending_edges WHERE rec = ANY ($1::uuid[])), "
		      "late AS (DELETE FROM late_claims WHERE rec = ANY ($1::uuid[]) RETURNING src, kind, dst), "
		      "said AS (SELECT o.claims[i] AS src, o.claims[i + 1]::int2 AS kind, o.claims[i + 2] AS dst "
		      "FROM old o, generate_series(1, cardinality(o.claims), 3) i UNION ALL SELECT src, kind, dst FROM late), "
		      "less AS MATERIALIZED (SELECT src, kind, dst, count(*)::int4 AS n FROM said GROUP BY 1, 2, 3 ORDER BY 1, 2, 3), "
		      "left_over AS (UPDATE intel_edges e SET n = e.n - l.n FROM less l "
		      "WHERE e.src = l.src AND e.kind = l.kind AND e.dst = l.dst RETURNING e.src, e.kind, e.dst, e.n) "
		      "SELECT src, kind, dst FROM left_over WHERE n <= 0";

/* One that was made before its record was put aside has it all already. */
static const char *const KNOWN_NODES =
	"UPDATE nodes n SET kind = k.kind, name = nullif(k.name, ''), modified = k.modified, revoked = k.revoked <> 0, "
	"feed_id = $6::int4 FROM unnest($1::int8[], $2::int2[], $3::text[], $4::timestamptz[], $5::int2[]) "
	"k (id, kind, name, modified, revoked) WHERE n.node_id = k.id AND "
	"(n.kind, n.name, n.modified, n.revoked, n.feed_id) IS DISTINCT FROM "
	"(k.kind, nullif(k.name, ''), k.modified, k.revoked <> 0, $6::int4)";

#define EDGE_ARRAYS "unnest($1::int8[], $2::int2[], $3::int8[], $4::timestamptz[], $5::timestamptz[], $6::int4[])"

static const char *const EDGES =
	"INSERT INTO intel_edges AS e (src, kind, dst, first_seen, last_seen, n) SELECT * FROM " EDGE_ARRAYS " " UPSERT;

/* Most are new: looking for them and COPY costs less than INSERT with a conflict in mind. */
static const char *const EDGES_THERE =
	"UPDATE intel_edges e SET n = e.n + k.n, "
	"first_seen = CASE WHEN e.n > 0 THEN least(e.first_seen, k.first_seen) ELSE k.first_seen END, "
	"last_seen = CASE WHEN e.n > 0 THEN greatest(e.last_seen, k.last_seen) ELSE k.last_seen END "
	"FROM " EDGE_ARRAYS " k (src, kind, dst, first_seen, last_seen, n) "
	"WHERE e.src = k.src AND e.kind = k.kind AND e.dst = k.dst RETURNING e.src, e.kind, e.dst";

static const char *const GONE =
	"DELETE FROM intel_edges e USING unnest($1::int8[], $2::int2[], $3::int8[]) g (src, kind, dst) "
	"WHERE e.src = g.src AND e.kind = g.kind AND e.dst = g.dst AND e.n <= 0";

const char *const load_pending_sql =
	"WITH oldest AS MATERIALIZED (SELECT * FROM pending_edges WHERE pending_id > $1::int8 ORDER BY pending_id LIMIT $2::int4), "
	"ready AS MATERIALIZED (SELECT p.pending_id, s.node_id AS src, d.node_id AS dst FROM oldest p "
	"JOIN nodes s ON s.key = p.src JOIN nodes d ON d.key = p.dst), "
	"gone AS (DELETE FROM pending_edges p USING ready r WHERE p.pending_id = r.pending_id "
	"RETURNING p.rec, r.src, p.kind, r.dst, p.first_seen, p.last_seen), "
	"late AS (INSERT INTO late_claims (rec, src, kind, dst) SELECT rec, src, kind, dst FROM gone), "
	"stored AS (INSERT INTO intel_edges AS e (src, kind, dst, first_seen, last_seen, n) "
	"SELECT src, kind, dst, min(first_seen), max(last_seen), count(*)::int4 FROM gone GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 " UPSERT
	") SELECT (SELECT max(pending_id) FROM oldest), (SELECT count(*) FROM gone)";

const char *const load_quarantine_sql =
	"INSERT INTO quarantine (rec, hash, feed_id, key, doc, sqlstate, reason) SELECT u[1], u[2], $2, "
	"$3, $4, $5, $6 FROM (SELECT $1::uuid[] AS u) q "
	"ON CONFLICT DO NOTHING";

static bool any_wanted(const struct load_job *j)
{
	return j->n_wanted > 0;
}

static bool any_made(const struct load_job *j)
{
	return j->n_made > 0;
}

static bool any_newer(const struct load_job *j)
{
	return j->n_newer > 0;
}

static bool any_known(const struct load_job *j)
{
	return j->n_known > 0;
}

static bool any_edges(const struct load_job *j)
{
	return j->n_edges > 0 && !j->careful && (!j->sure || j->n_newer > 0);
}

static bool any_new_edges(const struct load_job *j)
{
	return j->n_edges > j->n_there && !j->careful;
}

static bool any_edges_carefully(const struct load_job *j)
{
	return j->n_edges > 0 && j->careful;
}

static bool any_dangling(const struct load_job *j)
{
	return j->n_dangling > 0;
}

static bool any_gone(const struct load_job *j)
{
	return j->n_gone > 0;
}

static void ask_params(const struct load_job *j, struct pg_params *p)
{
	load_job_ask(j, p);
	pg_param_i32(p, j->feed);
}

static void made_params(const struct load_job *j, struct pg_params *p)
{
	load_job_made(j, p);
	pg_param_i32(p, j->feed);
}

static void newer_params(const struct load_job *j, struct pg_params *p)
{
	load_job_newer(j, p);
	pg_param_i32(p, j->feed);
}

static void known_params(const struct load_job *j, struct pg_params *p)
{
	load_job_known_nodes(j, p);
	pg_param_i32(p, j->feed);
}

static int told(struct load_job *j, const PGresult *rows, struct why *w)
{
	int r = load_job_told(j, rows, w);

	return r ? r : load_job_names(j, w);
}

static int ids(struct load_job *j, const PGresult *rows, struct why *w)
{
	int r = load_job_ids(j, rows, w);

	return r ? r : load_job_edges(j, w);
}

const struct load_step load_steps[] = {
	{ .sql = ASK, .params = ask_params, .got = told },
	{ .sql = MADE, .needed = any_made, .params = made_params, .got = load_job_fresh },
	{ .sql = IDS, .needed = any_wanted, .params = load_job_keys, .got = ids },
	{ .sql = LOAD_BEGIN, .needed = any_wanted },
	{ .sql = "SELECT pg_advisory_xact_lock_shared(" LOAD_LOCK ")", .needed = any_newer },
	{ .sql = TAKE_BACK, .needed = any_newer, .params = newer_params, .got = load_job_gone },
	{ .sql = KNOWN_NODES, .needed = any_known, .params = known_params },
	{ .sql = "COPY records (rec, feed_id, modified, hash, revoked, node_id, claims, doc) FROM STDIN (FORMAT binary)",
	  .needed = any_wanted,
	  .row = load_job_record_row,
	  .rows_at = offsetof(struct load_job, n_wanted) },
	{ .sql = EDGES_THERE, .needed = any_edges, .params = load_job_edge_arrays, .got = load_job_there },
	{ .sql = "COPY intel_edges (src, kind, dst, first_seen, last_seen, n) FROM STDIN (FORMAT binary)",
	  .needed = any_new_edges,
	  .row = load_job_edge_row,
	  .rows_at = offsetof(struct load_job, n_edges) },
	{ .sql = EDGES, .needed = any_edges_carefully, .params = load_job_edge_arrays },
	{ .sql = "COPY pending_edges (rec, src, kind, dst, first_seen, last_seen) FROM STDIN (FORMAT binary)",
	  .needed = any_dangling,
	  .row = load_job_pending_row,
	  .rows_at = offsetof(struct load_job, n_dangling) },
	{ .sql = GONE, .needed = any_gone, .params = load_job_gone_again },
	{ .sql = "COMMIT", .needed = any_wanted },
};
const size_t n_load_steps = ARRAY_SIZE(load_steps);
