#!/usr/bin/env python3
"""From slot a to slot b and back: install, trial, health, commit; the same bundle into the other slot; rollback."""
import os

import appliance
import tap

OTHER = {'a': 'b', 'b': 'a'}
images = {}


def power_off_state(machine, committed, version, following):
    """What firmware and ESP hold between two boots."""
    store = machine.variables()
    entry = {slot: store.entries('\\EFI\\tandem\\%s\\linux.efi' % slot) for slot in 'ab'}
    tap.equal(store.boot_order()[:1], entry[committed], 'BootOrder begins with the only entry of slot %s' % committed)
    tap.equal(store.boot_next(), entry[following][0] if following else None,
              'BootNext names slot %s' % following if following else 'no BootNext')
    with open(images[version].path(committed + '.efi'), 'rb') as file:
        tap.ok(machine.on_esp('/EFI/BOOT/BOOTX64.EFI') == file.read(), 'the fallback loader is the boot file of slot %s' % committed)


def trial(machine, up, slot, version):
    """Reboot into what is armed, and see it committed by its own health."""
    before = up.status()['record']
    tap.equal((before['phase'], before['target']), ('trial', slot), 'version %s is armed in slot %s' % (version, slot))
    committed = up.version
    up.boot.reboot()
    power_off_state(machine, OTHER[slot], committed, slot)
    up = machine.up()
    tap.equal((up.slot, up.role, up.version), (slot, 'trial', version), 'version %s runs from slot %s, on trial' % (version, slot))
    tap.equal(up.verdict()['verdict'], 'committed', 'its health probes pass and it is committed')
    record = up.status()['record']
    outcome = record['outcome']
    tap.equal((record['phase'], record['committed']), ('idle', slot), 'the record: idle, slot %s is committed' % slot)
    tap.equal((outcome['result'], outcome['from_version'], outcome['to_version'], outcome['attempts']),
              ('committed', committed, version, 1), 'the outcome: committed by the first start')
    tap.equal(up.boot.must('systemctl --failed --no-legend --plain'), '', 'no unit failed')
    return up


def refused(up):
    """What an install must not do."""
    text = up.install('v2.reup', code=4)
    tap.ok('nothing to do' in text, 'the version that runs: nothing to do, exit code 4', text)
    text = up.install('v1.reup', code=3)
    tap.ok('downgrade' in text, 'an older version is refused, exit code 3', text)
    text = up.install('v2.reup', '--force-same', '--slot=b', code=3)
    tap.ok('slot b' in text, 'the slot that runs is never written', text)


def main():
    for number in '12':
        images[number + '.0.0'] = appliance.image(number + '.0.0')
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'update')).with_disk(a=images['1.0.0'])
    machine.with_stick(**{'v%s.reup' % version[0]: image.bundle() for version, image in images.items()})
    up = machine.up()
    tap.equal(up.install_json('v2.reup', '--dry-run')['result'], 'passed', 'a dry run says that it would work')
    tap.equal(up.status()['record']['phase'], 'idle', 'and changes nothing')
    result = up.install_json('v2.reup')
    tap.equal((result['result'], result['slot']), ('armed', 'b'), 'v2 goes into slot b')
    up = trial(machine, up, 'b', '2.0.0')
    refused(up)
    tap.equal(up.install_json('v2.reup', '--force-same')['slot'], 'a', 'the same bundle goes into slot a')
    up = trial(machine, up, 'a', '2.0.0')
    up.boot.must('tandem rollback')
    up = trial(machine, up, 'b', '2.0.0')
    up.boot.tell('systemctl poweroff')
    up.boot.ended()
    power_off_state(machine, 'b', '2.0.0', None)


tap.run(main)
