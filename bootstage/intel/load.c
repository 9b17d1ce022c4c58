#include "bootstage/intel/load.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "base/proc.h"
#include "bootstage/intel/loadjob.h"

#define ROWS            5000u
#define BYTES           (8u << 20)
#define LANES           2u
#define TIMEOUT_MS      120000u
#define GRACE_MS        5000u
#define CHUNK           (64u << 10)
#define RANGES_MAX      72u /* each halving leaves one more */
#define TRIES_MAX       10u
#define IDLE_PART       8u
#define PUMP_RECORDS    32u
#define PENDING_ROWS    20000
#define RECONNECT_MS    250
#define RACE            "23505"
#define CAREFUL_BATCHES 8u
#define QUARANTINED     (64u << 10) /* bytes of a text that are kept */
#define LOCK            "72410005"  /* shared: old versions are taken back; alone: what was pending becomes claims */

/* --- what follows a failure --- */

enum load_next load_next(int code, const char *sqlstate, unsigned int tries, size_t n)
{
	bool race = strcmp(sqlstate, RACE) == 0; /* another loader was first: next time it is seen */

	if (code == -ENOTCONN || code == -EAGAIN)
		return tries < TRIES_MAX ? LOAD_RECONNECT : LOAD_GIVE_UP;
	if (code == -EDEADLK || code == -EBUSY)
		return tries < TRIES_MAX ? LOAD_AGAIN : LOAD_GIVE_UP;
	if (race && tries < TRIES_MAX / 2)
		return LOAD_AGAIN;
	if (code == -EBADMSG)
		return n > 1 ? LOAD_HALVE : LOAD_QUARANTINE;
	return LOAD_GIVE_UP;
}

/* --- steps of a batch --- */

/* The plans are made for arrays of any length, on tables that may be empty yet: by the indexes, always. */
static const char *const SESSION = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; "
				   "SET enable_hashjoin = off; SET enable_mergejoin = off; "
				   "SET synchronous_commit = off";

/*
 * What is made ahead need not be durable by itself: whoever refers to it commits later, and that waits for the disk as the
 * server is set up to, for all that was written before as well.
 */
#define BEGIN_DURABLE "BEGIN; SET LOCAL synchronous_commit TO DEFAULT"

#define UPSERT                                                                                                         \
	"ON CONFLICT (src, kind, dst) DO UPDATE SET n = e.n + excluded.n, "                                            \
	"first_seen = CASE WHEN e.n > 0 THEN least(e.first_seen, excluded.first_seen) ELSE excluded.first_seen END, "  \
	"last_seen = CASE WHEN e.n > 0 THEN greatest(e.last_seen, excluded.last_seen) ELSE excluded.last_seen END"

static const char *const ASK =
	"SELECT a.i::int4, r.rec IS NOT NULL, q.rec IS NOT NULL "
	"FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) WITH ORDINALITY a (rec, hash, modified, i) "
	"LEFT JOIN records r ON r.rec = a.rec LEFT JOIN quarantine q ON q.rec = a.rec AND q.hash = a.hash "
	"WHERE q.rec IS NOT NULL OR r.rec IS NULL OR (r.hash <> a.hash AND (a.modified > r.modified OR "
	"(r.feed_id = $4::int4 AND a.modified IS NOT DISTINCT FROM r.modified)))";

/*
 * For themselves, so that another connection sees them at once: or the edges between what is under way on two of them would
 * all have to wait. A node whose record does not follow is as an observable; the record finds it when it comes.
 */
static const char *const MADE =
	"INSERT INTO nodes (kind, key, name, modified, revoked, feed_id) SELECT k.kind, k.key, nullif(k.name, ''), "
	"k.modified, k.revoked <> 0, CASE WHEN k.record <> 0 THEN $7::int4 END "
	"FROM unnest($1::int2[], $2::text[], $3::text[], $4::timestamptz[], $5::int2[], $6::int2[]) "
	"k (kind, key, name, modified, revoked, record) "
	"WHERE NOT EXISTS (SELECT FROM nodes n WHERE n.key = k.key) ON CONFLICT (key) DO NOTHING RETURNING key";

static const char *const IDS = "SELECT k.i::int4, coalesce(n.node_id, 0) FROM unnest($1::text[]) "
			       "WITH ORDINALITY k (key, i) LEFT JOIN nodes n ON n.key = k.key";

/* n goes down first, and what is still at 0 goes at the end: most of it is said again by the newer version. */
static const char *const TAKE_BACK =
	"WITH old AS (DELETE FROM records WHERE rec = ANY ($1::uuid[]) RETURNING claims), "
	"pend AS (DELETE FROM pending_edges WHERE rec = ANY ($1::uuid[])), "
	"late AS (DELETE FROM late_claims WHERE rec = ANY ($1::uuid[]) RETURNING src, kind, dst), "
	"said AS (SELECT o.claims[i] AS src, o.claims[i + 1]::int2 AS kind, o.claims[i + 2] AS dst "
	"FROM old o, generate_series(1, cardinality(o.claims), 3) i UNION ALL SELECT src, kind, dst FROM late), "
	"less AS MATERIALIZED (SELECT src, kind, dst, count(*)::int4 AS n FROM said GROUP BY 1, 2, 3 ORDER BY 1, 2, 3), "
	"left_over AS (UPDATE intel_edges e SET n = e.n - l.n FROM less l "
	"WHERE e.src = l.src AND e.kind = l.kind AND e.dst = l.dst RETURNING e.src, e.kind, e.dst, e.n) "
	"SELECT src, kind, dst FROM left_over WHERE n <= 0";

static const char *const KNOWN_NODES =
	"UPDATE nodes n SET kind = k.kind, name = nullif(k.name, ''), modified = k.modified, revoked = k.revoked <> 0, "
	"feed_id = $6::int4 FROM unnest($1::int8[], $2::int2[], $3::text[], $4::timestamptz[], $5::int2[]) "
	"k (id, kind, name, modified, revoked) WHERE n.node_id = k.id";

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

static const char *const PENDING =
	"WITH oldest AS MATERIALIZED (SELECT * FROM pending_edges WHERE pending_id > $1::int8 ORDER BY pending_id LIMIT $2::int4), "
	"ready AS MATERIALIZED (SELECT p.pending_id, s.node_id AS src, d.node_id AS dst FROM oldest p "
	"JOIN nodes s ON s.key = p.src JOIN nodes d ON d.key = p.dst), "
	"gone AS (DELETE FROM pending_edges p USING ready r WHERE p.pending_id = r.pending_id "
	"RETURNING p.rec, r.src, p.kind, r.dst, p.first_seen, p.last_seen), "
	"late AS (INSERT INTO late_claims (rec, src, kind, dst) SELECT rec, src, kind, dst FROM gone), "
	"stored AS (INSERT INTO intel_edges AS e (src, kind, dst, first_seen, last_seen, n) "
	"SELECT src, kind, dst, min(first_seen), max(last_seen), count(*)::int4 FROM gone GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 " UPSERT
	") SELECT (SELECT max(pending_id) FROM oldest), (SELECT count(*) FROM gone)";

static const char *const QUARANTINE =
	"INSERT INTO quarantine (rec, hash, feed_id, key, doc, sqlstate, reason) SELECT u[1], u[2], $2, "
	"$3, $4, $5, $6 FROM (SELECT $1::uuid[] AS u) q "
	"ON CONFLICT DO NOTHING";

static bool any_wanted(const struct load_job *j)
{
	return j->n_wanted > 0;
}

static bool any_made(const struct load_job *j)
{
	return j->n_observables + j->n_nodes > 0;
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
	return j->n_edges > 0 && !j->careful;
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

/* A statement that was prepared under its own number, or, without parameters, one as it is; rows: it is a COPY. */
static const struct step {
	const char *sql;
	bool (*needed)(const struct load_job *j); /* NULL: always */
	void (*params)(const struct load_job *j, struct pg_params *p);
	int (*got)(struct load_job *j, const PGresult *rows, struct why *w);
	void (*row)(const struct load_job *j, size_t i, struct pg_rows *rows);
	size_t rows_at; /* offset of the count in struct load_job */
} steps[] = {
	{ .sql = ASK, .params = ask_params, .got = told },
	{ .sql = MADE, .needed = any_made, .params = made_params, .got = load_job_fresh },
	{ .sql = IDS, .needed = any_wanted, .params = load_job_keys, .got = ids },
	{ .sql = BEGIN_DURABLE, .needed = any_wanted },
	{ .sql = "SELECT pg_advisory_xact_lock_shared(" LOCK ")", .needed = any_newer },
	{ .sql = TAKE_BACK, .needed = any_newer, .params = load_job_newer, .got = load_job_gone },
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

/* --- lanes --- */

/* Records of a batch that go together, and how often they have failed. */
struct range {
	size_t first, n;
	unsigned int tries;
};

struct lane {
	struct load *l;
	struct pg pg;
	struct load_batch filling, working, aside;
	struct range ranges[RANGES_MAX]; /* of `working`; the last one is at work */
	size_t n_ranges;                 /* 0: idle */
	unsigned int careful;            /* so many more batches */
	struct load_job job;
	size_t step;
	int code; /* of the step, 0 so far */
	struct why why;
	bool copying, writing; /* rows are on their way; the socket takes no more for now */
	size_t row;
	struct pg_rows rows;
	uint64_t since_ms; /* last sign of life */
};

struct load {
	struct load_options o;
	struct lane lanes[LOAD_LANES_MAX];
	unsigned int n_lanes;
	int32_t feed;
	bool last; /* nothing is put aside any more */
	struct load_stats stats;
};

static int connect_lane(struct lane *l, struct why *w)
{
	char name[16];
	int r = l->l->o.connect(l->l->o.arg, &l->pg, w);

	r = r ? r : pg_set_timeout(&l->pg, TIMEOUT_MS, w);
	r = r ? r : pg_run(&l->pg, SESSION, w);
	for (size_t i = 0; !r && i < ARRAY_SIZE(steps); i++) {
		(void)snprintf(name, sizeof(name), "load%zu", i);
		if (steps[i].params)
			r = pg_prepare(&l->pg, name, steps[i].sql, w);
	}
	return r;
}

static int send_prepared(struct lane *l, const struct step *s)
{
	AUTO_PG_PARAMS p = { 0 };
	char name[16];

	(void)snprintf(name, sizeof(name), "load%zu", l->step);
	s->params(&l->job, &p);
	if (p.no_memory)
		return fail(&l->why, -ENOMEM, "out of memory for a batch");
	if (PQsendQueryPrepared(l->pg.conn, name, p.n, p.values, p.lengths, p.formats, 1))
		return 0;
	return pg_result_code(&l->pg, NULL, &l->why);
}

/* What goes wrong here is found by the next turn. */
static void step_send(struct lane *l)
{
	const struct step *s = &steps[l->step];

	l->code = 0;
	l->since_ms = now_ms();
	if (s->params)
		l->code = send_prepared(l, s);
	else if (!PQsendQuery(l->pg.conn, s->sql))
		l->code = pg_result_code(&l->pg, NULL, &l->why);
}

/* The next step that has anything to do; the last one done is the end of the range. */
static bool step_next(struct lane *l)
{
	while (++l->step < ARRAY_SIZE(steps))
		if (!steps[l->step].needed || steps[l->step].needed(&l->job))
			return true;
	return false;
}

static void range_start(struct lane *l)
{
	const struct range *g = &l->ranges[l->n_ranges - 1];

	load_job_free(&l->job);
	l->job = (struct load_job){ .batch = &l->working,
				    .first = g->first,
				    .n = g->n,
				    .feed = l->l->feed,
				    .careful = l->careful > 0,
				    .aside = l->l->last ? NULL : &l->aside };
	l->step = 0;
	l->why = (struct why){ 0 };
	l->copying = false;
	step_send(l);
}

static void count(struct load_stats *s, const struct load_job *j)
{
	s->unchanged += j->n - j->n_wanted - j->n_refused - j->n_aside;
	s->aside += j->n_aside;
	s->refused += j->n_refused;
	s->added += j->n_wanted - j->n_newer;
	s->updated += j->n_newer;
	s->nodes += j->n_fresh;
	s->edges += j->n_edges;
	s->dangling += j->n_dangling;
	s->batches++;
}

static void range_end(struct lane *l)
{
	l->n_ranges--;
	load_job_free(&l->job);
	if (l->n_ranges)
		range_start(l);
}

/* What the range leaves for the end; what it has stored takes the place of what came before it. */
static int put_aside(struct lane *l)
{
	int r = 0;

	for (size_t i = 0; !r && i < l->job.n && l->aside.n + l->job.n_aside > 0; i++) {
		const struct load_entry *e = &l->working.at[l->job.first + i];

		if (e->state == LOAD_ASIDE)
			r = load_batch_put(&l->aside, e, &l->why);
		else if (e->state != LOAD_REFUSED)
			load_batch_forget(&l->aside, e);
	}
	return r;
}

static int range_done(struct lane *l)
{
	int r = put_aside(l);

	if (r)
		return r;
	count(&l->l->stats, &l->job);
	l->careful -= l->careful > 0;
	range_end(l);
	return 0;
}

/* --- one turn of a lane --- */

enum { TURN_AGAIN = 0, TURN_WAIT = 1 };

static int copy_rows(struct lane *l)
{
	static const uint8_t head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
	const struct step *s = &steps[l->step];
	size_t n = *(const size_t *)(const void *)((const char *)&l->job + s->rows_at);
	int r = 1;

	pg_rows_reset(&l->rows);
	if (l->row == 0)
		r = PQputCopyData(l->pg.conn, (const char *)head, sizeof(head));
	while (l->row < n && l->rows.n < CHUNK)
		s->row(&l->job, l->row++, &l->rows);
	if (l->rows.no_memory)
		return fail(&l->why, -ENOMEM, "out of memory for rows");
	if (r > 0 && l->rows.n > 0)
		r = PQputCopyData(l->pg.conn, (const char *)l->rows.p, (int)l->rows.n);
	if (r > 0 && l->row == n) {
		l->copying = false;
		r = PQputCopyData(l->pg.conn, "\377\377", 2);
		r = r > 0 ? PQputCopyEnd(l->pg.conn, NULL) : r;
	}
	return r > 0 ? 0 : pg_result_code(&l->pg, NULL, &l->why);
}

static int take_result(struct lane *l, const PGresult *res)
{
	const struct step *s = &steps[l->step];

	if (PQresultStatus(res) == PGRES_COPY_IN) {
		l->copying = true;
		l->row = 0;
		return 0;
	}
	if (l->code)
		return 0;
	l->code = pg_result_code(&l->pg, res, &l->why);
	if (!l->code && s->got && PQresultStatus(res) == PGRES_TUPLES_OK)
		l->code = s->got(&l->job, res, &l->why);
	return 0;
}

/* Whatever is possible without waiting. */
static int lane_turn(struct lane *l)
{
	int left = PQflush(l->pg.conn);
	AUTO_PG_RESULT *res = NULL;

	if (left < 0 || !PQconsumeInput(l->pg.conn))
		return pg_result_code(&l->pg, NULL, &l->why);
	l->writing = left > 0;
	if (left > 0)
		return TURN_WAIT;
	if (l->copying)
		return copy_rows(l);
	if (PQisBusy(l->pg.conn))
		return TURN_WAIT;
	l->since_ms = now_ms();
	res = PQgetResult(l->pg.conn);
	if (res)
		return take_result(l, res);
	if (PQstatus(l->pg.conn) == CONNECTION_BAD)
		return l->code == -ENOTCONN ? l->code : pg_result_code(&l->pg, NULL, &l->why);
	if (l->code)
		return l->code;
	if (!step_next(l))
		return range_done(l);
	step_send(l);
	return TURN_AGAIN;
}

/* --- after a failure --- */

static bool stopped(const struct load *l)
{
	return l->o.stop && l->o.stop();
}

static void nap(void)
{
	const struct timespec t = { .tv_nsec = RECONNECT_MS * 1000000l };

	(void)nanosleep(&t, NULL);
}

static int reconnect(struct lane *l, struct why *w)
{
	uint64_t deadline = now_ms() + 1000ull * l->l->o.reconnect_s;
	struct why last = l->why;
	int r = last.code;

	while (l->l->o.reconnect_s && !stopped(l->l)) {
		last = (struct why){ 0 };
		pg_close(&l->pg);
		r = connect_lane(l, &last);
		if (!r) {
			l->l->stats.reconnects++;
			return 0;
		}
		if ((r != -ENOTCONN && r != -EAGAIN) || now_ms() > deadline)
			break;
		nap();
	}
	if (w && !w->code)
		*w = last;
	return r ? r : -ENOTCONN;
}

static int quarantine(struct lane *l, struct why *w)
{
	const struct load_entry *e = &l->working.at[l->ranges[l->n_ranges - 1].first];
	const struct pg_uuid names[2] = { e->rec, e->hash };
	AUTO_PG_PARAMS p = { 0 };
	int r;

	pg_param_uuids(&p, names, 2);
	pg_param_i32(&p, l->l->feed);
	pg_param_bytea(&p, e->r.key);
	pg_param_bytea(&p, bytes_of(e->r.text.p, e->r.text.n < QUARANTINED ? e->r.text.n : QUARANTINED));
	pg_param_text(&p, bytes_str(l->pg.sqlstate));
	pg_param_text(&p, bytes_str(l->why.text));
	r = pg_query(&l->pg, QUARANTINE, &p, NULL, w);
	if (r)
		return r;
	if (l->l->stats.refused++ == 0)
		l->l->stats.refusal = l->why;
	range_end(l);
	return 0;
}

/* The second half later, the first one now. */
static void halve(struct lane *l)
{
	struct range *g = &l->ranges[l->n_ranges - 1];
	struct range first = { .first = g->first, .n = g->n / 2 };

	*g = (struct range){ .first = g->first + first.n, .n = g->n - first.n };
	l->ranges[l->n_ranges++] = first;
	range_start(l);
}

static void again(struct lane *l)
{
	l->ranges[l->n_ranges - 1].tries++;
	l->l->stats.retries++;
	range_start(l);
}

static int give_up(const struct lane *l, int code, struct why *w)
{
	if (w && !w->code)
		*w = l->why;
	return code;
}

/* The session as it was before the range. */
static int roll_back(struct lane *l, struct why *w)
{
	return PQtransactionStatus(l->pg.conn) == PQTRANS_IDLE ? 0 : pg_run(&l->pg, "ROLLBACK", w);
}

static int lane_failed(struct lane *l, int code, struct why *w)
{
	const struct range *g = &l->ranges[l->n_ranges - 1];
	enum load_next next = l->n_ranges < RANGES_MAX ? load_next(code, l->pg.sqlstate, g->tries, g->n) : LOAD_GIVE_UP;
	char sqlstate[sizeof(l->pg.sqlstate)];
	int r;

	if (next == LOAD_GIVE_UP)
		return give_up(l, code, w);
	memcpy(sqlstate, l->pg.sqlstate, sizeof(sqlstate));
	l->careful = strcmp(sqlstate, RACE) == 0 ? CAREFUL_BATCHES : l->careful;
	r = next == LOAD_RECONNECT ? reconnect(l, w) : roll_back(l, w);
	memcpy(l->pg.sqlstate, sqlstate, sizeof(sqlstate));
	if (r)
		return r;
	if (next == LOAD_QUARANTINE)
		return quarantine(l, w);
	if (next == LOAD_HALVE)
		halve(l);
	else
		again(l);
	return 0;
}

/* --- all lanes --- */

static int lane_pump(struct lane *l, struct why *w)
{
	int r = TURN_AGAIN;

	while (r != TURN_WAIT && l->n_ranges > 0) {
		r = lane_turn(l);
		if (r < 0)
			r = lane_failed(l, r, w);
		if (r < 0)
			return r;
	}
	return 0;
}

static int lanes_pump(struct load *l, struct why *w)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < l->n_lanes; i++)
		r = lane_pump(&l->lanes[i], w);
	return r;
}

static int check_silence(struct load *l, struct why *w)
{
	for (unsigned int i = 0; i < l->n_lanes; i++)
		if (l->lanes[i].n_ranges > 0 && now_ms() - l->lanes[i].since_ms > TIMEOUT_MS + GRACE_MS)
			return fail(w, -ETIMEDOUT, "PostgreSQL: no answer for %u s", (TIMEOUT_MS + GRACE_MS) / 1000);
	return stopped(l) ? fail(w, -ECANCELED, "interrupted") : 0;
}

/* Until one of the lanes at work can go on, then let them. */
static int lanes_wait(struct load *l, struct why *w)
{
	struct pollfd f[LOAD_LANES_MAX];
	nfds_t n = 0;
	int r;

	for (unsigned int i = 0; i < l->n_lanes; i++)
		if (l->lanes[i].n_ranges > 0)
			f[n++] = (struct pollfd){ .fd = PQsocket(l->lanes[i].pg.conn),
						  .events = (short)(l->lanes[i].writing ? POLLIN | POLLOUT : POLLIN) };
	if (poll(f, n, 500) < 0 && errno != EINTR)
		return fail_errno(w, "poll");
	r = check_silence(l, w);
	return r ? r : lanes_pump(l, w);
}

static int lane_idle(struct lane *l, struct why *w)
{
	int r = lane_pump(l, w);

	while (!r && l->n_ranges > 0)
		r = lanes_wait(l->l, w);
	return r;
}

/* What has gathered in one of its batches goes to work; the lane is waited for. */
static int lane_start(struct lane *l, struct load_batch *gathered, struct why *w)
{
	struct load_batch b;
	int r = lane_idle(l, w);

	if (r || gathered->n == 0)
		return r;
	b = l->working;
	l->working = *gathered;
	*gathered = b;
	load_batch_reset(gathered);
	load_batch_close(&l->working);
	l->l->stats.doubles += l->working.doubles;
	l->ranges[0] = (struct range){ .n = l->working.n };
	l->n_ranges = 1;
	range_start(l);
	return lane_pump(l, w);
}

/* --- from outside --- */

/* A lane that has nothing to do does not wait for a whole batch. */
static bool is_time(const struct lane *lane)
{
	return load_batch_full(&lane->filling) ||
	       (lane->n_ranges == 0 && lane->filling.n > lane->filling.rows_max / IDLE_PART);
}

/* All versions of a record go the same way, one after the other. */
static int take(void *arg, const struct record *r, struct why *w)
{
	struct load *l = arg;
	struct pg_uuid rec = record_number(r, bytes_str(l->o.feed));
	struct lane *lane = &l->lanes[rec.b[0] % l->n_lanes];
	int bad = is_time(lane) ? lane_start(lane, &lane->filling, w) : 0;

	if (!bad && ++l->stats.records % PUMP_RECORDS == 0)
		bad = stopped(l) ? fail(w, -ECANCELED, "interrupted") : lanes_pump(l, w);
	return bad ? bad : load_batch_add(&lane->filling, &rec, r, w);
}

struct record_sink load_sink(struct load *l)
{
	return (struct record_sink){ .take = take, .arg = l };
}

const struct load_stats *load_stats(const struct load *l)
{
	return &l->stats;
}

static int feed_number(struct load *l, struct why *w)
{
	struct pg *p = &l->lanes[0].pg;
	AUTO_PG_PARAMS a = { 0 };
	AUTO_PG_RESULT *row = NULL;
	int r;

	pg_param_text(&a, bytes_str(l->o.feed));
	r = pg_query(
		p,
		"INSERT INTO feeds (name) SELECT $1 WHERE NOT EXISTS (SELECT FROM feeds WHERE name = $1) ON CONFLICT DO NOTHING",
		&a, NULL, w);
	r = r ? r : pg_query(p, "SELECT feed_id FROM feeds WHERE name = $1", &a, &row, w);
	if (!r && PQntuples(row) != 1)
		return fail(w, -EPROTO, "feed %s: not in the table of feeds", l->o.feed);
	if (!r)
		l->feed = (int32_t)pg_get_int(row, 0, 0);
	return r;
}

static int lane_open(struct lane *l, struct why *w)
{
	const struct load_options *o = &l->l->o;
	int r = load_batch_init(&l->filling, o->rows, o->bytes, w);

	r = r ? r : load_batch_init(&l->working, o->rows, o->bytes, w);
	r = r ? r : load_batch_init(&l->aside, o->rows, o->bytes, w);
	return r ? r : connect_lane(l, w);
}

int load_open(const struct load_options *o, struct load **ret, struct why *w)
{
	struct load *l = calloc(1, sizeof(*l));
	int r = l ? 0 : fail(w, -ENOMEM, "out of memory");

	if (r)
		return r;
	l->o = *o;
	l->o.rows = o->rows ? o->rows : ROWS;
	l->o.bytes = o->bytes ? o->bytes : BYTES;
	l->n_lanes = o->lanes ? o->lanes : LANES;
	l->n_lanes = l->n_lanes < LOAD_LANES_MAX ? l->n_lanes : LOAD_LANES_MAX;
	for (unsigned int i = 0; !r && i < l->n_lanes; i++) {
		l->lanes[i].l = l;
		r = lane_open(&l->lanes[i], w);
	}
	r = r ? r : feed_number(l, w);
	if (r)
		load_close(l);
	else
		*ret = l;
	return r;
}

void load_close(struct load *l)
{
	if (!l)
		return;
	for (unsigned int i = 0; i < l->n_lanes; i++) {
		struct lane *lane = &l->lanes[i];

		pg_close(&lane->pg);
		load_job_free(&lane->job);
		load_batch_done(&lane->filling);
		load_batch_done(&lane->working);
		load_batch_done(&lane->aside);
		pg_rows_free(&lane->rows);
	}
	free(l);
}

/* --- what had waited --- */

static int resolve_some(struct load *l, int64_t *after, bool *ret_more, struct why *w)
{
	struct pg *p = &l->lanes[0].pg;
	AUTO_PG_PARAMS a = { 0 };
	AUTO_PG_RESULT *row = NULL;
	int r = pg_run(p, BEGIN_DURABLE "; SELECT pg_advisory_xact_lock(" LOCK ")", w);

	pg_param_i64(&a, *after);
	pg_param_i32(&a, PENDING_ROWS);
	r = r ? r : pg_query(p, PENDING, &a, &row, w);
	r = r ? r : pg_run(p, "COMMIT", w);
	if (r)
		return r;
	*after = pg_get_int(row, 0, 0);
	*ret_more = *after != 0;
	l->stats.resolved += (uint64_t)pg_get_int(row, 0, 1);
	return 0;
}

/* Without anything new in the store only the oldest are tried. */
static int resolve(struct load *l, struct why *w)
{
	bool more = true, changed = l->stats.added + l->stats.updated > 0;
	int64_t after = 0;
	unsigned int tries = 0;

	while (more) {
		struct why own = { 0 };
		int r = resolve_some(l, &after, &more, &own);

		if (r && load_next(r, l->lanes[0].pg.sqlstate, tries++, 1) == LOAD_AGAIN) {
			r = pg_run(&l->lanes[0].pg, "ROLLBACK", w);
			if (r)
				return r;
			continue;
		}
		if (r) {
			if (w && !w->code)
				*w = own;
			return r;
		}
		more = more && changed;
	}
	return 0;
}

static int feed_loaded(struct load *l, struct why *w)
{
	struct pg *p = &l->lanes[0].pg;
	AUTO_PG_PARAMS a = { 0 };
	int r = pg_run(p, BEGIN_DURABLE, w);

	pg_param_i32(&a, l->feed);
	r = r ? r : pg_query(p, "UPDATE feeds SET loaded = now() WHERE feed_id = $1", &a, NULL, w);
	return r ? r : pg_run(p, "COMMIT", w);
}

static int lanes_idle(struct load *l, struct why *w)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < l->n_lanes; i++)
		r = lane_idle(&l->lanes[i], w);
	return r;
}

int load_settle(struct load *l, struct why *w)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < l->n_lanes; i++)
		r = lane_start(&l->lanes[i], &l->lanes[i].filling, w);
	return r ? r : lanes_idle(l, w);
}

/* All that the feed brings is there now. */
static int load_aside(struct load *l, struct why *w)
{
	int r = 0;

	l->last = true;
	for (unsigned int i = 0; !r && i < l->n_lanes; i++)
		r = lane_start(&l->lanes[i], &l->lanes[i].aside, w);
	r = r ? r : lanes_idle(l, w);
	l->last = false;
	return r;
}

int load_finish(struct load *l, struct why *w)
{
	int r = load_settle(l, w);

	r = r ? r : load_aside(l, w);
	r = r ? r : resolve(l, w);
	return r ? r : feed_loaded(l, w);
}
