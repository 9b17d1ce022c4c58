#include "bootstage/intel/loadlane.h"

#include <stdio.h>
#include <time.h>

#include "base/proc.h"
#include "bootstage/intel/loadstep.h"

#define CHUNK           (64u << 10)
#define TRIES_MAX       10u
#define RECONNECT_MS    250
#define RACE            "23505"
#define CAREFUL_BATCHES 8u
#define EDGES_MANY      100u
#define STATEMENT_NAME  32u
#define QUARANTINED     (64u << 10) /* bytes of a text that are kept */

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

/* --- a range --- */

static void statement_name(size_t step, char ret[STATEMENT_NAME])
{
	(void)snprintf(ret, STATEMENT_NAME, "load%zu", step);
}

static int connect_lane(struct load_lane *l, struct why *w)
{
	char name[STATEMENT_NAME];
	int r = l->c->o.connect(l->c->o.arg, &l->pg, w);

	r = r ? r : pg_set_timeout(&l->pg, LOAD_TIMEOUT_MS, w);
	r = r ? r : pg_run(&l->pg, load_session_sql, w);
	for (size_t i = 0; !r && i < n_load_steps; i++) {
		statement_name(i, name);
		if (load_steps[i].params)
			r = pg_prepare(&l->pg, name, load_steps[i].sql, w);
	}
	return r;
}

static int send_prepared(struct load_lane *l, const struct load_step *s)
{
	AUTO_PG_PARAMS p = { 0 };
	char name[STATEMENT_NAME];

	statement_name(l->step, name);
	s->params(&l->job, &p);
	if (p.no_memory)
		return fail(&l->why, -ENOMEM, "out of memory for a batch");
	if (PQsendQueryPrepared(l->pg.conn, name, p.n, p.values, p.lengths, p.formats, 1))
		return 0;
	return pg_result_code(&l->pg, NULL, &l->why);
}

/* What goes wrong here is found by the next turn. */
static void step_send(struct load_lane *l)
{
	const struct load_step *s = &load_steps[l->step];

	l->code = 0;
	l->since_ms = now_ms();
	if (s->params)
		l->code = send_prepared(l, s);
	else if (!PQsendQuery(l->pg.conn, s->sql))
		l->code = pg_result_code(&l->pg, NULL, &l->why);
}

/* The next step that has anything to do; the last one done is the end of the range. */
static bool step_next(struct load_lane *l)
{
	while (++l->step < n_load_steps)
		if (!load_steps[l->step].needed || load_steps[l->step].needed(&l->job))
			return true;
	return false;
}

static void range_start(struct load_lane *l)
{
	const struct load_range *g = &l->ranges[l->n_ranges - 1];

	load_job_free(&l->job);
	l->job = (struct load_job){ .batch = &l->working,
				    .first = g->first,
				    .n = g->n,
				    .feed = l->c->feed,
				    .careful = l->careful > 0,
				    .sure = l->sure,
				    .known_ids = &l->c->ids,
				    .aside = l->c->last ? NULL : &l->aside };
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

static void range_end(struct load_lane *l)
{
	l->n_ranges--;
	load_job_free(&l->job);
	if (l->n_ranges)
		range_start(l);
}

/* What the range leaves for the end; what it has stored takes the place of what came before it. */
static int put_aside(struct load_lane *l)
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

/*
 * Most feeds have edges that nobody has yet. Where a look at many of them found none there are no more looks, until one is
 * there: that fails, and from then on each batch looks again.
 */
static void learn(struct load_lane *l)
{
	const struct load_job *j = &l->job;

	l->careful -= l->careful > 0;
	if (!l->raced && !j->careful && j->n_edges >= EDGES_MANY && j->n_there == 0)
		l->sure = true;
}

static int range_done(struct load_lane *l)
{
	int r = put_aside(l);

	if (r)
		return r;
	count(&l->c->stats, &l->job);
	if (l->job.n_wanted) /* or nothing was committed behind the nodes */
		load_job_keep_ids(&l->job, &l->c->ids);
	learn(l);
	range_end(l);
	return 0;
}

/* --- one turn of a lane --- */

enum { TURN_AGAIN = 0, TURN_WAIT = 1 };

static int copy_rows(struct load_lane *l)
{
	static const uint8_t head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
	const struct load_step *s = &load_steps[l->step];
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

static int take_result(struct load_lane *l, const PGresult *res)
{
	const struct load_step *s = &load_steps[l->step];

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
static int lane_turn(struct load_lane *l)
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

static bool stopped(const struct load_common *c)
{
	return c->o.stop && c->o.stop();
}

static void nap(void)
{
	const struct timespec t = { .tv_nsec = RECONNECT_MS * 1000000l };

	(void)nanosleep(&t, NULL);
}

static int reconnect(struct load_lane *l, struct why *w)
{
	uint64_t deadline = now_ms() + 1000ull * l->c->o.reconnect_s;
	struct why last = l->why;
	int r = last.code;

	while (l->c->o.reconnect_s && !stopped(l->c)) {
		last = (struct why){ 0 };
		pg_close(&l->pg);
		r = connect_lane(l, &last);
		if (!r) {
			load_ids_clear(&l->c->ids); /* perhaps of a server that forgets, or of another one */
			l->c->stats.reconnects++;
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

static int quarantine(struct load_lane *l, struct why *w)
{
	const struct load_entry *e = &l->working.at[l->ranges[l->n_ranges - 1].first];
	const struct pg_uuid names[2] = { e->rec, e->hash };
	AUTO_PG_PARAMS p = { 0 };
	int r;

	pg_param_uuids(&p, names, 2);
	pg_param_i32(&p, l->c->feed);
	pg_param_bytea(&p, e->r.key);
	pg_param_bytea(&p, bytes_of(e->r.text.p, e->r.text.n < QUARANTINED ? e->r.text.n : QUARANTINED));
	pg_param_text(&p, bytes_str(l->pg.sqlstate));
	pg_param_text(&p, bytes_str(l->why.text));
	r = pg_query(&l->pg, load_quarantine_sql, &p, NULL, w);
	if (r)
		return r;
	if (l->c->stats.refused++ == 0)
		l->c->stats.refusal = l->why;
	range_end(l);
	return 0;
}

/* The second half later, the first one now. */
static void halve(struct load_lane *l)
{
	struct load_range *g = &l->ranges[l->n_ranges - 1];
	struct load_range first = { .first = g->first, .n = g->n / 2 };

	*g = (struct load_range){ .first = g->first + first.n, .n = g->n - first.n };
	l->ranges[l->n_ranges++] = first;
	range_start(l);
}

static void again(struct load_lane *l)
{
	l->ranges[l->n_ranges - 1].tries++;
	l->c->stats.retries++;
	range_start(l);
}

static int give_up(const struct load_lane *l, int code, struct why *w)
{
	if (w && !w->code)
		*w = l->why;
	return code;
}

/* The session as it was before the range. */
static int roll_back(struct load_lane *l, struct why *w)
{
	return PQtransactionStatus(l->pg.conn) == PQTRANS_IDLE ? 0 : pg_run(&l->pg, "ROLLBACK", w);
}

static void race_lost(struct load_lane *l)
{
	l->careful = CAREFUL_BATCHES;
	l->raced = true;
	l->sure = false;
}

static int lane_failed(struct load_lane *l, int code, struct why *w)
{
	const struct load_range *g = &l->ranges[l->n_ranges - 1];
	enum load_next next =
		l->n_ranges < LOAD_RANGES_MAX ? load_next(code, l->pg.sqlstate, g->tries, g->n) : LOAD_GIVE_UP;
	char sqlstate[sizeof(l->pg.sqlstate)];
	int r;

	if (next == LOAD_GIVE_UP)
		return give_up(l, code, w);
	memcpy(sqlstate, l->pg.sqlstate, sizeof(sqlstate));
	if (strcmp(sqlstate, RACE) == 0)
		race_lost(l);
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

int load_lane_recover(struct load_lane *l, enum load_next next, const struct why *cause, struct why *w)
{
	l->why = *cause;
	if (next == LOAD_RECONNECT)
		return reconnect(l, w);
	return next == LOAD_AGAIN ? roll_back(l, w) : give_up(l, cause->code, w);
}

/* --- from outside --- */

int load_lane_pump(struct load_lane *l, struct why *w)
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

int load_lane_start(struct load_lane *l, struct load_batch *gathered, struct why *w)
{
	struct load_batch b = l->working;

	l->working = *gathered;
	*gathered = b;
	load_batch_reset(gathered);
	load_batch_close(&l->working);
	l->c->stats.doubles += l->working.doubles;
	l->ranges[0] = (struct load_range){ .n = l->working.n };
	l->n_ranges = 1;
	range_start(l);
	return load_lane_pump(l, w);
}

int load_lane_open(struct load_lane *l, struct load_common *c, struct why *w)
{
	const struct load_options *o = &c->o;
	int r = load_batch_init(&l->filling, o->rows, o->bytes, w);

	l->c = c;
	r = r ? r : load_batch_init(&l->working, o->rows, o->bytes, w);
	r = r ? r : load_batch_init(&l->aside, o->rows, o->bytes, w);
	return r ? r : connect_lane(l, w);
}

void load_lane_close(struct load_lane *l)
{
	pg_close(&l->pg);
	load_job_free(&l->job);
	load_batch_done(&l->filling);
	load_batch_done(&l->working);
	load_batch_done(&l->aside);
	pg_rows_free(&l->rows);
}
