#!/usr/bin/env python3
"""tandem-init under real firmware, with a tiny root: what a normal boot and a trial start, write and hand over."""
import tempfile

import tap
import tiny


def committed(bench):
    report = bench.runs('a', 'committed', 'empty variables: the fallback loader starts slot a')
    said = report.handover()
    tap.equal(said['efi-writes'], '2', 'its entry and BootOrder are written')
    tap.ok(bench.variables().boot_order()[0] == bench.variables().entries('a\\linux.efi')[0], 'BootOrder starts with it')
    tap.equal((said['record'], said['data'], said['watchdog']), ('valid', 'mounted', '/dev/watchdog0'),
              'record, data and watchdog are reported')
    record = bench.disk.record()
    tap.ok(record.home != bytes(16) and record.sequence == 2, 'the record remembers its disk')
    mounts = {line.split()[1]: line for line in report.of('MOUNT')}
    tap.ok('/dev/vda3 / erofs ro' in mounts['/'], 'the root is read-only')
    tap.ok(mounts['/var'].startswith('tmpfs'), '/var is volatile')
    tap.ok(all('ext4 rw' in mounts[at] and 'prjquota' in mounts[at]
               for at in ('/data', '/var/lib/tiny', '/opt/tiny', '/var/log')), 'data is bound to its places, with quota')
    tap.equal((report.of('KEPT'), len(report.of('WROTE'))), ([], 3), 'which take writes')
    tap.equal(report.of('STARTED')[0], 'slot=a pid=1 arguments=', 'the real init is PID 1')
    tap.ok(not any('rootfs' in line for line in report.of('DF')), 'nothing of the initramfs is in sight')
    tap.ok(report.said('decision mode=bootnext') and any('decision' in line for line in report.of('LOG')),
           'the log is on the console and handed over')


def again(bench):
    writes = bench.variables().written()
    report = bench.runs('a', 'committed', 'second boot')
    tap.equal((report.handover()['efi-writes'], bench.disk.record().sequence), ('0', 2), 'writes nothing')
    tap.ok(bench.variables().written() - writes < 20, 'to the variable store')   # the firmware writes some of its own
    tap.equal(len(report.of('KEPT')), 3, 'finds what the first one wrote')


def on_trial(bench):
    home = bench.disk.record().home
    bench.disk.set_record(home=home, **tiny.trial())
    bench.reboots('an armed trial that the firmware did not start is sent on')
    entry = bench.variables().entries('b\\linux.efi')
    tap.equal([bench.variables().boot_next()], entry, 'by BootNext')
    tap.equal((bench.disk.record().stage, bench.disk.record().attempts_left), ('armed', 1), 'and counted')
    bench.runs('b', 'trial', 'slot b on trial')
    tap.equal((bench.disk.record().stage, bench.variables().boot_next()), ('userspace', None), 'its stage is recorded')
    bench.reboots('without a verdict it is sent on once more')
    bench.runs('b', 'trial', 'and started')
    report = bench.runs('a', 'committed', 'the attempts are used up: slot a')
    record = bench.disk.record()
    tap.equal((record.phase, record.outcome.reason, record.outcome.stage, record.outcome.attempts),
              ('failed', 'no-verdict', 'userspace', 3), 'the outcome says so')
    tap.equal(report.handover()['efi-writes'], '0', 'no variable had to be written for that')


def bad_trials(bench):
    home = bench.disk.record().home
    bench.disk.set_record(home=home, **tiny.trial())
    bench.disk.wipe('root-b')
    bench.reboots('a trial is sent on')
    bench.reboots('its root holds no file system')
    record = bench.disk.record()
    tap.equal((record.phase, record.outcome.reason, record.outcome.text),
              ('failed', 'hook', '/dev/vda4: holds no file system'), 'that is its verdict')
    bench.runs('a', 'committed', 'slot a runs')
    bench.disk.set_record(home=home, **tiny.trial(stage='initramfs'))
    bench.disk.drop('root-b')
    bench.reboots('a trial whose partition is gone is sent on')
    bench.reboots('and ends')
    tap.ok('has no partition with PARTLABEL=root-b' in bench.disk.record().outcome.text, 'with the reason')
    bench.runs('a', 'committed', 'slot a runs again')


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = tiny.Bench(folder, words='quiet loglevel=6')
        for step in committed, again, on_trial, bad_trials:
            step(bench)


tap.run(main)
