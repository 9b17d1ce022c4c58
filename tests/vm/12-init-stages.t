#!/usr/bin/env python3
"""Stages of phase initramfs: the slot's own runner under tandem-init, what it leaves, and what ends a trial."""
import hashlib
import os
import re
import shutil
import struct
import tempfile

import tap
import tiny

SHOW = '''
for f in /run/tandem/stages/*.json; do [ -e $f ] && sed -n "s|^  \\"result\\": \\"\\(.*\\)\\",|STAGE $f \\1|p;s|^  \\"cgroup\\": \\"\\(.*\\)\\",|GROUP $f \\1|p" $f; done
for f in /run/tiny/*.ok; do [ -e $f ] && echo "TOKEN $f"; done
for f in /var/lock/*; do [ -f $f ] && sed "s|^|LOCK |" $f; done
for p in /proc/[0-9]*/cmdline; do sed 's|\\x00| |g;s|^|PROCESS |;s|$|\\n|' $p; done | sed -n '/left-[b]ehind/p'
[ -e /sys/fs/cgroup/tandem ] && echo "GROUP left over"
'''
BASELINE = tiny.STATE + (768 << 10)

# The runner comes with its libraries.
tiny.LAYOUT.update({'root-a': (161, 64, tiny.LAYOUT['root-a'][2]), 'root-b': (225, 64, tiny.LAYOUT['root-b'][2]),
                    'data': (289, 32, tiny.LAYOUT['data'][2])})
tiny.DISK_MIB = 322


def copy(file, tree):
    target = tree + os.path.realpath(file) if file.startswith('/lib') or file.startswith('/usr') else None
    for path in {file, target[len(tree):] if target else file}:
        os.makedirs(tree + os.path.dirname(path), exist_ok=True)
        if not os.path.exists(tree + path):
            shutil.copy(file, tree + path)


def root(folder, slot, stages):
    """An image of a slot with the runner of this build and these stages: name -> (script, more lines)."""
    tree = os.path.join(folder, 'tree')
    shutil.rmtree(tree, ignore_errors=True)
    tiny.root_tree(tree, slot)
    program = os.path.join(tiny.BUILD, 'bin/tandem-stage')
    for line in tiny.run('ldd', program).splitlines():
        for library in re.findall(r'(/\S+)', line)[:1]:
            copy(library, tree)
    for made in 'usr/libexec/tandem', 'usr/lib/tandem/stages.d', 'etc/tandem', 'stages':
        os.makedirs(os.path.join(tree, made), exist_ok=True)
    tiny.run('strip', '-o', os.path.join(tree, 'usr/libexec/tandem/tandem-stage'), program)
    tiny.write(os.path.join(tree, 'etc/tandem/system.conf'), tiny.CONF % ('bootnext', 60))
    for name, (script, more) in stages.items():
        tiny.write(os.path.join(tree, 'stages', name), script)
        tiny.write(os.path.join(tree, 'usr/lib/tandem/stages.d/10-%s.stage' % name),
                   '[stage]\nphase=initramfs\nexec=/bin/sh /stages/%s\n%s\n' % (name, more))
    init = os.path.join(tree, 'sbin/real-init')
    with open(init) as file:
        text = file.read()
    tiny.write(init, text.replace('\nsync\n', SHOW + '\nsync\n'), 0o755)
    image = os.path.join(folder, slot + '.erofs')
    tiny.run('mkfs.erofs', '--quiet', '-T0', '-zlz4hc', image, tree)
    return image


def excuse(disk, slot, *names):
    """A baseline, as docs/formats/baseline.md has it."""
    block = bytearray(4096)
    block[0:18] = b'TNDMBASE' + struct.pack('<IIBB', 1, 4096, 'ab'.index(slot), len(names))
    for i, name in enumerate(names):
        block[64 + 64 * i:64 + 64 * i + len(name)] = name.encode()
    block[4064:] = hashlib.blake2b(bytes(block[:4064]), digest_size=32).digest()
    with open(disk.path, 'r+b') as file:
        file.seek(BASELINE)
        file.write(block)


def stages_of(report):
    return {os.path.basename(line.split()[0])[:-5]: line.split()[1] for line in report.of('STAGE')}


CLOSED = ('echo no room; exit 1', 'on-failure=fail-closed')


def committed(bench):
    bench.disk.fill('root-a', root(bench.folder, 'a', {
        'good': ('exit 0', 'on-failure=fail-closed'),
        'away': ('cp=1; sleep 1000 left-behind & exit 0', ''),
        'closed': CLOSED,
        'behind': ('exit 0', 'after=closed'),
    }))
    bench.disk.set_record()
    report = bench.runs('a', 'committed', 'on the committed slot the boot goes on')
    tap.equal(stages_of(report), {'good': 'passed', 'away': 'passed', 'closed': 'failed', 'behind': 'skipped'}, 'each has its result')
    tap.equal(sorted(report.of('TOKEN')), ['/run/tiny/away.ok', '/run/tiny/good.ok'], 'tokens are for those that passed (C13)')
    tap.equal(report.of('LOCK'), ['closed: exit code 1: no room'], 'the lock says why (T5)')
    tap.ok(all('/sys/fs/cgroup/tandem/stage-' in line for line in report.of('GROUP') if 'behind' not in line), 'each had a cgroup')
    tap.equal(report.of('PROCESS'), [], 'what forked away is gone')
    tap.ok(report.said('stage=closed phase=initramfs result=failed'), 'the kernel log has it')
    if not tap.ok(report.said('FINISHED'), 'PID 1 goes on to the end'):
        tap.diag('\n'.join(report.lines[-60:]))


def trial(bench):
    bench.disk.fill('root-b', root(bench.folder, 'b', {'closed': CLOSED}))
    bench.disk.set_record(**tiny.trial(attempts_left=2, stage='initramfs'))
    bench.reboots('a trial is sent on its way')
    bench.reboots('its stage fails closed: no init, reboot')
    outcome = bench.disk.record().outcome
    tap.equal((bench.disk.record().phase, outcome.reason, outcome.text), ('failed', 'stage', 'stage closed: exit code 1: no room'),
              'the trial has ended with the reason')
    bench.runs('a', 'committed', 'the committed slot comes back')
    excuse(bench.disk, 'a', 'closed')
    bench.disk.set_record(**tiny.trial(attempts_left=2, stage='initramfs'))
    bench.reboots('another trial')
    report = bench.runs('b', 'trial', 'what failed on the committed slot as well does not end it')
    tap.equal(report.of('LOCK'), ['closed: exit code 1: no room'], 'but the product stays down')


def crash(bench):
    bench.disk.fill('root-b', root(bench.folder, 'b', {'tune': ('kill -9 $PPID; sleep 1', 'on-failure=fail-closed')}))
    bench.disk.set_record(**tiny.trial(attempts_left=2, stage='initramfs'))
    bench.reboots('a trial')
    report = bench.runs('b', 'trial', 'a runner that is killed does not stop the boot')
    tap.equal((stages_of(report), report.of('TOKEN')), ({}, []), 'it leaves no result, which the verdict counts, and no token')


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = tiny.Bench(folder)
        for step in committed, trial, crash:
            step(bench)


tap.run(main)
