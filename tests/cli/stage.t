#!/bin/sh
# tandem-stage: its words, and what it says on a machine, or in a boot, that it knows nothing of. What needs /run to itself
# runs in a mount namespace, so that nothing of this machine's is shown or replaced.
. "$(dirname "$0")/tap.sh"

exits 0 'it says its version' tandem-stage --version
prints 'tandem-stage '
exits 0 'it lists its verbs' tandem-stage --help
prints '  list  '
prints '  run  '
prints '  status  '
exits 2 'no verb is a mistake' tandem-stage
says 'usage: tandem-stage VERB'
exits 2 'an unknown verb is a mistake' tandem-stage judge
says "unknown verb 'judge'"
exits 2 'so is a misspelt one' tandem-stage statsu
says "did you mean 'status'?"

for verb in list run plot status wait; do
	exits 0 "$verb explains itself" tandem-stage $verb --help
	prints "usage: tandem-stage $verb "
	exits 2 "$verb refuses an unknown option" tandem-stage $verb --no-such-option
	says 'unknown option: --no-such-option'
done
exits 2 'run wants a phase' tandem-stage run
says 'something is missing'
exits 2 'one of those that there are' tandem-stage run pre
says "unknown phase 'pre'; there are: initramfs, early, post, committed"
exits 2 'and only one' tandem-stage run post post
says 'too many words: post'
exits 2 'a config is named' tandem-stage run post --config
says 'option wants a value'
exits 2 'status takes no operand' tandem-stage status now
exits 2 'and no config' tandem-stage status --config=x
exits 1 'output that cannot be written is a failure' sh -c 'exec tandem-stage --help >/dev/full'

alone() { # alone PROGRAM ARGS...: with an empty /run, or with what ./run holds
	# shellcheck disable=SC2016 # the inner shell's
	unshare --mount --map-root-user sh -c 'mount -t tmpfs none /run || exit 99
		[ ! -d run ] || cp -R run/. /run
		"$@"; code=$?
		[ ! -d /run/tandem ] || { rm -rf left && cp -R /run/tandem left; }
		exit $code' - "$@"
}
if ! alone true 2>/dev/null; then
	skip 'a boot of its own' 'mount namespaces are not to be had'
	finish
fi

exits 4 'a system that tandem-init did not start' alone tandem-stage status
golden 'is told as such' <<'TEXT'
boot: not started by tandem-init
verdict: none yet
TEXT
exits 4 'as JSON' alone tandem-stage status --json
golden 'too' <<'TEXT'
{
  "boot": null,
  "stages": [],
  "verdict": null
}
TEXT

# wrong NAME TEXT: run post with the configuration on stdin; the verdict says why
wrong() {
	cat >wrong.conf
	exits 1 "$1" alone tandem-stage run post --config wrong.conf
	prints 'verdict: unhealthy (slot none, foreign)' 'no verdict over this boot'
	prints "$2"
	says "$2" 'and on stderr'
	check 'the same is left for others' grep -qF "$2" left/verdict.txt
	rm -rf left
}
rm -f none.conf
exits 1 'a configuration that is not there' alone tandem-stage run post --config none.conf
prints 'none.conf: No such file or directory'
says 'next: an appliance has its configuration there'
wrong 'a configuration with an unknown key' "unknown key" <<'CONF'
[system]
product=x
compatible=x
colour=red
CONF
wrong 'one that is no INI file' 'wrong.conf:1' <<'CONF'
nonsense
CONF
wrong 'an empty one' 'wrong.conf' </dev/null
exits 1 'a verdict is JSON when asked for' alone tandem-stage run post --json --config none.conf
check 'the same as in its file' cmp "$out" left/verdict.json
check 'and well formed' python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["verdict"] == "unhealthy"' "$out"

mkdir -p run/tandem
cat >run/tandem/boot <<'BOOT'
[boot]
slot=b
role=trial
mode=bootnext
note=the authorised start of a trial
disk=/dev/vda
esp-partuuid=0fc63daf-8483-4772-8e79-3d69d8477de4
root=/dev/vda4
record=valid
watchdog=
data=mounted
boot-current=1
efi-writes=2
start-us=1500000
handover-us=2250000
own-us=22500
BOOT
exits 0 'a boot without a verdict yet' alone tandem-stage status
golden 'is told' <<'TEXT'
boot: slot b (trial), the authorised start of a trial
  root      /dev/vda4 on /dev/vda
  record    valid
  data      mounted
  watchdog  none: nothing ends a boot that hangs
  boot variables written: 2
  init ran from 1.500 s to 2.250 s, 22.5 ms of it its own work
verdict: none yet
TEXT
printf 'verdict: committed (slot b, trial)\n' >run/tandem/verdict.txt
printf '{\n  "verdict": "committed"\n}\n' >run/tandem/verdict.json
exits 0 'a boot with its verdict' alone tandem-stage status
prints 'verdict: committed (slot b, trial)'
exits 0 'as JSON' alone tandem-stage status --json
# shellcheck disable=SC2016 # Python's
check 'has both' python3 -c '
import json, sys
said = json.load(open(sys.argv[1]))
assert said["verdict"] == {"verdict": "committed"}, said
assert (said["boot"]["slot"], said["boot"]["role"], said["boot"]["own_us"], said["boot"]["watchdog"]) == ("b", "trial", 22500, None), said' "$out"
sed -i 's/^slot=b/slot=c/' run/tandem/boot
exits 2 'a damaged handover is refused' alone tandem-stage status
says "'c' is no slot"
finish
