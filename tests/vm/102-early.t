#!/usr/bin/env python3
"""Tuning as an early unit: another builder's initramfs, a root that can be written, /swapfile (I7, T1)."""
import json
import os

import appliance
import tap

TUNING = {'swap.policy': 'profile', 'profile.small.swap': '16M', 'swap.reserve': '0'}
FSTAB = '# nothing yet\n'


def microseconds(up, unit, name):
    return int(up.boot.must('systemctl show -P %s %s' % (name, unit)))


def tuned(up):
    tune = json.loads(up.boot.must('cat /run/tandem/stages/tune.json'))
    tap.equal((tune['result'], tune['phase']), ('passed', 'initramfs'), 'the stage has passed')
    tap.ok(tune['start_us'] > int(up.boot.must('systemctl show -P UserspaceTimestampMonotonic')),
           'it ran in the booted system, since this initramfs runs no stages')
    for unit in ('sysinit.target', 'systemd-sysctl.service', 'ransomeye-core.service'):
        tap.ok(tune['end_us'] <= microseconds(up, unit, 'ActiveEnterTimestampMonotonic'), 'and ended before %s' % unit)
    mode, size = up.boot.must('stat -c "%a %s" /swapfile').split()
    tap.equal(mode, '600', 'I7: /swapfile, that only root can read')
    tap.ok(16 << 20 < int(size) < 18 << 20, 'of 16 MiB and its header', size)
    tap.ok('/swapfile' in up.boot.must('cat /proc/swaps'), 'T1: it is on')
    tap.equal(up.boot.must('cat /etc/fstab').strip(), FSTAB.strip(), 'fstab of an image is left alone: tests/root/tune.t has T2 where it is not')
    tap.equal(up.boot.must('cat /proc/sys/vm/swappiness').strip(), '10', 'T6: swappiness')
    tap.equal(up.verdict()['verdict'], 'healthy', 'the boot is healthy')
    tap.equal(up.boot.must('systemctl --failed --no-legend --plain'), '', 'no unit failed')


def main():
    image = appliance.image('1.0.0', 'good', True, *appliance.DEBIAN_INITRAMFS, '--format', 'ext4', '--cmdline', 'rw', tuning=TUNING,
                            files={'/etc/fstab': FSTAB})
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'early'), cpus=1).with_disk(a=image)
    up = machine.up()
    tuned(up)
    tuned(machine.again(up))


tap.run(main)
