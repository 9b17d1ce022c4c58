#include "bootstage/intel/servers.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/parse.h"
#include "bootstage/intel/migrate.h"
#include "bootstage/intel/partition.h"

_Static_assert(SHARDS_MAX == INTELCONF_SERVERS && SHARDS_MAX <= RELATED_SERVERS_MAX, "a server is a shard");

#define LOCK_JOIN "72410006" /* that nobody else locks in this database */

/* --- connections --- */

void servers_close(struct servers *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		pg_close(&s->at[i].pg);
	s->n = 0;
}

unsigned int servers_count(const struct store_opts *o, const struct intelconf *c)
{
	return o->connect ? 1 : c->n_servers;
}

/* As store_connect() for the first, without looking at the schema. */
static int connect_one(const struct store_opts *o, const struct intelconf *c, unsigned int i, struct pg *ret,
		       struct why *w)
{
	const struct store_opts other = { .connect = c->servers[i].connect, .config = o->config };
	int r = store_connect(i == 0 ? o : &other, c, ret, w);

	return r && i > 0 ? why_in(w, r, "server %u", i) : r;
}

int servers_connect(const struct store_opts *o, const struct intelconf *c, unsigned int i, struct pg *ret,
		    struct why *w)
{
	AUTO_PG p = { 0 };
	int r = connect_one(o, c, i, &p, w);

	r = r ? r : schema_check(&p, w);
	if (r)
		return r;
	*ret = p;
	p.conn = NULL;
	return 0;
}

int servers_open(const struct store_opts *o, const struct intelconf *c, struct servers *ret, struct why *w)
{
	int good = 0;

	*ret = (struct servers){ .n = servers_count(o, c) };
	for (unsigned int i = 0; i < ret->n; i++)
		good += servers_connect(o, c, i, &ret->at[i].pg, &ret->at[i].why) == 0;
	if (good > 0)
		return 0;
	ret->n = 0;
	if (w && !w->code)
		*w = ret->at[0].why;
	return ret->at[0].why.code;
}

struct pg *servers_first(struct servers *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->at[i].pg.conn)
			return &s->at[i].pg;
	return NULL;
}

int servers_related(struct servers *s, const struct relquery *q, int64_t start, struct answers *ret, struct why *w)
{
	struct related_server at[SHARDS_MAX] = { 0 };

	for (unsigned int i = 0; i < s->n; i++)
		at[i].pg = s->at[i].pg.conn ? &s->at[i].pg : NULL;
	return related_any(at, s->n, q, start, ret, w);
}

/* --- how they are --- */

/* At the copy. */
static int look_copy(struct pg *p, struct server_state *s)
{
	struct clock_now now = clock_read(false);
	AUTO_PG_RESULT *rows = NULL;
	AUTO_DAY_LIST days = { 0 };
	int r = pg_query(
		p,
		"SELECT count(*) > 0 AND count(*) FILTER (WHERE r.srsubstate <> 'r') = 0 FROM pg_subscription s "
		"JOIN pg_database d ON d.oid = s.subdbid JOIN pg_subscription_rel r ON r.srsubid = s.oid "
		"WHERE s.subname = 'tandem_intel' AND d.datname = current_database()",
		NULL, &rows, &s->why);

	s->whole = !r && pg_get_bool(rows, 0, 0);
	r = r ? r : partition_list(p, &days, &s->why);
	s->ahead = r ? -1 : days_ahead(day_of(now.us), &days);
	return r;
}

/* At the first one: the slot that it sends from. */
static void look_slot(struct pg *first, unsigned int i, struct server_state *s)
{
	char sql[256];
	AUTO_PG_RESULT *rows = NULL;

	(void)snprintf(
		sql, sizeof(sql),
		"SELECT active, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint "
		"FROM pg_replication_slots WHERE slot_name = 'tandem_intel_%u' AND database = current_database()",
		i);
	if (pg_query(first, sql, NULL, &rows, NULL) || PQntuples(rows) != 1)
		return;
	s->follows = pg_get_bool(rows, 0, 0);
	s->lag_bytes = pg_get_int(rows, 0, 1);
}

void servers_look(const struct store_opts *o, const struct intelconf *c, unsigned int i, struct pg *first,
		  struct server_state *ret)
{
	AUTO_PG p = { 0 };

	*ret = (struct server_state){ .ahead = -1, .lag_bytes = -1 };
	if (servers_connect(o, c, i, &p, &ret->why) == 0)
		IGNORE(look_copy(&p, ret)); /* it is kept for the caller */
	if (first)
		look_slot(first, i, ret);
}

bool server_is_well(const struct server_state *s)
{
	return !s->why.code && s->ahead >= 1 && s->whole && s->follows;
}

/* --- one store out of several --- */

/* All or nothing: half of what belongs together is not left behind. */
static int run_whole(struct pg *p, const char *sql, struct why *w)
{
	int r = pg_run(p, "BEGIN; SET LOCAL lock_timeout = '5s'", w);

	r = r ? r : pg_run(p, sql, w);
	r = r ? r : pg_run(p, "COMMIT", w);
	if (r && pg_alive(p))
		IGNORE(pg_run(p, "ROLLBACK", NULL));
	return r;
}

static int prepare_one(struct pg *p, unsigned int i, bool committed, struct why *w)
{
	struct schema_state s;
	unsigned int taken = 0;
	int r = schema_look(p, &s, w);

	if (!r && s.number > 0 && s.pending > 0)
		r = run_whole(p, shard_apart_sql, w);
	return r || i == 0 ? r : migrate(p, committed, &s, &taken, w);
}

int servers_prepare(const struct store_opts *o, const struct intelconf *c, bool committed, struct why *w)
{
	for (unsigned int i = 0; servers_count(o, c) > 1 && i < c->n_servers; i++) {
		AUTO_PG p = { 0 };
		int r = connect_one(o, c, i, &p, w);

		r = r ? r : prepare_one(&p, i, committed, w);
		if (r)
			return i == 0 ? r : why_in(w, r, "server %u", i);
	}
	return 0;
}

static const char *peer_of(const struct intelconf *c, unsigned int i)
{
	const struct intelserver *s = &c->servers[i];

	return s->peer[0] ? s->peer : i == 0 ? c->connect : s->connect;
}

/* The first one sends what changes: that has to be on before anything follows it. */
static int publish(struct pg *p, struct why *w)
{
	AUTO_PG_RESULT *rows = NULL;
	int r = pg_query(p, "SELECT current_setting('wal_level') = 'logical'", NULL, &rows, w);

	if (r)
		return r;
	if (!pg_get_bool(rows, 0, 0)) {
		r = refuse(w, -EPROTONOSUPPORT,
			   "the first server cannot be copied from: its wal_level is not 'logical'");
		return why_next(w, r, "ALTER SYSTEM SET wal_level = logical; then start it again");
	}
	return run_whole(p, shard_publish_sql, w);
}

static int follow(struct pg *p, unsigned int i, const char *first, struct why *w)
{
	char sql[SHARD_SQL_MAX];
	AUTO_PG_RESULT *rows = NULL;
	int r = pg_query(
		p,
		"SELECT EXISTS (SELECT FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid "
		"WHERE s.subname = 'tandem_intel' AND d.datname = current_database()), EXISTS (SELECT FROM nodes)",
		NULL, &rows, w);

	if (r || pg_get_bool(rows, 0, 0))
		return r;
	if (pg_get_bool(rows, 0, 1))
		return refuse(w, -EEXIST, "it has nodes of its own: only an empty database can become a copy");
	r = shard_follow_sql(i, first, sql, w);
	r = r ? r : run_whole(p, shard_guard_sql, w);
	return r ? r : pg_run(p, sql, w);
}

/* What was last done is noted at the foreign server, as a hash: the text has passwords. */
static int know_other(struct pg *p, unsigned int other, const char *peer, struct why *w)
{
	char sql[SHARD_SQL_MAX], note[2 * HASH_BYTES + 1], ask[320], tell[200];
	AUTO_PG_RESULT *rows = NULL;
	struct hash h;
	int r = shard_other_sql(other, peer, sql, w);

	if (r)
		return r;
	h = hash_of(bytes_str(sql));
	(void)format_hex(h.b, HASH_BYTES, note);
	(void)snprintf(
		ask, sizeof(ask),
		"SELECT EXISTS (SELECT FROM pg_foreign_server s WHERE s.srvname = 'tandem_shard_%u' AND "
		"obj_description(s.oid, 'pg_foreign_server') = '%s') AND to_regclass('telemetry_shard_%u') IS NOT NULL",
		other, note, other);
	(void)snprintf(tell, sizeof(tell), ";COMMENT ON SERVER tandem_shard_%u IS '%s'", other, note);
	r = pg_query(p, ask, NULL, &rows, w);
	if (r || pg_get_bool(rows, 0, 0))
		return r;
	if (strlen(sql) + strlen(tell) >= sizeof(sql))
		return misuse(w, -EINVAL, "a connection string that is too long");
	memcpy(sql + strlen(sql), tell, strlen(tell) + 1);
	return run_whole(p, sql, w);
}

static int join_one(struct pg *p, const struct intelconf *c, unsigned int i, struct why *w)
{
	char sql[SHARD_SQL_MAX];
	int r = i == 0 ? publish(p, w) : follow(p, i, peer_of(c, 0), w);

	shard_own_sql(i, sql);
	r = r ? r : run_whole(p, sql, w);
	for (unsigned int k = 0; !r && k < c->n_servers; k++)
		if (k != i)
			r = know_other(p, k, peer_of(c, k), w);
	return r;
}

/* Days for telemetry, as at the first one: there it was said when the clock cannot be believed. */
static int days_of(struct pg *p, const struct intelconf *c, struct why *w)
{
	struct clock_now now = clock_read(c->trust_clock);
	struct why cause = { 0 };
	unsigned int made = 0;
	int r = ensure_partitions_exist(p, &now, c->ahead_days, &made, &cause);

	return r && r != -ESTALE ? fail(w, r, "%s", cause.text) : 0;
}

static int join_all(const struct store_opts *o, const struct intelconf *c, struct why *w)
{
	for (unsigned int i = 0; i < c->n_servers; i++) {
		AUTO_PG p = { 0 };
		int r = connect_one(o, c, i, &p, w);

		r = r ? r : join_one(&p, c, i, w);
		r = r || i == 0 ? r : days_of(&p, c, w);
		if (r)
			return i == 0 ? r : why_in(w, r, "server %u", i);
	}
	return 0;
}

/* One starter at a time: the first server's lock, outside of transactions, which a new replication slot waits for. */
int servers_join(const struct store_opts *o, const struct intelconf *c, struct why *w)
{
	AUTO_PG lock = { 0 };
	int r;

	if (servers_count(o, c) == 1)
		return 0;
	if (!peer_of(c, 0)[0])
		return misuse(w, -EINVAL, "[database] peer: how the other servers reach the first one");
	r = connect_one(o, c, 0, &lock, w);
	r = r ? r : pg_run(&lock, "SELECT pg_advisory_lock(" LOCK_JOIN ")", w);
	return r ? r : join_all(o, c, w);
}
