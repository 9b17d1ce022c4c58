#!/bin/sh
# The model of the first day (R1, R5, C21): tandem-seedtrain as a job starts it, killed and started again, judged by others.
# In memory where there is some: hundreds of checkpoints are made durable, and disks of test machines are slow.
[ ! -w /dev/shm ] || TMPDIR=/dev/shm
. "$(dirname "$0")/tap.sh"
train() { timeout 60 tandem-seedtrain --source synthetic "$@"; }
small() { train --folder "$1" --job core --rows 10000 --epochs 24 --checkpoint-every 3; }
of_model() { tandem-seedtrain show --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["metadata"][sys.argv[1]])' "$2"; }

# --- as a job starts it ---

exits 0 'a job without a verb, told by its environment' env TANDEM_JOB=dpi TANDEM_FOLDER="$dir/dpi" \
	TANDEM_MODEL_NEXT="$dir/dpi/dpi.onnx.next" tandem-seedtrain --max-disk-mb 3072
prints '"provenance": "seed-synthetic"' 'there is no telemetry: the rows are made up, and the model says so'
prints '"why_synthetic": "' 'it says why'
check 'progress is lines of JSON: step, of, loss' python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
steps = [l for l in lines if l["event"] == "progress"]
assert lines[0]["event"] == "begun" and lines[-1]["event"] == "done", lines
assert steps[-1]["step"] == steps[-1]["of"] == 60 and steps[-1]["loss"] < steps[0]["loss"], steps' "$out"
check 'the model is where the job wants it, and nothing else is left' sh -c 'test "$(ls dpi)" = dpi.onnx.next'
exits 0 'each job has rows of its own' train --folder core --job core
exits 1 'the two models differ' cmp -s dpi/dpi.onnx.next core/core.onnx
exits 0 'the same job again' train --folder again --job core
check 'gives the same bytes' cmp core/core.onnx again/core.onnx

# --- judged by others ---

for model in mlp logistic; do
	exits 0 "$model" train --folder $model --job $model --model $model
	exits 0 'it is valid' tandem-seedtrain show $model/$model.onnx
	prints 'provenance: seed-synthetic'
	exits 0 'rows it has not seen' tandem-seedtrain rows --rows 4000 --seed 77
	mv "$out" rows
	cut -d' ' -f1-6 rows >figures
	exits 0 'are evaluated' sh -c "tandem-seedtrain eval $model/$model.onnx <figures"
	mv "$out" answers
	if /usr/bin/python3 -c 'import onnx, numpy' 2>/dev/null; then
		exits 0 'ONNX takes it, and numpy agrees on every row' /usr/bin/python3 "$root/tests/cli/onnxeval.py" $model/$model.onnx rows answers
		sed 's/^/# /' "$out"
	else
		skip 'ONNX takes it, and numpy agrees on every row' 'python3-onnx and python3-numpy are not installed'
	fi
done
check 'logistic regression is right about more than 0.92' python3 -c 'import sys; assert float(sys.argv[1]) > 0.92' "$(of_model logistic/logistic.onnx holdout_accuracy)"
check 'the perceptron about more than 0.97' python3 -c 'import sys; assert float(sys.argv[1]) > 0.97' "$(of_model mlp/mlp.onnx holdout_accuracy)"

exits 0 'a model of somebody else is valid' tandem-seedtrain show "$root/tests/data/onnx/ok-if.onnx"
exits 1 'but not evaluated' tandem-seedtrain eval "$root/tests/data/onnx/ok-if.onnx"
says 'valid, but not one that can be evaluated here'
exits 1 'a page of a web server is no model' tandem-seedtrain show "$root/tests/data/onnx/bad-html.onnx"
says 'bad-html.onnx is not a valid model'
: >empty.onnx
exits 1 'nothing is no model' tandem-seedtrain show empty.onnx
says 'it is empty'
exits 1 'a row that is too short' sh -c 'echo 1 2 3 | tandem-seedtrain eval mlp/mlp.onnx'
says 'line 1: 3 numbers, want 6'

# --- killed ---

# killed.py FOLDER STEP...: SIGKILL as soon as that step is told; FOLDERn for each, or one after the other in the same one
cat >killed.py <<'PY'
import json, subprocess, sys
killed = 0
for n, step in enumerate(sys.argv[2:]):
    folder = sys.argv[1].replace("%", step)
    p = subprocess.Popen(["tandem-seedtrain", "--source", "synthetic", "--folder", folder, "--job", "core", "--rows", "10000",
                          "--epochs", "24", "--checkpoint-every", "3", "--tell-every", "0"], stdout=subprocess.PIPE)
    for line in p.stdout:
        if json.loads(line).get("step", 0) >= int(step):
            p.kill()
            break
    killed += p.wait() == -9
print(killed)
PY
exits 0 'a training that nobody interrupts' small whole
steps=$(seq 0 24)
# shellcheck disable=SC2086 # several
killed=$(timeout 60 python3 killed.py cut% $steps)
check "killed at each of 24 epochs, and at the end ($killed of 25 while it worked)" [ "$killed" -ge 22 ]
same=0
for step in $steps; do
	small "cut$step" >/dev/null && cmp -s whole/core.onnx "cut$step/core.onnx" && [ "$(ls "cut$step")" = core.onnx ] && same=$((same + 1))
done
check "started again, it ends with the same bytes ($same of 25)" [ "$same" = 25 ]
timeout 60 python3 killed.py often 1 4 7 11 16 20 >/dev/null
exits 0 'killed again and again' small often
check 'the same bytes' cmp whole/core.onnx often/core.onnx

timeout 60 python3 killed.py damaged 9 >/dev/null
check 'one that was killed leaves a checkpoint' ls damaged/seed-a.checkpoint
for f in damaged/*.checkpoint; do
	[ ! -e "$f" ] || printf 'x' | dd of="$f" bs=1 seek=100 conv=notrunc 2>/dev/null
done
exits 0 'with both of its checkpoints damaged' small damaged
check 'it begins anew' cmp whole/core.onnx damaged/core.onnx
timeout 60 python3 killed.py other 9 >/dev/null
exits 0 'a checkpoint of another training' train --folder other --job core --rows 10000 --epochs 23 --checkpoint-every 3
exits 1 'is not gone on from' cmp -s whole/core.onnx other/core.onnx

term() {
	train --folder term --job core --rows 100000 --epochs 500 --checkpoint-every 400 >term.log 2>term.err &
	pid=$!
	while ! grep -q progress term.log; do sleep 0.05; done
	kill -TERM "$(ps -o pid= --ppid $pid | tr -d ' ')"
	wait $pid
}
exits 1 'SIGTERM ends it' term
check 'with a checkpoint' ls term/seed-a.checkpoint
check 'which it says' grep -q 'it goes on from there' term.err
exits 0 'and it goes on' sh -c 'timeout 1 tandem-seedtrain --source synthetic --folder term --job core --rows 100000 --epochs 500 --checkpoint-every 400 || :'
check 'from there' python3 -c 'import json, sys; assert json.loads(open(sys.argv[1]).readline())["step"] > 0' "$out"

# --- room ---

exits 75 'more than its share of the disk (R1)' train --folder big --rows 100 --hidden 4096 --max-disk-mb 1
says 'would be too much'
check 'nothing was written' sh -c 'test -z "$(ls big)"'
mkdir full
dd if=/dev/zero of=full/other bs=1M count=2 2>/dev/null
exits 75 'a folder that others have filled' train --folder full --max-disk-mb 2
exits 0 'just enough' train --folder full --max-disk-mb 3
exits 75 'files that may not grow' sh -c 'ulimit -f 2; exec tandem-seedtrain --source synthetic --folder limit --hidden 4096 --rows 100 --epochs 1 --checkpoint-every 1'
check 'leave nothing half-made' sh -c 'test -z "$(ls limit)"'

# --- mistakes ---

exits 2 'no folder' train
says '--folder'
exits 2 'a model that is none' train --folder x --model forest
exits 2 'a hidden layer of logistic regression' train --folder x --model logistic --hidden 3
exits 2 'too few rows' train --folder x --rows 99
exits 2 'a job with a path for a name' train --folder x --job a/b
exits 2 'a source that is none' tandem-seedtrain --folder x --source web
exits 1 'telemetry, without a database' tandem-seedtrain --folder x --source telemetry --connect "host=$dir/none"
check 'makes no model' absent x/seed.onnx
finish
