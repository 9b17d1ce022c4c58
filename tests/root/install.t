#!/bin/bash
# shellcheck disable=SC2016 # what is in single quotes is for the inner shell
# tandem install, status, slots, commit, rollback, verify-slot as processes on a real disk: a loop device with partitions,
# whose slot is the root file system of a mount namespace of its own. mode=chooser, so that neither vfat nor firmware is
# needed; the VM tests do the rest. As root only.
. "$(dirname "$0")/../cli/tap.sh"
. "$root/tests/cli/disk.sh"
[ "$(id -u)" = 0 ] || skip_all 'not root'
for tool in losetup partx unshare mke2fs; do command -v $tool >/dev/null || skip_all "no $tool"; done
pid=
trap '[ -z "$pid" ] || kill -KILL $pid; detach; rm -rf "$dir"' EXIT

mkdir -p tree/{usr,etc/tandem/trust.d,dev,proc,sys,run,tmp,var,build,work}
for link in bin sbin lib lib64; do [ ! -L /$link ] || ln -s "$(readlink /$link)" tree/$link; done
tandem key generate -o k --no-password >/dev/null && cp k.pub tree/etc/tandem/trust.d/
printf '[system]\nproduct=demo\ncompatible=demo-vm\nmode=chooser\nattempts=2\n' >tree/etc/tandem/system.conf
mke2fs -q -t ext4 -d tree a.img 8M >/dev/null 2>&1
layout 80M >layout.conf
tandem-disk create --progress none -o disk.img --size 250M --config layout.conf --put root-a=a.img --slot a=1.0.0 >/dev/null
attach disk.img
[ -b "${loop}p4" ] || partx -a "$loop" 2>/dev/null
[ -b "${loop}p4" ] || skip_all 'no partitions on loop devices'

# bundle NAME VERSION EPOCH: a root image whose content depends on the version
bundle() {
	rm -rf next && cp -a tree next && seq 1 20000 | sed "s/\$/ $2/" >next/usr/content
	mke2fs -q -t ext4 -U 5f0d3c1e-7a42-4b8e-9c55-0a1b2c3d4e5f -d next next.img 12M >/dev/null 2>&1
	printf '[bundle]\ncompatible=%s\nversion=%s\nepoch=%s\nchunk-size=64K\nlevel=1\n[payload.root]\nkind=image\nfile=next.img\n' \
		"${4-demo-vm}" "$2" "$3" >bundle.conf
	tandem bundle create --progress none --config bundle.conf --key "${5-k.key}" -o "$1" "${@:6}" >/dev/null && cp next.img "$1.img"
}
# large_bundle NAME VERSION: takes seconds to install: small chunks that cannot be compressed
large_bundle() {
	head -c 64M /dev/urandom >next.img
	printf '[bundle]\ncompatible=demo-vm\nversion=%s\nepoch=2\nchunk-size=4K\nlevel=1\n[payload.root]\nkind=image\nfile=next.img\n' "$2" >bundle.conf
	tandem bundle create --progress none --config bundle.conf --key k.key -o "$1" >/dev/null && mv next.img "$1.img"
}
bundle v2.reup 2.0.0 1
bundle v3.reup 3.0.0 2
bundle old.reup 0.9.0 1
bundle foreign.reup 2.0.0 1 other-vm

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
become() { # as in_slot, and the program takes the place of this shell
	local part=${loop}p3
	[ "$1" = a ] || part=${loop}p4
	shift
	exec unshare -m --propagation private sh in_slot "$part" "$dir" "$TANDEM_BIN" "$@"
}
in_slot() { (become "$@"); }
field() { # field NAME VALUE: a member of the last JSON object
	if grep -qE "\"$1\": \"?$2\"?,?\$" "$out"; then result 0 "JSON: $1 is $2"; else result 1 "JSON: $1 is $2" "$(cat "$out")"; fi
}

exits 0 'status' in_slot a tandem status
prints 'slot a' && prints 'not started by tandem-init'
exits 0 'status as JSON' in_slot a tandem status --json
field committed a
field phase idle
field slot a
exits 0 'slots' in_slot a tandem slots
prints 'version 1.0.0'
exits 4 'commit: nothing to do' in_slot a tandem commit
exits 3 'rollback: nothing to go back to' in_slot a tandem rollback
exits 1 'verify-slot: the builder left no signed hashes' in_slot a tandem verify-slot a
says '--bundle FILE'

exits 3 'install: for another machine' in_slot a tandem install --progress none foreign.reup
says "the bundle is for 'other-vm'"
exits 3 'install: a lower version' in_slot a tandem install --progress none old.reup
says '--allow-downgrade'
exits 3 'install: into the running slot' in_slot a tandem install --slot a --progress none v2.reup
cp v2.reup cut.reup && truncate -s -5000 cut.reup
exits 1 'install: a bundle that ends early' in_slot a tandem install --progress none cut.reup
exits 0 'nothing was changed' in_slot a tandem status --json
field phase idle

exits 0 'install --dry-run' in_slot a tandem install --dry-run v2.reup
prints 'nothing was changed'
exits 0 'install --dry-run --json' in_slot a tandem install --dry-run --json v2.reup
field result passed
field action write
exits 0 'still nothing was changed' in_slot a tandem status --json
field phase idle

mkdir mounted && mke2fs -q -t ext4 "${loop}p4" 2>/dev/null && mount -o ro "${loop}p4" mounted
exits 3 'install: the target is mounted' in_slot a tandem install --progress none v2.reup
umount mounted

exits 0 'install' in_slot a tandem install --progress none v2.reup
prints 'slot b: version 2.0.0 is armed'
check 'the image is on the slot' cmp -n 12582912 v2.reup.img "${loop}p4"
exits 0 'status: a trial is armed' in_slot a tandem status --json
field phase trial
field target b
exits 3 'install: a trial is going on' in_slot a tandem install --progress none v3.reup
exits 3 'commit: the trial does not run' in_slot a tandem commit
exits 0 'verify-slot b' in_slot a tandem verify-slot --progress none b
prints 'slot b: good'
exits 0 'slots' in_slot b tandem slots
prints 'slot a:     good       version 1.0.0'
prints 'slot b:     trial      version 2.0.0'
exits 0 'slots as JSON' in_slot b tandem slots --json
field condition trial
field state writing
exits 3 'commit --json: refused' in_slot a tandem commit --json
golden 'the JSON is as documented' <<'TEXT'
{
  "result": "refused",
  "error": "slot b is on trial, but slot a runs",
  "next": "only what was started on trial can be committed: reboot to try it",
  "slot": null,
  "version": null
}
TEXT
exits 0 'commit --json, on the trial' in_slot b tandem commit --json
golden 'the JSON is as documented' <<'TEXT'
{
  "result": "committed",
  "error": null,
  "next": null,
  "slot": "b",
  "version": "2.0.0"
}
TEXT
exits 4 'commit --json: nothing to do' in_slot b tandem commit --json
golden 'the JSON is as documented' <<'TEXT'
{
  "result": "nothing",
  "error": "slot b is committed already",
  "next": null,
  "slot": "b",
  "version": "2.0.0"
}
TEXT
exits 0 'status: it is committed' in_slot b tandem status --json
field committed b
field result committed
exits 4 'install: the same image again' in_slot b tandem install --progress none v2.reup
exits 0 'verify-slot --all --bundle is a mistake, b with its bundle is not' in_slot b tandem verify-slot --bundle v2.reup b

exits 0 'install --progress=json' in_slot b tandem install --progress=json v3.reup
prints '"event": "progress"' && prints '"phase": "image"' && prints '"event": "end"' && prints '"result": "armed"'
check 'each line is an object' sh -c '! grep -vE "^\{.*\}$" "$1"' sh "$out"
exits 0 'rollback: the trial is over before it began' in_slot b tandem rollback --json
golden 'the JSON is as documented' <<'TEXT'
{
  "result": "trial-ended",
  "error": null,
  "next": null,
  "slot": "a",
  "version": "3.0.0",
  "committed": "b",
  "reboot": false
}
TEXT
exits 0 'status: it has failed' in_slot b tandem status --json
field phase failed
field reason operator
exits 3 'rollback: the other slot is bad now' in_slot b tandem rollback

exits 0 'install v3 again' in_slot b tandem install --progress none --json v3.reup
field written_bytes 0
field result armed
exits 0 'commit' in_slot a tandem commit
prints 'slot a: version 3.0.0 is committed'
exits 3 'rollback: below the floor' in_slot a tandem rollback --json
says '--below-floor'
golden 'the JSON is as documented' <<'TEXT'
{
  "result": "refused",
  "error": "slot b has security epoch 1, below the floor 2",
  "next": "an explicit rollback may give --below-floor",
  "slot": null,
  "version": null,
  "committed": null,
  "reboot": false
}
TEXT
exits 0 'rollback --below-floor' in_slot a tandem rollback --below-floor --json
golden 'the JSON is as documented' <<'TEXT'
{
  "result": "armed",
  "error": null,
  "next": null,
  "slot": "b",
  "version": "2.0.0",
  "committed": "a",
  "reboot": false
}
TEXT
exits 0 'commit of the rollback' in_slot b tandem commit

# install_until_written BUNDLE: start it, and let it run only a few milliseconds at a time, so that however fast the disk is it
# stands still in the middle when its progress says that something was written. $pid; fails when it ended before.
install_until_written() {
	local line
	mkfifo progress
	become b tandem install --progress=json --workers 1 "$1" >progress 2>"$err" </dev/null &
	pid=$!
	exec 3<progress
	rm progress
	: >"$out"
	while kill -CONT $pid 2>/dev/null && sleep 0.005 && kill -STOP $pid 2>/dev/null; do
		while read -r -t 0.2 line <&3; do
			printf '%s\n' "$line" >>"$out"
			[[ $line =~ '"phase": "image"' && ! $line =~ '"written_bytes": 0,' ]] && return 0
		done
	done
	wait $pid
	pid=
	return 1
}

# stopped SIGNAL BUNDLE: an install that is ended by the signal. $durable: how far it came
stopped() {
	local code
	for _ in {1..10}; do install_until_written "$2" && break || in_slot b tandem rollback >/dev/null; done
	kill -"$1" $pid && sleep 0.2 && kill -CONT $pid # it looks for signals ten times a second: the next look is due now
	cat <&3 >>"$out"
	exec 3<&-
	wait $pid
	code=$? pid=
	durable=$(sed -n 's/.*"result": "interrupted".*"durable_bytes": \([0-9]*\).*/\1/p' "$out")
	[ "$code" = 1 ] && [ -n "$durable" ]
	result $? "SIG$1 ends an install with exit code 1" "exit code $code: $(tail -n 1 "$out")"
	says 'the same command goes on from there'
	check 'it ended at the edge of a chunk' sh -c '[ "$1" -gt 0 ] && [ "$1" -lt 67108864 ] && [ $(($1 % 4096)) = 0 ]' sh "$durable"
	check 'what it calls durable is on the slot' cmp -n "$durable" "$2.img" "${loop}p3"
	exits 0 'the slot is not armed' in_slot b tandem status --json
	field phase writing
	field committed b
}
large_bundle v4.reup 4.0.0
stopped INT v4.reup
before=$durable
stopped TERM v4.reup
check 'the second run went on from the first' [ "$durable" -gt "$before" ]
exits 0 'the third run does the rest' in_slot b tandem install --progress none --json v4.reup
field action continue
field skipped_bytes "$durable"
field result armed
check 'all of the image is there' cmp -n 67108864 v4.reup.img "${loop}p3"
exits 0 'rollback: it was only to be interrupted' in_slot b tandem rollback
prints 'slot a: its trial is over; slot b stays the committed one'
exits 0 'install v3 in its place' in_slot b tandem install --progress none v3.reup
exits 0 'commit' in_slot a tandem commit
exits 0 'rollback --below-floor' in_slot a tandem rollback --below-floor
exits 0 'commit of the rollback' in_slot b tandem commit
printf x | dd of="${loop}p3" bs=1 seek=3000000 conv=notrunc status=none
exits 1 'verify-slot --all finds the damage' in_slot b tandem verify-slot --progress none --all
prints 'slot a: DAMAGED' && prints 'LBA' && prints 'slot b: good'
exits 1 'verify-slot a --json' in_slot b tandem verify-slot a --json
field verdict damaged

# For this device alone: its key is named in system.conf. Many others are recipients as well.
tandem key generate --encryption -o device >/dev/null
python3 -c 'import base64, hashlib
print("# tandem recipients 1", *(base64.b64encode(hashlib.sha256(b"%d" % i).digest()).decode() for i in range(3000)), sep="\n")' >fleet
bundle v5.reup 5.0.0 2 demo-vm k.key --encrypt-to device.recipient --encrypt-to fleet
{ cat tree/etc/tandem/system.conf && printf '[encryption]\nkey=/%s/device.key\n' work; } >with-key.conf
exits 3 'install: encrypted, and no key' in_slot b tandem install --progress none v5.reup
says 'encrypted, and there is no key that decrypts'
says 'next: name this device'
exits 0 'nothing was changed' in_slot b tandem status --json
field phase idle
chmod 644 device.key
exits 3 'install: a key that others can read' in_slot b tandem install --config with-key.conf --progress none v5.reup
says 'others than its owner can open'
chmod 600 device.key
source=v5.reup
if command -v nginx >/dev/null && command -v openssl >/dev/null; then
	. "$root/tests/cli/web.sh"
	trap 'web_stop; detach; rm -rf "$dir"' EXIT
	mkdir www && cp v5.reup www/
	web_start
	: >web/access.log
	source=http://127.0.0.1:$port/v5.reup
fi
exits 0 'install: with the key' in_slot b tandem install --config with-key.conf --no-base --progress none "$source"
prints 'slot a: version 5.0.0 is armed'
check 'the image is on the slot' cmp -n 12582912 v5.reup.img "${loop}p3"
if [ "$source" != v5.reup ]; then
	sent=$(awk '{ n += $2 } END { print n + 0 }' web/access.log) size=$(stat -c %s v5.reup)
	check "little of it was fetched twice ($sent bytes, it has $size)" test "$sent" -lt $((size + size / 20))
fi
exits 3 'verify-slot: what is stored is encrypted as well' in_slot b tandem verify-slot --progress none a
says 'encrypted, and there is no key that decrypts'
exits 0 'verify-slot with the key' in_slot b tandem verify-slot --config with-key.conf --progress none a
prints 'slot a: good'
exits 0 'rollback of the trial' in_slot b tandem rollback
exits 0 'install of the same from a file' in_slot b tandem install --config with-key.conf --progress none --json v5.reup
field written_bytes 0
exits 0 'and its rollback' in_slot b tandem rollback

exits 3 'install: below the floor' in_slot b tandem install --progress none v2.reup
exits 1 'one at a time' in_slot b sh -c 'mkdir -p /run/tandem && flock /run/tandem/lock tandem rollback'
says 'another install, commit or rollback is going on'
exits 3 'who is done soon is waited for' in_slot b sh -c '
	mkdir -p /run/tandem; flock /run/tandem/lock sleep 1 & sleep 0.2; tandem install --progress none v2.reup'
says 'below the floor'
dd if=/dev/urandom of="${loop}p2" bs=64K count=2 conv=notrunc status=none
exits 0 'status says so' in_slot b tandem status
prints 'LOST'
exits 3 'install is refused then' in_slot b tandem install --progress none v3.reup
says 'the boot record cannot be used'
finish
