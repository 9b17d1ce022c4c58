#!/bin/bash
# shellcheck disable=SC2016 # what is in single quotes is for the inner shell
# tandem install of deltas on a real disk: the base is the running slot, a partition of a loop device that is mounted and
# read with O_DIRECT. It is known by its stored head, or read; another one is refused, a damaged one is found out. As root.
. "$(dirname "$0")/../cli/tap.sh"
. "$root/tests/cli/disk.sh"
[ "$(id -u)" = 0 ] || skip_all 'not root'
for tool in losetup partx unshare mke2fs; do command -v $tool >/dev/null || skip_all "no $tool"; done
export TMPDIR="$dir"
trap 'detach; rm -rf "$dir"' EXIT

mkdir -p tree/{usr,etc/tandem/trust.d,dev,proc,sys,run,tmp,var,build,work}
for link in bin sbin lib lib64; do [ ! -L /$link ] || ln -s "$(readlink /$link)" tree/$link; done
tandem key generate -o k --no-password >/dev/null && cp k.pub tree/etc/tandem/trust.d/
printf '[system]\nproduct=demo\ncompatible=demo-vm\nmode=chooser\nattempts=2\n' >tree/etc/tandem/system.conf
head -c 8M /dev/urandom >first && head -c 1M /dev/urandom >second && head -c 200K /dev/urandom >third

# bundle N FILE...: version N.0.0, with these files one after the other as content
bundle() {
	local n=$1
	shift
	rm -rf next && cp -a tree next && cat "$@" >next/usr/content && echo "version $n" >next/usr/version
	mke2fs -q -t ext4 -b 4096 -d next v$n.img 20M >/dev/null 2>&1
	printf '[bundle]\ncompatible=demo-vm\nversion=%s.0.0\nepoch=1\nlevel=1\n[payload.root]\nkind=image\nfile=v%s.img\n' \
		$n $n >bundle.conf
	tandem bundle create --progress none --config bundle.conf --key k.key -o v$n.reup >/dev/null
}
bundle 1 first
bundle 2 second first
bundle 3 first third second
for pair in 1-2 2-3 1-3; do
	tandem bundle delta v${pair%-*}.reup v${pair#*-}.reup -o $pair.reup --key k.key --progress none >/dev/null
done
layout 80M >layout.conf
tandem-disk create --progress none -o disk.img --size 250M --config layout.conf --put root-a=v1.img --slot a=1.0.0 >/dev/null
attach disk.img
[ -b "${loop}p4" ] || partx -a "$loop" 2>/dev/null
[ -b "${loop}p4" ] || skip_all 'no partitions on loop devices'

# in_slot SLOT PROGRAM ARGS...: with the slot as root file system
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
in_slot() {
	local part=${loop}p3
	[ "$1" = a ] || part=${loop}p4
	shift
	(exec unshare -m --propagation private sh in_slot "$part" "$dir" "$TANDEM_BIN" "$@")
}

check 'the delta is small' test "$(stat -c %s 1-2.reup)" -lt 1400000
exits 3 'a delta of another image is refused' in_slot a tandem install --progress none 2-3.reup
says 'the bundle is a delta, made from another image than the one that runs in slot a'
says 'next: install the full bundle of this version, or the delta from the version that runs'
exits 0 'and nothing was changed' in_slot a tandem status
prints 'idle'
exits 0 'the base is read, where no head is kept of it' in_slot a tandem install --dry-run --json 1-2.reup
prints 'slot a holds the image that the delta was made from, read in full'
exits 0 'a delta is installed' in_slot a tandem install --progress none 1-2.reup
prints 'slot b: version 2.0.0 is armed'
check 'the image is on the slot' cmp -n $((20 << 20)) v2.img "${loop}p4"
exits 0 'and is verified by the hashes in the delta' in_slot a tandem verify-slot --progress none b
exits 0 'it is committed' in_slot b tandem commit
exits 3 'the delta that led here does not lead on' in_slot b tandem install --progress none 1-3.reup

exits 0 'the base is known by its head' in_slot b tandem install --dry-run --json 2-3.reup
prints '"slot b holds the image that the delta was made from"'
cp 2-3.reup short.reup && truncate -s -100 short.reup
exits 1 'a delta that ends early is refused' in_slot b tandem install --progress none short.reup
# A byte of what was second in v1 and is first in v2: in the middle of what v3 has as well.
base=$(python3 - "${loop}p4" second <<'X'
import sys
print(open(sys.argv[1], "rb").read(20 << 20).find(open(sys.argv[2], "rb").read(4096)))
X
)
dd if="${loop}p4" of=kept bs=4096 skip=$((base / 4096 + 100)) count=1 status=none
dd if=/dev/urandom of="${loop}p4" bs=4096 seek=$((base / 4096 + 100)) count=1 oflag=direct status=none
exits 1 'a damaged base is found out' in_slot b tandem install --progress none 2-3.reup
says 'is damaged, or is not the image that the delta was made for'
says 'next: the full bundle needs no such image'
exits 0 'nothing is armed then' in_slot b tandem slots
prints 'committed, running'
dd if=kept of="${loop}p4" bs=4096 seek=$((base / 4096 + 100)) count=1 oflag=direct status=none
exits 0 'with the right base the install goes on' in_slot b tandem install --progress none 2-3.reup
check 'the image is on the slot' cmp -n $((20 << 20)) v3.img "${loop}p3"
exits 0 'and is committed' in_slot a tandem commit
exits 0 'the full bundle needs no base' in_slot a tandem install --progress none --allow-downgrade v2.reup
check 'the image is on the slot' cmp -n $((20 << 20)) v2.img "${loop}p4"
exits 0 'and is committed' in_slot b tandem commit

# Of a full bundle what the running slot has is copied: 9 MiB of it here, by the head of the bundle that is installed.
scrub() { dd if=/dev/urandom of="$1" bs=1M count=20 oflag=direct status=none; }
scrub "${loop}p3"
exits 0 'a full bundle is installed over what runs' in_slot b tandem install --progress none --json v3.reup
check 'the image is on the slot' cmp -n $((20 << 20)) v3.img "${loop}p3"
json_number() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$out" | head -1; }
copied=$(json_number copied_bytes) fetched=$(json_number fetched_bytes)
check "most of it was copied ($copied bytes)" test "$copied" -ge 9000000
check "and little read from the bundle ($fetched bytes)" test "$fetched" -lt $((1 << 20))
exits 0 'it is committed' in_slot a tandem commit

# Encrypted: chunks of a delta, and the head that is kept of it.
tandem key generate --encryption -o device >/dev/null
{ cat tree/etc/tandem/system.conf && printf '[encryption]\nkey=/%s/device.key\n' work; } >with-key.conf
tandem bundle delta v3.reup v2.reup -o secret.reup --key k.key --encrypt-to device.recipient --progress none >/dev/null
scrub "${loop}p4"
exits 3 'an encrypted delta wants its key' in_slot a tandem install --progress none --allow-downgrade secret.reup
says 'encrypted, and there is no key that decrypts'
exits 0 'with it it is installed' in_slot a tandem install --config with-key.conf --progress none --allow-downgrade secret.reup
check 'the image is on the slot' cmp -n $((20 << 20)) v2.img "${loop}p4"
exits 0 'and is verified by the hashes in the delta' in_slot a tandem verify-slot --config with-key.conf --progress none b
finish
