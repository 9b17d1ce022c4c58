#include "bootstage/intel/shard.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

/* --- who goes where --- */

/* Agents are numbered in a row: this spreads them (the finaliser of MurmurHash3). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

unsigned int shard_of(uint32_t agent, unsigned int n)
{
	uint64_t key = mix(agent + UINT64_C(1));
	int64_t at = -1, next = 0;

	while (next < (int64_t)n) {
		at = next;
		key = key * UINT64_C(2862933555777941757) + 1;
		next = (int64_t)((double)(at + 1) * ((double)(INT64_C(1) << 31) / (double)((key >> 33) + 1)));
	}
	return at < 0 ? 0 : (unsigned int)at;
}

/* --- text --- */

static void put_literal(FILE *to, const char *s)
{
	bool escapes = strchr(s, '\\') != NULL;

	(void)fputs(escapes ? "E'" : "'", to);
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			(void)fputc(*s, to);
		(void)fputc(*s, to);
	}
	(void)fputc('\'', to);
}

/* What of a connection string is for the user mapping, where not everybody can read it. */
static bool is_personal(const char *keyword)
{
	return strcmp(keyword, "user") == 0 || strcmp(keyword, "password") == 0 || strcmp(keyword, "sslpassword") == 0;
}

static void put_options(FILE *to, const PQconninfoOption *o, bool personal, const char *before)
{
	const char *comma = before;

	for (; o->keyword; o++) {
		if (!o->val || !o->val[0] || is_personal(o->keyword) != personal)
			continue;
		(void)fprintf(to, "%s%s ", comma, o->keyword);
		put_literal(to, o->val);
		comma = ", ";
	}
}

static int parse(const char *conninfo, PQconninfoOption **ret, struct why *w)
{
	char *mistake = NULL;
	PQconninfoOption *o = PQconninfoParse(conninfo, &mistake);
	char line[200];

	(void)snprintf(line, sizeof(line), "%.*s", mistake ? (int)strcspn(mistake, "\n") : 0, mistake ? mistake : "");
	PQfreemem(mistake);
	if (!o)
		return misuse(w, -EINVAL, "a connection string: %s", line[0] ? line : "out of memory");
	*ret = o;
	return 0;
}

static int fits(FILE *to, struct why *w)
{
	return fflush(to) || ferror(to) || ftell(to) >= (long)SHARD_SQL_MAX - 1
		       ? misuse(w, -EINVAL, "a connection string that is too long")
		       : 0;
}

void shard_own_sql(unsigned int shard, char ret[SHARD_SQL_MAX])
{
	(void)snprintf(
		ret, SHARD_SQL_MAX,
		"DO $$ BEGIN\n"
		"IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'telemetry_shard' AND conrelid = "
		"'telemetry_edges'::regclass) THEN\n"
		"ALTER TABLE telemetry_edges ADD COLUMN IF NOT EXISTS shard smallint NOT NULL DEFAULT %u;\n"
		"ALTER TABLE telemetry_edges ADD CONSTRAINT telemetry_shard CHECK (shard = %u);\n"
		"END IF;\n"
		"IF to_regclass('telemetry_all') IS NULL THEN\n"
		"CREATE TABLE telemetry_all (LIKE telemetry_edges INCLUDING DEFAULTS) PARTITION BY LIST (shard);\n"
		"ALTER TABLE telemetry_all ATTACH PARTITION telemetry_edges FOR VALUES IN (%u);\n"
		"END IF; END $$",
		shard, shard, shard);
}

int shard_other_sql(unsigned int shard, const char *peer, char ret[SHARD_SQL_MAX], struct why *w)
{
	PQconninfoOption *o = NULL;
	AUTO_FILE *to = NULL;
	int r = parse(peer, &o, w);

	if (r)
		return r;
	to = fmemopen(ret, SHARD_SQL_MAX, "w");
	if (!to) {
		PQconninfoFree(o);
		return fail(w, -ENOMEM, "out of memory");
	}
	(void)fprintf(to,
		      "CREATE EXTENSION IF NOT EXISTS postgres_fdw;\nDROP SERVER IF EXISTS tandem_shard_%u CASCADE;\n"
		      "CREATE SERVER tandem_shard_%u FOREIGN DATA WRAPPER postgres_fdw OPTIONS (async_capable 'true', "
		      "fetch_size '10000'",
		      shard, shard);
	put_options(to, o, false, ", ");
	(void)fprintf(to, ");\nCREATE USER MAPPING FOR CURRENT_USER SERVER tandem_shard_%u", shard);
	for (const PQconninfoOption *i = o; i->keyword; i++)
		if (i->val && i->val[0] && is_personal(i->keyword)) {
			put_options(to, o, true, " OPTIONS (");
			(void)fputc(')', to);
			break;
		}
	(void)fprintf(to,
		      ";\nCREATE FOREIGN TABLE telemetry_shard_%u PARTITION OF telemetry_all FOR VALUES IN (%u) "
		      "SERVER tandem_shard_%u OPTIONS (table_name 'telemetry_edges')",
		      shard, shard, shard);
	PQconninfoFree(o);
	return fits(to, w);
}

int shard_follow_sql(unsigned int shard, const char *peer, char ret[SHARD_SQL_MAX], struct why *w)
{
	PQconninfoOption *o = NULL;
	AUTO_FILE *to = NULL;
	int r = parse(peer, &o, w);

	if (r)
		return r;
	PQconninfoFree(o);
	to = fmemopen(ret, SHARD_SQL_MAX, "w");
	if (!to)
		return fail(w, -ENOMEM, "out of memory");
	(void)fprintf(to, "CREATE SUBSCRIPTION tandem_intel CONNECTION ");
	put_literal(to, peer);
	(void)fprintf(to, " PUBLICATION tandem_intel WITH (slot_name = 'tandem_intel_%u')", shard);
	return fits(to, w);
}

const char shard_publish_sql[] =
	"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'tandem_intel') THEN\n"
	"CREATE PUBLICATION tandem_intel FOR TABLE feeds, nodes, intel_edges, records;\n"
	"END IF; END $$";

const char shard_guard_sql[] =
	"CREATE OR REPLACE FUNCTION tandem_copy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n"
	"RAISE EXCEPTION 'this server has a copy of the graph: feeds are loaded at the first one' "
	"USING ERRCODE = 'read_only_sql_transaction';\n"
	"END $$;\n"
	"CREATE OR REPLACE TRIGGER tandem_copy BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON nodes "
	"FOR EACH STATEMENT EXECUTE FUNCTION tandem_copy();\n"
	"CREATE OR REPLACE TRIGGER tandem_copy BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON intel_edges "
	"FOR EACH STATEMENT EXECUTE FUNCTION tandem_copy();\n"
	"CREATE OR REPLACE TRIGGER tandem_copy BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON records "
	"FOR EACH STATEMENT EXECUTE FUNCTION tandem_copy()";

const char shard_apart_sql[] = "DO $$ BEGIN IF to_regclass('telemetry_all') IS NOT NULL THEN\n"
			       "ALTER TABLE telemetry_all DETACH PARTITION telemetry_edges;\n"
			       "DROP TABLE telemetry_all;\n"
			       "END IF; END $$";
