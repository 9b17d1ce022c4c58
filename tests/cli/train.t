#!/bin/sh
# tandem-train: jobs run in their order, one at a time, and the journal says what became of them. Jobs are shell scripts.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/train.sh"

machine
exits 0 'no jobs' train status
prints 'no jobs'
exits 0 'nothing to run' train run
says 'there are no jobs'
exits 2 'a job that there is not' train run --job x
says "there is no job 'x'"
exits 2 'two ways at once' train run --due --day-one
says 'only one of --due, --day-one and --job'

# /var/lib/PRODUCT may be an account's: what it puts in the place of the trainer's folder is not written through.
job 10-core 'exit 0'
own=$(dirname "$folder")/trainer
mkdir -p "$(dirname "$own")" elsewhere && ln -s "$dir/elsewhere" "$own"
exits 3 'a link in place of its folder' train run
says "$own: has to be a folder that only user"
check 'nothing was written there' sh -c '! ls elsewhere | grep .'
rm "$own" && mkdir -m 777 "$own" && chmod 777 "$own"
exits 3 'a folder that all can write to' train run
rm -r "$own"

# R4, R7: core, then dpi, then agent; the next one starts only after exit 0.
job 30-agent 'exit 0'
job 10-core 'sleep 1; echo end >>'"$dir"'/ran'
job 20-dpi 'exit 0'
exits 0 'three jobs' train run --json
cp .out lines
check 'in their order' sh -c 'test "$(tr "\n" " " <ran)" = "core end dpi agent "'
check 'and the journal has it' python3 -c '
import json
seen = [(e["job"], e["event"]) for e in map(json.loads, open("lines"))]
want = [(None, "begin")] + [(j, "queued") for j in ("core", "dpi", "agent")]
for j in ("core", "dpi", "agent"):
    want += [(j, "running"), (j, "trained"), (j, "done")]
assert seen == want + [(None, "end")], seen'
state core state done
state agent state done
state core exit_code 0
exits 0 'the status has them' train status
prints 'core             done'
prints 'cycle 1, begun'
check 'nothing is left of the lock' sh -c '! train_held=$(fuser r/run/tandem/train.lock 2>/dev/null)'

# R1: what a job is told.
job 10-core 'echo "$@" >'"$dir"'/args; env | grep -E "^TANDEM_(FOLDER|JOB|MAX|MODEL|X)" | sort >>'"$dir"'/args' 'environment=TANDEM_X=y'
sed -i 's/core$/core one two/' r/etc/tandem/jobs.d/10-core.job
exits 0 'one of them alone' train run --job core
check 'has its arguments and its environment' sh -c "cmp args - <<TEXT
one two --max-disk-mb 3072
TANDEM_FOLDER=$dir/r/var/lib/demo/models/core
TANDEM_JOB=core
TANDEM_MAX_DISK_MB=3072
TANDEM_MODEL_NEXT=$dir/r/var/lib/demo/models/core/core.onnx.next
TANDEM_X=y
TEXT"

job 10-core 'ls /proc/$$/fd >'"$dir"'/fds'
exits 0 'a trainer that was given a file' train run --job core 7</dev/null
check 'does not give it on' sh -c '! grep -qx 7 fds'

# What reads its lines may go away.
job 10-core 'sleep 1; exit 0'
check 'whoever reads its lines may go away' sh -c 'tandem-train run --json --job core --root r 2>/dev/null | true; tandem-train status --root r | grep -q "core *done"'
check 'and the cycle comes to its end' sh -c 'tandem-train status --json --root r | grep -q "\"cycle_open\": false"'

# C22, R7: core fails.
machine
job 10-core 'echo no data; exit 3'
job 20-dpi 'exit 0'
job 30-agent 'exit 0'
exits 1 'core fails' train run
check 'and nothing else ran' sh -c 'test "$(cat ran)" = core'
state core state failed
state core exit_code 3
state core reason 'exit code 3: no data'
state dpi state skipped
state dpi reason "'core' before it has failed"
state agent state skipped
job 10-core 'exit 3' on-failure=continue
rm ran
exits 1 'core fails, and the others may go on' train run
check 'they did' sh -c 'test "$(tr "\n" " " <ran)" = "core dpi agent "'
state core state failed
state dpi state done
job 10-core 'kill -SEGV $$'
exits 1 'killed by a signal' train run
state core signal 11
sed -i 's|exec=.*|exec=/no/such/program|' r/etc/tandem/jobs.d/10-core.job
exits 1 'a program that is not there' train run
state core reason '/no/such/program: No such file or directory'

# Timeouts end all of it.
machine
job 10-core 'sh -c "sleep 30; touch '"$dir"'/late" & sleep 30' timeout=1
exits 1 'not done in time' train run
state core reason 'not done after 1 s'
job 10-core 'echo {\"step\": 1, \"of\": 10}; sleep 30' stall=1
exits 1 'not a line' train run --json
prints '"event": "progress", "job": "core", "seed": false, "step": 1, "of": 10' 'progress is told'
state core reason 'no line of output for 1 s: {"step": 1, "of": 10}'
state core step 1
job 10-core 'for i in 1 2 3 4; do sleep 0.6; echo $i; done' stall=2
exits 0 'lines in time' train run
check 'its output is kept' grep -qx 4 r/var/lib/demo/trainer/core.log
job 10-core '(setsid sh -c "sleep 30; touch '"$dir"'/late" &) ; exit 0'
exits 0 'what a job leaves behind' train run
check 'is ended' sh -c '! pgrep -f "touch $dir/late"' 

# Told to stop, and on again.
machine
job 10-core 'exit 0'
job 20-dpi 'trap "echo told >>'"$dir"'/ran; exit 1" TERM; touch '"$dir"'/started; while [ ! -e '"$dir"'/go ]; do sleep 0.1; done'
job 30-agent 'exit 0'
"$TANDEM_BIN/tandem-train" run --root r >/dev/null 2>&1 &
trainer=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -e started ] && break; sleep 0.2; done
exits 1 'a second trainer' train run
says 'a trainer is at work: process'
says "training 'dpi'"
exits 0 'the status while one is at work' train status
prints 'at work: process'
prints 'dpi              running'
kill -TERM "$trainer"
wait "$trainer"
check 'ends by the signal that told it to stop' test $? = 143
check 'its job was told' grep -qx told ran
state dpi state interrupted
state agent state queued
touch go
rm ran
exits 0 'the next trainer' train run
check 'goes on with that job' sh -c 'test "$(tr "\n" " " <ran)" = "dpi agent "'
check 'in the same cycle' sh -c 'tandem-train status --root r | grep -q "cycle 1, begun"'

machine
job 10-core 'trap "" TERM; touch '"$dir"'/started; sleep 30' timeout=1 on-failure=continue
job 20-dpi 'exit 0'
rm -f started
"$TANDEM_BIN/tandem-train" run --root r >/dev/null 2>&1 &
trainer=$!
for i in $(seq 100); do [ -e started ] && break; sleep 0.1; done
sleep 2 # its time is over, and it does not listen
kill -TERM "$trainer"
wait "$trainer"
state core reason 'not done after 1 s'
check 'told to stop while a job is being ended: the next one does not begin' sh -c 'test "$(cat ran)" = core'
state dpi state queued

finish
