#!/bin/sh
# tandem-train: a job's models, its disk, the first day, and when a cycle begins. Jobs are shell scripts.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/train.sh"

onnx=$root/tests/data/onnx
good=$onnx/ok-logit.onnx
other=$onnx/ok-foreign.onnx
bad=$onnx/bad-shape.onnx
same() { # same FILE NAME: a job's file is that
	check "$3" cmp "$1" "$folder/core/$2"
}

# --- a new model takes the place of the current one ---
machine
job 10-core "cp $good \$TANDEM_MODEL_NEXT"
exits 0 'a job that leaves a model' train run
same "$good" core.onnx 'it is the current one'
check 'nothing else is there' sh -c "test \"\$(ls $folder/core)\" = core.onnx"
state core model.valid True
job 10-core "cp $other \$TANDEM_MODEL_NEXT"
exits 0 'and another one' train run
same "$other" core.onnx 'that one is current now'
same "$good" core.onnx.prev 'the one before is kept'
job 10-core "cp $bad \$TANDEM_MODEL_NEXT"
exits 1 'one that is not valid' train run
says 'the new model is not taken: core.onnx.next'
same "$other" core.onnx 'does not become current'
same "$bad" core.onnx.rejected 'and is set aside'
job 10-core "cp $good \$TANDEM_MODEL_NEXT" floor=0.5
exits 1 'one without a figure, below a floor' train run
says 'holdout_accuracy'
same "$other" core.onnx 'does not become current either'
job 10-core ': >$TANDEM_MODEL_NEXT'
exits 1 'an empty one' train run
job 10-core 'ln -s /etc/passwd $TANDEM_MODEL_NEXT'
exits 1 'a symlink' train run
says 'no regular file'
same "$other" core.onnx 'and the current one is still there'
job 10-core 'mkfifo $TANDEM_MODEL_NEXT'
exits 1 'a pipe' train run
rm -f "$folder"/core/core.onnx.rejected
job 10-core 'exit 0'
exits 0 'a job that leaves none' train run
state core reason 'no new model'

exits 0 'back to the one before' train rollback core
same "$good" core.onnx 'it is current'
same "$other" core.onnx.prev 'and the other one is kept'
exits 0 'and again' train rollback core
same "$other" core.onnx 'as it was'
rm "$folder/core/core.onnx.prev"
exits 1 'without one before' train rollback core
says "job 'core' has no previous model"
cp "$bad" "$folder/core/core.onnx.prev"
exits 1 'with a broken one before' train rollback core
same "$other" core.onnx 'nothing has changed'
exits 2 'a job that there is not' train rollback x

# --- its disk: R1, R2, R3, C21, and R7 in small ---
machine
job 10-core 'head -c 8M /dev/zero >big.tmp; exit 1' cap=4M
sed -i "s|^head|cd \$TANDEM_FOLDER; head|" r/bin/core
exits 1 'a file that is larger than the cap' train run
check 'is not there in full' sh -c "test \"\$(du -k $folder/core | cut -f1)\" -le 4096"
says 'no room; it is to go on from its checkpoint'
says 'no room, again'
check 'it ran twice: paused, then failed' sh -c 'test "$(grep -c core ran)" = 2'
state core state failed

machine
job 10-core 'cd $TANDEM_FOLDER; for i in 1 2 3 4 5 6; do head -c 900K /dev/zero >$i.checkpoint; sleep 0.7; done' cap=4M
exits 0 'checkpoints beyond the cap' train run
check 'the oldest went, the newest is there' sh -c "test ! -e $folder/core/1.checkpoint && test -e $folder/core/6.checkpoint"

machine
job 10-core 'cd $TANDEM_FOLDER; [ -e go ] && exit 0; touch go; exit 75' cap=4M
exits 0 'a job that had no room once' train run
check 'ran again' sh -c 'test "$(grep -c core ran)" = 2'
state core state done

machine
job 10-core 'cd $TANDEM_FOLDER; for i in 1 2 3 4 5 6; do head -c 900K /dev/zero >$i.data; done' cap=4M
job 20-dpi 'exit 0'
exits 0 'more than the cap in many files, where nothing stops the writes' train run
says 'job=core event=trained cycle=1 reason="went over its cap"'
check 'is cut back' sh -c "test \"\$(du -k $folder/core | cut -f1)\" -le 4096"
state dpi state done

machine
python3 - "$good" <<'TEXT'
import sys
model = open(sys.argv[1], 'rb').read()
# ModelProto.doc_string, 900 KiB of it: still a valid model
text = b'x' * (900 << 10)
def varint(n):
    out = b''
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])
open('large.onnx', 'wb').write(model + b'\x32' + varint(len(text)) + text)
TEXT
job 10-core "cd \$TANDEM_FOLDER; cp $dir/large.onnx core.onnx; cp $dir/large.onnx more.onnx" cap=1M
job 20-dpi 'exit 0'
exits 1 'models that are over the cap by themselves' train run
says 'critical: job=core Model too large for quota'
check 'stay' sh -c "cmp large.onnx $folder/core/core.onnx && cmp large.onnx $folder/core/more.onnx"
check 'an alarm' grep -qx 'tandem_trainer_job_model_too_large{job="core"} 1' r/run/tandem/metrics/trainer.prom
check 'nothing after it ran' sh -c '! grep -q dpi ran'
exits 1 'and they keep it from starting' train run
check 'it did not' sh -c 'test "$(grep -c core ran)" = 1'

machine
sed -i 's/reserve=0/reserve=900T/' r/etc/tandem/trainer.conf
job 10-core 'exit 0'
exits 3 'a disk without room for the caps and the reserve' train run
says 'the trainings do not fit'
check 'nothing was started' absent ran

# R2: files that take up no blocks; a cap of 1 MiB is 256 of them.
machine
job 10-core 'cd $TANDEM_FOLDER; touch $(seq -f %g.tmp 1500) $(seq -f %g.data 1500); sleep 1.5; ls | wc -l' cap=1M
exits 0 'a job that makes nothing but empty files' train run
check 'has them pruned while it runs' sh -c 'test "$(tail -1 r/var/lib/demo/trainer/core.log)" -le 256'
check 'and behind it' sh -c "test \"\$(ls $folder/core | wc -l)\" -le 256"

# --- R5: the first day ---
machine
for j in 10-core 20-dpi 30-agent; do
	job $j 'exit 0' "exec-seed=$dir/seed"
done
cat >seed <<TEXT
#!/bin/sh
echo "seed \$TANDEM_JOB" >>$dir/ran
[ ! -e $dir/fails-\$TANDEM_JOB ] || exit 1
cp $good \$TANDEM_MODEL_NEXT
TEXT
chmod 755 seed
touch fails-dpi
exits 1 'the first day is cut off at dpi' train run --day-one
check 'core has its model' cmp "$good" "$folder/core/core.onnx"
check 'and its marker' test -e r/var/lib/demo/trainer/day-one/core
check 'dpi has none' absent r/var/lib/demo/trainer/day-one/dpi
state core day_one True
rm fails-dpi ran
exits 0 'and goes on' train run --day-one
check 'with dpi' sh -c 'test "$(tr "\n" " " <ran)" = "seed dpi seed agent "'
rm ran
exits 0 'once more: nothing to do' train run --day-one
says 'every job has a valid model'
check 'and nothing ran' absent ran
: >"$folder/dpi/dpi.onnx"
cp "$bad" "$folder/agent/agent.onnx"
exits 0 'an empty model and a broken one' train run --day-one
check 'count as missing' sh -c 'test "$(tr "\n" " " <ran)" = "seed dpi seed agent "'
rm ran
mv "$folder/dpi/dpi.onnx" "$folder/dpi/detector-3.onnx"
exits 0 'a model of another name' train run --day-one
says 'every job has a valid model'
state dpi model.name detector-3.onnx
: >"$folder/dpi/dpi.onnx"
exits 0 'but not when the one of the usual name is broken' train run --day-one
check 'that one is made' sh -c 'test "$(cat ran)" = "seed dpi"'
rm -r ran "$folder/agent"
exits 0 'a cycle' train run
check 'makes what is missing, and trains' sh -c 'test "$(tr "\n" " " <ran)" = "core dpi seed agent agent "'
printf '#!/bin/sh\nexit 0\n' >seed
rm "$folder/core/core.onnx"
exits 1 'a seed that makes nothing' train run --day-one
state core reason 'it has made no model'

# With the program that ships.
machine
job 10-core 'exit 0' "exec-seed=$TANDEM_BIN/tandem-seedtrain"
job 30-agent 'exit 0' "exec-seed=$TANDEM_BIN/tandem-seedtrain --model logistic --source synthetic" floor=0.7
exits 0 'the first day, with tandem-seedtrain' train run --day-one --json
prints '"event": "progress", "job": "core", "seed": true'
prints '"event": "promoted", "job": "agent", "seed": true'
state core model.valid True
state core model.provenance seed-synthetic
exits 0 'the status' train status
prints 'model: valid, holdout_accuracy'
job 10-core 'exit 0' "exec-seed=$TANDEM_BIN/tandem-seedtrain" floor=1
rm -r "$folder/core"
exits 1 'a floor that no model reaches' train run --day-one
says "and the job wants 1"

# --- when ---
machine
job 10-core 'exit 0'
exits 0 'the first cycle is due' train run --due
exits 4 'the next one is not' train run --due
says 'nothing to do: not due: later'
printf 'schedule=off\n' >>r/etc/tandem/trainer.conf
exits 4 'without a schedule' train run --due
says 'no schedule'
printf 'schedule=*:*\nquiet-hours=00:00-00:00\n' >r/x
sed -i '/schedule/d' r/etc/tandem/trainer.conf
cat r/x >>r/etc/tandem/trainer.conf
rm -r r/var/lib/demo/trainer
exits 4 'in quiet hours' train run --due
says 'quiet hours'
exits 0 'but by hand' train run

sed -i '/quiet-hours/d' r/etc/tandem/trainer.conf
echo load-limit-io=50 >>r/etc/tandem/trainer.conf
mkdir -p r/proc/pressure
for what in cpu io memory; do echo 'some avg10=50.00 avg60=0.00 avg300=0.00 total=0' >r/proc/pressure/$what; done
rm -r r/var/lib/demo/trainer
exits 4 'on a busy machine' train run --due
says 'the machine is busy'
echo 'some avg10=49.99 avg60=0.00 avg300=0.00 total=0' >r/proc/pressure/io
exits 0 'which is less so' train run --due

# --- what would be ---
job 20-dpi 'exit 0' "exec-seed=$dir/seed"
rm ran
exits 0 'a dry run' train run --dry-run
golden 'says what would run' <<'TEXT'
core
dpi: its first model
dpi
TEXT
exits 0 'of the first day' train run --dry-run --day-one
golden 'says that, too' <<'TEXT'
dpi: its first model
TEXT
check 'and starts nothing' absent ran
rm r/etc/tandem/jobs.d/20-dpi.job
exits 0 'another cycle' train run

check 'figures for a monitor' grep -qx 'tandem_trainer_job_failing{job="core"} 0' r/run/tandem/metrics/trainer.prom
check 'the cap is one' grep -qx 'tandem_trainer_job_cap_bytes{job="core"} 3221225472' r/run/tandem/metrics/trainer.prom
printf 'rubbish' >r/etc/tandem/trainer.conf
exits 2 'a mistake in trainer.conf' train run
says 'trainer.conf:1'

# --- R5: a first day after a cycle that was cut off, as at the boot behind a power cut ---
machine
job 10-core "[ -e $dir/go ] || { touch $dir/started; sleep 30; }"
job 20-dpi 'exit 0' "exec-seed=$dir/seed"
printf '#!/bin/sh\necho "seed $TANDEM_JOB" >>%s/ran\ncp %s $TANDEM_MODEL_NEXT\n' "$dir" "$good" >seed
rm -f started go
mkdir -p "$folder/core"
cp "$good" "$folder/core/core.onnx"
"$TANDEM_BIN/tandem-train" run --root "$dir/r" >/dev/null 2>&1 &
trainer=$!
for i in $(seq 100); do [ -e started ] && break; sleep 0.1; done
kill -KILL "$trainer"
wait "$trainer" 2>/dev/null
cycle_is() { # cycle_is OPEN: the first one
	check "the first cycle's being open is $1" sh -c 'tandem-train status --json --root r | python3 -c "
import json, sys
s = json.load(sys.stdin)
assert (s[\"cycle\"], s[\"cycle_open\"]) == (1, '"$1"'), s"'
}
rm -f ran
exits 0 'the first day' train run --day-one
check 'makes the model that is missing' sh -c 'test "$(cat ran)" = "seed dpi"'
cycle_is True
exits 0 'once more' train run --day-one
says 'nothing to do'
touch go
rm -f ran
exits 0 'and the cycle' train run
check 'goes on where it was' sh -c 'test "$(tr "\n" " " <ran)" = "core dpi "'
cycle_is False

finish
