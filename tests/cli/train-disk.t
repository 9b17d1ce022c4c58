#!/bin/sh
# tandem-train plan and prune, and the caps of jobs: R1, R2, R3, R6, R7, C21, C23. What the kernel keeps is in
# tests/root/train-cap.t; here nothing but looks does.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/train.sh"

# put FILE KIB SECOND: in the folders of jobs, so old
put() {
	mkdir -p "$folder/${1%/*}"
	dd if=/dev/zero of="$folder/$1" bs=1024 count="$2" status=none
	touch -d "@$3" "$folder/$1"
}
# claims: of the first disk in .out: names, and whether all fits
claims() {
	python3 -c '
import json
plan = json.load(open(".out"))
print(*[c["name"] for c in plan["disks"][0]["claims"]], plan["fits"])'
}

# --- plan ---
machine
exits 0 'plan without jobs' train plan
prints 'no jobs'
job 10-core 'exit 0'
job 20-dpi 'exit 0' cap=2G
job 30-agent 'exit 0'
exits 0 'plan with three' train plan --json
check 'serves them behind swap and reserve (C23)' test "$(claims)" = 'swap reserve core dpi agent True'
check 'with the caps that names have (R1)' python3 -c '
import json
jobs = json.load(open(".out"))["jobs"]
assert [j["cap_bytes"] >> 20 for j in jobs] == [3072, 2048, 200], jobs
assert all(j["cap"] == "scan" and j["used_bytes"] == 0 for j in jobs), jobs'
check 'plan makes no folders' absent r/var
put core/big.tmp 4096 1
exits 0 'plan for people' train plan
prints 'core: 4.0 MiB of 3.0 GiB used, sizes add up to 4.0 MiB; cap: each file'
prints 'reserve'
prints 'leaves'
prints 'swap is not in it: ' 'it says that a bare tree tells nothing of swap'
printf '[trainer]\nquota=scan\nreserve=900T\n' >r/etc/tandem/trainer.conf
exits 3 'what does not fit is refused (C23)' train plan
prints 'does not fit'
says 'the trainings do not fit: '
says 'tandem-train plan has the table'
exits 3 'and a cycle is refused before anything runs' train run
says 'the trainings do not fit'
check 'nothing ran' absent ran
printf '[trainer]\nquota=project\nreserve=0\n' >r/etc/tandem/trainer.conf
train plan >.out 2>.err
check 'a kind of cap that is asked for has to be there' grep -q 'cap: project quota\|: no project quota' .out .err

# A captured machine: tandem-tune would make 16 GiB of swap there.
"$root/scripts/capture-facts" --unpack "$root/tests/data/facts/small-4g.txt" r || exit 1
printf '[trainer]\nquota=scan\nreserve=0\n' >r/etc/tandem/trainer.conf
train plan --json >.out 2>.err
check 'swap is what tandem-tune would make' python3 -c '
import json
claim = json.load(open(".out"))["disks"][0]["claims"][0]
assert (claim["name"], claim["bytes"]) == ("swap", 16 << 30), claim'

# --- prune ---
machine
job 10-core 'exit 0' cap=10M
job 20-dpi 'exit 0' cap=10M
exits 4 'prune with nothing to do' train prune
prints 'core: 0 B of 10.0 MiB used'
put core/1.checkpoint 3072 100
put core/2.tmp 3072 200
put core/sub/3.tmp 1024 50
put core/4.checkpoint 3072 400
put dpi/1.tmp 9216 1
exits 0 'plan says what a run would begin with' train plan
prints 'a run would begin with pruning: 6.0 MiB of 10.0 MiB used; 2 files would be removed, 4.0 MiB'
exits 0 'prune says what it would do' train prune --dry-run core
prints 'core: would remove sub/3.tmp, 1.0 MiB'
check 'and does nothing' test -e "$folder/core/sub/3.tmp"
exits 0 'prune takes the oldest, down to 80 % (R2)' train prune core
prints 'core: removed sub/3.tmp, 1.0 MiB'
prints 'core: removed 2.tmp, 3.0 MiB'
check 'the last checkpoints stay' test -e "$folder/core/1.checkpoint" -a -e "$folder/core/4.checkpoint"
check 'other jobs keep theirs' test -e "$folder/dpi/1.tmp"
exits 2 'a job that there is not' train prune cores
says "there is no job 'cores'"
exits 0 'prune of all' train prune --json
check 'says it in JSON' python3 -c '
import json
dpi = json.load(open(".out"))["jobs"][1]
assert (dpi["name"], dpi["removed"], dpi["outcome"]) == ("dpi", 1, "within"), dpi
assert dpi["files"][0] == {"path": "1.tmp", "kind": "temporary", "verdict": "remove", "bytes": 9216 << 10}, dpi'

# R7, C21: a mock file far over the cap goes; a symlink out of the folder leads nowhere.
put core/mock 40960 1
mkdir -p outside && echo precious >outside/x.tmp
ln -s "$dir/outside" "$folder/core/out"
exits 0 'over the cap others go as well' train prune core
prints 'core: removed mock, 40.0 MiB'
check 'what is outside stays' test -e outside/x.tmp

# R3: a valid model is never removed.
"$TANDEM_BIN/tandem-seedtrain" --job core --out "$folder/core/core.onnx" --folder "$folder/core" >/dev/null 2>&1 </dev/null
if [ -s "$folder/core/core.onnx" ]; then
	exits 0 'the model is there' test -s "$folder/core/core.onnx"
	put core/mock 40960 1
	exits 0 'prune beside a model' train prune core
	check 'leaves it' test -s "$folder/core/core.onnx"
else
	skip 'a model stays' 'no tandem-seedtrain'
fi

# --- a job that writes more than its cap, R2, R6, R7 ---
machine
job 30-agent 'cd "$TANDEM_FOLDER"; i=0; while [ $i -lt 90 ]; do i=$((i + 1)); head -c 1048576 /dev/zero >$i.tmp; [ $((i % 10)) != 0 ] || sleep 0.5; done; exit 0' cap=8M
exits 0 'a job that writes eleven times its cap' train run
says 'files removed' 'what it has written is pruned while it runs'
says 'went over its cap' 'the violation is said'
check 'what it leaves is below its cap' sh -c "test \$(du -sm $folder/agent | cut -f1) -le 8"
machine
job 10-core 'cd "$TANDEM_FOLDER" && head -c 40M /dev/zero >big; exit 9' cap=20M
exits 1 'a job that writes one file of twice its cap' train run
check 'is held at its cap, and the file is deleted' absent "$folder/core/big"
machine
job 10-core 'echo "write: No space left on device" >&2; exit 9'
exits 1 'a job that says it has no room, far below its cap' train run
says 'job=core event=paused' 'is given another chance'
says 'no room, again'

finish
