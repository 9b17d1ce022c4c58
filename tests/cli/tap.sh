# tap.sh - for the CLI tests: programs run as processes; exit codes and output are compared. Sourced, from any folder.
#
#	. "$(dirname "$0")/tap.sh"
#	exits 2 'no operand is a mistake' tandem bundle info
#	says 'something is missing'
#	finish
#
# Each test has a folder of its own as working directory, $dir; $root is the source tree; $err and $out are what the last
# program printed.
root=$(cd "$(dirname "$0")/../.." && pwd)
: "${TANDEM_BIN:=$root/build/debug/bin}"
PATH=$TANDEM_BIN:$PATH
export LC_ALL=C TZ=UTC
if [ -n "${TANDEM_DATA-}" ]; then # may be relative to where the test was started
	TANDEM_DATA=$(cd "$TANDEM_DATA" && pwd) || exit 1
	export TANDEM_DATA
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/tandem-cli-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
cd "$dir" || exit 1
out=$dir/.out
err=$dir/.err
tests=0
failed=0

# result OK NAME [REASON]
result() {
	tests=$((tests + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tests - $2"
	else
		echo "not ok $tests - $2"
		[ -z "${3-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
		failed=1
	fi
}

skip() { # skip NAME REASON
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# exits CODE NAME PROGRAM ARGS...
exits() {
	want=$1 name=$2
	shift 2
	"$@" >"$out" 2>"$err" </dev/null
	got=$?
	if [ "$got" = "$want" ]; then
		result 0 "$name"
	else
		result 1 "$name" "exit code $got, want $want: $*
$(cat "$out" "$err")"
	fi
}

# says TEXT [NAME]: on stderr, of the last program
says() {
	if grep -qF -- "$1" "$err"; then
		result 0 "${2-it says: $1}"
	else
		result 1 "${2-it says: $1}" "stderr is:
$(cat "$err")"
	fi
}

# prints TEXT [NAME]: on stdout, of the last program
prints() {
	if grep -qF -- "$1" "$out"; then
		result 0 "${2-it prints: $1}"
	else
		result 1 "${2-it prints: $1}" "stdout is:
$(cat "$out")"
	fi
}

# golden NAME <<TEXT: all of stdout of the last program
golden() {
	cat >"$dir/.want"
	if difference=$(diff -u "$dir/.want" "$out"); then
		result 0 "$1"
	else
		result 1 "$1" "$difference"
	fi
}

# check NAME COMMAND...: any command that has to succeed
check() {
	name=$1
	shift
	if printed=$("$@" 2>&1); then
		result 0 "$name"
	else
		result 1 "$name" "$* failed: $printed"
	fi
}

absent() { # absent FILE...
	for f; do
		[ ! -e "$f" ] || { echo "$f is there" >&2; return 1; }
	done
}

finish() {
	echo "1..$tests"
	exit "$failed"
}
