#!/usr/bin/env python3
"""The committed slot's root is damaged: the other good slot stands in, is not committed by that, and takes over after three."""
import os

import appliance
import tap

SUPERBLOCK = 1024     # where erofs has it
MISSES_MAX = 3        # partitions/bootstate.h


def damage(machine, slot):
    """Other bytes where the superblock of a slot's file system is."""
    with open(machine.disk_path, 'r+b') as disk:
        disk.seek(appliance.partition(machine.disk_path, 'root-' + slot)[0] + SUPERBLOCK)
        disk.write(b'\xa5' * 4096)


def stands_in(machine, misses):
    """A boot in which the committed slot cannot be used: one reset, then the other slot runs."""
    boots = machine.machine.boots
    up = machine.settle()
    name = 'miss %d: ' % misses
    tap.equal(machine.machine.boots - boots, 2, name + 'one start of slot a that ends in a reset, then one of slot b')
    tap.equal((up.slot, up.role, up.version), ('b', 'stand-in', '2.0.0'), name + 'slot b stands in')
    verdict, status = up.verdict(), up.status()
    tap.equal((verdict['verdict'], 'never committed' in verdict['note']), ('healthy', True), name + 'the verdict says so')
    record = status['record']
    tap.equal((record['phase'], record['committed'], record['misses']), ('idle', 'a', misses),
              name + 'slot a is still the committed one, the miss is counted')
    up.boot.must('sync')
    up.boot.cut()


def demoted(machine):
    up = machine.settle()
    tap.equal((up.slot, up.role, up.version), ('b', 'committed', '2.0.0'), 'the third miss: slot b is the committed one')
    tap.equal(up.verdict()['verdict'], 'healthy', 'and healthy')
    status = up.status()
    outcome = status['record']['outcome']
    tap.equal((status['record']['phase'], status['record']['committed']), ('idle', 'b'), 'the record: idle, slot b is committed')
    tap.equal([slot['state'] for slot in status['slots']], ['bad', 'good'], 'slot a is bad')
    tap.equal((outcome['result'], outcome['reason']), ('demoted', 'hook'), 'the outcome: demoted')
    tap.ok('/dev/vda3' in outcome['text'], 'and why, in words', outcome['text'])
    up.boot.tell('systemctl poweroff')
    up.boot.ended()
    store = machine.variables()
    tap.equal(store.boot_order()[:1], store.entries('\\EFI\\tandem\\b\\linux.efi'), 'slot b is first in BootOrder')
    with open(appliance.image('2.0.0').path('b.efi'), 'rb') as file:
        tap.ok(machine.on_esp('/EFI/BOOT/BOOTX64.EFI') == file.read(), 'the fallback loader is the boot file of slot b')


def main():
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'damaged-root'))
    machine.with_disk(a=appliance.image('1.0.0'), b=appliance.image('2.0.0'))
    damage(machine, 'a')
    for misses in range(1, MISSES_MAX):
        stands_in(machine, misses)
    demoted(machine)


tap.run(main)
