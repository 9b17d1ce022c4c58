# disk.sh - for the tests of tandem-disk and of disks that it made. Sourced after tap.sh, by bash.
#
#	run 3 tandem-disk create -o disk.img && said 'is not empty'
#	ok 'a second create is refused'
#
# Steps that belong together are one test: each returns whether it went well, and ok() tells the result of the line before.
export PATH=$PATH:/usr/sbin:/sbin MTOOLS_SKIP_CHECK=1
unset SOURCE_DATE_EPOCH

ok() { result $? "$1" "$(cat "$out" "$err" 2>/dev/null)"; }

# run CODE COMMAND...: it ends with that exit code, and no signal and no sanitizer killed it
run() {
	local want=$1 code
	shift
	"$@" >"$out" 2>"$err" </dev/null
	code=$?
	[ $code = "$want" ] || { echo "exit code $code, not $want: $*" >>"$err"; return 1; }
}

said() { # said TEXT: on stderr, by the command of the last run
	grep -qF -- "$1" "$err" || { echo "not said: $1" >>"$err"; return 1; }
}

layout() { # layout ROOT_SIZE: a layout.conf with all that an appliance has
	cat <<-X
		[partition.esp]
		type=esp
		size=40M
		label=ESP
		[partition.tandem-state]
		type=state
		size=32M
		[partition.root-a]
		type=root
		size=$1
		[partition.root-b]
		type=root
		size=$1
		[partition.data]
		type=data
		size=rest
		label=data
	X
}

# For tests with loop devices: as root only, and skipped where there are none.
loop=
skip_all() { echo "1..0 # SKIP $1"; exit 0; }
attach() { loop=$(losetup -f --show "$@") || skip_all 'no loop devices'; }
detach() {
	[ -z "$loop" ] || { swapoff "$loop"p* 2>/dev/null; umount -q "$dir/mnt"; partx -d "$loop"; losetup -d "$loop"; } 2>/dev/null
	loop=
}
