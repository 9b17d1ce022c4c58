#!/bin/bash
# shellcheck disable=SC2016 # what is in single quotes is for the inner shell
# tandem-disk on block devices: loop devices, so as root only. What a kernel without its own GPT reader shows is what
# tandem-disk told it. Skipped where there are no loop devices.
. "$(dirname "$0")/../cli/tap.sh"
. "$root/tests/cli/disk.sh"
[ "$(id -u)" = 0 ] || skip_all 'not root'
trap 'detach; rm -rf "$dir"' EXIT
create() { tandem-disk create -o "$loop" --config layout.conf "$@"; }

layout 16M >layout.conf
seq 1 300000 >boot.efi
{ seq 1 1000; } >root.raw
truncate -s 5000001 root.raw
seq 1 1000 >>root.raw

for sector in 512 4096; do
	# Old bytes everywhere, so that what is not written shows.
	tr '\0' '\252' </dev/zero | head -c 160M >disk.img
	attach -b $sector disk.img
	run 0 create --put root-a=root.raw --put esp:/EFI/BOOT/BOOTX64.EFI=boot.efi --slot a=1.0.0
	ok "sectors of $sector: create"
	[ -b "${loop}p1" ] && [ -b "${loop}p5" ]
	ok "sectors of $sector: the partitions have nodes when it returns"
	run 0 sfdisk --verify "$loop"
	ok "sectors of $sector: sfdisk finds no fault"
	run 0 fsck.vfat -n "${loop}p1" && run 0 e2fsck -fn "${loop}p5"
	ok "sectors of $sector: the filesystems are clean"
	head -c "$(stat -c %s root.raw)" "${loop}p3" | cmp - root.raw 2>"$err" && mcopy -i "${loop}p1" ::/EFI/BOOT/BOOTX64.EFI - | cmp - boot.efi 2>>"$err"
	ok "sectors of $sector: the contents are there, holes too"
	[ -z "$(tail -c +131073 "${loop}p2" | tr -d '\0' | head -c 1)" ]
	ok "sectors of $sector: the state partition is zero behind its records"
	run 0 tandem-disk inspect "$loop" --json && grep -q "\"device\": \"${loop}p5\"" "$out" && grep -q '"committed": "a"' "$out"
	ok "sectors of $sector: inspect names the nodes and the committed slot"
	run 0 tandem-disk inspect disk.img --json && grep -q "\"sector_bytes\": $sector" "$out" && grep -q '"kind": "loop"' "$out"
	ok "sectors of $sector: the file behind it shows the same table"
	detach
done

tr '\0' '\252' </dev/zero | head -c 160M >disk.img
attach disk.img
run 0 create && run 3 create && said 'is not empty; it holds: partition table of type gpt with esp' && run 0 create --force
ok 'a second create is refused, and done with --force'
run 2 tandem-disk create -o "${loop}p1" --config layout.conf && said "is a partition; the disk is $loop"
ok 'a partition is refused'
run 2 create --force --size 1G && said '--size is for image files'
ok '--size for a device is refused'
blockdev --setro "$loop" && run 1 create --force && said 'is read-only'
ok 'a read-only device is refused'
blockdev --setrw "$loop"
run 3 tandem-disk create -o disk.img --config layout.conf --size 200M --force && said 'is behind the loop device'
ok 'an image behind a loop device is refused, even with --force'
mke2fs -q -t ext4 "${loop}p4" && mkdir -p mnt && mount "${loop}p4" mnt
if mountpoint -q mnt; then
	run 3 create --force && said "is in use: ${loop#/dev/}p4 is mounted on $dir/mnt" && said '--force does not help'
	ok 'a disk with a mounted partition is refused, even with --force'
	run 0 tandem-disk inspect "$loop" && grep -q "${loop}p4: mounted on $dir/mnt" "$out"
	ok 'inspect shows the mount'
	umount mnt
	# A mount that only another namespace sees.
	unshare -m bash -c 'mount "$0" mnt && : >mounted && exec sleep 300' "${loop}p4" &
	holder=$!
	while [ ! -e mounted ] && kill -0 $holder; do sleep 0.05; done
	run 3 create --force && said 'in use by another part of the system'
	ok 'a mount in another namespace is refused'
	kill $holder && wait $holder 2>/dev/null
else
	for _ in 1 2 3; do skip 'a mounted partition' 'cannot mount here'; done
fi
mkswap -q "${loop}p3" 2>/dev/null
if swapon "${loop}p3" 2>/dev/null; then
	run 3 create --force && said "${loop#/dev/}p3 is used as swap"
	ok 'swap is refused'
	swapoff "${loop}p3"
else
	skip 'swap is refused' 'no swap here'
fi
inner=$(losetup -f --show "${loop}p3")
run 3 create --force && said "${loop#/dev/}p3 is behind the loop device ${inner#/dev/}"
ok 'a partition behind a loop device is refused'
losetup -d "$inner"
exec 9<"$loop" && flock 9
run 3 create --force && said 'another program is working on it'
ok 'a disk that another program has locked is refused'
exec 9<&-

# Cut off at any moment: the old disk, none, or a whole one. The kills are spread over the time that a whole run takes.
head -c 16M /dev/urandom >big.raw
began=$(date +%s%N)
run 0 create --force --put root-a=big.raw --put root-b=big.raw --slot a=2
took=$((($(date +%s%N) - began) / 1000000))
old=0 none=0 whole=0 bad=0
for i in $(seq 1 ${TANDEM_KILLS:-24}); do
	create --force --put root-a=big.raw --put root-b=big.raw --slot a=old >/dev/null 2>&1
	tandem-disk create -o "$loop" --config layout.conf --force --put root-a=big.raw --put root-b=big.raw --slot b=new >/dev/null 2>&1 </dev/null &
	pid=$!
	at=$((took * i * i / 576)) # closer together at the beginning, where the old table goes
	sleep "$(printf '%d.%03d' $((at / 1000)) $((at % 1000)))"
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
	# A program that it started may live on for a moment; it keeps the lock.
	flock -w 120 "$loop" true
	if ! tandem-disk inspect "$loop" >"$out" 2>"$err"; then
		grep -q 'no GUID partition table; there is: nothing known' "$err" && none=$((none + 1)) || bad=$((bad + 1))
	elif grep -q 'slot a: good, version old, committed' "$out"; then
		old=$((old + 1))
	elif grep -q 'slot b: good, version new, committed' "$out" && cmp -s <(dd if="$loop" bs=1M skip=89 count=16 status=none) big.raw &&
		dd if="$loop" bs=1M skip=105 count=54 status=none >data.fs && e2fsck -fn data.fs >/dev/null 2>&1; then
		whole=$((whole + 1))
	else
		bad=$((bad + 1))
	fi
	partx -d "$loop" 2>/dev/null
done
echo "# killed ${TANDEM_KILLS:-24} times within $took ms: $old times the old disk, $none without a table, $whole whole, $bad anything else"
[ $bad = 0 ] && [ $((old + none + whole)) = "${TANDEM_KILLS:-24}" ]
ok 'killed at any moment: the old disk, none, or a whole one'
run 0 create --force
ok 'and it can be made again'

# grow, on a disk that has grown under us; mounted where this kernel mounts it.
run 0 create --force --slot a=1
truncate -s 260M disk.img && losetup -c "$loop"
run 0 tandem-disk grow "$loop" && [ "$(cat "/sys/class/block/${loop#/dev/}p5/size")" = $((154 * 2048)) ] && run 0 e2fsck -fn "${loop}p5" && run 0 sfdisk --verify "$loop"
ok 'grow: partition and filesystem reach to the end'
run 4 tandem-disk grow "$loop"
ok 'grow: a second time there is nothing to do'
mke2fs -q -F -t ext4 "${loop}p5" && mount "${loop}p5" mnt 2>/dev/null
if mountpoint -q mnt; then
	truncate -s 300M disk.img && losetup -c "$loop"
	run 0 tandem-disk grow "$loop"
	if grep -q 'Permission denied to resize' "$err"; then # root without CAP_SYS_RESOURCE
		skip 'grow: while it is mounted' 'not allowed here'
	else
		[ "$(df -BM --output=size mnt | tail -1 | tr -dc 0-9)" -gt 160 ] && umount mnt && run 0 e2fsck -fn "${loop}p5"
		ok 'grow: while it is mounted'
	fi
else
	skip 'grow: while it is mounted' 'cannot mount here'
fi
finish
