#!/bin/sh
# Trees on a host (I9, I10, I14, C25): install, what goes wrong, going back, settling, pruning. Where these tests run there
# need be no systemd: `systemctl` is a script in front of PATH that runs ROOT/current/bin/core as its one unit, and
# tests/vm/103-trees.t does the same with the real one.
. "$(dirname "$0")/tap.sh"

R=$dir/opt
mkdir fake trust state
cat >fake/systemctl <<'SH'
#!/bin/sh
# One unit, demo.service: a process. With $STATE/kill-at holding N, the N-th call kills the program that called it.
n=$(($(cat "$STATE/calls" 2>/dev/null || echo 0) + 1))
echo $n >"$STATE/calls"
[ "$(cat "$STATE/kill-at" 2>/dev/null)" != $n ] || { kill -9 "$PPID"; exit 1; }
echo "$*" >>"$STATE/log"
alive() { p=$(cat "$STATE/pid" 2>/dev/null) && kill -0 "$p" 2>/dev/null && ! grep -q '^State:.Z' /proc/"$p"/status; }
case $1 in
show)
	case $* in *NeedDaemonReload*) echo NeedDaemonReload=no; exit 0 ;; esac
	state=inactive sub=dead result=success
	if alive; then state=active sub=running
	elif [ -e "$STATE/pid" ]; then state=failed sub=failed result=exit-code; fi
	printf 'LoadState=%s\nActiveState=%s\nSubState=%s\nResult=%s\nNRestarts=0\n' "$(cat "$STATE/load" 2>/dev/null || echo loaded)" $state $sub $result ;;
stop | kill)
	! alive || kill -9 "$p"
	rm -f "$STATE/pid" ;;
start)
	alive && exit 0
	[ ! -e "$STATE/no-start" ] || exit 1
	setsid "$ROOT/current/bin/core" </dev/null >/dev/null 2>&1 &
	echo $! >"$STATE/pid"
	cat "$ROOT/current/version" >"$STATE/version"
	# It leaves this process group, which is killed when this script has ended.
	while s=$(cut -d ' ' -f 6 /proc/$!/stat 2>/dev/null) && [ "$s" != $! ]; do :; done ;;
esac
exit 0
SH
chmod +x fake/systemctl
PATH=$dir/fake:$PATH STATE=$dir/state ROOT=$R
export PATH STATE ROOT
port=$((20000 + $$ % 10000))
stop_all() { [ ! -e state/pid ] || kill -9 "$(cat state/pid)" 2>/dev/null; rm -rf "$dir"; }
trap stop_all EXIT

cat >host.conf <<TEXT
[system]
product=demo
compatible=demo-host
mode=host
[trust]
keys=$dir/trust
[tree]
root=$R
unit=demo.service
url=http://127.0.0.1:$port/health
deadline=2
keep=3
reserve=1M
TEXT
cat >serve.py <<'PY'
import http.server, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = open(os.path.join(sys.argv[2], "version")).read().encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
class S(http.server.HTTPServer):
    allow_reuse_address = True
S(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
PY

# tree VERSION CORE...: a bundle v$VERSION.reup of a product whose bin/core is the text
tree() {
	rm -rf product
	mkdir -p product/bin
	echo "$1" >product/version
	printf '#!/bin/sh\n%s\n' "$2" >product/bin/core
	chmod +x product/bin/core
	printf '[bundle]\ncompatible=%s\nversion=%s\nepoch=%s\n[payload.product]\nkind=tree\nfile=product\n' "${4-demo-host}" "$1" "${3-0}" >b.conf
	SOURCE_DATE_EPOCH=1700000000 tandem bundle create --config b.conf -o "v$1.reup" --key k.key >/dev/null
}
good="exec python3 $dir/serve.py $port \$(dirname \"\$0\")/.."
serves() { # serves VERSION: the product answers, and it is that one
	python3 - "$port" "$1" <<'PY'
import sys, time, urllib.request
for i in range(50):
    try:
        got = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/", timeout=5).read().decode().strip()
        break
    except OSError:
        got = None
        time.sleep(.1)
sys.exit(0 if got == sys.argv[2] else f"serves {got}")
PY
}
runs() { # runs VERSION: by the script that stands for systemd; quicker to ask
	p=$(cat state/pid) && kill -0 "$p" && [ "$(cat state/version)" = "$1" ]
}
current() { readlink "$R/current" | sed 's/^releases.//; s/-[0-9a-f]*$//'; }
is() { [ "$($1)" = "$2" ] || { echo "$1: $($1), want $2"; return 1; }; }
how_many() { find "$R/releases" -mindepth 1 -maxdepth 1 | wc -l; }
settled() { # nothing of an interrupted run is left, and the journal is idle
	[ -z "$(find "$R/releases" -maxdepth 1 -name '.*.*')" ] && [ ! -L "$R/next" ] &&
		tandem tree status --config host.conf --json >st && grep -q '"phase": "idle"' st
}

tandem key generate -o k --no-password >/dev/null && cp k.pub trust/ || exit 1
tree 1.0.0 "$good" 1
tree 1.1.0 "$good" 2
tree 2.0.0 'exit 1'
mv v2.0.0.reup dead.reup
tree 2.0.0 'exec sleep 1000' 2
mv v2.0.0.reup deaf.reup
tree 2.0.0 'exit 1' 2
tree 0.9.0 "$good" 1
tree 3.0.0 "$good" 1 other-host

for verb in status rollback settle prune; do
	exits 0 "tree $verb --help" tandem tree $verb --help
	prints "usage: tandem tree $verb"
	exits 2 "tree $verb: an unknown option is a mistake" tandem tree $verb --frob
	exits 2 "tree $verb: an operand is a mistake" tandem tree $verb x
done
printf '[system]\nproduct=demo\ncompatible=demo-vm\n' >none.conf
exits 3 'no [tree], no trees' tandem tree status --config none.conf
says 'has no [tree]'
exits 2 'prune --keep 0' tandem tree prune --config host.conf --keep 0
exits 2 'prune --keep 99' tandem tree prune --config host.conf --keep 99

exits 0 'a dry run checks' tandem install v1.0.0.reup --config host.conf --dry-run
prints 'room        unknown'
check 'and makes nothing' absent "$R"
exits 2 'what is asked of a slot is a mistake' tandem install v1.0.0.reup --config host.conf --slot a
exits 0 'settle before the first tree' tandem tree settle --config host.conf --no-units
check 'makes nothing either' absent "$R"
exits 3 'rollback of nothing is refused' tandem tree rollback --config host.conf
says 'nothing to go back to'

exits 0 'I9: the first tree is installed' tandem install v1.0.0.reup --config host.conf
prints 'tree 1.0.0-'
check 'and serves' serves 1.0.0
check 'ROOT/current is a link to its release' is current 1.0.0
check 'nothing is left over' settled
exits 4 'the same again: nothing to do' tandem install v1.0.0.reup --config host.conf
exits 3 'for another machine: refused' tandem install v3.0.0.reup --config host.conf
says "the bundle is for 'other-host'"
exits 3 'a lower version: refused' tandem install v0.9.0.reup --config host.conf
says '--allow-downgrade permits it'

exits 0 'I9: the next one, as JSON' tandem install v1.1.0.reup --config host.conf --json
prints '"result": "committed"'
prints '"verdict": "good"'
check 'serves' serves 1.1.0
exits 3 'C27: an epoch below the floor: refused, downgrade or not' tandem install v0.9.0.reup --config host.conf --allow-downgrade
says 'below the floor 2'

exits 1 'I14: a tree whose program exits at once' tandem install v2.0.0.reup --config host.conf --json
prints '"reason": "unit"'
prints '"old_serves": true'
check 'I14: the old one serves again' serves 1.1.0
check 'and is current' is current 1.1.0
check 'nothing is left over' settled
exits 1 'I10: a tree that never answers' tandem install deaf.reup --config host.conf --progress json
prints '"reason": "health"'
check 'I10: the old one serves again' serves 1.1.0
check 'and is current' is current 1.1.0

exits 3 'going back below the floor: refused' tandem tree rollback --config host.conf
says '--below-floor permits it'
exits 0 'and permitted' tandem tree rollback --config host.conf --below-floor
check 'it serves' serves 1.0.0
exits 0 'and forth' tandem tree rollback --config host.conf
check 'it serves' serves 1.1.0
exits 0 'status tells' tandem status --config host.conf
prints ', previous'
exits 0 'nothing to settle' tandem tree settle --config host.conf
prints 'nothing to settle: current is 1.1.0-'

# Ended by the operator: the way back is taken first.
tandem install deaf.reup --config host.conf --json >"$out" 2>"$err" &
pid=$!
n=0
while n=$((n + 1)) && [ $n -lt 100 ] && ! tandem tree status --config host.conf --json | grep -q '"phase": "trial"'; do sleep .05; done
kill -TERM $pid
wait $pid
check 'a trial that is ended: exit code 1' [ $? = 1 ]
prints '"result": "interrupted"'
prints '"old_serves": true'
check 'the old one serves' serves 1.1.0
check 'and all is settled' settled

# Killed at each of its calls of systemctl, and settled: one version runs, the one that was committed.
: >state/calls
n=0
while n=$((n + 1)) && [ $n -lt 40 ]; do
	rm -f state/calls
	echo $n >state/kill-at
	tandem install v2.0.0.reup --config host.conf >/dev/null 2>&1
	code=$?
	rm -f state/kill-at
	[ $code = 137 ] || break
	tandem tree settle --config host.conf >"$out" 2>&1
	code=$?
	if [ $code = 0 ] && is current 1.1.0 && settled && runs 1.1.0; then
		result 0 "killed at call $n of systemctl, and settled"
	else
		result 1 "killed at call $n of systemctl, and settled" "$code $(current) $(cat "$out")"
	fi
done
check 'there were such calls' [ $n -gt 5 ]

# A start that cannot be had on the way back is tried again by the next settling.
touch state/no-start
exits 1 'units that cannot be started' tandem install v2.0.0.reup --config host.conf
says "'tandem tree settle' brings it to an end"
check 'the journal says so' sh -c 'tandem tree status --config host.conf --json | grep -q "\"phase\": \"returning\""'
rm state/no-start
exits 0 'and is settled' tandem tree settle --config host.conf
check 'it serves' serves 1.1.0
check 'all is settled' settled

# At boot the units are left alone.
kill -9 "$(cat state/pid)"
rm -f state/pid state/calls
echo 5 >state/kill-at
tandem install v2.0.0.reup --config host.conf >/dev/null 2>&1
rm -f state/kill-at state/log state/pid
exits 0 'settle --no-units' tandem tree settle --config host.conf --no-units
check 'calls no systemctl' absent state/log
check 'and is settled' settled
check 'with the committed tree' is current 1.1.0

# Damage.
j=$R/.tandem
systemctl start demo.service
cp -r $j keep
echo x >>$j/journal.0
exits 0 'one damaged journal: the other counts' tandem tree status --config host.conf
prints 'DAMAGED copy'
prints "$R: 1.1.0-"
echo x >>$j/journal.1
exits 1 'both: not installed over' tandem install v2.0.0.reup --config host.conf
says "'tandem tree settle' makes a new one"
exits 0 'settle makes a new one' tandem tree settle --config host.conf
check 'with what was current' is current 1.1.0
cp keep/journal.? $j/
exits 0 'a link that somebody took away' rm "$R/current"
exits 0 'is put back' tandem tree settle --config host.conf
check 'to the committed tree' is current 1.1.0
check 'which serves' serves 1.1.0

# Locks, room, pruning.
exits 3 'two at a time: refused' flock $j/lock tandem tree prune --config host.conf
says 'another tandem works on the trees'
sed 's/^reserve=.*/reserve=4000000G/' host.conf >full.conf
exits 1 'no room' tandem install v2.0.0.reup --config full.conf
says 'are needed, of them'
check 'nothing was removed for it' serves 1.1.0
exits 0 'old ones are pruned' tandem tree prune --config host.conf --keep 1
check 'current and previous stay' is how_many 2
exits 4 'and no more' tandem tree prune --config host.conf --keep 1

# Encrypted for this machine.
tree 1.2.0 "$good" 2
tandem key generate --encryption -o device >/dev/null
tandem bundle create --config b.conf -o secret.reup --key k.key --encrypt-to device.recipient >/dev/null
{ cat host.conf && printf '[encryption]\nkey=%s\n' "$dir/device.key"; } >with-key.conf
exits 3 'an encrypted tree wants its key' tandem install secret.reup --config host.conf
says 'encrypted, and there is no key that decrypts'
check 'the old one serves' serves 1.1.0
exits 0 'with it it is installed' tandem install secret.reup --config with-key.conf
check 'and serves' serves 1.2.0

echo not-found >state/load
exits 1 'a unit that is not there is seen before' tandem install v2.0.0.reup --config host.conf
says 'unit demo.service: not-found'
finish
