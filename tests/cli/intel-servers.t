#!/bin/sh
# Several servers as one store (N10; docs/intel-scale.md): telemetry by agent over two clusters, the graph copied by logical
# replication, the walk over both, queries through any of them, and a server that is dead.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
pg_name=first pg_start wal_level=logical
pg_name=first && pg_use first
a=$pg
pg_name=second
pg_start wal_level=logical
b=$pg
pg_use first
printf '[database]\nconnect=%s\n[server.1]\nconnect=%s\n' "$a" "$b" >intel.conf
at() { # at first|second QUERY
	pg_use "$1" && pg_sql "$2"
	pg_use first
}
says_at() { # says_at first|second NAME EXPECTED QUERY
	pg_use "$1"
	shift
	pg_says "$@"
	pg_use first
}
related() { tandem-intel related --config intel.conf "$@"; }
keys() { python3 -c 'import json, sys; print(" ".join("%s/%d" % (x["key"], x["depth"]) for x in json.load(open(sys.argv[1]))["related"]))' "$out"; }
reaches() { # reaches CODE NAME 'KEY/DEPTH...' ARGS...
	code=$1 name=$2 want_keys=$3
	shift 3
	related "$@" --json >"$out" 2>"$err" </dev/null
	got="$? $(keys 2>&1)"
	if [ "$got" = "$code $want_keys" ]; then result 0 "$name"; else result 1 "$name" "is: $got, want: $code $want_keys $(cat "$err")"; fi
}
copied() { # until the second has all that the first has
	for _ in $(seq 200); do
		[ "$(at first 'SELECT count(*), (SELECT count(*) FROM intel_edges) FROM nodes')" = "$(at second 'SELECT count(*), (SELECT count(*) FROM intel_edges) FROM nodes')" ] && return
		sleep 0.05
	done
	return 1
}

tandem-intel ensure --config intel.conf >one.out 2>&1 &
starter=$!
exits 0 'both are made one store' tandem-intel ensure --config intel.conf
wait $starter
result $? 'by two starters at once' "$(cat one.out)"
exits 0 'again' tandem-intel ensure --config intel.conf
says_at second 'the second follows' 1 "SELECT count(*) FROM pg_subscription WHERE subname = 'tandem_intel'"

# The graph is loaded at the first.
pg_sql "INSERT INTO nodes (kind, key, name) SELECT 41, 'x-host--' || i, 'host ' || i FROM generate_series(1, 100) i"
pg_sql "INSERT INTO nodes (kind, key, name) SELECT 29, 'ipv4-addr--' || i, NULL FROM generate_series(1, 5) i"
pg_sql "INSERT INTO nodes (kind, key, name) VALUES (10, 'malware--1', 'Cutlet Loader'), (8, 'intrusion-set--1', 'Green Heron')"
pg_sql "INSERT INTO intel_edges (src, kind, dst) SELECT m.node_id, 7, a.node_id FROM nodes m, nodes a WHERE m.key = 'malware--1' AND a.kind = 29"
pg_sql "INSERT INTO intel_edges (src, kind, dst) SELECT g.node_id, 36, m.node_id FROM nodes g, nodes m WHERE g.kind = 8 AND m.kind = 10"
check 'it is copied' copied
at second "INSERT INTO nodes (kind, key) VALUES (10, 'malware--2')" 2>"$err"
says 'this server has a copy of the graph' 'nobody else writes to the copy'
says_at second 'and nothing was' 0 "SELECT count(*) FROM nodes WHERE key = 'malware--2'"

exits 0 'both are well' tandem-intel status --config intel.conf
prints 'server 1  answers, follows the first, '

# Telemetry of the even agents at the first, of the odd ones at the second.
for s in first second; do
	at $s "CREATE TABLE IF NOT EXISTS telemetry_edges_2026_03_01 PARTITION OF telemetry_edges FOR VALUES FROM ('2026-03-01 00:00Z') TO ('2026-03-02 00:00Z')"
done
rows() { # rows first|second REST
	at "$1" "INSERT INTO telemetry_edges (ts, agent_id, src, dst, kind) SELECT '2026-03-01T10:00Z', i, h.node_id, a.node_id, 50 FROM generate_series(1, 100) i, nodes h, nodes a WHERE i % 2 = $2 AND h.key = 'x-host--' || i AND a.key = 'ipv4-addr--' || (i % 5 + 1)"
}
rows first 0
rows second 1
window='--from 2026-03-01 --to 2026-03-02'
count_of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["count"])' "$out"; }
# shellcheck disable=SC2086 # several words
exits 0 'from the group to the hosts of both' related intrusion-set--1 $window --kind uses --kind communicates-with --kind connected --kind x-host --json
check 'which are all' test "$(count_of)" = 100
prints '"silent": []' 'and nobody was silent'
# shellcheck disable=SC2086
reaches 0 'from a host of the second, over the graph of the first' 'malware--1/2 intrusion-set--1/3' x-host--1 $window --kind malware --kind intrusion-set --kind connected --kind communicates-with --kind uses
# shellcheck disable=SC2086
exits 0 'with the way' related x-host--1 $window --paths --depth 2 --kind connected --kind communicates-with --kind malware
golden 'over an edge that the second has' <<'X'
2  malware               malware--1  Cutlet Loader
     ipv4-addr--2 <-[communicates-with]- malware--1
X
reaches 0 'the graph alone is one query' 'malware--1/1' intrusion-set--1 --intel --depth 1
# shellcheck disable=SC2086
exits 0 'one database of them' related --connect "$a" malware--1 $window --kind communicates-with --kind connected --kind x-host --json
check 'has its half' test "$(count_of)" = 50
# shellcheck disable=SC2086
exits 0 'a limit over both' related malware--1 $window --kind communicates-with --kind connected --limit 40 --json
prints '"cut": true' 'cuts and says so'

# Through any server.
for s in first second; do
	says_at $s "all telemetry through the $s" '100|50|50' "SELECT count(*), count(*) FILTER (WHERE shard = 0), count(*) FILTER (WHERE shard = 1) FROM telemetry_all"
done
says_at first 'a row for the second, through the first' '' "INSERT INTO telemetry_all (ts, agent_id, src, dst, kind, shard) VALUES ('2026-03-01T11:00Z', 1, 1, 1, 50, 1)"
says_at second 'is at the second' 51 'SELECT count(*) FROM telemetry_edges'
at second "INSERT INTO telemetry_edges (ts, agent_id, src, dst, kind, shard) VALUES ('2026-03-01T11:00Z', 1, 1, 1, 50, 0)" 2>"$err"
says 'violates partition constraint' 'a row of another server is refused'

# Days are sealed and dropped at all of them.
exits 0 'days are sealed' tandem-intel seal --config intel.conf
for s in first second; do
	says_at $s "at the $s" t "SELECT to_regclass('telemetry_edges_2026_03_01_reverse') IS NOT NULL"
done
# shellcheck disable=SC2086
exits 0 'a walk over sealed days' related intrusion-set--1 $window --kind uses --kind communicates-with --kind connected --kind x-host --json
check 'finds the same' test "$(count_of)" = 100

# A server that is dead.
pg_use second
pg_kill
pg_use first
# shellcheck disable=SC2086
exits 1 'the second is dead' related malware--1 $window --kind communicates-with --kind connected --kind x-host --json
check 'the first still answers' test "$(count_of)" = 50
says 'server 1 did not answer, its telemetry is missing: ' 'and it is said what is missing'
prints '1
	]' 'in JSON too'
exits 0 'what needs none of it is whole' related malware--1 --intel
says_at first 'a query for the shard of the first' 50 'SELECT count(*) FROM telemetry_all WHERE shard = 0'
exits 1 'nothing is joined meanwhile' tandem-intel ensure --config intel.conf
says 'server 1: '
exits 1 'status has an alarm' tandem-intel status --config intel.conf --json
check 'for the second' python3 -c 'import json, sys
s = json.load(open(sys.argv[1]))
o = s["others"][0]
assert s["ready"] and o["server"] == 1 and not o["answers"] and o["reason"] and not o["follows"] and o["lag_bytes"] >= 0, s' "$out"
pg_use second
pg_again
pg_use first
pg_sql "INSERT INTO nodes (kind, key, name) VALUES (10, 'malware--3', 'Later')"
check 'when it is back the copy goes on' copied
pg_kill
# shellcheck disable=SC2086
exits 1 'the first is dead: the second has the graph' related malware--1 $window --kind communicates-with --kind connected --kind x-host --json
check 'and its own telemetry' test "$(count_of)" = 50
says 'server 0 did not answer'
exits 0 'search goes on' tandem-intel search --config intel.conf later
exits 1 'status without the first' tandem-intel status --config intel.conf
prints 'server 1  answers, does not follow the first' 'has the second all the same'
pg_again

# Telemetry as it comes: each agent's goes to its server, whatever happens to one of them.
now=$(date -u +%Y-%m-%dT%H:%M:00Z)
frames() { # frames SEQ: of 40 agents
	for i in $(seq 40); do
		printf '{"agent":%d,"seq":%d,"events":[{"time":"%s","src":"x-host:pc%d","kind":"connected","dst":"ipv4-addr:198.51.100.%d"}]}\n' "$i" "$1" "$now" "$i" "$i"
	done
}
ingest() { timeout 60 tandem-intel ingest --telemetry --config intel.conf --state "$dir/state" "$@"; }
everywhere() { # everywhere QUERY: what both say to it
	printf '%s+%s' "$(at first "$1")" "$(at second "$1")"
}
today="WHERE ts > now() - interval '1 day'"
frames 1 >one.json
exits 0 'telemetry of 40 agents' ingest one.json
check 'is all there' test $(($(everywhere "SELECT count(*) FROM telemetry_edges $today"))) = 40
check 'each agent at one server' test "$(everywhere "SELECT count(DISTINCT agent_id) > 10 FROM telemetry_edges $today")" = t+t
says_at first 'as a query through the first says, too' 40 "SELECT count(DISTINCT agent_id) FROM telemetry_all $today"
says_at first 'nodes are made at the first' 40 "SELECT count(*) FROM nodes WHERE key LIKE 'x-host--%' AND name LIKE 'pc%'"
check 'and copied' copied
exits 0 'the same again' ingest one.json
check 'is nothing new' test $(($(everywhere "SELECT count(*) FROM telemetry_edges $today"))) = 40
exits 0 'from one agent to another, over a feed: nothing' related x-host:pc1 --depth 1 --kind connected --json
prints '"count": 1'
seq 40 | sed 's/^/x-host:pc/' >hosts
enriched() { # how many of the list have something that is related, and how many answers name server 1 as silent
	python3 -c 'import json, sys
a = [json.loads(l) for l in open(sys.argv[1])]
print(sum(len(x["related"]) for x in a), sum(x["silent"] == [1] for x in a))' "$out"
}
exits 0 'a list of them' tandem-intel enrich --config intel.conf hosts --depth 1 --kind connected
check 'is answered by both' test "$(enriched)" = '40 0'
at_first=$(at first "SELECT count(DISTINCT agent_id) FROM telemetry_edges $today")
pg_use second
pg_kill
pg_use first
exits 1 'with one that is dead' tandem-intel enrich --config intel.conf hosts --depth 1 --kind connected
check 'by the other, and each answer says so' test "$(enriched)" = "$at_first 40"
says '40 answers lack the telemetry of a server that is silent'
exits 0 'what needs none of it is whole' tandem-intel enrich --config intel.conf hosts --intel
frames 2 >two.json
ingest two.json >"$out" 2>"$err"
pg_use second
pg_again
pg_use first
exits 0 'what came while one was dead' ingest two.json
check 'is there once' test $(($(everywhere "SELECT count(*) FROM telemetry_edges $today"))) = 80
check 'and its numbers are' test $(($(everywhere 'SELECT count(*) FROM telemetry_agents WHERE seq = 2'))) = 40

# What a step that changes the table of telemetry needs: telemetry_all is taken away before it, and made again.
rows_before=$(at first 'SELECT count(*) FROM telemetry_all')
at first 'ALTER TABLE telemetry_all DETACH PARTITION telemetry_edges; DROP TABLE telemetry_all'
exits 0 'telemetry_all is made again' tandem-intel ensure --config intel.conf
says_at first 'with all that it had' "$rows_before" 'SELECT count(*) FROM telemetry_all'

exits 0 'old days are dropped' tandem-intel prune --config intel.conf --keep 1
for s in first second; do
	says_at $s "at the $s" t "SELECT to_regclass('telemetry_edges_2026_03_01') IS NULL"
done

# What cannot be joined.
pg_name=third
pg_start wal_level=replica
c=$pg
printf '[database]\nconnect=%s\n[server.1]\nconnect=%s\n' "$c" "$b" >other.conf
exits 3 'a first one that nobody can copy' tandem-intel ensure --config other.conf
says "wal_level is not 'logical'"
exits 0 'a store of its own' tandem-intel ensure --connect "$c"
pg_sql "INSERT INTO nodes (kind, key) VALUES (10, 'malware--4')"
printf '[database]\nconnect=%s\n[server.1]\nconnect=%s\n[server.2]\nconnect=%s\n' "$a" "$b" "$c" >other.conf
exits 3 'becomes no copy' tandem-intel ensure --config other.conf
says 'server 2: it has nodes of its own'
printf '[server.2]\nconnect=%s\n' "$b" >other.conf
exits 2 'numbers have no holes' tandem-intel ensure --config other.conf
says 'other.conf:2: [server.2] connect: servers are numbered'
printf '[server.1]\npeer=%s\n' "$b" >other.conf
exits 2 'a server without connect' tandem-intel ensure --config other.conf
says '[server.1] without connect'
finish
