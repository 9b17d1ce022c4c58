#include "bootstage/trainer/seedsource.h"

#include <inttypes.h>
#include <math.h>

#define TIMEOUT_MS  120000u
#define SAMPLE_ROWS 1000000   /* telemetry that is worked with; 6 million rows, sampled, took 18 s */
#define SCAN_MAX    100000000 /* and that is read for it; when there is more, only the last day's */
#define FIGURE_MAX  1e9

/* How much of it there is, by what the server believes, and how many days that is. */
static const char estimate_sql[] =
	"SELECT coalesce(sum(c.reltuples), 0)::bigint, count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
	"WHERE i.inhparent = 'telemetry_edges'::regclass AND c.reltuples > 0";

/*
 * One row for each source and destination of a day, of every $2nd source; $3 of each sort, drawn by the seed $4. Times of
 * telemetry are minutes.
 */
static const char rows_sql[] =
	"WITH seen AS (SELECT src, dst, date_trunc('day', ts) AS day, ts, sum(weight) AS weight FROM telemetry_edges "
	"  WHERE ts >= now() - make_interval(days => $1::integer) AND src % $2::bigint = 0 GROUP BY src, dst, ts), "
	"gaps AS (SELECT *, extract(epoch FROM ts - lag(ts) OVER (PARTITION BY src, dst, day ORDER BY ts))::float8 AS gap "
	"  FROM seen), "
	"flows AS (SELECT src, dst, day, sum(weight)::float8 AS contacts, count(*)::float8 AS minutes, "
	"  coalesce(stddev_pop(gap) / nullif(avg(gap), 0), 0)::float8 AS gap_cv, "
	"  (extract(epoch FROM max(ts) - min(ts)) / 60)::float8 AS span, "
	"  coalesce(sum(weight) FILTER (WHERE extract(hour FROM ts) >= 22 OR extract(hour FROM ts) < 6) / "
	"    nullif(sum(weight), 0), 0)::float8 AS night, "
	"  (count(*) OVER (PARTITION BY dst, day) * $2::bigint)::float8 AS sources FROM gaps GROUP BY src, dst, day), "
	"judged AS (SELECT f.*, EXISTS (SELECT FROM intel_edges e WHERE e.dst = f.dst) OR "
	"  EXISTS (SELECT FROM intel_edges e WHERE e.src = f.dst) AS bad FROM flows f), "
	"drawn AS (SELECT *, row_number() OVER (PARTITION BY bad ORDER BY hashint8extended(src, $4::bigint), "
	"  hashint8extended(dst, $4::bigint), day) AS place FROM judged) "
	"SELECT contacts, minutes, gap_cv, span, night, sources, bad FROM drawn WHERE place <= $3::bigint ORDER BY place, bad";

static int ask(struct pg *p, uint64_t seed, uint32_t rows, PGresult **ret, struct why *w)
{
	AUTO_PG_RESULT *size = NULL;
	AUTO_PG_PARAMS q = { 0 };
	int64_t there, days;
	bool all;
	int r = pg_set_timeout(p, TIMEOUT_MS, w);

	r = r ? r : pg_query(p, estimate_sql, NULL, &size, w);
	if (r)
		return r;
	there = pg_get_int(size, 0, 0);
	days = pg_get_int(size, 0, 1);
	all = there <= SCAN_MAX || days < 1;
	pg_param_i32(&q, all ? (int32_t)SEED_DAYS : 1);
	pg_param_i64(&q, (all ? there : there / days) / SAMPLE_ROWS + 1);
	pg_param_i64(&q, rows / 2);
	pg_param_i64(&q, (int64_t)seed);
	return pg_query(p, rows_sql, &q, ret, w);
}

static bool row_of(const PGresult *r, int i, struct flow_row *ret)
{
	for (int k = 0; k < (int)FLOW_FEATURES; k++) {
		double v = pg_get_float(r, i, k);

		if (!isfinite(v) || v < 0)
			return false;
		ret->x[k] = (float)fmin(v, FIGURE_MAX);
	}
	ret->bad = pg_get_bool(r, i, (int)FLOW_FEATURES);
	return true;
}

/* As many of one sort as of the other. */
static uint32_t even(struct flow_row *rows, uint32_t n)
{
	uint32_t of[2] = { 0 }, taken[2] = { 0 }, least, kept = 0;

	for (uint32_t i = 0; i < n; i++)
		of[rows[i].bad]++;
	least = of[0] < of[1] ? of[0] : of[1];
	for (uint32_t i = 0; i < n; i++)
		if (taken[rows[i].bad]++ < least)
			rows[kept++] = rows[i];
	return kept;
}

int seedsource_read(const struct store_opts *store, uint64_t seed, uint32_t rows, struct flow_row **ret,
		    uint32_t *ret_n, struct why *w)
{
	AUTO_FREE struct flow_row *at = calloc((size_t)rows + 2, sizeof(*at));
	AUTO_PG_RESULT *answer = NULL;
	AUTO_PG p = { 0 };
	struct intelconf c;
	uint32_t n = 0;
	int r = at ? store_config(store, &c, w) : fail(w, -ENOMEM, "no memory for %" PRIu32 " rows", rows);

	r = r ? r : store_open(store, &c, &p, w);
	r = r ? r : ask(&p, seed, rows, &answer, w);
	if (r)
		return r;
	for (int i = 0; i < PQntuples(answer) && n < rows; i++)
		n += row_of(answer, i, &at[n]);
	n = even(at, n);
	if (n < 2 * SEED_CLASS_MIN)
		return fail(w, -ENODATA, "%" PRIu32 " rows of each sort in the telemetry of %u days, want %u", n / 2,
			    SEED_DAYS, SEED_CLASS_MIN);
	*ret = MOVE(at);
	*ret_n = n;
	return 0;
}
