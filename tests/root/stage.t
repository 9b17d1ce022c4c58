#!/bin/bash
# The stage runner with real cgroups (version 2), as root: a leaf per stage, its class's limits where there are controllers,
# and an end for everything in it. Skipped where the hierarchy is not to be had.
here=$(cd "$(dirname "$0")/.." && pwd)
stage=${TANDEM_BIN:-$here/../build/debug/bin}/tandem-stage
[ "$(id -u)" = 0 ] || { echo '1..0 # SKIP not root'; exit 0; }
# In a mount namespace, so that what is mounted for the test is seen by nobody else.
if [ -z "$TANDEM_ALONE" ]; then
	grep -q ' - cgroup2 ' /proc/self/mountinfo && exec env TANDEM_ALONE=1 "$0"
	# shellcheck disable=SC2016 # the inner shell's
	exec unshare --mount sh -c 'mkdir -p /run/tandem-test-cgroup && mount -t cgroup2 none /run/tandem-test-cgroup ||
		{ echo "1..0 # SKIP no cgroups of version 2"; exit 0; }; TANDEM_ALONE=1 exec "$0"' "$0"
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/tandem-stage-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
top=$(sed -n 's/^\S* \S* \S* \S* \(\S*\) .* - cgroup2 .*/\1/p' /proc/self/mountinfo | head -1)

. "$here/root/ok.sh"
shown='out err s/stages/*.json'
stage() { # stage NAME LINE...
	mkdir -p stages
	local name=$1
	shift
	{ echo '[stage]'; echo phase=early; printf '%s\n' "$@"; } >"stages/10-$name.stage"
}
run() { timeout 60 "$stage" run early --stages stages --state s >out 2>err; }
group() { sed -n 's/^  "cgroup": "\([^",]*\).*/\1/p' "s/stages/$1.json"; }
has() { grep -q "\"$2\": \"$3\"" "s/stages/$1.json"; }

stage where 'exec=/bin/cat /proc/self/cgroup' class=low
run
ok 'a stage runs'
[[ $(group where) == "$top"*/stage-where ]]
ok 'in a group of its own'
grep -q '/stage-where$' s/stages/where.log
ok 'from its first instruction'
[ ! -e "$(group where)" ]
ok 'which is gone afterwards'

# Sleeps as nobody else's: other tests may run on this machine.
echo "setsid sh -c 'unset TANDEM_STAGE; exec env -i sleep 4321.$$' & sleep 0.2; exit 0" >away
stage where "exec=/bin/sh away"
run
ok 'a stage that forks away, without its mark'
has where reason 'left processes behind, which were ended'
ok 'is said to have'
! pgrep -f "^sleep 4321[.]$$" >/dev/null
ok 'and nothing is left of it'

echo "trap '' TERM; setsid sleep 4322.$$ & sleep 4322.$$" >hang
stage where "exec=/bin/sh hang" timeout=1
run
has where result timeout
ok 'one that hangs'
! pgrep -f "^sleep 4322[.]$$" >/dev/null && [ ! -e "$(group where)" ]
ok 'is ended with all that it has started'

stage where 'exec=/bin/cat /proc/self/oom_score_adj' class=scavenger
run
grep -qx 1000 s/stages/where.log
ok 'the class gives the OOM score (P9)'
if grep -qw memory "$top/cgroup.controllers" && ! grep -q lacks s/stages/where.json; then
	# shellcheck disable=SC2016 # the stage's shell
	echo "cat $top"'$(sed -n s/^0:://p /proc/self/cgroup)/memory.max' >limit
	stage where 'exec=/bin/sh limit' class=low
	run
	[ "$(cat s/stages/where.log)" -le 536870912 ]
	ok 'and the memory limit (P5)'
else
	n=$((n + 1))
	echo "ok $n - and the memory limit (P5) # SKIP no memory controller of version 2 here"
fi
[ ! -e "$top/tandem" ]
ok 'no group is left over'
echo "1..$n"
