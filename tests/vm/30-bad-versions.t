#!/usr/bin/env python3
"""Versions that do not work: a kernel that panics, an init that ends, a health check that fails. Each ends on the old one."""
import os

import appliance
import tap

# variant: how its trial ends, and how far it came
ENDINGS = {
    'panic': ('no-verdict', 'armed', ''),
    'bad-init': ('no-verdict', 'userspace', ''),
    'bad-health': ('health', 'health', 'command /usr/lib/ransomeye/health'),
}
VERSIONS = {'panic': '2.0.1', 'bad-init': '2.0.2', 'bad-health': '2.0.3'}


def starts(machine, since, slot):
    """How often the firmware started a slot's own entry in the boots after number `since`."""
    count = 0
    for number in range(since + 1, machine.machine.boots + 1):
        with open(os.path.join(machine.folder, 'boot-%d.log' % number)) as log:
            count += 'starting Boot' in (text := log.read()) and '"Tandem %s" from' % slot in text
    return count


def left_by_itself(machine, up, variant, attempts):
    """Install a version that does not work; nobody helps; which one runs in the end?"""
    up.install(variant + '.reup', up.settings(attempts=attempts))
    boots = machine.machine.boots
    up = machine.again(up)
    if up.role == 'trial':     # this one comes up, until its own verdict ends it
        tap.equal(up.boot.ended(), 'guest-reset', '%s: the machine reboots by itself' % variant)
        up = machine.settle()
    tap.equal((up.slot, up.role, up.version), ('a', 'committed', '1.0.0'), '%s: the old version runs, as the committed one' % variant)
    tap.equal(starts(machine, boots, 'b'), attempts, '%s: starts: %d' % (variant, attempts))
    record = up.status()['record']
    outcome = record['outcome']
    reason, stage, words = ENDINGS[variant]
    tap.equal((record['phase'], record['committed']), ('failed', 'a'), '%s: the record: failed, slot a is committed' % variant)
    tap.equal((outcome['result'], outcome['reason'], outcome['stage'], outcome['attempts']),
              ('failed', reason, stage, attempts), '%s: the outcome says why, and how far it came' % variant)
    tap.equal(outcome['to_version'], VERSIONS[variant], '%s: and which version' % variant)
    tap.ok(words in outcome['text'], '%s: in words' % variant, outcome['text'])
    tap.equal(up.verdict()['verdict'], 'healthy', '%s: the old version is healthy' % variant)
    return up


def nothing_is_left_over(machine, up):
    up.boot.tell('systemctl poweroff')
    up.boot.ended()
    store = machine.variables()
    tap.equal(store.boot_order()[:1], store.entries('\\EFI\\tandem\\a\\linux.efi'), 'slot a is first in BootOrder')
    tap.equal(store.boot_next(), None, 'no BootNext')


def main():
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'bad-versions')).with_disk(a=appliance.image('1.0.0'))
    machine.with_stick(**{variant + '.reup': appliance.image(version, variant).bundle() for variant, version in VERSIONS.items()})
    up = machine.up()
    up = left_by_itself(machine, up, 'bad-init', 1)
    up = left_by_itself(machine, up, 'bad-health', 1)
    up = left_by_itself(machine, up, 'panic', 3)
    nothing_is_left_over(machine, up)


tap.run(main)
