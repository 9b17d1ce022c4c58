#include "bootstage/intel/telstore.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/proc.h"
#include "bootstage/intel/observable.h"

#define ID_NONE      (-1) /* a value that is not of its type */
#define DAYS_EACH_MS 3600000u
#define DAYS_SOON_MS 10000u

/* Memory for what one node is stored as. */
struct node_room {
	char key[GRAPH_KEY_MAX + 1];
	uint8_t clean[GRAPH_NAME_MAX + 48];
};

/* --- days --- */

/* Make the days that are missing (N4), and note which there are. */
static int days_of(struct telstore *s, struct telshard *at, struct why *w)
{
	struct clock_now now = clock_read(false);
	struct day_list days = { 0 };
	unsigned int made;
	int r;

	IGNORE(ensure_partitions_exist(&at->pg, &now, s->conf->ahead_days, &made,
				       &s->days_why)); /* kept for the caller */
	r = partition_list(&at->pg, &days, w);
	if (r)
		return r;
	day_list_free(&at->days);
	at->days = days;
	return 0;
}

static int days_look(struct telstore *s, struct why *w)
{
	int r = 0;

	s->days_why = (struct why){ 0 };
	for (unsigned int i = 0; !r && i < s->n; i++)
		r = days_of(s, &s->at[i], w);
	if (!r)
		s->days_ms = now_ms();
	return r;
}

static bool day_there(const struct telshard *at, int64_t day)
{
	size_t from = 0, to = at->days.n;

	while (from < to) {
		size_t i = from + (to - from) / 2;

		if (at->days.at[i] == day)
			return true;
		if (at->days.at[i] < day)
			from = i + 1;
		else
			to = i;
	}
	return false;
}

static struct telshard *shard_at(struct telstore *s, uint32_t agent)
{
	return &s->at[shard_of(agent, s->n)];
}

static int days_refresh(struct telstore *s, const struct telagg *rows, struct why *w)
{
	uint64_t age = now_ms() - s->days_ms;
	bool missing = false;

	for (size_t i = 0; age > DAYS_SOON_MS && i < rows->n_rows && !missing; i++)
		missing = !day_there(shard_at(s, rows->rows[i].agent), day_of(rows->rows[i].minute_us));
	return missing || age > DAYS_EACH_MS ? days_look(s, w) : 0;
}

/* --- connection --- */

/* An agent's number counts at its own server only: it may have had another one when there were fewer. */
static int agents_read(struct telstore *s, unsigned int i, struct telseqs *agents, struct why *w)
{
	AUTO_PG_RESULT *res = NULL;
	int r = pg_query(&s->at[i].pg, "SELECT agent_id, seq FROM telemetry_agents", NULL, &res, w);

	for (int k = 0; !r && k < PQntuples(res); k++) {
		uint32_t agent = (uint32_t)pg_get_int(res, k, 0);

		if (shard_of(agent, s->n) == i && !telseqs_stored(agents, agent, (uint64_t)pg_get_int(res, k, 1)))
			r = fail(w, -ENOSPC, "the database knows more than %u agents", TELSEQ_AGENTS_MAX);
	}
	return r;
}

static int connect_others(struct telstore *s, struct why *w)
{
	int r = 0;

	for (unsigned int i = 1; !r && i < s->n; i++) {
		const struct store_opts other = { .connect = s->conf->servers[i].connect };

		r = store_open(&other, s->conf, &s->at[i].pg, w);
		if (r)
			(void)why_in(w, r, "server %u", i);
	}
	return r;
}

int telstore_connect(struct telstore *s, struct telseqs *agents, struct why *w)
{
	int r;

	s->n = s->opts->connect ? 1 : s->conf->n_servers;
	r = store_open(s->opts, s->conf, &s->at[0].pg, w);
	r = r ? r : connect_others(s, w);
	r = r ? r : days_look(s, w);
	for (unsigned int i = 0; !r && i < s->n; i++)
		r = agents_read(s, i, agents, w);
	if (r)
		telstore_disconnect(s);
	return r;
}

void telstore_disconnect(struct telstore *s)
{
	for (unsigned int i = 0; i < SHARDS_MAX; i++) {
		pg_close(&s->at[i].pg);
		s->at[i].pg = (struct pg){ 0 };
	}
}

void telstore_done(struct telstore *s)
{
	telstore_disconnect(s);
	for (unsigned int i = 0; i < SHARDS_MAX; i++) {
		day_list_free(&s->at[i].days);
		pg_rows_free(&s->at[i].edges);
		pg_rows_free(&s->at[i].strays);
	}
}

/* --- nodes --- */

/* Nodes without an id, for one statement. */
struct wanted {
	uint32_t *names;
	int16_t *kinds;
	struct bytes *keys, *values;
	struct node_room *room;
	size_t n;
};

static void wanted_free(struct wanted *v)
{
	free(v->names);
	free(v->kinds);
	free(v->keys);
	free(v->values);
	free(v->room);
}

static int wanted_init(struct wanted *v, size_t n, struct why *w)
{
	v->names = calloc(n, sizeof(*v->names));
	v->kinds = calloc(n, sizeof(*v->kinds));
	v->keys = calloc(n, sizeof(*v->keys));
	v->values = calloc(n, sizeof(*v->values));
	v->room = calloc(n, sizeof(*v->room));
	return v->names && v->kinds && v->keys && v->values && v->room ? 0 : fail(w, -ENOMEM, "out of memory");
}

/* "sha256:00ff" */
static bool hash_split(struct observable *o)
{
	const uint8_t *colon = memchr(o->value.p, ':', o->value.n);

	if (!colon)
		return false;
	o->algorithm = hash_name(bytes_of(o->value.p, (size_t)(colon - o->value.p)));
	o->value = bytes_of(colon + 1, o->value.n - (size_t)(colon + 1 - o->value.p));
	return o->algorithm != NULL;
}

/* The type in front of a key's two dashes. */
static enum node_kind kind_of_key(struct bytes key)
{
	return node_kind_of(bytes_of(key.p, key.n > 38 ? key.n - 38 : 0));
}

/* Key, kind and name of a node; false when its value is not of its type. */
static bool describe(const struct telagg_name *name, struct node_room *room, int16_t *ret_kind, struct bytes *ret_value)
{
	uint8_t scratch[8192];
	struct observable o = { .kind = name->kind, .value = name->value };

	if (name->kind == NODE_OTHER) {
		memcpy(room->key, name->value.p, name->value.n);
		room->key[name->value.n] = '\0';
		*ret_kind = (int16_t)kind_of_key(name->value);
		*ret_value = (struct bytes){ 0 };
		return true;
	}
	if ((name->kind == NODE_HASH && !hash_split(&o)) || observable_clean(&o, room->clean) ||
	    observable_key_room(o.value) > sizeof(scratch))
		return false;
	observable_key(&o, scratch, room->key);
	*ret_kind = (int16_t)name->kind;
	*ret_value = o.value;
	return true;
}

static void want(struct telstore *s, struct telagg *rows, uint32_t i, struct wanted *v)
{
	struct telagg_name *name = &rows->names[i];
	size_t at = v->n;

	if (name->id)
		return;
	name->id = ID_NONE; /* and not asked for twice; the ids follow */
	if (!describe(name, &v->room[at], &v->kinds[at], &v->values[at])) {
		if (!s->unusable_why.code)
			(void)fail(&s->unusable_why, -EBADMSG, "'%.*s' is no %s", (int)name->value.n,
				   (const char *)name->value.p, node_kind_name(name->kind));
		return;
	}
	v->names[at] = i;
	v->keys[at] = bytes_str(v->room[at].key);
	v->n++;
}

/* One look into an index for each, whatever the planner thinks of the table's size. Returns how many are not there. */
static int look_up(struct telstore *s, struct telagg *rows, struct wanted *v, size_t *ret_missing, struct why *w)
{
	static const char sql[] = "SELECT (SELECT n.node_id FROM nodes n WHERE n.key = v.key) FROM unnest($1::text[]) "
				  "WITH ORDINALITY AS v(key, i) ORDER BY v.i";
	AUTO_PG_PARAMS params = { 0 };
	AUTO_PG_RESULT *res = NULL;
	size_t missing = 0;
	int r;

	pg_param_texts(&params, v->keys, v->n);
	r = pg_query(&s->at[0].pg, sql, &params, &res, w);
	if (r)
		return r;
	if ((size_t)PQntuples(res) != v->n)
		return fail(w, -EIO, "PostgreSQL: as many nodes as were asked for are not answered");
	for (size_t i = 0; i < v->n; i++) {
		int64_t id = pg_get_int(res, (int)i, 0);

		if (id) {
			rows->names[v->names[i]].id = id;
			continue;
		}
		v->names[missing] = v->names[i];
		v->kinds[missing] = v->kinds[i];
		v->keys[missing] = v->keys[i];
		v->values[missing++] = v->values[i];
	}
	*ret_missing = v->n = missing;
	return 0;
}

/* In the order of their keys, so that two who make the same nodes do not wait for each other. */
static int make_nodes(struct telstore *s, const struct wanted *v, struct why *w)
{
	static const char sql[] =
		"INSERT INTO nodes (kind, key, name) SELECT DISTINCT ON (key) kind, key, nullif(name, '') "
		"FROM unnest($1::smallint[], $2::text[], $3::text[]) AS v(kind, key, name) ORDER BY key "
		"ON CONFLICT (key) DO NOTHING";
	AUTO_PG_PARAMS params = { 0 };

	pg_param_i16s(&params, v->kinds, v->n);
	pg_param_texts(&params, v->keys, v->n);
	pg_param_texts(&params, v->values, v->n);
	return pg_query(&s->at[0].pg, sql, &params, NULL, w);
}

static int ask_ids(struct telstore *s, struct telagg *rows, struct wanted *v, struct why *w)
{
	size_t missing = 0;
	int r = look_up(s, rows, v, &missing, w);

	if (r || missing == 0)
		return r;
	r = make_nodes(s, v, w);
	r = r ? r : look_up(s, rows, v, &missing, w);
	return r ? r : missing ? fail(w, -EDEADLK, "nodes that were made are gone again") : 0;
}

static int resolve(struct telstore *s, struct telagg *rows, struct why *w)
{
	CLEANUP(wanted_free) struct wanted v = { 0 };
	size_t n = 0;
	int r;

	for (size_t i = 0; i < rows->n_names; i++)
		n += rows->names[i].id == 0;
	if (n == 0)
		return 0;
	r = wanted_init(&v, n, w);
	for (uint32_t i = 0; !r && i < rows->n_names; i++)
		want(s, rows, i, &v);
	return r || v.n == 0 ? r : ask_ids(s, rows, &v, w);
}

/* --- rows --- */

/* A row that a server keeps says which one that is, where there are several: a CHECK there finds what went astray. */
static void put(struct pg_rows *to, const struct telagg_row *r, int64_t src, int64_t dst, int shard)
{
	pg_row(to, shard < 0 ? 6 : 7);
	pg_put_time(to, r->minute_us);
	pg_put_i32(to, (int32_t)r->agent);
	pg_put_i64(to, src);
	pg_put_i64(to, dst);
	pg_put_i16(to, (int16_t)r->kind);
	pg_put_f32(to, (float)r->count);
	if (shard >= 0)
		pg_put_i16(to, (int16_t)shard);
}

static uint64_t sort_out(struct telstore *s, const struct telagg *rows)
{
	uint64_t unusable = 0;

	for (unsigned int i = 0; i < s->n; i++) {
		pg_rows_reset(&s->at[i].edges);
		pg_rows_reset(&s->at[i].strays);
	}
	for (size_t i = 0; i < rows->n_rows; i++) {
		const struct telagg_row *r = &rows->rows[i];
		int64_t src = rows->names[r->src].id, dst = rows->names[r->dst].id;
		struct telshard *at = shard_at(s, r->agent);

		if (src == ID_NONE || dst == ID_NONE)
			unusable++;
		else if (day_there(at, day_of(r->minute_us)))
			put(&at->edges, r, src, dst, s->n > 1 ? (int)(at - s->at) : -1);
		else
			put(&at->strays, r, src, dst, -1);
	}
	return unusable;
}

static int copy(struct telshard *at, const char *table, const char *more, const struct pg_rows *rows, struct why *w)
{
	char sql[128];

	if (rows->n_rows == 0)
		return 0;
	(void)snprintf(sql, sizeof(sql), "COPY %s (ts, agent_id, src, dst, kind, weight%s) FROM STDIN (FORMAT binary)",
		       table, more);
	return pg_copy(&at->pg, sql, rows, 0, rows->n_rows, w);
}

/* --- agents --- */

static int marks_write(struct telshard *at, const struct telpipe_mark *marks, size_t n, struct why *w)
{
	static const char sql[] =
		"WITH v AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS v(agent, before, seq)), "
		"old AS (UPDATE telemetry_agents t SET seq = v.seq, seen = now() FROM v "
		"WHERE t.agent_id = v.agent AND t.seq = v.before RETURNING 1), "
		"new AS (INSERT INTO telemetry_agents (agent_id, seq) SELECT agent, seq FROM v WHERE before = 0 "
		"AND NOT EXISTS (SELECT FROM telemetry_agents t WHERE t.agent_id = v.agent) "
		"ON CONFLICT (agent_id) DO NOTHING RETURNING 1) "
		"SELECT (SELECT count(*) FROM old) + (SELECT count(*) FROM new)";
	AUTO_FREE int64_t *numbers = calloc(n * 3, sizeof(*numbers));
	AUTO_PG_PARAMS params = { 0 };
	AUTO_PG_RESULT *res = NULL;
	int r;

	if (!numbers)
		return fail(w, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		numbers[i] = marks[i].agent;
		numbers[n + i] = (int64_t)marks[i].before;
		numbers[2 * n + i] = (int64_t)marks[i].seq;
	}
	for (size_t i = 0; i < 3; i++)
		pg_param_i64s(&params, numbers + i * n, n);
	r = pg_query(&at->pg, sql, &params, &res, w);
	if (r)
		return r;
	if (PQntuples(res) != 1 || (uint64_t)pg_get_int(res, 0, 0) != n)
		return fail(w, -ESTALE, "another process stores telemetry of the same agents");
	return 0;
}

static int transaction(struct telshard *at, bool several, const struct telpipe_mark *marks, size_t n, struct why *w)
{
	int r = pg_run(&at->pg, "BEGIN", w);

	r = r ? r : marks_write(at, marks, n, w);
	r = r ? r : copy(at, "telemetry_edges", several ? ", shard" : "", &at->edges, w);
	r = r ? r : copy(at, "telemetry_late", "", &at->strays, w);
	r = r ? r : pg_run(&at->pg, "COMMIT", w);
	if (r && pg_alive(&at->pg)) {
		char state[sizeof(at->pg.sqlstate)];

		memcpy(state, at->pg.sqlstate, sizeof(state));
		IGNORE(pg_run(&at->pg, "ROLLBACK", NULL)); /* the connection is given up after this */
		memcpy(at->pg.sqlstate, state, sizeof(state));
	}
	return r;
}

/* What of the marks is a server's, to the front; how many. */
static size_t marks_of(const struct telstore *s, unsigned int i, const struct telpipe_mark *marks, size_t n,
		       struct telpipe_mark *ret)
{
	size_t k = 0;

	for (size_t m = 0; m < n; m++)
		if (shard_of(marks[m].agent, s->n) == i)
			ret[k++] = marks[m];
	return k;
}

/*
 * Each server's part. What came before a failure is there to stay: the caller has to look at the numbers again, whatever the
 * failure was about.
 */
static int transactions(struct telstore *s, const struct telpipe_mark *marks, size_t n, bool *ret_day, struct why *w)
{
	AUTO_FREE struct telpipe_mark *own = calloc(n + 1, sizeof(*own));
	bool some = false;

	if (!own)
		return fail(w, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < s->n; i++) {
		size_t k = marks_of(s, i, marks, n, own);
		int r = k == 0 ? 0 : transaction(&s->at[i], s->n > 1, own, k, w);

		*ret_day = r == -EBADMSG && strcmp(s->at[i].pg.sqlstate, "23514") == 0;
		if (r && s->n > 1)
			(void)why_in(w, r, "server %u", i);
		if (r)
			return some ? -ENOTCONN : r;
		some |= k > 0;
	}
	return 0;
}

static uint64_t strays_of(const struct telstore *s)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < s->n; i++)
		n += s->at[i].strays.n_rows;
	return n;
}

int telstore_store(struct telstore *s, struct telagg *rows, const struct telpipe_mark *marks, size_t n, struct why *w)
{
	int r = days_refresh(s, rows, w);
	bool day = false;
	uint64_t unusable;
	struct why gone = { 0 };

	r = r ? r : resolve(s, rows, w);
	if (r)
		return r;
	unusable = sort_out(s, rows);
	r = transactions(s, marks, n, &day, &gone);
	if (r == -EBADMSG && day) { /* one was dropped meanwhile */
		gone = (struct why){ 0 };
		r = days_look(s, w);
		if (r)
			return r;
		unusable = sort_out(s, rows);
		r = transactions(s, marks, n, &day, &gone);
	}
	/* Of several servers one has another number than it is given here: that is no fault of what agents say. */
	if (r == -EBADMSG && day && s->n > 1)
		r = -EIO;
	if (r && w && !w->code)
		*w = gone;
	s->unusable += r ? 0 : unusable;
	s->late += r ? 0 : strays_of(s);
	return r;
}
