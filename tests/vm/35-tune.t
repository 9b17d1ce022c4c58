#!/usr/bin/env python3
"""tandem-tune apply, check and undo in a running system: what systemd and the kernel make of drop-ins. 8 CPUs, as in T7."""
import json
import os

import appliance
import tap

POLICY = '''[swap]
policy=profile
reserve=1M
[profile.small]
swap=64M
network-buffer=4M
'''
DPI = '''[Service]
ExecStart=/bin/sleep infinity
'''
TUNE = 'tandem-tune %s --config /run/policy.conf'


def put(up, path, text):
    up.boot.must("mkdir -p %s && printf '%%s' '%s' >%s" % (os.path.dirname(path), text, path))


def cpus_of(up, pid):
    """T7, I13: what the kernel lets a process run on."""
    return up.boot.must('grep Cpus_allowed_list /proc/%s/status' % pid).split()[1]


def cpus_of_unit(up, unit):
    return cpus_of(up, up.boot.must('systemctl show -P MainPID ' + unit).strip())


def effective(up, group):
    return up.boot.must('cat /sys/fs/cgroup/%s/cpuset.cpus.effective' % group).strip()


def apply(up):
    result = up.boot.sh(TUNE % 'apply --json')
    if result.code:
        raise up.boot.failed('tandem-tune apply: exit code %d\n%s' % (result.code, result.text))
    return json.loads(result.text)


def outcomes(report, *wanted):
    return sorted(action['object'] for action in report['actions'] if action['outcome'] in wanted)


def tuned(up):
    """A running system, tuned from within system.slice."""
    tap.equal(cpus_of(up, 1), '0-7', 'before: PID 1 runs anywhere')
    report = apply(up)
    tap.equal((report['result'], report['changed']), ('passed', True), 'apply passes')
    tap.equal(outcomes(report, 'warning', 'failed'), ['ransomeye-core.service'],
              'the one warning: core runs since before and has to be restarted')
    name, _, size = up.boot.must('cat /proc/swaps').split()[5:8]
    tap.ok(name == '/data/swap/swapfile' and 65536 <= int(size) < 68000, 'swap is on, on the data partition', size)
    tap.equal((cpus_of(up, 1), effective(up, 'system.slice'), effective(up, 'init.scope')), ('4-5', '4-5', '4-5'),
              'system.slice and PID 1 have core\'s CPUs now, without a restart')
    up.boot.must('systemctl restart ransomeye-core.service && systemctl start ransomeye-dpi.service ransomeye-training.service')
    tap.equal([cpus_of_unit(up, 'ransomeye-%s.service' % name) for name in ('dpi', 'core', 'training')], ['0-3', '4-5', '6-7'],
              'dpi has the first half (I13), training the last two (T7), core the rest')
    tap.equal(up.boot.must('cat /proc/sys/vm/swappiness').strip(), '10', 'vm.swappiness')
    tap.equal(up.boot.sh('ls /run/ransomeye/tune.ok').code, 0, 'the token is there, also after a restart of core')


def again(up):
    report = apply(up)
    tap.equal((report['changed'], outcomes(report, 'done', 'warning', 'failed')), (False, []),
              'a second apply, confined to two CPUs itself, changes nothing')
    tap.equal(up.boot.sh(TUNE % 'check').code, 0, 'check finds nothing')
    up.boot.must('echo 0 >/sys/devices/system/cpu/cpu7/online')
    result = up.boot.sh(TUNE % 'check')
    tap.ok(result.code == 1 and 'training' in result.text, 'a CPU that goes offline is found', result.text)
    up.boot.must('echo 1 >/sys/devices/system/cpu/cpu7/online')
    tap.equal(up.boot.sh(TUNE % 'check').code, 0, 'and is fine when it is back')


def undone(up):
    up.boot.must(TUNE % 'undo')
    tap.equal([cpus_of(up, 1), cpus_of(up, 'self'), cpus_of_unit(up, 'ransomeye-dpi.service')], ['0-7'] * 3,
              'undo: PID 1 and services run anywhere again')
    tap.equal(up.boot.must('wc -l </proc/swaps').strip(), '1', 'no swap is on')
    tap.equal(up.boot.sh('ls /data/swap/* /run/systemd/system/*.d/affinity.conf /run/ransomeye/tune.*').text.count('No such file'), 3,
              'no file of ours is left')
    tap.equal(up.boot.must('cat /proc/sys/vm/swappiness').strip(), '60', 'vm.swappiness is what it was')


def main():
    machine = appliance.Appliance(os.path.join(appliance.SCENARIOS, 'tune'), cpus=8, memory_mib=1024)
    # With more emulated CPUs than real ones the kernel may find that its timer does not work, and panic.
    up = machine.with_disk(a=appliance.image('1.0.0', 'good', True, '--cmdline', 'no_timer_check')).up()
    up.verdict()
    put(up, '/run/policy.conf', POLICY)
    for name in ('dpi', 'training'):
        put(up, '/run/systemd/system/ransomeye-%s.service' % name, DPI)
    up.boot.must('mkdir -p /data/swap')
    tuned(up)
    again(up)
    undone(up)
    up.boot.cut()


tap.run(main)
