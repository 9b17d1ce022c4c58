#!/bin/sh
# tandem install, status, slots, commit, rollback, verify-slot where there is no appliance: mistakes, and errors that explain.
. "$(dirname "$0")/tap.sh"

for verb in install status slots commit rollback verify-slot; do
	exits 0 "$verb --help" tandem $verb --help
	prints "usage: tandem $verb"
	exits 2 "$verb: an unknown option is a mistake" tandem $verb --frob
done
exits 2 'install: which bundle?' tandem install
exits 2 'install: one bundle' tandem install a b
exits 2 'install: --slot c' tandem install --slot c x.reup
says "'c' is no slot: want a or b"
exits 2 'install: --workers 0' tandem install --workers 0 x.reup
exits 2 'install: --workers 9' tandem install --workers 9 x.reup
says '--workers'
exits 2 'install: --progress=loud' tandem install --progress=loud x.reup
exits 2 'verify-slot: which slot?' tandem verify-slot
says 'give a, b or --all'
exits 2 'verify-slot: a slot and --all' tandem verify-slot a --all
exits 2 'verify-slot: --all with a bundle' tandem verify-slot --all --bundle x.reup
exits 2 'verify-slot c' tandem verify-slot c

: >x.reup
exits 1 'install: no configuration' tandem install x.reup --config missing.conf
says 'missing.conf: No such file or directory'
for verb in status slots commit rollback 'verify-slot a' 'install x.reup'; do
	# shellcheck disable=SC2086 # words
	exits 1 "$verb: no configuration" tandem $verb --config missing.conf
	says 'missing.conf: No such file or directory'
	says 'next: an appliance has its configuration there'
done
for verb in 'install x.reup' commit rollback; do
	# shellcheck disable=SC2086 # words
	exits 1 "$verb --json says what failed" tandem $verb --json --config missing.conf
	prints '"result": "failed"'
	prints '"error": "missing.conf: No such file or directory'
done

printf '[system]\nproduct=demo\ncompatible=demo-vm\nmode=chooser\n' >system.conf
printf '[system]\nproduct=demo\ncompatible=demo-vm\nmode=sideways\n' >bad.conf
exits 2 'status: a bad configuration is a mistake' tandem status --config bad.conf
says 'bad.conf:4'
# I15: a server without slots
printf '[system]\nproduct=demo\ncompatible=demo-host\nmode=host\n[tree]\nroot=%s/opt\n' "$dir" >host.conf
exits 0 'status of a host' tandem status --config host.conf
golden 'it says what there is' <<TEXT
mode:       host: no slots and no boot record; the product is updated as a tree
product:    demo (compatible with demo-host)
tree:       $dir/opt: none yet: tandem install BUNDLE
TEXT
exits 0 'status --json of a host' tandem status --json --config host.conf
golden 'the same as JSON' <<TEXT
{
  "product": "demo",
  "compatible": "demo-host",
  "mode": "host",
  "tree": {
    "root": "$dir/opt",
    "error": null,
    "phase": "idle",
    "link": null,
    "current": null,
    "previous": null,
    "next": null,
    "epoch_floor": 0,
    "outcome": {
      "result": "none",
      "from": null,
      "to": null,
      "reason": "none",
      "text": null
    },
    "trees": [],
    "damage": []
  }
}
TEXT
for verb in slots commit rollback 'verify-slot a'; do
	# shellcheck disable=SC2086 # words
	exits 3 "$verb is refused on a host" tandem $verb --config host.conf
	says 'host.conf says mode=host: this machine has no slots and no boot record'
	says "next: 'tandem status' shows what it has: the product's tree"
done
printf '[slot.a]\nroot=PARTLABEL=x\n' >>host.conf
exits 2 'a host with slots is a mistake' tandem status --config host.conf
says 'mode=host has no [disk] and no [slot.*]'

if [ "$(id -u)" = 0 ]; then
	skip 'status without root shows what it can' 'is root'
	skip 'install without root' 'is root'
else
	exits 0 'status without root shows what it can' tandem status --config system.conf
	prints 'root only'
	exits 1 'install without root' tandem install --config system.conf x.reup
	says 'must be run as root'
fi
finish
