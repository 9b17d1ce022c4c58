#!/usr/bin/env python3
"""Keys change on a machine whose clock stands in 1970: a bundle brings the key that signed it, and the old key stays revoked. I9."""
import json
import os

import appliance
import tap

YEAR_1970 = ('-rtc', 'base=1970-01-01T00:00:10')
TANDEM = os.path.join(appliance.PROGRAMS, 'tandem')


def statement(folder):
    """Set 1: the key that the image trusts stays a root, and signs no bundles any more; a new one does."""
    path = os.path.join(folder, '1.trust')
    root = os.path.splitext(appliance.KEY)[0]
    new = os.path.join(folder, 'new')
    appliance.host(TANDEM, 'key', 'generate', '-o', new, '--no-password')
    appliance.host(TANDEM, 'trust', 'init', '-o', path, '--product', 'ransomeye', '--root', root + '.pub', '--release', new + '.pub')
    appliance.host(TANDEM, 'trust', 'sign', path, '--key', root + '.key')
    return path, new + '.key'


def bundle(image, path, key, *options):
    appliance.host(TANDEM, 'bundle', 'create', '--config', image.path('bundle.conf'), '--key', key, '-o', path,
                   '--progress', 'none', *options)
    return path


def believed(up):
    shown = json.loads(up.boot.must('tandem trust show --json'))
    return shown['epoch'], shown['origin'], up.status()['record']['trust_epoch']


def main():
    images = {number: appliance.image(number + '.0.0') for number in '12'}
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'trust')).with_disk(a=images['1'])
    made = os.path.join(machine.folder, 'made')
    os.makedirs(made)
    trust, key = statement(made)
    machine.with_stick(**{'v2.reup': bundle(images['2'], os.path.join(made, 'v2.reup'), key, '--trust-update', trust),
                          'bare.reup': bundle(images['2'], os.path.join(made, 'bare.reup'), key),
                          'old.reup': images['2'].bundle()})
    up = machine.up(arguments=YEAR_1970)
    up.boot.must('date -s @1000')
    tap.equal(believed(up), (0, 'folder', 0), 'the key in the image is believed')
    up.install('bare.reup', code=3)
    tap.ok(True, 'a bundle by the new key alone is refused')
    tap.equal(up.install_json('v2.reup')['result'], 'armed', 'the bundle that brings the new key is installed in 1970')
    up = machine.again(up, arguments=YEAR_1970)
    up.boot.must('date -s @1000')
    tap.equal((up.slot, up.role), ('b', 'trial'), 'it runs on trial')
    tap.equal(up.verdict()['verdict'], 'committed', 'and is committed by its health')
    tap.equal(believed(up), (1, 'stored', 1), 'the new set is believed, and the boot record knows it')
    up.install('old.reup', '--force-same', code=3)
    tap.ok(True, 'the old key is revoked')
    up.boot.must('tandem rollback')
    up = machine.again(up, arguments=YEAR_1970)
    tap.equal((up.slot, up.version), ('a', '1.0.0'), 'back in the image whose folder has the old key')
    tap.equal(up.verdict()['verdict'], 'committed', 'which is committed')
    tap.equal(believed(up), (1, 'stored', 1), 'the new set is believed there as well')
    up.install('old.reup', code=3)
    tap.ok(True, 'and the old key is not')
    up.boot.tell('systemctl poweroff')
    up.boot.ended()


tap.run(main)
