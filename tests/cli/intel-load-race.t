#!/bin/sh
# Two loaders of overlapping feeds in opposite order, at the same time, round after round: nobody waits in a ring for long, and
# both end with everything.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
. "$root/tests/cli/feed.sh"
pg_start deadlock_timeout=100ms
exits 0 'the schema' tandem-intel ensure --connect "$pg"

turned() { python3 -c 'import json, sys; d = json.load(sys.stdin); d["objects"].reverse(); json.dump(d, sys.stdout, indent=1)'; }
for version in 0 1; do
	make_feed 400 $version >$version.json
	turned <$version.json >turned$version.json
done
deadlocks() { pg_sql "SELECT deadlocks FROM pg_stat_database WHERE datname = 'intel'"; }

exits 0 'a feed' ingest 0.json
graph >graph0
exits 0 'its newer version' ingest 1.json --feed 0
graph >graph1

# both ONE TWO: two feeds at once
both() {
	ingest "$1" --feed one --batch "$3" --json >one 2>&1 &
	pid=$!
	ingest "$2" --feed two --batch "$4" --json >two 2>&1
	two=$?
	wait $pid
	[ "$?$two" = 00 ]
}
retries() { python3 -c 'import json; print(sum(json.load(open(f))["stored"]["retries"] for f in ("one", "two")))'; }
# rounds NAME COUNT BEFORE FIRST SECOND GRAPH: of a store that has BEFORE
rounds() {
	bad=0 again=0
	for round in $(seq "$2"); do
		empty
		[ "$3" = - ] || ingest "$3" >/dev/null || bad=$round
		both "$4" "$5" $((60 + 37 * round)) $((500 - 29 * round)) || bad=$round
		graph >is
		cmp -s is "$6" || bad=$round
		[ "$(pg_sql "$claims")" = "$(pg_sql 'SELECT sum(n) FROM intel_edges')" ] || bad=$round
		[ $bad = 0 ] || break
		again=$((again + $(retries)))
	done
	[ $bad = 0 ]
	result $? "$1" "round $bad: $(cat one two; diff is "$6" | cut -c1-100 | head)"
	echo "# batches that were tried again: $again; deadlocks so far: $(deadlocks)"
}
rounds 'all of it is new' 3 - 0.json turned0.json graph0
rounds 'all of it is newer' 3 0.json 1.json turned1.json graph1
rounds 'an older and a newer version' 3 - 0.json turned1.json graph1

# In one batch for each connection, all held at a gate until the last one is there: what one writes first is what the other
# writes last.
pg_sql "CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END'"
pg_sql 'CREATE TRIGGER gate BEFORE INSERT ON records FOR EACH STATEMENT EXECUTE FUNCTION gate()'
pg_sql "CREATE FUNCTION waiting(int) RETURNS void LANGUAGE plpgsql AS 'BEGIN FOR i IN 1..500 LOOP PERFORM pg_sleep(0.02);
	EXIT WHEN (SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = ''advisory'') >= \$1; END LOOP; END'"
# close LOCK N [QUERY]: the gate, until N wait before it; then the query, and it is open
close() {
	pg_sql "SELECT pg_advisory_lock($1); SELECT waiting($2); ${3-}" >gate 2>&1 &
	gate=$!
	for _ in $(seq 250); do
		[ "$(pg_sql "SELECT count(*) FROM pg_locks WHERE granted AND locktype = 'advisory' AND mode = 'ExclusiveLock'")" = 0 ] || break
		sleep 0.02
	done
}
opened() {
	wait $gate
	result $? "$1" "$(cat gate)"
}
# at_once NAME LOCK BEFORE FIRST SECOND GRAPH
at_once() {
	bad=0
	for round in 1 2 3; do
		empty
		[ "$3" = - ] || ingest "$3" >/dev/null || bad=$round
		close "$2" 4
		both "$4" "$5" 5000 5000 || bad=$round
		wait $gate || bad=$round
		graph >is
		cmp -s is "$6" || bad=$round
	done
	[ $bad = 0 ]
	result $? "$1" "round $bad: $(cat gate one two; diff is "$6" | cut -c1-100 | head)"
	echo "# deadlocks so far: $(deadlocks)"
}
at_once 'new, at the same moment' 1 - 0.json turned0.json graph0
at_once 'newer, at the same moment' 72410005 0.json 1.json turned1.json graph1
pg_sql 'DROP TRIGGER gate ON records'

# Between the question what is new and the answer's use another loader brings what is newer yet.
empty
object malware 01 01 ',"name":"first","is_family":true' | bundle >m1.json
object malware 01 02 ',"name":"second","is_family":true' | bundle >m2.json
exits 0 'a record' ingest m1.json
close 72410005 1 "UPDATE records SET modified = '2026-01-03', hash = gen_random_uuid()"
exits 0 'its second version, while the third comes' ingest m2.json --json
opened 'another loader is done'
tells 'is not wanted any more' '0 0 1 1' new newer known retries
pg_says 'the newest stays' 3 "SELECT extract(day FROM modified) FROM records"

pg_says 'no ring had to be found and broken' 0 "SELECT deadlocks FROM pg_stat_database WHERE datname = 'intel'"
finish
