#!/bin/sh
# tandem-intel related and search (N6, N14) on a real server: walks by depth, direction and kinds, cycles, what is cut,
# telemetry inside a window, names and keys. The graph is written with SQL: what feeds make of it is intel-graph.t's.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
pg_start
exits 0 'the schema' tandem-intel ensure --connect "$pg"

# kind NAME: the number of a kind of nodes or edges, from the table
kind() { grep -E '^	\[(NODE|EDGE)_' "$root/bootstage/intel/graph.c" | awk -F'"' -v want="$2" -v what="$1_" \
	'index($1, what) { if ($2 == want) print n; n++ }'; }
node() { # node KIND KEY NAME
	pg_sql "INSERT INTO nodes (kind, key, name) VALUES ($(kind NODE "$1"), '$2', '$3')"
}
edge() { # edge SRC KIND DST
	pg_sql "INSERT INTO intel_edges (src, kind, dst) SELECT s.node_id, $(kind EDGE "$2"), d.node_id FROM nodes s, nodes d WHERE s.key = '$1' AND d.key = '$3'"
}
related() { tandem-intel related --connect "$pg" "$@"; }
search() { tandem-intel search --connect "$pg" "$@"; }
keys() { python3 -c 'import json, sys; print(" ".join("%s/%d" % (x["key"], x["depth"]) for x in json.load(open(sys.argv[1]))["related"]))' "$out"; }
reaches() { # reaches NAME 'KEY/DEPTH...' ARGS...
	name=$1 want_keys=$2
	shift 2
	related "$@" --json >"$out" 2>"$err" </dev/null
	got=$(keys 2>&1)
	if [ "$got" = "$want_keys" ]; then result 0 "$name"; else result 1 "$name" "is: $got, want: $want_keys $(cat "$err")"; fi
}

# N6: file -> hash -> malware -> group, and its grand-parents
node file file--1 'invoice.exe'
node x-hash x-hash--1 'aa11'
node indicator indicator--1 'Cutlet hashes'
node malware malware--1 'Cutlet Loader'
node intrusion-set intrusion-set--1 'Green Heron'
node identity identity--1 'The author'
node malware malware--2 'Old Cutlet'
node malware malware--3 'Twin'
node malware malware--4 'Twin'
edge file--1 hashed-as x-hash--1
edge indicator--1 pattern x-hash--1
edge indicator--1 indicates malware--1
edge intrusion-set--1 uses malware--1
edge malware--1 variant-of malware--2
for k in file--1 indicator--1 malware--1 intrusion-set--1; do edge $k created-by identity--1; done
reaches 'N6: from a file to the group, in one query' 'x-hash--1/1 indicator--1/2 malware--1/3 intrusion-set--1/4 malware--2/4' file--1 --depth 4
reaches 'a depth is a bound' 'x-hash--1/1 indicator--1/2' file--1 --depth 2
reaches 'as far as there is anything' 'x-hash--1/1 indicator--1/2 malware--1/3 intrusion-set--1/4 malware--2/4' file--1 --depth 64
reaches 'out: from source to target' 'malware--1/1 malware--2/2' intrusion-set--1 --direction out
reaches 'in: who points there' 'malware--1/1 indicator--1/2 intrusion-set--1/2' malware--2 --direction in
reaches 'only edges of some kinds' 'malware--1/1 malware--2/2' intrusion-set--1 --kind uses --kind variant-of
reaches 'only answers of some kinds, over whatever' 'malware--1/3 malware--2/4' file--1 --depth 4 --kind malware
reaches 'hubs when asked for' 'malware--1/1 identity--1/1 file--1/2 indicator--1/2 malware--2/2' intrusion-set--1 --hubs --depth 2
reaches 'by name, in whatever case' 'malware--1/1' 'green heron' --depth 1
exits 0 'as text' related file--1
prints '1  x-hash                x-hash--1  aa11'
exits 0 'an author alone' related identity--1
says '--hubs' 'is told of the hubs that were left out'

# the way
exits 0 'with the way' related file--1 --depth 4 --paths --kind indicator --kind malware --kind intrusion-set
golden 'each edge as it points' <<'X'
2  indicator             indicator--1  Cutlet hashes
     x-hash--1 <-[pattern]- indicator--1
3  malware               malware--1  Cutlet Loader
     indicator--1 -[indicates]-> malware--1
4  intrusion-set         intrusion-set--1  Green Heron
     malware--1 <-[uses]- intrusion-set--1
4  malware               malware--2  Old Cutlet
     malware--1 -[variant-of]-> malware--2
X
exits 0 'all of it' related file--1 --paths --depth 1 --json
prints '"from": "file--1"'
prints '"kind": "hashed-as"'
prints '"forward": true'

# cycles
for i in 1 2 3 4; do node tool "tool--$i" "ring $i"; done
for i in 1 2 3 4; do edge "tool--$i" uses "tool--$((i % 4 + 1))"; done
reaches 'a ring ends, out' 'tool--2/1 tool--3/2 tool--4/3' tool--1 --direction out --depth 64
reaches 'a ring ends, both' 'tool--2/1 tool--4/1 tool--3/2' tool--1 --depth 20
edge tool--4 uses tool--4
reaches 'a node that uses itself is not related to itself' 'tool--1/1 tool--3/1' tool--4 --depth 1

# an edge whose end is not there is no answer
pg_sql "INSERT INTO intel_edges (src, kind, dst) SELECT node_id, 36, 999999999 FROM nodes WHERE key = 'tool--3'"
reaches 'an edge to nowhere leads nowhere' 'tool--4/1' tool--3 --depth 1 --direction out

# cut
pg_sql "INSERT INTO nodes (kind, key) SELECT 29, 'ipv4-addr--' || i FROM generate_series(1, 300) i"
pg_sql "INSERT INTO intel_edges (src, kind, dst) SELECT m.node_id, $(kind EDGE communicates-with), a.node_id FROM nodes m, nodes a WHERE m.key = 'malware--2' AND a.key LIKE 'ipv4-addr--%'"
exits 0 'more than wanted' related malware--1 --limit 100 --json
prints '"cut": true' 'is said'
prints '"count": 100' 'and as many are given'
prints '"key": "malware--2"' 'nearest first'
exits 0 'exactly as many' related malware--2 --direction out --depth 1 --limit 300 --json
prints '"cut": false' 'is not cut'
exits 0 'as text' related malware--1 --limit 100
says 'cut after 100'
exits 0 'kinds of nodes with a limit' related malware--1 --limit 3 --kind indicator --json
prints '"cut": false' 'what is not wanted does not count'

# telemetry: the days of the window only, forward with the open day's index, backward level by level until it is sealed
node x-host x-host--1 'laptop'
node x-host x-host--2 'server'
for d in 2026_03_01:2026-03-01:2026-03-02 2026_03_02:2026-03-02:2026-03-03; do
	name=${d%%:*} days=${d#*:}
	pg_sql "CREATE TABLE IF NOT EXISTS telemetry_edges_$name PARTITION OF telemetry_edges FOR VALUES FROM ('${days%:*} 00:00Z') TO ('${days#*:} 00:00Z')"
done
telemetry() { # telemetry TIME SRC DST
	pg_sql "INSERT INTO telemetry_edges (ts, agent_id, src, dst, kind) SELECT '$1', 7, s.node_id, d.node_id, $(kind EDGE connected) FROM nodes s, nodes d WHERE s.key = '$2' AND d.key = '$3'"
}
telemetry 2026-03-01T10:00:00Z x-host--1 ipv4-addr--1
telemetry 2026-03-01T10:01:00Z x-host--1 ipv4-addr--1
telemetry 2026-03-02T10:00:00Z x-host--2 ipv4-addr--1
both='--from 2026-03-01 --to 2026-03-03'
telemetry_walks() {
	reaches "from a host to what it talked to, $1" 'ipv4-addr--1/1 malware--2/2' x-host--1 --from 2026-03-01 --to 2026-03-02 --depth 2
	# shellcheck disable=SC2086 # several words
	reaches "from malware to the hosts, $1" 'x-host--1/2 x-host--2/2' malware--2 $both --depth 2 --kind communicates-with --kind connected --kind x-host
	reaches "a day only, $1" 'x-host--2/2' malware--2 --from 2026-03-02T00:00:00Z --to 2026-03-03 --depth 2 --kind x-host
	reaches "before it began, $1" '' malware--2 --from 2026-03-01 --to 2026-03-01T10:00:00Z --depth 2 --kind x-host
	reaches "over the intel edges only, $1" '' malware--2 --intel --depth 2 --kind x-host
	# shellcheck disable=SC2086
	reaches "over telemetry only, $1" 'ipv4-addr--1/1 x-host--2/2' x-host--1 $both --kind connected
}
telemetry_walks 'days open'
pg_sql 'CREATE INDEX ON telemetry_edges_2026_03_01 (dst, kind, src); CREATE INDEX ON telemetry_edges_2026_03_02 (dst, kind, src)'
telemetry_walks 'days sealed'
pg_sql 'INSERT INTO telemetry_edges SELECT * FROM telemetry_edges'
telemetry_walks 'a minute has rows of several batches'
pg_sql 'CREATE TEMP TABLE merged AS SELECT ts, agent_id, src, dst, kind, sum(weight)::real AS weight FROM telemetry_edges GROUP BY 1, 2, 3, 4, 5; TRUNCATE telemetry_edges; INSERT INTO telemetry_edges SELECT * FROM merged'
telemetry_walks 'or one'
reaches 'without a window it is the last three days' '' x-host--1

# values, by what they are: their keys are made of them
node ipv4-addr ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4 198.51.100.3
edge malware--2 communicates-with ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4
reaches 'by TYPE:VALUE' 'malware--2/1' ipv4-addr:198.51.100.3 --depth 1
reaches 'by a value that looks like what it is' 'malware--2/1' 198.51.100.3 --depth 1
exits 1 'a value that is not there' related ipv4-addr:198.51.100.4
exits 0 'a value is searched' search 198.51.100.3
golden 'by its key' <<'X'
ipv4-addr             ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4  198.51.100.3
X
reaches 'a kind in front of a name' 'malware--1/1' 'intrusion-set:green heron' --depth 1
exits 1 'another kind' related 'malware:green heron'

# what cannot be answered
exits 1 'a node that is not there' related cutlt
says "no node has the key or the name 'cutlt'"
exits 1 'the beginning of a name' related cutlet
says 'near to it:'
says 'malware--1  Cutlet Loader' 'what is near is named'
exits 1 'a name that two have' related twin
says "several nodes have the name 'twin'"
says 'malware--3  Twin'
says 'malware--4  Twin'
pg_sql "UPDATE nodes SET revoked = true WHERE key = 'malware--4'"
exits 0 'one of which was revoked' related twin
exits 2 'no depth' related file--1 --depth 0
says '--depth'
exits 2 'too deep' related file--1 --depth 65
exits 2 'no direction' related file--1 --direction up
exits 2 'no kind' related file--1 --kind elephant
says "'elephant' is no kind"
exits 2 'no time' related file--1 --from yesterday
exits 2 'a time without a zone (N14)' related file--1 --from 2026-03-01T10:00:00
exits 2 'a window that ends before it begins' related file--1 --from 2026-03-02 --to 2026-03-01
exits 2 'a name with a control character' related "$(printf 'a\tb\001')"
exits 1 "quotes do no harm" related "x' OR '1'='1"

# over its time
pg_sql "INSERT INTO intel_edges (src, kind, dst) SELECT a.node_id, 36, b.node_id FROM nodes a, nodes b WHERE a.key LIKE 'ipv4%' AND b.key LIKE 'ipv4%' AND a.node_id <> b.node_id"
printf '[database]\nconnect=%s\nstatement-timeout=1\n' "$pg" >intel.conf
exits 1 'a walk that takes too long' tandem-intel related --config intel.conf malware--2 --depth 64 --limit 1000000
says '(57014)' 'is ended by the server'
says 'a smaller --depth'
pg_sql 'DELETE FROM intel_edges WHERE kind = 36 AND src IN (SELECT node_id FROM nodes WHERE key LIKE $$ipv4%$$)'

# search
exits 0 'the beginning of a name' search cutl
golden 'in order' <<'X'
malware               malware--1  Cutlet Loader
indicator             indicator--1  Cutlet hashes
malware               malware--2  Old Cutlet
X
exits 0 'words in whatever order' search 'load cut'
golden 'of a name' <<'X'
malware               malware--1  Cutlet Loader
X
exits 0 'the beginning of a key' search intrusion-set-- --json
prints '"name": "Green Heron"'
exits 0 'a kind only' search cutlet --kind indicator
golden 'and no other' <<'X'
indicator             indicator--1  Cutlet hashes
X
# other names: of what feeds say it is known as
node x-alias x-alias--1 'Fancy Heron'
node x-alias x-alias--2 'FANCY HERON'
node x-alias x-alias--3 'Cutlet Sandwich'
node x-alias x-alias--4 'Twin'
node x-alias x-alias--5 'Nobody'
edge intrusion-set--1 known-as x-alias--1
edge intrusion-set--1 known-as x-alias--2
edge malware--2 known-as x-alias--3
edge malware--1 known-as x-alias--3
edge malware--1 known-as x-alias--4
exits 0 'another name' search 'fancy heron'
golden 'is told with its own' <<'X'
intrusion-set         intrusion-set--1  Green Heron; also FANCY HERON
X
exits 0 'a word of another name' search sandw --json
prints '"alias": "Cutlet Sandwich"'
prints '"name": "Old Cutlet"'
exits 0 'own names first' search cutl --kind malware
golden 'and each once' <<'X'
malware               malware--1  Cutlet Loader
malware               malware--2  Old Cutlet; also Cutlet Sandwich
X
exits 4 'a name that nobody has any more' search nobody
exits 1 'and that is no node to start from' related nobody
reaches 'from another name, in whatever case' 'malware--1/1' 'fAncy heron' --depth 1
reaches 'with a kind in front of it' 'malware--1/1' 'intrusion-set:fancy heron' --depth 1
exits 1 'another name that two have' related 'cutlet sandwich'
says "several nodes have the name 'cutlet sandwich'"
says 'malware--1  Cutlet Loader'
says 'malware--2  Old Cutlet'
reaches 'who has it as its own name comes first' '' twin --depth 1
reaches 'names are not walked over' '' x-alias--4 --depth 3
reaches 'unless they are asked for' 'malware--1/1 x-alias--3/2 malware--2/3' x-alias--4 --kind known-as
exits 0 'many' search ipv4-addr-- --limit 7 --json
prints '"cut": true'
exits 4 'nothing' search no-such-thing
exits 4 'what LIKE would take for anything' search '%'
exits 4 'what a tsquery would take for its own' search "'&|!(:*"
exits 2 'a kind of edges' search cutlet --kind uses
exits 2 'an empty text' search ''
pg_sql "INSERT INTO nodes (kind, key, name) VALUES (10, 'malware--9', E'ev\\x1b[31mil')"
exits 0 'what a terminal would act on' search ev
prints 'ev?[31mil' 'is not printed'

finish
