#!/bin/bash
# shellcheck disable=SC2016 # what is in single quotes is for the inner shell
# tandem-disk on image files, as processes and without root: results, refusals, and what is left after each failure.
# The tables are looked at by sfdisk, the filesystems by fsck.vfat and e2fsck. Devices: tests/root/disk.t.
. "$(dirname "$0")/tap.sh"
. "$root/tests/cli/disk.sh"
part() { dd if="$1" bs=1M skip="$2" count="$3" status=none; }
{ printf '[disk]\nsize=200M\n' && layout 32M; } >small.conf
seq 1 400000 >boot.efi
{ seq 1 100000; } >root.raw
truncate -s 9000000 root.raw
seq 1 777 >>root.raw
id=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff

# The normal way.
run 0 tandem-disk create -o d.img --config small.conf --seed golden --put root-a=root.raw \
	--put esp:/EFI/BOOT/BOOTX64.EFI=boot.efi --put esp:/EFI/tandem/a/linux.efi=boot.efi --slot a=1.2.3,$id,4 --json
ok 'create makes an image'
diff "$out" "$root/tests/data/disk/inspect.json" >diff.out
[ ! -s diff.out ] || { cat diff.out >>"$err"; false; }
ok 'create --json prints the golden text'
run 0 tandem-disk inspect d.img --json && cmp "$out" "$root/tests/data/disk/inspect.json"
ok 'inspect --json prints the golden text'
run 0 tandem-disk inspect d.img && cmp "$out" "$root/tests/data/disk/inspect.txt" 2>>"$err"
ok 'inspect prints the golden text'
run 0 sfdisk --verify d.img && grep -q 'No errors' "$out"
ok 'sfdisk finds no fault with the table'
part d.img 1 40 >esp.fs && run 0 fsck.vfat -n esp.fs
ok 'fsck.vfat finds no fault with the ESP'
part d.img 137 62 >data.fs && run 0 e2fsck -fn data.fs
ok 'e2fsck finds no fault with data'
run 0 dumpe2fs -h data.fs && grep -q '^Filesystem features:.* quota.* project' "$out"
ok 'data has quota and project'
for f in EFI/BOOT/BOOTX64.EFI EFI/tandem/a/linux.efi; do mcopy -i d.img@@1M ::/$f - 2>>"$err" | cmp - boot.efi 2>>"$err" || false; done
ok 'the files are in the ESP'
part d.img 73 9 | cmp -n "$(stat -c %s root.raw)" - root.raw
ok 'the image is in its partition'
[ "$(du -k d.img | cut -f1)" -lt 12000 ]
ok 'the image is sparse'
absent d.img.tmp
ok 'no temporary file stays'

truncate -s 11M kernel.efi
run 0 tandem-disk create -o tight.img --config small.conf --put esp:/k=kernel.efi && said 'warning: the ESP has less than four times'
ok 'an ESP that is tight for updates is made with a warning'
rm tight.img kernel.efi

# Again, and over what is there.
sum=$(cksum <d.img)
run 3 tandem-disk create -o d.img --config small.conf && said 'd.img is not empty; it holds: partition table of type gpt with esp (vfat filesystem labelled' &&
	said "data (ext4 filesystem labelled 'data')" && said 'next: --force' && [ "$sum" = "$(cksum <d.img)" ]
ok 'a second create is refused, says what is there, and changes nothing'
chmod 640 d.img
run 0 tandem-disk create -o d.img --config small.conf --force && [ "$sum" != "$(cksum <d.img)" ] && [ "$(stat -c %a d.img)" = 640 ]
ok '--force does it and keeps the mode'
for i in 1 2; do
	run 0 tandem-disk create -o same$i.img --config small.conf --seed x --put esp:/EFI/BOOT/BOOTX64.EFI=boot.efi --slot b=1
	[ $i = 2 ] || sleep 2.1 # FAT counts time in steps of two seconds
done
cmp same1.img same2.img 2>>"$err"
ok 'the same seed makes the same disk, two seconds later'
run 0 tandem-disk create -o same1.img --config small.conf --seed y --force && ! cmp -s same1.img same2.img
ok 'another seed makes another disk'
run 0 tandem-disk create -o r1.img --config small.conf && cp "$out" out1 && run 0 tandem-disk create -o r2.img --config small.conf &&
	! diff <(grep -o '[0-9a-f-]\{36\}' out1) <(grep -o '[0-9a-f-]\{36\}' "$out") >common && ! grep -q '^ ' common
ok 'without a seed all GUIDs are new'
rm -f same?.img r?.img
run 0 tandem-disk create -o default.img --size 700M && run 0 tandem-disk inspect default.img && [ "$(grep -c MiB "$out")" = 6 ]
ok 'the default layout fits on 700 MiB'
run 0 tandem-disk create --show-layout && cp "$out" shown.conf && run 0 tandem-disk create -o default.img --size 700M --force --config shown.conf
ok '--show-layout prints a layout that can be read'
truncate -s 300M hole.img
run 0 tandem-disk create -o hole.img --config <(sed '/^size=200M/d;/^\[disk\]/d' small.conf) && [ "$(stat -c %s hole.img)" = 314572800 ]
ok 'an empty file gives its size and needs no --force'
ln -s hole.img link.img
run 0 tandem-disk create -o link.img --config small.conf --force && [ -L link.img ] && [ "$(stat -c %s hole.img)" = 209715200 ]
ok 'a link is followed, not replaced'
rm -f hole.img link.img default.img

# Refusals: the exit code, the words, and no file.
refused() { # refused CODE WORDS ARGUMENT...
	local code=$1 words=$2
	shift 2
	run "$code" tandem-disk create -o new.img "$@" && said "$words" && absent new.img new.img.tmp
	ok "refused: $words"
}
conf() { printf '%s\n' "$@" >bad.conf; }
base=$(cat small.conf)
refused 1 'none.conf: No such file' --config none.conf
conf '[partition.esp]' 'type=esp' 'colour=red' && refused 2 "bad.conf:3: unknown key 'colour' in [partition.esp]" --config bad.conf
conf '[partition.esp]' 'type=esp' 'type=esp' && refused 2 'bad.conf:3: [partition.esp] type is given twice' --config bad.conf
conf "$base" '[partition.esp]' 'filesystem=vfat' && refused 2 "bad.conf:21: [partition.esp] filesystem: partition 'esp' is described twice" --config bad.conf
conf '[partition.s]' 'type=state' 'size=32M' && refused 2 'bad.conf: no partition of type=esp' --config bad.conf
conf '[partition.s]' 'type=state' 'size=17179869184G' && refused 2 "bad.conf:3: [partition.s] size: '17179869184' is over the limit" --config bad.conf
conf '[partition.s]' 'type=state' 'size=16777216T' && refused 2 "'16777216' is over the limit" --config bad.conf
conf "$base" 'size-max=1G' '[partition.last]' 'type=data' 'size=1M' && refused 2 "partition 'data' takes the rest but is not the last one" --config bad.conf
conf "${base/40M/1M}" && refused 2 "partition 'esp': 1 MiB with sectors of 512 bytes are too few for vfat" --config bad.conf
conf "$base" "$(head -c 300 /dev/zero | tr '\0' x)=1" && refused 2 'bad.conf:20: line of 302 bytes' --config bad.conf
head -c 4096 /dev/urandom >bad.conf
run 2 tandem-disk create -o new.img --config bad.conf && absent new.img
ok 'refused: random bytes as layout'
refused 1 'the disk has 100.0 MiB, this layout needs 154.0 MiB' --config small.conf --size 100M
grep -q '^root-a  .*does not fit' "$err" && ! grep -q '^tandem-state .*does not fit' "$err"
ok 'a disk that is too small: the table says what does not fit'
refused 1 'the disk has 4.0 KiB' --config small.conf --size 4096
refused 2 'how large is it to be?' 
refused 2 '1000001 bytes are not a multiple of 4096' --config small.conf --size 1000001
refused 2 "'4X' is not a size" --config small.conf --size 4X
refused 2 'over the limit' --config small.conf --size 99999999999T
refused 2 "the layout has no partition 'root-c'" --config small.conf --put root-c=root.raw
refused 1 'nothing.raw: No such file' --config small.conf --put root-a=nothing.raw
refused 1 'neither a regular file nor a block device' --config small.conf --put root-a=/
refused 2 "partition 'esp' gets an empty vfat filesystem" --config small.conf --put esp=root.raw
refused 2 'files can be put into vfat filesystems only' --config small.conf --put data:/x=root.raw
refused 2 "begins with '/'" --config small.conf --put esp:x=root.raw
refused 2 'one that begins or ends with a dot' --config small.conf --put esp:/../x=root.raw
refused 2 'a character that a path in the ESP cannot have' --config small.conf --put 'esp:/a*=root.raw'
refused 2 'both to be put into esp:/EFI/A' --config small.conf --put esp:/efi/a=boot.efi --put esp:/EFI/A=root.raw
refused 2 'both to be put into root-a' --config small.conf --put root-a=boot.efi --put root-a=root.raw
refused 2 'write NAME=FILE' --config small.conf --put root-a
truncate -s 33M large.raw
refused 1 "large.raw: 33.0 MiB do not fit into partition 'root-a' of 32.0 MiB" --config small.conf --put root-a=large.raw
truncate -s 41M large.raw
refused 1 "the files for partition 'esp' need 41." --config small.conf --put esp:/x=large.raw
refused 2 'write a=VERSION or b=VERSION' --config small.conf --slot c=1
refused 2 'write a=VERSION or b=VERSION' --config small.conf --slot a
refused 2 'a version has 1 to 63 characters' --config small.conf --slot a=
refused 2 'the slot is given twice' --config small.conf --slot a=1 --slot a=2
refused 2 'an image id has 64 hex digits' --config small.conf --slot a=1,abc
refused 2 "'x' is not a hex digit" --config small.conf --slot "a=1,x${id#0}"
refused 2 "'4x' is not a whole number" --config small.conf --slot "a=1,$id,4x"
run 2 tandem-disk create --config small.conf && said 'which disk? give -o DISK'
ok 'refused: no -o'
for t in /dev/null /; do run 2 tandem-disk create -o $t --config small.conf && said 'neither a block device nor a regular file'; ok "refused: $t"; done
run 1 tandem-disk create -o none/new.img --config small.conf && said 'its folder: No such file'
ok 'refused: a folder that is not there'
echo 'my only copy' >letter.txt
run 3 tandem-disk create -o letter.txt --config small.conf && said 'data of an unknown kind' && grep -q 'my only copy' letter.txt
ok 'refused: a file with anything in it'
truncate -s 20M fs.img && mke2fs -q -t ext4 -L mine fs.img && sum=$(cksum <fs.img)
run 3 tandem-disk create -o fs.img --config small.conf && said "ext4 filesystem labelled 'mine'" && [ "$sum" = "$(cksum <fs.img)" ]
ok 'refused: a filesystem, with its label'

# What can go wrong while it writes.
(ulimit -f 100000; run 1 tandem-disk create -o new.img --config small.conf) && said 'File too large' && absent new.img new.img.tmp
ok 'a file size limit: an error, no signal, no file'
mkdir readonly && chmod 555 readonly
if [ "$(id -u)" = 0 ]; then
	setpriv=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	chmod 755 . && "${setpriv[@]}" test -x "$(command -v tandem-disk)" || setpriv=()
else
	setpriv=(env)
fi
if [ ${#setpriv[@]} -gt 0 ]; then
	run 1 "${setpriv[@]}" tandem-disk create -o readonly/new.img --config small.conf && said 'its folder: Permission denied'
	ok 'a read-only folder'
	install -m 777 -d open && run 0 "${setpriv[@]}" tandem-disk create -o open/new.img --config small.conf --put root-a=root.raw --put esp:/a=boot.efi
	ok 'an ordinary user can make an image'
	chmod 444 open/new.img && run 1 "${setpriv[@]}" tandem-disk create -o open/new.img --config small.conf --force && said 'is read-only'
	ok 'a read-only file, even with --force'
else
	for i in 1 2 3; do skip 'as an ordinary user' 'the build is not readable for others'; done
fi
if unshare -rm true 2>/dev/null; then
	unshare -rm bash -c 'mkdir full; mount -t tmpfs -o size=6m x full; "$0" create -o full/new.img --config small.conf --put esp:/x=boot.efi --put root-a=boot.efi --put root-b=boot.efi; r=$?; ls full >left; exit $r' tandem-disk >"$out" 2>"$err"
	[ $? = 1 ] && grep -qE 'No space left|Disk full' "$err" && [ ! -s left ]
	ok 'a full disk: an error, no file'
	for tool in mkfs.vfat:dosfstools mke2fs:e2fsprogs mmd:mtools; do
		run 1 unshare -rm bash -c 'mount --bind /dev/null "$(command -v "$1")" && "$0" create -o new.img --config small.conf --put esp:/x=boot.efi' tandem-disk ${tool%:*} &&
			said "${tool%:*} is not installed" && said "install the package ${tool#*:}" && absent new.img
		ok "no ${tool%:*}: the package is named"
	done
else
	for i in 1 2 3 4; do skip 'in a mount namespace of its own' 'not allowed here'; done
fi

# A mke2fs that lets us act in the middle: it waits until the file `go` is there.
mkdir bin && cat >bin/mke2fs <<X
#!/bin/bash
: >$dir/inside
while [ ! -e $dir/go ]; do sleep 0.02; done
exec $(command -v mke2fs) "\$@"
X
chmod +x bin/mke2fs
begin() { rm -f inside go; PATH=$dir/bin:$PATH tandem-disk create -o new.img --config small.conf >"$out" 2>"$err" </dev/null & pid=$!; while [ ! -e inside ] && kill -0 $pid; do sleep 0.02; done; }
for signal in INT TERM HUP; do
	begin
	# A background job of a script ignores SIGINT from the start; the program asks for it all the same.
	kill -$signal $pid
	: >go
	wait $pid
	[ $? = 1 ] && said 'interrupted before: writing the partition table' && absent new.img new.img.tmp
	ok "SIG$signal: exit code 1, no file"
done
begin
run 3 tandem-disk create -o new.img --config small.conf && said 'another program is working on it'
ok 'two at a time on one image: the second is refused'
: >go
wait $pid && run 0 tandem-disk inspect new.img
ok 'and the first one is not disturbed'
rm -f new.img
begin
kill -KILL $pid
wait $pid 2>/dev/null
absent new.img && [ -e new.img.tmp ] && run 3 tandem-disk create -o new.img --config small.conf && said 'another program is working on it'
ok 'SIGKILL: nothing under the final name, and the lock lasts while the mke2fs lives'
: >go
for i in $(seq 1000); do run 0 tandem-disk create -o new.img --config small.conf --seed x && break; sleep 0.05; done
[ -e new.img ] && absent new.img.tmp
ok 'and then the next run removes the leftover'

# inspect: what is damaged is told, what is not a disk is refused.
damage() { # damage NAME OFFSET
	cp new.img bad.img && printf '\377' | dd of=bad.img bs=1 seek="$2" conv=notrunc status=none
	run 0 tandem-disk inspect bad.img --json && said "warning: the $1" && grep -q '"warnings": \[' "$out" && grep -q '"name": "data"' "$out"
	ok "inspect: $1 is reported, the partitions are read"
}
damage 'primary partition table is damaged: no table in sector 1' 512
damage 'primary partition table is damaged: the checksum of its header is wrong' 580
damage 'primary partition table is damaged: the checksum of its entries is wrong' 1100
damage 'backup partition table is damaged: no table in sector 409599' $((200 * 1048576 - 512))
damage 'backup partition table is damaged: the checksum of its entries is wrong' $((200 * 1048576 - 33 * 512 + 70))
cp new.img bad.img && truncate -s 220M bad.img && run 0 tandem-disk inspect bad.img && said 'not at the end: the disk has grown'
ok 'inspect: a disk that has grown'
cp new.img bad.img && dd if=/dev/zero of=bad.img bs=1M seek=199 count=1 conv=notrunc status=none && dd if=/dev/zero of=bad.img bs=1k count=34 conv=notrunc status=none
run 1 tandem-disk inspect bad.img && said 'no GUID partition table'
ok 'inspect: both copies gone'
run 1 tandem-disk inspect fs.img && said "no GUID partition table; there is: ext4 filesystem labelled 'mine'"
ok 'inspect: a filesystem instead of a disk'
: >empty.img
for f in empty.img none.img / /dev/null; do run 1 tandem-disk inspect $f && [ -s "$err" ]; ok "inspect: $f"; done
cp d.img bad.img && dd if=/dev/urandom of=bad.img bs=1k seek=$((41 * 1024)) count=128 conv=notrunc status=none
run 0 tandem-disk inspect bad.img --json && grep -q '"boot_record": null' "$out" && grep -q '"boot_record_problem": "tandem-state: no valid boot record (region 0' "$out"
ok 'inspect: a record of random bytes'
for i in 100 513 1500 40000; do
	head -c $i new.img >bad.img
	run 1 tandem-disk inspect bad.img
	ok "inspect: cut off after $i bytes"
done
run 0 tandem-disk inspect new.img
[ "$(tandem-disk inspect new.img --json 2>/dev/full)" = "$(tandem-disk inspect new.img --json)" ] && run 1 bash -c '"$0" inspect new.img --json >/dev/full' tandem-disk && said 'output cannot be written'
ok 'inspect: output that cannot be written is a failure'

# grow
cp d.img g.img
part g.img 137 62 >data.fs && debugfs -w -R 'write boot.efi kept' data.fs >"$out" 2>"$err" && dd if=data.fs of=g.img bs=1M seek=137 conv=notrunc status=none
run 0 tandem-disk grow g.img --size 400M && grep -q '^  5  data .* 262.0 MiB' "$out" && [ "$(stat -c %a g.img)" = 640 ]
ok 'grow: an image becomes larger'
run 0 sfdisk --verify g.img && part g.img 137 262 >data.fs && run 0 e2fsck -fn data.fs && debugfs -R 'cat kept' data.fs 2>>"$err" | cmp - boot.efi 2>>"$err"
ok 'grow: table and filesystem are clean, the files are there'
cmp <(part g.img 1 136) <(part d.img 1 136) 2>"$err" && [ "$(du -k g.img | cut -f1)" -lt 16000 ] && absent g.img.tmp g.img.data.tmp
ok 'grow: the other partitions are as they were, the image is sparse, nothing stays'
sum=$(cksum <g.img)
run 4 tandem-disk grow g.img && said 'reaches to the end already' && run 2 tandem-disk grow g.img --size 300M && [ "$sum" = "$(cksum <g.img)" ]
ok 'grow: nothing to do is exit code 4, less is refused'
truncate -s 420M g.img && run 0 tandem-disk grow g.img && run 0 sfdisk --verify g.img
ok 'grow: a file that was made larger by hand'
(ulimit -f 300000; run 1 tandem-disk grow new.img --size 500M) && said 'File too large' && absent new.img.tmp new.img.data.tmp && run 0 sfdisk --verify new.img
ok 'grow: a file size limit leaves the image as it was'
run 1 tandem-disk grow fs.img && said 'no GUID partition table' && run 1 tandem-disk grow none.img
ok 'grow: what is no disk is refused'

# The command line.
run 2 tandem-disk && said 'usage: tandem-disk VERB'
ok 'no verb'
run 2 tandem-disk creat && said "did you mean 'create'?"
ok 'a misspelt verb'
run 2 tandem-disk inspect && run 2 tandem-disk inspect a b && run 2 tandem-disk create -o x --colour red && run 2 tandem-disk create -o x -o y
ok 'wrong words: exit code 2'
for v in create inspect grow; do run 0 tandem-disk $v --help && grep -q "^usage: tandem-disk $v" "$out"; ok "$v --help"; done
finish
