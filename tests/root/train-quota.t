#!/bin/bash
# tandem-train run at its real sizes under ext4's project quota, as root (R1, R2, R7): a job that takes 4 GB under a cap of 3, one that takes
# more than 200 MB, and what runs after them. Blocks are allocated and not written. Skipped where the kernel has no quotas. In a mount
# namespace of its own, so that its paths are the machine's.
here=$(cd "$(dirname "$0")/.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
bin=${TANDEM_BIN:-$here/../build/debug/bin}
. "$here/root/ok.sh"
alone quota "$@"
for modules in loop quota_v2; do modprobe -q "$modules" 2>/dev/null; done
truncate -s 16G disk && mkfs.ext4 -q -O quota,project disk 2>/dev/null && mkdir -p /var/lib /etc/tandem /usr/lib/tandem /run/tandem bin etc lib run &&
	mount -o loop,prjquota disk /var/lib 2>/dev/null || { echo '1..0 # SKIP no project quotas'; exit 0; }
mount --bind etc /etc/tandem && mount --bind lib /usr/lib/tandem && mount --bind run /run/tandem && chmod 755 . || exit 1
mkdir /etc/tandem/jobs.d
printf '[system]\nproduct=demo\ncompatible=demo\nmode=host\n' >/etc/tandem/system.conf
printf '[trainer]\nreserve=5G\n' >/etc/tandem/trainer.conf
{ printf '[swap]\npolicy=profile\n'; printf '[profile.%s]\nswap=0\n' small medium massive; } >/etc/tandem/tuning.conf

# job NN-NAME SCRIPT: with the cap that its name has
job() {
	printf '#!/bin/bash\necho "%s begins" >>%s/ran\ncd "$TANDEM_FOLDER" || exit 1\n%s\necho "%s ends" >>%s/ran\n' "${1#*-}" "$PWD/order" "$2" \
		"${1#*-}" "$PWD/order" >"bin/$1"
	chmod 755 "bin/$1"
	printf '[job]\nexec=%s\nexec-seed=none\nuser=nobody\n' "$PWD/bin/$1" >"/etc/tandem/jobs.d/$1.job"
}
order() { mkdir -p order && chmod 777 order && rm -f order/ran; }
train() { timeout 120 "$bin/tandem-train" "$@" >out 2>err; }
mib() { du -sm "/var/lib/demo/models/$1" | cut -f1; }
TAKE='for i in 1 2 3 4 5 6 7 8; do fallocate -l %s part$i.tmp || exit 1; done'

order
for name in 10-core 20-dpi 30-agent; do job $name :; done
train plan
ok 'the plan: all of it fits'
[ "$(grep -c 'cap: project quota$' out)" = 3 ]
ok 'each job is to have a project quota'
train run
ok 'three jobs'
[ "$(tr '\n' ' ' <order/ran)" = 'core begins core ends dpi begins dpi ends agent begins agent ends ' ]
ok 'each begins when the one before has ended (R4, R7)'
[ "$(grep -c 'cap=project quota 1413' err)" = 3 ]
ok 'under their quotas'

# shellcheck disable=SC2059 # the format is ours
job 10-core "$(printf "$TAKE" 512M)"
order
train run
[ $? = 1 ] && grep -q 'job=core event=paused' err && grep -q 'job=core event=failed.*no room, again: .* of 3.0 GiB' err
ok 'core takes 4 GB under a cap of 3: paused once, then failed (R7)'
[ "$(mib core)" -le $((3072 * 8 / 10)) ]
ok 'what it has left is pruned'
! grep -q dpi order/ran && grep -q 'job=dpi event=skipped' err
ok 'dpi does not start (R7)'

job 10-core 'fallocate -l 3000M mock && fallocate -l 1000M mock2 || exit 1'
rm -rf /var/lib/demo/models/core/*
train run --job core
[ $? = 1 ] && [ "$(mib core)" -le 3072 ]
ok 'files of any name are held (R1)'

# shellcheck disable=SC2059
job 30-agent "$(printf "$TAKE" 50M)"
train run --job agent
[ $? = 1 ] && grep -q 'no room, again: .* of 200.0 MiB' err && [ "$(mib agent)" -le 160 ]
ok 'agent takes 400 MB under a cap of 200 (R7)'

job 30-agent 'fallocate -l 100M a.tmp && mv a.tmp /var/lib/elsewhere/ && fallocate -l 150M b.tmp || exit 1'
rm -rf /var/lib/demo/models/agent/*
mkdir -m 777 /var/lib/elsewhere
train run --job agent
[ $? = 1 ] && [ -e /var/lib/elsewhere/a.tmp ]
ok 'what it moves elsewhere counts all the same'

# A job on another disk has a budget there.
mkdir other && mount -t tmpfs -o size=60M tmpfs other
job 40-other :
printf 'cap=50M\nfolder=%s/other/models\n' "$PWD" >>/etc/tandem/jobs.d/40-other.job
printf '[trainer]\nreserve=5M\n' >/etc/tandem/trainer.conf
train plan
[ $? = 0 ] && [ "$(grep -c ' free$' out)" = 2 ] && grep -A3 '/other: 60.0 MiB free' out | grep -q 'other  *50.0 MiB  leaves 5.0 MiB'
ok 'two disks, two tables (C23)'
printf '[trainer]\nreserve=11M\n' >/etc/tandem/trainer.conf
train plan
[ $? = 3 ] && grep -q 'other: the trainings do not fit: 60.0 MiB free, 1.0 MiB are missing' err
ok 'and what does not fit on one of them is refused'

echo "1..$n"
umount other /var/lib
