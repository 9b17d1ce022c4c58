#include "bootstage/intel/load.h"

#include <poll.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/proc.h"
#include "bootstage/intel/loadlane.h"
#include "bootstage/intel/loadstep.h"

#define ROWS         5000u
#define BYTES        (8u << 20)
#define LANES        2u
#define GRACE_MS     5000u
#define IDLE_PART    8u
#define PUMP_RECORDS 32u
#define PENDING_ROWS 20000
#define FEED_BYTES   255u /* as the table of feeds has it */

struct load {
	struct load_common c;
	struct load_lane lanes[LOAD_LANES_MAX];
	unsigned int n_lanes;
	struct why failure; /* the first one: nothing goes on behind it */
	struct {
		int64_t after; /* the last of them that was looked at */
		bool more;
	} pending;
};

static bool stopped(const struct load *l)
{
	return l->c.o.stop && l->c.o.stop();
}

/* --- all lanes --- */

static int lanes_pump(struct load *l, struct why *w)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < l->n_lanes; i++)
		r = load_lane_pump(&l->lanes[i], w);
	return r;
}

static int check_silence(struct load *l, struct why *w)
{
	for (unsigned int i = 0; i < l->n_lanes; i++)
		if (l->lanes[i].n_ranges > 0 && now_ms() - l->lanes[i].since_ms > LOAD_TIMEOUT_MS + GRACE_MS)
			return fail(w, -ETIMEDOUT, "PostgreSQL: no answer for %u s",
				    (LOAD_TIMEOUT_MS + GRACE_MS) / 1000);
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
	r = lanes_pump(l, w); /* first: it may be long since anybody asked what they have */
	return r ? r : check_silence(l, w);
}

static int lane_idle(struct load *l, struct load_lane *lane, struct why *w)
{
	int r = load_lane_pump(lane, w);

	while (!r && lane->n_ranges > 0)
		r = lanes_wait(l, w);
	return r;
}

/* What has gathered in one of its batches goes to work; the lane is waited for. */
static int lane_start(struct load *l, struct load_lane *lane, struct load_batch *gathered, struct why *w)
{
	int r = lane_idle(l, lane, w);

	return r || gathered->n == 0 ? r : load_lane_start(lane, gathered, w);
}

static int lanes_idle(struct load *l, struct why *w)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < l->n_lanes; i++)
		r = lane_idle(l, &l->lanes[i], w);
	return r;
}

/* --- failures --- */

int load_failed(const struct load *l)
{
	return l->failure.code;
}

/* Of what was done with l->failure as its reason, unless there is one. */
static int outcome(struct load *l, int r, struct why *w)
{
	if (r && !l->failure.code)
		IGNORE(fail(&l->failure, r, "the load failed"));
	if (l->failure.code && w && !w->code)
		*w = l->failure;
	return l->failure.code;
}

/* --- from outside --- */

/* A lane that has nothing to do does not wait for a whole batch. */
static bool is_time(const struct load_lane *lane)
{
	return load_batch_full(&lane->filling) ||
	       (lane->n_ranges == 0 && lane->filling.n > lane->filling.rows_max / IDLE_PART);
}

/* All versions of a record go the same way, one after the other. */
static int put(struct load *l, const struct record *r, struct why *w)
{
	struct pg_uuid rec = record_number(r, bytes_str(l->c.o.feed));
	struct load_lane *lane = &l->lanes[rec.b[0] % l->n_lanes];
	int bad = is_time(lane) ? lane_start(l, lane, &lane->filling, w) : 0;

	if (!bad && ++l->c.stats.records % PUMP_RECORDS == 0)
		bad = stopped(l) ? fail(w, -ECANCELED, "interrupted") : lanes_pump(l, w);
	return bad ? bad : load_batch_add(&lane->filling, &rec, r, w);
}

static int take(void *arg, const struct record *r, struct why *w)
{
	struct load *l = arg;

	return outcome(l, l->failure.code ? 0 : put(l, r, &l->failure), w);
}

struct record_sink load_sink(struct load *l)
{
	return (struct record_sink){ .take = take, .arg = l };
}

const struct load_stats *load_stats(const struct load *l)
{
	return &l->c.stats;
}

static int feed_check(const char *name, struct why *w)
{
	int r = 0;

	if (!name[0] || strlen(name) > FEED_BYTES)
		r = misuse(w, -EINVAL, "a feed's name has 1 to %u bytes, not %zu", FEED_BYTES, strlen(name));
	else if (!text_printable(bytes_str(name)))
		r = misuse(w, -EINVAL, "a feed's name is UTF-8 without control characters");
	return r ? why_next(w, r, "--feed NAME") : 0;
}

static int feed_number(struct load *l, struct why *w)
{
	struct pg *p = &l->lanes[0].pg;
	AUTO_PG_PARAMS a = { 0 };
	AUTO_PG_RESULT *row = NULL;
	int r;

	pg_param_text(&a, bytes_str(l->c.o.feed));
	r = pg_query(
		p,
		"INSERT INTO feeds (name) SELECT $1 WHERE NOT EXISTS (SELECT FROM feeds WHERE name = $1) ON CONFLICT DO NOTHING",
		&a, NULL, w);
	r = r ? r : pg_query(p, "SELECT feed_id FROM feeds WHERE name = $1", &a, &row, w);
	if (!r && PQntuples(row) != 1)
		return fail(w, -EPROTO, "feed %s: not in the table of feeds", l->c.o.feed);
	if (!r)
		l->c.feed = (int32_t)pg_get_int(row, 0, 0);
	return r;
}

int load_open(const struct load_options *o, struct load **ret, struct why *w)
{
	int r = feed_check(o->feed, w);
	struct load *l = r ? NULL : calloc(1, sizeof(*l));

	if (!l)
		return r ? r : fail(w, -ENOMEM, "out of memory");
	l->c.o = *o;
	l->c.o.rows = o->rows ? o->rows : ROWS;
	l->c.o.bytes = o->bytes ? o->bytes : BYTES;
	l->n_lanes = o->lanes ? o->lanes : LANES;
	l->n_lanes = l->n_lanes < LOAD_LANES_MAX ? l->n_lanes : LOAD_LANES_MAX;
	r = load_ids_init(&l->c.ids, w);
	for (unsigned int i = 0; !r && i < l->n_lanes; i++)
		r = load_lane_open(&l->lanes[i], &l->c, w);
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
	for (unsigned int i = 0; i < l->n_lanes; i++)
		load_lane_close(&l->lanes[i]);
	load_ids_free(&l->c.ids);
	free(l);
}

/* --- what had waited --- */

static int resolve_some(struct load *l, struct why *w)
{
	struct pg *p = &l->lanes[0].pg;
	AUTO_PG_PARAMS a = { 0 };
	AUTO_PG_RESULT *row = NULL;
	int r = pg_run(p, LOAD_BEGIN_PENDING, w);

	pg_param_i64(&a, l->pending.after);
	pg_param_i32(&a, PENDING_ROWS);
	r = r ? r : pg_query(p, load_pending_sql, &a, &row, w);
	r = r ? r : pg_run(p, "COMMIT", w);
	if (r)
		return r;
	l->pending.after = pg_get_int(row, 0, 0);
	l->pending.more = l->pending.after != 0;
	l->c.stats.resolved += (uint64_t)pg_get_int(row, 0, 1);
	return 0;
}

static int feed_loaded(struct load *l, struct why *w)
{
	struct pg *p = &l->lanes[0].pg;
	AUTO_PG_PARAMS a = { 0 };
	int r = pg_run(p, LOAD_BEGIN, w);

	pg_param_i32(&a, l->c.feed);
	r = r ? r : pg_query(p, "UPDATE feeds SET loaded = now() WHERE feed_id = $1", &a, NULL, w);
	return r ? r : pg_run(p, "COMMIT", w);
}

/* A transaction of the first connection, which is idle: again as batches are. */
static int alone(struct load *l, int (*what)(struct load *l, struct why *w), struct why *w)
{
	struct load_lane *lane = &l->lanes[0];
	struct why own = { 0 };
	unsigned int tries = 0;
	int r = what(l, &own);

	while (r) {
		r = load_lane_recover(lane, load_next(r, lane->pg.sqlstate, tries++, 1), &own, w);
		if (r)
			return r;
		own = (struct why){ 0 };
		r = what(l, &own);
	}
	return 0;
}

/* Without anything new in the store only the oldest are tried. */
static int resolve(struct load *l, struct why *w)
{
	bool changed = l->c.stats.added + l->c.stats.updated > 0;
	int r;

	l->pending.after = 0;
	do
		r = alone(l, resolve_some, w);
	while (!r && l->pending.more && changed);
	return r;
}

/* --- all that came --- */

static int settle(struct load *l, struct why *w)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < l->n_lanes; i++)
		r = lane_start(l, &l->lanes[i], &l->lanes[i].filling, w);
	return r ? r : lanes_idle(l, w);
}

int load_settle(struct load *l, struct why *w)
{
	return outcome(l, l->failure.code ? 0 : settle(l, &l->failure), w);
}

int load_turn(struct load *l, struct why *w)
{
	return outcome(l, l->failure.code ? 0 : lanes_pump(l, &l->failure), w);
}

/* All that the feed brings is there now. */
static int load_aside(struct load *l, struct why *w)
{
	int r = 0;

	l->c.last = true;
	for (unsigned int i = 0; !r && i < l->n_lanes; i++)
		r = lane_start(l, &l->lanes[i], &l->lanes[i].aside, w);
	r = r ? r : lanes_idle(l, w);
	l->c.last = false;
	return r;
}

static int finish(struct load *l, bool whole, struct why *w)
{
	int r = settle(l, w);

	r = r ? r : load_aside(l, w);
	r = r ? r : resolve(l, w);
	return r || !whole ? r : alone(l, feed_loaded, w);
}

int load_finish(struct load *l, bool whole, struct why *w)
{
	return outcome(l, l->failure.code ? 0 : finish(l, whole, &l->failure), w);
}
