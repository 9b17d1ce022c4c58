#!/bin/bash
# tandem install URL on a real disk (see install.t), from a real nginx: over the running slot, killed and continued, over a network
# that loses packets. As root only.
. "$(dirname "$0")/../cli/tap.sh"
. "$root/tests/cli/disk.sh"
. "$root/tests/cli/web.sh"
. "$root/tests/root/lossy.sh"
[ "$(id -u)" = 0 ] || skip_all 'not root'
for tool in losetup partx unshare mke2fs nginx openssl python3 ip; do command -v $tool >/dev/null || skip_all "no $tool"; done
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
pid=
trap '[ -z "$pid" ] || kill -KILL $pid; web_stop; lossy_stop; detach; rm -rf "$dir"' EXIT

mkdir -p tree/{usr,etc/tandem/trust.d,dev,proc,sys,run,tmp,var,build,work} www
for link in bin sbin lib lib64; do [ ! -L /$link ] || ln -s "$(readlink /$link)" tree/$link; done
tandem key generate -o k --no-password >/dev/null && cp k.pub tree/etc/tandem/trust.d/
printf '[system]\nproduct=demo\ncompatible=demo-vm\nmode=chooser\n[net]\ntimeout=60\n' >tree/etc/tandem/system.conf
head -c 24M /dev/urandom >tree/usr/content
mke2fs -q -t ext4 -b 4096 -d tree a.img 48M >/dev/null 2>&1
layout 80M >layout.conf
tandem-disk create --progress none -o disk.img --size 250M --config layout.conf --put root-a=a.img --slot a=1.0.0 >/dev/null
attach disk.img
[ -b "${loop}p4" ] || partx -a "$loop" 2>/dev/null
[ -b "${loop}p4" ] || skip_all 'no partitions on loop devices'

# bundle NAME VERSION: next.img
bundle() {
	printf '[bundle]\ncompatible=demo-vm\nversion=%s\nepoch=1\nchunk-size=32K\nlevel=1\n[payload.root]\nkind=image\nfile=next.img\n' "$2" >bundle.conf
	tandem bundle create --progress none --config bundle.conf --key k.key -o "www/$1" >/dev/null
	size=$(stat -c %s "www/$1")
}

# in_slot a PROGRAM ARGS...: with the slot as root file system, on the network $lossy_in
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
	shift
	# shellcheck disable=SC2086 # words
	$lossy_in unshare -m --propagation private sh in_slot "${loop}p3" "$dir" "$TANDEM_BIN" "$@"
}
field() { # field NAME VALUE: a member of the last JSON object
	if grep -qE "\"$1\": \"?$2\"?,?\$" "$out"; then result 0 "JSON: $1 is $2"; else result 1 "JSON: $1 is $2" "$(cat "$out")"; fi
}
# sent: bytes of bodies since the last time. $sent, $requests
sent() {
	sent=$(awk '{ n += $2 } END { print n + 0 }' web/access.log)
	requests=$(wc -l <web/access.log)
	: >web/access.log
}
again() { # give the slot up, and what is on it
	in_slot a tandem rollback >/dev/null 2>&1
	dd if=/dev/zero of="${loop}p4" bs=1M oflag=direct status=none 2>/dev/null
}

rm tree/usr/content && head -c 40M /dev/urandom >tree/usr/content
mke2fs -q -t ext4 -b 4096 -d tree next.img 64M >/dev/null 2>&1
cp next.img new.img
bundle new.reup 2.0.0
new_size=$size
web_start
at=http://127.0.0.1:$port

exits 0 'dry run' in_slot a tandem install --dry-run --json "$at/new.reup"
check 'it says how the bundle is read' grep -q 'over HTTP, by ranges' "$out"
sent
check 'a dry run fetches the front of the bundle only' [ "$sent" -lt 100000 ]
exits 1 'a bundle that is not there' in_slot a tandem install --progress none "$at/nothing.reup"
says 'HTTP status 404'
exits 0 'install' in_slot a tandem install --progress none --json "$at/new.reup"
field result armed
check 'the image is on the slot' cmp -n 67108864 new.img "${loop}p4"
sent
check "each byte was fetched once ($sent of $new_size in $requests requests)" [ "$sent" -lt $((new_size + new_size / 100)) ]
check 'in requests of about 1 MiB' [ "$requests" -lt $((new_size / 900000 + 6)) ]
again
exits 0 'from a server that ignores ranges' in_slot a tandem install --progress none --json "$at/noranges/new.reup"
check 'the image is on the slot' cmp -n 67108864 new.img "${loop}p4"
sent
check "each byte was fetched once ($sent in $requests requests)" [ "$sent" -lt $((new_size + new_size / 100)) ]
again
exits 0 'from standard input' sh -c 'cat www/new.reup | "$@"' sh env bash -c "$(declare -f in_slot); loop=$loop dir=$dir TANDEM_BIN=$TANDEM_BIN lossy_in=; in_slot a tandem install --progress none -"
check 'the image is on the slot' cmp -n 67108864 new.img "${loop}p4"
again

# Killed when some part of it is there.
: >web/access.log
mkfifo progress
in_slot a tandem install --progress=json --limit-rate 20M "$at/new.reup" >progress 2>"$err" </dev/null &
pid=$!
while read -r -t 20 line; do
	[[ $line =~ \"written_bytes\":\ ([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -gt $((6 << 20)) ] && break
done <progress
kill -KILL "$(pgrep -P $pid -x tandem || echo $pid)" 2>/dev/null
wait $pid 2>/dev/null
pid=
exits 0 'an install that was killed goes on' in_slot a tandem install --progress none --json "$at/new.reup"
field action continue
check 'the image is on the slot' cmp -n 67108864 new.img "${loop}p4"
sleep 0.2
sent
check "what was on its way was lost, and no more ($sent of $new_size)" [ "$sent" -lt $((new_size + 6000000)) ]
again

# Adaptive: what slot a holds is not fetched, wherever it lies.
debugfs -R "dump /usr/content tree/usr/moved" a.img 2>/dev/null
head -c 4M tree/usr/content >short && mv short tree/usr/content
mke2fs -q -t ext4 -b 4096 -d tree next.img 64M >/dev/null 2>&1
bundle next.reup 3.0.0
exits 0 'install over the running slot' in_slot a tandem install --progress none --json "$at/next.reup"
check 'the image is on the slot' cmp -n 67108864 next.img "${loop}p4"
sent
check "only what is new was fetched ($sent of $size in $requests requests)" [ "$sent" -lt 6000000 ]
again
exits 0 'one range at a time' in_slot a tandem install --progress none --json "$at/one/next.reup"
sent
# The server began to send all of the file once, as far as the buffers on the way went, which on loopback are large.
check "only what is new was fetched ($sent of $size in $requests requests)" [ "$sent" -lt 12000000 ]
again

# verify-slot --repair: only what is damaged is fetched.
exits 0 'install what is to be damaged' in_slot a tandem install --progress none "$at/new.reup"
sent
exits 0 'a slot that is good' in_slot a tandem verify-slot b --progress none --repair "$at/new.reup"
prints 'slot b: good'
for at_byte in 10000000 10000100 30000000 50000000; do
	printf damage | dd of="${loop}p4" bs=1 seek=$at_byte conv=notrunc status=none
done
blockdev --flushbufs "${loop}p4"
exits 1 'damage is found' in_slot a tandem verify-slot b --progress none
exits 3 'repair: with another bundle' in_slot a tandem verify-slot b --progress none --repair "$at/next.reup"
says 'another image'
exits 1 'repair: the bundle is not there' in_slot a tandem verify-slot b --progress none --repair "$at/nothing.reup"
says 'HTTP status 404'
exits 3 'repair: the slot that runs' in_slot a tandem verify-slot a --progress none --repair "$at/new.reup"
says 'it runs'
exits 2 'repair: --all' in_slot a tandem verify-slot --all --repair "$at/new.reup"
mount -o ro,noload "${loop}p4" mounted 2>/dev/null || { mkdir mounted && mount -o ro,noload "${loop}p4" mounted; }
exits 3 'repair: the slot is mounted' in_slot a tandem verify-slot b --progress none --repair "$at/new.reup"
umount mounted
exits 1 'nothing of that changed the slot' in_slot a tandem verify-slot b --progress none --json
field bad_chunks 3
sent
exits 0 'repair' in_slot a tandem verify-slot b --progress none --repair "$at/new.reup" --json
field repaired true
field bad_chunks 3
field written_bytes 98304
check 'the image is on the slot' cmp -n 67108864 new.img "${loop}p4"
sent
check "only that was fetched ($sent bytes in $requests requests)" [ "$sent" -lt 250000 ]
exits 0 'it is good' in_slot a tandem verify-slot b --progress none
printf damage | dd of="${loop}p4" bs=1 seek=20000000 conv=notrunc status=none
blockdev --flushbufs "${loop}p4"
exits 0 'repair, from a file' in_slot a tandem verify-slot b --progress none --repair www/new.reup
prints 'slot b: repaired: 32.0 KiB written'
dd if=/dev/urandom of="${loop}p2" bs=1M seek=16 count=1 conv=notrunc status=none # what is stored of the slots' bundles
exits 1 'the stored hashes are damaged' in_slot a tandem verify-slot b --progress none
exits 0 'repair mends them' in_slot a tandem verify-slot b --progress none --repair "$at/new.reup"
exits 0 'it is good' in_slot a tandem verify-slot b --progress none
again

web_stop
if lossy_start 2; then
	web_pids=
	web_start
	at=http://$web_address:$port
	exits 0 "2 % of the packets are lost ($lossy_how)" in_slot a tandem install --progress none --json "$at/new.reup"
	check 'the image is on the slot' cmp -n 67108864 new.img "${loop}p4"
	sent
	check "less than 5 % is fetched twice ($sent of $new_size in $requests requests)" [ "$sent" -lt $((new_size + new_size / 20)) ]
else
	skip '2 % of the packets are lost' "$lossy_why"
fi
finish
