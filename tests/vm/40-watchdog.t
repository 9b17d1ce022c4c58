#!/usr/bin/env python3
"""A version that hangs: the hardware watchdog that tandem-init armed ends it, and the old version runs again."""
import os

import appliance
import tap


def main():
    # The cloud kernel has no driver for a hardware watchdog; the hanging version brings the full one.
    hang = appliance.image('2.0.4', 'hang', True, '--kernel', 'full', '--set', 'system.watchdog-timeout=20')
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'watchdog')).with_disk(a=appliance.image('1.0.0'))
    machine.with_stick(**{'hang.reup': hang.bundle()})
    up = machine.up()
    up.install('hang.reup', up.settings(attempts=1))
    up.boot.reboot()
    boot = machine.power_on(watchdog='reset')
    boot.console('starting Boot.* "Tandem b"')
    tap.equal(boot.ended(), 'watchdog', 'the watchdog ends the version that hangs')
    up = machine.up()
    tap.equal((up.slot, up.role, up.version), ('a', 'committed', '1.0.0'), 'the old version runs, as the committed one')
    outcome = up.status()['record']['outcome']
    tap.equal((outcome['result'], outcome['reason'], outcome['stage'], outcome['attempts']),
              ('failed', 'no-verdict', 'userspace', 1), 'the outcome: no verdict; its init had been started')
    tap.equal(up.verdict()['verdict'], 'healthy', 'the old version is healthy')


tap.run(main)
