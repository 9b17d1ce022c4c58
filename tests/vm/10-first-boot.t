#!/usr/bin/env python3
"""A fresh disk on a machine without one boot variable: started by the fallback loader, healed once, and quiet from then on."""
import os

import appliance
import efivars
import tap
import vm

MOUNTED = ('/data', '/var/lib/ransomeye', '/opt/ransomeye', '/var/log')


def boot_variables(machine):
    """Every record that the store has of a boot variable, dead ones too: a write leaves one more."""
    return [(record.offset, record.name, record.state) for record in machine.variables().records
            if record.guid == efivars.GLOBAL and record.name.startswith('Boot')]


def committed_slot_runs(up):
    status = up.status()
    tap.equal((up.slot, up.role, up.version), ('a', 'committed', '1.0.0'), 'slot a runs, as the committed one')
    tap.equal((status['record']['phase'], status['record']['committed'], status['record']['outcome']['result']),
              ('idle', 'a', 'none'), 'the record: idle, slot a is committed, nothing was ever updated')
    tap.equal([slot['state'] for slot in status['slots']], ['good', 'empty'], 'slot a is good, slot b is empty')
    tap.equal(up.verdict()['verdict'], 'healthy', 'the health probes pass')
    tap.equal(up.boot.must('systemctl --failed --no-legend --plain'), '', 'no unit failed')


def root_is_read_only_and_data_is_not(up):
    sources = {line.split()[0]: line.split()[1:] for line in
               up.boot.must('findmnt --raw --noheadings -o TARGET,SOURCE,OPTIONS').splitlines()}
    tap.ok(sources['/'][0] == '/dev/vda3' and sources['/'][1].startswith('ro'), 'the root is slot a, read-only', sources['/'])
    for path in MOUNTED:
        tap.ok(sources.get(path, ['nothing'])[0].startswith('/dev/vda5'), '%s is on the data partition' % path, sources.get(path))
    up.boot.must('echo kept >/var/lib/ransomeye/note && cp /etc/machine-id /var/lib/ransomeye/id && sync')


def first(machine):
    up = machine.up()
    tap.ok(up.boot.said('starting Boot.* from PciRoot') and not up.boot.said('linux.efi'),
           'the firmware starts the fallback loader, by no entry of ours')
    committed_slot_runs(up)
    root_is_read_only_and_data_is_not(up)
    tap.ok(1 <= int(up.said['efi-writes']) <= 4, 'healed with 1 to 4 writes of variables', up.said['efi-writes'])
    tap.equal(up.boot.reboot(), 'guest-reset', 'orderly reboot')
    store = machine.variables()
    entries = store.entries('\\EFI\\tandem\\a\\linux.efi')
    tap.equal(store.boot_order()[:1], entries, 'slot a has one entry, first in BootOrder')
    tap.equal(store.entries('\\EFI\\tandem\\b\\linux.efi'), [], 'the empty slot has none')
    tap.equal(store.boot_next(), None, 'no BootNext')


def second(machine):
    before = boot_variables(machine)
    up = machine.up()
    tap.ok(up.boot.said('starting Boot.* "Tandem a"'), 'the second boot comes by the entry of slot a')
    committed_slot_runs(up)
    tap.equal(up.boot.must('cat /var/lib/ransomeye/note'), 'kept', 'what was written to the data partition is there')
    tap.equal(up.boot.must('cat /etc/machine-id'), up.boot.must('cat /var/lib/ransomeye/id'),
              'the machine has the id that it had')
    tap.equal(up.said['efi-writes'], '0', 'tandem-init wrote no variable')
    up.boot.tell('systemctl poweroff')
    tap.equal(up.boot.ended(), 'guest-shutdown', 'orderly power off')
    tap.equal(boot_variables(machine), before, 'and the store has no new record of a boot variable')


def main():
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'first-boot')).with_disk(a=appliance.image('1.0.0'))
    first(machine)
    second(machine)


tap.run(main)
