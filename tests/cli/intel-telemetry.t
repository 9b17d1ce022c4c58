#!/bin/sh
# Telemetry from agents to the database (N3, N5, N9, N10): tandem-intel ingest --telemetry from a file, standard input and a
# socket, while the database and the program itself are killed.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/pg.sh"
command -v python3 >/dev/null || { skip 'telemetry' 'no python3' && finish; }
agents() { timeout 120 python3 "$root/tests/cli/agents.py" "$@"; }
ingest() { timeout 60 tandem-intel ingest --telemetry --connect "$pg" --state "$dir/state" "$@"; }
now=$(date -u +%Y-%m-%dT%H:%M:00Z)

pg_start
exits 0 'the database is made ready' tandem-intel ensure --connect "$pg"

# --- files ---

event() { # event TIME SRC KIND DST [COUNT]
	printf '{"time":"%s","src":"%s","kind":"%s","dst":"%s","count":%s}' "$1" "$2" "$3" "$4" "${5-1}"
}
frame() { # frame AGENT SEQ EVENTS
	printf '{"agent":%s,"seq":%s,"events":[%s]}\n' "$1" "$2" "$3"
}
{
	frame 7 1 "$(event "$now" x-host:pc7 connected ipv4-addr:192.0.2.1 2),$(event "$now" x-host:pc7 connected ipv4-addr:192.0.2.1 3)"
	frame 7 2 "$(event "$now" x-host:pc7 resolved domain-name:Example.org),$(event "$now" x-host:PC7 resolved domain-name:example.org),$(event "$now" x-host:pc7 connected ipv4-addr:300.0.0.1)"
	echo 'no JSON'
	frame 7 3 "$(event 1999-01-01T00:00:00Z x-host:pc7 connected ipv4-addr:192.0.2.1),$(event 2999-01-01T00:00:00Z x-host:pc7 connected ipv4-addr:192.0.2.1)"
	frame 8 1 "$(event "$now" x-host:pc8 opened sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855)"
} >some.json
exits 0 'a file' ingest --json some.json
prints '"frames": 4'
prints '"refused": 1'
prints '"rows_late": 2'
prints '"rows_unusable": 1'
says 'rows are dropped' 'a value that is not of its type is named'
says '1 frames refused' 'and so is a line that is no frame'
day=telemetry_edges_$(date -u +%Y_%m_%d)
pg_says 'what was said in one minute is one row (N10), in the partition of its day (N3, N12)' '5|7' \
	"SELECT weight, agent_id FROM $day t JOIN nodes n ON n.node_id = t.dst WHERE n.name = '192.0.2.1'"
pg_says 'rows of no day are late' 2 'SELECT count(*) FROM telemetry_late'
pg_says 'nodes are observables as feeds have them' 'domain-name ipv4-addr x-hash x-host' \
	"SELECT string_agg(DISTINCT split_part(key, '--', 1), ' ') FROM nodes"
pg_says 'hosts and domains have one form, however they are written' 'example.org pc7' \
	"SELECT string_agg(name, ' ' ORDER BY name) FROM nodes WHERE key LIKE 'domain-name--%' OR name ILIKE 'pc7'"
exits 0 'the same file again' ingest --json some.json
prints '"duplicates": 4'
prints '"rows": 0' 'nothing is counted twice'
exits 0 'standard input, without an end of the last line' sh -c 'frame=$1; shift; printf %s "$frame" | "$@"' sh \
	"$(frame 9 1 "$(event "$now" x-host:pc9 connected ipv4-addr:192.0.2.9)")" \
	tandem-intel ingest --telemetry --connect "$pg" --state "$dir/state" -
prints '1 rows stored'
echo 'no JSON' >none
exits 1 'a file of something else' ingest none
says 'none: no telemetry: '
printf 'TTEL\001' >half
exits 1 'a file that ends inside of a frame' ingest half
exits 2 'a file and a socket' ingest --socket s some.json
exits 2 'a mode that is none' ingest --socket s --mode 9
exits 2 'a file where the socket is to be' ingest --socket some.json
check 'which stays' [ -s some.json ]
pg_says 'the numbers of agents are kept' '7:3|8:1|9:1' \
	"SELECT string_agg(agent_id || ':' || seq, '|' ORDER BY agent_id) FROM telemetry_agents"

# --- no database: the spool ---

pg_stop
exits 0 'without a database frames wait in the spool' sh -c 'frame=$1; shift; echo "$frame" | "$@"' sh \
	"$(frame 9 2 "$(event "$now" x-host:pc9 connected ipv4-addr:192.0.2.9)")" \
	tandem-intel ingest --telemetry --connect "$pg" --state "$dir/state" --json -
prints '"frames_spooled": 1'
says 'wait in the spool'
pg_again
exits 0 'and are stored by the next one' ingest --json /dev/null
prints '"frames_replayed": 1'
prints '"waiting_bytes": 0'
pg_says 'once' 2 "SELECT sum(weight) FROM telemetry_edges WHERE agent_id = 9"

# --- a socket ---

# Outside of a test's own function, so that its number is known.
serve() {
	tandem-intel ingest --telemetry --connect "$pg" --state "$dir/state" --socket "$dir/s" --json "$@" >"$dir/serve.out" 2>>"$dir/serve.err" &
	served=$!
	tries=200
	while [ ! -S "$dir/s" ] && [ $tries -gt 0 ]; do tries=$((tries - 1)) && sleep 0.05; done
}
trap 'kill -9 $served 2>/dev/null; pg_end; rm -rf "$dir" "$pg_dir"' EXIT
total() { # total NAME AGENTS FRAMES EVENTS: each event was counted once
	pg_says "$1" "$(($2 * $3 * $4))" 'SELECT coalesce(sum(weight), 0)::bigint FROM telemetry_edges WHERE agent_id BETWEEN 1 AND 99999'
}
fresh() { pg_sql 'TRUNCATE telemetry_edges, telemetry_late, telemetry_agents' && rm -f "$dir/state/telemetry.spool"; }

fresh
serve
check 'the socket is for its group' [ "$(stat -c %a s)" = 660 ]
exits 1 'a second process has no business there' ingest --socket "$dir/s"
says 'another process'
agents s 50 20 10 >said
check 'everything is acknowledged' grep -qx 'stored=1000 all' said
total 'and in the database' 50 20 10
pg_says 'in a row for an agent, an edge and a minute of each batch' t "SELECT count(*) < 1200 FROM telemetry_edges"
agents s 50 20 10 form=json >said
check 'what comes again is a duplicate' grep -qx 'duplicate=1000 all' said
total 'and not counted' 50 20 10
check 'it ends when it is told to' sh -c 'kill "$1"' sh $served
wait $served
check 'with its numbers' grep -q '"frames": 2000' serve.out
check 'no connection was closed by it' grep -q '"connections": 2,' serve.out
check 'and takes its socket away' absent s

fresh
serve
agents s 20 200 5 pause=0.01 >said &
sender=$!
sleep 1
pg_kill
sleep 1
pg_again
wait $sender
check 'a server killed in the middle: everything is acknowledged' grep -q ' all$' said
sleep 0.3
tries=100
while [ "$(pg_sql 'SELECT coalesce(sum(weight), 0)::bigint FROM telemetry_edges')" != 20000 ] && [ $tries -gt 0 ]; do
	tries=$((tries - 1))
	sleep 0.1
done
total 'and counted once' 20 200 5
kill $served
wait $served
check 'there was an outage' grep -q '"outages": [1-9]' serve.out

fresh
serve
exits 0 'a line that is none, and a frame' python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(30)
s.connect("s")
s.sendall(b"no JSON\n" + sys.argv[1].encode() + b"\n")
said = b""
while b"stored" not in said:
    said += s.recv(4096)
assert b"refused" in said, said' "$(frame 7 1 "$(event "$now" x-host:pc7 connected ipv4-addr:192.0.2.1)")"
check 'what is refused is told while it serves' grep -q '1 frames refused, the first: ' serve.err
check 'the folder is one that others get through' [ "$(stat -c %a state)" = 755 ]
kill $served
wait $served

fresh
serve
agents s 20 200 5 pause=0.01 >said &
sender=$!
for again in 1 2 3; do
	sleep 0.6
	kill -9 $served
	wait $served 2>/dev/null
	serve
done
wait $sender
check "killed $again times itself: everything is acknowledged" grep -q ' all$' said
kill $served
wait $served
total 'and counted once' 20 200 5

fresh
pg_stop
serve --spool-size 20K
timeout 20 python3 "$root/tests/cli/agents.py" s 20 20 5 seconds=3 >said
check 'without a database and with a full spool agents wait' grep -q 'NOT ALL' said
pg_again
agents s 20 20 5 >said
check 'until there is one' grep -q ' all$' said
kill $served
wait $served
exits 0 'what waited is stored' ingest /dev/null
total 'and nothing is lost or doubled' 20 20 5
finish
