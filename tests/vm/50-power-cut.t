#!/usr/bin/env python3
"""The power is cut while an update is installed, at random moments: the old version boots, and the install goes on.

TANDEM_VM_LONG=1: more moments. TANDEM_VM_SEED repeats a run.
"""
import os
import random
import time

import appliance
import tap

CUTS = 20 if os.environ.get('TANDEM_VM_LONG') else 3
PROGRESS = r'"total_bytes": (\d+), "skipped_bytes": (\d+), "written_bytes": (\d+)|"event": "end"'


def cut_in_mid_install(machine, up, share, pause_s, number):
    """Cut when this share of the update is there, and a moment later. Returns the machine as it comes up again."""
    up.plug()
    up.verdict()     # which holds the lock for a moment
    up.boot.tell('tandem install %s/v2.reup --progress=json' % appliance.STICK)
    there, total = 0, 0
    while there <= share * total:
        total, skipped, written = up.boot.console(PROGRESS, appliance.INSTALL_S).groups()
        if total is None:
            raise up.boot.failed('the install ended before it was cut')
        there, total = int(skipped) + int(written), int(total)
    time.sleep(pause_s)
    up.boot.cut()
    up = machine.settle()
    name = 'cut %d, %.2f s after %.1f %% were there: ' % (number, pause_s, 100 * there / total)
    tap.equal((up.slot, up.role, up.version), ('a', 'committed', '1.0.0'), name + 'the old version runs')
    tap.equal(up.status()['record']['phase'], 'writing', name + 'the record knows that slot b is half written')
    return up


def main():
    seed = int(os.environ.get('TANDEM_VM_SEED') or random.randrange(1 << 32))
    tap.diag('TANDEM_VM_SEED=%d' % seed)
    chance = random.Random(seed)
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'power-cut')).with_disk(a=appliance.image('1.0.0'))
    machine.with_stick(**{'v2.reup': appliance.image('2.0.0').bundle()})
    up = machine.up()
    # In ascending order: each install goes on where the one before it was cut.
    for number, share in enumerate(sorted(chance.uniform(0, 0.9) for _ in range(CUTS)), 1):
        up = cut_in_mid_install(machine, up, share, chance.uniform(0, 0.5), number)
    up.verdict()
    result = up.install_json('v2.reup')
    tap.equal(result['result'], 'armed', 'the install goes on and comes to its end')
    tap.ok(result['skipped_bytes'] > 0, 'what was there already is not written again: %d bytes' % result['skipped_bytes'])
    up = machine.again(up)
    tap.equal((up.slot, up.role, up.version), ('b', 'trial', '2.0.0'), 'the new version runs, on trial')
    tap.equal(up.verdict()['verdict'], 'committed', 'and is committed')


tap.run(main)
