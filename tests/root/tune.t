#!/bin/bash
# shellcheck disable=SC2015,SC2010,SC2086 # true && true || false; names and words here are our own
# tandem-tune apply, check and undo on this kernel: swap files on every file system that it has, as root, with loop devices.
# All of it in namespaces of its own, with an /etc, /run, /proc/sys, /proc/irq and a PID 1 that are not the machine's; swap
# is the machine's, in small files. Skipped where there are no namespaces, loop devices or swap.
here=$(cd "$(dirname "$0")/.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
[ "$(id -u)" = 0 ] || { echo '1..0 # SKIP not root'; exit 0; }
if [ "${1-}" != inside ]; then
	unshare -mnpf --mount-proc true 2>/dev/null || { echo '1..0 # SKIP no namespaces'; exit 0; }
	work=$(mktemp -d "${TMPDIR:-/tmp}/tandem-tune-XXXXXX") || exit 1
	trap 'rm -rf "$work"' EXIT
	unshare -mnpf --mount-proc --propagation private "$0" inside "$work"
	exit
fi
work=$2
cd "$work" || exit 1
tune=${TANDEM_BIN:-$here/../build/debug/bin}/tandem-tune
all_off() { grep -o "^$work/[^ ]*" /proc/swaps | xargs -r -n1 swapoff; }
trap 'all_off' EXIT

. "$here/root/ok.sh"
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
run() { local want=$1 got; shift; "$@" >out 2>err </dev/null; got=$?; [ $got = "$want" ] || { echo "exit code $got, not $want: $*" >>err; return 1; }; }
says() { grep -qF -- "$1" err || { echo "not said: $1" >>err; return 1; }; }
prints() { grep -qF -- "$1" out || { echo "not printed: $1" >>err; return 1; }; }
is() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'" >>err; return 1; }; }

# --- a machine that is not the host's ---
mkdir -p etc/tandem etc/sysctl.d vm irq/9 fs
printf '[system]\nproduct=ransomeye\ncompatible=test\n' >etc/tandem/system.conf
echo 'UUID=1 / ext4 defaults 0 1' >etc/fstab
cp -a /etc/ld.so.cache /etc/passwd /etc/group /etc/nsswitch.conf etc/ 2>/dev/null
seed() {
	echo 60 >vm/swappiness
	echo 100 >vm/vfs_cache_pressure
	echo 100000 >fs/file-max
	printf '%x\n' $(((1 << $(nproc --all)) - 1)) >irq/default_smp_affinity
	echo 0 >irq/9/smp_affinity_list
}
seed
# 1 GiB of memory, so that swap of as much is little.
small_ram() {
	printf 'MemTotal: %d kB\n' 900000 >ram
	mount --bind ram /proc/meminfo && { [ ! -d /sys/devices/system/memory ] || mount -t tmpfs tmpfs /sys/devices/system/memory; }
}
mount --bind etc /etc && mount --bind vm /proc/sys/vm && mount --bind irq /proc/irq && mount --bind fs /proc/sys/fs &&
	mount -t tmpfs tmpfs /run && mkdir -p /run/lock && small_ram || { echo '1..0 # SKIP nothing can be mounted'; exit 0; }
lock=/run/lock/ransomeye-resource-fail token=/run/ransomeye/tune.ok

# policy POLICY MIB PATH: a tuning.conf
policy() {
	cat >policy.conf <<X
[swap]
policy=$1
path=$3
guarantee=$2M
reserve=1M
smallest=1M
[profile.small]
swap=$2M
[profile.medium]
swap=$2M
[profile.massive]
swap=$2M
[sysctl]
set=vm.swappiness = 10
set=vm.vfs_cache_pressure = 50
set=fs.file-max >= 1000000
X
}
apply() { "$tune" apply --config policy.conf "$@"; }
fresh() { run 0 "$tune" undo --config policy.conf; seed; rm -rf /run/ransomeye /run/tandem "$lock"; }
active() { local name size _; while read -r name _ size _; do [ "$name" != "$1" ] || echo "$size"; done </proc/swaps; } # KiB

truncate -s 8M probe && chmod 600 probe && fallocate -l 8M probe && mkswap -q probe
swapon probe 2>err || { echo "1..0 # SKIP no swap on this machine: $(cat err)"; exit 0; }
swapoff probe

mkfs_of() {
	case $1 in
	ext4) mkfs.ext4 -q -F "$2" ;;
	xfs) mkfs.xfs -q "$2" ;;
	btrfs) mkfs.btrfs -q "$2" ;;
	f2fs) mkfs.f2fs -q "$2" ;;
	esac
}

# --- T1, T2, I7: a swap file on each file system ---
for type in ext4 xfs btrfs f2fs; do
	if ! command -v mkfs.$type >/dev/null; then skip "$type" "no mkfs.$type"; continue; fi
	mkdir -p $type && truncate -s 4G $type.img && mkfs_of $type $type.img >/dev/null 2>err
	if ! mount -o loop $type.img $type 2>err; then skip "$type" "$(tr '\n' ' ' <err)"; continue; fi
	policy profile 64 "$work/$type/swapfile"
	run 0 apply && is "$(active "$work/$type/swapfile")" 65536
	ok "$type: swap is on, of the size that was planned"
	is "$(stat -c '%a %U' $type/swapfile)" '600 root' && is "$(blkid -p -o value -s TYPE -s LABEL $type/swapfile | xargs)" 'tandem-swap swap'
	ok "$type: it is root's alone, and a swap area to blkid"
	[ -e $token ] && [ ! -e $lock ]
	ok "$type: the product may start"
	before=$(stat -c '%i %Y %Z' $type/swapfile $token)
	run 0 apply && prints 'nothing to do' && is "$before" "$(stat -c '%i %Y %Z' $type/swapfile $token)"
	ok "$type: again changes nothing"
	run 0 "$tune" check --config policy.conf && prints 'as planned'
	ok "$type: check finds nothing"
	policy profile 96 "$work/$type/swapfile"
	run 1 "$tune" check --config policy.conf && prints differs
	ok "$type: check finds that more is wanted"
	run 0 apply && is "$(active "$work/$type/swapfile.1")" 32768
	ok "$type: it grows by another file"
	swapoff $type/swapfile && run 0 apply && is "$(active "$work/$type/swapfile")" 65536 && is "$(ls $type | grep -c swapfile)" 2
	ok "$type: one that is off is switched on again"
	swapoff $type/swapfile && truncate -s 1M $type/swapfile && run 0 apply && is "$(active "$work/$type/swapfile")" 65536
	ok "$type: one that was damaged is made anew"
	run 0 "$tune" undo --config policy.conf && is "$(ls $type | grep -c swapfile)" 0 && is "$(grep -c "$work" /proc/swaps)" 0
	ok "$type: undo leaves none"
	[ $type = ext4 ] || umount $type
done

# --- everything else, on ext4 ---
fresh
policy profile 64 "$work/ext4/swapfile"
run 0 apply
ok 'apply'
is "$(cat vm/swappiness) $(cat vm/vfs_cache_pressure) $(cat fs/file-max)" '10 50 1000000'
ok 'sysctls are set (T6)'
grep -q '^vm.swappiness = 10$' /etc/sysctl.d/99-ransomeye.conf
ok 'and said in sysctl.d (I8)'
is "$(grep -c "^$work/ext4/swapfile none swap" /etc/fstab)" 1
ok 'fstab has a line (T2)'
if [ "$(nproc --all)" -gt 1 ]; then
	[ -L /run/systemd/system/ransomeye-core.service.d/cpu-isolation.conf ] && grep -q '^\(CPUAffinity\|AllowedCPUs\)=[0-9]' /run/systemd/system/ransomeye-core.service.d/affinity.conf
	ok 'units have their drop-ins (T4)'
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		skip 'PID 1 has the affinity that its units get' 'this machine has control groups of version 2'
	else
		core=$(sed -n 's/^CPUAffinity=\([0-9].*\)/\1/p' /run/systemd/system/ransomeye-core.service.d/affinity.conf)
		is "$(taskset -cp 1 | sed 's/.*: //')" "$core"
		ok 'without cpusets PID 1 has the affinity of everything else (C10)'
	fi
else
	skip 'drop-ins' 'one processor'
	skip 'affinity' 'one processor'
fi
run 0 apply && prints 'nothing to do'
ok 'a second run, which is confined by the first, changes nothing'
run 0 apply --json && python3 -c 'import json, sys; j = json.load(open("out")); sys.exit(j["result"] != "passed" or j["changed"] or j["reason"])'
ok 'and says so as JSON'
run 0 "$tune" undo --config policy.conf --json && prints '"changed": true'
ok 'undo'
is "$(cat vm/swappiness) $(cat vm/vfs_cache_pressure) $(cat irq/9/smp_affinity_list)" '60 100 0' && is "$(cat /etc/fstab)" 'UUID=1 / ext4 defaults 0 1'
ok 'puts back what was'
[ -z "$(ls -A /etc/sysctl.d)" ] && [ ! -e /run/systemd/system/ransomeye-core.service.d ] && [ ! -e $token ] && is "$(taskset -cp 1 | sed 's/.*: //')" "$(taskset -cp $$ | sed 's/.*: //')"
ok 'and leaves none of its files'
run 0 "$tune" undo --config policy.conf && prints 'nothing to do'
ok 'undo again finds nothing'

# --- what cannot be, fails closed (T5) ---
fails_closed() { # fails_closed TEXT: swap that is required
	run 1 apply && says "CRITICAL: ransomeye must not start" && says "$1" && [ -e $lock ] && [ ! -e $token ] && grep -qF "tune: " $lock
}
unharmed() { is "$(cat vm/swappiness)" 60 && [ ! -e /run/systemd/system/system.slice.d ] && is "$(grep -c "$work" /proc/swaps)" 0; }
fresh
policy guarantee 1024 /run/swapfile
fails_closed tmpfs && unharmed
ok 'a place on tmpfs is refused'
mkdir -p lower upper over tmp && mount -t tmpfs tmpfs tmp && mkdir tmp/up tmp/work && mount -t overlay -o lowerdir=lower,upperdir=tmp/up,workdir=tmp/work overlay over
policy guarantee 1024 "$work/over/swapfile"
fails_closed overlay && unharmed
ok 'a place on overlay is refused'
policy guarantee 1024 "$work/ext4/nowhere/swapfile"
fails_closed 'No such file' && unharmed
ok 'a folder that is not there is refused'
policy guarantee 1024 "$work/ext4/swapfile"
mkdir ext4/swapfile
fails_closed 'a folder is in its place' && [ -d ext4/swapfile ] && unharmed
ok 'a folder of that name is refused and left alone'
rmdir ext4/swapfile && echo precious >ext4/target && ln -s target ext4/swapfile
fails_closed 'a symlink is in its place' && is "$(cat ext4/target)" precious && [ -L ext4/swapfile ] && unharmed
ok 'a symlink of that name is refused and not followed'
rm ext4/swapfile && cp ext4/target ext4/swapfile
fails_closed swapfile && is "$(cat ext4/swapfile)" precious && unharmed
ok 'a file of somebody else is refused and left alone'
rm ext4/swapfile
policy guarantee 8192 "$work/ext4/swapfile"
fails_closed '' && [ ! -e ext4/swapfile ] && unharmed
ok 'a disk that is too full: lock, no file (T7)'
fallocate -l 3G ext4/filler
policy guarantee 1024 "$work/ext4/swapfile"
fails_closed '' && [ ! -e ext4/swapfile ] && unharmed
ok 'a disk that others have filled: lock, no file'
rm ext4/filler
mount -o remount,ro ext4
policy guarantee 1024 "$work/ext4/swapfile"
fails_closed read-only && unharmed
ok 'a read-only file system is refused'
mount -o remount,rw ext4
echo nonsense >swaps && mount --bind swaps /proc/swaps
fails_closed /proc/swaps && unharmed
ok 'corrupt /proc/swaps fails closed and is named'
umount /proc/swaps
echo 'MemTotal: lots' >meminfo && mount --bind meminfo /proc/meminfo
fails_closed /proc/meminfo && unharmed
ok 'corrupt /proc/meminfo fails closed and is named'
umount /proc/meminfo
printf '[swap]\npolicy=maybe\n' >policy.conf
run 2 apply && says policy.conf:2 && [ -e $lock ] && [ ! -e $token ]
ok 'a policy of nonsense fails closed and is named with its line'
policy guarantee 1024 "$work/ext4/swapfile"
run 0 apply && [ -e $token ] && [ ! -e $lock ]
ok 'once it can be had, it passes and the lock goes'

# --- C13: killed at any time: nothing half-made, no token unless all is done ---
fresh
bad=
for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	signal=$([ $((i % 4)) = 3 ] && echo INT || echo KILL)
	policy guarantee 1024 "$work/ext4/swapfile"
	"$tune" apply --config policy.conf >/dev/null 2>&1 &
	python3 -c "import time; time.sleep($i * 0.002)"
	kill -s $signal $! 2>/dev/null
	wait $! 2>/dev/null
	for f in ext4/swapfile*; do
		[ -e "$f" ] || continue
		[ "$(blkid -p -o value -s TYPE "$f")" = swap ] && [ "$(stat -c %s "$f")" = $((1024 * 1048576 + $(getconf PAGESIZE))) ] || bad="$bad $f"
	done
	[ ! -e $token ] || [ "$(active "$work/ext4/swapfile")" = 1048576 ] || bad="$bad token"
	run 0 apply && is "$(active "$work/ext4/swapfile")" 1048576 || bad="$bad apply"
	run 0 "$tune" undo --config policy.conf || bad="$bad undo"
done
is "$bad" ''
ok 'kills and interrupts leave whole files or none, and the next run passes'
is "$(ls ext4 | grep -c swap)" 0
ok 'and undo leaves none'

# --- two at once ---
policy guarantee 1024 "$work/ext4/swapfile"
"$tune" apply --config policy.conf >/dev/null 2>&1 &
run 0 apply; r=$?
wait $! && [ $r = 0 ] && is "$(ls ext4 | grep -c swap)" 1
ok 'two runs at once make one file'
run 0 "$tune" undo --config policy.conf
ok 'undo'
umount ext4
echo "1..$n"
