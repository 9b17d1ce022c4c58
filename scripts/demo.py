"""What scripts/demo runs once everything is installed and built. Narrates each step; logs stay under build/demo."""
import json
import os
import random
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, 'tests/vm'))
import appliance   # noqa: E402
import threats     # noqa: E402
import vm          # noqa: E402

FOLDER = os.path.join(TOP, 'build/demo')
BEGIN = time.monotonic()
steps = []


def say(text):
    print('[%6.1f s] %s' % (time.monotonic() - BEGIN, text), flush=True)


class Step:
    """A row of the final table: what was to be shown, how long it took, what came out."""

    def __init__(self, title):
        self.title, self.outcome = title, ''

    def __enter__(self):
        self.begin = time.monotonic()
        say(self.title + ' ...')
        return self

    def __exit__(self, kind, error, _):
        steps.append((self.title, time.monotonic() - self.begin, self.outcome if kind is None else 'FAILED'))
        say('    ' + (self.outcome if kind is None else 'FAILED: %s' % error))

    def expect(self, up, slot, version, role):
        got = (up.slot, up.version, up.role)
        if got != (slot, version, role):
            raise vm.Failed('runs slot %s, version %s, as %s; want slot %s, version %s, as %s' % (got + (slot, version, role)))
        self.outcome = 'slot %s, version %s, as %s; up after %.1f s' % (*got, up.seconds)


def indent(text):
    print(''.join('              | %s\n' % line for line in text.rstrip().splitlines()), end='', flush=True)


def make_images():
    made = {}
    for name, version, variant in (('v1', '1.0.0', 'good'), ('v2', '2.0.0', 'good'),
                                   ('v3-bad-init', '3.0.0', 'bad-init'), ('v3-bad-health', '3.0.1', 'bad-health'),
                                   ('v4', '4.0.0', 'good')):
        with Step('image %s: %s, %s' % (name, version, variant)) as step:
            image = made[name] = appliance.image(version, variant, False, '--level', '3', '--intel', '--trainer', attempts=1, tuning={},
                                                  health_s=40 if variant == 'bad-health' else None)
            parts = ['root %d MiB' % (os.path.getsize(image.path('root.img')) >> 20)]
            if name != 'v1':
                parts.append('signed bundle %d MiB' % (os.path.getsize(image.bundle()) >> 20))
            step.outcome = ', '.join(parts)
    return made


def update_and_commit(machine):
    with Step('first boot: slot a') as step:
        up = machine.up()
        step.expect(up, 'a', '1.0.0', 'committed')
        indent(up.boot.must('tandem-tune facts'))
    with Step('tuning, before the system was started') as step:
        indent(up.boot.must('tandem-tune plan'))
        step.outcome = 'check: ' + up.boot.must('tandem-tune check').strip()
        up.verdict(600)     # the first boot makes a database and models
        indent(up.boot.must('tandem-stage status'))
        indent(up.boot.sh('systemd-analyze critical-chain --no-pager ransomeye-core.service').text)
        with open(os.path.join(FOLDER, 'boot.svg'), 'w') as file:
            file.write(up.boot.must('tandem-stage plot'))
        say('    build/demo/boot.svg is a picture of this boot')
    with Step('models of the first day, a stage after the boot') as step:
        up.boot.must('tandem-stage wait trainer', 600)
        indent(up.boot.must('tandem-train status'))
        trained = json.loads(up.boot.must('tandem-train status --json'))['jobs']
        step.outcome = ', '.join(job['name'] for job in trained)
    with Step('install v2 into slot b') as step:
        up.install('v2.reup')
        step.outcome = 'written, read back, armed'
        indent(up.boot.must('tandem status'))
    with Step('reboot into the trial of v2') as step:
        up = machine.again(up)
        step.expect(up, 'b', '2.0.0', 'trial')
    with Step('health probes of v2') as step:
        step.outcome = up.verdict()['verdict']
        if up.status()['record']['committed'] != 'b':
            raise vm.Failed('v2 was not committed')
    return up


def threat_graph(up):
    with Step('the threat graph, a stage after the boot') as step:
        up.boot.sh('tandem-stage wait intel --timeout 900', 920)
        up.plug()
        up.boot.must('tandem-intel ingest %s/feed.json --feed demo' % appliance.STICK, 120)
        indent(up.boot.must('tandem-intel related sha256:%s --depth 3' % threats.HASH, 60))
        indent(up.boot.must('tandem-intel status', 60))
        step.outcome = 'from the hash of a file to the group behind it'


def leave_bad_version(machine, up, name, what):
    with Step('install %s into slot a, and try it: %s' % (name, what)) as step:
        up.verdict()     # which holds the lock
        up.install(name + '.reup')
        up = machine.again(up)
        if up.role == 'trial':     # it does come up; its own verdict then ends it
            up.boot.ended()
            up = machine.settle()
        step.expect(up, 'b', '2.0.0', 'committed')
        outcome = up.status()['record']['outcome']
        step.outcome += '; %s: %s' % (outcome['result'], outcome['text'] or outcome['reason'])
    return up


def cut_power(machine, up):
    with Step('cut the power in the middle of an install of v4') as step:
        up.verdict()
        up.boot.must('mountpoint -q %s || { mkdir -p %s; mount -o ro /dev/vdb %s; }' % ((appliance.STICK,) * 3))
        up.boot.tell('tandem install --progress=json %s/v4.reup' % appliance.STICK)
        up.boot.console(r'"durable_bytes": *[1-9]', appliance.INSTALL_S)
        time.sleep(random.uniform(0.0, 3.0))
        up.boot.cut()
        step.outcome = 'qemu killed'
    with Step('power on again') as step:
        up = machine.settle()
        step.expect(up, 'b', '2.0.0', 'committed')
    with Step('install v4 again: it goes on from what is there') as step:
        up.verdict()
        step.outcome = up.install('v4.reup', '--progress=none').strip().splitlines()[-1]
    with Step('reboot into the trial of v4') as step:
        up = machine.again(up)
        step.expect(up, 'a', '4.0.0', 'trial')
        up.verdict()
        indent(up.boot.must('tandem status'))
    return up


def demo():
    images = make_images()
    with Step('disk: partition table, file systems, v1 in slot a') as step:
        machine = appliance.Appliance(FOLDER, cpus=2, memory_mib=1024).with_disk(a=images['v1'], size='40G')
        bundles = {name + '.reup': image.bundle() for name, image in images.items() if name != 'v1'}
        feed = os.path.join(FOLDER, 'feed.json')
        with open(feed, 'w') as file:
            file.write(threats.FEED)
        machine.with_stick(**bundles, **{'feed.json': feed})
        step.outcome = 'build/demo/disk.img, and a USB stick with %d bundles' % len(bundles)
        indent(appliance.host(os.path.join(appliance.PROGRAMS, 'tandem-disk'), 'inspect', machine.disk_path))
    up = update_and_commit(machine)
    threat_graph(up)
    up = leave_bad_version(machine, up, 'v3-bad-init', 'its init dies at once')
    up = leave_bad_version(machine, up, 'v3-bad-health', 'its health check fails')
    up = cut_power(machine, up)
    with Step('orderly power off') as step:
        up.boot.tell('systemctl poweroff')
        step.outcome = up.boot.ended()


def table():
    width = max(len(title) for title, _, _ in steps)
    print('\n%-*s %8s  %s' % (width, 'step', 'seconds', 'outcome'))
    for title, seconds, outcome in steps:
        print('%-*s %8.1f  %s' % (width, title, seconds, outcome))
    print('\n%d steps in %.0f s; logs of every boot in build/demo' % (len(steps), time.monotonic() - BEGIN))


if __name__ == '__main__':
    try:
        demo()
    except vm.Failed as failed:
        table()
        sys.exit('demo: %s' % failed)
    table()
