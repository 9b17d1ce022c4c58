#!/bin/sh
# Telemetry by day on a real server: N2, N3, N4, N12; days that are over and days that are old.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
pg_start
intel() {
	verb=$1
	shift
	tandem-intel "$verb" --connect "$pg" --config intel.conf "$@"
}
today=$(date -u +%Y_%m_%d)
last=$(date -u -d '+7 days' +%Y_%m_%d)
echo '[telemetry]' >intel.conf
days='SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '"'telemetry_edges'::regclass"
dates="d FROM generate_series((now() AT TIME ZONE 'UTC')::date"

old_day() { # old_day N: the day N days ago, as others may have made it
	pg_sql "CREATE TABLE telemetry_edges_$(date -u -d "-$1 days" +%Y_%m_%d) (LIKE telemetry_edges);
		ALTER TABLE telemetry_edges ATTACH PARTITION telemetry_edges_$(date -u -d "-$1 days" +%Y_%m_%d)
		FOR VALUES FROM ('$(date -u -d "-$1 days" +%F) 00:00+00') TO ('$(date -u -d "-$(($1 - 1)) days" +%F) 00:00+00')"
}

# N4: today and the next 7 days, on every start.
exits 0 'ensure makes days' intel ensure
prints 'days: today and 7 more, 8 made now'
pg_says 'today and the next seven (N4)' 8 "SELECT count(*) FROM ($days) x"
pg_says 'named by their UTC date (N3)' "telemetry_edges_$today|telemetry_edges_$last" "SELECT min(relname), max(relname) FROM ($days) x"
exits 0 'the next start' intel ensure --json
prints '"made": 0' 'makes none'
pg_sql "DROP TABLE telemetry_edges_$last" && exits 0 'a day that is missing' intel ensure
prints '1 made now' 'is made again'
pg_says 'no day is the default one' 0 "SELECT count(*) FROM ($days) x JOIN pg_class c ON c.relname = x.relname WHERE pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT'"
pg_says 'nodes are not partitioned (N2)' r "SELECT relkind FROM pg_class WHERE oid = 'nodes'::regclass"

# N12: a row with today's time lands in today's partition.
pg_sql "INSERT INTO telemetry_edges (ts, agent_id, src, dst, kind) VALUES (now(), 1, 1, 2, 1)"
pg_says "a row of now is in today's partition (N12)" "telemetry_edges_$today" 'SELECT tableoid::regclass FROM telemetry_edges'
pg_sql "INSERT INTO telemetry_edges (ts, agent_id, src, dst, kind)
	SELECT t, 2, 1, 2, 1 FROM (SELECT date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS d) x,
		unnest(ARRAY[d, d + interval '1 day' - interval '1 microsecond', d + interval '1 day']) t"
pg_says 'so are the first and the last of the day, whatever zone is set (N12)' '2 1' "SET timezone = 'Pacific/Kiritimati';
	SELECT string_agg(n::text, ' ' ORDER BY day) FROM (SELECT tableoid::regclass::text AS day, count(*) AS n FROM telemetry_edges WHERE agent_id = 2 GROUP BY 1) x"
exits 1 'a row outside of them is refused by the server' pg_sql "INSERT INTO telemetry_edges (ts, agent_id, src, dst, kind) VALUES ('2001-01-01', 1, 1, 2, 1)"
pg_sql 'DELETE FROM telemetry_edges'

# A reader in an open transaction: days are made beside it.
mkfifo asking
"$pg_bin/psql" -X -q -A -t -d "$pg" <asking >/dev/null &
reader=$!
exec 3>asking
echo "BEGIN; SELECT count(*) FROM telemetry_edges; SELECT 'one';" >&3
reading() {
	for _ in $(seq 100); do
		[ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%$1%'")" = 1 ] && return
		sleep 0.05
	done
	return 1
}
check 'somebody reads all of telemetry' reading one
printf '[telemetry]\nahead=12\n' >intel.conf
exits 0 'days are made meanwhile' timeout 10 tandem-intel ensure --connect "$pg" --config intel.conf
prints 'today and 12 more, 5 made now'
pg_says 'and can be read meanwhile' 0 "SET statement_timeout = '1s'; SELECT count(*) FROM telemetry_edges"
for n in 40 41 42; do old_day $n; done
echo 'COMMIT; BEGIN; SELECT count(*) FROM telemetry_edges; SELECT 2 AS two;' >&3
check 'somebody reads again' reading two
exits 0 'old days that are read' intel prune
prints '0 days dropped' 'are not dropped'
prints '3 waiting for readers'
exec 3>&-
wait $reader
exits 0 'when nobody reads' intel prune --json
prints '"dropped": 3' 'they are'
exits 4 'again there is nothing to do' intel prune
prints '0 days dropped'

# Closed days.
old=$(date -u -d '-3 days' +%Y_%m_%d)
old_day 3
pg_sql "INSERT INTO telemetry_edges SELECT now() - interval '3 days' + i * interval '1 microsecond', 1, i, i % 100, 1 FROM generate_series(1, 10000) i"
index="SELECT indisvalid FROM pg_index WHERE indexrelid = 'telemetry_edges_${old}_reverse'::regclass"
exits 0 'a day that is over is sealed' intel seal
prints '1 sealed, 0 waiting, 13 open'
pg_says 'its other direction has an index' t "$index"
pg_says 'that questions use' 1 "SELECT count(*) FROM (SELECT 1) x WHERE EXISTS (SELECT 1 FROM telemetry_edges_$old WHERE dst = 5) AND (SELECT idx_scan >= 0 FROM pg_stat_user_indexes WHERE indexrelname = 'telemetry_edges_${old}_reverse')"
pg_says 'all its pages are visible to index-only scans' t "SELECT relallvisible = relpages AND relpages > 0 FROM pg_class WHERE relname = 'telemetry_edges_$old'"
exits 4 'once' intel seal
pg_sql "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'telemetry_edges_${old}_reverse'::regclass"
exits 0 'what an interrupted seal left' intel seal
prints '1 sealed' 'is made anew'
pg_says 'and good' t "$index"
pg_sql 'SELECT pg_advisory_lock(72410003); SELECT pg_sleep(3)' >/dev/null &
for _ in $(seq 100); do [ "$(pg_sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")" = 1 ] && break; sleep 0.05; done
exits 4 'two do not seal at once' intel seal
prints 'another one is sealing'
wait $!

# Late rows go when old days go.
pg_sql "INSERT INTO telemetry_late SELECT now(), 1, 1, 2, 1, 1, NULL, now() - n * interval '1 day' FROM generate_series(0, 60, 20) n"
pg_sql "INSERT INTO telemetry_agents SELECT n, 1, now() - n * interval '1 day' FROM generate_series(20, 60, 20) n"
exits 0 'late rows are kept as long as days' intel prune
prints '2 late rows deleted'
prints '2 agents forgotten' 'and the numbers of agents'
pg_says 'of those that are heard of' 20 "SELECT string_agg(agent_id::text, ' ') FROM telemetry_agents"

# Clocks. What the kernel says of NTP is the machine's; that telemetry ends long ago is the test's.
pg_sql "DO \$\$ DECLARE r record; BEGIN FOR r IN $days LOOP EXECUTE 'DROP TABLE ' || r.relname; END LOOP; END \$\$"
pg_sql "CREATE TABLE telemetry_edges_2025_01_01 PARTITION OF telemetry_edges FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2025-01-02 00:00+00')"
printf '[telemetry]\nclock=auto\n' >intel.conf
exits 0 'a clock that is far from all telemetry is no failure' intel ensure
if grep -q 'nobody keeps the clock right' "$err"; then
	says 'no days for telemetry are made: the clock says'
	prints 'days: none for today'
	exits 3 'and drops nothing' intel prune
	says 'next: set the clock'
else
	prints '8 made now' 'this machine has NTP'
	pg_sql "DO \$\$ DECLARE r record; BEGIN FOR r IN $days AND relname > 'telemetry_edges_2025_01_01' LOOP EXECUTE 'DROP TABLE ' || r.relname; END LOOP; END \$\$"
fi
printf '[telemetry]\nclock=trust\n' >intel.conf
exits 0 'an administrator may say that it is right' intel ensure
prints '8 made now'
finish
