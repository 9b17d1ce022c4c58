#!/usr/bin/env python3
"""Stages and the verdict on a machine: fail-closed on a trial and on the committed slot, a tuner that is killed, the baseline of a
full disk, work that waits for the commit, and the picture of a boot (C13, T5)."""
import json
import os
import xml.dom.minidom

import appliance
import tap

SMALL = {'swap.policy': 'profile', 'profile.small.swap': '64M', 'swap.reserve': '0'}
SPACE = """[stage]
description=Room on the data partition
phase=post
exec=/usr/lib/ransomeye/space
on-failure=degrade
"""
MIGRATE = """[stage]
description=Data in the form of this version
phase=committed
exec=/usr/lib/ransomeye/migrate
health=optional
"""
FILES = {
    '/etc/tandem/stages.d/20-space.stage': SPACE,
    '/usr/lib/ransomeye/space': '#!/bin/sh\nexec test "$(stat -f -c "%a * %S" /data | sed "s/.*/echo \\$((&))/" | sh)" -gt 50000000\n',
    '/etc/tandem/stages.d/90-migrate.stage': MIGRATE,
    '/usr/lib/ransomeye/migrate': '#!/bin/sh\n. /usr/lib/os-release\ntandem status --json | grep -q \'"phase": "idle"\' || exit 1\n'
                                  'echo $IMAGE_VERSION >>/var/lib/ransomeye/migrations\n',
}
KILLED = {'/etc/tandem/stages.d/10-tune.stage': """[stage]
description=A tuner that does not live to the end
phase=initramfs
exec=/usr/lib/ransomeye/killed
on-failure=fail-closed
""", '/usr/lib/ransomeye/killed': '#!/bin/sh\nkill -KILL $$\n'}


def results(up):
    """tandem-stage status: result by stage."""
    return {stage['name']: stage for stage in json.loads(up.boot.must('tandem-stage status --json'))['stages']}


def active(up, *units):
    return up.boot.sh('systemctl is-active ' + ' '.join(units)).text.split()


def machine_with(name, image):
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, name), cpus=1, memory_mib=768)
    return machine.with_disk(a=image)


def first_boot(machine):
    up = machine.up()
    tap.equal(up.verdict()['verdict'], 'healthy', 'every stage has passed: healthy')
    up.boot.must('tandem-stage wait migrate', 120)  # which begins after the verdict
    stages = results(up)
    tap.equal({name: stages[name]['result'] for name in ('tune', 'space', 'migrate')},
              {'tune': 'passed', 'space': 'passed', 'migrate': 'passed'}, 'one stage of each phase has passed')
    svg = up.boot.must('tandem-stage plot')
    tap.equal(xml.dom.minidom.parseString(svg).documentElement.tagName, 'svg', 'the boot can be drawn')
    with open(os.path.join(machine.folder, 'boot.svg'), 'w') as file:
        file.write(svg)
    return up


def greedy(machine, up):
    """T5 on a trial: what it requires cannot be had. The trial ends at once, the old slot comes back."""
    up.install('greedy.reup')
    up = machine.again(up)
    tap.equal((up.slot, up.role, up.version), ('a', 'committed', '1.0.0'), 'a trial whose tuning fails closed is over at once')
    outcome = up.status()['record']['outcome']
    tap.equal((outcome['result'], outcome['attempts']), ('failed', 1), 'the record: failed, by one start')
    tap.ok('tune' in outcome['text'], 'and which stage it was', outcome['text'])
    tap.equal(active(up, 'ransomeye-core'), ['active'], 'the product runs')
    return up


def baseline(machine, up):
    """A required stage that failed on the committed slot as well does not fail the trial."""
    up.verdict()
    up.boot.must('fallocate -l $(($(stat -f -c "%a * %S" /data) - 20000000)) /data/ballast', 120)
    up = machine.again(up)
    tap.equal(up.verdict()['verdict'], 'unhealthy', 'a full disk on the committed slot is reported')
    tap.equal(results(up)['space']['result'], 'failed', 'by the stage that looks for it')
    up.install('next.reup')
    up = machine.again(up)
    tap.equal((up.slot, up.role), ('b', 'trial'), 'the next version is tried')
    tap.equal(up.verdict()['verdict'], 'committed', 'the disk was as full before: it is committed all the same')
    tap.equal(results(up)['space']['result'], 'failed', 'and the stage is still reported')
    up.boot.must('tandem-stage wait migrate', 120)
    tap.equal(up.boot.must('cat /var/lib/ransomeye/migrations').split()[-1], '3.0.0', 'its migration ran, after the commit')


def killed():
    """C13: a tuner that is killed leaves no token; the product does not start, everything else answers."""
    machine = machine_with('tuner-killed', appliance.image('1.0.1', tuning=SMALL, files=KILLED, health_s=20))
    up = machine.up()
    tap.equal(results(up)['tune']['result'], 'killed', 'the result says that it was killed')
    tap.equal(up.verdict()['verdict'], 'unhealthy', 'the boot is reported')
    tap.equal(active(up, 'ransomeye-core', 'ransomeye-dpi', 'ransomeye-training', 'ssh'), ['inactive'] * 3 + ['active'],
              'the product stays down, sshd answers')
    tap.equal(up.boot.sh('systemctl start ransomeye-core').code, 1, 'nor can it be started by hand')
    up.boot.must('test -e /var/lock/ransomeye-resource-fail && ! test -e /run/ransomeye/tune.ok')


def main():
    machine = machine_with('stages', appliance.image('1.0.0', tuning=SMALL, files=FILES))
    greedy_conf = dict(SMALL, **{'swap.policy': 'guarantee', 'swap.guarantee': '200G'})
    machine.with_stick(**{'greedy.reup': appliance.image('2.0.0', tuning=greedy_conf, files=FILES).bundle(),
                          'next.reup': appliance.image('3.0.0', tuning=SMALL, files=FILES).bundle()})
    up = first_boot(machine)
    up = greedy(machine, up)
    baseline(machine, up)
    killed()


tap.run(main)
