#!/bin/sh
# tandem-init as anybody but PID 1: it explains itself and touches nothing.
. "$(dirname "$0")/tap.sh"

exits 0 'it explains itself' tandem-init --help
cp "$out" usage
golden 'with all that it takes' <<'TEXT'
usage: tandem-init --hook

Starts the slot that the boot record wants. Runs as /init of an initramfs without arguments,
or with --hook in the init-premount step of an initramfs of initramfs-tools.

  --hook                     decide, write the record, name the root in /conf/param.conf
  --version                  show the version
  --help                     show this
TEXT
exits 0 'the short form is the same' tandem-init -h
check 'to the letter' cmp usage "$out"
exits 0 'it says its version' tandem-init --version
prints 'tandem-init '

refuses() { # refuses NAME ARGS...: usage on stderr, nothing on stdout
	name=$1
	shift
	exits 2 "$name" tandem-init "$@"
	check 'with the usage as its answer' cmp usage "$err"
	check 'and nothing printed' test ! -s "$out"
}
refuses 'without arguments it is PID 1 or nothing'
refuses 'an unknown option is refused' --no-such-option
refuses 'a word is refused' hook
refuses 'an option after another is refused' --hook --version
refuses 'an empty word is refused' ''

case $(stat -f -c %T /) in
tmpfs | ramfs) skip 'the hook outside an initramfs' 'the root of this machine looks like one' ;;
*)
	exits 2 'the hook is refused outside an initramfs' tandem-init --hook
	says 'tandem-init: --hook works inside an initramfs only'
	check 'and names no root' absent /conf/param.conf
	;;
esac

exits 1 'output that cannot be written is a failure' sh -c 'exec tandem-init --version >&-'
exits 1 'of the usage as well' sh -c 'exec tandem-init --help >/dev/full'
finish
