#!/usr/bin/env python3
"""A second disk that is a bitwise clone: the disk that the record knows boots, and the clone is not touched."""
import json
import os

import appliance
import tap


def digest(path):
    return appliance.host('b2sum', path).split()[0]


def status(path):
    """The boot record in a disk image, as tandem-disk inspect tells it."""
    text = appliance.host(os.path.join(appliance.PROGRAMS, 'tandem-disk'), 'inspect', '--json', path)
    return json.loads(text)['boot_record']


def beside(clone):
    """qemu's arguments for one more disk, at a function of the chipset's own slot: found before every other device."""
    return ['-blockdev', 'driver=raw,node-name=clone,file.driver=file,file.filename=' + clone,
            '-device', 'virtio-blk-pci,drive=clone,serial=clone,addr=0x1.0x4']


def boots_from_home(machine, clone):
    before = digest(clone)
    up = machine.up(arguments=beside(clone))
    serials = up.boot.must('cat /sys/block/vda/serial; echo; cat /sys/block/vdb/serial').split()
    tap.equal(serials, ['clone', 'disk0'], 'the clone is the first disk')
    tap.equal((up.slot, up.role, up.said['disk']), ('a', 'committed', '/dev/vdb'), 'the disk that the record knows boots')
    tap.equal(up.boot.must('findmnt --noheadings -o SOURCE /').strip(), '/dev/vdb3', 'the root is on it')
    tap.ok(up.boot.must('findmnt --noheadings -o SOURCE /data').startswith('/dev/vdb5'), 'the data is on it')
    tap.equal(up.verdict()['verdict'], 'healthy', 'healthy')
    tap.equal(up.status()['record']['committed'], 'a', 'the record is read from it')
    up.boot.must('tandem rollback && echo written >/var/lib/ransomeye/note && sync')
    up.boot.cut()
    tap.equal(status(machine.disk_path)['phase'], 'trial', 'what is decided now is written to its record')
    tap.equal(status(clone)['phase'], 'idle', 'and not to the record of the clone')
    tap.ok(digest(clone) == before, 'not a byte of the clone changed')


def main():
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'clone'))
    machine.with_disk(a=appliance.image('1.0.0'), b=appliance.image('2.0.0'))
    up = machine.up()
    tap.equal(up.verdict()['verdict'], 'healthy', 'the machine runs, and its record knows its disk')
    up.boot.must('sync')
    up.boot.cut()
    clone = os.path.join(machine.folder, 'clone.img')
    appliance.host('cp', '--sparse=always', machine.disk_path, clone)
    boots_from_home(machine, clone)


tap.run(main)
