#!/bin/sh
# mkinitramfs: what goes into an initramfs, with no modules to load.
. "$(dirname "$0")/tap.sh"
PATH=$PATH:/usr/sbin:/sbin
mkinitramfs=$root/scripts/mkinitramfs
mkdir -p kernel/lib/modules/6.1
echo '[system]' >system.conf

make_one() { # make_one PROGRAM FILE
	"$mkinitramfs" --init "$1" --config system.conf --kernel-dir kernel --modules '' -o "$2"
}
listed() {
	zstd -qdc "$1" | cpio --quiet -t >list
}

exits 0 'an initramfs of tandem-init is made' make_one "$TANDEM_BIN/tandem-init" a.img
check 'it is an archive' listed a.img
if readelf -lW "$TANDEM_BIN/tandem-init" | grep -q INTERP; then
	skip 'a static program brings nothing along' 'this build is not static'
else
	prints ', 0 libraries, 0 modules of 6.1'
	golden_list='dev
etc
etc/tandem
etc/tandem/modules
etc/tandem/system.conf
init
proc
run
sys
sysroot'
	check 'a static program brings nothing along' test "$(cat list)" = "$golden_list"
fi
touch -d 2001-01-01 system.conf
exits 0 'the same again' make_one "$TANDEM_BIN/tandem-init" b.img
check 'gives the same bytes' cmp a.img b.img

exits 0 'one of a program with shared libraries' make_one /bin/true c.img
check 'is an archive, too' listed c.img
check 'with the C library' grep -q '/libc\.so\.6$' list
check 'and the loader, where the program looks for it' grep -qxF "$(readelf -lW /bin/true | sed -n 's,.*interpreter: /\(.*\)\],\1,p')" list

exits 2 'everything has to be named' "$mkinitramfs" --init /bin/true -o d.img
exits 1 'a program that is not there is refused' make_one ./nothing d.img
says 'mkinitramfs: ./nothing: no such program'
mkdir -p kernel/lib/modules/6.2
exits 1 'so are two kernels' make_one /bin/true d.img
says 'want exactly one folder lib/modules/VERSION'
check 'and nothing is left behind' absent d.img d.img.part d.img.cpio
finish
