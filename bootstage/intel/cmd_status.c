/*
 * tandem-intel status
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/json.h"
#include "base/parse.h"
#include "bootstage/intel/cluster.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/machine.h"
#include "bootstage/intel/migrate.h"
#include "bootstage/intel/partition.h"
#include "bootstage/intel/servers.h"

struct status {
	bool private;
	struct cluster cluster;
	unsigned int data_major; /* of the private cluster; 0: no data yet */
	int server;              /* its version, 150018; 0: it does not answer */
	struct schema_state schema;
	struct pool_plan pool;
	size_t days;
	int64_t first, last;
	int ahead;
	int64_t unsealed, late_rows, nodes, edges, telemetry, bytes;
	bool ready;      /* connected, and the schema is there */
	struct why why;  /* why it is not */
	struct why wait; /* why no days are made */
	/* Beside the first, which the others are about: [0] is not used. */
	unsigned int n_servers;
	struct server_state servers[SHARDS_MAX];
};

#define COUNT(table)                                                                                                   \
	"COALESCE((SELECT GREATEST(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass('" table "')), 0)"

/* Numbers of rows are the planner's: counting takes as long as reading all. */
static int numbers(struct pg *p, struct status *s, struct why *w)
{
	AUTO_PG_RESULT *rows = NULL;
	int r = pg_query(
		p,
		"SELECT " COUNT("nodes") ", " COUNT(
			"intel_edges") ", "
				       "COALESCE((SELECT sum(GREATEST(c.reltuples, 0))::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
				       "WHERE i.inhparent = 'telemetry_edges'::regclass), 0), "
				       "(SELECT count(*) FROM (SELECT 1 FROM telemetry_late LIMIT 1000000) x), "
				       "(SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
				       "LEFT JOIN pg_class x ON x.relname = c.relname || '_reverse' AND x.relnamespace = c.relnamespace "
				       "LEFT JOIN pg_index k ON k.indexrelid = x.oid "
				       "WHERE i.inhparent = 'telemetry_edges'::regclass AND c.relkind = 'r' AND NOT COALESCE(k.indisvalid, false) "
				       "AND c.relname < 'telemetry_edges_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM_DD')), "
				       "pg_database_size(current_database())",
		NULL, &rows, w);

	if (r)
		return r;
	s->nodes = pg_get_int(rows, 0, 0);
	s->edges = pg_get_int(rows, 0, 1);
	s->telemetry = pg_get_int(rows, 0, 2);
	s->late_rows = pg_get_int(rows, 0, 3);
	s->unsealed = pg_get_int(rows, 0, 4);
	s->bytes = pg_get_int(rows, 0, 5);
	return 0;
}

static int days(struct pg *p, const struct intelconf *c, struct status *s, struct why *w)
{
	struct clock_now now = clock_read(c->trust_clock);
	AUTO_DAY_LIST have = { 0 };
	int r = partition_list(p, &have, w);

	if (r)
		return r;
	s->days = have.n;
	s->first = have.n ? have.at[0] : 0;
	s->last = have.n ? have.at[have.n - 1] : 0;
	s->ahead = days_ahead(day_of(now.us), &have);
	IGNORE(clock_check(&now, c->ahead_days, &have, &s->wait));
	return 0;
}

static void look_at_others(const struct store_opts *opts, const struct intelconf *c, struct pg *first, struct status *s)
{
	s->n_servers = servers_count(opts, c);
	for (unsigned int i = 1; i < s->n_servers; i++)
		servers_look(opts, c, i, first, &s->servers[i]);
}

static int look(const struct store_opts *opts, const struct intelconf *c, struct status *s, struct why *w)
{
	AUTO_PG p = { 0 };
	struct machine m;
	int r = store_connect(opts, c, &p, w);

	look_at_others(opts, c, r ? NULL : &p, s);
	if (r)
		return r;
	s->server = PQserverVersion(p.conn);
	r = machine_read(NULL, NULL, &m, w);
	r = r ? r : store_plan(&p, &m.sizes.db_connections, &s->pool, w);
	if (r)
		return r;
	r = schema_look(&p, &s->schema, w);
	r = r ? r : schema_check(&p, w);
	r = r ? r : days(&p, c, s, w);
	r = r ? r : numbers(&p, s, w);
	s->ready = r == 0;
	return r;
}

/* --- output --- */

static void json_day(struct json *j, const char *key, const struct status *s, int64_t day)
{
	char date[DAYS_NAME] = "";

	if (s->days)
		day_date(day, date);
	json_text(j, key, date);
}

static void json_server(struct json *j, const struct status *s)
{
	json_object(j, "server");
	json_bool(j, "private", s->private);
	json_text(j, "folder", s->private ? s->cluster.folder : "");
	json_text(j, "socket", s->private ? s->cluster.socket : "");
	if (s->data_major)
		json_u64(j, "data_version", s->data_major);
	else
		json_null(j, "data_version");
	if (s->server)
		json_i64(j, "version", s->server);
	else
		json_null(j, "version");
	json_end(j);
}

static void json_others(struct json *j, const struct status *s)
{
	json_array(j, "others");
	for (unsigned int i = 1; i < s->n_servers; i++) {
		const struct server_state *o = &s->servers[i];

		json_object(j, NULL);
		json_u64(j, "server", i);
		json_bool(j, "answers", !o->why.code);
		json_text(j, "reason", o->why.text);
		json_i64(j, "days_ahead", o->ahead);
		json_bool(j, "follows", o->follows);
		json_bool(j, "whole", o->whole);
		if (o->lag_bytes < 0)
			json_null(j, "lag_bytes");
		else
			json_i64(j, "lag_bytes", o->lag_bytes);
		json_end(j);
	}
	json_end(j);
}

static void json_all(struct json *j, const struct status *s)
{
	json_object(j, NULL);
	json_bool(j, "ready", s->ready);
	json_text(j, "reason", s->why.text);
	json_server(j, s);
	json_object(j, "schema");
	json_u64(j, "step", s->schema.number);
	json_u64(j, "known", s->schema.known);
	json_u64(j, "pending", s->schema.pending);
	json_bool(j, "newer", s->schema.newer);
	json_end(j);
	json_object(j, "pool");
	json_u64(j, "connections", s->pool.size);
	json_u64(j, "wanted", s->pool.wanted);
	json_text(j, "lowered", s->pool.lowered);
	json_end(j);
	json_object(j, "days");
	json_u64(j, "count", s->days);
	json_day(j, "first", s, s->first);
	json_day(j, "last", s, s->last);
	json_i64(j, "ahead", s->ahead);
	json_i64(j, "unsealed", s->unsealed);
	json_text(j, "clock", s->wait.text);
	json_end(j);
	json_object(j, "rows");
	json_i64(j, "nodes", s->nodes);
	json_i64(j, "edges", s->edges);
	json_i64(j, "telemetry", s->telemetry);
	json_i64(j, "late", s->late_rows);
	json_end(j);
	json_i64(j, "bytes", s->bytes);
	json_others(j, s);
	json_end(j);
}

static void print_server(const struct status *s)
{
	if (s->private)
		(void)printf("%-9s of this machine, %s, socket in %s\n", "database", s->cluster.folder,
			     s->cluster.socket);
	if (s->server)
		(void)printf("%-9s PostgreSQL %d.%d, answers\n", "server", s->server / 10000, s->server % 10000);
	else
		(void)printf("%-9s does not answer\n", "server");
}

static void print_others(const struct status *s)
{
	char size[16];

	for (unsigned int i = 1; i < s->n_servers; i++) {
		const struct server_state *o = &s->servers[i];

		if (o->why.code) {
			(void)printf("server %-2u %s\n", i, o->why.text);
			continue;
		}
		(void)printf("server %-2u answers, %s%s", i,
			     o->follows ? "follows the first" : "does not follow the first",
			     o->whole ? "" : ", not whole yet");
		if (o->lag_bytes >= 0)
			(void)printf(", %s behind", format_size((uint64_t)o->lag_bytes, size));
		(void)printf("%s\n", o->ahead < 1 ? "; it has no day for tomorrow's telemetry" : "");
	}
}

static void print_first(const struct status *s)
{
	char first[DAYS_NAME], last[DAYS_NAME], size[16];

	print_server(s);
	if (s->server)
		(void)printf("%-9s %u connections%s%s\n", "pool", s->pool.size, s->pool.lowered[0] ? ": " : "",
			     s->pool.lowered);
	if (!s->ready) {
		(void)printf("%-9s %s\n", "not ready", s->why.text);
		return;
	}
	(void)printf("%-9s step %u%s\n", "schema", s->schema.number, s->schema.newer ? ", of a newer version" : "");
	day_date(s->first, first);
	day_date(s->last, last);
	(void)printf("%-9s %zu, %s to %s, %" PRId64 " closed ones to be sealed\n", "days", s->days,
		     s->days ? first : "none", s->days ? last : "none", s->unsealed);
	if (s->wait.code)
		(void)printf("%-9s %s\n", "clock", s->wait.text);
	if (s->ahead < 1)
		(void)printf("%-9s telemetry of %s has no day\n", "alarm", s->ahead < 0 ? "today" : "tomorrow");
	(void)printf("%-9s about %" PRId64 " nodes, %" PRId64 " edges, %" PRId64 " of telemetry; %" PRId64
		     " late; %s\n",
		     "rows", s->nodes, s->edges, s->telemetry, s->late_rows, format_size((uint64_t)s->bytes, size));
}

static void print_all(const struct status *s)
{
	print_first(s);
	print_others(s);
}

static bool others_are_well(const struct status *s)
{
	for (unsigned int i = 1; i < s->n_servers; i++)
		if (!server_is_well(&s->servers[i]))
			return false;
	return true;
}

static int print(const struct status *s, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };

	if (as_json) {
		json_all(&j, s);
		return json_finish(&j, w);
	}
	print_all(s);
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

int cmd_status(int argc, char **argv)
{
	struct store_opts store = { 0 };
	bool as_json = false;
	const struct opt opts[] = {
		STORE_OPTS(store),
		{ .name = "json", .help = "as JSON", .flag = &as_json },
	};
	static struct status s = { .ahead = -1 };
	static struct intelconf c;
	struct why w = { 0 };
	struct args args;
	int r = args_parse(PROGRAM " status [--json]",
			   "Print what the database has, and whether it is as it has to be. Exit code 0: it is.", opts,
			   ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = store_config(&store, &c, &w);
	if (r)
		return why_report(&w, PROGRAM);
	s.private = store_is_private(&store, &c);
	if (s.private) {
		r = cluster_of(&c, &s.cluster, &s.why);
		r = r ? r : cluster_major(&s.cluster, &s.data_major, &s.why);
	}
	r = r ? r : look(&store, &c, &s, &s.why);
	if (print(&s, as_json, &w))
		return why_report(&w, PROGRAM);
	if (r)
		return (int)s.why.exit;
	return s.ahead < 1 || !others_are_well(&s) ? EXIT_FAILED : EXIT_DONE;
}
