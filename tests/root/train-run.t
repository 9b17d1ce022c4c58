#!/bin/bash
# The trainer with real cgroups (version 2), as root: a leaf per job, another user, the memory of it, an end for all that a job and
# a killed trainer have left. In a mount namespace, so that its paths are the machine's own. Skipped where there is no hierarchy.
here=$(cd "$(dirname "$0")/.." && pwd)
bin=${TANDEM_BIN:-$here/../build/debug/bin}
[ "$(id -u)" = 0 ] || { echo '1..0 # SKIP not root'; exit 0; }
if [ -z "$TANDEM_ALONE" ]; then
	# shellcheck disable=SC2016 # the inner shell's
	exec env TANDEM_ALONE=1 unshare --mount sh -c '
		grep -q " - cgroup2 " /proc/self/mountinfo || { mkdir -p /run/tandem-test-cgroup &&
			mount -t cgroup2 none /run/tandem-test-cgroup; } || { echo "1..0 # SKIP no cgroups of version 2"; exit 0; }
		exec "$0"' "$0"
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/tandem-train-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
# This machine, as the trainer sees it.
mkdir -p etc lib run usr /etc/tandem /usr/lib/tandem /run/tandem
mount --bind etc /etc/tandem && mount --bind lib /var/lib && mount --bind run /run/tandem && mount --bind usr /usr/lib/tandem || exit 1
mkdir -p /etc/tandem/jobs.d
printf '[system]\nproduct=demo\ncompatible=demo\nmode=host\n' >/etc/tandem/system.conf
printf '[trainer]\nquota=scan\nreserve=0\n' >/etc/tandem/trainer.conf
{ printf '[swap]\npolicy=profile\n'; printf '[profile.%s]\nswap=0\n' small medium massive; } >/etc/tandem/tuning.conf # no claims on this disk

. "$here/root/ok.sh"
job() { # job NN-NAME SCRIPT LINE...
	local file=$1
	printf '#!/bin/sh\n%s\n' "$2" >"$work/${file#??-}"
	chmod 755 "$work/${file#??-}"
	shift 2
	{ printf '[job]\nexec=%s\nexec-seed=none\n' "$work/${file#??-}"; printf '%s\n' "$@"; } >"/etc/tandem/jobs.d/$file.job"
}
train() { timeout 60 "$bin/tandem-train" run >out 2>err; }
log() { cat /var/lib/demo/trainer/core.log; }

job 10-core 'cat /proc/self/cgroup; id -u; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status'
train
ok 'a job runs'
log | grep -q '/train-core$'
ok 'in a group of its own'
log | grep -qx 500
ok 'with the OOM score of class low'
log | grep -q 'NoNewPrivs:.*1'
ok 'without new privileges'
group=$(sed -n 's/.*job=core event=running.*reason="\([^"]*\)".*/\1/p' err)
[ -n "$group" ] && [ ! -e "$group" ]
ok 'which is gone afterwards'

job 10-core 'id -u; touch $TANDEM_FOLDER/mine && stat -c %u $TANDEM_FOLDER/mine' user=nobody
rm -rf /var/lib/demo/models
chmod 755 /var/lib
train
ok 'a job runs as another user'
[ "$(log | sort -u)" = "$(id -u nobody)" ]
ok 'and its folder is its own'
job 10-core 'exit 0' user=nosuchuser
train
[ $? = 1 ] && grep -q "there is no user 'nosuchuser'" err
ok 'a user that there is not'
cp /etc/passwd /etc/group .
echo demo:x:4711:4711::/:/bin/false >>passwd
seq 5000 5070 | sed 's/.*/demo-&:x:&:demo/' >>group
mount --bind passwd /etc/passwd && mount --bind group /etc/group
job 10-core 'exit 0'
train
[ $? = 1 ] && grep -q "user 'demo' is in more than 64 groups" err
ok 'a job does not run as root since the account of the product cannot be had'
grep -v '^demo-' group >less && cat less >group
job 10-core 'id -u; exec 3</run/tandem/train.lock || exit 9'
rm -rf /var/lib/demo/models
train
log | grep -qx 4711 && [ "$("$bin/tandem-train" status --json | grep -c '"exit_code": 2')" = 1 ]
ok 'it runs as that, and cannot open the lock'
umount /etc/passwd /etc/group

job 10-core "setsid sh -c 'exec env -i sleep 4331.$$' & sleep 0.2; exit 0"
train
ok 'a job that forks away, without its mark'
! pgrep -f "^sleep 4331[.]$$" >/dev/null
ok 'nothing is left of it'
job 10-core "trap '' TERM; setsid env -i sleep 4332.$$ & while :; do sleep 1; done" timeout=1
train
[ $? = 1 ] && grep -q 'not done after 1 s' err
ok 'a job that does not hear SIGTERM is ended after its time'
! pgrep -f "^sleep 4332[.]$$" >/dev/null
ok 'with all that it has started'

# R4: what a killed trainer has left is ended before anything starts; without its mark only its group tells.
job 10-core "setsid env -i sleep 4333.$$ & sleep 0.5; kill -KILL \$PPID; sleep 60"
train
pgrep -f "^sleep 4333[.]$$" >/dev/null
ok 'a trainer is killed, and something of its job lives on'
job 10-core "! pgrep -f '^sleep 4333[.]$$'"
train
ok 'the next trainer ends it before its job starts'
grep -q 'a training of before is ended: /' err
ok 'and says so'

# With a group it was in that is somebody else's place now: nothing is there.
"$bin/tandem-train" status >out 2>err && grep -q '^core  *done' out
ok 'the status'
job 10-core "python3 -c 'x = bytearray(64 << 20)'"
train
"$bin/tandem-train" status --json >out && python3 -c '
import json
peak = json.load(open("out"))["jobs"][0]["peak_memory_bytes"]
assert 64 << 20 <= peak < 512 << 20, peak'
ok 'its peak of memory is known'

# R1, R2, R7: a file system of its own holds a job, and is there again after a boot.
if [ -e /dev/loop-control ] && command -v mke2fs >/dev/null; then
	printf '[trainer]\nquota=loop\nreserve=0\n' >/etc/tandem/trainer.conf
	rm -rf /var/lib/demo /etc/tandem/jobs.d/*
	job 10-core 'cd $TANDEM_FOLDER; echo kept >kept; cat /dev/zero >a.tmp' cap=24M user=nobody
	train
	[ $? = 1 ] && grep -q 'no room; it is to go on' err && grep -q 'no room, again' err
	ok 'a job that fills its own file system is paused once, then failed'
	[ "$(stat -c %b /var/lib/demo/trainer/images/core.img)" -ge $((24 << 11)) ]
	ok 'of which the file has no holes'
	"$bin/tandem-train" plan >out 2>err && grep -q '^  core  *0 B  leaves' out
	ok 'and the plan claims no more for it (C23)'
	[ ! -e /var/lib/demo/models/core/a.tmp ] && grep -qx kept /var/lib/demo/models/core/kept
	ok 'what it has left is pruned'
	umount /var/lib/demo/models/core && [ ! -e /var/lib/demo/models/core/kept ] && job 10-core 'exit 0' cap=24M && train
	grep -qx kept /var/lib/demo/models/core/kept
	ok 'after a boot its folder is there again'
	umount /var/lib/demo/models/core
fi

# A file system of its own is not mounted after a boot: that is no reason to make another first model (R5).
if losetup -f >/dev/null 2>&1 && command -v mke2fs >/dev/null; then
	printf '[trainer]\nquota=loop\nreserve=0\n' >/etc/tandem/trainer.conf
	rm -rf /var/lib/demo
	job 10-core 'exit 0' cap=32M
	printf '#!/bin/sh\necho made >>%s/made\ncp %s $TANDEM_MODEL_NEXT\n' "$work" "$here/data/onnx/ok-logit.onnx" >seed
	chmod 755 seed
	sed -i "s|exec-seed=.*|exec-seed=$work/seed|" /etc/tandem/jobs.d/10-core.job
	timeout 60 "$bin/tandem-train" run --day-one >out 2>err && mountpoint -q /var/lib/demo/models/core
	ok 'a first model on a file system of its own'
	umount /var/lib/demo/models/core && timeout 60 "$bin/tandem-train" run --day-one >out 2>err
	ok 'after a boot'
	[ "$(cat made)" = made ] && cmp -s /var/lib/demo/models/core/core.onnx "$here/data/onnx/ok-logit.onnx"
	ok 'it is found again, and no other is made'
	# Trained, and the power goes before the model is taken: the journal ends with "trained".
	job 10-core "cp $here/data/onnx/ok-foreign.onnx \$TANDEM_MODEL_NEXT; echo trained >>$work/made" cap=32M
	timeout 60 "$bin/tandem-train" run >out 2>err
	python3 -c '
import struct
path = "/var/lib/demo/trainer/journal"
data, at, keep = open(path, "rb").read(), 0, 0
while at < len(data):
    event = data[at + 9]
    at += 8 + struct.unpack_from("<I", data, at)[0]
    keep = at if event == 7 else keep
open(path, "wb").write(data[:keep])'
	models=/var/lib/demo/models/core
	mv $models/core.onnx $models/core.onnx.next && mv $models/core.onnx.prev $models/core.onnx && umount $models
	timeout 60 "$bin/tandem-train" run >out 2>err && cmp -s $models/core.onnx "$here/data/onnx/ok-foreign.onnx"
	ok 'a model that was not taken before a boot is taken after it'
	[ "$(grep -c trained made)" = 1 ]
	ok 'and not trained again'
	umount $models && timeout 60 "$bin/tandem-train" rollback core >out 2>err && cmp -s $models/core.onnx "$here/data/onnx/ok-logit.onnx"
	ok 'after a boot the model before it is found, too'
	umount $models
fi

echo "1..$n"
