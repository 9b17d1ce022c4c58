#!/bin/bash
# Trust sets on a machine: a bundle brings the keys that signed it, old keys are revoked for good, and lost sets are not
# replaced by older ones. As install.t: a loop device, whose slot is the root of a mount namespace; as root only. I9.
. "$(dirname "$0")/../cli/tap.sh"
. "$root/tests/cli/disk.sh"
[ "$(id -u)" = 0 ] || skip_all 'not root'
for tool in losetup partx unshare mke2fs; do command -v $tool >/dev/null || skip_all "no $tool"; done
trap 'detach; rm -rf "$dir"' EXIT

for k in anna bert ci ci2 ci3; do tandem key generate -o $k --no-password >/dev/null; done
mkdir -p tree/{usr,etc/tandem/trust.d,etc/tandem/roots.d,dev,proc,sys,run,tmp,var,build,work}
for link in bin sbin lib lib64; do [ ! -L /$link ] || ln -s "$(readlink /$link)" tree/$link; done
cp ci.pub tree/etc/tandem/trust.d/ && cp anna.pub bert.pub tree/etc/tandem/roots.d/
cat >tree/etc/tandem/system.conf <<'TEXT'
[system]
product=demo
compatible=demo-vm
mode=chooser
[trust]
roots=/etc/tandem/roots.d
root-threshold=2
TEXT
mke2fs -q -t ext4 -d tree a.img 8M >/dev/null 2>&1
layout 80M >layout.conf
tandem-disk create --progress none -o disk.img --size 250M --config layout.conf --put root-a=a.img --slot a=1.0.0 >/dev/null
attach disk.img
[ -b "${loop}p4" ] || partx -a "$loop" 2>/dev/null
[ -b "${loop}p4" ] || skip_all 'no partitions on loop devices'
state=${loop}p2

# Set 1 is the image's own; set 2 takes releases of ci2 instead of ci's; set 3 those of ci3.
tandem trust init -o 1.trust --product demo --root anna.pub --root bert.pub --release ci.pub --root-threshold 2 >/dev/null
tandem trust init -o 2.trust --after 1.trust --remove ci --release ci2.pub >/dev/null
tandem trust init -o 3.trust --after 2.trust --remove ci2 --release ci3.pub >/dev/null
for n in 1 2 3; do tandem trust sign $n.trust --key anna.key --key bert.key >/dev/null; done
cat 1.trust 2.trust >two.trust && cat two.trust 3.trust >three.trust

# bundle NAME VERSION KEY [STATEMENTS]
bundle() {
	rm -rf next && cp -a tree next && echo "$2" >next/usr/content
	mke2fs -q -t ext4 -d next next.img 8M >/dev/null 2>&1
	printf '[bundle]\ncompatible=demo-vm\nversion=%s\nlevel=1\n[payload.root]\nkind=image\nfile=next.img\n' "$2" >bundle.conf
	tandem bundle create --progress none --config bundle.conf --key "$3" -o "$1" ${4:+--trust-update "$4"} >/dev/null
}
bundle new.reup 2.0.0 ci2.key two.trust
bundle old.reup 2.0.1 ci.key
bundle stripped.reup 2.0.2 ci2.key
bundle third.reup 3.0.0 ci3.key three.trust
bundle tail.reup 3.0.1 ci3.key 3.trust
bundle false.reup 2.0.3 ci.key two.trust
python3 - false.reup <<'PYTHON'
import sys
b = bytearray(open(sys.argv[1], "rb").read())
b[b.index(b"epoch=2") + 40] ^= 1
open(sys.argv[1], "wb").write(b)
PYTHON

cat >in_slot <<'X'
set -e
part=$1 dir=$2 bin=$3
shift 3
mount -o ro,noload "$part" "$dir/root"
for folder in usr dev proc sys; do mount --rbind /$folder "$dir/root/$folder"; done
mount --bind "$bin" "$dir/root/build"
mount --bind "$dir" "$dir/root/work"
mount -t tmpfs tmpfs "$dir/root/run"
exec chroot "$dir/root" /bin/sh -c 'cd /work && PATH=/build:$PATH exec "$@"' sh "$@"
X
mkdir root
in_slot() { # in_slot SLOT PROGRAM ARGS...: with the slot as root file system
	local part=${loop}p3
	[ "$1" = a ] || part=${loop}p4
	shift
	unshare -m --propagation private sh in_slot "$part" "$dir" "$TANDEM_BIN" "$@"
}
in_force() { # in_force SLOT EPOCH ORIGIN
	exits 0 "slot $1: what is believed" in_slot "$1" tandem trust show --json
	if grep -q "\"epoch\": $2,\$" "$out" && grep -q "\"origin\": \"$3\"" "$out"; then
		result 0 "is set $2, $3"
	else
		result 1 "is set $2, $3" "$(cat "$out")"
	fi
}

in_force a 0 folder
exits 3 'without its statements a bundle of the new key is refused' in_slot a tandem install --progress none stripped.reup
exits 0 'with them, a dry run passes' in_slot a tandem install --dry-run new.reup
in_force a 0 folder
exits 3 'a false statement makes a bundle of a good key refused' in_slot a tandem install --progress none false.reup
says 'the signed text was changed'
in_force a 0 folder
exits 3 'a chain that begins too late is refused' in_slot a tandem install --progress none tail.reup
says 'statements 1 to 2 are missing'

exits 0 'the bundle that brings the new key is installed' in_slot a tandem install --progress none new.reup
in_force a 2 stored
exits 0 'the boot record knows the set' in_slot a tandem status --json
prints '"trust_epoch": 2'
exits 0 'the trial is ended' in_slot a tandem rollback
exits 3 'the old key is revoked, although the image has it and the trial failed' in_slot a tandem install --progress none old.reup
exits 0 'the new one is not' in_slot a tandem install --progress none stripped.reup
exits 0 'the trial is committed' in_slot b tandem commit
in_force b 2 stored
exits 0 'and gone back from' in_slot b tandem rollback
in_force a 2 stored
exits 0 'that trial is ended' in_slot b tandem rollback

# damage
printf 'x' | dd of="$state" bs=1 seek=$((128 * 1024 + 4200)) conv=notrunc,fsync 2>/dev/null
in_force b 2 stored
prints 'copy 0: damaged'
dd if=/dev/zero of="$state" bs=64K seek=2 count=8 conv=notrunc,fsync 2>/dev/null
exits 0 'when both copies are lost' in_slot b tandem trust show
prints 'NOT BELIEVED: trust set 2 was in force'
exits 3 'the image folder does not take their place' in_slot b tandem install --progress none old.reup
says 'trust set 2 was in force, and what is left here is 0'
exits 3 'nor does half of the history' in_slot b tandem trust update 1.trust
exits 0 'a bundle with all of it does' in_slot b tandem install --progress none third.reup
in_force b 3 stored
exits 3 'and its key is the one that counts' in_slot b tandem install --dry-run stripped.reup
exits 4 'trust update: nothing new' in_slot b tandem trust update three.trust
exits 0 'the slot that was written verifies' in_slot b tandem verify-slot --progress none a

# a host without slots keeps its set in a file; here the image's folder brings it
mkdir -p host.d && cp ci.pub two.trust host.d/
printf '[system]\nproduct=demo\ncompatible=demo-vm\nmode=host\n[trust]\nkeys=%s/host.d\nroots=%s/tree/etc/tandem/roots.d\nroot-threshold=2\n[tree]\nunit=x.service\n' \
	"$dir" "$dir" >host.conf
cat >on_host <<'X'
mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /run || exit 99
tandem install --config host.conf stripped.reup 2>said
echo "$?"
cat said
rm host.d/two.trust
tandem trust show --config host.conf
tandem trust update --config host.conf three.trust
tandem trust show --config host.conf --json | grep '"epoch"'
X
exits 0 'on a host' unshare -m --propagation private sh on_host
prints 'the bundle carries no tree' 'a bundle by the key that the folder leads to is believed, and refused for what it is'
prints 'trust set 2 for demo, from stored' 'the set was kept'
prints 'trust set 3 after 2: in force from now on'
prints '"epoch": 3'
finish
