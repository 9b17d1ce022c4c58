#include "bootstage/intel/migrate.h"

#include <stdio.h>

/* Any number that nobody else locks in this database. */
#define LOCK "72410001"

static const char *const TABLE =
	"CREATE TABLE IF NOT EXISTS tandem_schema ("
	"number integer PRIMARY KEY, name text NOT NULL, breaking boolean NOT NULL, program text NOT NULL, "
	"taken timestamptz NOT NULL DEFAULT now())";

/* --- looking --- */

static const struct migration *known(int64_t number)
{
	for (size_t i = 0; i < n_migrations; i++)
		if (migrations[i].number == number)
			return &migrations[i];
	return NULL;
}

static bool has(const PGresult *rows, unsigned int number)
{
	for (int k = 0; k < PQntuples(rows); k++)
		if (pg_get_int(rows, k, 0) == number)
			return true;
	return false;
}

static int refuse_newer(const PGresult *rows, int row, struct why *w)
{
	struct bytes name = pg_get_text(rows, row, 1), program = pg_get_text(rows, row, 3);
	int r = refuse(
		w, -EPROTONOSUPPORT,
		"the database has step %.*s of tandem-intel %.*s, which this one (%s, up to %s) cannot live with",
		(int)name.n, (const char *)name.p, (int)program.n, (const char *)program.p, TANDEM_VERSION,
		migrations[n_migrations - 1].name);

	return why_next(w, r, "nothing of it was changed; start the newer version, or restore a backup from before");
}

static int state_of(const PGresult *rows, struct schema_state *ret, struct why *w)
{
	struct schema_state s = { .known = migrations[n_migrations - 1].number };

	for (int i = 0; i < PQntuples(rows); i++) {
		struct bytes name = pg_get_text(rows, i, 1);

		s.number = (unsigned int)pg_get_int(rows, i, 0);
		(void)snprintf(s.newest, sizeof(s.newest), "%.*s", (int)name.n, (const char *)name.p);
		if (known(s.number))
			continue;
		s.newer = true;
		if (pg_get_bool(rows, i, 2))
			return refuse_newer(rows, i, w);
	}
	for (size_t i = n_migrations; i-- > 0;) {
		bool lacks = !has(rows, migrations[i].number);

		s.pending += lacks;
		s.missing = lacks && !migrations[i].breaking ? migrations[i].name : s.missing;
	}
	*ret = s;
	return 0;
}

static int server_check(struct pg *p, struct why *w)
{
	int version = PQserverVersion(p->conn);

	if (version >= MIGRATE_SERVER_MIN)
		return 0;
	return refuse(w, -EPROTONOSUPPORT, "PostgreSQL %d: at least %d is needed", version / 10000,
		      MIGRATE_SERVER_MIN / 10000);
}

int schema_look(struct pg *p, struct schema_state *ret, struct why *w)
{
	AUTO_PG_RESULT *there = NULL, *rows = NULL;
	int r = server_check(p, w);

	r = r ? r : pg_query(p, "SELECT to_regclass('tandem_schema') IS NOT NULL", NULL, &there, w);
	if (!r && pg_get_bool(there, 0, 0))
		r = pg_query(p, "SELECT number, name, breaking, program FROM tandem_schema ORDER BY number", NULL,
			     &rows, w);
	return r ? r : state_of(rows, ret, w);
}

int schema_check(struct pg *p, struct why *w)
{
	struct schema_state s;
	int r = schema_look(p, &s, w);

	if (r || !s.missing)
		return r;
	r = fail(w, -ENODATA, "the database lacks step %s of the schema", s.missing);
	return why_next(w, r, "tandem-intel ensure");
}

/* --- changing --- */

static int take(struct pg *p, const struct migration *m, struct why *w)
{
	AUTO_PG_PARAMS a = { 0 };
	int r = pg_run(p, m->sql, w);

	if (r)
		return why_in(w, r, "step %s of the schema", m->name);
	pg_param_i32(&a, (int32_t)m->number);
	pg_param_text(&a, bytes_str(m->name));
	pg_param_bool(&a, m->breaking);
	pg_param_text(&a, bytes_str(TANDEM_VERSION));
	return pg_query(p, "INSERT INTO tandem_schema (number, name, breaking, program) VALUES ($1, $2, $3, $4)", &a,
			NULL, w);
}

static int take_missing(struct pg *p, bool committed, unsigned int *ret_taken, struct why *w)
{
	AUTO_PG_RESULT *rows = NULL;
	unsigned int taken = 0;
	int r = pg_run(p, TABLE, w);

	r = r ? r : pg_query(p, "SELECT number FROM tandem_schema", NULL, &rows, w);
	for (size_t i = 0; !r && i < n_migrations; i++) {
		const struct migration *m = &migrations[i];

		if (has(rows, m->number) || (m->breaking && !committed))
			continue;
		r = take(p, m, w);
		taken++;
	}
	if (!r)
		*ret_taken = taken;
	return r;
}

/* Whether there is anything to do: the usual start takes no lock. */
static bool wanted(const struct schema_state *s, bool committed)
{
	return !s->newer && (committed ? s->pending > 0 : s->missing != NULL);
}

int migrate(struct pg *p, bool committed, struct schema_state *ret, unsigned int *ret_taken, struct why *w)
{
	struct schema_state s;
	unsigned int taken = 0;
	int r = schema_look(p, &s, w);

	if (r)
		return r;
	if (wanted(&s, committed)) {
		r = pg_run(p, "BEGIN; SELECT pg_advisory_xact_lock(" LOCK ")", w);
		r = r ? r : schema_look(p, &s, w); /* another starter may have been here meanwhile */
		r = r || s.newer ? r : take_missing(p, committed, &taken, w);
		r = r ? r : pg_run(p, "COMMIT", w);
		if (r) {
			if (pg_alive(p))
				IGNORE(pg_run(p, "ROLLBACK", NULL));
			return r;
		}
		r = schema_look(p, &s, w);
	}
	if (!r) {
		*ret = s;
		*ret_taken = taken;
	}
	return r;
}
