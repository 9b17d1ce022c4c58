#!/bin/sh
# tandem-stage and its stages, as an ordinary user: their files, their order.
. "$(dirname "$0")/tap.sh"

exits 2 'list takes no operand' tandem-stage list x

# stage NAME LINE...: a stage file in stages/
stage() {
	mkdir -p stages
	name=$1
	shift
	{ echo '[stage]'; printf '%s\n' "$@"; } >"stages/$name.stage"
}

exits 0 'no folder' tandem-stage list --stages nowhere
prints 'no stages'
stage 10-late phase=post exec=/bin/true 'after=swap net'
stage 20-swap phase=initramfs 'exec=/bin/swap on' on-failure=fail-closed timeout=60
stage 30-net phase=early unit=net.service on-failure=ignore health=optional environment=A=b class=high
stage 40-tidy phase=committed exec=/bin/tidy description=Tidy
exits 0 'stages of all phases' tandem-stage list --stages stages
golden 'are listed in their order' <<'TEXT'
initramfs  swap                 fail-closed required  /bin/swap on
early      net                  ignore      optional  net.service
post       late                 degrade     required  /bin/true  after swap net
committed  tidy                 degrade     required  /bin/tidy
TEXT
rm stages/10-late.stage stages/20-swap.stage stages/40-tidy.stage
exits 0 'as JSON' tandem-stage list --json --stages stages
golden 'with every field' <<'TEXT'
{
  "stages": [
    {
      "name": "net",
      "file": "30-net.stage",
      "description": "",
      "phase": "early",
      "exec": null,
      "unit": "net.service",
      "after": [],
      "timeout_seconds": 30,
      "on_failure": "ignore",
      "health": "optional",
      "class": "high",
      "environment": [
        "A=b"
      ]
    }
  ]
}
TEXT

mkdir -p r/usr/lib/tandem/stages.d r/etc/tandem/stages.d
cp stages/30-net.stage r/usr/lib/tandem/stages.d/
printf '[stage]\nphase=early\nexec=/bin/own\n' >r/etc/tandem/stages.d/30-net.stage
exits 0 'a file in /etc takes the place of one in /usr' tandem-stage list --root r
prints '/bin/own'
ln -sf /dev/null r/etc/tandem/stages.d/30-net.stage
exits 0 'a symlink to /dev/null masks it' tandem-stage list --root r
prints 'no stages'

stage 50-a phase=early exec=/a after=b
stage 60-b phase=early exec=/b after=c
stage 70-c phase=early exec=/c after=a
exits 2 'a circle is refused' tandem-stage list --stages stages
says '3 stages wait for each other: a -> b -> c -> a'
stage 60-b phase=early exec=/b after=nobody
exits 2 'an unknown name is refused' tandem-stage list --stages stages
says '60-b.stage: [stage] after=nobody: there is no such stage'
stage 60-b phase=early exec=/b retries=3
exits 2 'an unknown key is refused' tandem-stage list --stages stages
says "stages/60-b.stage:4: unknown key 'retries' in [stage]"
stage 60-b phase=early exec=/b class=middling
exits 2 'an unknown class is refused' tandem-stage list --stages stages
says 'critical, high, normal, low, scavenger'

finish
