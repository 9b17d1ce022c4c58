#include "bootstage/intel/partition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

/* Numbers that nobody else locks in this database. */
#define LOCK_DAYS "72410002"
#define LOCK_SEAL "72410003"

#define AHEAD_MAX     64u
#define DROP_TRIES    5u
#define DROP_WAIT     "250ms" /* readers that come meanwhile wait behind us for so long */
#define DROP_PAUSE_NS 250000000
#define SEAL_WAIT     "60s"

struct clock_now clock_read(bool trust)
{
	struct timespec t = { 0 };
	struct timex x = { .modes = 0 };
	int state = adjtimex(&x);

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (struct clock_now){
		.us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000,
		.synced = trust || (state >= 0 && state != TIME_ERROR && !(x.status & STA_UNSYNC)),
	};
}

void day_list_free(struct day_list *l)
{
	free(l->at);
	*l = (struct day_list){ 0 };
}

/* --- looking --- */

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int partition_list(struct pg *p, struct day_list *ret, struct why *w)
{
	AUTO_PG_RESULT *rows = NULL;
	AUTO_DAY_LIST l = { 0 };
	int r = pg_query(p,
			 "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
			 "WHERE i.inhparent = 'telemetry_edges'::regclass",
			 NULL, &rows, w);

	if (r)
		return r;
	l.at = calloc((size_t)PQntuples(rows) + 1, sizeof(*l.at));
	if (!l.at)
		return fail(w, -ENOMEM, "out of memory");
	for (int i = 0; i < PQntuples(rows); i++)
		if (day_of_name(pg_get_text(rows, i, 0), &l.at[l.n]) == 0)
			l.n++;
	qsort(l.at, l.n, sizeof(*l.at), compare);
	*ret = l;
	l.at = NULL;
	return 0;
}

/* --- making --- */

#define CREATE_ROOM 700u

/* With the same CHECK that it is going to have as a partition there is nothing to search when it is attached. */
static int create_sql(int64_t day, char *sql, size_t room)
{
	char name[DAYS_NAME], from[DAYS_NAME], to[DAYS_NAME];

	day_name(day, name);
	day_date(day, from);
	day_date(day + 1, to);
	return snprintf(
		sql, room,
		"CREATE TABLE %s (LIKE telemetry_edges INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION, "
		"CONSTRAINT day CHECK (ts >= '%s 00:00:00+00' AND ts < '%s 00:00:00+00'));"
		"ALTER TABLE telemetry_edges ATTACH PARTITION %s FOR VALUES FROM ('%s 00:00:00+00') TO ('%s 00:00:00+00');"
		"ALTER TABLE %s DROP CONSTRAINT day;",
		name, from, to, name, from, to, name);
}

/* All in one message. */
static int create(struct pg *p, const int64_t *days, size_t n, struct why *w)
{
	AUTO_FREE char *sql = malloc(n * CREATE_ROOM + 16);
	size_t at = 0;
	int r;

	if (!sql)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		at += (size_t)create_sql(days[i], sql + at, CREATE_ROOM);
	memcpy(sql + at, "COMMIT", sizeof("COMMIT"));
	r = pg_run(p, sql, w);
	return r ? why_in(w, r, "days of telemetry") : 0;
}

/* What is missing, as far as the clock can be believed. */
static int missing(struct pg *p, const struct clock_now *now, unsigned int ahead, int64_t days[AHEAD_MAX],
		   size_t *ret_n, struct why *w)
{
	AUTO_DAY_LIST have = { 0 };
	int r = partition_list(p, &have, w);

	r = r ? r : clock_check(now, ahead, &have, w);
	if (!r)
		*ret_n = days_missing(day_of(now->us), ahead < AHEAD_MAX ? ahead : AHEAD_MAX - 1, &have, days,
				      AHEAD_MAX);
	return r;
}

static int create_missing(struct pg *p, const struct clock_now *now, unsigned int ahead, unsigned int *ret_made,
			  struct why *w)
{
	int64_t days[AHEAD_MAX];
	size_t n = 0;
	int r = pg_run(p, "BEGIN; SELECT pg_advisory_xact_lock(" LOCK_DAYS ")", w);

	r = r ? r : missing(p, now, ahead, days, &n, w); /* another starter may have been here meanwhile */
	r = r ? r : create(p, days, n, w);
	if (!r)
		*ret_made = (unsigned int)n;
	else if (pg_alive(p))
		IGNORE(pg_run(p, "ROLLBACK", NULL));
	return r;
}

int ensure_partitions_exist(struct pg *p, const struct clock_now *now, unsigned int ahead, unsigned int *ret_made,
			    struct why *w)
{
	int64_t days[AHEAD_MAX];
	unsigned int made = 0;
	size_t n = 0;
	int r = missing(p, now, ahead, days, &n, w);

	if (!r && n > 0)
		r = create_missing(p, now, ahead, &made, w);
	if (!r)
		*ret_made = made;
	return r;
}

/* --- sealing --- */

/* Days that lack a good index of the other direction: name, and whether what an interrupted seal left is there. */
static int unsealed(struct pg *p, PGresult **ret, struct why *w)
{
	return pg_query(
		p,
		"SELECT c.relname::text, x.oid IS NOT NULL FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
		"LEFT JOIN pg_class x ON x.relname = c.relname || '_reverse' AND x.relnamespace = c.relnamespace "
		"LEFT JOIN pg_index k ON k.indexrelid = x.oid "
		"WHERE i.inhparent = 'telemetry_edges'::regclass AND c.relkind = 'r' AND NOT COALESCE(k.indisvalid, false) "
		"ORDER BY c.relname DESC",
		NULL, ret, w);
}

/* What the time index has not looked at yet, which a day that was loaded quickly has a lot of. */
static int seal_one(struct pg *p, const char *name, bool left, struct why *w)
{
	char sql[400];
	int r = 0;

	if (left) {
		(void)snprintf(sql, sizeof(sql), "DROP INDEX CONCURRENTLY IF EXISTS %s_reverse", name);
		r = pg_run(p, sql, w);
	}
	(void)snprintf(sql, sizeof(sql), "CREATE INDEX CONCURRENTLY %s_reverse ON %s (dst, kind, src)", name, name);
	r = r ? r : pg_run(p, sql, w);
	/* No row of it changes any more: freeze them now, once. */
	(void)snprintf(sql, sizeof(sql), "VACUUM (FREEZE, ANALYZE) %s", name);
	return r ? r : pg_run(p, sql, w);
}

static int seal_all(struct pg *p, const struct clock_now *now, unsigned int max, struct seal_report *s, struct why *w)
{
	AUTO_PG_RESULT *rows = NULL;
	int r = unsealed(p, &rows, w);

	for (int i = 0; !r && i < PQntuples(rows); i++) {
		struct bytes name = pg_get_text(rows, i, 0);
		struct why cause = { 0 };
		int64_t day;

		if (day_of_name(name, &day))
			continue;
		if (!day_closed(day, now->us)) {
			s->open++;
			continue;
		}
		if (max > 0 && s->sealed == max) {
			s->waiting++;
			continue;
		}
		r = seal_one(p, (const char *)name.p, pg_get_bool(rows, i, 1), &cause);
		if (r == -EBUSY || r == -ENODATA) { /* somebody is in the way; or the day was dropped meanwhile */
			s->waiting += r == -EBUSY;
			r = 0;
		} else if (r) {
			(void)fail(w, r, "%.*s: %.300s", (int)name.n, (const char *)name.p, cause.text);
		} else {
			s->sealed++;
		}
	}
	return r;
}

int partition_seal(struct pg *p, const struct clock_now *now, unsigned int ahead, unsigned int max,
		   struct seal_report *ret, struct why *w)
{
	AUTO_PG_RESULT *locked = NULL;
	AUTO_DAY_LIST have = { 0 };
	struct seal_report s = { 0 };
	unsigned int timeout_ms = p->timeout_ms;
	int r = partition_list(p, &have, w);

	r = r ? r : clock_check(now, ahead, &have, w);
	r = r ? r : pg_query(p, "SELECT pg_try_advisory_lock(" LOCK_SEAL ")", NULL, &locked, w);
	if (r)
		return r;
	s.others = !pg_get_bool(locked, 0, 0);
	if (!s.others) {
		r = pg_run(p, "SET lock_timeout = '" SEAL_WAIT "'", w);
		r = r ? r : pg_set_timeout(p, 0, w);
		r = r ? r : seal_all(p, now, max, &s, w);
		if (pg_alive(p)) {
			IGNORE(pg_run(p, "SELECT pg_advisory_unlock(" LOCK_SEAL "); RESET lock_timeout", NULL));
			IGNORE(pg_set_timeout(p, timeout_ms, NULL));
		}
	}
	if (!r)
		*ret = s;
	return r;
}

/* --- dropping --- */

/* -EBUSY when somebody was reading each time. */
static int drop_one(struct pg *p, const char *name, uint64_t *bytes, struct why *w)
{
	const struct timespec pause = { .tv_nsec = DROP_PAUSE_NS };
	AUTO_PG_RESULT *size = NULL;
	AUTO_PG_PARAMS a = { 0 };
	char sql[200];
	int r;

	pg_param_text(&a, bytes_str(name));
	r = pg_query(p, "SELECT COALESCE(pg_total_relation_size(to_regclass($1)), 0)", &a, &size, w);
	(void)snprintf(sql, sizeof(sql),
		       "BEGIN; SET LOCAL lock_timeout = '" DROP_WAIT "'; DROP TABLE IF EXISTS %s; COMMIT", name);
	for (unsigned int i = 0; !r && i < DROP_TRIES; i++) {
		struct why cause = { 0 };

		if (i > 0)
			(void)nanosleep(&pause, NULL);
		r = pg_run(p, sql, &cause);
		if (!r) {
			*bytes += (uint64_t)pg_get_int(size, 0, 0);
			return 0;
		}
		if (pg_alive(p))
			IGNORE(pg_run(p, "ROLLBACK", NULL));
		if (r != -EBUSY || i + 1 == DROP_TRIES)
			return fail(w, r, "%s: %.300s", name, cause.text);
		r = 0;
	}
	return r;
}

static int drop_rows(struct pg *p, const char *sql, const struct clock_now *now, unsigned int keep, uint64_t *ret_rows,
		     struct why *w)
{
	AUTO_PG_RESULT *res = NULL;
	AUTO_PG_PARAMS a = { 0 };
	int r;

	pg_param_time(&a, (day_of(now->us) - keep) * DAY_US);
	r = pg_query(p, sql, &a, &res, w);
	if (!r)
		*ret_rows = pg_rows_done(res);
	return r;
}

int partition_prune(struct pg *p, const struct clock_now *now, unsigned int ahead, unsigned int keep,
		    struct prune_report *ret, struct why *w)
{
	AUTO_DAY_LIST have = { 0 };
	struct prune_report s = { 0 };
	struct why cause = { 0 };
	char name[DAYS_NAME];
	size_t n;
	int r = partition_list(p, &have, w);

	r = r ? r : clock_check(now, ahead, &have, w);
	if (r)
		return r;
	n = days_expired(day_of(now->us), keep, &have);
	/* Who reads the whole of telemetry is in the way of each. */
	for (size_t i = 0; !r && i < n; i++) {
		day_name(have.at[i], name);
		r = drop_one(p, name, &s.bytes, &cause);
		s.dropped += r == 0;
	}
	if (r && r != -EBUSY)
		return fail(w, r, "%s", cause.text);
	s.waiting = (unsigned int)n - s.dropped;
	r = 0;
	if (keep > 0)
		r = drop_rows(p, "DELETE FROM telemetry_late WHERE arrived < $1", now, keep, &s.late_rows, w);
	if (!r && keep > 0)
		r = drop_rows(p, "DELETE FROM telemetry_agents WHERE seen < $1", now, keep, &s.agents, w);
	if (!r)
		*ret = s;
	return r;
}
