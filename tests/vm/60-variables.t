#!/usr/bin/env python3
"""Boot variables that are lost: the fallback loader starts the committed slot, they heal, and the next boot is quiet."""
import os
import shutil

import appliance
import tap
import vm

PATHS = {slot: '\\EFI\\tandem\\%s\\linux.efi' % slot for slot in 'ab'}


def entries(machine):
    store = machine.variables()
    return {slot: store.entries(path) for slot, path in PATHS.items()}


def commit_b(machine):
    """Slot b becomes the committed one, so that no default of the firmware can be what is right."""
    up = machine.up()
    up.boot.must('tandem rollback')
    up = machine.again(up)
    tap.equal((up.slot, up.role, up.verdict()['verdict']), ('b', 'trial', 'committed'), 'slot b is tried and committed')
    up.boot.tell('systemctl poweroff')
    up.boot.ended()


def heals(machine, what):
    """One boot after the damage; then the variables are as they were, and the next boot has nothing to do."""
    up = machine.up()
    tap.ok(up.boot.said('starting Boot.* from PciRoot') and not up.boot.said('linux.efi'),
           what + ': the firmware starts the fallback loader')
    tap.equal((up.slot, up.role, up.version), ('b', 'committed', '2.0.0'), what + ': the committed slot runs')
    tap.ok(1 <= int(up.said['efi-writes']) <= 4, what + ': healed with 1 to 4 writes of variables', up.said['efi-writes'])
    tap.equal(up.verdict()['verdict'], 'healthy', what + ': healthy')
    up.boot.reboot()
    found = entries(machine)
    tap.equal([len(found[slot]) for slot in 'ab'], [1, 1], what + ': each good slot has one entry')
    tap.equal(machine.variables().boot_order()[:1], found['b'], what + ': the committed slot is first in BootOrder')
    tap.equal(machine.variables().boot_next(), None, what + ': no BootNext')


def quiet(machine):
    up = machine.up()
    tap.ok(up.boot.said('starting Boot.* "Tandem b"'), 'healed, the boot comes by the entry of the committed slot')
    tap.equal((up.slot, up.role, up.said['efi-writes']), ('b', 'committed', '0'), 'and no variable is written any more')
    up.boot.cut()


def main():
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'variables'))
    machine.with_disk(a=appliance.image('1.0.0'), b=appliance.image('2.0.0'))
    commit_b(machine)
    machine.variables().delete('BootOrder')
    heals(machine, 'BootOrder is gone')
    shutil.copy(vm.EMPTY_VARS, machine.machine.variables)
    heals(machine, 'a new variable store')
    quiet(machine)


tap.run(main)
