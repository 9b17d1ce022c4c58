#!/usr/bin/env python3
"""tandem-init under real firmware: damaged slots, a lost record, no data, clones of the disk."""
import os
import shutil
import tempfile

import bootrecord
import tap
import tiny


def damaged(bench):
    bench.disk.set_record(slots=tiny.good_b())
    bench.runs('a', 'committed', 'two good slots')
    bench.disk.wipe('root-a')
    for misses in 1, 2:
        bench.reboots('the root of the committed slot is damaged: reboot')
        bench.runs('b', 'stand-in', 'the other good slot stands in')
        tap.equal((bench.disk.record().committed, bench.disk.record().misses), ('a', misses), 'a stays committed')
    bench.reboots('the third time')
    bench.runs('b', 'committed', 'it takes its place')
    record = bench.disk.record()
    tap.equal((record.committed, record.outcome.result, record.slots['a'].state), ('b', 'demoted', 'bad'), 'for good')
    tap.equal(bench.variables().boot_order()[0], bench.variables().entries('b\\linux.efi')[0], 'BootOrder follows')


def lost(bench):
    bench.disk.set_record()
    bench.runs('a', 'committed', 'before the record is lost')
    bench.disk.damage_record()
    report = bench.runs('a', 'unknown', 'both regions are damaged: the slot that was started runs')
    tap.ok('no valid boot record' in report.handover()['record'], 'and that is reported')
    tap.equal((report.handover()['efi-writes'], bench.disk.record()), ('0', None), 'nothing is written')
    bench.disk.wipe('data')
    bench.disk.set_record()
    report = bench.runs('a', 'committed', 'a damaged data partition does not fail the slot')
    tap.ok(report.handover()['data'].startswith('volatile: /dev/vda5: holds no file system'), 'it is reported')
    tap.equal(len(report.of('WROTE')), 3, 'and volatile folders stand in')


def clones(bench):
    bench.disk.set_record()
    bench.runs('a', 'committed', 'the record learns its disk')
    home = bench.disk.record().home
    clone = shutil.copy(bench.disk.path, os.path.join(bench.folder, 'clone.img'))
    before = bootrecord.read(clone, tiny.STATE).format()
    bench.disk.set_record(home=home, **tiny.trial(stage='initramfs'))
    bench.reboots('with a clone of the disk in the machine: the trial is sent on', extra_disks=[clone])
    report = bench.runs('b', 'trial', 'and started from the right disk', extra_disks=[clone])
    tap.equal((report.handover()['disk'], report.handover()['root']), ('/dev/vda', '/dev/vda4'), 'which is the first')
    tap.equal(bootrecord.read(clone, tiny.STATE).format(), before, 'nothing is written to the clone')
    bench.disk.set_record(home=b'elsewhere       ')
    report = bench.runs('a', 'committed', 'a disk that was moved to this machine is used')
    waited = [line for line in report.of('LOG') if 'waited_ms=' in line][0].split('waited_ms=')[1]
    tap.ok(2900 <= int(waited) < 20000, 'after a moment for the one that it names (%s ms)' % waited)
    tap.equal(bench.disk.record().home, b'elsewhere       ', 'which it goes on naming')


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = tiny.Bench(folder)
        for step in lost, clones, damaged:
            bench.disk.make_data()
            step(bench)


tap.run(main)
