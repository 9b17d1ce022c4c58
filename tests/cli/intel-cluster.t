#!/bin/sh
# The private cluster of tandem-intel: made, started, found again after all that can happen to it; N1, N11: connections.
. "$(dirname "$0")/tap.sh"

# N1, N11, C24: by captures of machines; nothing is hard-coded.
for machine in massive-196g small-4g eight-16g; do
	"$root/scripts/capture-facts" --unpack "$root/tests/data/facts/$machine.txt" "$machine" || exit 1
done
exits 0 'a machine of 48 cores and 196 GB (N11)' tandem-intel pool --facts massive-196g
golden 'has 100 to 400 connections' <<'TEXT'
100 connections
  machine  clamp(2 * 48 cores + 1 * 1 disk, 100, 400) = 100
TEXT
exits 0 'one of 2 cores and 4 GB (N11)' tandem-intel pool --facts small-4g --json
golden 'has fewer than 50' <<'TEXT'
{
  "connections": 5,
  "wanted": 5,
  "formula": "clamp(2 * 2 cores + 1 * 1 disk, 4, 50) = 5",
  "lowered": null
}
TEXT
printf '[database]\nper-core=20\n' >tuning.conf
exits 0 'the formula is tuning.conf' tandem-intel pool --facts small-4g --tuning tuning.conf
prints 'clamp(20 * 2 cores + 1 * 1 disk, 4, 50) = 41'
exits 1 'no such machine' tandem-intel pool --facts none

. "$root/tests/cli/pg.sh"
chmod 755 "$pg_dir"
folder=$pg_dir/lib/intel/pg
printf '[database]\nfolder=%s\nsocket=%s\nconnect-timeout=2\nstatement-timeout=20\n' "$folder" "$pg_dir/run" >intel.conf
intel() {
	verb=$1
	shift
	tandem-intel "$verb" --config "$dir/intel.conf" "$@"
}
postmaster() { head -1 "$folder/postmaster.pid"; }
trap 'intel stop; pg_end; rm -rf "$dir" "$pg_dir"' EXIT
# The superuser of its databases, from here.
superuser() { "$pg_bin/psql" -X -q -A -t -d "host=$pg_dir/run dbname=${2-intel} user=postgres" -c "$1"; }

exits 1 'before there is one' intel status
prints 'server    does not answer'
exits 0 'nothing to stop' intel stop
exits 0 'ensure makes and starts it' intel ensure
prints 'server: made, started'
prints 'days: today and 7 more, 8 made now'
exits 0 'it is as it has to be' intel status
prints 'server    PostgreSQL'
exits 0 'as JSON' intel status --json
check 'too' python3 -c 'import json, sys; s = json.load(open(sys.argv[1])); assert s["ready"] and s["days"]["ahead"] == 7 and s["server"]["private"] and s["schema"]["pending"] == 0, s' "$out"
check 'it is on a socket only' test "$(superuser 'SHOW listen_addresses')" = ''
check 'and not superuser for what it does every day' test "$(superuser "SELECT rolsuper FROM pg_roles WHERE rolname = 'intel'")" = f
check 'its data have checksums' test "$(superuser 'SHOW data_checksums')" = on
check 'its folder is for its user alone' test "$(stat -c %a "$folder")" = 700
check 'it has room for the pool and others' test "$(superuser 'SHOW max_connections')" -ge 14
first=$(postmaster)
exits 0 'ensure again' intel ensure --json
prints '"started": false' 'starts nothing'
prints '"taken": 0' 'changes nothing'
check 'the same server is there' test "$(postmaster)" = "$first"

exits 0 'stop' intel stop
exits 1 'stopped' intel status
exits 0 'and started again' intel ensure
prints 'server: there, started'

# The server killed, children and all, with work that was not committed.
superuser 'CREATE TABLE kept (a int); INSERT INTO kept SELECT generate_series(1, 1000)'
server=$(postmaster)
# shellcheck disable=SC2046 # several
kill -KILL "$server" $(ps -o pid= --ppid "$server")
while kill -0 "$server" 2>/dev/null; do sleep 0.05; done
exits 0 'after a SIGKILL' intel ensure
check 'what was committed is there' test "$(superuser 'SELECT count(*) FROM kept')" = 1000

# Two starters at once, of a cluster that is there and of one that is not.
both() {
	intel ensure >one.out 2>&1 &
	one=$!
	intel ensure >two.out 2>&1
	two=$?
	wait $one
	one=$?
	[ "$one$two" = 00 ] || cat one.out two.out
	[ "$one$two" = 00 ]
}
intel stop
check 'two starters at once' both
check 'one of them started it' test "$(cat one.out two.out | grep -c '^server: ')" = 1
intel stop
rm -rf "$folder"
mkdir "$folder.new" && touch "$folder.new/left" # of a start that a power cut ended
check 'two starters, no cluster' both
check 'one of them made it' test "$(cat one.out two.out | grep -c '^server: made')" = 1
check 'each step of the schema was taken once' test "$(superuser 'SELECT count(*) = max(number) FROM tandem_schema')" = t
check 'each day was made once' test "$(superuser "SELECT count(*) FROM pg_inherits WHERE inhparent = 'telemetry_edges'::regclass")" = 8
check 'no traces of the start that was cut' absent "$folder.new"

# Nothing that could be stopped.
printf '[database]\nconnect=host=/nowhere\n' >other.conf
exits 4 "another server's database is not stopped" tandem-intel stop --config other.conf
exits 2 'nor served' tandem-intel serve --config other.conf
if [ "$(id -u)" = 0 ]; then
	printf '[database]\nuser=nobody-of-that-name\n' >other.conf
	exits 4 'where there is not even its user' tandem-intel stop --config other.conf
else
	skip 'where there is not even its user' 'not root'
fi

# Fewer connections than the machine wants.
superuser 'ALTER ROLE intel CONNECTION LIMIT 3'
exits 0 'a limit of the role' intel pool --tuning "$dir/tuning.conf"
prints '3 connections' 'lowers the pool'
says 'connections lowered from' 'with a warning'
says 'the role has a connection limit of 3'
superuser 'ALTER ROLE intel CONNECTION LIMIT -1'
superuser 'ALTER SYSTEM SET max_connections = 8'
intel stop
exits 0 'what ALTER SYSTEM says holds' intel ensure
exits 0 'a server that allows less' intel pool --tuning "$dir/tuning.conf"
prints '3 connections'
says 'max_connections = 8, 3 of them reserved'
held=
for _ in 1 2 3 4 5; do
	"$pg_bin/psql" -X -q -d "host=$pg_dir/run dbname=intel user=intel" -c 'SELECT pg_sleep(30)' >/dev/null 2>&1 &
	held="$held $!"
done
for _ in $(seq 400); do [ "$(superuser "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)'")" = 5 ] && break; sleep 0.05; done
exits 1 'no connection is left' intel status
prints '(53300)' 'which is said'
(sleep 0.5; superuser "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)' LIMIT 1") >/dev/null &
exits 0 'one that is left in a moment is waited for' intel status
# shellcheck disable=SC2086 # several
kill $held 2>/dev/null
superuser 'ALTER SYSTEM RESET max_connections'

# What is not ours, or newer than we are, is named and left alone.
intel stop
echo 99 >"$folder/PG_VERSION"
exits 3 'data of a newer PostgreSQL' intel ensure
says "$folder is of PostgreSQL 99, newer than the installed"
says 'left alone'
exits 0 'are not stopped either' intel stop
echo 9 >"$folder/PG_VERSION"
exits 3 'and of an older one' intel ensure
says 'is of PostgreSQL 9, older than the installed'
echo x >"$folder/PG_VERSION"
exits 1 'and of none' intel ensure
says "'x' is no version"
mv "$folder" "$folder.bak"
mkdir "$folder" && echo precious >"$folder/data"
exits 1 'a folder of somebody else' intel ensure
says 'no PostgreSQL cluster, and not empty: left alone'
check 'it is' test "$(cat "$folder/data")" = precious
rm -rf "$folder" && mv "$folder.bak" "$folder"
"$pg_bin/pg_config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/' >"$folder/PG_VERSION"
exits 0 'the cluster is as it was' intel ensure

# As its unit starts it: this process becomes the server, and says when it is ready.
intel stop
python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
s.settimeout(20)
said = b""
while b"READY=1" not in said:
    said = s.recv(4096)' "$pg_dir/notify" &
listener=$!
while [ ! -S "$pg_dir/notify" ]; do sleep 0.05; done
NOTIFY_SOCKET=$pg_dir/notify tandem-intel serve --config intel.conf >serve.log 2>&1 &
server=$!
wait $listener
result $? 'serve tells systemd that it is ready' "$(cat serve.log)"
exits 0 'which it is' intel status
check 'it is that process' test "$(postmaster)" = $server
exits 1 'a second one gives way' intel serve
kill -INT $server
wait $server
result $? 'and ends as its unit ends it' "$(cat serve.log)"
exits 0 'ensure starts it without a unit' intel ensure
# A server that has begun and does not listen yet, or still recovers, is waited for.
missed=
for pause in 0 0.02 0.05 0.1; do
	intel stop
	tandem-intel serve --config intel.conf >serve.log 2>&1 &
	server=$!
	sleep $pause
	intel ensure >one.out 2>&1 || missed=$pause
	intel stop
	wait $server
	[ -z "$missed" ] || break
done
check 'ensure beside serve' test -z "$missed"
[ -z "$missed" ] || sed 's/^/# /' one.out
exits 0 'ensure' intel ensure

# A schema that a newer version left.
superuser "INSERT INTO tandem_schema VALUES (9000, '9000-more', false, '9.9')"
exits 0 'a newer schema that only adds' intel ensure
prints 'of a newer version, used as it is'
exits 0 'is worked with' intel status
superuser "INSERT INTO tandem_schema VALUES (9001, '9001-other', true, '9.9')"
exits 3 'one that breaks what was' intel ensure
says 'the database has step 9001-other of tandem-intel 9.9, which this one'
says 'nothing of it was changed'
exits 3 'is not read' intel seal
exits 3 'as status says' intel status
prints 'not ready'
check 'and not written' test "$(superuser 'SELECT count(*) FROM tandem_schema WHERE number > 9000')" = 1
superuser 'DELETE FROM tandem_schema WHERE number >= 9000'
superuser 'DELETE FROM tandem_schema WHERE number = 2'
exits 1 'a schema that lacks a step' intel seal
says 'the database lacks step 0002-telemetry of the schema'
superuser "INSERT INTO tandem_schema VALUES (2, '0002-telemetry', false, 'x')"

printf '[database]\nfolder=relative\n' >bad.conf
exits 2 'a configuration that is wrong' tandem-intel ensure --config bad.conf
says "bad.conf:2: [database] folder: 'relative' is no absolute path"
printf '[database]\nfolder=%s/x\nsocket=%s\n' "$pg_dir" "$pg_dir/$(printf '%0100d' 0)" >bad.conf
exits 2 'a socket whose name is too long' tandem-intel ensure --config bad.conf
says 'too long for a socket'
printf '[database]\nfolder=%s/x\nsocket=%s/xs\nprograms=/nowhere\n' "$pg_dir" "$pg_dir" >bad.conf
exits 1 'no programs' tandem-intel ensure --config bad.conf
says 'no programs of PostgreSQL below /nowhere'
finish
