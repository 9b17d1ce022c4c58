#!/bin/sh
# tandem-train: a trainer that is killed or told to stop, wherever it is, and the next one. Jobs are shell scripts.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/train.sh"

onnx=$root/tests/data/onnx
good=$onnx/ok-logit.onnx

# --- the trainer is killed: in each state, and the next one goes on ---
# R7: the order holds over kills; no job runs twice at once, none is left out.
machine
killer() { # killer WHEN: a job that kills the trainer once
	cat <<TEXT
[ -e $dir/alive ] && { echo twice >>$dir/ran; exit 1; }
touch $dir/alive
if [ ! -e $dir/killed-$1 ]; then touch $dir/killed-$1; kill -KILL \$PPID; sleep 30; fi
rm -f $dir/alive
TEXT
}
job 10-core "$(killer core)"
job 20-dpi "$(killer dpi)"
job 30-agent "cp $good \$TANDEM_MODEL_NEXT"
exits 137 'killed while core runs' train run
state core state interrupted
rm -f alive # it went with the trainer
exits 137 'killed while dpi runs' train run
rm -f alive
exits 0 'and to the end' train run
check 'each began once more, in their order' sh -c 'test "$(tr "\n" " " <ran)" = "core core dpi dpi agent "'
check 'all in one cycle' sh -c 'tandem-train status --root r | grep -q "cycle 1, begun"'

machine
job 10-core '(setsid sleep 300 & echo $! >'"$dir"'/left); kill -KILL $PPID; sleep 300'
exits 137 'killed, and something of the job is left' train run
check 'it is' sh -c 'kill -0 "$(cat left)"'
job 10-core '! grep -q sleep /proc/$(cat '"$dir"'/left)/cmdline 2>/dev/null' # nobody may be there to wait for it
exits 0 'the next trainer ends it before anything starts' train run
says 'processes of before are ended'

machine
job 10-core 'kill -KILL $PPID; sleep 30'
job 20-dpi 'exit 0'
for i in 1 2 3; do exits 137 "taken down, $i" train run; done
exits 1 'three times are enough' train run
says 'started 3 times, and each time the trainer ended with it'
state dpi state skipped

# Told twice, as by timeout(1): a job has its time for a checkpoint; much later, and it has not.
machine
job 10-core 'trap "sleep 1; echo saved >>'"$dir"'/ran; exit 1" TERM; touch '"$dir"'/started; while :; do sleep 0.1; done'
rm -f started
train run >/dev/null 2>&1 &
for i in $(seq 100); do [ -e started ] && break; sleep 0.1; done
trainer=$(sed -n 's/^process \([0-9]*\):.*/\1/p' r/run/tandem/train.lock)
kill "$trainer"; sleep 0.3; kill "$trainer"
wait $!
check 'a job that is told twice' grep -qx saved ran
job 10-core 'trap "" TERM; touch '"$dir"'/started; while :; do sleep 0.1; done'
rm -f started
begun=$(date +%s)
train run >/dev/null 2>&1 &
for i in $(seq 100); do [ -e started ] && break; sleep 0.1; done
trainer=$(sed -n 's/^process \([0-9]*\):.*/\1/p' r/run/tandem/train.lock)
kill "$trainer"; sleep 2.5; kill "$trainer"
wait $!
check 'a job that does not hear it' test $(($(date +%s) - begun)) -lt 9
state core state interrupted

# A real training is told to stop, killed, and goes on from its checkpoint: the model is as if nothing had been.
machine
begun=$(date +%s%N) # some four seconds of it
"$TANDEM_BIN/tandem-seedtrain" --source synthetic --epochs 200 --folder measure --job x --out measure/x.onnx >/dev/null 2>&1
took=$((($(date +%s%N) - begun) / 1000000 + 1))
long="$TANDEM_BIN/tandem-seedtrain --source synthetic --epochs $((200 * 4000 / took + 100))"
job 10-core 'exit 0' cap=16M
sed -i "s|exec=.*|exec=$long|" r/etc/tandem/jobs.d/10-core.job
run_for() { # run_for SIGNAL: a cycle, which gets it when there is a checkpoint
	train run >.part 2>&1 &
	for i in $(seq 100); do grep -q event=checkpoint .part && break; sleep 0.1; done
	kill "-$1" "$(sed -n 's/^process \([0-9]*\):.*/\1/p' r/run/tandem/train.lock)"
	wait $!
}
run_for TERM
state core state interrupted
run_for KILL
state core state interrupted
exits 0 'to its end' train run
state core state done
cp "$folder/core/core.onnx" parts.onnx
machine
job 10-core 'exit 0' cap=16M
sed -i "s|exec=.*|exec=$long|" r/etc/tandem/jobs.d/10-core.job
exits 0 'the same in one' train run
check 'gives the same model' cmp parts.onnx "$folder/core/core.onnx"

# The model was left, and the trainer killed before it took it: two hours of work are not done again.
machine
job 10-core "cp $good \$TANDEM_MODEL_NEXT"
exits 0 'a cycle' train run
python3 - <<'TEXT'
import struct, zlib
path = 'r/var/lib/demo/trainer/journal'
data, at, out = open(path, 'rb').read(), 0, b''
while at < len(data):
    n = struct.unpack_from('<I', data, at)[0]
    record = data[at:at + 8 + n]
    out += record
    at += 8 + n
    if record[9] == 7:  # trained
        break
open(path, 'wb').write(out + b'torn')
TEXT
mv "$folder/core/core.onnx" "$folder/core/core.onnx.next"
rm ran
exits 0 'cut off between the end and the model' train run
says "the journal's last 4 bytes do not count"
check 'the job did not run again' absent ran
check 'its model was taken' cmp "$good" "$folder/core/core.onnx"
state core state done

# Cut off behind each record of a cycle: what was done is not done again, and the rest comes in its order.
machine
job 10-core 'exit 0'
job 20-dpi 'exit 0'
job 30-agent 'exit 0'
exits 0 'a whole cycle' train run
cp r/var/lib/demo/trainer/journal whole
cat >cut.py <<'TEXT'
import struct, sys
data, at, ends, done = open('whole', 'rb').read(), 0, [], []
while at < len(data):
    event = data[at + 9]
    at += 8 + struct.unpack_from('<I', data, at)[0]
    ends.append(at)
    done.append((done[-1] if done else 0) + (event in (7, 9)))  # trained, done
k = int(sys.argv[1])
if k >= len(ends):
    sys.exit(1)
open('r/var/lib/demo/trainer/journal', 'wb').write(data[:ends[k]] + b'\x50\0\0\0torn')
jobs = ['core', 'dpi', 'agent'][(done[k] + 1) // 2:]
if k == len(ends) - 1:
    jobs = ['core', 'dpi', 'agent']  # it has its end: another one
print(' '.join(jobs))
TEXT
k=0 wrong=
while want=$(python3 cut.py $k); do
	rm -f ran
	train run >"$out" 2>"$err" || wrong="$wrong $k:exit"
	[ "$(cat ran 2>/dev/null | tr '\n' ' ' | sed 's/ $//')" = "$want" ] || wrong="$wrong $k:$(cat ran 2>/dev/null)"
	k=$((k + 1))
done
check "cut off behind each of $k records" test "$k$wrong" = 14

finish
