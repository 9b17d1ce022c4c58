#!/usr/bin/env python3
"""tandem-init in chooser mode, which writes no variable and needs no reboot; slots on other file systems; a hang."""
import os
import tempfile

import tap
import tiny


def chooser(bench):
    bench.runs('a', 'committed', 'chooser: the committed slot')
    tap.equal(bench.last.handover()['efi-writes'], '0', 'no variable is written')
    bench.disk.fill('root-b', bench.disk.parts.path('b.squashfs'))
    bench.disk.set_record(**tiny.trial(attempts_left=3))
    bench.runs('b', 'trial', 'chooser: a trial, on squashfs, without a reboot')
    tap.ok('/dev/vda4 / squashfs ro' in bench.last.of('MOUNT')[5], 'it is')
    bench.disk.fill('root-b', bench.disk.parts.path('b.ext4'))
    bench.runs('b', 'trial', 'once more, on ext4')
    tap.equal((bench.disk.record().attempts_left, bench.disk.record().stage), (1, 'userspace'), 'counted')
    bench.disk.wipe('root-b')
    bench.runs('a', 'committed', 'a root that is gone: the committed slot in the same boot')
    tap.equal((bench.disk.record().phase, bench.disk.record().outcome.reason), ('failed', 'hook'), 'and the trial is over')
    bench.disk.set_record(slots=tiny.good_b())
    bench.disk.fill('root-b', bench.disk.parts.path('b.erofs'))
    bench.disk.wipe('root-a')
    bench.runs('b', 'stand-in', 'the other good slot stands in without a reboot')
    bench.disk.damage_record()
    bench.runs('b', 'unknown', 'without a record the first slot that works runs')


def watched(bench):
    bench.disk.set_record(**tiny.trial(attempts_left=1))
    with bench.machine.boot() as boot:
        boot.console('STARTED slot=b')
        tap.equal(boot.ended(60), 'guest-reset', 'a slot that hangs is ended by the watchdog')
    bench.runs('a', 'committed', 'and left')
    tap.equal(bench.disk.record().outcome.stage, 'userspace', 'the outcome says how far it came')


def main():
    with tempfile.TemporaryDirectory() as folder:
        chooser(tiny.Bench(os.path.join(folder, 'chooser'), kind='chooser'))
        watched(tiny.Bench(os.path.join(folder, 'watched'), kind='watched', words='tiny.do=b-hang'))


tap.run(main)
