#!/usr/bin/env python3
"""Both copies of the boot record are corrupted: the slot that was started runs, and a healthy boot makes a new record."""
import os

import appliance
import bootrecord
import tap

SLOT_B = '\\EFI\\tandem\\b\\linux.efi'


def next_start_is_slot_b(machine):
    """An ordinary boot; then BootNext names the slot that no default would take."""
    up = machine.up()
    tap.equal((up.slot, up.role, up.said['record']), ('a', 'committed', 'valid'), 'slot a runs, the record is valid')
    up.verdict()     # healing, which comes with it, would take the order away again
    label = [line.split()[0] for line in up.boot.must('efibootmgr').splitlines() if 'Tandem b' in line][0]
    up.boot.must('efibootmgr -n ' + label[4:8])
    up.boot.reboot()


def lost(machine):
    offset = appliance.partition(machine.disk_path, 'tandem-state')[0]
    bootrecord.damage(machine.disk_path, offset)
    tap.equal(bootrecord.read(machine.disk_path, offset), None, 'there is no valid record any more')
    up = machine.up()
    tap.equal((up.slot, up.role, up.version), ('b', 'unknown', '2.0.0'), 'the slot that was started runs, in a role unknown')
    tap.ok(up.said['record'] != 'valid', 'the handover says what is wrong with the record', up.said['record'])
    tap.diag(up.said['record'])
    verdict = up.verdict()
    tap.equal((verdict['verdict'], verdict['role']), ('adopted', 'unknown'), 'it is healthy, and adopted')
    record = up.status()['record']
    tap.equal((record['phase'], record['committed']), ('idle', 'b'), 'the new record: idle, this slot is committed')
    up.boot.cut()
    on_disk = bootrecord.read(machine.disk_path, offset)
    tap.equal((on_disk.committed, on_disk.slots['b'].version), ('b', '2.0.0'), 'it is on the disk')


def whole_again(machine):
    store = machine.variables()
    tap.equal(store.boot_order()[:1], store.entries(SLOT_B), 'BootOrder begins with the adopted slot')
    with open(appliance.image('2.0.0').path('b.efi'), 'rb') as file:
        tap.ok(machine.on_esp('/EFI/BOOT/BOOTX64.EFI') == file.read(), 'the fallback loader is its boot file')
    up = machine.up()
    tap.equal((up.slot, up.role, up.said['record']), ('b', 'committed', 'valid'), 'the next boot is an ordinary one')
    tap.equal(up.verdict()['verdict'], 'healthy', 'and a healthy one')
    up.boot.cut()


def main():
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'records'))
    machine.with_disk(a=appliance.image('1.0.0'), b=appliance.image('2.0.0'))
    next_start_is_slot_b(machine)
    lost(machine)
    whole_again(machine)


tap.run(main)
