# What tests that are a list of commands share; sourced, by bash.

# alone NAME "$@": run this test again in a mount namespace and a new folder, which is removed after it; or be there. Skips all of it
# where that cannot be had.
alone() {
	if [ "${2-}" = inside ]; then
		cd "$3" || exit 1
		return
	fi
	[ "$(id -u)" = 0 ] || { echo '1..0 # SKIP not root'; exit 0; }
	unshare -m --propagation private true 2>/dev/null || { echo '1..0 # SKIP no namespaces'; exit 0; }
	work=$(mktemp -d "${TMPDIR:-/tmp}/tandem-$1-XXXXXX") || exit 1
	trap 'rm -rf "$work"' EXIT
	unshare -m --propagation private "$0" inside "$work"
	exit
}

n=0
shown='out err' # files that a failure prints
ok() { # ok NAME: the result of the command before
	local r=$?
	n=$((n + 1))
	[ $r = 0 ] && { echo "ok $n - $1"; return; }
	echo "not ok $n - $1"
	# shellcheck disable=SC2086 # several, and patterns
	sed 's/^/# /' $shown 2>/dev/null
}
