#!/usr/bin/env python3
"""Another builder's initramfs: Debian's initramfs-tools with tandem-init --hook in it. First boot, an update on trial, its
commit, and an ordinary boot after it: what tests/vm/20-update.t has of tandem-init as PID 1, in short."""
import os

import appliance
import tap


def decided(up, slot, role, version):
    """What the hook decided is what runs, from a root that initramfs-tools mounted."""
    tap.equal((up.slot, up.role, up.version), (slot, role, version), 'version %s runs from slot %s: %s' % (version, slot, role))
    tap.equal(up.said['data'], 'left to the booted system', 'by the hook, which mounts nothing')
    source = up.boot.must('findmnt -n -o SOURCE,FSTYPE /').split()
    tap.equal(source, [up.said['root'], 'erofs'], 'its root is the one that the hook named')
    tap.ok('/dev/watchdog' in up.said['watchdog'], 'the watchdog is armed')
    tap.ok('decision mode=bootnext' in up.boot.must('dmesg'), "the decision is in the kernel's log")
    tap.equal(up.boot.must('systemctl --failed --no-legend --plain'), '', 'no unit failed')


def main():
    images = {version: appliance.image(version, 'good', True, *appliance.DEBIAN_INITRAMFS) for version in ('1.0.0', '2.0.0')}
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'initramfs-tools')).with_disk(a=images['1.0.0'])
    machine.with_stick(**{'v2.reup': images['2.0.0'].bundle()})
    up = machine.up()
    decided(up, 'a', 'committed', '1.0.0')
    tap.equal(up.install_json('v2.reup')['slot'], 'b', 'v2 goes into slot b')
    up.boot.reboot()
    store = machine.variables()
    tap.equal([store.boot_next()], store.entries('\\EFI\\tandem\\b\\linux.efi'), 'BootNext names slot b')
    up = machine.up()
    decided(up, 'b', 'trial', '2.0.0')
    tap.equal(up.verdict()['verdict'], 'committed', 'its health probes pass and it is committed')
    record = up.status()['record']
    tap.equal((record['phase'], record['committed'], record['outcome']['result']), ('idle', 'b', 'committed'),
              'the record: idle, slot b is committed')
    up = machine.again(up)
    decided(up, 'b', 'committed', '2.0.0')


tap.run(main)
