#!/usr/bin/env python3
"""Mode chooser: one kernel, whose initramfs picks the root by the record. An update and its way back, without variables."""
import os

import appliance
import tap


def image(version, variant='good'):
    return appliance.image(version, variant, mode='chooser')


def no_variable_of_ours(machine):
    """Nobody but the firmware has a boot entry."""
    store = machine.variables()
    tap.equal([store.entries('\\EFI\\tandem\\%s\\linux.efi' % slot) for slot in 'ab'], [[], []], 'there are no entries of ours')
    tap.equal(store.boot_next(), None, 'and no BootNext')


def update(machine, up):
    result = up.install_json('v2.reup')
    tap.equal((result['result'], result['slot']), ('armed', 'b'), 'v2 goes into slot b')
    up.boot.cut()
    no_variable_of_ours(machine)
    up = machine.up()
    tap.equal((up.slot, up.role, up.version), ('b', 'trial', '2.0.0'), 'it runs, on trial')
    tap.equal(up.verdict()['verdict'], 'committed', 'its health probes pass and it is committed')
    record = up.status()['record']
    tap.equal((record['phase'], record['committed']), ('idle', 'b'), 'the record: idle, slot b is committed')
    return up


def fallback(machine, up):
    up.install('bad.reup', up.settings(attempts=1))
    up.boot.cut()
    up = machine.up()
    tap.equal((up.slot, up.role, up.version), ('a', 'trial', '2.0.3'), 'a version that is never healthy runs, on trial')
    tap.equal(up.boot.ended(), 'guest-reset', 'and reboots by itself')
    up = machine.settle()
    tap.equal((up.slot, up.role, up.version), ('b', 'committed', '2.0.0'), 'the version before it runs')
    record = up.status()['record']
    outcome = record['outcome']
    tap.equal((record['phase'], record['committed']), ('failed', 'b'), 'the record: failed, slot b is committed')
    tap.equal((outcome['result'], outcome['reason'], outcome['to_version']), ('failed', 'health', '2.0.3'), 'the outcome says why')
    tap.equal(up.verdict()['verdict'], 'healthy', 'the old version is healthy')
    return up


def main():
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'chooser')).with_disk(a=image('1.0.0'), mode='chooser')
    machine.with_stick(**{'v2.reup': image('2.0.0').bundle(), 'bad.reup': image('2.0.3', 'bad-health').bundle()})
    up = machine.up()
    tap.equal((up.slot, up.role, up.said['mode']), ('a', 'committed', 'chooser'), 'slot a runs, as the committed one')
    up = fallback(machine, update(machine, up))
    up.boot.cut()
    no_variable_of_ours(machine)


tap.run(main)
