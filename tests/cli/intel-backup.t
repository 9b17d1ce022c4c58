#!/bin/sh
# The threat graph's database saved and restored into a new cluster, as docs/intel.md says.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
chmod 755 "$pg_dir"
folder=$pg_dir/lib/intel/pg socket=$pg_dir/run
printf '[database]\nfolder=%s\nsocket=%s\n' "$folder" "$socket" >intel.conf
intel() {
	verb=$1
	shift
	tandem-intel "$verb" --config "$dir/intel.conf" "$@"
}
trap 'intel stop; rm -rf "$dir" "$pg_dir"' EXIT
PATH=$PATH:$pg_bin
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "host=$socket dbname=intel user=intel" -c "$1"; }
content() {
	sql 'SELECT * FROM nodes ORDER BY 1'
	sql 'SELECT tableoid::regclass, * FROM telemetry_edges ORDER BY 2, 4'
	sql 'SELECT number, name FROM tandem_schema ORDER BY 1'
	sql "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1"
	sql "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
}

intel ensure >/dev/null || exit 1
sql "INSERT INTO nodes (kind, key, name) SELECT 25, 'ipv4-addr--' || gen_random_uuid(), i FROM generate_series(1, 100) i;
	INSERT INTO telemetry_edges (ts, agent_id, src, dst, kind) SELECT now() + i % 3 * interval '1 day', 1, i, i + 1, 50 FROM generate_series(1, 99) i"
content >before
check 'all is saved' pg_dump -h "$socket" -U postgres -Fc -f intel.dump intel
check 'the graph alone' pg_dump -h "$socket" -U postgres -Fc -T 'telemetry_edges_*' -f graph.dump intel
check 'which is smaller' test "$(wc -c <graph.dump)" -lt "$(wc -c <intel.dump)"
check 'the cluster is copied' pg_basebackup -h "$socket" -U postgres -D "$dir/copy" -c fast

# Into a new cluster.
intel stop
mv "$folder" "$folder.old"
intel serve >serve.log 2>&1 &
for _ in $(seq 300); do pg_isready -q -h "$socket" && break; sleep 0.1; done
check 'a new server' createuser -h "$socket" -U postgres intel
check 'a database' createdb -h "$socket" -U postgres -O intel intel
check 'is restored to' pg_restore -h "$socket" -U postgres -d intel --exit-on-error intel.dump
exits 0 'and brought up to date' intel ensure
prints ' 0 taken now' 'which takes nothing'
content >after
check 'all is as it was' diff before after
exits 0 'and new days are made' sh -c "psql -q -h '$socket' -U postgres -d intel -c \"DROP TABLE telemetry_edges_$(date -u -d '+7 days' +%Y_%m_%d)\" && tandem-intel ensure --config intel.conf"
prints '1 made now'
intel stop
wait

# The copy in place of it.
rm -rf "$folder"
mv copy "$folder"
[ "$(id -u)" != 0 ] || chown -R postgres: "$folder"
exits 0 'a copied cluster is started' intel ensure
content >after
check 'and has all' diff before after
finish
