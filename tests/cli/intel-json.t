#!/bin/sh
# What tandem-intel takes of JSON that is nearly right is what PostgreSQL's jsonb takes, record by record, and it means the same
# (N9): no more, or a batch would fail; no less, or good records would be lost. TANDEM_LINES and SEED make other ones.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
. "$root/tests/cli/feed.sh"
pg_start
exits 0 'the schema' tandem-intel ensure --connect "$pg"

mkdir suite
if [ -n "${TANDEM_DATA-}" ]; then
	check 'the JSON suite is there' tar -xJf "$TANDEM_DATA/intel/parser/json-test-parsing.tar.xz" -C suite --strip-components=1
fi
check 'lines of JSON, some of it damaged' python3 "$root/tests/cli/jsonlines.py" "${TANDEM_LINES:-20000}" feed.json lines.tsv suite
pg_sql 'CREATE TABLE lines (key text PRIMARY KEY, line bytea)'
pg_sql "\\copy lines FROM '$dir/lines.tsv'"
pg_sql "CREATE FUNCTION read(line bytea) RETURNS jsonb LANGUAGE plpgsql AS \$\$ BEGIN
	RETURN convert_from(line, 'UTF8')::jsonb; EXCEPTION WHEN OTHERS THEN RETURN NULL; END \$\$"
pg_sql 'CREATE TABLE good AS SELECT key, read(line) AS doc FROM lines WHERE read(line) IS NOT NULL'
exits 0 'they are ingested' ingest feed.json --json
pg_says 'there are good and bad ones' t 'SELECT count(*) > 2000 AND (SELECT count(*) FROM lines) - count(*) > 2000 FROM good'
pg_says 'nothing that jsonb refuses is taken' '' "SELECT l.key, l.line FROM nodes n JOIN lines l USING (key) LEFT JOIN good g USING (key) WHERE g.key IS NULL"
pg_says 'nothing that jsonb takes is lost' '' "SELECT g.key, g.doc FROM good g LEFT JOIN nodes n USING (key) WHERE n.key IS NULL"
pg_says 'and each says what it said' 0 "SELECT count(*) FROM good g JOIN records r ON r.rec = record_of(g.key) WHERE r.doc::jsonb <> g.doc"
pg_says 'nothing had to be put aside' 0 'SELECT count(*) FROM quarantine'
finish
