#!/bin/sh
# tandem-stage and its stages, as an ordinary user: their files, their order.
. "$(dirname "$0")/tap.sh"

exits 2 'list takes no operand' tandem-stage list x

# stage NAME LINE...: a stage file in stages/
stage() {
	mkdir -p stages
	name=$1
	shift
	{ echo '[stage]'; printf '%s\n' "$@"; } >"stages/$name.stage"
}

exits 0 'no folder' tandem-stage list --stages nowhere
prints 'no stages'
stage 10-late phase=post exec=/bin/true 'after=swap net'
stage 20-swap phase=initramfs 'exec=/bin/swap on' on-failure=fail-closed timeout=60
stage 30-net phase=early unit=net.service on-failure=ignore health=optional environment=A=b class=high
stage 40-tidy phase=committed exec=/bin/tidy description=Tidy
exits 0 'stages of all phases' tandem-stage list --stages stages
golden 'are listed in their order' <<'TEXT'
initramfs  swap                 fail-closed required  /bin/swap on
early      net                  ignore      optional  net.service
post       late                 degrade     required  /bin/true  after swap net
committed  tidy                 degrade     required  /bin/tidy
TEXT
rm stages/10-late.stage stages/20-swap.stage stages/40-tidy.stage
exits 0 'as JSON' tandem-stage list --json --stages stages
golden 'with every field' <<'TEXT'
{
  "stages": [
    {
      "name": "net",
      "file": "30-net.stage",
      "description": "",
      "phase": "early",
      "exec": null,
      "unit": "net.service",
      "after": [],
      "timeout_seconds": 30,
      "on_failure": "ignore",
      "health": "optional",
      "class": "high",
      "environment": [
        "A=b"
      ]
    }
  ]
}
TEXT

mkdir -p r/usr/lib/tandem/stages.d r/etc/tandem/stages.d
cp stages/30-net.stage r/usr/lib/tandem/stages.d/
printf '[stage]\nphase=early\nexec=/bin/own\n' >r/etc/tandem/stages.d/30-net.stage
exits 0 'a file in /etc takes the place of one in /usr' tandem-stage list --root r
prints '/bin/own'
ln -sf /dev/null r/etc/tandem/stages.d/30-net.stage
exits 0 'a symlink to /dev/null masks it' tandem-stage list --root r
prints 'no stages'

stage 50-a phase=early exec=/a after=b
stage 60-b phase=early exec=/b after=c
stage 70-c phase=early exec=/c after=a
exits 2 'a circle is refused' tandem-stage list --stages stages
says '3 stages wait for each other: a -> b -> c -> a'
stage 60-b phase=early exec=/b after=nobody
exits 2 'an unknown name is refused' tandem-stage list --stages stages
says '60-b.stage: [stage] after=nobody: there is no such stage'
stage 60-b phase=early exec=/b retries=3
exits 2 'an unknown key is refused' tandem-stage list --stages stages
says "stages/60-b.stage:4: unknown key 'retries' in [stage]"
stage 60-b phase=early exec=/b class=middling
exits 2 'an unknown class is refused' tandem-stage list --stages stages
says 'critical, high, normal, low, scavenger'

# --- run ---
rm -rf stages
as_user() { # as_user PROGRAM ARGS...: without the rights to make cgroups
	if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi
}
chmod 755 "$dir"
mkdir -m 777 s
chmod 777 s
run() { # run CODE NAME PHASE [OPTION...]: the stages of stages/, with their results in s/
	code=$1 what=$2
	shift 2
	exits "$code" "$what" as_user timeout 60 "$TANDEM_BIN/tandem-stage" run "$@" --stages stages --state s
}
field() { # field STAGE FIELD VALUE
	check "$1: $2 is $3" python3 -c '
import json, sys
value = json.load(open("s/stages/%s.json" % sys.argv[1]))[sys.argv[2]]
assert str(value) == sys.argv[3], value' "$1" "$2" "$3"
}

run 0 'no stages' early
stage 10-a phase=early 'exec=/bin/sh -c exit' after=b
stage 20-b phase=early 'exec=/bin/echo two  words' environment=X=1
stage 30-c phase=post exec=/bin/true
run 0 'stages that pass' early
prints 'early      b                    passed'
check 'in their order' sh -c 'head -1 .out | grep -q " b "'
field a result passed
field a exit_code 0
field b output_bytes 10
check 'with their output' grep -qx 'two words' s/stages/b.log
check 'and where there are no cgroups, why' grep -q '"cgroup": "none: not root"' s/stages/a.json
check 'other phases are left alone' absent s/stages/c.json
exits 0 'they are in the status' tandem-stage status --stages stages --state s
prints 'post       c                    no result'
exits 0 'wait for one that passed' tandem-stage wait a --stages stages --state s
exits 1 'wait for one without a result' tandem-stage wait c --timeout 0 --stages stages --state s
says "stage 'c' has no result in this boot"
exits 2 'wait for one that there is not' tandem-stage wait x --stages stages --state s
says "there is no stage 'x'"

rm -rf stages
stage 10-a phase=early exec=/no/such/program
stage 20-b phase=early exec=/bin/true after=a
run 0 'a program that is not there, degrading' early
field a result missing
field a reason '/no/such/program: No such file or directory'
field b result passed
exits 0 'what waits for it goes on' tandem-stage wait a --stages stages --state s
says 'on-failure=degrade lets this go on'
stage 10-a phase=early exec=/no/such/program on-failure=fail-closed
stage 30-c phase=early exec=/bin/true after=b
run 3 'the same, failing closed' early
field b result skipped
field c result skipped
field c reason "waits for 'b', which did not pass"
check 'what refuses is named' grep -qx 'a: /no/such/program: No such file or directory' s/refused
exits 1 'what waits for it does not go on' tandem-stage wait a --stages stages --state s
exits 1 'nor what waits for one that was skipped' tandem-stage wait b --stages stages --state s
stage 10-a phase=early exec=/etc/passwd on-failure=fail-boot
run 3 'a program that cannot be executed, failing the boot' early
field a result failed
field a reason '/etc/passwd: Permission denied'

rm -rf stages
stage 10-code phase=early 'exec=/bin/sh stages/code'
echo 'echo about to fail; exit 7' >stages/code
stage 20-hang phase=early 'exec=/bin/sh stages/hang' timeout=1
echo 'sleep 1000 & sleep 1000' >stages/hang
stage 30-flood phase=early 'exec=/bin/sh stages/flood'
echo 'yes 0123456 | head -c 3000000; echo the end' >stages/flood
stage 40-killed phase=early 'exec=/bin/sh stages/killed'
echo 'kill -SEGV $$' >stages/killed
# Sleeps as nobody else's: other tests may run on this machine.
asleep() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -q "sleep $1[.]$$"; }
stage 50-away phase=early 'exec=/bin/sh stages/away'
echo "setsid sleep 1234.$$ & sleep 1235 & echo \$! >s/group; ps -o pid= -C sleep >/dev/null; exit 0" >stages/away
run 0 'stages with all kinds of ends' early
field code result failed
field code exit_code 7
field code reason 'exit code 7: about to fail'
field hang result timeout
field hang reason 'not done after 1 s'
field flood result passed
field flood output_bytes 3000008
check 'a flood is kept within bounds' sh -c '[ $(wc -c <s/stages/flood.log) -lt 66000 ]'
check 'with its end' sh -c 'tail -1 s/stages/flood.log | grep -qx "the end"'
field killed result killed
field killed signal 11
field killed reason 'ended by signal 11 (SEGV)'
field away result passed
field away reason 'left processes behind, which were ended'
check 'nothing of it is left' sh -c '! kill -0 $(cat s/group) 2>/dev/null'
! asleep 1234
result $? 'nor of what made a session of its own'

rm -rf stages
for i in 1 2 3 4; do stage 1$i-s$i phase=early "exec=/bin/sh stages/meet $i"; done
# shellcheck disable=SC2016 # the stage's shell
echo ': >s/here.$1; while [ ! -e s/here.1 ] || [ ! -e s/here.2 ] || [ ! -e s/here.3 ] || [ ! -e s/here.4 ]; do sleep 0.05; done' >stages/meet
run 0 'four that wait for each other run side by side' early
for i in 1 2 3 4; do field s$i result passed; done

rm -rf stages s/stages
stage 10-long phase=early "exec=/bin/sleep 1000.$$" timeout=1000
stage 20-next phase=early exec=/bin/true after=long
for signal in TERM INT; do
	as_user sh -c "$TANDEM_BIN/tandem-stage run early --stages stages --state s & echo \$! >s/pid; wait \$!" >"$out" 2>"$err" &
	runner=$!
	i=0
	while ! asleep 1000 && [ $i -lt 1000 ]; do i=$((i + 1)); sleep 0.1; done
	exits 1 'only one runner at a time' as_user timeout 60 "$TANDEM_BIN/tandem-stage" run early --stages stages --state s
	says 'another tandem-stage is running stages'
	kill -$signal "$(cat s/pid)"
	wait $runner
	check "SIG$signal: exit code 1" [ $? = 1 ]
	field long result cancelled
	field next result cancelled
	field next reason 'the runner was told to stop'
	! asleep 1000
	result $? 'nothing is left'
done

# --- fail-closed: tokens and lock, below a root of its own ---
rm -rf r stages
mkdir -p r/etc/tandem r/usr/lib/tandem/stages.d r/run r/var/lock
printf '[system]\nproduct=ransomeye\ncompatible=x\n' >r/etc/tandem/system.conf
closed() { # closed NAME EXEC LINE...
	{ echo '[stage]'; echo phase=early; echo "exec=$2"; shift 2; printf '%s\n' "$@"; } >"r/usr/lib/tandem/stages.d/10-$1.stage"
}
closed tune '/bin/false' on-failure=fail-closed
closed soft '/bin/false' on-failure=degrade
closed good '/bin/true' on-failure=fail-boot
exits 3 'a stage that fails closed (T5, C13)' tandem-stage run early --root r
check 'leaves the lock' grep -qx 'tune: exit code 1' r/var/lock/ransomeye-resource-fail
check 'and no token' absent r/run/ransomeye/tune.ok
check 'one that degrades leaves neither' absent r/run/ransomeye/soft.ok
check 'a token for the one that passed' [ -e r/run/ransomeye/good.ok ]
closed tune '/bin/true' on-failure=fail-closed
exits 0 'the same, passing' tandem-stage run early --root r
check 'has its token' [ -e r/run/ransomeye/tune.ok ]
check 'and no lock' absent r/var/lock/ransomeye-resource-fail
# shellcheck disable=SC2016 # the stage's shell
closed tune '/bin/sh r/crash' on-failure=fail-closed
echo '[ ! -e r/run/ransomeye/tune.ok ] && kill -KILL $$' >r/crash
exits 3 'one that crashes' tandem-stage run early --root r
check 'has lost its token before it began' grep -q 'tune: ended by signal 9 (KILL)' r/var/lock/ransomeye-resource-fail
check 'for good' absent r/run/ransomeye/tune.ok
closed tune '/bin/sh -c true' on-failure=fail-closed
sed -i s/phase=early/phase=initramfs/ r/usr/lib/tandem/stages.d/10-good.stage
rm r/run/tandem/stages/good.json
exits 0 'an initramfs stage without a result' tandem-stage run early --root r
prints 'initramfs  good' 'is run by early'
exits 0 'once' tandem-stage run early --root r
check 'not again' sh -c '! grep -q initramfs .out'
sed -i 's|/bin/true|/bin/false|;s/fail-boot/fail-closed/' r/usr/lib/tandem/stages.d/10-good.stage
exits 3 'an initramfs stage that fails closed' tandem-stage run initramfs --root r
rm -rf r/var/lock/*
exits 0 'and a lock that the service manager has hidden' tandem-stage run early --root r
check 'the lock is made again' grep -q 'good: exit code 1' r/var/lock/ransomeye-resource-fail

finish
